"""What listens to events: metrics for Prometheus, spans for OpenTelemetry, and log lines.

``PrometheusObserver`` needs the extra ``metrics``, ``OpenTelemetryObserver`` the extra ``otel``; each is loaded where
it is first named. ``log_attempts`` needs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pixelrelay.metrics.logs import log_attempts

if TYPE_CHECKING:
    from pixelrelay.metrics.prometheus import PrometheusObserver
    from pixelrelay.metrics.spans import OpenTelemetryObserver

__all__ = ["OpenTelemetryObserver", "PrometheusObserver", "log_attempts"]

_OPTIONAL = {
    "OpenTelemetryObserver": ("pixelrelay.metrics.spans", "otel"),
    "PrometheusObserver": ("pixelrelay.metrics.prometheus", "metrics"),
}


def __getattr__(name: str) -> Any:
    if name not in _OPTIONAL:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, extra = _OPTIONAL[name]
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] == "pixelrelay":
            raise
        raise ImportError(
            f"pixelrelay.metrics.{name} needs {missing.name!r}, which is not installed: "
            f"pip install 'pixelrelay[{extra}]'"
        ) from missing
