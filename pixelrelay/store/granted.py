"""What one process was granted: to be settled, and for a minute to be told again.

A server that has lost everything learns from it what was booked, and what each quota may have been used.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from json import dumps
from typing import TypeAlias

from pixelrelay.quotas import WINDOW, Claim, Quota, Unit
from pixelrelay.store.base import Offer, Report, Reservation
from pixelrelay.store.mirror import Mirror, budget_state
from pixelrelay.store.wire import claims_text, spec_text

Told: TypeAlias = tuple[str, str, int, float]
"""A budget: its key, its spec, what was used of it, and how many seconds ago."""

REMEMBERED = WINDOW + 1.0
"""Seconds for which what was granted is remembered, after which no window holds it."""
MOST_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class Booked:
    """What was granted elsewhere, which the shared state has yet to count."""

    id: str
    offer: Offer
    age: float
    """Seconds since it was granted."""
    held: bool
    """Whether it is still to be settled; it is settled under the same id."""


@dataclass(slots=True, eq=False)
class Grant:
    """What this process was granted."""

    reservation: Reservation
    at: float
    epoch: str
    """In which the server counted it."""
    extra: bool = False
    """Whether it was granted elsewhere."""
    settled: Report | None = None

    def amount(self, claim: Claim) -> int:
        return claim.amount if self.settled is None else self.settled.used_of(claim)


class Granted:
    """What is held, and what was granted in the last minute."""

    def __init__(self) -> None:
        self.held: dict[str, Grant] = {}
        self._recent: deque[Grant] = deque(maxlen=MOST_REMEMBERED)

    def add(self, grant: Grant, *, held: bool = True) -> None:
        if held:
            self.held[grant.reservation.id] = grant
        self._recent.append(grant)
        while self._recent[0].at < grant.at - REMEMBERED:
            self._recent.popleft()

    def settle(self, id_: str, report: Report) -> bool:
        """Hold it no more. Whether it was held."""
        grant = self.held.pop(id_, None)
        if grant is not None:
            grant.settled = report
        return grant is not None

    def by_id(self) -> dict[str, Grant]:
        """All of them."""
        return {grant.reservation.id: grant for grant in (*self.held.values(), *self._recent)}


def elsewhere(booked: Booked, now: float) -> Grant:
    """What was granted elsewhere, as if it had been granted here then."""
    reservation = Reservation(booked.id, 0, booked.offer)
    return Grant(reservation, now - booked.age, epoch="", extra=True)


def booking(grant: Grant, now: float, *, held: bool) -> str | None:
    """What the server has to be told of a grant: ``None`` where it counts nowhere any more."""
    age = now - grant.at
    offer = grant.reservation.offer
    claims = [Claim(claim.quota, grant.amount(claim)) for claim in offer.all_claims]
    if not held:
        claims = [each for each in claims if each.amount > 0 and _counts(each.quota, grant, age)]
        if not claims and not grant.extra:
            return None  # of what was granted elsewhere the server may have heard that it is held
    parts = {
        "i": grant.reservation.id,
        "d": offer.deployment,
        "a": max(0.0, age),
        "h": held,
        "n": grant.reservation.index,
        "p": grant.reservation.probe,
        "l": max(0.0, offer.expected - age),
        "e": grant.epoch,
        "x": grant.extra,
    }
    return f'{dumps(parts)[:-1]},"c":{claims_text(claims)}}}'


def _counts(quota: Quota, grant: Grant, age: float) -> bool:
    """Whether what was granted some time ago, and is over, has to be told again."""
    if quota.span is not None:
        return grant.extra  # what the server granted, it has told of since
    return quota.unit is not Unit.CONCURRENT and age < REMEMBERED


def expected(grants: Iterable[Grant], held: Set[str], mirror: Mirror, processes: int, now: float) -> str:
    """What all processes may have used of each quota: in all, and of that while this one was apart.

    The first is for a server that has lost everything, the second for one that has not. Where more is not known,
    every process is thought to have used as much as this one.
    """
    used: defaultdict[Quota, list[int]] = defaultdict(lambda: [0, 0])
    for seen in mirror.quotas.values():
        if now - seen.at < WINDOW:
            used[seen.quota][0] = int(seen.raw[0])
    for quota, (own, apart) in _own_use(grants, held, now).items():
        each = used[quota]
        each[0], each[1] = max(each[0], own * processes), apart * processes
    return ",".join(dumps([q.key, spec_text(q), *amounts]) for q, amounts in used.items() if any(amounts))


def _own_use(grants: Iterable[Grant], held: Set[str], now: float) -> Mapping[Quota, tuple[int, int]]:
    """What this process was granted of each quota in the last window, or holds of slots: in all, and elsewhere."""
    own: defaultdict[Quota, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for grant in grants:
        holds = grant.reservation.id in held
        for claim in grant.reservation.offer.all_claims:
            if claim.quota.span is not None:
                continue
            if holds if claim.quota.unit is Unit.CONCURRENT else now - grant.at < WINDOW:
                amount, (total, apart) = grant.amount(claim), own[claim.quota]
                own[claim.quota] = total + amount, apart + (amount if grant.extra else 0)
    return own


def recalled(grants: Iterable[Grant], mirror: Mirror, now: float) -> tuple[list[Told], list[Told]]:
    """What a server that has lost everything has to know of budgets: of those of all, and of single users'.

    That is what was used when they were last told of, and what this process was granted since.
    """
    since: Tally[str] = Tally()
    for grant in grants:
        for claim in grant.reservation.offer.ours if not grant.extra else ():
            seen = mirror.budgets.get(claim.quota.key)
            if seen is not None and grant.at > seen.at:
                since[claim.quota.key] += grant.amount(claim)
    told: tuple[list[Told], list[Told]] = [], []
    for key, seen in mirror.budgets.items():
        if not seen.is_over(now):
            used = budget_state(seen.raw).used + since[key]
            told[seen.quota.personal].append((key, spec_text(seen.quota), used, now - seen.at))
    return told
