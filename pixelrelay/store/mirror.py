"""What the shared store last told of deployments, quotas and budgets, for questions that cannot wait.

It tells of those that a step looked at. Of the others that a request may go to it is asked when they were not told of
for a while: often enough to choose by, and seldom enough that a busy server need not tell each request of all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pixelrelay.quotas import Calendar, Quota, Unit
from pixelrelay.store.base import BudgetState, DeploymentState, Offer, Probation, QuotaState

FRESH = 0.1
"""Seconds for which what was told of a deployment is good enough to choose by."""
TOLD = 8
"""Offers of one request, the best, of which the others than the first are asked after."""
MOST_BUDGETS = 10_000
"""Of which is remembered how they stood: those of users come without end."""

Raw = Sequence[Any]
"""A deployment as the scripts tell it: in flight, probation, seconds to cool, and of each quota what is used, what is
admitted, and the stated limit if one is known; of a budget what is used, what is reserved, and when some is free."""


@dataclass(slots=True)
class Seen:
    """A deployment as it was last told of."""

    raw: Raw
    offer: Offer
    """By which it was told of."""
    at: float
    """When, by this process's clock."""
    in_flight: int
    """With what this process has taken and given back since."""

    def state(self, quotas: Mapping[str, SeenQuota], now: float) -> DeploymentState:
        cooling = max(0.0, self.raw[2] - (now - self.at))
        probation = Probation(self.raw[1])
        if probation is Probation.COOLING and not cooling:
            probation = Probation.PROBING
        states = {claim.quota.key: quotas[claim.quota.key].state(now) for claim in self.offer.claims}
        return DeploymentState(self.in_flight, probation, cooling, states, now - self.at)


@dataclass(slots=True)
class SeenQuota:
    """A quota as it was last told of."""

    quota: Quota
    raw: Raw
    at: float

    def state(self, now: float) -> QuotaState:
        concurrent = self.quota.unit is Unit.CONCURRENT
        stated = self.raw[2] if len(self.raw) > 2 and not concurrent else None
        return QuotaState(self.quota.unit, self.raw[0], self.quota.limit, self.raw[1], stated, now - self.at)


@dataclass(slots=True)
class SeenBudget:
    """A budget as it was last told of."""

    quota: Quota
    raw: Raw
    at: float

    def is_over(self, now: float) -> bool:
        """Whether it is known that nothing of it counts any more."""
        frees = budget_state(self.raw).frees
        return frees is None or (isinstance(self.quota.span, Calendar) and now - self.at >= frees)

    def state(self, now: float) -> BudgetState:
        age = now - self.at
        if self.is_over(now):
            return BudgetState(age=age)
        told = budget_state(self.raw)
        return replace(told, frees=None if told.frees is None else max(0.0, told.frees - age), age=age)


def budget_state(raw: Raw) -> BudgetState:
    return BudgetState(raw[0], raw[1], float(raw[2]) if len(raw) > 2 else None, age=0.0)


@dataclass(slots=True)
class Mirror:
    """What one process was told, and what it did since. Moments are handed in."""

    seen: dict[str, Seen] = field(default_factory=dict)
    quotas: dict[str, SeenQuota] = field(default_factory=dict)
    """Of accounts."""
    budgets: dict[str, SeenBudget] = field(default_factory=dict)
    """The one that was told of last behind all others."""
    _asked: dict[str, float] = field(default_factory=dict)
    """When a deployment was last told of, or asked after."""

    def to_ask_after(self, offers: Sequence[Offer], now: float) -> list[int]:
        """Which of the best offers were not told of for a while; they count as asked after.

        The first is told of in any case.
        """
        asked, stale = self._asked, []
        for index in range(1, min(TOLD, len(offers))):
            name = offers[index].deployment
            if asked.get(name, -FRESH) <= now - FRESH:
                asked[name] = now
                stale.append(index)
        return stale

    def note(self, offer: Offer, raw: Raw, now: float) -> None:
        self.seen[offer.deployment] = Seen(raw, offer, now, raw[0])
        self._asked[offer.deployment] = now
        quotas, counted = self.quotas, raw[3]
        for claim, each in zip(offer.claims, counted, strict=False):
            quotas[claim.quota.key] = SeenQuota(claim.quota, each, now)
        if offer.ours:
            for claim, each in zip(offer.ours, counted[len(offer.claims) :], strict=True):
                if claim.quota.span is not None:
                    self.note_budget(claim.quota, each, now)

    def note_budget(self, quota: Quota, raw: Raw, now: float) -> None:
        self.budgets.pop(quota.key, None)
        self.budgets[quota.key] = SeenBudget(quota, raw, now)
        while len(self.budgets) > MOST_BUDGETS:
            del self.budgets[next(iter(self.budgets))]

    def shift(self, deployment: str, by: int) -> None:
        """Count what was taken or given back here since."""
        seen = self.seen.get(deployment)
        if seen is not None:
            seen.in_flight = max(0, seen.in_flight + by)

    # --- questions ---------------------------------------------------------------------------------------------

    def state(self, deployment: str, now: float) -> DeploymentState:
        """As last told, with what this process took and gave back since, and cooldowns counted down."""
        seen = self.seen.get(deployment)
        return DeploymentState() if seen is None else seen.state(self.quotas, now)

    def in_flight(self, deployment: str) -> int:
        seen = self.seen.get(deployment)
        return 0 if seen is None else seen.in_flight

    def utilisation(self, deployment: str) -> float:
        seen = self.seen.get(deployment)
        if seen is None:
            return 0.0
        counted = (self.quotas[claim.quota.key].raw for claim in seen.offer.claims)
        return max((raw[0] / raw[1] for raw in counted), default=0.0)

    def budget(self, quota: Quota, now: float) -> BudgetState:
        seen = self.budgets.get(quota.key)
        return BudgetState() if seen is None else seen.state(now)

    def used(self, quota_key: str, now: float) -> int:
        """What all processes together had used of a quota when it was last told of."""
        if quota_key in self.budgets:
            return self.budgets[quota_key].state(now).used
        seen = self.quotas.get(quota_key)
        return 0 if seen is None else int(seen.raw[0])

    # --- what is old -------------------------------------------------------------------------------------------

    def oldest(self, before: float) -> list[Seen]:
        """The deployments that were last told of before then, oldest first."""
        return sorted((seen for seen in self.seen.values() if seen.at < before), key=lambda seen: seen.at)

    def old_budgets(self, before: float) -> Iterator[Quota]:
        """Those that are not a single user's, and were last told of before then."""
        return (seen.quota for seen in self.budgets.values() if not seen.quota.personal and seen.at < before)
