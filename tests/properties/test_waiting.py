"""Who is served when, among those who wait: on a loop whose time jumps, and judged without asking the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from random import Random

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelrelay import _clock
from pixelrelay.quotas import Claim, Quota, SeenLimit, Unit
from pixelrelay.store.base import Full, Offer, Report, Reservation, Ticket, Verdict
from pixelrelay.store.memory import MemoryStore
from pixelrelay.testing.clocks import VirtualLoop
from tests.store.contract import AnyStore

WELL = Report(Verdict.WELL)
CLOSE = 1e-4
PROMPT = 0.1
"""Seconds within which a place that is free is taken by one who waits for it."""


@dataclass
class Call:
    """One request, and what became of it."""

    came: float
    offers: tuple[Offer, ...]
    lasts: float = 0.0
    priority: int = 0
    leaves_after: float = float("inf")
    foretold: float | None = None
    served: float | None = None
    left: float | None = None
    deployment: str = ""
    ended: float = float("inf")

    @property
    def waits_until(self) -> float:
        return min(moment for moment in (self.served, self.left, float("inf")) if moment is not None)


def play(calls: list[Call], until: float, make_store: Callable[[], AnyStore] | None = None) -> AnyStore:
    """Let the calls come, wait, be served and end, on a loop whose time jumps; moments count from the start."""

    async def run() -> AnyStore:
        store, began = make_store() if make_store else MemoryStore(rng=Random(1)), _clock.now()

        async def one(call: Call) -> None:
            held: Reservation | None = None
            with anyio.move_on_after(call.leaves_after):
                got = await store.reserve(call.offers, patience=1e9, priority=call.priority)
                if isinstance(got, Ticket):
                    call.foretold = got.seconds
                    got = await store.wait(got)
                assert isinstance(got, Reservation)
                held = got
                call.served, call.deployment = _clock.now() - began, got.offer.deployment
                call.leaves_after = float("inf")
            if held is None:
                call.left = _clock.now() - began
                return
            await anyio.sleep(call.lasts)
            call.ended = _clock.now() - began
            await store.settle(held, WELL)

        with anyio.move_on_after(until):
            async with anyio.create_task_group() as tasks:
                for call in sorted(calls, key=lambda call: call.came):
                    await _clock.sleep_until(began + call.came)
                    tasks.start_soon(one, call)
                    await anyio.lowlevel.checkpoint()
        return store

    return on_virtual_time(run)


def on_virtual_time(run: Callable[[], Awaitable[AnyStore]]) -> AnyStore:
    return anyio.run(run, backend_options={"loop_factory": VirtualLoop})


LIMITS = {"a": (4, 2), "b": (3, None), "c": (2, 1), "d": (None, 2)}
"""By deployment: requests a minute, and at a time."""


def limited(name: str) -> Offer:
    a_minute, at_a_time = LIMITS[name]
    claims = []
    if a_minute is not None:
        claims.append(Claim(Quota(f"{name}/requests", Unit.REQUESTS, a_minute, guard=0.0), 1))
    if at_a_time is not None:
        claims.append(Claim(Quota(f"{name}/slots", Unit.CONCURRENT, at_a_time), 1))
    return Offer(name, tuple(claims), expected=8.0)


some_offers = st.lists(st.sampled_from(sorted(LIMITS)), min_size=1, max_size=4, unique=True).map(
    lambda names: tuple(limited(name) for name in names)
)
patience = st.sampled_from((float("inf"), float("inf"), 5.0, 20.0)) | st.floats(min_value=0.1, max_value=90)
some_calls = st.lists(
    st.builds(
        Call,
        came=st.floats(min_value=0, max_value=30) | st.sampled_from((0.0, 10.0)),
        offers=some_offers,
        lasts=st.floats(min_value=0.5, max_value=25),
        priority=st.sampled_from((0, 0, 1)),
        leaves_after=patience,
    ),
    min_size=1,
    max_size=40,
)
alike = st.sampled_from(("a", "c", "d", "ab", "ba", "abcd", "dcba")).map(lambda names: tuple(map(limited, names)))
crowds = st.lists(
    st.builds(
        Call,
        came=st.floats(min_value=0, max_value=15),
        offers=alike,
        lasts=st.floats(min_value=0.5, max_value=25),
        priority=st.sampled_from((0, 0, 1)),
        leaves_after=patience,
    ),
    min_size=5,
    max_size=20,
)
"""Many who want the same, and soon."""
on_a_loop = settings(max_examples=60, deadline=None)


def has_room(calls: list[Call], name: str, at: float) -> bool:
    """Whether one more call fits, by the calls alone: the store is not asked."""
    a_minute, at_a_time = LIMITS[name]
    mine = [call for call in calls if call.deployment == name and call.served is not None and call.served <= at]
    in_window = sum(at - 60 < (call.served or 0.0) for call in mine)
    running = sum(at < call.ended for call in mine)
    return (a_minute is None or in_window < a_minute) and (at_a_time is None or running < at_a_time)


@on_a_loop
@given(calls=some_calls)
def test_nobody_waits_while_a_deployment_that_would_do_has_room(calls: list[Call]) -> None:
    play(calls, until=2000)
    served = [call.served for call in calls if call.served is not None]
    moments = {*served, *(at + 60 for at in served), *(call.ended for call in calls), *(call.came for call in calls)}
    for moment in moments:
        look = moment + PROMPT
        waiting = [call for call in calls if call.came <= moment and call.waits_until > look]
        for call in waiting:
            for offer in call.offers:
                idle = has_room(calls, offer.deployment, moment) and has_room(calls, offer.deployment, look)
                assert not idle, f"{offer.deployment} is idle at {look} while {call} waits"


@on_a_loop
@given(calls=crowds)
def test_nobody_is_overtaken_by_one_who_came_later_and_would_take_the_same(calls: list[Call]) -> None:
    play(calls, until=2000)
    calls = sorted(calls, key=lambda call: call.came)
    for place, first in enumerate(calls):
        for later in calls[place + 1 :]:
            same = {offer.deployment for offer in first.offers} == {offer.deployment for offer in later.offers}
            if same and first.priority >= later.priority and first.left is None:
                assert first.waits_until <= later.waits_until + CLOSE or later.served is None


@on_a_loop
@given(calls=crowds)
def test_a_higher_priority_is_served_before_whoever_still_waits_for_the_same(calls: list[Call]) -> None:
    play(calls, until=2000)
    for urgent in calls:
        for other in calls:
            same = {offer.deployment for offer in urgent.offers} == {offer.deployment for offer in other.offers}
            waits = other.came < urgent.came < other.waits_until
            if same and waits and urgent.priority > other.priority and urgent.left is None and other.served is not None:
                assert urgent.served is not None
                assert urgent.served <= other.served + CLOSE


@on_a_loop
@given(calls=some_calls, until=st.sampled_from((20.0, 45.0, 61.0, 130.0)))
def test_a_place_that_is_given_up_is_used_by_another(calls: list[Call], until: float) -> None:
    calls = [replace(call, offers=tuple(map(limited, "abc")), priority=0, lasts=1.0) for call in calls]
    without = [replace(call) for call in calls if call.leaves_after == float("inf")]
    play(calls, until)
    play(without, until)
    assert sum(call.served is not None for call in calls) >= sum(call.served is not None for call in without)


@on_a_loop
@given(
    calls=st.lists(
        st.builds(
            lambda came, names, amount: Call(
                came, tuple(Offer(n, (Claim(Quota(n, Unit.IMAGES, 3 + 2 * "abc".index(n)), amount),)) for n in names)
            ),
            came=st.floats(min_value=0, max_value=100) | st.sampled_from((0.0, 60.3)),
            names=st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True),
            amount=st.sampled_from((1, 1, 1, 2, 3)),
        ),
        min_size=1,
        max_size=50,
    )
)
def test_a_ticket_for_rate_quotas_is_kept_to_the_tenth_of_a_second(calls: list[Call]) -> None:
    play(calls, until=5000)
    for call in calls:
        assert call.served is not None
        assert call.served - call.came == pytest.approx(call.foretold or 0.0, abs=PROMPT)


wanted = st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True).flatmap(
    lambda names: st.sampled_from((1, 1, 2)).map(lambda amount: tuple(rated(name, amount) for name in names))
)


def rated(name: str, amount: int) -> Offer:
    return Offer(name, (Claim(Quota(name, Unit.IMAGES, 2 + 2 * "abc".index(name)), amount),))


@on_a_loop
@given(
    calls=st.lists(
        st.builds(Call, came=st.floats(min_value=0, max_value=40), offers=wanted, leaves_after=patience), max_size=40
    ),
    asks=st.floats(min_value=0, max_value=60),
    early=st.booleans(),
    mine=wanted,
)
def test_a_full_store_names_the_time_at_which_there_is_room_behind_all_who_wait(
    calls: list[Call], asks: float, early: bool, mine: tuple[Offer, ...]
) -> None:
    async def run() -> MemoryStore:
        store, began = MemoryStore(), _clock.now()

        async def one(call: Call) -> None:
            leaves_before = call.came + call.leaves_after < asks
            with anyio.move_on_after(call.leaves_after if leaves_before else float("inf")):
                got = await store.reserve(call.offers, patience=1e9)
                if isinstance(got, Ticket):
                    await store.wait(got)

        async def asker() -> None:
            await anyio.sleep(asks)
            full = await store.reserve(mine)
            if isinstance(full, Full):
                assert full.seconds is not None
                if early and full.seconds > 2 * PROMPT:
                    await anyio.sleep(full.seconds - PROMPT)
                    assert isinstance(await store.reserve(mine), Full)
                else:
                    await anyio.sleep(full.seconds)
                    assert isinstance(await store.reserve(mine), Reservation)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asker)
            for call in sorted(calls, key=lambda call: call.came):
                if call.came < asks:
                    await _clock.sleep_until(began + call.came)
                    tasks.start_soon(one, call)
        return store

    on_virtual_time(run)


def test_a_limit_that_is_raised_lets_those_who_wait_in_at_once() -> None:
    quota = Quota("a", Unit.REQUESTS, 4, guard=0.0)

    async def run() -> MemoryStore:
        store = MemoryStore()
        held = [await store.reserve([Offer("a", (Claim(quota, 1),))]) for _ in range(3)]
        first, second, _ = (each for each in held if isinstance(each, Reservation))
        await store.settle(first, Report(Verdict.WELL, seen_limits=(SeenLimit(Unit.REQUESTS, 2),)))
        ticket = await store.reserve([Offer("a", (Claim(quota, 1),))], patience=100)
        assert isinstance(ticket, Ticket)
        assert ticket.seconds == pytest.approx(60)

        async def raise_it() -> None:
            await anyio.sleep(5.5)
            await store.settle(second, Report(Verdict.WELL, seen_limits=(SeenLimit(Unit.REQUESTS, 4),)))

        began = _clock.now()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(raise_it)
            assert isinstance(await store.wait(ticket), Reservation)
        assert _clock.now() - began == pytest.approx(5.5)
        return store

    on_virtual_time(run)


def test_when_one_who_needs_much_gives_up_those_behind_take_what_he_held_open() -> None:
    quota = Quota("a", Unit.IMAGES, 4, guard=0.0)
    little, much = (Offer("a", (Claim(quota, amount),)) for amount in (1, 4))

    async def run() -> MemoryStore:
        store = MemoryStore()
        assert isinstance(await store.reserve([little]), Reservation)
        large = await store.reserve([much], patience=100)
        small = await store.reserve([little], patience=1000)
        assert isinstance(large, Ticket)
        assert isinstance(small, Ticket)
        began = _clock.now()
        async with anyio.create_task_group() as tasks:

            async def give_up() -> None:
                with anyio.move_on_after(7.5):
                    await store.wait(large)

            tasks.start_soon(give_up)
            assert isinstance(await store.wait(small), Reservation)
        assert _clock.now() - began == pytest.approx(7.5)
        assert isinstance(await store.reserve([little]), Reservation), "nothing is held open for nobody"
        return store

    on_virtual_time(run)
