"""A router in a thread of its own, for callers who await in any loop, or not at all, and never close anything."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

import anyio
from anyio.from_thread import BlockingPortal

from pixelrelay.config import RelayConfig
from pixelrelay.images import Images
from pixelrelay.router import Router

Call = Callable[[Router], Awaitable[Images]]


class Engine:
    """Serves calls by ``config``. Its thread ends when it is closed or nobody holds it, and holds up no process."""

    def __init__(self, config: RelayConfig) -> None:
        self.config = config
        started: Future[tuple[BlockingPortal, Router]] = Future()
        self._thread = threading.Thread(target=_run, args=(config, started), name="pixelrelay", daemon=True)
        self._thread.start()
        self._portal, self._router = started.result()
        self._end = weakref.finalize(self, _stop, self._portal)
        self._end.atexit = False  # the thread is gone by then

    def call(self, call: Call) -> Images:
        """What ``call`` comes to, blocking. An interrupted call is cancelled and settled."""
        future = self._begin(call)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def acall(self, call: Call) -> Images:
        """The same from a running asyncio loop; a cancelled call is cancelled and settled."""
        return await asyncio.wrap_future(self._begin(call))

    def close(self) -> None:
        """Cancel what is under way, close all connections and end the thread."""
        self._end()
        self._thread.join()

    def _begin(self, call: Call) -> Future[Images]:
        return self._portal.start_task_soon(_called, call, self._router)


async def _called(call: Call, router: Router) -> Images:
    return await call(router)


def _run(config: RelayConfig, started: Future[tuple[BlockingPortal, Router]]) -> None:
    try:
        anyio.run(partial(_serve, config, started))
    except BaseException as error:
        if started.done():
            raise
        started.set_exception(error)


async def _serve(config: RelayConfig, started: Future[tuple[BlockingPortal, Router]]) -> None:
    # The router outlives the portal, so that what was cancelled is settled before its connections are closed.
    async with Router(config) as router, BlockingPortal() as portal:
        started.set_result((portal, router))
        await portal.sleep_until_stopped()


def _stop(portal: BlockingPortal) -> None:
    with suppress(RuntimeError):  # it has stopped already
        portal.start_task_soon(portal.stop, True)
