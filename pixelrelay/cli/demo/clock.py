"""The clock of the demo's stage: quick while everybody waits, and still while somebody works."""

from __future__ import annotations

import asyncio
import selectors
import time
from selectors import SelectorKey


class StageLoop(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes a ``speed``-th of its time, and computing none.

    The emulators draw their pictures in the loop that the router runs in. On a clock that only ran faster
    (``FastLoop``), each millisecond of drawing would delay calls by ``speed`` of them, and quotas would seem to be
    overrun by nothing but a busy machine. Here such a machine makes the demo longer, and changes nothing else.
    """

    def __init__(self, speed: float) -> None:
        self._now = 1000.0
        self._began = time.monotonic()
        super().__init__(_Waits(self, speed))

    def time(self) -> float:
        return self._now

    @property
    def real_seconds(self) -> float:
        """By the world's clock, since the loop was made."""
        return time.monotonic() - self._began

    def pass_time(self, seconds: float) -> None:
        """Let the clock go on; the selector says by how much."""
        self._now += seconds


class _Waits(selectors.DefaultSelector):
    """Asked first without waiting; what is waited after that moves the clock, and never past the next timer."""

    def __init__(self, loop: StageLoop, speed: float) -> None:
        super().__init__()
        self._loop = loop
        self._speed = speed

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        ready: list[tuple[SelectorKey, int]] = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        began = time.monotonic()
        ready = super().select(None if timeout is None else timeout / self._speed)
        waited = (time.monotonic() - began) * self._speed
        if timeout is not None:
            # With nothing to be read, it was the timer that was waited for, to the end.
            waited = min(waited, timeout) if ready else timeout
        self._loop.pass_time(waited)
        return ready
