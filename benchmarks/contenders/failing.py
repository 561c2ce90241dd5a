"""Routers over three deployments of which one falls ill: what each does in the benchmark is the same, written once."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from benchmarks.contenders.working import work
from benchmarks.measuring import Figures, quantiles

WARM_UP = 20


class Picks(Protocol):
    """Whoever knows several deployments and gets a picture from one of them."""

    async def open(self, bases: list[str], timeout: float) -> None:
        """Deployments by the address before ``/images``; none has longer than ``timeout`` for one call."""

    async def close(self) -> None: ...

    async def generate(self) -> object: ...


async def warmed(picks: Picks) -> None:
    await asyncio.gather(*(picks.generate() for _ in range(WARM_UP)))


async def served(picks: Picks, requests: int, a_second: float) -> Figures:
    """So many requests, begun evenly whatever becomes of those before. Latency is of all, until they end or fail."""
    took: list[float] = []
    delivered = 0

    async def one() -> None:
        nonlocal delivered
        began = time.perf_counter()
        try:
            await picks.generate()
            delivered += 1
        except Exception as error:
            print(f"{type(error).__name__}: {str(error)[:200]}")
        finally:
            took.append(time.perf_counter() - began)

    began, tasks = time.perf_counter(), []
    for number in range(requests):
        await asyncio.sleep(max(0.0, began + number / a_second - time.perf_counter()))
        tasks.append(asyncio.create_task(one()))
    await asyncio.gather(*tasks)
    return {"asked": requests, "delivered": delivered, **quantiles(took)}


class Serving:
    """The jobs."""

    def __init__(self, picks: Picks) -> None:
        self._picks = picks
        self._is_open = False

    async def open(self, bases: list[str], timeout: float) -> Figures:
        """Anew, knowing nothing but that all deployments have been well for a few calls."""
        if self._is_open:
            await self._picks.close()
        await self._picks.open(bases, timeout)
        self._is_open = True
        await warmed(self._picks)
        return {}

    async def serve(self, requests: int, a_second: float) -> Figures:
        return await served(self._picks, requests, a_second)


def serve(picks: Picks) -> None:
    serving = Serving(picks)
    work({"open": serving.open, "serve": serving.serve})
