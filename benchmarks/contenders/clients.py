"""Clients of the Images API: what each does in a benchmark is the same, and written once."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from benchmarks.contenders.working import work
from benchmarks.measuring import Figures, Lag, give_back, held, now_resident, timed
from benchmarks.pictures import png

MODEL = "gpt-image-2"
PROMPT = "a lighthouse at dusk, oil on canvas"
SIZE = "1024x1024"
KEY = "sk-none"
LONGEST = 120.0
WARM_UP = 30


class Client(Protocol):
    """One way to call the upstream."""

    async def open(self, port: int, deployments: int) -> None:
        """Before the first call. Routers have so many deployments, all at this upstream; others call it directly."""

    async def close(self) -> None: ...

    async def generate(self) -> object:
        """One picture, as callers get it."""

    async def edit(self, image: bytes) -> object: ...


class Calls:
    """The jobs of a client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._is_open = False

    async def open(self, port: int, deployments: int = 3) -> Figures:
        if self._is_open:
            await self._client.close()
        await self._client.open(port, deployments)
        self._is_open = True
        for _ in range(WARM_UP):
            await self._client.generate()
        return {"rss": now_resident()}

    async def generate(self, side_by_side: int, seconds: float) -> Figures:
        return await timed(self._client.generate, side_by_side, seconds)

    async def edit(self, side_by_side: int, seconds: float, image_bytes: int) -> Figures:
        image = png(image_bytes)
        return await timed(lambda: self._client.edit(image), side_by_side, seconds)

    async def hold(self, at_once: int, image_bytes: int = 0) -> Figures:
        """Memory that pictures need while so many are held, or edits while so many are sent."""
        if not image_bytes:
            return await held(self._client.generate, at_once)
        image = png(image_bytes)
        return await held(lambda: self._client.edit(image), at_once)

    async def stand(self, requests: int, over: float) -> Figures:
        """So many requests, begun evenly over so many seconds; the upstream keeps them waiting for longer than that."""
        give_back()
        before, worked, began = now_resident(), time.process_time(), time.perf_counter()
        lag, tasks, peak = Lag(), [], before
        for number in range(requests):
            await asyncio.sleep(max(0.0, began + over * number / requests - time.perf_counter()))
            tasks.append(asyncio.create_task(self._generate()))
        peak = now_resident()
        await asyncio.gather(*tasks)
        worked = time.process_time() - worked
        return {
            "cpu_a_request": worked / requests,
            "memory_a_request": (peak - before) / requests,
            "wall": time.perf_counter() - began,
            "rss": peak,
            **lag.end(),
        }

    async def _generate(self) -> None:
        await self._client.generate()


def serve(client: Client) -> None:
    calls = Calls(client)
    work(
        {
            "open": calls.open,
            "generate": calls.generate,
            "edit": calls.edit,
            "hold": calls.hold,
            "stand": calls.stand,
        }
    )
