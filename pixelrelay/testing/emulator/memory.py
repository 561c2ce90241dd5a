"""The emulated APIs without sockets: an engine of the transport that calls them in the running loop.

For tests in virtual time. A client that leaves does not stop the app, which draws and bills like any server; faults
come as the errors that the engines on sockets raise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from urllib.parse import unquote, urlsplit

import anyio
from starlette.types import Message, Scope

from pixelrelay import _clock
from pixelrelay._transport.engine import CutError, NotSentError, Outgoing, ReplyTooLargeError
from pixelrelay.providers.base import Reply
from pixelrelay.providers.events import MEDIA_TYPE
from pixelrelay.testing.emulator.answers import ABORT
from pixelrelay.testing.emulator.base import EmulatedApi
from pixelrelay.testing.emulator.shelf import IN_MEMORY

JITTER = (0.02, 0.25)
"""Seconds between sending a call and its being counted, from the least to the most."""


class _Connection:
    """Both ends of one exchange."""

    def __init__(self, outgoing: Outgoing, on_sent: Callable[[], None]) -> None:
        self._outgoing = outgoing
        self._on_sent: Callable[[], None] | None = on_sent
        self._read = False
        self._gone = anyio.Event()
        self._changed = anyio.Event()
        self._error: Exception | None = None
        self._complete = False
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    # --- the server's end ----------------------------------------------------------------------------------------

    async def receive(self) -> Message:
        if not self._read:
            self._read = True
            self._sent()
            return {"type": "http.request", "body": bytes(self._outgoing.body or b""), "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self._gone.is_set():
            return
        self._sent()
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = _joined(message["headers"])
        else:
            piece = message.get("body", b"")
            self._body += piece
            self._show(piece)
            if len(self._body) > self._outgoing.max_reply_bytes:
                self.fail(ReplyTooLargeError(f"the answer is longer than {self._outgoing.max_reply_bytes} bytes"))
                return
            self._complete = not message.get("more_body", False)
        self._tell()

    def _show(self, piece: bytes) -> None:
        if self._outgoing.on_data is not None and self._headers.get("content-type", "").startswith(MEDIA_TYPE):
            self._outgoing.on_data(piece)

    def reset(self, refused: bool = False) -> None:
        if refused and self._on_sent is not None:
            self.fail(NotSentError("connection refused"))
        else:
            self._sent()
            self.fail(CutError("connection reset by peer"))

    def fail(self, error: Exception) -> None:
        if self._error is None and not self._complete:
            self._error = error
        self.leave()
        self._tell()

    def _sent(self) -> None:
        """Tell the client, once, that all of its request is out."""
        on_sent, self._on_sent = self._on_sent, None
        if on_sent is not None and not self._gone.is_set():
            on_sent()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    # --- the client's end ----------------------------------------------------------------------------------------

    async def reply(self) -> Reply:
        while self._error is None and not self._complete:
            with anyio.move_on_after(self._outgoing.first_byte_timeout) as waiting:
                await self._changed.wait()
            if waiting.cancelled_caught:
                raise CutError(f"nothing came for {self._outgoing.first_byte_timeout:g} s")
        if self._error is not None:
            raise self._error
        return Reply(self._status, self._headers, bytes(self._body))

    def leave(self) -> None:
        self._gone.set()


class MemoryEngine:
    """Fulfils the transport's ``Engine`` for hosts like ``eastus.emulated.localhost``."""

    def __init__(self, apis: Mapping[str, EmulatedApi], down: set[str], jitter: bool, rng: Random) -> None:
        self._apis = apis
        self._down = down
        self._jitter = jitter
        self._rng = rng
        self._open: dict[str, set[_Connection]] = {name: set() for name in apis}

    async def send(self, outgoing: Outgoing, on_sent: Callable[[], None]) -> Reply:
        name = self._deployment_at(outgoing.url)
        api = self._apis[name]
        if self._jitter:
            await _clock.sleep(self._rng.uniform(*JITTER))
        else:
            await _clock.sleep(0)
        if name in self._down or api.faults.refuses(api.world.clock.now()):
            raise NotSentError("connection refused")
        connection = _Connection(outgoing, on_sent)
        self._open[name].add(connection)
        api.world.background.spawn(lambda: self._serve(api, connection, _scope(outgoing, connection)))
        try:
            return await connection.reply()
        finally:
            connection.leave()
            self._open[name].discard(connection)

    async def aclose(self) -> None:
        for connections in self._open.values():
            for connection in list(connections):
                connection.leave()

    def reset(self, name: str) -> None:
        """Cut every connection to a deployment."""
        for connection in list(self._open[name]):
            connection.reset()

    async def _serve(self, api: EmulatedApi, connection: _Connection, scope: Scope) -> None:
        try:
            await api(scope, connection.receive, connection.send)
        except Exception as error:
            # A defect of the emulator shall fail the test that met it.
            connection.fail(error)
        else:
            connection.fail(CutError("the connection was closed before the answer was whole"))

    def _deployment_at(self, url: str) -> str:
        host = urlsplit(url).hostname or ""
        name = host.removesuffix(IN_MEMORY).removeprefix("delivery.")
        if not host.endswith(IN_MEMORY) or name not in self._apis:
            raise NotSentError(f"no host is named {host!r}")
        return name


def _scope(outgoing: Outgoing, connection: _Connection) -> Scope:
    address = urlsplit(outgoing.url)
    headers = {name.lower(): value for name, value in outgoing.headers.items()}
    headers.setdefault("host", address.netloc)
    if outgoing.body is not None:
        headers.setdefault("content-length", str(len(outgoing.body)))
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": outgoing.method,
        "scheme": "http",
        "path": unquote(address.path),
        "raw_path": address.path.encode(),
        "query_string": address.query.encode(),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        "server": (address.hostname, 80),
        "client": ("127.0.0.1", 1),
        "extensions": {ABORT: connection.reset},
    }


def _joined(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers
