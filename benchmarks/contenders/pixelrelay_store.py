"""pixelrelay's stores by themselves, without a router: reserve and settle, in memory or in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from redis import Redis

from benchmarks.contenders.working import work
from benchmarks.measuring import Figures, One, timed
from benchmarks.redis_stats import commands_sent, seconds_used
from pixelrelay.quotas import Claim, Quota, Unit
from pixelrelay.store.base import Offer, Report, Reservation, Store, Ticket, Verdict
from pixelrelay.store.memory import MemoryStore
from pixelrelay.store.redis import RedisStore

WELL = Report(Verdict.WELL)
NO_LIMIT = 10_000_000
PATIENCE = 1e6
AT_ONCE = 10
"""How many are reserved before as many are settled, where each step is measured by itself."""
LASTS = 5.0
"""Seconds that an attempt is expected to last."""


class Stores:
    """The jobs. Without an address the store is in memory, and no server is asked."""

    def __init__(self) -> None:
        self._store: Store = MemoryStore()
        self._redis: Redis | None = None

    async def open(self, url: str | None = None, batches: bool = False) -> Figures:
        await self._store.aclose()
        self._store = RedisStore(url, batches=batches) if url else MemoryStore()
        self._redis = Redis.from_url(url) if url else None
        await self._one(rated(1))
        return {}

    async def requests(self, candidates: int, seconds: float) -> Figures:
        """One after the other, each with room on every candidate."""
        offers = rated(candidates)
        return await self._counted(lambda: self._one(offers), 1, seconds)

    async def line(self, candidates: int, places: int, callers: int, seconds: float) -> Figures:
        """So many at any time ask for slots, which each holds no longer than a turn of the loop."""
        offers, waited = slotted(candidates, places), 0

        async def one() -> None:
            nonlocal waited
            held = await self._store.reserve(offers, patience=PATIENCE)
            if isinstance(held, Ticket):
                waited += 1
                held = await self._store.wait(held)
            await asyncio.sleep(0)
            assert isinstance(held, Reservation)
            await self._store.settle(held, WELL)

        figures = await self._counted(one, callers, seconds)
        return {**figures, "waited": waited / figures["requests"]}

    async def steps(self, candidates: int, times: int) -> Figures:
        """Seconds of the server's CPU that a reserve takes, and a settlement."""
        if self._redis is None:
            return {"server_a_reserve": 0.0, "server_a_settle": 0.0}
        offers, reserving, settling = rated(candidates), 0.0, 0.0
        await self._settled()
        for _ in range(times // AT_ONCE):
            self._redis.config_resetstat()
            held = [await self._store.reserve(offers) for _ in range(AT_ONCE)]
            reserving += seconds_used(self._redis.info("commandstats"))
            self._redis.config_resetstat()
            for each in held:
                assert isinstance(each, Reservation)
                await self._store.settle(each, WELL)
            await self._settled()
            settling += seconds_used(self._redis.info("commandstats"))
        done = times // AT_ONCE * AT_ONCE
        return {"server_a_reserve": reserving / done, "server_a_settle": settling / done}

    async def rate(self, a_second: float, seconds: float) -> Figures:
        """At a steady rate, whoever is still under way."""
        offers, begun = rated(1), 0
        loop, tasks = asyncio.get_running_loop(), set[asyncio.Task[None]]()
        began = loop.time()

        async def begin() -> None:
            nonlocal begun
            begun += 1
            await asyncio.sleep(max(0.0, began + begun / a_second - loop.time()))
            tasks.add(asyncio.create_task(self._one(offers)))

        figures = await self._counted(begin, 1, seconds)
        await asyncio.gather(*tasks)
        return figures

    async def _counted(self, one: One, side_by_side: int, seconds: float) -> Figures:
        await self._settled()
        if self._redis is not None:
            self._redis.config_resetstat()
        figures = await timed(one, side_by_side, seconds)
        await self._settled()
        stats = self._redis.info("commandstats") if self._redis is not None else {}
        return {
            **figures,
            "trips": commands_sent(stats) / figures["requests"],
            "server_a_request": seconds_used(stats) / figures["requests"],
        }

    async def _one(self, offers: Sequence[Offer]) -> None:
        held = await self._store.reserve(offers)
        assert isinstance(held, Reservation)
        await self._store.settle(held, WELL)

    async def _settled(self) -> None:
        """Settlements are told to the server behind a request's back, and batches a little later."""
        if isinstance(self._store, RedisStore):
            before = -1
            while (now := self._store.calls.total()) != before:
                before = now
                await asyncio.sleep(0.05)


def rated(candidates: int) -> list[Offer]:
    return [
        Offer(name, (Claim(Quota(f"{name}/requests", Unit.REQUESTS, NO_LIMIT), 1),), expected=LASTS)
        for name in (f"rated-{number}" for number in range(candidates))
    ]


def slotted(candidates: int, places: int) -> list[Offer]:
    return [
        Offer(name, (Claim(Quota(f"{name}/concurrent", Unit.CONCURRENT, places), 1),), expected=LASTS)
        for name in (f"slotted-{number}" for number in range(candidates))
    ]


if __name__ == "__main__":
    stores = Stores()
    work(
        {
            "open": stores.open,
            "requests": stores.requests,
            "line": stores.line,
            "steps": stores.steps,
            "rate": stores.rate,
        }
    )
