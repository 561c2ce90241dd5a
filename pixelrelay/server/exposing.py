"""Metrics for Prometheus, where the extra ``metrics`` is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixelrelay.router import Router

if TYPE_CHECKING:
    from pixelrelay.metrics import PrometheusObserver


@dataclass(frozen=True, slots=True)
class Metrics:
    """What a router's observer has counted; of all processes, in prometheus-client's multi-process mode."""

    observer: PrometheusObserver

    @classmethod
    def of(cls, router: Router) -> Metrics | None:
        """Let ``router`` be counted; ``None`` where the extra is missing."""
        try:
            from pixelrelay.metrics import PrometheusObserver
        except ImportError:
            return None
        from prometheus_client import CollectorRegistry, ProcessCollector

        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        observer = PrometheusObserver(router, registry)
        router.observe(observer)
        return cls(observer)

    def text(self) -> tuple[str, bytes]:
        """The media type and the whole exposition."""
        from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

        return CONTENT_TYPE_LATEST, generate_latest(self.observer.exposed)
