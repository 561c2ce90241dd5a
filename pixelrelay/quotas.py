"""What an account may use: the values that configuration, providers and stores share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

WINDOW = 60.0
"""Seconds of the window that a limit "a minute" speaks of."""


class Unit(Enum):
    """What a quota counts. Amounts are whole numbers: megapixels are counted in pixels."""

    REQUESTS = "requests"
    IMAGES = "images"
    MEGAPIXELS = "megapixels"
    CONCURRENT = "concurrent"


class Shape(Enum):
    """How a provider spreads a limit "a minute" over time.

    Each admits a subset of what ``ROLLING`` admits, so a stricter guess costs waiting and never a rejection.
    """

    ROLLING = "rolling"
    """No 60 seconds, wherever they begin, hold more than the limit. Safe under fixed minutes too."""
    SLICED = "sliced"
    """As rolling, and no 10 seconds hold more than a sixth of it, rounded up (Azure)."""
    PACED = "paced"
    """As rolling, and calls are spread evenly: the limit is a speed, not an allowance."""
    FIXED = "fixed"
    """Counted anew at each full minute of the wall clock, and known to be."""


@dataclass(frozen=True, slots=True)
class Quota:
    """One limit of one account, counted under ``key`` by every router that shares the store."""

    key: str
    """Stable and unique in a fleet: ``eastus/requests``, or ``pool:contoso/images`` where deployments share it."""
    unit: Unit
    limit: int
    """A minute, or at a time for ``CONCURRENT``; in pixels for ``MEGAPIXELS``."""
    shape: Shape = Shape.ROLLING
    counts_rejected: bool = False
    """Whether the provider counts the calls that it answers with 429."""
    guard: float = 0.3
    """Seconds added to each window: how much later one call may be counted than another sent at the same time."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one attempt asks of one quota."""

    quota: Quota
    amount: int


@dataclass(frozen=True, slots=True)
class SeenLimit:
    """A limit as a provider's answer states it, in whole units a minute (or at a time)."""

    unit: Unit
    limit: int
