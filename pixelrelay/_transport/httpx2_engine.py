"""The engine that is always there, on asyncio and Trio alike."""

from __future__ import annotations

import math
import ssl
from collections.abc import AsyncIterable, Callable
from typing import Any

import anyio
import httpx2

from pixelrelay import _clock
from pixelrelay._transport.engine import CutError, EngineError, NotSentError, Outgoing
from pixelrelay._transport.framing import KEEP_ALIVE, Pieces, ReplyBody, reason, reply_headers, request_headers
from pixelrelay.providers.base import Reply

CLOSING_GRACE = 1.0


class Httpx2Engine:
    """Sends with httpx2's transport, beneath its client: no cookies, redirects, proxies or netrc are in the way."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls or httpx2.create_ssl_context()
        self._shared = self._open()

    async def send(self, outgoing: Outgoing, on_sent: Callable[[], None]) -> Reply:
        if outgoing.address is None:
            return await _Sending(outgoing, on_sent).through(self._shared)
        # Connections are pooled by address, and one whose certificate is another host's must not be used for this.
        own = self._open()
        try:
            return await _Sending(outgoing, on_sent).through(own)
        finally:
            with anyio.move_on_after(CLOSING_GRACE, shield=True):
                await own.aclose()

    async def aclose(self) -> None:
        await self._shared.aclose()

    def _open(self) -> httpx2.AsyncHTTPTransport:
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=KEEP_ALIVE)
        return httpx2.AsyncHTTPTransport(verify=self._tls, trust_env=False, limits=limits)


class _Sending:
    """One request on its way."""

    def __init__(self, outgoing: Outgoing, on_sent: Callable[[], None]) -> None:
        self._outgoing = outgoing
        self._on_sent = on_sent
        self._sent = False
        self._connecting = anyio.CancelScope()
        self._half_open: Any = None

    async def through(self, pool: httpx2.AsyncHTTPTransport) -> Reply:
        # One scope over the wait for the pool, the name, the connection and TLS: httpx2 would time each by itself.
        self._connecting.deadline = _clock.now() + self._outgoing.connect_timeout
        try:
            with self._connecting:
                return await self._exchange(pool)
        except EngineError:
            raise
        except Exception as error:
            raise self._failed(error) from error
        finally:
            if self._half_open is not None:
                # A TLS handshake that is cancelled would leave its socket open until it is collected.
                with anyio.move_on_after(CLOSING_GRACE, shield=True):
                    await self._half_open.aclose()
        raise NotSentError(f"no connection within {self._outgoing.connect_timeout:g} s")

    async def _exchange(self, pool: httpx2.AsyncHTTPTransport) -> Reply:
        response = await pool.handle_async_request(self._request())
        try:
            headers = reply_headers(response.headers.multi_items())
            body = ReplyBody(headers, self._outgoing.max_reply_bytes, self._outgoing.on_data)
            await self._read(response, body)
            return Reply(response.status_code, headers, body.whole())
        finally:
            with anyio.move_on_after(CLOSING_GRACE, shield=True):
                await response.aclose()

    async def _read(self, response: httpx2.Response, body: ReplyBody) -> None:
        assert isinstance(response.stream, AsyncIterable)
        failure: EngineError | None = None
        # Given up by cancelling, not by leaving the loop: so the generators beneath are closed, each by its own rules.
        with anyio.CancelScope() as reading:
            async for chunk in response.stream:
                try:
                    body.feed(chunk)
                except EngineError as error:
                    failure = error
                    reading.cancel()
        if failure is not None:
            raise failure

    def _request(self) -> httpx2.Request:
        outgoing, url = self._outgoing, httpx2.URL(self._outgoing.url)
        quiet = outgoing.first_byte_timeout
        extensions: dict[str, Any] = {"timeout": {"read": quiet, "write": quiet}, "trace": self._trace}
        if outgoing.address is not None:
            extensions["sni_hostname"] = url.host
            url = url.copy_with(host=outgoing.address)
        headers, body = request_headers(outgoing), outgoing.body
        if body:
            headers["content-length"] = str(len(body))  # or it would be sent in chunks
        content = Pieces(body) if body else None
        return httpx2.Request(outgoing.method, url, headers=headers, content=content, extensions=extensions)

    async def _trace(self, name: str, info: dict[str, Any]) -> None:
        if name == "connection.connect_tcp.complete":
            self._half_open = info["return_value"]
        elif name == "http11.send_request_headers.started":
            self._connecting.deadline = math.inf
            self._half_open = None
        elif name == "http11.send_request_body.complete":
            self._sent = True
            self._on_sent()

    def _failed(self, error: Exception) -> EngineError:
        quiet = f"{self._outgoing.first_byte_timeout:g} s"
        if not self._sent:
            late = isinstance(error, httpx2.WriteTimeout)
            return NotSentError(f"the request could not be written within {quiet}" if late else reason(error))
        if isinstance(error, httpx2.ReadTimeout):
            return CutError(f"sent, and nothing was heard for {quiet}")
        if isinstance(error, httpx2.RemoteProtocolError) and "without sending" not in str(error):
            return CutError("sent, and the answer was cut short or was not HTTP")
        return CutError(f"sent, and no whole answer came: {reason(error)}")
