"""Images out of image-generation APIs: quickly, cheaply, and every time.

``Router`` (for asyncio and Trio) and ``SyncRouter`` serve requests from the deployments of a configuration.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pixelrelay.errors import (
    AmbiguousOutcomeError,
    AttemptsExhaustedError,
    BudgetExceededError,
    ConfigError,
    ContentRejectedError,
    DeadlineExceededError,
    IncompleteError,
    InvalidRequestError,
    NotServedError,
    PixelRelayError,
    ProviderRefusedError,
    QuotaExceededError,
    RequestRefusedError,
    StoreUnavailableError,
    UnknownModelError,
    UnservableRequestError,
)
from pixelrelay.images import Image, Images, StreamEvent
from pixelrelay.outcomes import Attempt, Charge, Failure, FailureKind, Route

if TYPE_CHECKING:
    from pixelrelay.router import Limits, Router, SyncRouter

__all__ = [
    "AmbiguousOutcomeError",
    "Attempt",
    "AttemptsExhaustedError",
    "BudgetExceededError",
    "Charge",
    "ConfigError",
    "ContentRejectedError",
    "DeadlineExceededError",
    "Failure",
    "FailureKind",
    "Image",
    "Images",
    "IncompleteError",
    "InvalidRequestError",
    "Limits",
    "NotServedError",
    "PixelRelayError",
    "ProviderRefusedError",
    "QuotaExceededError",
    "RequestRefusedError",
    "Route",
    "Router",
    "StoreUnavailableError",
    "StreamEvent",
    "SyncRouter",
    "UnknownModelError",
    "UnservableRequestError",
]


def __getattr__(name: str) -> Any:
    """Routers are loaded where they are first named, with the engine and pydantic behind them."""
    if name in {"Limits", "Router", "SyncRouter"}:
        return getattr(import_module("pixelrelay.router"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
