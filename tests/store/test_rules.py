"""What the answers of a provider teach, by table, by property, and against providers that enforce."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelrelay.quotas import Claim, Quota, Shape, Unit
from pixelrelay.store.base import Offer, Report, Reservation, Verdict
from pixelrelay.store.memory import MemoryStore
from pixelrelay.store.rules import BETWEEN_STEPS, CLEAN_RUN, CUT, FLOOR, STEPS, Ladder, SlotLimit, rules_of
from tests.store.providers import Bucket, FixedMinute, Provider, Rolling, Traffic, at_once

unhurried = settings(deadline=None)

# --- the ladder --------------------------------------------------------------------------------------------------


def climbed(times: int, start: Shape = Shape.ROLLING) -> Ladder:
    ladder = Ladder(start=start)
    for number in range(times):
        ladder = ladder.rejected(now=number * BETWEEN_STEPS)
    return ladder


@pytest.mark.parametrize(
    ("start", "rejections", "shape", "factor"),
    [
        (Shape.ROLLING, 0, Shape.ROLLING, 1.0),
        (Shape.ROLLING, 1, Shape.SLICED, 1.0),
        (Shape.ROLLING, 2, Shape.PACED, 1.0),
        (Shape.ROLLING, 3, Shape.PACED, CUT),
        (Shape.SLICED, 1, Shape.PACED, 1.0),
        (Shape.SLICED, 2, Shape.PACED, CUT),
        (Shape.PACED, 2, Shape.PACED, CUT * CUT),
        (Shape.PACED, 50, Shape.PACED, FLOOR),
        (Shape.FIXED, 2, Shape.FIXED, CUT * CUT),
    ],
)
def test_each_429_makes_the_shape_stricter_and_then_the_share_smaller(
    start: Shape, rejections: int, shape: Shape, factor: float
) -> None:
    ladder = climbed(rejections, start)
    assert ladder.shape is shape
    assert ladder.factor == pytest.approx(factor)


def test_calls_that_were_under_way_already_are_rejected_without_a_further_step() -> None:
    once = Ladder().rejected(now=100)
    assert once.rejected(now=100 + BETWEEN_STEPS - 0.1).shape is once.shape
    assert once.rejected(now=100 + BETWEEN_STEPS).shape is not once.shape


def test_a_looser_shape_is_tried_after_a_clean_run_and_later_each_time() -> None:
    ladder = climbed(1)
    for _ in range(CLEAN_RUN - 1):
        ladder = ladder.succeeded(0.01)
    assert ladder.shape is Shape.SLICED
    ladder = ladder.succeeded(0.01)
    assert ladder.shape is Shape.ROLLING
    assert ladder.rejected(now=1e6).needed == 2 * CLEAN_RUN


def test_one_429_ends_a_clean_run_even_where_it_is_too_soon_for_a_step() -> None:
    ladder = climbed(1)
    for _ in range(CLEAN_RUN - 1):
        ladder = ladder.succeeded(0.01)
    assert ladder.rejected(now=1.0).succeeded(0.01).shape is Shape.SLICED


happenings = st.lists(
    st.tuples(
        st.floats(min_value=0, max_value=40),
        st.sampled_from(("rejected", "succeeded", "stated")),
        st.integers(min_value=-1, max_value=150),
    ),
    max_size=120,
)


@unhurried
@given(start=st.sampled_from(list(Shape)), configured=st.integers(min_value=1, max_value=120), happened=happenings)
def test_whatever_happens_the_ladder_stays_within_its_bounds(
    start: Shape, configured: int, happened: list[tuple[float, str, int]]
) -> None:
    ladder, now, steps = Ladder(start=start), 0.0, list[float]()
    for gap, what, number in happened:
        now += gap
        before = ladder
        match what:
            case "rejected":
                ladder = ladder.rejected(now)
                if (ladder.shape, ladder.factor) != (before.shape, before.factor):
                    steps.append(now)
            case "succeeded":
                ladder = ladder.succeeded(1 / configured)
                assert ladder.limit(configured) >= before.limit(configured)
            case _:
                ladder = ladder.stated(number)
        assert FLOOR <= ladder.factor <= 1
        assert 1 <= ladder.limit(configured) <= ladder.largest(configured) <= configured
        assert start not in STEPS or STEPS.index(ladder.shape) >= STEPS.index(start), "never looser than configured"
        rules = rules_of(Quota("q", Unit.REQUESTS, configured, start), ladder)
        assert rules.largest == ladder.largest(configured), "what was learned makes no call impossible"
        assert all(most <= configured for _, most in rules.windows)
    assert all(later - sooner >= BETWEEN_STEPS for sooner, later in pairwise(steps))


# --- against providers -------------------------------------------------------------------------------------------

MINUTES = 40


def learning(limit: int, provider: Provider, *, counts_rejected: bool = False, others: float = 0.0) -> Traffic:
    quota = Quota("east/requests", Unit.REQUESTS, limit, counts_rejected=counts_rejected)
    return Traffic(quota, provider, seed=limit, others_a_minute=others * limit)


ENFORCED: dict[str, Callable[[int], Provider]] = {
    "rolling": lambda limit: Rolling((60, limit)),
    "rolling and ten seconds": lambda limit: Rolling((60, limit), (10, ceil(limit / 6))),
    "token bucket": lambda limit: Bucket(limit, burst=max(1.0, limit / 6)),
    "fixed minutes": FixedMinute,
    "rejected calls counted": lambda limit: Rolling((60, limit), counts_rejected=True),
    "rejected calls counted, and ten seconds": lambda limit: Rolling(
        (60, limit), (10, ceil(limit / 6)), counts_rejected=True
    ),
}


@pytest.mark.parametrize("limit", [6, 15, 30, 100])
@pytest.mark.parametrize("enforced", ENFORCED)
def test_the_shape_of_a_limit_is_learned_from_its_429s(enforced: str, limit: int) -> None:
    traffic = learning(limit, ENFORCED[enforced](limit), counts_rejected="counted" in enforced)
    tally = traffic.run(a_minute=0.95 * limit, seconds=MINUTES * 60)
    half, end = MINUTES * 30, MINUTES * 60
    assert tally.share_rejected(after=half) <= 0.03
    assert tally.served(half, end) >= 0.9 * tally.possible(limit, half, end)


@pytest.mark.parametrize("load", [0.95, 1.5])
@pytest.mark.parametrize("taken", [0.1, 0.3])
def test_what_strangers_leave_of_a_quota_is_found_and_used(taken: float, load: float) -> None:
    """At 100 a minute. At 15, strangers who come at random leave too little of some minutes for any such promise:
    of the 15 they take 4.5 in the mean and more than 6 every sixth minute."""
    limit, half, end = 100, MINUTES * 30, MINUTES * 60
    traffic = learning(limit, Rolling((60, limit)), others=taken)
    tally = traffic.run(a_minute=load * (1 - taken) * limit, seconds=end)
    left = round(limit - sum(at >= half for at in tally.by_others) / (MINUTES / 2))
    assert tally.share_rejected(after=half) <= 0.03
    assert tally.served(half, end) >= 0.9 * tally.possible(left, half, end)


# --- concurrent slots --------------------------------------------------------------------------------------------


def test_a_429_at_seven_in_flight_means_six() -> None:
    assert SlotLimit().rejected(7).limit(24) == 6
    assert SlotLimit().rejected(1).limit(24) == 1, "one must be let in, or nothing would ever be learned again"


def test_a_second_429_of_the_same_moment_takes_only_one_slot_more() -> None:
    assert SlotLimit().rejected(10).rejected(9).limit(24) == 8


def test_a_slot_comes_back_for_as_many_successes_as_there_are_slots() -> None:
    slots = SlotLimit().rejected(4)
    limits = []
    for _ in range(3 + 4 + 5):
        slots = slots.succeeded(6)
        limits.append(slots.limit(6))
    assert limits == [3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 6]
    assert slots == SlotLimit()


@unhurried
@given(
    configured=st.integers(min_value=1, max_value=30),
    happened=st.lists(st.none() | st.integers(min_value=1, max_value=40), max_size=60),
)
def test_slots_that_were_learned_stay_between_one_and_the_configured_and_come_back(
    configured: int, happened: list[int | None]
) -> None:
    slots = SlotLimit()
    for in_flight in happened:
        slots = slots.succeeded(configured) if in_flight is None else slots.rejected(min(in_flight, configured))
        assert 1 <= slots.limit(configured) <= configured
    for _ in range(configured * configured):
        slots = slots.succeeded(configured)
    assert slots.limit(configured) == configured


@pytest.mark.parametrize(
    "quota",
    [
        Quota("images", Unit.IMAGES, 6, Shape.PACED),
        Quota("images", Unit.IMAGES, 6, Shape.FIXED),
        Quota("images", Unit.CONCURRENT, 6),
    ],
)
def test_a_call_for_more_than_was_learned_is_let_in_alone(quota: Quota) -> None:
    """Were it never let in, nothing would ever succeed, and the limit never come back."""
    now = [0.0]
    store = MemoryStore(clock=lambda: now[0], wall=lambda: now[0])
    one, five = (Offer("east", (Claim(quota, amount),)) for amount in (1, 5))
    for _ in range(20):
        held = at_once(store.reserve([one]))
        assert isinstance(held, Reservation)
        at_once(store.settle(held, Report(Verdict.SILENT, used={quota.unit: 0}, rejected=frozenset())))
        now[0] += 100
    assert store.state("east").quotas["images"].learned == 1
    large = at_once(store.reserve([five]))
    assert isinstance(large, Reservation)
    assert not isinstance(at_once(store.reserve([one])), Reservation)
