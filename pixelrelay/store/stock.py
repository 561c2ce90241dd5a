"""Reservations taken ahead, where so many are needed that asking for each would be the larger part of the work.

A booking counts from the moment it is made, and the call it is used for may be sent ``HELD`` seconds later. So every
window of such a quota is made longer by as much: whatever is taken ahead, no window at the provider holds more than
the limit. What is not used in time is given back.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import exp
from typing import TypeAlias

from pixelrelay.quotas import Claim, Quota, Shape, Unit
from pixelrelay.store.base import Offer, Reservation

LARGE = 600
"""Calls a minute from which on a quota is taken in batches: below, a batch would keep places from other processes."""
HELD = 0.25
"""Seconds for which a reservation is kept that nobody has used yet."""
MOST = 50
"""The most that are taken with one step."""
_MEMORY = 1.0
"""Seconds over which the rate of asking is averaged."""

_Kind: TypeAlias = tuple[str, tuple[tuple[str, int], ...]]


@dataclass(slots=True)
class _Shelf:
    """What is kept of one kind, the oldest first, and how fast it is asked for."""

    kept: deque[tuple[float, Reservation]] = field(default_factory=deque)
    rate: float = 0.0
    asked_at: float = 0.0

    def ask(self, now: float) -> None:
        self.rate = self.rate * exp((self.asked_at - now) / _MEMORY) + 1 / _MEMORY
        self.asked_at = now


class Stock:
    """What one process has taken ahead. Moments are handed in."""

    def __init__(self) -> None:
        self._shelves: dict[_Kind, _Shelf] = defaultdict(_Shelf)
        self._widened: dict[Quota, Quota] = {}

    def widened(self, offer: Offer) -> Offer:
        """The offer with the windows of its large quotas made longer by ``HELD``."""
        if not _in_batches(offer):
            return offer
        return replace(offer, claims=tuple(Claim(self._wide(claim.quota), claim.amount) for claim in offer.claims))

    def _wide(self, quota: Quota) -> Quota:
        known = self._widened.get(quota)
        if known is None:
            known = self._widened[quota] = replace(quota, guard=quota.guard + HELD)
        return known

    def pop(self, offer: Offer, now: float) -> Reservation | None:
        """One that is kept for such an offer, and still fresh."""
        if not _in_batches(offer):
            return None
        shelf = self._shelves[_kind(offer)]
        shelf.ask(now)
        if not shelf.kept or shelf.kept[0][0] <= now:
            return None
        _, reservation = shelf.kept.popleft()
        return replace(reservation, index=0, offer=offer)

    def wanted(self, offer: Offer) -> int:
        """How many to take together with the one that is needed: as many as half of ``HELD`` will use."""
        return min(MOST, int(self._shelves[_kind(offer)].rate * HELD / 2)) if _in_batches(offer) else 0

    def put(self, taken: list[Reservation], now: float) -> None:
        for reservation in taken:
            self._shelves[_kind(reservation.offer)].kept.append((now + HELD, reservation))

    def stale(self, now: float) -> Iterator[Reservation]:
        """Those kept for too long; they are kept no more, and have to be given back."""
        for shelf in self._shelves.values():
            while shelf.kept and shelf.kept[0][0] <= now:
                yield shelf.kept.popleft()[1]


def _in_batches(offer: Offer) -> bool:
    """Whether all that it claims are large quotas of a window; spaced calls, slots and money are not had ahead."""
    return (
        bool(offer.claims)
        and not offer.ours
        and all(
            claim.quota.limit >= LARGE
            and claim.quota.unit is not Unit.CONCURRENT
            and claim.quota.shape in (Shape.ROLLING, Shape.SLICED)
            for claim in offer.claims
        )
    )


def _kind(offer: Offer) -> _Kind:
    return offer.deployment, tuple((claim.quota.key, claim.amount) for claim in offer.claims)
