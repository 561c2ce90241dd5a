"""The emulated providers let in what their limits say, and say truly when they will let in more."""

from __future__ import annotations

from math import ceil, floor

from hypothesis import given
from hypothesis import strategies as st

from pixelrelay.testing.emulator.quotas import Account, Enforcement, Limit, Rejection, Slots

arrivals = st.lists(st.tuples(st.floats(0, 30), st.integers(1, 4)), max_size=60)


def admitted(
    limit: int, enforcement: Enforcement, steps: list[tuple[float, int]], counts_rejected: bool = False
) -> list[tuple[float, int]]:
    account = Account({"images": Limit(limit, enforcement)}, counts_rejected=counts_rejected)
    now, let_in = 0.0, []
    for gap, amount in steps:
        now += gap
        if account.enter({"images": amount}, now) is None:
            let_in.append((now, amount))
    return let_in


def most_within(let_in: list[tuple[float, int]], window: float) -> int:
    """The fullest span of ``window`` seconds; the fullest begin with an arrival."""
    return max((sum(n for at, n in let_in if start <= at < start + window) for start, _ in let_in), default=0)


@given(arrivals, st.integers(1, 12), st.booleans())
def test_no_60_seconds_however_aligned_hold_more_than_a_rolling_limit(
    steps: list[tuple[float, int]], limit: int, counts_rejected: bool
) -> None:
    assert most_within(admitted(limit, Enforcement.ROLLING, steps, counts_rejected), 59.999) <= limit


@given(arrivals, st.integers(1, 30))
def test_azure_lets_in_no_more_than_a_sixth_within_10_seconds(steps: list[tuple[float, int]], limit: int) -> None:
    let_in = admitted(limit, Enforcement.SLICED, steps)

    assert most_within(let_in, 59.999) <= limit
    assert most_within(let_in, 9.999) <= ceil(limit / 6)


@given(arrivals, st.integers(1, 12))
def test_no_minute_of_the_clock_holds_more_than_a_fixed_limit(steps: list[tuple[float, int]], limit: int) -> None:
    let_in = admitted(limit, Enforcement.FIXED, steps)
    minutes = {floor(at / 60) for at, _ in let_in}

    assert all(sum(n for at, n in let_in if floor(at / 60) == minute) <= limit for minute in minutes)


@given(arrivals, st.integers(4, 12), st.sampled_from(Enforcement))
def test_whoever_comes_back_when_told_is_let_in(
    steps: list[tuple[float, int]], limit: int, enforcement: Enforcement
) -> None:
    account = Account({"images": Limit(limit * 6, enforcement)})
    now = 0.0
    for gap, amount in steps:
        now += gap
        met = account.enter({"images": amount}, now)
        if met is not None:
            now += met[1].retry_after + 1e-6
            assert account.enter({"images": amount}, now) is None


def test_a_fixed_minute_lets_two_minutes_worth_pass_at_its_turn() -> None:
    let_in = admitted(5, Enforcement.FIXED, [(59.0, 1)] + [(0.0, 1)] * 4 + [(1.5, 1)] + [(0.0, 1)] * 4)

    assert len(let_in) == 10


def test_a_provider_that_counts_rejected_calls_shuts_out_who_keeps_knocking() -> None:
    every_ten_seconds = [(10.0, 1)] * 60

    assert len(admitted(3, Enforcement.ROLLING, every_ten_seconds)) == 30
    assert len(admitted(3, Enforcement.ROLLING, every_ten_seconds, counts_rejected=True)) == 3


def test_a_call_that_meets_one_limit_counts_against_none() -> None:
    limits = {"requests": Limit(10, Enforcement.ROLLING), "images": Limit(4, Enforcement.ROLLING)}
    account = Account(limits)

    assert account.enter({"requests": 1, "images": 4}, 0.0) is None
    name, rejection = account.enter({"requests": 1, "images": 1}, 15.0) or ("", None)

    assert name == "images"
    assert rejection == Rejection(limit=4, used=4, asked=1, retry_after=45.0)
    assert limits["requests"].used(15.0) == 1


def test_a_slot_is_free_again_when_its_call_has_left() -> None:
    account = Account({}, Slots(1))

    assert account.enter({}, 0.0) is None
    assert account.enter({}, 0.0) is not None
    account.leave()
    assert account.enter({}, 0.0) is None


def test_a_call_larger_than_the_whole_limit_is_never_let_in() -> None:
    account = Account({"images": Limit(2, Enforcement.ROLLING)})

    met = account.enter({"images": 3}, 0.0)

    assert met is not None
    assert met[1].retry_after == 60.0
