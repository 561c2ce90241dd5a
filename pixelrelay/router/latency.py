"""How long a deployment takes: an average that jumps up on a slow answer and comes down slowly, by size class."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from pixelrelay.images import Size

CLASSES = (700_000, 1_600_000, 3_700_000)
"""Pixels up to which a size is small, middling, large; above, huge."""
WEIGHT = 0.15
"""Of one completion in the average: some seven of them make a new one, however long they take to come."""
VARIED = 0.25
"""Of one completion in the deviation. This, and four deviations for a slow call, are those of TCP (RFC 6298)."""
LEAST_SLOWER = 0.1
"""Of the average, by how much a slow call is slower at the least: a run of like answers makes deviations too small."""


def size_class(size: Size | None) -> int:
    """From 0, the smallest; a size left to the provider counts as middling."""
    return 1 if size is None else bisect_left(CLASSES, size.pixels)


@dataclass(slots=True)
class Latency:
    """What the completions of one deployment tell. Failures are not told: a quick refusal is not quick service."""

    averages: dict[int, float] = field(default_factory=dict)
    """Seconds of one call, by size class."""
    deviations: dict[int, float] = field(default_factory=dict)
    """By how many seconds calls differ from their average."""
    least: float | None = None
    """The quickest of late, in seconds."""

    def completed(self, seconds: float, size: Size | None, images: int) -> None:
        single = seconds / _longer(images)
        kind = size_class(size)
        known = self.averages.get(kind)
        # The peak: one slow answer counts at once, so that a deployment in trouble is left before its average says so.
        self.averages[kind] = single if known is None or single > 2 * known else known + WEIGHT * (single - known)
        missed = single / 4 if known is None else abs(single - known)
        self.deviations[kind] = (1 - VARIED) * self.deviations.get(kind, missed) + VARIED * missed
        self.least = single if self.least is None else min(single, self.least * 1.02)

    def expected(self, size: Size | None, images: int = 1) -> float | None:
        """Seconds for a call of so many pictures; by another size class where this one is unknown, else ``None``."""
        kind = self._nearest(size)
        return None if kind is None else self.averages[kind] * _longer(images)

    def slow(self, size: Size | None, images: int = 1) -> float | None:
        """As ``expected``, for a slow call: few take longer."""
        kind = self._nearest(size)
        if kind is None:
            return None
        average = self.averages[kind]
        return (average + max(4 * self.deviations[kind], LEAST_SLOWER * average)) * _longer(images)

    def _nearest(self, size: Size | None) -> int | None:
        kind = size_class(size)
        if kind in self.averages:
            return kind
        return min(self.averages, key=lambda known: abs(known - kind), default=None)


def _longer(images: int) -> float:
    """How much longer several pictures in one call take than one: about half as long again for each."""
    return 1 + 0.5 * (max(1, images) - 1)
