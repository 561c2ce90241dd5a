"""A cap on further attempts, so that an outage is not multiplied by those who try to get around it."""

from __future__ import annotations

from dataclasses import dataclass, replace

MINUTE = 60.0
MOST_SAVED = 100.0


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """Each request earns ``share`` of a further attempt; besides, ``floor`` of them are free in any minute.

    ``requested`` and ``spent`` return the next budget. After Finagle's budget: a share, and a floor for quiet times.
    """

    share: float = 0.2
    floor: int = 60
    saved: float = 0.0
    free: float | None = None
    """What is left of the floor; ``None`` before its first use, when all of it is."""
    at: float = 0.0

    def requested(self) -> RetryBudget:
        saved = min(MOST_SAVED, self.saved + self.share)
        return self if saved == self.saved else replace(self, saved=saved)

    def spent(self, now: float) -> RetryBudget | None:
        """After one further attempt; ``None`` if it is not to be made."""
        free = self.floor if self.free is None else min(self.floor, self.free + (now - self.at) * self.floor / MINUTE)
        if free >= 1.0:
            return replace(self, free=free - 1.0, at=now)
        if self.saved >= 1.0:
            return replace(self, saved=self.saved - 1.0, free=free, at=now)
        return None
