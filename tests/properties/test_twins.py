"""The shared store's script and the memory store, side by side: asked the same, they answer the same.

Two processes share one server; the memory store stands for both of them together. Who waits is a task, on a loop whose
time jumps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, cast

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pixelrelay import _clock
from pixelrelay.quotas import Calendar, Claim, Quota, SeenLimit, Shape, Span, Unit
from pixelrelay.store.base import Change, Full, Offer, Report, Reservation, Ticket, Verdict
from pixelrelay.store.health import HealthPolicy
from pixelrelay.store.memory import MemoryStore
from pixelrelay.store.shared import Shared
from pixelrelay.testing.clocks import VirtualLoop
from tests.properties.test_store import (
    Account,
    Do,
    arrivals,
    assert_no_span_is_over_its_limit,
    assert_paced_calls_keep_their_distance,
    booking,
    lateness,
    respecifying,
    undoing,
)
from tests.properties.test_waiting import Call, crowds, play, some_calls
from tests.store.direct import Server, in_python

CLOSE = 1e-4
POLICY = HealthPolicy(consecutive=2, of=5, failed=3, cooldown=4.0, longest=40.0, settled=2)
POOL = Quota("pool:p/images", Unit.IMAGES, 9)
QUOTAS: dict[str, tuple[Quota, ...]] = {
    "east": (Quota("east/requests", Unit.REQUESTS, 4), POOL, Quota("east/slots", Unit.CONCURRENT, 3)),
    "west": (POOL, Quota("west/pixels", Unit.MEGAPIXELS, 5_000_000, Shape.SLICED, guard=0.0)),
    "north": (Quota("north/requests", Unit.REQUESTS, 5, Shape.PACED), Quota("north/slots", Unit.CONCURRENT, 2)),
    "south": (Quota("south/requests", Unit.REQUESTS, 3, Shape.FIXED, guard=4.0),),
    "sliced": (Quota("sliced/requests", Unit.REQUESTS, 8, Shape.SLICED),),
    "free": (),
}
NAMES = sorted(QUOTAS)
DAILY = Quota("budget:daily", Unit.DOLLARS, 40, span=Calendar.DAY, ours=True)
ROLLING = Quota("budget:rolling", Unit.DOLLARS, 25, span=90, ours=True)
OURS: dict[str, tuple[Quota, ...]] = {
    "nobody": (),
    "somebody": (DAILY, ROLLING),
    "anna": (ROLLING, Quota("budget:each:anna", Unit.DOLLARS, 12, span=Calendar.HOUR, ours=True, personal=True)),
    "bert": (ROLLING, Quota("budget:each:bert", Unit.DOLLARS, 12, span=60, ours=True, personal=True)),
    "key": (Quota("key:k/requests", Unit.REQUESTS, 5, ours=True), Quota("key:k/slots", Unit.CONCURRENT, 4, ours=True)),
}


def side_by_side(examples: int) -> settings:
    return settings(max_examples=examples, stateful_step_count=50, deadline=None, report_multiple_bugs=False)


@dataclass
class Pair:
    """What one request became on either side."""

    process: int
    memory: Reservation | Ticket | Full
    shared: Reservation | Ticket | Full
    waits: list[asyncio.Task[None]] = field(default_factory=list)
    became: dict[str, Reservation | Full | str] = field(default_factory=dict)


def outline(got: object) -> object:
    match got:
        case Reservation():
            return "taken", got.index, got.probe
        case Ticket(seconds=seconds):
            return "ticket", pytest.approx(seconds, abs=CLOSE)
        case Full(seconds=seconds):
            return "full", got.shortage, None if seconds is None else pytest.approx(seconds, abs=CLOSE)
        case _:
            return got


def told(changes: list[Change]) -> list[object]:
    return [
        (replace(change, cooling=None), None if change.cooling is None else pytest.approx(change.cooling, abs=CLOSE))
        for change in changes
    ]


class Steady(Random):
    """Draws nothing, so that both sides may ask as often as they like."""

    def uniform(self, a: float, b: float) -> float:
        return 0.4 * a + 0.6 * b


class Twins(RuleBasedStateMachine):
    make_server: Callable[[], Server] = staticmethod(in_python)
    most = 12
    """Requests in a crowd: the line is long only where the server is quick."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualLoop)
        self.pairs: list[Pair] = []
        self.quotas = dict(QUOTAS)
        self.ours = dict(OURS)
        self.changes: tuple[list[Change], list[Change]] = [], []
        self.taken: set[str] = set()

    def run(self, step: Coroutine[Any, Any, None]) -> None:
        async def and_settle() -> None:
            await step
            await asyncio.sleep(1e-3)  # a timer may fire an instant early or late

        self.runner.run(and_settle())

    @initialize()
    def begin(self) -> None:
        async def step() -> None:
            self.memory = MemoryStore(health=POLICY, wall=_clock.now, rng=Steady())
            self.server, rng = self.make_server(), Steady()
            self.shared: list[Shared] = [self.server.join(health=POLICY, rng=rng) for _ in range(2)]
            self.memory.listen(lambda notice: self.changes[0].append(notice))
            for each in self.shared:
                each.listen(lambda notice: self.changes[1].append(notice))

        self.run(step())

    def offer(
        self, name: str, images: int, expected: float, least: float, who: str = "nobody", dollars: int = 0
    ) -> Offer:
        asked = {Unit.REQUESTS: 1, Unit.IMAGES: images, Unit.MEGAPIXELS: images * 1_100_000, Unit.CONCURRENT: images}
        asked[Unit.DOLLARS] = images * dollars
        claims, ours = (
            tuple(Claim(quota, asked[quota.unit]) for quota in quotas) for quotas in (self.quotas[name], self.ours[who])
        )
        return Offer(name, claims, expected, least, ours)

    @rule(
        process=st.integers(0, 1),
        names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True),
        images=st.sampled_from((1, 1, 1, 2, 3)),
        patience=st.sampled_from((0.0, 5.0, 30.0, 200.0, 200.0)),
        within=st.sampled_from((float("inf"), float("inf"), 10.0, 70.0)),
        priority=st.sampled_from((0, 0, 0, 1, 2)),
        panic=st.booleans(),
        expected=st.sampled_from((1.0, 8.0, 20.0)),
        least=st.sampled_from((0.0, 0.0, 9.5)),
        who=st.sampled_from(("nobody", *OURS)),
        dollars=st.sampled_from((0, 2, 3, 5, 9)),
    )
    def reserve(
        self,
        process: int,
        names: list[str],
        images: int,
        patience: float,
        within: float,
        priority: int,
        panic: bool,
        expected: float,
        least: float,
        who: str,
        dollars: int,
    ) -> None:
        asked = {"patience": patience, "within": within, "priority": priority, "panic": panic}
        offers = [self.offer(name, images, expected, least, who, dollars + at) for at, name in enumerate(names)]
        self.run(self._reserve(process, offers, asked))

    @rule(
        names=st.lists(st.sampled_from(NAMES[:-1]), min_size=1, max_size=3, unique=True),
        many=st.sampled_from((10, 70)),
        patience=st.sampled_from((60.0, 1000.0)),
        urgent=st.integers(0, 9),
        who=st.sampled_from(("nobody", "nobody", *OURS)),
    )
    def reserve_for_a_crowd(self, names: list[str], many: int, patience: float, urgent: int, who: str) -> None:
        """Who waits in a long line is foreseen less often."""
        offers = [self.offer(name, 1, 5.0, 0.0, who, 4) for name in names if name != "free"]

        async def step() -> None:
            for number in range(min(many, self.most)):
                await self._reserve(number % 2, offers, {"patience": patience, "priority": int(number % 10 < urgent)})

        if offers and len(self.pairs) < 150:
            self.run(step())

    async def _reserve(self, process: int, offers: list[Offer], asked: dict[str, Any]) -> None:
        memory = await self.memory.reserve(offers, **asked)
        shared = await self.shared[process].reserve(offers, **asked)
        assert outline(shared) == outline(memory)
        pair = Pair(process, memory, shared)
        if not isinstance(memory, Full):
            self.pairs.append(pair)
        if isinstance(memory, Ticket) and isinstance(shared, Ticket):
            pair.waits = [
                asyncio.ensure_future(self._wait(pair, "memory", self.memory, memory)),
                asyncio.ensure_future(self._wait(pair, "shared", self.shared[process], shared)),
            ]

    async def _wait(self, pair: Pair, side: str, store: MemoryStore | Shared, ticket: Ticket) -> None:
        try:
            got: Reservation | Full | str = await store.wait(ticket)
        except asyncio.CancelledError:
            got = "left"
        pair.became[side] = got

    def held(self) -> list[tuple[Pair, Reservation, Reservation]]:
        found = []
        for pair in self.pairs:
            memory = pair.became.get("memory") if pair.waits else pair.memory
            shared = pair.became.get("shared") if pair.waits else pair.shared
            if isinstance(memory, Reservation) and isinstance(shared, Reservation):
                found.append((pair, memory, shared))
        return found

    def waiting(self) -> list[Pair]:
        return [pair for pair in self.pairs if pair.waits and not pair.became]

    @precondition(lambda self: self.held())
    @rule(
        pick=st.integers(0, 50),
        verdict=st.sampled_from((Verdict.WELL, Verdict.WELL, Verdict.ILL, Verdict.SILENT)),
        used=st.none() | st.dictionaries(st.sampled_from(Unit), st.integers(0, 4), max_size=3),
        ours=st.none() | st.dictionaries(st.sampled_from((Unit.DOLLARS, Unit.REQUESTS)), st.integers(0, 30)),
        cooldown=st.sampled_from((0.0, 0.0, 0.0, 3.0, 25.0)),
        grows=st.booleans(),
        rejected=st.none() | st.frozensets(st.sampled_from(Unit), max_size=2),
        seen=st.lists(st.builds(SeenLimit, st.sampled_from(Unit), st.integers(0, 12)), max_size=1),
        first=st.none() | st.sampled_from((2.0, 50.0, 1000.0)),
        again=st.booleans(),
    )
    def settle(
        self,
        pick: int,
        verdict: Verdict,
        used: dict[Unit, int] | None,
        ours: dict[Unit, int] | None,
        cooldown: float,
        grows: bool,
        rejected: frozenset[Unit] | None,
        seen: list[SeenLimit],
        first: float | None,
        again: bool,
    ) -> None:
        held = self.held()
        pair, memory, shared = held[pick % len(held)]
        report = Report(verdict, used, ours, cooldown, grows, rejected, tuple(seen), first)

        async def step() -> None:
            for _ in range(2 if again else 1):
                await self.memory.settle(memory, report)
                await self.shared[pair.process].settle(shared, report)

        self.pairs.remove(pair)
        self.run(step())

    @precondition(lambda self: self.held())
    @rule(pick=st.integers(0, 50))
    def cancel(self, pick: int) -> None:
        held = self.held()
        pair, memory, shared = held[pick % len(held)]

        async def step() -> None:
            await self.memory.cancel(memory)
            await self.shared[pair.process].cancel(shared)

        self.pairs.remove(pair)
        self.run(step())

    @precondition(lambda self: self.waiting())
    @rule(pick=st.integers(0, 50))
    def leave_the_line(self, pick: int) -> None:
        waiting = self.waiting()

        async def step() -> None:
            for task in waiting[pick % len(waiting)].waits:
                task.cancel()

        self.run(step())

    @precondition(lambda self: len(self.pairs) > 2)
    @rule(process=st.integers(0, 1))
    def lose_a_process(self, process: int) -> None:
        """What it held is free again, what it used of rates stays used, and nobody waits for it any more."""
        lost = [pair for pair in self.pairs if pair.process == process]
        held = {id(pair): memory for pair, memory, _ in self.held()}
        waiting, told_before = self.waiting(), len(self.changes[0])

        async def step() -> None:
            self.send_away([pair.memory for pair in lost if pair in waiting])
            for pair in lost:
                if id(pair) in held:
                    await self.memory.settle(held[id(pair)], Report(Verdict.SILENT))
            del self.changes[0][told_before:]  # nobody is told of what a process left undone
            await self.shared[process].leave()
            self.server.kill(self.shared[process])
            for pair in lost:
                for task in pair.waits:
                    task.cancel()
            self.shared[process] = self.server.join(health=POLICY, rng=Steady())
            self.shared[process].listen(lambda notice: self.changes[1].append(notice))

        self.pairs = [pair for pair in self.pairs if pair.process != process]
        self.run(step())

    def send_away(self, tickets: Sequence[object]) -> None:
        """All at once, which the memory store cannot be asked for."""
        line = self.memory._line
        waiters = [self.memory._tickets[ticket.id] for ticket in tickets if isinstance(ticket, Ticket)]
        for waiter in waiters:
            line._remove(waiter)
            waiter.sent_away = Full(None)
            waiter.wake()
        if waiters:
            line.made_room(_clock.now())

    @rule(gap=st.sampled_from((0.01, 0.7, 3.0, 10.0, 10.3, 30.0, 60.3, 61.0, 1400.0)) | st.floats(0.001, 25))
    def pass_time(self, gap: float) -> None:
        self.run(asyncio.sleep(gap))

    @rule(
        name=st.sampled_from([name for name in NAMES if name != "free"]),
        which=st.integers(0, 2),
        limit=st.integers(3, 9),
        shape=st.sampled_from(Shape),
    )
    def respecify(self, name: str, which: int, limit: int, shape: Shape) -> None:
        quotas = list(self.quotas[name])
        old = quotas[which % len(quotas)]
        if old.unit is Unit.CONCURRENT:
            new = replace(old, limit=limit)
        else:
            new = replace(old, limit=limit * (1_000_000 if old.unit is Unit.MEGAPIXELS else 1), shape=shape)
        self.quotas = {
            deployment: tuple(new if quota.key == old.key else quota for quota in quotas)
            for deployment, quotas in self.quotas.items()
        }

    @rule(
        which=st.sampled_from((DAILY, ROLLING)),
        limit=st.integers(5, 40),
        span=st.sampled_from((*Calendar, 60, 90, 600)),
    )
    def respecify_a_budget(self, which: Quota, limit: int, span: Span) -> None:
        self.ours = {
            who: tuple(replace(quota, limit=limit, span=span) if quota.key == which.key else quota for quota in quotas)
            for who, quotas in self.ours.items()
        }

    @invariant()
    def both_say_the_same(self) -> None:
        if not hasattr(self, "server"):
            return
        for pair in self.pairs:
            if pair.became:
                assert outline(pair.became.get("shared")) == outline(pair.became.get("memory"))
        self.pairs = [pair for pair in self.pairs if not pair.became or isinstance(pair.became["memory"], Reservation)]
        assert told(self.changes[1]) == told(self.changes[0])
        self.run(self._look())
        assert sum(each.waiting for each in self.shared) == self.memory.waiting

    async def _look(self) -> None:
        offers = [self.offer(name, 1, 0.0, 0.0) for name in NAMES]
        budgets = {quota.key: quota for quotas in self.ours.values() for quota in quotas if quota.span is not None}
        sight = await self.shared[0].look(offers, list(budgets.values()))
        alone = await self.memory.look(offers, list(budgets.values()))
        for key, state in alone.budgets.items():
            shared, frees = sight.budgets[key], None if state.frees is None else pytest.approx(state.frees, abs=CLOSE)
            assert (shared.used, shared.reserved, shared.frees) == (state.used, state.reserved, frees), key
        for name in NAMES:
            memory, there = self.memory.state(name), sight.deployments[name]
            assert (there.in_flight, there.probation) == (memory.in_flight, memory.probation), name
            if memory.quotas or not self.quotas[name]:
                assert there.cooling == pytest.approx(memory.cooling, abs=CLOSE)
            for key, quota in memory.quotas.items():
                # A new configuration is known to look at once, and is counted by only when somebody reserves.
                assert (there.quotas[key].used, there.quotas[key].learned) == (quota.used, quota.learned), key
                assert there.quotas[key].stated == quota.stated

    def teardown(self) -> None:
        async def stop() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.runner.run(stop())
        self.runner.close()


# --- the histories of the other properties -------------------------------------------------------------------------

seldom = settings(max_examples=50, deadline=None)


@seldom
@given(calls=some_calls | crowds)
def test_all_who_come_and_wait_are_served_as_by_the_memory_store(calls: list[Call]) -> None:
    again = [replace(call) for call in calls]
    play(calls, until=300)
    play(again, until=300, make_store=lambda: in_python().join(rng=Random(1)))
    for by_memory, by_script in zip(calls, again, strict=True):
        assert by_script.deployment == by_memory.deployment
        for name in ("foretold", "served", "left", "ended"):
            assert getattr(by_script, name) == pytest.approx(getattr(by_memory, name), abs=CLOSE), name


class SharedAccount(Account):
    def __init__(self, quota: Quota, wall: float) -> None:
        super().__init__(quota, wall)
        self.store = cast("MemoryStore", in_python().join(clock=lambda: self.now + wall))


@pytest.mark.parametrize("shape", Shape)
@seldom
@given(
    wall=st.floats(min_value=0, max_value=60),
    steps=st.lists(booking | booking | undoing | respecifying, max_size=60),
    late=lateness,
)
def test_no_span_of_time_holds_more_than_its_limit_by_the_script_either(
    shape: Shape, wall: float, steps: list[Do], late: list[float]
) -> None:
    account = SharedAccount(Quota("east/images", Unit.IMAGES, 10, shape), wall)
    for each in steps:
        account.do(each)
    assert_no_span_is_over_its_limit(arrivals(account, late), wall)
    assert_paced_calls_keep_their_distance(account.sent)


# --- side by side --------------------------------------------------------------------------------------------------


def test_the_script_answers_as_the_memory_store_does() -> None:
    run_state_machine_as_test(Twins, settings=side_by_side(8))


@pytest.mark.slow
def test_so_does_it_on_a_real_server(redis_client: redis.Redis) -> None:
    class OnRedis(Twins):
        most = 70

        @staticmethod
        def make_server() -> Server:
            redis_client.flushall()
            return Server(redis_client)

    run_state_machine_as_test(OnRedis, settings=side_by_side(120))
