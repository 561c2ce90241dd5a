"""The store that all processes of a fleet share, in Redis or Valkey, and how to do without it.

Losing it is a mode and not an error. Whatever call fails first says so; from then on each request is served by this
process's portion of the quotas, without asking, while one task looks after the way back. What was spent meanwhile is
told before the first request is shared again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from random import Random
from secrets import token_hex

from pixelrelay import _clock
from pixelrelay.quotas import Quota
from pixelrelay.store.address import parse, shown
from pixelrelay.store.apart import KEPT, Apart
from pixelrelay.store.base import (
    UNUSED,
    Asked,
    BudgetState,
    DeploymentState,
    Full,
    Mode,
    ModeChange,
    Notice,
    Offer,
    OnLoss,
    Report,
    Reservation,
    Sight,
    StoreLostError,
    Ticket,
)
from pixelrelay.store.health import HealthPolicy
from pixelrelay.store.link import TOGETHER, Link, RefusedError
from pixelrelay.store.rules import Portion
from pixelrelay.store.shared import LostError, MovedError, Shared
from pixelrelay.store.stock import HELD, Stock

log = logging.getLogger("pixelrelay")

PATIENT = 1.0
"""Seconds of loss after which those who wait in the shared line are moved to this process's own."""
FIRST_RETRY, LAST_RETRY = 0.05, 1.0
"""Seconds between attempts to find the store again: each is twice as long as the one before."""
FAREWELL = 2.0
"""Seconds that closing may take to settle what is still open."""
GATHERED = 0.02
"""Seconds for which settlements are collected, where large quotas are taken in batches."""
QUIET = 10.0
"""Seconds within which a store that comes and goes is spoken of once in the log."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """What somebody who waits asked for, so that it can be asked for again elsewhere. Moments, not durations."""

    offers: Sequence[Offer]
    until: float
    done_by: float
    priority: int
    panic: bool
    apart: bool
    """Whether he waits in this process's own line."""


class RedisStore:
    """Quotas, health and the waiting line, shared by all that name the same server and prefix. For asyncio.

    One object serves one event loop. Nothing is opened before it is first used.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "pixelrelay",
        timeout: float = 0.25,
        on_loss: OnLoss = "share",
        batches: bool = False,
        lease: float = 20.0,
        health: HealthPolicy | None = None,
        rng: Random | None = None,
    ) -> None:
        """``url`` as ``store`` in the configuration; ``ValueError`` says what is wrong with it.

        ``timeout``: the seconds that anybody waits for an answer. ``batches``: whether large quotas are taken ahead;
        all processes should agree. ``lease``: the seconds after which what a process holds is free again, if it is
        heard of no more.
        """
        self._address = parse(url)
        self._name = f"{shown(url)} (prefix {prefix})"
        self._prefix, self._timeout, self._lease = prefix, timeout, lease
        self._health, self._rng = health, rng or Random()
        self._on_loss: OnLoss = on_loss
        self._stock = Stock() if batches else None
        self._lost = True
        self._lost_at = float("-inf")
        self._spoke_at = float("-inf")
        self._spoke = False
        self._told_processes = 1
        self._found, self._gone = asyncio.Event(), asyncio.Event()
        self._waiters, self._to_settle = asyncio.Event(), asyncio.Event()
        self._listeners: list[Callable[[Notice], None]] = []
        self._wishes: dict[str, _Wish] = {}
        self._unsettled: deque[tuple[Reservation, Report]] = deque()
        self._tasks: list[asyncio.Task[None]] = []
        self._opened: asyncio.Task[None] | None = None
        self.calls: Counter[str] = Counter()
        """How often each step was asked for, answered or not."""

    # What bears the name of this process is made when it is first used: a server may fork after it has configured
    # itself, and its children are processes of their own.

    @cached_property
    def _process(self) -> str:
        return f"{socket.gethostname()}-{os.getpid()}-{token_hex(3)}"

    @cached_property
    def _apart(self) -> Apart:
        apart = Apart(self._process, self._on_loss, self._health, self._rng)
        apart.memory.listen(self._tell_if_apart)
        return apart

    @cached_property
    def _link(self) -> Link:
        return Link(self._address, self._prefix, self._timeout, self._asked)

    @cached_property
    def _shared(self) -> Shared:
        shared = Shared(
            self._link.call,
            process=self._process,
            health=self._health,
            lease=self._lease,
            timeout=self._timeout,
            rng=self._rng,
        )
        shared.listen(self._tell)
        return shared

    # --- reserving -----------------------------------------------------------------------------------------------

    async def reserve(
        self,
        offers: Sequence[Offer],
        *,
        patience: float = 0.0,
        within: float = float("inf"),
        priority: int = 0,
        panic: bool = False,
    ) -> Reservation | Ticket | Full:
        if self._opened is None or not self._opened.done():
            await self._open()
        if self._stock:
            offers = [self._stock.widened(offer) for offer in offers]
        got = await self._reserve(offers, patience, within, priority, panic=panic)
        if isinstance(got, Ticket):
            now = _clock.now()
            self._wishes[got.id] = _Wish(offers, now + patience, now + within, priority, panic, self._apart.wrote(got))
            self._waiters.set()
        return got

    async def _reserve(
        self, offers: Sequence[Offer], patience: float, within: float, priority: int, *, panic: bool
    ) -> Reservation | Ticket | Full:
        if not self._lost:
            ahead: list[Reservation] = []
            try:
                async with asyncio.timeout(self._timeout):
                    got = self._kept(offers[0]) or await self._shared.reserve(
                        offers,
                        patience=patience,
                        within=within,
                        priority=priority,
                        panic=panic,
                        more=self._stock.wanted(offers[0]) if self._stock else 0,
                        ahead=ahead,
                    )
            except (LostError, TimeoutError) as lost:
                self._lose(lost)
            except asyncio.CancelledError:
                self._gone.set()  # whatever it may have been granted is given back now, and not at the next turn
                raise
            else:
                self._put_by(ahead)
                if isinstance(got, Reservation):
                    self._apart.memory.adopt(got)
                return got
        return await self._apart.reserve(offers, patience=patience, within=within, priority=priority, panic=panic)

    def _kept(self, offer: Offer) -> Reservation | None:
        return self._stock.pop(offer, _clock.now()) if self._stock else None

    def _put_by(self, ahead: list[Reservation]) -> None:
        if self._stock and ahead:
            self._stock.put(ahead, _clock.now())
            asyncio.get_running_loop().call_later(1.01 * HELD, self._to_settle.set)

    def _give_back_stale(self) -> None:
        if self._stock:
            self._unsettled += [(unused, UNUSED) for unused in self._stock.stale(_clock.now())]

    async def wait(self, ticket: Ticket) -> Reservation | Full:
        """As ``Store.wait``. Who waits when the store is lost, or found again, is moved to the other line."""
        while True:
            wish = self._wishes[ticket.id]
            try:
                got = await self._turn(ticket, wish)
            finally:
                self._wishes.pop(ticket.id, None)
            if got is not None:
                return got
            again = await self._ask_again(wish)
            if not isinstance(again, Ticket):
                return again
            ticket = again

    async def _ask_again(self, wish: _Wish) -> Reservation | Ticket | Full:
        now = _clock.now()
        return await self.reserve(
            wish.offers,
            patience=max(0.0, wish.until - now),
            within=max(0.0, wish.done_by - now),
            priority=wish.priority,
            panic=wish.panic,
        )

    async def _turn(self, ticket: Ticket, wish: _Wish) -> Reservation | Full | None:
        """What became of the ticket; ``None`` if it has to be asked for again elsewhere."""
        if wish.apart:
            return await self._turn_apart(ticket)
        try:
            got = await self._shared.wait(ticket)
        except MovedError:
            return None
        except LostError as lost:
            self._lose(lost)
            return None
        if isinstance(got, Reservation):
            self._apart.memory.adopt(got)
        return got

    async def _turn_apart(self, ticket: Ticket) -> Reservation | Full | None:
        """As the own line says, unless the shared store is found before."""
        turn = asyncio.ensure_future(self._apart.wait(ticket))
        found = asyncio.ensure_future(self._found.wait())
        try:
            await asyncio.wait((turn, found), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if turn.done() and isinstance(granted := turn.result(), Reservation):
                await self.cancel(granted)
            raise
        finally:
            found.cancel()
            turn.cancel()  # nothing to one that is done; what it was granted meanwhile it gives back
        return turn.result() if turn.done() else None

    # --- giving back ---------------------------------------------------------------------------------------------

    async def settle(self, reservation: Reservation, report: Report) -> None:
        """As ``Store.settle``. Returns at once: the shared store is told in the background, and until it knows."""
        untold = self._apart.knows(reservation)
        await self._apart.settle(reservation, report)
        if not untold:
            self._unsettled.append((reservation, report))
            self._to_settle.set()

    async def cancel(self, held: Ticket | Reservation) -> None:
        if isinstance(held, Reservation):
            await self.settle(held, UNUSED)
            return
        wish = self._wishes.pop(held.id, None)
        if wish is None:
            return
        if wish.apart:
            await self._apart.memory.cancel(held)
            return
        try:
            await self._shared.cancel(held)
        except LostError as lost:
            self._lose(lost)  # the place is given up when the store is found again

    async def _settle_on(self) -> None:
        while True:
            await self._to_settle.wait()
            self._to_settle.clear()
            self._give_back_stale()
            if self._stock:
                await asyncio.sleep(GATHERED)
            while self._unsettled and not self._lost:
                batch = [self._unsettled.popleft() for _ in range(min(TOGETHER, len(self._unsettled)))]
                each = [batch] if self._stock else [[settled] for settled in batch]
                ended = await asyncio.gather(*map(self._shared.settle_all, each), return_exceptions=True)
                for settled, error in zip(each, ended, strict=True):
                    if isinstance(error, LostError) and not isinstance(error, RefusedError):
                        self._unsettled += settled
                        self._lose(error)
                    elif error is not None:
                        log.error("a settlement was refused: %s", error, exc_info=error)

    # --- looking -------------------------------------------------------------------------------------------------

    @property
    def degraded(self) -> bool:
        """Whether the shared store is away."""
        return self._lost and self._opened is not None

    def state(self, deployment: str) -> DeploymentState:
        return self._apart.memory.state(deployment) if self._lost else self._shared.state(deployment)

    def in_flight(self, deployment: str) -> int:
        return self._apart.memory.in_flight(deployment) if self._lost else self._shared.in_flight(deployment)

    def utilisation(self, deployment: str) -> float:
        return self._apart.memory.utilisation(deployment) if self._lost else self._shared.utilisation(deployment)

    @property
    def waiting(self) -> int:
        """How many requests of this process wait."""
        return len(self._wishes)

    def budget(self, quota: Quota) -> BudgetState:
        return self._apart.memory.budget(quota) if self._lost else self._shared.budget(quota)

    async def look(self, offers: Sequence[Offer], budgets: Sequence[Quota] = ()) -> Sight:
        """As ``Store.look``; nobody else can say while the shared store is away."""
        try:
            return await self._shared.look(offers, budgets)
        except LostError as lost:
            raise StoreLostError(f"{self._name}: {lost}", 0.0) from lost

    def listen(self, listener: Callable[[Notice], None]) -> None:
        self._listeners.append(listener)

    def _tell(self, notice: Notice) -> None:
        for listener in self._listeners:
            listener(notice)

    def _tell_if_apart(self, notice: Notice) -> None:
        if self._lost:
            self._tell(notice)

    def _asked(self, asked: Asked) -> None:
        self.calls[asked.step] += 1
        self._tell(asked)

    # --- losing and finding --------------------------------------------------------------------------------------

    async def _open(self) -> None:
        """Try the first write, once for all who ask; whatever comes of it, the store can be used after."""
        if self._opened is None:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError as error:
                raise RuntimeError(
                    "a store in Redis needs asyncio; on Trio leave store out, or write store: memory"
                ) from error
            self._opened = loop.create_task(self._first())
        await asyncio.shield(self._opened)

    async def _first(self) -> None:
        if not await self._rejoined():
            self._lost = False
            self._lose(LostError(self._apart.reason))
        loop = asyncio.get_running_loop()
        self._tasks += [loop.create_task(each()) for each in (self._keep, self._settle_on, self._hear)]

    def _lose(self, error: BaseException) -> None:
        if self._lost:
            return
        self._lost, self._lost_at = True, _clock.now()
        self._apart.reason = str(error) or f"no answer within {self._timeout:g} s"
        self._apart.memory.learn_of(self._shared.budgets())
        self._apart.part(Portion(*self._shared.processes), self._shared.used)
        self._found.clear()
        self._gone.set()
        self._announce(self._apart.mode, self._apart.reason)

    async def _rejoined(self) -> bool:
        """Tell the shared store what it missed. Whether it is back."""
        if not self._lost:
            return True
        try:
            await self._join()
        except (LostError, TimeoutError) as lost:
            self._apart.reason = str(lost) or f"no answer within {self._timeout:g} s"
            if not self._apart.reason.startswith("connection"):
                self._apart.doubt()
            return False
        self._lost = False
        self._apart.rejoin()
        if self._apart.untold():
            self._gone.set()
        self._found.set()
        self._to_settle.set()
        away = _clock.now() - self._lost_at
        self._announce(Mode.SHARED, "found" if away == float("inf") else f"found again after {away:.2f} s")
        return True

    async def _join(self) -> None:
        """What is granted while it is told is told in a second round."""
        for _ in range(2):
            untold = self._apart.untold()
            await self._shared.join(untold)
            self._apart.told(untold)

    def _announce(self, mode: Mode, reason: str) -> None:
        processes = self._told_processes = self._shared.processes[1]
        self._tell(ModeChange(mode, reason, processes))
        now = _clock.now()
        if mode is not Mode.SHARED and now - self._spoke_at > QUIET:
            self._spoke_at, self._spoke = now, True
            log.warning("the shared store %s is away (%s); %s", self._name, reason, _GOES_ON[mode].format(processes))
        elif mode is Mode.SHARED and self._spoke:
            self._spoke = False
            log.warning("the shared store %s was %s", self._name, reason)

    # --- tasks ---------------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Keep this process's lease, or look for the lost store."""
        while True:
            if self._lost:
                await self._seek()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._lease / 4):
                    await self._gone.wait()
            self._gone.clear()
            if not self._lost:
                try:
                    if self._apart.untold():
                        await self._join()
                    await self._shared.tend()
                except LostError as lost:
                    self._lose(lost)
                else:
                    self._count_processes()

    def _count_processes(self) -> None:
        """Tell how many share the quotas, if that has changed since it was told."""
        if self._shared.processes[1] != self._told_processes:
            self._announce(Mode.SHARED, "as many processes share it as are alive")

    async def _seek(self) -> None:
        pause = FIRST_RETRY
        while not await self._rejoined():
            away = _clock.now() - self._lost_at
            if away > PATIENT:
                self._shared.abandon()
            if away > KEPT:
                self._apart.memory.forget_others()
            self._apart.retry = pause
            await asyncio.sleep(pause * self._rng.uniform(0.8, 1.2))
            pause = min(LAST_RETRY, pause * 2)

    async def _hear(self) -> None:
        """Take in what other processes' calls have to say, while somebody here waits for it."""
        while True:
            await self._waiters.wait()
            if not self._shared.waiting:
                self._waiters.clear()
                continue
            try:
                for message in await self._link.messages(self._process):
                    self._shared.hear(message)
            except LostError:
                await asyncio.sleep(FIRST_RETRY)

    async def aclose(self) -> None:
        """Settle what is left, leave the fleet, and close all connections."""
        if self._opened is not None:
            with suppress(LostError, TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    await self._opened
                    if self._stock:
                        self._unsettled += [(unused, UNUSED) for unused in self._stock.stale(float("inf"))]
                    while self._unsettled and not self._lost:
                        self._to_settle.set()
                        await asyncio.sleep(0.001)
                    if not self._lost:
                        await self._shared.leave()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._link.aclose()


_GOES_ON = {
    Mode.SHARE: "this process goes on with its share of the quotas, 1 of {}",
    Mode.OPEN: "this process goes on with the whole quotas, as configured",
    Mode.CLOSED: "nothing is served until it is back, as configured",
}
