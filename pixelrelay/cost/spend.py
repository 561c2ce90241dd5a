"""What attempts have cost, added up: a ledger that listens to events, and the sums it tells.

A sum is kept as what is known to be spent, what may have been spent besides, and how many attempts nobody has a price
for: so it says what was spent at the least, at the most, and exactly where the two are the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from pixelrelay.cost.exact import EXACT
from pixelrelay.events import AttemptFinished, Event, RequestFinished, RequestStarted
from pixelrelay.outcomes import Attempt


@dataclass(frozen=True, slots=True)
class Spend:
    """A sum of dollars, as far as it is known."""

    known: Decimal = Decimal(0)
    """For pictures delivered, and for what is known to have been billed without one."""
    at_risk: Decimal = Decimal(0)
    """What failed or abandoned attempts may have cost besides."""
    unpriced: int = 0
    """Attempts that cost money, or may have, and nobody knows how much."""

    @property
    def at_least(self) -> Decimal:
        return self.known

    @property
    def at_most(self) -> Decimal | None:
        """``None`` where an attempt has no price."""
        return None if self.unpriced else EXACT.add(self.known, self.at_risk)

    @property
    def exact(self) -> Decimal | None:
        """``None`` where it is not known."""
        return self.known if self.at_most == self.known else None

    def __add__(self, other: Spend) -> Spend:
        known, at_risk = EXACT.add(self.known, other.known), EXACT.add(self.at_risk, other.at_risk)
        return Spend(known, at_risk, self.unpriced + other.unpriced)


def spend_of(attempt: Attempt) -> Spend:
    unpriced = attempt.cost is None or attempt.at_risk is None
    return Spend(attempt.cost or Decimal(0), attempt.at_risk or Decimal(0), int(unpriced))


@dataclass(frozen=True, slots=True)
class Spending:
    """What has been spent by one router, in all and apart."""

    total: Spend = Spend()
    deployments: Mapping[str, Spend] = field(default_factory=dict)
    groups: Mapping[str, Spend] = field(default_factory=dict)
    """By the group that was turned to; of a deployment that was named in its place, by the deployment."""
    providers: Mapping[str, Spend] = field(default_factory=dict)
    tags: Mapping[str, Spend] = field(default_factory=dict)
    """By the tags of the calls; what a call with two tags cost stands under both."""


class Ledger:
    """An observer that adds up what attempts cost, from when it began to listen. It knows the tags that led to one."""

    def __init__(self) -> None:
        self._total = Spend()
        self._sums: tuple[defaultdict[str, Spend], ...] = tuple(defaultdict(Spend) for _ in range(4))
        self._tags: dict[str, tuple[str, ...]] = {}
        """Of the requests under way."""

    def __call__(self, event: Event) -> None:
        match event:
            case RequestStarted(request_id=request_id, tags=tags) if tags:
                self._tags[request_id] = tags
            case RequestFinished(request_id=request_id):
                self._tags.pop(request_id, None)
            case AttemptFinished(request_id=request_id, attempt=attempt):
                self._count(attempt, self._tags.get(request_id, ()))

    def _count(self, attempt: Attempt, tags: tuple[str, ...]) -> None:
        spend = spend_of(attempt)
        if spend == Spend():
            return
        self._total += spend
        deployments, groups, providers, by_tag = self._sums
        deployments[attempt.deployment] += spend
        groups[attempt.group] += spend
        providers[attempt.provider] += spend
        for tag in dict.fromkeys(tags):
            by_tag[tag] += spend

    def spending(self) -> Spending:
        """What has been counted so far."""
        return Spending(self._total, *(MappingProxyType(dict(sums)) for sums in self._sums))
