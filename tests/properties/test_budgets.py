"""Whatever is reserved, spent and given back: no window of a budget holds more than its cap."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelrelay.quotas import Calendar, Claim, Quota, Span, Unit
from pixelrelay.store.base import Full, Offer, Report, Reservation, Verdict
from pixelrelay.store.memory import MemoryStore
from pixelrelay.store.rules import Portion
from tests.store.direct import in_python
from tests.store.providers import at_once

unhurried = settings(deadline=None)
seldom = settings(deadline=None, max_examples=50)
CAP = 100
SPANS: tuple[Span, ...] = (*Calendar, 60, 97, 3600)


@dataclass(frozen=True)
class Do:
    """Let ``gap`` windows pass, then reserve ``amount``, or settle one of those that are open for so much."""

    gap: float
    amount: int
    settles: int | None = None


@dataclass
class Spend:
    held: Reservation
    at: float
    reserved: int
    spent: int = -1

    @property
    def amount(self) -> int:
        return self.reserved if self.spent < 0 else self.spent


gaps = st.sampled_from((0.0, 0.0, 0.012, 0.3, 0.985, 0.99, 0.995, 1.0, 1.02)) | st.floats(0, 1.2)
amounts = st.sampled_from((60, 60, 40, 0)) | st.integers(0, 60)
steps = st.lists(st.builds(Do, gaps, amounts) | st.builds(Do, gaps, amounts, st.integers(0, 20)), max_size=60)
walls = st.sampled_from((0.0, 1_795_824_000.0 - 10)) | st.floats(0, 4e9)


def length(span: Span) -> float:
    return _SECONDS[span] if isinstance(span, Calendar) else span


_SECONDS = {Calendar.HOUR: 3600.0, Calendar.DAY: 86_400.0, Calendar.MONTH: 2_629_746.0}


def window_of(span: Span, wall: float) -> object:
    """What two moments have in common that lie in one window of the calendar."""
    moment = datetime.fromtimestamp(wall, UTC)
    names = {Calendar.HOUR: "%Y-%m-%d %H", Calendar.DAY: "%Y-%m-%d", Calendar.MONTH: "%Y-%m"}
    return moment.strftime(names[cast("Calendar", span)])


@dataclass
class Purse:
    """One budget on a manual clock, and all that was ever spent of it."""

    span: Span
    wall: float
    overspends: bool = False
    shared: bool = False
    now: float = 0.0
    spends: list[Spend] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.quota = Quota("budget:b", Unit.DOLLARS, CAP, span=self.span, ours=True)
        alone = MemoryStore(clock=self.clock, wall=self.clock)
        self.store = cast("MemoryStore", in_python().join(clock=self.clock)) if self.shared else alone

    def clock(self) -> float:
        return self.now + self.wall

    def play(self, steps: list[Do]) -> None:
        for step in steps:
            self.now += step.gap * length(self.span)
            opened = [spend for spend in self.spends if spend.spent < 0]
            if step.settles is None:
                self.ask(step.amount)
            elif opened:
                self.settle(opened[step.settles % len(opened)], step.amount)

    def ask(self, amount: int) -> Full | None:
        got = at_once(self.store.reserve([Offer("east", ours=(Claim(self.quota, amount),))]))
        if isinstance(got, Full):
            return got
        assert isinstance(got, Reservation)
        self.spends.append(Spend(got, self.now, amount))
        return None

    def settle(self, spend: Spend, amount: int) -> None:
        spend.spent = amount if self.overspends else min(amount, spend.reserved)
        at_once(self.store.settle(spend.held, Report(Verdict.WELL, ours={Unit.DOLLARS: spend.spent})))

    def counts_together(self, one: Spend, other: Spend) -> bool:
        if isinstance(self.span, Calendar):
            return window_of(self.span, self.wall + one.at) == window_of(self.span, self.wall + other.at)
        return abs(one.at - other.at) < self.span - 1e-4

    def windows(self) -> list[int]:
        """What each window holds that ends with a spend."""
        return [
            sum(other.amount for other in self.spends[: end + 1] if self.counts_together(other, last))
            for end, last in enumerate(self.spends)
        ]


@pytest.mark.parametrize("span", SPANS)
@unhurried
@given(steps=steps, wall=walls)
def test_no_window_holds_more_than_the_cap(span: Span, steps: list[Do], wall: float) -> None:
    purse = Purse(span, wall)
    purse.play(steps)
    assert max(purse.windows(), default=0) <= CAP


@pytest.mark.parametrize("span", SPANS)
@seldom
@given(steps=steps, wall=walls)
def test_nor_does_it_by_the_script(span: Span, steps: list[Do], wall: float) -> None:
    purse = Purse(span, wall, shared=True)
    purse.play(steps)
    assert max(purse.windows(), default=0) <= CAP


@pytest.mark.parametrize("span", SPANS)
@unhurried
@given(steps=steps, wall=walls)
def test_nothing_is_let_in_beside_a_debt(span: Span, steps: list[Do], wall: float) -> None:
    """Only what was let in may cost more than was reserved: whoever is let in finds room beside all that is known."""
    purse = Purse(span, wall, overspends=True)
    for step in steps:
        known = list(purse.spends)
        purse.play([step])
        if len(purse.spends) > len(known):
            last = purse.spends[-1]
            assert sum(other.amount for other in known if purse.counts_together(other, last)) + last.reserved <= CAP


@pytest.mark.parametrize("span", SPANS)
@unhurried
@given(steps=steps, wall=walls, amount=st.integers(1, CAP))
def test_a_budget_opens_when_it_says(span: Span, steps: list[Do], wall: float, amount: int) -> None:
    purse = Purse(span, wall, overspends=True)
    purse.play(steps)
    full = purse.ask(amount)
    if full is None:
        return
    assert full.seconds is not None
    assert full.seconds <= length(span) * (1.03 if not isinstance(span, Calendar) else 1.02)
    came = purse.now
    purse.now = came + full.seconds - 1e-3
    assert purse.ask(amount), "there was room before"
    purse.now = came + full.seconds
    assert purse.ask(amount) is None, "there was no room when there should have been"


@pytest.mark.parametrize("span", SPANS)
@unhurried
@given(steps=steps, wall=walls, amount=st.integers(1, CAP))
def test_what_is_given_back_whole_was_never_there(span: Span, steps: list[Do], wall: float, amount: int) -> None:
    purse = Purse(span, wall)
    purse.play(steps)
    before = purse.store.budget(purse.quota)
    if purse.ask(amount) is None:
        during = purse.store.budget(purse.quota)
        assert (during.used, during.reserved) == (before.used + amount, before.reserved + amount)
        purse.settle(purse.spends[-1], 0)
    assert purse.store.budget(purse.quota) == before


@pytest.mark.parametrize("span", SPANS)
@unhurried
@given(
    before=steps, after=steps, wall=walls, parts=st.integers(1, 7), seen=st.integers(0, CAP), index=st.integers(0, 6)
)
def test_apart_all_processes_together_spend_no_more_than_was_left(
    span: Span, before: list[Do], after: list[Do], wall: float, parts: int, seen: int, index: int
) -> None:
    """Each goes by its part, and counts what all had spent when they were last together as shared out evenly."""
    total = 0
    for number in range(parts):
        purse = Purse(span, wall)
        purse.ask(0)
        others = -(-seen // parts)
        purse.store.split(Portion(number, parts), {purse.quota.key: others})
        for step in before if number == index else after:
            purse.play([replace(step, gap=0.0)])
        total += sum(spend.amount for spend in purse.spends)
    assert total <= max(0, CAP - seen)
