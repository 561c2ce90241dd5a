"""One process of a fleet: ``python -m tests.fleet.worker ORDER``.

It has a router of its own, asks it for pictures at the moments it was told to, and ends with one line: a summary.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

from pixelrelay import FailureKind, NotServedError, PixelRelayError, Router
from pixelrelay.config import load as read_config
from pixelrelay.events import AttemptFinished, Event, StoreAsked, StoreModeChanged
from pixelrelay.quotas import Quota
from pixelrelay.store.base import (
    BudgetState,
    DeploymentState,
    Full,
    Notice,
    Offer,
    Report,
    Reservation,
    Sight,
    Store,
    Ticket,
)
from pixelrelay.store.health import HealthPolicy
from pixelrelay.store.opening import open_store
from tests.fleet.accounts import SIZE
from tests.fleet.offering import carry_out
from tests.fleet.orders import ABANDONED, SERVED, Load, Order, Percentiles, Request, Summary


class Watched:
    """A store, and how often and how long it was asked to reserve."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.reserving: list[float] = []

    @property
    def degraded(self) -> bool:
        return self.store.degraded

    async def reserve(
        self,
        offers: Sequence[Offer],
        *,
        patience: float = 0.0,
        within: float = float("inf"),
        priority: int = 0,
        panic: bool = False,
    ) -> Reservation | Ticket | Full:
        began = time.monotonic()
        try:
            return await self.store.reserve(offers, patience=patience, within=within, priority=priority, panic=panic)
        finally:
            self.reserving.append(time.monotonic() - began)

    async def wait(self, ticket: Ticket) -> Reservation | Full:
        return await self.store.wait(ticket)

    async def cancel(self, held: Ticket | Reservation) -> None:
        await self.store.cancel(held)

    async def settle(self, reservation: Reservation, report: Report) -> None:
        await self.store.settle(reservation, report)

    def state(self, deployment: str) -> DeploymentState:
        return self.store.state(deployment)

    def budget(self, quota: Quota) -> BudgetState:
        return self.store.budget(quota)

    async def look(self, offers: Sequence[Offer], budgets: Sequence[Quota] = ()) -> Sight:
        return await self.store.look(offers, budgets)

    def in_flight(self, deployment: str) -> int:
        return self.store.in_flight(deployment)

    def utilisation(self, deployment: str) -> float:
        return self.store.utilisation(deployment)

    def listen(self, listener: Callable[[Notice], None]) -> None:
        self.store.listen(listener)

    async def aclose(self) -> None:
        await self.store.aclose()


class Worker:
    """A router under load, and what it was seen to do."""

    def __init__(self, order: Order) -> None:
        self._order = order
        config = read_config(order.config)
        health, rng = HealthPolicy(**config.health.model_dump()), Random(order.part)
        self._store = Watched(open_store(config, health, rng))
        self._router = Router(config, store=self._store, observers=[self._observe], rng=rng)
        self._requests: list[Request] = []
        self._attempts = self._abandoned = self._rejected = 0
        self._errors: Counter[str] = Counter()
        self._modes: list[tuple[float, str, str]] = []

    def _observe(self, event: Event) -> None:
        match event:
            case AttemptFinished(attempt=attempt, abandoned=abandoned):
                self._attempts += 1
                self._abandoned += abandoned
                self._rejected += attempt.failure is not None and attempt.failure.kind is FailureKind.RATE_LIMITED
            case StoreAsked(error=str(error)):
                self._errors[error] += 1
            case StoreModeChanged(mode, reason):
                self._modes.append((time.monotonic(), mode, reason))

    async def run(self) -> Summary:
        await warmed()
        async with self._router:
            await carry_out(self._order, self._ask)
        return Summary(
            pid=os.getpid(),
            requests=self._requests,
            attempts=self._attempts,
            abandoned=self._abandoned,
            rejected=self._rejected,
            asks=len(self._store.reserving),
            reserving=Percentiles.of(self._store.reserving),
            calls=dict(getattr(self._store.store, "calls", {})),
            errors=dict(self._errors),
            modes=self._modes,
        )

    async def _ask(self, load: Load, number: int) -> None:
        asked, outcome, route = _now(), ABANDONED, None
        try:
            prompt = f"picture {number} of worker {self._order.part}"
            route = (await self._router.generate(load.group, prompt, size=SIZE, timeout=load.timeout)).route
            outcome = SERVED
        except PixelRelayError as error:
            outcome = type(error).__name__
        finally:
            told = (route.deployment, route.waited, route.degraded) if route is not None else ()
            self._requests.append(Request(load.group, asked, _now(), outcome, *told))


async def warmed() -> None:
    """A router imports what it sends with for its first call, which on a busy machine may take a second; here no call
    is to be that late at its provider. So one is sent to where nobody listens."""
    nobody = {"name": "nobody", "provider": "azure-foundry", "model": "FLUX.2-pro", "api_key": "none"}
    config = {"models": {"warm": {"deployments": [{**nobody, "endpoint": "http://127.0.0.1:9"}]}}}
    async with Router(config) as router:
        with suppress(NotServedError):
            await router.generate("warm", "nothing", size=SIZE, timeout=1.0)


def _now() -> float:
    return time.monotonic()


def main() -> None:
    order = Order.read(Path(sys.argv[1]).read_text())
    summary = asyncio.run(Worker(order).run())
    sys.stdout.write(f"{summary.line()}\n")


if __name__ == "__main__":
    main()
