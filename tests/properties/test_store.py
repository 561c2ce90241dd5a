"""What the memory store promises of every history, on a manual clock: nothing above a quota, nothing half taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import ceil, floor

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pixelrelay.quotas import Claim, Quota, Shape, Unit
from pixelrelay.store.base import Full, Offer, Report, Reservation, Verdict
from pixelrelay.store.memory import MemoryStore
from tests.store.providers import at_once

unhurried = settings(deadline=None)
WELL = Report(Verdict.WELL)
CLOSE = 1e-4
"""Seconds: two orders above the store's own tolerance for timers that fire early."""
SOONER = 0.1
"""Seconds before the time that was named at which there must be no room yet."""


# --- never above a quota, at any alignment -----------------------------------------------------------------------


@dataclass(frozen=True)
class Do:
    """One step of a history: let ``gap`` seconds pass, or all until there is room, and do ``what``."""

    what: str
    gap: float = 0.0
    amount: int = 1
    pick: int = 0
    shape: Shape = Shape.ROLLING


@dataclass
class Booking:
    held: Reservation
    sent: float
    amount: int
    under: Quota


gaps = st.sampled_from((0.0, 0.0, 0.1, 9.9, 10.3, 59.8, 60.3)) | st.floats(min_value=0, max_value=20)
amounts = st.integers(min_value=1, max_value=5)
picks = st.integers(min_value=0, max_value=100)
booking = st.builds(Do, st.sampled_from(("ask", "ask", "insist")), gaps, amounts, picks)
undoing = st.builds(Do, st.sampled_from(("cancel", "settle")), gaps, amounts, picks)
respecifying = st.builds(Do, st.just("respecify"), gaps, amounts, st.integers(5, 15), st.sampled_from(Shape))


class Account:
    """One quota of one deployment on a manual clock, and what was sent under it."""

    def __init__(self, quota: Quota, wall: float) -> None:
        self.quota, self.now = quota, 0.0
        self.store = MemoryStore(clock=lambda: self.now, wall=lambda: self.now + wall)
        self.sent: list[Booking] = []
        self._open: list[Booking] = []

    def do(self, step: Do) -> None:
        self.now += step.gap
        match step.what:
            case "ask":
                self._ask(step.amount)
            case "insist":
                self._insist(step.amount)
            case "respecify":
                self.quota = replace(self.quota, limit=step.pick, shape=step.shape)
            case _ if self._open:
                ended = self._open.pop(step.pick % len(self._open))
                self._end(ended, 0 if step.what == "cancel" else step.amount)

    def _ask(self, amount: int) -> Full | None:
        got = at_once(self.store.reserve([Offer("east", (Claim(self.quota, amount),))]))
        if isinstance(got, Full):
            return got
        assert isinstance(got, Reservation), "no patience, no ticket"
        self._open.append(Booking(got, self.now, amount, self.quota))
        self.sent.append(self._open[-1])
        return None

    def _insist(self, amount: int) -> None:
        """Wait as long as the store says; then there is room, and just before there was none."""
        full = self._ask(amount)
        if full is None:
            return
        assert full.seconds is not None
        came = self.now
        if full.seconds > 2 * SOONER:
            self.now = came + full.seconds - SOONER
            assert self._ask(amount), f"there was room {SOONER} s before the time that was named"
        self.now = came + full.seconds
        assert self._ask(amount) is None, "there was no room at the time that was named"

    def _end(self, ended: Booking, used: int) -> None:
        used = min(used, ended.amount)
        if used:
            at_once(self.store.settle(ended.held, Report(Verdict.WELL, used={Unit.IMAGES: used})))
        else:
            at_once(self.store.cancel(ended.held))
        ended.amount = used


@dataclass(frozen=True)
class Arrival:
    """A call as the provider counts it: when, how much, and the place and the quota of its booking."""

    at: float
    amount: int
    number: int
    under: Quota


def arrivals(account: Account, lateness: Sequence[float]) -> list[Arrival]:
    late = [share * account.quota.guard for share in lateness]
    return sorted(
        (
            Arrival(sent.sent + late[number % len(late)], sent.amount, number, sent.under)
            for number, sent in enumerate(account.sent)
        ),
        key=lambda arrival: arrival.at,
    )


def spans(arrived: list[Arrival], seconds: float) -> list[list[Arrival]]:
    """What each half-open span of that length holds, wherever it begins: those that begin with a call suffice."""
    return [[a for a in arrived if first.at <= a.at < first.at + seconds - CLOSE] for first in arrived]


def assert_no_span_is_over_its_limit(arrived: list[Arrival], wall: float) -> None:
    """Each span by the quota of the last that was booked into it: the others were there when it was let in."""
    for span in spans(arrived, 60):
        last = max(span, key=lambda arrival: arrival.number)
        if last.under.shape is not Shape.FIXED:
            assert sum(a.amount for a in span) <= last.under.limit
    for span in spans(arrived, 10):
        last = max(span, key=lambda arrival: arrival.number)
        if last.under.shape is Shape.SLICED:
            share = max(ceil(last.under.limit / 6), last.amount)
            assert sum(a.amount for a in span) <= share, "a larger one may stand alone, and only alone"
    minutes = {floor((arrival.at + wall) / 60) for arrival in arrived}
    for minute in minutes:
        span = [a for a in arrived if floor((a.at + wall) / 60) == minute]
        last = max(span, key=lambda arrival: arrival.number)
        if last.under.shape is Shape.FIXED:
            assert sum(a.amount for a in span) <= last.under.limit


def assert_paced_calls_keep_their_distance(sent: list[Booking]) -> None:
    for before, after in pairwise([booking for booking in sent if booking.amount]):
        if after.under.shape is Shape.PACED:
            assert after.sent - before.sent >= before.amount * 60 / after.under.limit - CLOSE


lateness = st.lists(st.sampled_from((0.0, 1.0)) | st.floats(min_value=0, max_value=1), min_size=1, max_size=7)


@pytest.mark.parametrize("shape", Shape)
@unhurried
@given(
    limit=st.integers(min_value=5, max_value=15),
    guard=st.sampled_from((0.0, 0.3, 1.0)),
    wall=st.floats(min_value=0, max_value=60),
    steps=st.lists(booking | booking | undoing, max_size=60),
    late=lateness,
)
def test_no_span_of_time_holds_more_than_its_limit_however_late_each_call_arrives(
    shape: Shape, limit: int, guard: float, wall: float, steps: list[Do], late: list[float]
) -> None:
    account = Account(Quota("east/images", Unit.IMAGES, limit, shape, guard=guard), wall)
    for step in steps:
        account.do(step)
    assert_no_span_is_over_its_limit(arrivals(account, late), wall)
    assert_paced_calls_keep_their_distance(account.sent)


@unhurried
@given(
    shape=st.sampled_from(Shape),
    wall=st.floats(min_value=0, max_value=60),
    steps=st.lists(booking | booking | undoing | respecifying, max_size=60),
    late=lateness,
)
@example(
    shape=Shape.FIXED,
    wall=0.0,
    steps=[*[Do("ask", 0.0 if n else 58.0, 5) for n in range(2)], Do("respecify", 3.0, pick=10), Do("ask", 0.0, 5)],
    late=[0.0],
)
def test_nor_does_it_while_limits_and_shapes_are_configured_anew(
    shape: Shape, wall: float, steps: list[Do], late: list[float]
) -> None:
    account = Account(Quota("east/images", Unit.IMAGES, 10, shape), wall)
    for step in steps:
        account.do(step)
    assert_no_span_is_over_its_limit(arrivals(account, late), wall)
    assert_paced_calls_keep_their_distance(account.sent)


# --- all of it or nothing ----------------------------------------------------------------------------------------

POOL = Quota("pool:contoso/images", Unit.IMAGES, 9, guard=0.0)
QUOTAS: dict[str, tuple[Quota, ...]] = {
    "east": (Quota("east/requests", Unit.REQUESTS, 6, guard=0.0), POOL, Quota("east/slots", Unit.CONCURRENT, 3)),
    "west": (POOL, Quota("west/pixels", Unit.MEGAPIXELS, 5_000_000, guard=0.0)),
    "north": (Quota("north/requests", Unit.REQUESTS, 2, guard=0.0), Quota("north/slots", Unit.CONCURRENT, 4)),
}


def offer_of(deployment: str, images: int) -> Offer:
    asked = {Unit.REQUESTS: 1, Unit.IMAGES: images, Unit.MEGAPIXELS: images * 1_000_000, Unit.CONCURRENT: images}
    return Offer(deployment, tuple(Claim(quota, asked[quota.unit]) for quota in QUOTAS[deployment]), expected=7.0)


@dataclass
class Ledger:
    """What should be counted, kept by the test."""

    taken: list[tuple[float, str, int]] = field(default_factory=list)
    held: dict[str, tuple[Reservation, int]] = field(default_factory=dict)

    def used(self, quota: Quota, now: float) -> int:
        if quota.unit is Unit.CONCURRENT:
            return sum(
                claim.amount for held, _ in self.held.values() for claim in held.offer.claims if claim.quota == quota
            )
        return sum(amount for at, key, amount in self.taken if key == quota.key and at > now - 60)


vector_steps = st.lists(
    st.tuples(
        st.sampled_from(("ask", "ask", "settle", "cancel")),
        st.sampled_from((0.0, 0.0, 0.5, 7.0, 33.0, 61.0)),
        st.lists(st.sampled_from(sorted(QUOTAS)), min_size=1, max_size=3, unique=True),
        st.integers(min_value=1, max_value=4),
    ),
    max_size=60,
)


@unhurried
@given(steps=vector_steps)
def test_either_all_that_an_offer_claims_is_held_or_nothing(
    steps: list[tuple[str, float, list[str], int]],
) -> None:
    now, ledger = 0.0, Ledger()
    store = MemoryStore(clock=lambda: now)
    for what, gap, names, images in steps:
        now += gap
        if what == "ask":
            got = at_once(store.reserve([offer_of(name, images) for name in names]))
            if isinstance(got, Reservation):
                assert got.offer.deployment == names[got.index]
                ledger.held[got.id] = got, len(ledger.taken)
                ledger.taken += [(now, claim.quota.key, claim.amount) for claim in got.offer.claims]
        elif ledger.held:
            held, first = ledger.held.pop(list(ledger.held)[images % len(ledger.held)])
            if what == "cancel":
                at_once(store.cancel(held))
                for place in range(first, first + len(held.offer.claims)):
                    ledger.taken[place] = ledger.taken[place][0], ledger.taken[place][1], 0
            else:
                at_once(store.settle(held, WELL))
            at_once(store.cancel(held))
            at_once(store.settle(held, WELL))
        for name, quotas in QUOTAS.items():
            state = store.state(name)
            assert state.in_flight == sum(held.offer.deployment == name for held, _ in ledger.held.values())
            for quota in quotas:
                if quota.key in state.quotas:
                    assert state.quotas[quota.key].used == ledger.used(quota, now)
                    assert 0 <= state.quotas[quota.key].used <= quota.limit
