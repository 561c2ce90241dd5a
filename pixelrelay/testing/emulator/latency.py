"""How long drawing takes: around a median that grows with size, quality and steps, and never twice the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

QUALITY_FACTORS: Mapping[str, float] = {"low": 0.4, "medium": 1.0, "high": 2.0, "xhigh": 3.0, "max": 4.0}
SQUARE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Latency:
    """A log-normal law."""

    median: float
    """Seconds for one picture of 1024x1024 at medium quality and 50 steps."""
    spread: float = 0.25
    """Standard deviation of the logarithm: 0.25 puts one call in forty above 1.6 times the median. 0 for none."""
    growth: float = 0.5
    """The share of the median that grows with the pixels; the rest is there for any size."""
    per_further_picture: float = 0.15
    """What each picture of a call beyond the first adds, as a share."""
    constant: bool = False
    """Whether every call takes the median, whatever it asks for."""

    def seconds(
        self, rng: Random, size: tuple[int, int], quality: str | None = None, steps: int | None = None, n: int = 1
    ) -> float:
        """One draw from the law."""
        if self.constant:
            return self.median
        scale = 1.0 - self.growth + self.growth * size[0] * size[1] / SQUARE
        scale *= QUALITY_FACTORS.get(quality or "", 1.0)
        scale *= steps / 50 if steps is not None else 1.0
        scale *= 1.0 + self.per_further_picture * (n - 1)
        return self.median * scale * (rng.lognormvariate(0.0, self.spread) if self.spread else 1.0)


# Medians as third parties observed them in the autumn of 2026.
_MEDIANS: tuple[tuple[str, float], ...] = (
    ("gemini", 18.0),
    ("klein", 2.5),
    ("kontext", 7.5),
    ("flex", 8.0),
    ("max", 38.0),
    ("flux-3", 12.0),
    ("flux", 10.0),
    ("mini", 12.0),
    ("gpt-image", 20.0),
)


def typical(model: str) -> Latency:
    """The law of a model as it is met in the wild."""
    name = model.lower()
    return Latency(next((median for part, median in _MEDIANS if part in name), 10.0))
