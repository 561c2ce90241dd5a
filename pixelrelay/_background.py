"""Work that goes on when the request that began it is gone, as on a server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import anyio


class Background:
    """Runs work on whichever loop runs, asyncio's or Trio's; it ends with the loop, or by ``cancel``."""

    def __init__(self) -> None:
        self._scopes: set[anyio.CancelScope] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Callable[[], Awaitable[None]]) -> None:
        async def scoped() -> None:
            with anyio.CancelScope() as scope:
                self._scopes.add(scope)
                try:
                    await work()
                finally:
                    self._scopes.discard(scope)

        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            import trio

            trio.lowlevel.spawn_system_task(scoped)
            return
        task = loop.create_task(scoped())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        for scope in list(self._scopes):
            scope.cancel()
