"""Gauges that are read from routers when somebody scrapes: quotas, budgets, health, what is in flight."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias
from weakref import ref

from anyio import NoEventLoopError, RunFinishedError, from_thread
from anyio.lowlevel import EventLoopToken, current_token
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from pixelrelay.config import RelayConfig, ResolvedDeployment, resolve
from pixelrelay.config.resolved import PIXELS
from pixelrelay.metrics import catalogue
from pixelrelay.quotas import Quota, Unit
from pixelrelay.router import Router, SyncRouter
from pixelrelay.router.limits import BudgetStanding
from pixelrelay.store.base import DeploymentState, Probation, QuotaState

Observed: TypeAlias = Router | SyncRouter | RelayConfig

POOL = "pool:"
"""How the keys of shared quotas begin."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a router knows of its deployments and of its budgets, by name."""

    states: Mapping[str, DeploymentState] = field(default_factory=dict)
    budgets: Mapping[str, BudgetStanding] = field(default_factory=dict)


class Watched:
    """A router, its configuration as it is now, and the loop that it runs in."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed
        self._loop: EventLoopToken | None = None
        self._resolved: tuple[RelayConfig, tuple[ResolvedDeployment, ...]] | None = None
        self.remember_loop()

    @property
    def config(self) -> RelayConfig:
        return self._observed if isinstance(self._observed, RelayConfig) else self._observed.config

    @property
    def deployments(self) -> tuple[ResolvedDeployment, ...]:
        config = self.config
        if self._resolved is None or self._resolved[0] is not config:
            resolved = resolve(config)
            self._resolved = config, tuple(each for group in resolved.values() for each in group)
        return self._resolved[1]

    def remember_loop(self) -> None:
        """Note the running loop as the one that the router's state is to be read in."""
        with suppress(NoEventLoopError):
            self._loop = current_token()

    def seen(self) -> Seen:
        """How all stands; nothing where nobody can tell: no router, or its loop is not known yet or has ended."""
        observed, names = self._observed, [deployment.name for deployment in self.deployments]
        budgets = [name for name, budget in self.config.budgets.items() if budget.per is None]
        if isinstance(observed, RelayConfig):
            return Seen()

        def read() -> Seen:
            return Seen(
                {name: observed.state(name) for name in names}, {name: observed.budget(name) for name in budgets}
            )

        if isinstance(observed, SyncRouter):
            return read()
        if self._loop is None:
            return Seen()
        with suppress(NoEventLoopError):
            if current_token() == self._loop:
                return read()
        # Stores belong to their loop, and read its clock; a scrape mostly comes from a thread of its own.
        loop = self._loop.native_token
        if isinstance(loop, AbstractEventLoop) and not loop.is_running():
            return Seen()  # nobody would answer
        try:
            return from_thread.run_sync(read, token=self._loop)
        except RunFinishedError:
            return Seen()


class StateCollector(Collector):
    """The gauges of all routers that are observed through one registry.

    A deployment that several of them have is told once, as the latest of them sees it. A router that is gone is told
    no more.
    """

    def __init__(self) -> None:
        self._watched: list[ref[Watched]] = []

    def watch(self, watched: Watched) -> None:
        self._watched = [*(each for each in self._watched if each() is not None), ref(watched)]

    def describe(self) -> Iterable[Family]:
        return _Sheet().families.values()

    def collect(self) -> Iterable[Family]:
        sheet = _Sheet()
        for each in reversed(self._watched):
            if (watched := each()) is not None:
                seen = watched.seen()
                sheet.tell(watched.deployments, seen.states)
                sheet.tell_budgets(watched.config, seen.budgets)
        return sheet.families.values()


class _Sheet:
    """The gauges of one scrape, and what has been told on them."""

    def __init__(self) -> None:
        self.families = {
            metric: GaugeMetricFamily(metric.name, metric.help, labels=metric.labels) for metric in catalogue.STATE
        }
        self._told: set[str] = set()

    def tell(self, deployments: Iterable[ResolvedDeployment], states: Mapping[str, DeploymentState]) -> None:
        # A deployment's state has the quotas it has claimed; what it has not claimed of a pool, another may have.
        claimed = {key: quota for state in states.values() for key, quota in state.quotas.items()}
        for deployment in deployments:
            name = deployment.name
            if self._first(name):
                provider, model = deployment.provider.name, deployment.target.model
                self._add(catalogue.INFO, 1, name, deployment.group, provider, model, deployment.region or "")
                if name in states:
                    self._tell_state(name, states[name])
            for quota in deployment.quotas:
                if self._first(f"quota {quota.key}"):
                    self._tell_quota(quota, name, claimed.get(quota.key), known=bool(states))

    def tell_budgets(self, config: RelayConfig, budgets: Mapping[str, BudgetStanding]) -> None:
        for name, budget in config.budgets.items():
            if self._first(f"budget {name}"):
                self._add(catalogue.BUDGET_LIMIT, float(budget.dollars), name)
                if name in budgets:
                    self._add(catalogue.BUDGET_USED, float(budgets[name].used), name)

    def _tell_state(self, name: str, state: DeploymentState) -> None:
        self._add(catalogue.IN_FLIGHT, state.in_flight, name)
        self._add(catalogue.COOLDOWN_SECONDS, state.cooling, name)
        for probation in Probation:
            self._add(catalogue.HEALTH, state.probation is probation, name, probation.value)

    def _tell_quota(self, quota: Quota, deployment: str, state: QuotaState | None, *, known: bool) -> None:
        pool = quota.key.removeprefix(POOL).rpartition("/")[0] if quota.key.startswith(POOL) else ""
        labels = ("" if pool else deployment, pool, quota.unit.value)
        each = PIXELS if quota.unit is Unit.MEGAPIXELS else 1
        self._add(catalogue.QUOTA_LIMIT, quota.limit / each, *labels)
        if known:
            self._add(catalogue.QUOTA_USED, state.used / each if state else 0, *labels)
            self._add(catalogue.QUOTA_LEARNED, (state.learned if state else quota.limit) / each, *labels)

    def _first(self, what: str) -> bool:
        if what in self._told:
            return False
        self._told.add(what)
        return True

    def _add(self, metric: catalogue.Metric, value: float, *labels: str) -> None:
        self.families[metric].add_metric(labels, value)
