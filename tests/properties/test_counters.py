"""One quota's counter: what it admits, what it foretells, and what it is given back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelrelay.quotas import Quota, Shape, Unit
from pixelrelay.store.counters import NEVER, Counter, FixedCounter, RateCounter, SlotCounter
from pixelrelay.store.rules import Ladder, rules_of

unhurried = settings(deadline=None)
CLOSE = 1e-4


@dataclass(frozen=True)
class Step:
    """Let ``gap`` seconds pass, then either book ``amount`` or settle one of those booked, for so much of it."""

    gap: float
    amount: int
    settles: int | None
    part: float


gaps = st.sampled_from((0.0, 0.05, 10.0, 59.9, 60.3)) | st.floats(min_value=0, max_value=30)
steps = st.lists(
    st.builds(
        Step,
        gap=gaps,
        amount=st.integers(min_value=1, max_value=6),
        settles=st.none() | st.integers(min_value=0, max_value=30),
        part=st.sampled_from((0.0, 0.5, 1.0, 2.0)),
    ),
    max_size=40,
)
limits = st.integers(min_value=6, max_value=24)


def rate(limit: int, shape: Shape) -> RateCounter:
    return RateCounter(rules_of(Quota("q", Unit.IMAGES, limit, shape), Ladder(start=shape)))


def fixed(limit: int, shape: Shape) -> FixedCounter:
    assert shape is Shape.FIXED
    return FixedCounter(limit, 0.3, lambda moment: moment + 1_760_000_017.0)


def made(limit: int, shape: Shape) -> RateCounter | FixedCounter:
    return (fixed if shape is Shape.FIXED else rate)(limit, shape)


def after(counter: Counter, history: list[Step]) -> float:
    """The moment to which the history leads, with all of it done to the counter that it allowed."""
    now, booked = 1000.0, dict[str, int]()
    for number, step in enumerate(history):
        now += step.gap
        if step.settles is not None and booked:
            key = list(booked)[step.settles % len(booked)]
            counter.settle(key, int(booked.pop(key) * step.part))
        elif counter.has_room(step.amount, now):
            counter.book(key := f"b{number}", step.amount, now, 5.0)
            booked[key] = step.amount
    return now


@pytest.mark.parametrize("shape", Shape)
@unhurried
@given(history=steps, limit=limits, amount=st.integers(min_value=1, max_value=6))
def test_a_rate_quota_opens_at_the_very_moment_it_names_and_not_before(
    shape: Shape, history: list[Step], limit: int, amount: int
) -> None:
    counter = made(limit, shape)
    now = after(counter, history)
    opens = counter.opens(amount, now)
    assert counter.has_room(amount, opens)
    assert opens == now or not counter.has_room(amount, max(now, opens - CLOSE))
    assert counter.earliest(amount, now, now) == opens, "nobody waits, so nothing but bookings stand before it"


@pytest.mark.parametrize("shape", Shape)
@unhurried
@given(history=steps, limit=limits, line=st.lists(st.integers(min_value=1, max_value=6), min_size=1, max_size=12))
def test_whoever_waits_finds_room_when_the_forecast_says_and_the_forecast_stays_good(
    shape: Shape, history: list[Step], limit: int, line: list[int]
) -> None:
    counter = made(limit, shape)
    now = after(counter, history)
    times = []
    for number, amount in enumerate(line):
        times.append(counter.earliest(amount, now, now))
        counter.plan(f"w{number}", amount, times[-1], 5.0)
    assert times == sorted(times)
    for number, (amount, at) in enumerate(zip(line, times, strict=True)):
        assert counter.has_room(amount, at)
        assert counter.book(f"w{number}", amount, at, 5.0), "it came as it was foreseen"
    assert not counter.planned


@pytest.mark.parametrize("shape", Shape)
@unhurried
@given(history=steps, limit=limits, line=st.lists(st.integers(min_value=1, max_value=6), max_size=12))
def test_a_forecast_that_is_dropped_leaves_no_trace(
    shape: Shape, history: list[Step], limit: int, line: list[int]
) -> None:
    counter = made(limit, shape)
    now = after(counter, history)
    before = [counter.earliest(amount, now, now) for amount in range(1, 7)]
    for number, amount in enumerate(line):
        counter.plan(f"w{number}", amount, counter.earliest(amount, now, now), 5.0)
    counter.forget_plans()
    assert [counter.earliest(amount, now, now) for amount in range(1, 7)] == before


@pytest.mark.parametrize("shape", Shape)
@unhurried
@given(history=steps, limit=limits, amount=st.integers(min_value=1, max_value=6))
def test_what_is_booked_and_given_back_whole_was_never_there(
    shape: Shape, history: list[Step], limit: int, amount: int
) -> None:
    counter = made(limit, shape)
    now = after(counter, history)
    now = counter.opens(amount, now)
    before = [counter.opens(other, now) for other in range(1, 7)]
    counter.book("gone", amount, now, 5.0)
    assert counter.settle("gone", 0)
    assert not counter.settle("gone", 0)
    assert [counter.opens(other, now) for other in range(1, 7)] == before


@unhurried
@given(history=steps, limit=limits)
def test_what_counts_in_the_last_minute_is_what_was_booked_in_it_less_what_was_given_back(
    history: list[Step], limit: int
) -> None:
    counter, now, booked = rate(limit, Shape.ROLLING), 0.0, dict[str, tuple[float, int]]()
    for number, step in enumerate(history):
        now += step.gap
        if step.settles is not None and booked:
            key = list(booked)[step.settles % len(booked)]
            at, amount = booked[key]
            counter.settle(key, int(amount * step.part))
            # What has left the window is forgotten, and what is forgotten cannot come back.
            if at > now - 60.3:
                booked[key] = at, int(amount * step.part)
        elif counter.has_room(step.amount, now):
            counter.book(f"b{number}", step.amount, now, 0.0)
            booked[f"b{number}"] = now, step.amount
        near = [at for at, _ in booked.values() if abs(at - (now - 60.3)) < CLOSE]
        if not near:
            assert counter.used(now) == sum(amount for at, amount in booked.values() if at > now - 60.3)


@unhurried
@given(history=steps, limit=limits)
def test_slots_are_never_above_their_limit_never_negative_and_freed_once(history: list[Step], limit: int) -> None:
    counter, held = SlotCounter(limit), dict[str, int]()
    for number, step in enumerate(history):
        if step.settles is not None and held:
            key = list(held)[step.settles % len(held)]
            del held[key]
            assert counter.settle(key, 0)
            assert not counter.settle(key, 0)
        elif counter.has_room(step.amount, 0.0):
            counter.book(f"b{number}", step.amount, 0.0, 5.0)
            held[f"b{number}"] = step.amount
        assert counter.used(0.0) == sum(held.values())
        assert 0 <= counter.used(0.0) <= limit


@unhurried
@given(
    line=st.lists(
        st.tuples(st.integers(min_value=1, max_value=4), st.floats(min_value=0.5, max_value=30)),
        min_size=1,
        max_size=30,
    ),
    limit=st.integers(min_value=4, max_value=9),
)
def test_slots_are_foretold_as_a_plain_simulation_of_them_finds(line: list[tuple[int, float]], limit: int) -> None:
    counter, running, foretold, simulated = SlotCounter(limit), list[tuple[float, int]](), [], []
    now = 0.0
    for number, (amount, lasts) in enumerate(line):
        foretold.append(counter.earliest(amount, 0.0, 0.0))
        counter.plan(f"w{number}", amount, foretold[-1], lasts)

        while sum(held for end, held in running if end > now) + amount > limit:
            now = min(end for end, _ in running if end > now)
        simulated.append(now)
        running.append((now + lasts, amount))
    assert foretold == pytest.approx(simulated)


@pytest.mark.parametrize(
    "make", [lambda: rate(10, Shape.ROLLING), lambda: fixed(10, Shape.FIXED), lambda: SlotCounter(10)]
)
def test_more_than_a_quota_holds_never_fits(make: Callable[[], Counter]) -> None:
    counter = make()
    assert counter.opens(11, 0.0) == counter.earliest(11, 0.0, 0.0) == NEVER
    assert not counter.has_room(11, 0.0)
    assert counter.has_room(10, 0.0)
