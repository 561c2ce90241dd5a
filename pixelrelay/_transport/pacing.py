"""How long to wait between polls, and before something free is tried again."""

from __future__ import annotations

from random import Random

LEAST = 0.5
MOST = 3.0
JITTER = 0.2

DOWNLOAD_TRIES = 4


def first_poll(expected: float | None) -> float:
    """Seconds until the first poll of a job that is thought to take ``expected``; ``None`` if nobody knows."""
    return _clamp(0.25 * expected) if expected is not None else LEAST


def next_poll(elapsed: float, rng: Random) -> float:
    """Seconds until the next poll of a job submitted ``elapsed`` ago: a tenth of that, out of step with others."""
    return _clamp(0.1 * elapsed) * rng.uniform(1 - JITTER, 1 + JITTER)


def next_try(failed: int, rng: Random) -> float:
    """Seconds until a download is tried again that has ``failed`` so often."""
    return _clamp(LEAST * 2.0 ** (failed - 1)) * rng.uniform(1 - JITTER, 1 + JITTER)


def _clamp(seconds: float) -> float:
    return min(max(seconds, LEAST), MOST)
