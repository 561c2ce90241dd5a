"""Event loops whose time is not the world's: one that jumps, one that runs faster.

The whole of pixelrelay reads time from the running loop, so it follows without knowing. For Trio, use
``trio.testing.MockClock(autojump_threshold=0)``.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable
from selectors import SelectorKey


class VirtualLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer when nothing is left to do, so that ten quiet minutes pass at once.

    Time stands still while code runs. Sockets and threads work, but nobody waits for them while a timer is set.
    """

    def __init__(self) -> None:
        self._now = 1000.0
        super().__init__(_TimedSelector(self._wait))

    def time(self) -> float:
        return self._now

    def _wait(self, timeout: float | None) -> float | None:
        if timeout is not None and timeout > 0:
            self._now += timeout
            return 0.0
        return timeout


class FastLoop(asyncio.SelectorEventLoop):
    """Runs ``speed`` times as fast as the world: a minute's quota refills in ``60 / speed`` real seconds."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._start = time.monotonic()
        super().__init__(_TimedSelector(lambda timeout: None if timeout is None else timeout / speed))

    def time(self) -> float:
        return self._start + (time.monotonic() - self._start) * self._speed


class _TimedSelector(selectors.DefaultSelector):
    """The platform's selector, asked first without waiting, and then for as long as ``wait`` makes of the timeout."""

    def __init__(self, wait: Callable[[float | None], float | None]) -> None:
        super().__init__()
        self._wait = wait

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        ready: list[tuple[SelectorKey, int]] = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        again: list[tuple[SelectorKey, int]] = super().select(self._wait(timeout))
        return again
