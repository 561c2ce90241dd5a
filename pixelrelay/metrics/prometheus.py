"""Metrics for Prometheus, counted from events. Their names, labels and meanings stand in ``catalogue``."""

from __future__ import annotations

import os
from collections import Counter as Tally
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from pixelrelay.config import RelayConfig
from pixelrelay.errors import BudgetExceededError
from pixelrelay.events import (
    AttemptFinished,
    AttemptStarted,
    DeploymentChanged,
    Event,
    FellBack,
    RequestFinished,
    RequestStarted,
    StoreAsked,
    StoreModeChanged,
    WaitFinished,
    WaitStarted,
)
from pixelrelay.images import Operation, Size
from pixelrelay.metrics import catalogue, labels
from pixelrelay.metrics.state import Observed, StateCollector, Watched
from pixelrelay.metrics.stores import StoreCalls, StoreModes
from pixelrelay.outcomes import Attempt, FailureKind
from pixelrelay.store.base import Probation

E = TypeVar("E", bound=Event)


class PrometheusObserver:
    """Counts what a router does, and tells its state when somebody scrapes.

    Give it the router, and let the router tell it::

        router = Router.from_config("relay.yaml")
        router.observe(PrometheusObserver(router))

    Series come from the configuration alone, and those of a deployment that a reload adds begin with it. A
    configuration may stand in the router's place; then nothing is told of its state, and reloads are not noticed.
    Several routers may share a registry: their counts add up, and each has its deployments in the gauges.
    """

    def __init__(self, observed: Observed, registry: CollectorRegistry = REGISTRY) -> None:
        self._registry = registry
        self._families = _families_in(registry)
        self._watched = Watched(observed)
        self._families.state.watch(self._watched)
        self._waiting: Tally[str] = Tally()
        self._deployments: dict[str, _Deployment] = {}
        self._groups: dict[str, _Group] = {}
        self._budgets: dict[str, Counter] = {}
        self._config: RelayConfig | None = None
        self._sizes: Mapping[str, int] = {}
        self._handlers: Mapping[type[Event], Callable[[Any], None]] = {
            RequestStarted: self._request_started,
            RequestFinished: self._request_finished,
            WaitStarted: self._wait_started,
            WaitFinished: self._wait_finished,
            AttemptStarted: self._attempt_started,
            AttemptFinished: self._attempt_finished,
            FellBack: self._fell_back,
            DeploymentChanged: self._deployment_changed,
            StoreModeChanged: self._store_mode_changed,
            StoreAsked: self._families.store_calls.ended,
        }
        self._learn_names()

    def __call__(self, event: Event) -> None:
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    @property
    def exposed(self) -> CollectorRegistry:
        """The registry to scrape.

        In prometheus-client's multi-process mode it adds up the processes, and has the state of deployments as the
        router of this process sees it; else it is the one that the observer was given.
        """
        if not _multi_process():
            return self._registry
        self._families.store_modes.count_anew()
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # prometheus-client leaves it without types
        registry.register(self._families.state)
        return registry

    # --- events ------------------------------------------------------------------------------------------------

    def _request_started(self, event: RequestStarted) -> None:  # noqa: ARG002 - handlers are called alike
        self._watched.remember_loop()
        self._learn_names()

    def _request_finished(self, event: RequestFinished) -> None:
        group = self._group(event.group if event.group in self._sizes else labels.UNKNOWN)
        outcome = labels.outcome_of(event.error)
        group.ended[event.operation, outcome].inc()
        ended = labels.SERVED if event.error is None else labels.FAILED
        group.seconds(event.operation, event.size, ended).observe(event.duration)
        if isinstance(event.error, BudgetExceededError):
            self._budget(event.error.budget).inc()

    def _wait_started(self, event: WaitStarted) -> None:
        self._waiting[event.request_id] += 1
        self._group(event.group).waiting.inc()

    def _wait_finished(self, event: WaitFinished) -> None:
        group = self._group(event.group)
        if self._waiting[event.request_id]:  # else it began before anybody listened
            group.waiting.dec()
            self._waiting[event.request_id] -= 1
        if not self._waiting[event.request_id]:
            del self._waiting[event.request_id]
        outcome = labels.SERVED if event.served else labels.GIVEN_UP
        group.waits(event.operation, event.size, outcome).observe(event.waited)

    def _attempt_started(self, event: AttemptStarted) -> None:
        before = event.after
        if before is None or before.failure is None or before.group != event.group:
            return
        reason = before.failure.kind.value
        if before.deployment == event.deployment:
            self._deployment(event.deployment).retries[reason].inc()
            return
        few = self._sizes.get(event.group, 1) <= labels.FEW
        to = event.deployment if few else labels.ANOTHER
        self._families.failovers.labels(before.deployment, to, reason).inc()

    def _attempt_finished(self, event: AttemptFinished) -> None:
        deployment, attempt = self._deployment(event.attempt.deployment), event.attempt
        outcome, kind = labels.attempt_outcome(event)
        deployment.ended[outcome, kind].inc()
        deployment.paid(attempt)
        if outcome != labels.ABANDONED:
            deployment.seconds(event.operation, event.size, outcome).observe(attempt.duration)
        if attempt.images:
            deployment.images[event.operation].inc(attempt.images)
            if event.drawn is not None:
                deployment.megapixels[event.operation].inc(attempt.images * event.drawn.pixels / 1e6)

    def _fell_back(self, event: FellBack) -> None:
        self._families.fallbacks.labels(event.group, event.to, event.reason).inc()

    def _deployment_changed(self, event: DeploymentChanged) -> None:
        if event.probation == Probation.COOLING.value and event.cooling:
            self._deployment(event.deployment).cooldowns.inc()

    def _store_mode_changed(self, event: StoreModeChanged) -> None:
        self._families.store_modes.changed(self, event)

    # --- names -------------------------------------------------------------------------------------------------

    def _learn_names(self) -> None:
        """Begin the series of all that the configuration names, so that the first of each event is an increase.

        Names of an earlier configuration stay known: requests may still end under them.
        """
        config = self._watched.config
        if config is self._config:
            return
        self._config = config
        self._sizes = {**self._sizes, **labels.groups_of(config)}
        if config.store is not None:
            self._families.store_calls.begin()
        for name in (*config.budgets, *([labels.ANOTHER] if config.budgets else ())):
            self._budgets.setdefault(name, self._families.budget_refusals.labels(name))
        for name, group in config.models.items():
            self._group(name)
            for deployment in group.deployments:
                self._deployment(deployment.name)

    def _budget(self, name: str) -> Counter:
        """Of one that a caller brought, no name: that is the caller's."""
        known = name if name in self._budgets else labels.ANOTHER
        return self._budgets.get(known) or self._families.budget_refusals.labels(known)

    def _group(self, name: str) -> _Group:
        known = self._groups.get(name)
        if known is None:
            known = self._groups[name] = _Group(self._families, name)
        return known

    def _deployment(self, name: str) -> _Deployment:
        known = self._deployments.get(name)
        if known is None:
            known = self._deployments[name] = _Deployment(self._families, name)
        return known


class _Families:
    """The metrics of one registry. Every observer of it counts into the same."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(metric: catalogue.Metric) -> Counter:
            return Counter(metric.name, metric.help, metric.labels, registry=registry)

        def histogram(metric: catalogue.Metric) -> Histogram:
            return Histogram(metric.name, metric.help, metric.labels, registry=registry, buckets=metric.buckets)

        self.requests = counter(catalogue.REQUESTS)
        self.request_seconds = histogram(catalogue.REQUEST_SECONDS)
        self.wait_seconds = histogram(catalogue.WAIT_SECONDS)
        waiting = catalogue.WAITING
        self.waiting = Gauge(waiting.name, waiting.help, waiting.labels, registry=registry, multiprocess_mode="livesum")
        self.fallbacks = counter(catalogue.FALLBACKS)
        self.attempts = counter(catalogue.ATTEMPTS)
        self.attempt_seconds = histogram(catalogue.ATTEMPT_SECONDS)
        self.retries = counter(catalogue.RETRIES)
        self.failovers = counter(catalogue.FAILOVERS)
        self.cooldowns = counter(catalogue.COOLDOWNS)
        self.images = counter(catalogue.IMAGES)
        self.megapixels = counter(catalogue.MEGAPIXELS)
        self.cost = counter(catalogue.COST)
        self.undelivered = counter(catalogue.UNDELIVERED)
        self.at_risk = counter(catalogue.AT_RISK)
        self.unpriced = counter(catalogue.UNPRICED)
        self.budget_refusals = counter(catalogue.BUDGET_REFUSALS)
        self.store_calls = StoreCalls(registry)
        self.store_modes = StoreModes(registry)
        self.state = StateCollector()
        registry.register(self.state)


_FAMILIES: WeakKeyDictionary[CollectorRegistry, _Families] = WeakKeyDictionary()
_LOCK = Lock()


def _families_in(registry: CollectorRegistry) -> _Families:
    with _LOCK:
        known = _FAMILIES.get(registry)
        if known is None:
            known = _FAMILIES[registry] = _Families(registry)
        return known


class _Group:
    """The children of one group, each resolved once."""

    def __init__(self, families: _Families, name: str) -> None:
        self.waiting = families.waiting.labels(name)
        self.ended = {
            (operation, outcome): families.requests.labels(name, operation.value, outcome)
            for operation in Operation
            for outcome in labels.OUTCOMES
        }
        self.seconds = _timed(families.request_seconds, name)
        self.waits = _timed(families.wait_seconds, name)


class _Deployment:
    """The children of one deployment, each resolved once."""

    def __init__(self, families: _Families, name: str) -> None:
        kinds = [kind.value for kind in FailureKind]
        endings = [(labels.SERVED, ""), (labels.ABANDONED, ""), *((labels.FAILED, kind) for kind in kinds)]
        self.ended = {ending: families.attempts.labels(name, *ending) for ending in endings}
        self.retries = {kind: families.retries.labels(name, kind) for kind in kinds}
        self.images = {operation: families.images.labels(name, operation.value) for operation in Operation}
        self.megapixels = {operation: families.megapixels.labels(name, operation.value) for operation in Operation}
        self.cooldowns = families.cooldowns.labels(name)
        self.seconds = _timed(families.attempt_seconds, name)
        self._cost = families.cost.labels(name)
        self._undelivered = families.undelivered.labels(name)
        self._at_risk = families.at_risk.labels(name)
        self._unpriced = families.unpriced.labels(name)

    def paid(self, attempt: Attempt) -> None:
        """Count what the attempt cost, and what it may have cost besides."""
        _count(self._cost if attempt.succeeded else self._undelivered, attempt.cost)
        _count(self._at_risk, attempt.at_risk)
        if attempt.cost is None or attempt.at_risk is None:
            self._unpriced.inc()


def _count(counter: Counter, dollars: Decimal | None) -> None:
    if dollars:
        counter.inc(float(dollars))


def _timed(family: Histogram, name: str) -> Callable[[Operation, Size | None, str], Histogram]:
    """The histogram of each operation, size class and outcome, begun when it is first needed: most never are."""

    @cache
    def child(operation: Operation, size: str, outcome: str) -> Histogram:
        return family.labels(name, operation.value, size, outcome)

    return lambda operation, size, outcome: child(operation, labels.size_name(size), outcome)


def _multi_process() -> bool:
    return "PROMETHEUS_MULTIPROC_DIR" in os.environ
