"""What ``/api/live`` tells: the fleet as it stands, what was spent, and the latest requests, in one JSON document.

Here it is that of one process; ``together`` makes one of several.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from statistics import fmean
from typing import Any

from pixelrelay import _clock
from pixelrelay.config.resolved import PIXELS
from pixelrelay.cost.spend import Spend, Spending
from pixelrelay.events import Event, StoreModeChanged
from pixelrelay.quotas import Quota, Unit
from pixelrelay.router import Router
from pixelrelay.router.candidates import Candidate, Group
from pixelrelay.router.limits import BudgetStanding
from pixelrelay.server.latest import Latest, dollars
from pixelrelay.server.telling import POOL
from pixelrelay.store.base import DeploymentState, Probation, QuotaState

SHARED, ALONE = "shared", "alone"


@dataclass(slots=True)
class Live:
    """What the live page shows of one router, as this process sees it."""

    router: Router
    latest: Latest = field(default_factory=Latest)
    began: float = field(default_factory=_clock.now)
    _store: StoreModeChanged | None = None

    @classmethod
    def of(cls, router: Router) -> Live:
        """Of ``router`` from now on."""
        live = cls(router)
        router.observe(live.latest)
        router.observe(live.noticed)
        return live

    def noticed(self, event: Event) -> None:
        if isinstance(event, StoreModeChanged):
            self._store = event

    def document(self, *, requests: int, draining: bool) -> dict[str, Any]:
        """``requests`` are under way."""
        store, uptime = self._standing(), round(_clock.now() - self.began, 1)
        router, spending = self.router, self.router.spend()
        states = {c.name: router.state(c.name) for group in router.groups.values() for c in group.candidates}
        quotas = {key: quota for state in states.values() for key, quota in state.quotas.items()}
        budgets = [router.budget(name) for name, budget in router.config.budgets.items() if budget.per is None]
        return {
            "at": round(_clock.wall(), 3),
            "uptime": uptime,
            "draining": draining,
            "workers": [
                {"process": os.getpid(), "uptime": uptime, "draining": draining, "degraded": store["degraded"]}
            ],
            "silent": 0,
            "in_flight": requests,
            "minute": self.latest.minute(),
            "store": store,
            "spend": _spend(spending.total),
            "budgets": [_budget(standing) for standing in budgets],
            "groups": [_group(group, states, quotas, spending) for group in router.groups.values()],
            "requests": self.latest.told(),
        }

    def _standing(self) -> dict[str, Any]:
        """``alone`` where quotas are this process's own, ``shared``, or what is done while the store is away."""
        if self.router.config.store_url is None:
            return {"mode": ALONE, "degraded": False, "processes": 1}
        if self._store is None:
            return {"mode": SHARED, "degraded": False, "processes": None}
        mode = self._store.mode
        return {"mode": mode, "degraded": mode != SHARED, "processes": self._store.processes}


def _group(
    group: Group, states: Mapping[str, DeploymentState], quotas: Mapping[str, QuotaState], spending: Spending
) -> dict[str, Any]:
    deployments = [
        _deployment(candidate, states[candidate.name], quotas, spending.deployments.get(candidate.name, Spend()))
        for candidate in group.candidates
    ]
    return {
        "name": group.name,
        "strategy": group.config.strategy,
        "fallbacks": list(group.config.fallbacks),
        "spend": _spend(spending.groups.get(group.name, Spend())),
        "deployments": deployments,
    }


def _deployment(
    candidate: Candidate, state: DeploymentState, quotas: Mapping[str, QuotaState], spend: Spend
) -> dict[str, Any]:
    deployment = candidate.deployment
    return {
        "name": deployment.name,
        "provider": deployment.provider.name,
        "model": deployment.target.model,
        "region": deployment.region,
        "tags": sorted(deployment.tags),
        "state": _condition(state),
        "cooling": round(state.cooling, 1),
        "age": _age(state.age),
        "in_flight": state.in_flight,
        "latency": _latency(candidate.latency.averages.values()),
        "quotas": [_quota(quota, quotas.get(quota.key)) for quota in deployment.quotas],
        "spend": _spend(spend),
    }


def _condition(state: DeploymentState) -> str:
    """``cooling`` for some seconds after failures; ``waiting`` for as long as its provider asked, which is no illness;
    ``ill``: one request at a time finds out whether it still is; or ``well``.
    """
    if state.probation is Probation.WELL:
        return "waiting" if state.cooling > 0 else "well"
    return "cooling" if state.cooling > 0 else "ill"


def _age(seconds: float) -> float | None:
    """Since when it stood so, as this process was told; ``None`` where it was told nothing."""
    return round(seconds, 3) if isfinite(seconds) else None


def _latency(averages: Iterable[float]) -> float | None:
    """Seconds of a call of late, over sizes of all classes; ``None`` before the first."""
    known = list(averages)
    return round(fmean(known), 3) if known else None


def _quota(quota: Quota, state: QuotaState | None) -> dict[str, Any]:
    """What has been claimed of it; of one that nobody claimed yet, nothing."""
    each = PIXELS if quota.unit is Unit.MEGAPIXELS else 1
    return {
        "unit": quota.unit.value,
        "pool": quota.key.removeprefix(POOL).rpartition("/")[0] if quota.key.startswith(POOL) else None,
        "used": round((state.used if state else 0) / each, 3),
        "limit": quota.limit / each,
        "learned": round((state.learned if state else quota.limit) / each, 3),
        "age": _age(state.age) if state else None,
    }


def _budget(standing: BudgetStanding) -> dict[str, Any]:
    return {
        "name": standing.name,
        "window": standing.window,
        "used": dollars(standing.used),
        "reserved": dollars(standing.reserved),
        "cap": dollars(standing.cap),
        "at_least": standing.at_least,
        "age": _age(standing.age),
    }


def _spend(spend: Spend) -> dict[str, Any]:
    return {"known": dollars(spend.known), "at_risk": dollars(spend.at_risk), "unpriced": spend.unpriced}
