"""What all contenders call: an Images API on loopback that answers what it was told to, and costs next to nothing.

It speaks OpenAI's paths and Azure's. A first part of the path that is neither names a deployment, which may behave in a
way of its own: ``/east/v1/images/generations`` behaves as ``east`` was told to, or like all others.
It runs as a worker (see ``processes.Worker``) and is told by jobs how to behave and what to tell.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias, cast

import httptools

from benchmarks.contenders.working import work
from benchmarks.measuring import Figures
from benchmarks.pictures import base64_of

OPERATIONS = ("/images/generations", "/images/edits")
USAGE = {
    "input_tokens": 10,
    "output_tokens": 1000,
    "total_tokens": 1010,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 0},
}


@dataclass(frozen=True)
class Behaviour:
    """How calls to one deployment are answered."""

    base64_bytes: int = 800
    delay: float = 0.0
    """Seconds between the last byte of a call and the first of its answer."""
    fault: str | None = None
    """One of ``FAULTS``, instead of pictures."""

    @property
    def draws(self) -> bool:
        """Whether there is a picture on the bill, delivered or not."""
        return self.fault is None or self.fault in DRAWN

    @cached_property
    def answer(self) -> bytes:
        body = {"created": 1, "data": [{"b64_json": base64_of(self.base64_bytes)}], "usage": USAGE}
        return _http(200, "OK", json.dumps(body).encode())


def _http(status: int, reason: str, body: bytes, headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\nx-request-id: req_1\r\n{headers}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def _error(status: int, reason: str, code: str, headers: str = "") -> bytes:
    body = {"error": {"message": reason, "type": code, "code": code, "param": None}}
    return _http(status, reason, json.dumps(body).encode(), headers)


RETRY_AFTER = 10
ILL = _error(500, "Internal Server Error", "server_error")
BUSY = _error(429, "Too Many Requests", "rate_limit_exceeded", f"retry-after: {RETRY_AFTER}\r\n")

Fault: TypeAlias = Callable[["_Connection"], None]
FAULTS: Mapping[str, Fault] = {
    "500": lambda connection: connection.transport.write(ILL),
    "429": lambda connection: connection.transport.write(BUSY),
    "reset": lambda connection: connection.reset(),
    "hang": lambda connection: None,  # noqa: ARG005 - that is what it does
}
"""What a connection does in the place of an answer, by name."""
DRAWN = frozenset({"reset", "hang"})
"""Those that come when the request has been read: its picture is drawn all the same."""

NOT_FOUND = _error(404, "Not Found", "not_found")


@dataclass
class Upstream:
    """What is answered, and what was asked."""

    usual: Behaviour = field(default_factory=Behaviour)
    special: dict[str, Behaviour] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    """By deployment; the usual ones under ``""``."""
    drawn: int = 0
    """Pictures, delivered or not."""
    received: int = 0
    """Bytes, headers and all."""
    in_flight: int = 0
    most_in_flight: int = 0
    _ports: dict[int, _Port] = field(default_factory=dict, repr=False)

    async def listen(self) -> Figures:
        """A port that it listens on, from now on, beside those that it listens on already."""
        loop, connections = asyncio.get_running_loop(), set[_Connection]()
        server = await loop.create_server(lambda: _Connection(self, connections), "127.0.0.1", 0, backlog=8192)
        number = server.sockets[0].getsockname()[1]
        self._ports[number] = _Port(server, connections)
        return {"port": number}

    async def refuse(self, port: int) -> Figures:
        """Close a port, and reset the connections to it: from now on there is nobody."""
        closed = self._ports.pop(port)
        closed.server.close()
        for connection in list(closed.connections):
            connection.reset()
        return {}

    async def behave(
        self,
        base64_bytes: int = 800,
        delay: float = 0.0,
        fault: str | None = None,
        deployment: str | None = None,
    ) -> Figures:
        """From the next call on: of this deployment, or of all that have no behaviour of their own."""
        behaviour = Behaviour(base64_bytes, delay, fault)
        if deployment is None:
            self.usual = behaviour
        else:
            self.special[deployment] = behaviour
        return {"answer_bytes": len(behaviour.answer)}

    async def count(self) -> Figures:
        """Since the last count: calls, of all and of each deployment that has a name, pictures, and bytes that came."""
        named = {name: number for name, number in self.calls.items() if name}
        counted = {
            "calls": self.calls.total(),
            "drawn": self.drawn,
            "most_in_flight": self.most_in_flight,
            "received": self.received,
        }
        self.calls.clear()
        self.most_in_flight, self.drawn, self.received = self.in_flight, 0, 0
        return {name: float(number) for name, number in (counted | named).items()}

    def deployment(self, path: str) -> str | None:
        """Whose call it is, ``""`` for nobody's in particular, and ``None`` for a path that is not served."""
        if not path.endswith(OPERATIONS):
            return None
        first = path.split("/", 2)[1]
        return "" if first in ("v1", "openai", "images") else first


@dataclass(frozen=True, slots=True)
class _Port:
    server: asyncio.Server
    connections: set[_Connection]
    """That are open."""


class _Connection(asyncio.Protocol):
    def __init__(self, upstream: Upstream, open_ones: set[_Connection]) -> None:
        self._upstream = upstream
        self._open_ones = open_ones
        self._parser = httptools.HttpRequestParser(self)
        self._path = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._open_ones.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._open_ones.discard(self)

    def reset(self) -> None:
        """Close it with a RST, so that nobody takes it for an orderly end."""
        accepted = self.transport.get_extra_info("socket")
        if accepted is not None:
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        self._upstream.received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.abort()

    # --- the parser calls these --------------------------------------------------------------------------------

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_message_complete(self) -> None:
        path, self._path = self._path.partition(b"?")[0].decode(), b""
        upstream = self._upstream
        deployment = upstream.deployment(path)
        if deployment is None:
            self.transport.write(NOT_FOUND)
            return
        upstream.calls[deployment] += 1
        behaviour = upstream.special.get(deployment, upstream.usual)
        upstream.drawn += behaviour.draws
        upstream.in_flight += 1
        upstream.most_in_flight = max(upstream.most_in_flight, upstream.in_flight)
        if behaviour.delay:
            asyncio.get_running_loop().call_later(behaviour.delay, self._answer, behaviour)
        else:
            self._answer(behaviour)

    def _answer(self, behaviour: Behaviour) -> None:
        self._upstream.in_flight -= 1
        if self.transport.is_closing():
            return
        if behaviour.fault is not None:
            FAULTS[behaviour.fault](self)
        else:
            self.transport.write(behaviour.answer)


if __name__ == "__main__":
    upstream = Upstream()
    work(
        {
            "listen": upstream.listen,
            "refuse": upstream.refuse,
            "behave": upstream.behave,
            "count": upstream.count,
        },
        on_uvloop=True,
    )
