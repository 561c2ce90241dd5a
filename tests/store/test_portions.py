"""What each of several processes goes by while they cannot count together: their parts of every limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelrelay.quotas import Claim, Quota, Shape, Unit
from pixelrelay.store.base import Offer, Report, Reservation, Ticket, Verdict
from pixelrelay.store.memory import MemoryStore
from pixelrelay.store.rules import Ladder, Portion, rules_of
from tests.store.providers import at_once

counts = st.integers(min_value=1, max_value=40)
limits = st.integers(min_value=1, max_value=500)


@given(limit=limits, count=counts)
def test_the_parts_of_all_processes_add_up_to_the_limit(limit: int, count: int) -> None:
    parts = [Portion(index, count).of(limit) for index in range(count)]
    assert sum(parts) == max(limit, count)
    assert max(parts) - min(parts) <= 1


@given(limit=limits, count=counts)
def test_more_processes_than_calls_have_one_each_in_a_window_that_is_longer_in_proportion(
    limit: int, count: int
) -> None:
    windows = [Portion(index, count).stretch(limit) for index in range(count)]
    rate = sum(Portion(index, count).of(limit) / windows[index] for index in range(count))
    assert rate == pytest.approx(limit)


@given(limit=limits, count=counts, shape=st.sampled_from((Shape.ROLLING, Shape.SLICED, Shape.PACED)))
def test_all_processes_together_keep_each_window_of_a_shape(limit: int, count: int, shape: Shape) -> None:
    quota = Quota("a", Unit.REQUESTS, limit, shape, guard=0.0)
    each = [rules_of(quota, Ladder(start=shape), Portion(index, count)) for index in range(count)]
    whole = rules_of(quota, Ladder(start=shape))
    for at, (seconds, allowed) in enumerate(whole.windows):
        a_second = sum(rules.windows[at][1] / rules.windows[at][0] for rules in each)
        assert a_second == pytest.approx(allowed / seconds)
    if whole.spacing:
        assert sum(1 / rules.spacing for rules in each) == pytest.approx(1 / whole.spacing)
    assert all(rules.largest == limit for rules in each), "no part makes a call impossible"


def requests(limit: int) -> Quota:
    return Quota("a/requests", Unit.REQUESTS, limit, guard=0.0)


@dataclass
class Process:
    """One of several that cannot count together, on a manual clock of its own."""

    now: float = 0.0
    held: list[Reservation] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = MemoryStore(clock=lambda: self.now)

    def take(self, quota: Quota, most: int = 1000) -> int:
        """How many it takes in one moment until there is no room."""
        for taken in range(most):
            got = at_once(self.store.reserve([Offer("a", (Claim(quota, 1),))]))
            if not isinstance(got, Reservation):
                return taken
            self.held.append(got)
        return most

    def meet(self, quota: Quota) -> None:
        """Ask for the quota, so that it is known, and give back what was taken."""
        before = len(self.held)
        self.take(quota, 1)
        for held in self.held[before:]:
            at_once(self.store.cancel(held))
        del self.held[before:]


def share_out(processes: list[Process], quota: Quota) -> None:
    """As when the shared store is lost: each knows what all have used, and what it has used itself."""
    used = sum(process.store.used().get(quota.key, 0) for process in processes)
    for index, process in enumerate(processes):
        own: Mapping[str, int] = process.store.used()
        others = {quota.key: ceil(used / len(processes)) - own.get(quota.key, 0)}
        process.store.split(Portion(index, len(processes)), others)


@given(
    limit=st.integers(min_value=4, max_value=60),
    spent=st.lists(st.integers(min_value=0, max_value=20), min_size=2, max_size=4),
)
def test_what_was_spent_together_is_not_spent_again_apart(limit: int, spent: list[int]) -> None:
    quota = requests(limit)
    processes = [Process() for _ in spent]
    left = limit
    for process, amount in zip(processes, spent, strict=True):
        assert process.take(quota, min(amount, left)) == min(amount, left)
        left -= min(amount, left)
    for process in processes:
        process.meet(quota)
    share_out(processes, quota)
    later = sum(process.take(quota) for process in processes)
    assert later <= left


def test_a_minute_later_each_has_its_whole_portion() -> None:
    quota = requests(10)
    one, other = Process(), Process()
    assert one.take(quota, 10) == 10
    other.meet(quota)
    share_out([one, other], quota)
    assert (one.take(quota), other.take(quota)) == (0, 0)
    one.now = other.now = 60.001
    assert (one.take(quota), other.take(quota)) == (5, 5)


def test_back_together_what_was_counted_for_the_others_is_forgotten_and_the_whole_limit_holds() -> None:
    quota = requests(10)
    one = Process()
    assert one.take(quota, 2) == 2
    one.store.split(Portion(0, 2), {quota.key: 3})
    assert one.take(quota) == 0
    one.store.split(Portion())
    assert one.take(quota) == 8


@pytest.mark.anyio
async def test_who_waits_is_not_served_by_the_whole_limits_that_hold_again() -> None:
    quota = requests(10)
    one = Process()
    assert one.take(quota, 2) == 2
    one.store.split(Portion(0, 2), {quota.key: 3})
    ticket = await one.store.reserve([Offer("a", (Claim(quota, 1),))], patience=100)
    assert isinstance(ticket, Ticket)
    one.store.split(Portion())
    assert one.store.waiting == 0
    assert one.store.used()[quota.key] == 2, "he has to ask again, where all are counted"


def test_what_others_had_used_is_forgotten_when_it_must_have_left_the_window() -> None:
    slots = Quota("a/slots", Unit.CONCURRENT, 8)
    one = Process()
    one.meet(slots)
    one.store.split(Portion(0, 2), {slots.key: 3})
    assert one.take(slots) == 1
    one.store.forget_others()
    assert one.take(slots) == 3


def test_slots_are_shared_out_too_and_come_back_when_settled() -> None:
    slots = Quota("a/slots", Unit.CONCURRENT, 8)
    one = Process()
    assert one.take(slots, 1) == 1
    one.store.split(Portion(0, 2), {slots.key: 1})
    assert one.take(slots) == 2
    for held in one.held:
        at_once(one.store.settle(held, Report(Verdict.WELL)))
    assert one.take(slots) == 3, "one is counted for the other process until it is known to be free"
    one.store.split(Portion(0, 2))
    assert one.take(slots) == 1
