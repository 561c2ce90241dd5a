"""A fleet that is asked for twice what its quotas allow, and a line of thousands."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from random import Random
from types import FrameType
from typing import Any

import anyio
import pytest

from pixelrelay import _clock
from pixelrelay.quotas import Claim, Quota, Shape, Unit
from pixelrelay.store.base import Offer, Report, Reservation, Ticket, Verdict
from pixelrelay.store.counters import RateCounter, SlotCounter
from pixelrelay.store.memory import MemoryStore
from pixelrelay.testing.clocks import VirtualLoop
from tests.store.providers import FixedMinute, Provider, Rolling

MINUTES = 10
GUARD = 0.3


def on_virtual_time(run: Callable[[], Coroutine[Any, Any, None]]) -> None:
    anyio.run(run, backend_options={"loop_factory": VirtualLoop})


def azure(limit: int) -> Provider:
    return Rolling((60, limit), (10, ceil(limit / 6)))


def rolling(limit: int) -> Provider:
    return Rolling((60, limit))


@dataclass
class Deployment:
    """One of the fleet, how its provider enforces its limit, and what reached it."""

    name: str
    limit: int
    shape: Shape
    enforced: Callable[[int], Provider]
    accepted: int = 0
    rejected: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.provider = self.enforced(self.limit)
        self.quota = Quota(f"{self.name}/requests", Unit.REQUESTS, self.limit, self.shape, guard=GUARD)
        self.offer = Offer(self.name, (Claim(self.quota, 1),))

    def call(self, now: float) -> float:
        wait = self.provider.call(now)
        if wait:
            self.rejected.append(now)
        else:
            self.accepted += 1
        return wait


def flux_fleet() -> list[Deployment]:
    return [
        Deployment("pro-low", 15, Shape.SLICED, azure),
        Deployment("pro-medium", 30, Shape.SLICED, azure),
        Deployment("pro-high", 100, Shape.SLICED, azure),
        Deployment("kontext", 6, Shape.ROLLING, rolling),
        Deployment("pro-1.1", 6, Shape.ROLLING, rolling),
        Deployment("flex", 5, Shape.FIXED, FixedMinute),
    ]


def reachable(deployment: Deployment, seconds: float, wall: float) -> int:
    """The most calls that can be sent in so many seconds without ever trusting to luck.

    A call is counted up to ``GUARD`` later than another that was sent with it, so a limit of L in W seconds is safe
    only as L in W + GUARD: each call waits for the L-th before it to be that old. That makes 15 in 60.3 s of a tier
    of 15 (14.9 a minute), 5 in 10.3 s of one of 30 (29.1 a minute: the ten seconds bind), 17 in 10.3 s and 100 in
    60.3 s of one of 100 (99.0 a minute), 6 in 60.3 s of 6. A fixed minute is used whole, whenever in it.
    """
    limit = deployment.limit
    if deployment.shape is Shape.FIXED:
        first, last = int(wall // 60), int((wall + seconds) // 60)
        return limit * (last - first + 1)
    windows = [(60 + GUARD, limit)]
    if deployment.shape is Shape.SLICED:
        windows.append((10 + GUARD, ceil(limit / 6)))
    sent: list[float] = []
    while True:
        moment = max([0.0, *(sent[-most] + span for span, most in windows if len(sent) >= most)])
        if moment >= seconds:
            return len(sent)
        sent.append(moment)


def test_ten_minutes_at_twice_what_the_quotas_allow() -> None:
    fleet = flux_fleet()
    by_name = {deployment.name: deployment for deployment in fleet}
    a_minute = 2 * sum(deployment.limit for deployment in fleet)
    rng, served = Random(7), list[tuple[int, float]]()
    wall = 12.0

    async def overload() -> None:
        began = _clock.now()
        store = MemoryStore(wall=lambda: _clock.now() - began + wall, rng=Random(3))

        async def request(number: int) -> None:
            order = rng.sample(fleet, k=len(fleet))
            while True:
                got = await store.reserve([deployment.offer for deployment in order], patience=1e6)
                if isinstance(got, Ticket):
                    got = await store.wait(got)
                assert isinstance(got, Reservation)
                served.append((number, _clock.now()))
                await _clock.sleep(rng.uniform(0.02, 0.25))
                wait = by_name[got.offer.deployment].call(_clock.now() - began + wall)
                await _clock.sleep(rng.uniform(2, 20))
                named = frozenset({Unit.REQUESTS}) if wait else None
                await store.settle(got, Report(Verdict.WELL, cooldown=wait, rejected=named))
                if not wait:
                    return

        with anyio.move_on_after(MINUTES * 60):
            async with anyio.create_task_group() as tasks:
                for number in range(a_minute * MINUTES):
                    tasks.start_soon(request, number)
                    await _clock.sleep_until(began + number * 60 / a_minute)

    on_virtual_time(overload)
    assert [deployment.rejected for deployment in fleet] == [[]] * len(fleet)
    possible = {deployment.name: reachable(deployment, MINUTES * 60, wall) for deployment in fleet}
    assert sum(deployment.accepted for deployment in fleet) >= 0.99 * sum(possible.values())
    for deployment in fleet:
        # What was sent in the last quarter of a second had not arrived; a slice more or less at either end.
        assert deployment.accepted >= possible[deployment.name] - ceil(deployment.limit / 6)
    assert [number for number, _ in served] == sorted(number for number, _ in served), "first come, first served"
    assert all(before <= after for (_, before), (_, after) in pairwise(served))


@pytest.mark.parametrize("load", [0.8, 0.95, 1.2])
def test_rolling_quotas_together_make_one_queue_with_as_many_servers_as_calls_a_minute(load: float) -> None:
    """Each server is busy with a call for a minute and the guard. No way to share the quotas out waits less."""
    limits, rng = [15, 30, 100, 6, 6, 5], Random(5)
    offers = [Offer(f"d{n}", (Claim(Quota(f"d{n}", Unit.REQUESTS, limit), 1),)) for n, limit in enumerate(limits)]
    waits, best = list[float](), list[float]()

    async def traffic() -> None:
        store, servers = MemoryStore(rng=Random(3)), [0.0] * sum(limits)

        async def request() -> None:
            came = _clock.now()
            got = await store.reserve(rng.sample(offers, k=len(offers)), patience=1e6)
            if isinstance(got, Ticket):
                await store.wait(got)
            waits.append(_clock.now() - came)

        async with anyio.create_task_group() as tasks:
            for _ in range(1000):
                await _clock.sleep(rng.expovariate(load * sum(limits) / 60))
                begins = max(_clock.now(), servers[0])
                best.append(begins - _clock.now())
                heapq.heapreplace(servers, begins + 60 + GUARD)
                tasks.start_soon(request)

    on_virtual_time(traffic)
    assert sorted(waits) == pytest.approx(sorted(best), abs=0.01)


@pytest.mark.parametrize("slots", [False, True], ids=["rates", "rates and slots"])
def test_a_long_line_is_served_with_little_work(slots: bool) -> None:
    """Were each event to cost a look at every offer of all who wait, each of them would be looked at thousands of
    times; a forecast a second is what is allowed."""
    assert looks_at_counters(800, slots) / 800 < 400


def looks_at_counters(waiting: int, slots: bool) -> int:
    """How often any counter was asked for room while so many were served."""
    served = looks = 0
    rng = Random(2)
    limits = [100, 100, 100, 60, 60, 30, 15, 6]

    quotas = [[Quota(f"d{number}/requests", Unit.REQUESTS, limit)] for number, limit in enumerate(limits)]
    if slots:
        for number, limit in enumerate(limits):
            quotas[number].append(Quota(f"d{number}/slots", Unit.CONCURRENT, max(2, limit // 4)))

    def offers() -> list[Offer]:
        made = [
            Offer(f"d{number}", tuple(Claim(quota, 1) for quota in limited), expected=10.0)
            for number, limited in enumerate(quotas)
        ]
        rng.shuffle(made)
        return made

    async def crowd() -> None:
        nonlocal served
        store = MemoryStore(rng=Random(1))

        async def request() -> None:
            nonlocal served
            got = await store.reserve(offers(), patience=1e6)
            if isinstance(got, Ticket):
                got = await store.wait(got)
            assert isinstance(got, Reservation)
            await _clock.sleep(rng.uniform(5, 15))
            await store.settle(got, Report(Verdict.WELL))
            served += 1

        async with anyio.create_task_group() as tasks:
            for _ in range(waiting):
                tasks.start_soon(request)
        assert store.waiting == 0

    asking = {counter.has_room.__code__ for counter in (RateCounter, SlotCounter)}
    asking |= {counter.earliest.__code__ for counter in (RateCounter, SlotCounter)}

    def watch(frame: FrameType, event: str, _: object) -> None:
        nonlocal looks
        looks += event == "call" and frame.f_code in asking

    sys.setprofile(watch)
    try:
        on_virtual_time(crowd)
    finally:
        sys.setprofile(None)
    assert served == waiting
    return looks


def test_a_thousand_who_give_up_at_once_leave_the_places_to_the_others() -> None:
    only = Offer("east", (Claim(Quota("east/requests", Unit.REQUESTS, 10, guard=0.0), 1),))

    async def crowd() -> None:
        store, served = MemoryStore(), list[float]()
        began = _clock.now()

        async def request(leaves_after: float) -> None:
            with anyio.move_on_after(leaves_after):
                got = await store.reserve([only], patience=1e6)
                if isinstance(got, Ticket):
                    got = await store.wait(got)
                assert isinstance(got, Reservation)
                served.append(_clock.now() - began)

        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(request, 1e6)
            await _clock.sleep(1)
            for _ in range(1000):
                tasks.start_soon(request, 20.0)
            await _clock.sleep(1)
            for _ in range(10):
                tasks.start_soon(request, 1e6)
        assert served[:10] == pytest.approx([0.0] * 10)
        assert served[10:] == pytest.approx([60.0] * 10, abs=0.01)
        assert store.waiting == 0

    on_virtual_time(crowd)
