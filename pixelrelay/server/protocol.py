"""HTTP as uvicorn speaks it, with what it leaves open: headers that never end, and connections that must be cut."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Callable
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pixelrelay.server.answers import ON_LEAVING
from pixelrelay.server.gateway import ABORT

LARGEST_HEAD = 65_536
"""Bytes of a request's line and headers."""
HEADER_TIMEOUT = 20.0

log = logging.getLogger("pixelrelay.server")

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 "
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Protocol(HttpToolsProtocol):
    """One connection. Its subclass made by ``protocol_of`` knows how long headers may take."""

    header_timeout = HEADER_TIMEOUT

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.access_log = False  # the gateway writes its own, without what is secret
        self.app = self._abortable(self.app)
        self._timer: asyncio.TimerHandle | None = None
        self._head = 0
        """Bytes of the head so far; ``-1`` while the body arrives."""
        self._left = False
        self._on_leaving: Callable[[], None] | None = None

    # --- uvicorn's hooks ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn itself
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        if self._head >= 0:
            self._await_head()
            self._head += len(data)
        super().data_received(data)
        if self._head > LARGEST_HEAD and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_headers_complete(self) -> None:
        self._head = -1
        self._forget_timer()
        super().on_headers_complete()
        if self.scope["method"] != "HEAD":
            self.cycle.transport = Joining(self.transport)  # type: ignore[assignment]  # in its place

    def on_message_complete(self) -> None:
        self._head = 0
        self._forget_timer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._head < 0 and self._timer is None:
            # What was refused may still be arriving; it is dropped, but not for ever.
            self._timer = self.loop.call_later(self.header_timeout, self._abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_timer()
        super().connection_lost(exc)
        self._left = True
        if self._on_leaving is not None:
            self._on_leaving()

    # --- the head of a request ---------------------------------------------------------------------------------

    def _await_head(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.header_timeout, self._too_slow)

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.write(_TOO_SLOW)
            self.transport.close()

    # --- cutting -----------------------------------------------------------------------------------------------

    def _abortable(self, app: Any) -> Any:
        async def abortable(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {}).update({ABORT: self._abort, ON_LEAVING: self._tell_when_left})
            try:
                await app(scope, receive, send)
            except asyncio.CancelledError:
                # Only the end of the process cancels an app, and its attempt has been settled.
                self._abort()
                await asyncio.sleep(0)
            finally:
                self._on_leaving = None

        return abortable

    def _tell_when_left(self, callback: Callable[[], None]) -> None:
        self._on_leaving = callback
        if self._left:
            callback()

    def _abort(self) -> None:
        accepted = self.transport.get_extra_info("socket")
        if accepted is not None and not self.transport.is_closing():
            # With a RST, so that nobody takes half an answer for a whole one.
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class Joining:
    """A connection as an answer sees it: its head leaves with what follows, in one step and one packet."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None
        self._begun = False

    def write(self, data: bytes) -> None:
        if self._begun:
            self._transport.writelines(self._held(data))
        elif data.startswith(_CONTINUE):
            self._transport.write(data)
        else:
            self._head, self._begun = data, True

    def close(self) -> None:
        if held := self._held():
            self._transport.writelines(held)
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _held(self, *more: bytes) -> list[bytes]:
        head, self._head = self._head, None
        return [part for part in (head, *more) if part]


def protocol_of(header_timeout: float) -> type[Protocol]:
    """As a server's configuration takes it."""
    return type("Protocol", (Protocol,), {"header_timeout": header_timeout})
