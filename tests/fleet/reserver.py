"""A process that does nothing but reserve and settle: ``python -m tests.fleet.reserver URL SEED RESERVATIONS``.

It tells every other second how far it is and how much memory it has, one line each.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

from pixelrelay.quotas import Claim, Quota, Shape, Unit
from pixelrelay.store.base import Asked, ModeChange, Notice, Offer, Report, Reservation, Ticket, Verdict
from pixelrelay.store.redis import RedisStore
from tests.fleet.machine import after_all_others

DEPLOYMENTS = 200
LIMIT = 5000
"""Calls a minute of each deployment, rather more than come."""
SLOTS = 12
"""At a time, of every fourth deployment: so few that somebody waits now and then."""
TASKS = 24
OFFERED = 3
HELD = 0.01
"""Seconds at most that a reservation is held, of the few that are held at all."""
A_SECOND = 1700
"""Reservations of this process, if the machine has time for so many: that what is kept of the last minute stays the
same."""
WELL, ILL = Report(Verdict.WELL), Report(Verdict.ILL)
UNSENT = Report(Verdict.SILENT, used={Unit.REQUESTS: 0})
REJECTED = Report(Verdict.SILENT, cooldown=0.5, rejected=frozenset({Unit.REQUESTS}))
ENDINGS = ((0.97, WELL), (0.98, UNSENT), (0.998, ILL), (1.0, REJECTED))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is."""

    granted: int
    resident: int
    """Bytes."""
    full: int = 0
    waited: int = 0
    calls: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    slowest: dict[str, float] = field(default_factory=dict)
    """Seconds, by step."""
    modes: list[str] = field(default_factory=list)
    """How the store was lost and found, in words."""


def offers() -> list[Offer]:
    found = []
    for number in range(DEPLOYMENTS):
        name = f"deployment-{number}"
        shape = (Shape.ROLLING, Shape.SLICED, Shape.ROLLING, Shape.FIXED)[number % 4]
        claims = [Claim(Quota(f"{name}/requests", Unit.REQUESTS, LIMIT, shape), 1)]
        if number % 4 == 0:
            claims.append(Claim(Quota(f"{name}/concurrent", Unit.CONCURRENT, SLOTS), 1))
        found.append(Offer(name, tuple(claims), expected=HELD))
    return found


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


class Reserver:
    def __init__(self, url: str, seed: int, reservations: int) -> None:
        # What is looked for here is memory: on a busy machine no answer is late, and nobody dead.
        self._store = RedisStore(url, timeout=60.0, lease=600.0)
        self._rng = Random(seed)
        self._left = reservations
        self._offers = offers()
        self._counted: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._slowest: dict[str, float] = {}
        self._modes: list[str] = []
        self._store.listen(self._noticed)

    def _noticed(self, notice: Notice) -> None:
        match notice:
            case Asked(step, seconds, error):
                self._slowest[step] = max(seconds, self._slowest.get(step, 0.0))
                self._errors.update([error] if error else [])
            case ModeChange(mode, reason):
                self._modes.append(f"{mode.value}: {reason}")

    async def run(self) -> None:
        telling = asyncio.create_task(self._tell_on())
        await asyncio.gather(*(self._reserve_on() for _ in range(TASKS)))
        telling.cancel()
        self._tell()
        await self._store.aclose()

    async def _reserve_on(self) -> None:
        rng, counted = self._rng, self._counted
        loop = asyncio.get_running_loop()
        began, all_of_them = loop.time(), self._left
        while self._left > 0:
            self._left -= 1
            await asyncio.sleep(max(0.0, began + (all_of_them - self._left) / A_SECOND - loop.time()))
            got = await self._store.reserve(rng.sample(self._offers, OFFERED), patience=rng.choice((0.0, 0.05)))
            if isinstance(got, Ticket):
                counted["waited"] += 1
                got = await self._store.wait(got)
            if not isinstance(got, Reservation):
                counted["full"] += 1
                self._left += 1
                continue
            counted["granted"] += 1
            drawn = rng.random()
            if drawn < 0.01:
                await asyncio.sleep(HELD * rng.random())
            await self._store.settle(got, next(report for share, report in ENDINGS if drawn <= share))

    async def _tell_on(self) -> None:
        while True:
            await asyncio.sleep(2.0)
            self._tell()

    def _tell(self) -> None:
        told = Progress(
            self._counted["granted"],
            resident(),
            self._counted["full"],
            self._counted["waited"],
            dict(self._store.calls),
            dict(self._errors),
            self._slowest,
            self._modes,
        )
        sys.stdout.write(f"{json.dumps(asdict(told))}\n")
        sys.stdout.flush()


def main() -> None:
    after_all_others()  # they measure time, and this takes all there is
    url, seed, reservations = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    asyncio.run(Reserver(url, seed, reservations).run())


if __name__ == "__main__":
    main()
