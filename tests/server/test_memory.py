"""Five hundred slow requests with large results at once: how much memory the gateway takes."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from tests.server.processes import Serving, memory, most_memory, serving

REQUESTS = 500
PICTURE_BYTES = 8_000_000
SLOWEST = 60.0
"""Seconds; the answers come spread over so many."""
MOST = 600_000_000
"""Bytes of the gateway's process at its fullest: about a tenth of all results together, of which each has 11 MB
as base64. ``docs/gateway.md`` says what they are made of; how many results overlap depends on the machine."""

LEFT = 40_000_000
"""Bytes that may stay of all that when it is over."""


@dataclass(slots=True)
class Painter:
    """A server that speaks OpenAI's dialect, takes its time, and answers with eight megabytes."""

    port: int = 0
    waiting: int = 0
    most_waiting: int = 0
    _answer: bytes = field(default=b"", repr=False)
    _rng: Random = field(default_factory=lambda: Random(0))

    async def serve(self, started: threading.Event, ended: asyncio.Event) -> None:
        picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(PICTURE_BYTES - 8)).decode()
        body = json.dumps({"created": 1, "data": [{"b64_json": picture}]}).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self._answer = head.encode() + body
        async with await asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=1000) as server:
            self.port = server.sockets[0].getsockname()[1]
            started.set()
            await ended.wait()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
                self.waiting += 1
                self.most_waiting = max(self.most_waiting, self.waiting)
                await asyncio.sleep(self._rng.uniform(SLOWEST / 3, SLOWEST))
                self.waiting -= 1
                writer.write(self._answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@contextmanager
def painter() -> Iterator[Painter]:
    """One that serves from a thread until the block ends."""
    it, started = Painter(), threading.Event()
    ends: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        ends.append((asyncio.get_running_loop(), asyncio.Event()))
        await it.serve(started, ends[0][1])

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    started.wait()
    try:
        yield it
    finally:
        ends[0][0].call_soon_threadsafe(ends[0][1].set)
        thread.join(20)


async def drawn(at: Serving) -> int:
    """How many bytes the answer to one request has."""
    host, _, port = at.address.removeprefix("http://").partition(":")
    body = json.dumps({"prompt": "a boat"}).encode()
    reader, writer = await asyncio.open_connection(host, int(port))
    head = "POST /v1/images/generations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    writer.write(f"{head}connection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
    taken = 0
    while piece := await reader.read(262_144):
        taken += len(piece)
    writer.close()
    return taken


@pytest.mark.slow
def test_500_slow_requests_with_results_of_8_mb_do_not_pile_up_and_leave_nothing_behind(tmp_path: Path) -> None:
    with painter() as provider:
        deployment = {
            "name": "painter",
            "provider": "openai",
            "model": "gpt-image-2",
            "api_key": "k" * 20,
            "base_url": f"http://127.0.0.1:{provider.port}/v1",
        }
        with serving(tmp_path, {"models": {"images": {"deployments": [deployment]}}}) as at:

            async def all_of_them() -> list[int]:
                return await asyncio.gather(*(drawn(at) for _ in range(REQUESTS)))

            rested = memory(at)
            sizes = asyncio.run(all_of_them())
            after = most_memory(at)
            at.until(lambda: memory(at) < rested + LEFT)

    assert provider.most_waiting == REQUESTS
    assert min(sizes) > PICTURE_BYTES * 4 / 3
    assert after < MOST
