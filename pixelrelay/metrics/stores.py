"""How shared stores answer, and how quotas are counted while they do and while they do not.

A router with a store in its own memory tells nothing of this, and none of these series begins.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from threading import Lock
from weakref import WeakKeyDictionary

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from pixelrelay.events import StoreAsked, StoreModeChanged
from pixelrelay.metrics import catalogue, labels


class StoreCalls:
    """The round trips of all routers that count into one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        seconds, errors = catalogue.STORE_SECONDS, catalogue.STORE_ERRORS
        self._seconds = Histogram(
            seconds.name, seconds.help, seconds.labels, registry=registry, buckets=seconds.buckets
        )
        self._errors = Counter(errors.name, errors.help, errors.labels, registry=registry)
        self._seconds_of: Mapping[str, Histogram] = {}
        self._errors_of: Mapping[tuple[str, str], Counter] = {}

    def begin(self) -> None:
        """Begin all series, so that the first of each error is an increase."""
        if self._errors_of:
            return
        self._seconds_of = {step: self._seconds.labels(step) for step in labels.STEPS}
        self._errors_of = {
            (step, error): self._errors.labels(step, error) for step in labels.STEPS for error in labels.STORE_ERRORS
        }

    def ended(self, event: StoreAsked) -> None:
        self.begin()
        step = labels.known(event.step, labels.STEPS)
        self._seconds_of[step].observe(event.seconds)
        if event.error is not None:
            self._errors_of[step, labels.known(event.error, labels.STORE_ERRORS)].inc()


class StoreModes(Collector):
    """How many of the routers of one registry count their quotas in each way, and how many processes share them.

    A router that is gone is counted no more: else one that ended while its store was away would be told of forever.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        mode, processes = catalogue.STORE_MODE, catalogue.STORE_PROCESSES
        # Not registered itself, because it has to be counted anew before it is collected.
        self._gauge = Gauge(mode.name, mode.help, mode.labels, registry=None, multiprocess_mode="livesum")
        # Of several processes the latest to tell knows best: the others may have been cut off since.
        self._processes = Gauge(
            processes.name, processes.help, processes.labels, registry=None, multiprocess_mode="livemostrecent"
        )
        self._modes: WeakKeyDictionary[object, str] = WeakKeyDictionary()
        self._told = False
        self._lock = Lock()
        registry.register(self)

    def changed(self, who: object, event: StoreModeChanged) -> None:
        """Note the mode that ``who`` is in from now on."""
        with self._lock:
            self._told = True
            self._modes[who] = event.mode
            self._processes.set(event.processes)
            self._count()

    def describe(self) -> Iterable[Family]:
        return [*self._gauge.describe(), *self._processes.describe()]

    def collect(self) -> Iterable[Family]:
        self.count_anew()
        # A gauge without labels would stand at 0 before anybody has told.
        processes = self._processes.collect() if self._told else self._processes.describe()
        return [*self._gauge.collect(), *processes]

    def count_anew(self) -> None:
        """Leave out the routers that are gone."""
        with self._lock:
            if self._told:
                self._count()

    def _count(self) -> None:
        tally = Tally(self._modes.values())
        for mode in labels.MODES:
            self._gauge.labels(mode).set(tally[mode])
