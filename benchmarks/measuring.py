"""Measuring from within a process. It runs in every contender's environment, so it needs the standard library alone."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import resource
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

Figures: TypeAlias = dict[str, float]
"""What was measured: seconds, bytes and counts, never milliseconds or megabytes."""
One: TypeAlias = Callable[[], Awaitable[object]]


async def timed(one: One, side_by_side: int, seconds: float) -> Figures:
    """So many always under way, for so long, one at least; each that was begun is finished and counts."""
    took: list[float] = []
    gc.collect()
    began, worked = time.perf_counter(), time.process_time()

    async def some() -> None:
        start = began
        while not took or start - began < seconds:
            start = time.perf_counter()
            await one()
            took.append(time.perf_counter() - start)

    await asyncio.gather(*(some() for _ in range(side_by_side)))
    worked, wall = time.process_time() - worked, time.perf_counter() - began
    return {
        "requests": len(took),
        "wall": wall,
        "cpu": worked,
        "a_second": len(took) / wall,
        "cpu_a_request": worked / len(took),
        **quantiles(took),
        "rss": now_resident(),
    }


async def held(one: One, at_once: int) -> Figures:
    """Memory that so many at a time need, their answers kept until the last has come: bytes for each of them."""
    gc.collect()
    give_back()
    forget_peak()
    before = now_resident()
    answers = await asyncio.gather(*(one() for _ in range(at_once)))
    peak = peak_resident()
    gc.collect()
    give_back()
    kept = now_resident()
    del answers
    return {"peak_each": (peak - before) / at_once, "kept_each": (kept - before) / at_once}


def quantiles(took: list[float]) -> Figures:
    ordered = sorted(took)
    return {
        "p50": ordered[len(ordered) // 2],
        "p99": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
        "max": ordered[-1],
    }


class Lag:
    """How late the event loop is: a task that sleeps 10 ms again and again, and notes by how much it overslept."""

    INTERVAL = 0.01

    def __init__(self) -> None:
        self.late: list[float] = []
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(self.INTERVAL)
            self.late.append(max(0.0, time.perf_counter() - began - self.INTERVAL))

    def end(self) -> Figures:
        self._task.cancel()
        return {f"lag_{name}": seconds for name, seconds in quantiles(self.late).items()}


def now_resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def peak_resident() -> int:
    """The most since ``forget_peak``."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("this system does not tell the peak of a process's memory")


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def give_back() -> None:
    """Have the C library return what it holds free, so that what follows is seen to grow."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
