"""A request whose progress is told while it is served: partial images, signs of life, and the result."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from types import TracebackType
from typing import TypeAlias

import anyio
from anyio.streams.memory import MemoryObjectSendStream

from pixelrelay._background import Background
from pixelrelay.images import Images, StreamEvent

Watcher: TypeAlias = Callable[[StreamEvent], None]
Served: TypeAlias = Callable[[Watcher], Awaitable[Images]]
"""Serves one request, and tells the watcher of each partial image."""


@dataclass(slots=True)
class _End:
    """How it ended."""

    error: BaseException | None = None


class ImageStream(AsyncIterator[StreamEvent]):
    """The events of one request, which begins with the first that is asked for.

    It ends after ``completed``, or raises what ``generate`` would have raised. Whoever leaves it early, by ``aclose``,
    by leaving it as a context manager, by being cancelled or by letting go of it, leaves the request: what is under
    way is cancelled and settled.
    """

    def __init__(self, serve: Served, heartbeat: float) -> None:
        self._serve: Served | None = serve
        self._heartbeat = heartbeat
        self._told, self._events = anyio.create_memory_object_stream[StreamEvent](inf)
        self._scope = anyio.CancelScope()
        self._end = _End()
        self._background = Background()

    async def __anext__(self) -> StreamEvent:
        if self._serve is not None:
            serve, self._serve = self._serve, None
            work = _work(serve, self._told, self._scope, self._end)
            self._background.spawn(work)
        try:
            with anyio.move_on_after(self._heartbeat):
                return await self._events.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            self._events.close()
            error, self._end.error = self._end.error, None
            if error is not None:
                raise error from None
            raise StopAsyncIteration from None
        except BaseException:
            self._scope.cancel()
            raise
        return StreamEvent("heartbeat")

    async def aclose(self) -> None:
        """Leave the request, if it is not over."""
        self._leave()
        await anyio.lowlevel.checkpoint()

    async def __aenter__(self) -> ImageStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        self._serve = None
        self._told.close()
        self._events.close()
        self._scope.cancel()

    def __del__(self) -> None:
        with suppress(RuntimeError):  # where the event loop is gone, so is the request
            self._leave()


def _work(
    serve: Served, told: MemoryObjectSendStream[StreamEvent], scope: anyio.CancelScope, end: _End
) -> Callable[[], Awaitable[None]]:
    # Not a method: it would keep the stream alive for as long as the request, though nobody listens any more.
    def tell(event: StreamEvent) -> None:
        try:
            told.send_nowait(event)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return  # nobody listens any more

    async def work() -> None:
        try:
            with scope:
                tell(StreamEvent("completed", result=await serve(tell)))
        except Exception as error:
            end.error = error
        finally:
            told.close()

    return work
