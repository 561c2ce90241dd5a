"""The only reader of time.

Time is the event loop's own, so that a loop with a virtual or a faster clock (``pixelrelay.testing.clocks``)
carries the whole engine with it, and nothing needs to be patched.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, date, datetime

import anyio


def now() -> float:
    """The running loop's clock, in seconds from an arbitrary start; it never goes back."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return anyio.current_time()
    # Not by the running loop alone: Trio may be its guest, and then no task of asyncio's is current.
    return anyio.current_time() if task is None else task.get_loop().time()


def wall() -> float:
    """Seconds since 1970 by the machine's clock; it may jump, so it dates things and measures nothing."""
    return time.time()


def today() -> date:
    """The day by the machine's clock, in UTC."""
    return datetime.fromtimestamp(wall(), UTC).date()


async def sleep(seconds: float) -> None:
    """Wait for ``seconds``; zero or less only lets others run."""
    await anyio.sleep(max(0.0, seconds))


async def sleep_until(moment: float) -> None:
    """Wait until ``now()`` has reached ``moment``."""
    await anyio.sleep(max(0.0, moment - now()))
