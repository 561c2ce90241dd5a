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
"""Bytes that a process may have more than at first. To give back two hundred megabytes takes ten milliseconds, and next
to nothing where there is nothing to give."""


class Heap:
    """This process's, as glibc on Linux has it; elsewhere there is none to look after."""

    def __init__(self, give_back: Callable[[int], object], resident: Callable[[], int]) -> None:
        self._give_back = give_back
        self._resident = resident
        self._at_first = resident()

    @classmethod
    def of_this_process(cls) -> Heap | None:
        give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
        return cls(give_back, _resident) if give_back is not None and _STATM.exists() else None

    def tidy(self) -> None:
        """Give back what is free, if the process is larger than it was at first by more than it may be.

        What is in use by then is not, so it is done at each look as long as that is so: what is freed later makes a
        process no smaller by itself.
        """
        if self._resident() >= self._at_first + GROWN:
            self._give_back(0)


_STATM = Path("/proc/self/statm")


def _resident() -> int:
    """Bytes in memory."""
    return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
