"""Memory of large answers: kept while they come, and given back to the system when they have gone.

glibc gives back what is freed at the end of the heap at once, so that every large answer has to have fresh pages, which
costs more than all else that is done for it; and it keeps for good what is freed below the last thing in use, after a
crowd of large pictures hundreds of megabytes. See ``mallopt(3)`` and ``malloc_trim(3)``.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

GROWN = 16 << 20
"""Bytes that a process may have more than at first. To give back two hundred megabytes takes ten milliseconds, and next
to nothing where there is nothing to give."""

KEPT = {-3: 32 << 20, -1: 64 << 20}
"""What ``mallopt`` is told: bytes from which on a block has pages of its own (``M_MMAP_THRESHOLD``), and bytes that
are kept at the end of the heap (``M_TRIM_THRESHOLD``). glibc comes to these by itself once one of 32 MB was freed."""


class Heap:
    """This process's, as glibc on Linux has it; elsewhere there is none to look after."""

    def __init__(self, give_back: Callable[[int], object], resident: Callable[[], int]) -> None:
        self._give_back = give_back
        self._resident = resident
        self._at_first = resident()

    @classmethod
    def of_this_process(cls) -> Heap | None:
        """Which from now on keeps what answers of many megabytes need."""
        libc = ctypes.CDLL(None)
        if not hasattr(libc, "malloc_trim") or not _STATM.exists():
            return None
        for option, value in KEPT.items():
            libc.mallopt(option, value)
        return cls(libc.malloc_trim, _resident)

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
