"""The engine used on asyncio where aiohttp is installed: less work a request, and flat to thousands in flight."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import aiohttp
import httpx2
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload
from yarl import URL

from pixelrelay._transport.body import Body
from pixelrelay._transport.engine import CutError, EngineError, NotSentError, Outgoing
from pixelrelay._transport.framing import KEEP_ALIVE, Pieces, ReplyBody, reason, reply_headers, request_headers
from pixelrelay.providers.base import Reply

LONGEST_HEADER = 64 * 1024
AT_ONCE = 32 * 1024
"""Bytes of a body that are written in one step: aiohttp itself waits for none so small."""


class AiohttpEngine:
    """Sends with aiohttp, and asks of it no cookies, redirects, proxies or netrc. It lives in the loop that made it."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls or httpx2.create_ssl_context()
        self._connector = self._connecting()
        # Two sessions over the same connections: a body tells itself that it was sent, and being told costs time.
        self._telling, self._silent = _session(self._connector, tells=True), _session(self._connector, tells=False)

    async def send(self, outgoing: Outgoing, on_sent: Callable[[], None]) -> Reply:
        sending = _Sending(outgoing, on_sent)
        if outgoing.address is None:
            return await sending.through(self._telling if sending.body is None else self._silent)
        # Of its own, so that a connection to a checked address is never one that was made for something else.
        own = self._connecting()
        async with own, _session(own, tells=True) as session:
            return await sending.through(session)

    async def aclose(self) -> None:
        await self._telling.close()
        await self._silent.close()
        await self._connector.close()

    def _connecting(self) -> aiohttp.TCPConnector:
        return aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE, ssl=self._tls)


def _session(connector: aiohttp.TCPConnector, *, tells: bool) -> aiohttp.ClientSession:
    """``tells``: whether a ``_Sending`` hears when its headers are sent."""
    tracing = aiohttp.TraceConfig()
    tracing.on_request_headers_sent.append(_headers_sent)
    return aiohttp.ClientSession(
        connector=connector,
        connector_owner=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("accept", "accept-encoding", "content-type", "user-agent"),
        auto_decompress=False,
        trust_env=False,
        max_line_size=LONGEST_HEADER,
        max_field_size=LONGEST_HEADER,
        trace_configs=[tracing] if tells else None,
    )


async def _headers_sent(session: aiohttp.ClientSession, context: Any, params: Any) -> None:  # noqa: ARG001
    # Called just before the headers are written. Without a body they leave in the same step; with one, the body tells.
    sending: _Sending = context.trace_request_ctx
    if sending.body is None:
        sending.sent()


class _Body(Payload):
    """A body, written in pieces, that knows when the last of them has left this process.

    aiohttp's own signals are given before a write; what they say was sent may still be in a buffer, or nowhere.
    """

    def __init__(self, data: Body, quiet: float, on_sent: Callable[[], None]) -> None:
        super().__init__(data)
        self._size: int = len(data)
        self._quiet = quiet
        self._on_sent = on_sent
        self._transport: asyncio.WriteTransport | None = None
        self._unwritten = True

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return bytes(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:  # noqa: ARG002
        self._transport = transport = getattr(writer, "transport", None)
        if transport is not None:
            # From here ``drain`` waits until nothing is left in the buffer. (Not 0: asyncio's TLS would never resume.)
            transport.set_write_buffer_limits(high=1, low=0)
        if transport is not None and isinstance(self._value, bytes) and len(self._value) <= AT_ONCE:
            self._unwritten = False
            await writer.write(self._value)
            if transport.get_write_buffer_size():  # nearly always it has left by now, and no timer was needed
                async with asyncio.timeout(self._quiet):
                    await writer.drain()
        else:
            async with asyncio.timeout(self._quiet):
                await self._write_in_pieces(writer)
        self._transport = None
        self._on_sent()

    async def _write_in_pieces(self, writer: AbstractStreamWriter) -> None:
        left = len(self._value)
        async for piece in Pieces(self._value):
            left -= len(piece)
            self._unwritten = left > 0
            await writer.write(piece)
            await writer.drain()
            if not left:
                break  # to find that there is no further one takes a disk's time, in which the answer may come

    def give_up(self, *, cancelled: bool) -> None:
        """Settle whether it left whole, when nobody waits any longer: what has not left must not leave later."""
        transport = self._transport
        if transport is None:
            return
        if cancelled and not self._unwritten and transport.get_write_buffer_size() == 0:
            self._on_sent()
        else:
            transport.abort()


class _Sending:
    """One request on its way."""

    def __init__(self, outgoing: Outgoing, on_sent: Callable[[], None]) -> None:
        self._outgoing = outgoing
        self._on_sent = on_sent
        self._sent = False
        data = outgoing.body
        self.body = _Body(data, outgoing.first_byte_timeout, self.sent) if data else None

    def sent(self) -> None:
        if not self._sent:
            self._sent = True
            self._on_sent()

    async def through(self, session: aiohttp.ClientSession) -> Reply:
        try:
            return await self._exchange(session)
        except EngineError:
            raise
        except Exception as error:
            if self.body is not None:
                self.body.give_up(cancelled=False)
            raise self._failed(error) from error
        except asyncio.CancelledError:
            if self.body is not None:
                self.body.give_up(cancelled=True)
            raise

    async def _exchange(self, session: aiohttp.ClientSession) -> Reply:
        outgoing = self._outgoing
        url, hostname = _url(outgoing.url), None
        if outgoing.address is not None:
            hostname, url = url.raw_host, url.with_host(outgoing.address)
        async with session.request(
            outgoing.method,
            url,
            headers=request_headers(outgoing),
            data=self.body,
            allow_redirects=False,
            server_hostname=hostname,
            timeout=_timeout(outgoing.connect_timeout, outgoing.first_byte_timeout),
            trace_request_ctx=self,
        ) as response:
            headers = reply_headers(response.headers.items())
            body = ReplyBody(headers, outgoing.max_reply_bytes, outgoing.on_data)
            async for chunk in response.content.iter_any():
                body.feed(chunk)
            return Reply(response.status, headers, body.whole())

    def _failed(self, error: Exception) -> EngineError:
        quiet = f"{self._outgoing.first_byte_timeout:g} s"
        match error:
            case aiohttp.ConnectionTimeoutError():
                return NotSentError(f"no connection within {self._outgoing.connect_timeout:g} s")
            case TimeoutError() if not self._sent:
                return NotSentError(f"the request could not be written within {quiet}")
            case _ if not self._sent:
                return NotSentError(reason(error))
            case TimeoutError():
                return CutError(f"sent, and nothing was heard for {quiet}")
            case aiohttp.ClientPayloadError() | aiohttp.ClientResponseError():
                return CutError("sent, and the answer was cut short or was not HTTP")
            case _:
                return CutError(f"sent, and no whole answer came: {reason(error)}")


@lru_cache(maxsize=256)
def _url(text: str) -> URL:
    """As it is: a signed URL may not be quoted anew."""
    return URL(text, encoded=True)


@lru_cache(maxsize=64)
def _timeout(connect: float, quiet: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect, sock_read=quiet, ceil_threshold=float("inf"))
