"""A server on a real socket that behaves as badly as a test asks, and keeps what it was sent, byte for byte."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.tls import TLSListener

GONE = (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError, anyio.ClosedResourceError)


class Connection:
    """One accepted connection, as a behaviour sees it."""

    def __init__(self, stream: ByteStream, server: Server) -> None:
        self._stream = stream
        self._reading = BufferedByteReceiveStream(stream)
        self._server = server

    async def read_head(self) -> bytes:
        return await self._reading.receive_until(b"\r\n\r\n", 1 << 20) + b"\r\n\r\n"

    async def read_request(self) -> bytes:
        """The next request, whole; it is kept in ``Server.requests``."""
        head = await self.read_head()
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        request = head + await self._reading.receive_exactly(int(lengths[0]) if lengths else 0)
        self._server.requests.append(request)
        return request

    async def write(self, data: bytes) -> None:
        await self._stream.send(data)

    async def answer(self, body: bytes = b"", *headers: str, status: str = "200 OK") -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        await self.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    async def read_some(self) -> bytes:
        """The next bytes, however many have come; they are not kept."""
        return await self._reading.receive()

    async def drain(self) -> int:
        """Read until the client is gone; how many bytes there were."""
        count = 0
        with suppress(*GONE):
            while True:
                count += len(await self._reading.receive())
        return count

    async def until_hung_up(self) -> None:
        """Say nothing until the client is gone, and note that it is."""
        await self.drain()
        self._server.hung_up.set()

    async def reset(self) -> None:
        raw = self._stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - no Django here
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await self._stream.aclose()


Behaviour: TypeAlias = Callable[[Connection], Awaitable[None]]


@dataclass
class Server:
    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    hung_up: anyio.Event = field(default_factory=anyio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def serve(behave: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """A server for as long as the block lasts; ``behave`` is called for each connection, which ends with it."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    server = Server(listener.extra(SocketAttribute.local_port))  # noqa: S610 - as above

    async def handle(stream: ByteStream) -> None:
        server.connections += 1
        with suppress(*GONE, ssl.SSLError):
            async with stream:
                await behave(Connection(stream, server))

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon((TLSListener(listener, tls, standard_compatible=False) if tls else listener).serve, handle)
        yield server
        tasks.cancel_scope.cancel()


def answering(body: bytes = b"{}", *headers: str, status: str = "200 OK") -> Behaviour:
    """Answers every request of every connection alike."""

    async def behave(connection: Connection) -> None:
        while True:
            await connection.read_request()
            await connection.answer(body, *headers, status=status)

    return behave


async def hanging(connection: Connection) -> None:
    """Reads a request and never answers."""
    await connection.read_request()
    await connection.until_hung_up()
