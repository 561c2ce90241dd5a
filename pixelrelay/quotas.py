"""What an account may use, and what may be spent: the values that configuration, providers and stores share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

WINDOW = 60.0
"""Seconds of the window that a limit "a minute" speaks of."""


class Unit(Enum):
    """What a quota counts. Amounts are whole numbers: megapixels are counted in pixels, dollars in millionths."""

    REQUESTS = "requests"
    IMAGES = "images"
    MEGAPIXELS = "megapixels"
    CONCURRENT = "concurrent"
    DOLLARS = "dollars"


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


class Calendar(Enum):
    """A window that begins with each full hour, each day or each month, in UTC."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


Span: TypeAlias = Calendar | int
"""The window of a budget: one of the calendar's, or a rolling one of so many seconds."""


@dataclass(frozen=True, slots=True)
class Quota:
    """One limit of one account, or of our own, counted under ``key`` by every router that shares the store."""

    key: str
    """Stable and unique in a fleet: ``eastus/requests``, or ``pool:contoso/images`` where deployments share it."""
    unit: Unit
    limit: int
    """A minute, in ``span`` where there is one, or at a time for ``CONCURRENT``; in the unit's whole amounts."""
    shape: Shape = Shape.ROLLING
    counts_rejected: bool = False
    """Whether the provider counts the calls that it answers with 429."""
    guard: float = 0.3
    """Seconds added to each window: how much later one call may be counted than another sent at the same time."""
    span: Span | None = None
    """Of a budget, which is counted by our own clock: ``shape`` and ``guard`` are nothing to it."""
    ours: bool = False
    """Whether we set it ourselves: then nothing that a provider answers teaches anything about it."""
    personal: bool = False
    """Whether it is one of very many that come and go, as those of end users do."""


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
