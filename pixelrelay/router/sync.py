"""The router for code that does not await: the same engine, on an event loop in a thread of its own."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial, wraps
from random import Random
from threading import Lock
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from pixelrelay._transport.transport import Transport
from pixelrelay.config import RelayConfig, load
from pixelrelay.cost.spend import Spending
from pixelrelay.events import Observer
from pixelrelay.images import StreamEvent
from pixelrelay.router.limits import BudgetStanding
from pixelrelay.router.router import Router
from pixelrelay.store.base import DeploymentState, Store

P = ParamSpec("P")
T = TypeVar("T")


def _blocking(method: Callable[Concatenate[Router, P], Awaitable[T]]) -> Callable[Concatenate[SyncRouter, P], T]:
    """``method`` of ``Router`` with the same signature and words, as one that blocks until it is done."""

    @wraps(method)
    def blocking(self: SyncRouter, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._do(partial(method, self._router, *args, **kwargs))

    return blocking


class SyncRouter:
    """As ``Router``, blocking. May be used by any number of threads at a time.

    Close it, or use it as a context manager, so that its thread ends. An interrupted call is cancelled and settled.
    """

    def __init__(
        self,
        config: RelayConfig | Mapping[str, Any],
        *,
        store: Store | None = None,
        transport: Transport | None = None,
        observers: Sequence[Observer] = (),
        rng: Random | None = None,
    ) -> None:
        """As ``Router``; observers are called in the router's own thread."""
        checked = config if isinstance(config, RelayConfig) else load(config)
        make = partial(Router, checked, store=store, transport=transport, observers=observers, rng=rng)
        self._closing = Lock()
        with ExitStack() as running:
            self._portal: BlockingPortal | None = running.enter_context(start_blocking_portal(name="pixelrelay"))
            self._router = self._portal.call(make)
            self._running = running.pop_all()

    @classmethod
    def from_config(
        cls,
        source: str | os.PathLike[str] | Mapping[str, Any],
        *,
        store: Store | None = None,
        transport: Transport | None = None,
        observers: Sequence[Observer] = (),
        rng: Random | None = None,
    ) -> SyncRouter:
        """As ``Router.from_config``."""
        return cls(load(source), store=store, transport=transport, observers=observers, rng=rng)

    generate = _blocking(Router.generate)
    edit = _blocking(Router.edit)

    def stream(self, /, model: str, prompt: str, **request: Any) -> Iterator[StreamEvent]:
        """As ``Router.stream``; leaving the loop early leaves the request."""
        events = self._open().call(partial(self._router.stream, model, prompt, **request))
        try:
            while (event := self._do(partial(anext, events, None))) is not None:
                yield event
        finally:
            self._do(events.aclose)

    budgets = _blocking(Router.budgets)

    def spend(self) -> Spending:
        """As ``Router.spend``."""
        return self._open().call(self._router.spend)

    def budget(self, name: str) -> BudgetStanding:
        """As ``Router.budget``."""
        return self._open().call(self._router.budget, name)

    def state(self, deployment: str) -> DeploymentState:
        """As ``Router.state``."""
        return self._open().call(self._router.state, deployment)

    @property
    def config(self) -> RelayConfig:
        """As ``Router.config``."""
        return self._router.config

    def observe(self, observer: Observer) -> None:
        """As ``Router.observe``; the observer is called in the router's own thread."""
        self._open().call(self._router.observe, observer)

    def reload(self, source: RelayConfig | str | os.PathLike[str] | Mapping[str, Any]) -> None:
        """As ``Router.reload``."""
        self._open().call(self._router.reload, source)

    def close(self) -> None:
        """Close all connections and end the thread; calls under way should have ended. Closing again does nothing."""
        with self._closing:
            portal, self._portal = self._portal, None
        if portal is None:
            return
        with self._running:
            portal.call(self._router.aclose)

    def __enter__(self) -> SyncRouter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> BlockingPortal:
        if self._portal is None:
            raise RuntimeError("this SyncRouter has been closed; make another")
        return self._portal

    def _do(self, call: Callable[[], Awaitable[T]]) -> T:
        future = self._open().start_task_soon(call)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # an interrupt, say: nobody waits for the answer any more
            raise
