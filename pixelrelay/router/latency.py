"""How long a deployment takes: an average that jumps up on a slow answer and comes down slowly, by size class."""

from __future__ import annotations

from dataclasses import dataclass, field

from pixelrelay.images import Size

CLASSES = (700_000, 1_600_000, 3_700_000)
"""Pixels up to which a size is small, middling, large; above, huge."""
WEIGHT = 0.15
"""Of one completion in the average: some seven of them make a new one, however long they take to come."""


def size_class(size: Size | None) -> int:
    """From 0, the smallest; a size left to the provider counts as middling."""
    return 1 if size is None else sum(size.pixels > limit for limit in CLASSES)


@dataclass(slots=True)
class Latency:
    """What the completions of one deployment tell. Failures are not told: a quick refusal is not quick service."""

    averages: dict[int, float] = field(default_factory=dict)
    """Seconds of one call, by size class."""
    least: float | None = None
    """The quickest of late, in seconds."""

    def completed(self, seconds: float, size: Size | None, images: int) -> None:
        """Several pictures in one call take longer than one; about half as long again for each."""
        single = seconds / (1 + 0.5 * (max(1, images) - 1))
        kind = size_class(size)
        known = self.averages.get(kind)
        # The peak: one slow answer counts at once, so that a deployment in trouble is left before its average says so.
        self.averages[kind] = single if known is None or single > 2 * known else known + WEIGHT * (single - known)
        self.least = single if self.least is None else min(single, self.least * 1.02)

    def expected(self, size: Size | None) -> float | None:
        """Seconds for one picture of ``size``; from another size class where this one is unknown, else ``None``."""
        if not self.averages:
            return None
        kind = size_class(size)
        return self.averages[min(self.averages, key=lambda known: abs(known - kind))]
