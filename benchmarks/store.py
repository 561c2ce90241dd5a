"""What the shared store costs a request, and from which rate on batches pay.

    python benchmarks/store.py [redis://HOST:PORT/DB]

Without an address it starts a redis-server of its own. All figures are of one run on one machine: compare them with
each other, not with those of another machine. The memory store is the measure of what counting costs without a network.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from redis import Redis
from rich.console import Console
from rich.table import Table

from pixelrelay.quotas import Claim, Quota, Unit
from pixelrelay.store.base import Offer, Report, Reservation, Store, Verdict
from pixelrelay.store.memory import MemoryStore
from pixelrelay.store.redis import RedisStore

WELL = Report(Verdict.WELL)
REQUESTS = 3000
SECONDS = 4.0


@contextmanager
def server() -> Iterator[str]:
    if len(sys.argv) > 1:
        yield sys.argv[1]
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
        try:
            time.sleep(0.5)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            running.kill()


def offers(candidates: int, limit: int = 10_000_000) -> list[Offer]:
    return [
        Offer(name, (Claim(Quota(f"{name}/requests", Unit.REQUESTS, limit), 1),), expected=5.0)
        for name in (f"deployment-{number}" for number in range(candidates))
    ]


@asynccontextmanager
async def opened(store: Store) -> AsyncIterator[Store]:
    try:
        yield store
    finally:
        await store.aclose()


async def one(store: Store, wanted: list[Offer]) -> None:
    held = await store.reserve(wanted)
    if isinstance(held, Reservation):
        await store.settle(held, WELL)


async def at_once(store: Store, wanted: list[Offer], side_by_side: int) -> tuple[float, float]:
    """Seconds, and of them seconds of this process, that a request takes, so many always under way."""

    async def some() -> None:
        for _ in range(REQUESTS // side_by_side):
            await one(store, wanted)

    await one(store, wanted)
    began, worked = time.perf_counter(), time.process_time()
    await asyncio.gather(*(some() for _ in range(side_by_side)))
    return (time.perf_counter() - began) / REQUESTS, (time.process_time() - worked) / REQUESTS


async def at_a_rate(store: RedisStore, wanted: list[Offer], a_second: float) -> tuple[float, float]:
    """Calls to the server, and seconds of this process, that a request takes at a steady rate."""
    tasks, loop = [], asyncio.get_running_loop()
    await one(store, wanted)
    before, worked, began = store.calls.total(), time.process_time(), loop.time()
    for number in range(int(a_second * SECONDS)):
        await asyncio.sleep(max(0.0, began + number / a_second - loop.time()))
        tasks.append(asyncio.create_task(one(store, wanted)))
    await asyncio.gather(*tasks)
    await asyncio.sleep(0.5)
    return (store.calls.total() - before) / len(tasks), (time.process_time() - worked) / len(tasks)


async def costs(url: str, console: Console) -> None:
    table = Table("store", "candidates", "side by side", "µs a request", "of them here", "µs a call in Redis")
    client = Redis.from_url(url)
    for candidates in (1, 3, 8):
        for side_by_side in (1, 20):
            for name, store in (("memory", MemoryStore()), ("redis", RedisStore(url))):
                client.config_resetstat()
                async with opened(store):
                    whole, here = await at_once(store, offers(candidates), side_by_side)
                scripts = client.info("commandstats").get("cmdstat_evalsha", {"usec_per_call": "-"})
                figures = (f"{whole * 1e6:.0f}", f"{here * 1e6:.0f}", str(scripts["usec_per_call"]))
                table.add_row(name, str(candidates), str(side_by_side), *figures)
    console.print(table)


async def batches(url: str, console: Console) -> None:
    table = Table("a second", "calls a request", "in batches", "µs here a request", "in batches")
    for a_second in (2, 10, 40, 200, 600):
        cells = []
        for batched in (False, True):
            async with opened(store := RedisStore(url, batches=batched)):
                cells.append(await at_a_rate(store, offers(1), a_second))
        (calls, work), (fewer, less) = cells
        table.add_row(str(a_second), f"{calls:.2f}", f"{fewer:.2f}", f"{work * 1e6:.0f}", f"{less * 1e6:.0f}")
    console.print(table)


def main() -> None:
    console = Console(width=100)
    with server() as url:
        asyncio.run(costs(url, console))
        asyncio.run(batches(url, console))


if __name__ == "__main__":
    main()
