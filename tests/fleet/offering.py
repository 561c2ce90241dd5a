"""When a worker asks, and when it gives up. For whoever is asked, in any environment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import TypeAlias

from tests.fleet.orders import Load, Order

Ask: TypeAlias = Callable[[Load, int], Coroutine[None, None, None]]
"""One request of a load, told its number; cancelled where the worker gives it up."""


async def carry_out(order: Order, ask: Ask) -> None:
    """Ask at the moments of the order, and return when all has ended or was given up."""
    tasks = await _offered(order, ask)
    if tasks:
        await asyncio.wait(tasks, timeout=max(0.0, order.begins + order.seconds + order.grace - _now()))
    for task in tasks:
        task.cancel()
        if not order.all_leave_at_once:
            await asyncio.wait([task])
    await asyncio.gather(*tasks, return_exceptions=True)


async def _offered(order: Order, ask: Ask) -> list[asyncio.Task[None]]:
    """Every request, once the last has come."""
    tasks = list[asyncio.Task[None]]()
    come = sorted(
        ((at, load) for load in order.loads for at in load.arrivals(order.seconds, order.part, order.parts)),
        key=lambda each: each[0],
    )
    for at, load in come:
        await asyncio.sleep(max(0.0, order.begins + at - _now()))
        tasks.append(asyncio.create_task(ask(load, len(tasks))))
    await asyncio.sleep(max(0.0, order.begins + order.seconds - _now()))
    return tasks


def _now() -> float:
    return time.monotonic()
