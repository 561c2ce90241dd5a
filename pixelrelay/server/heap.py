"""Memory that large answers leave behind: freed, and given back to the system.

glibc keeps what is freed for what comes next, and with it, after a crowd of large pictures, hundreds of megabytes of a
process that rests. See ``malloc_trim(3)``.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

GROWN = 16 << 20
"""Bytes by which a process has to have grown before it is worth the ten milliseconds that giving back may take."""


class Heap:
    """This process's, as glibc on Linux has it; elsewhere there is none to look after."""

    def __init__(self, give_back: Callable[[int], object], resident: Callable[[], int]) -> None:
        self._give_back = give_back
        self._resident = resident
        self._rested = resident()

    @classmethod
    def of_this_process(cls) -> Heap | None:
        give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
        return cls(give_back, _resident) if give_back is not None and _STATM.exists() else None

    def tidy(self) -> None:
        """Give back what is free, if the process has grown since it last did."""
        now = self._resident()
        if now >= self._rested + GROWN:
            self._give_back(0)
            self._rested = self._resident()
        else:
            self._rested = min(self._rested, now)


_STATM = Path("/proc/self/statm")


def _resident() -> int:
    """Bytes in memory."""
    return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
