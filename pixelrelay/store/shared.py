"""The state that several processes share, asked for in single steps that run where it is kept.

This side keeps what it was last told, for questions that cannot wait; what it was granted in the last minute, so that a
server that has lost everything can be told again; and the places of those who wait here. It does not know how a step
reaches the server, nor what to do while none does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from json import dumps
from random import Random
from typing import Any, TypeAlias

import anyio

from pixelrelay import _clock
from pixelrelay.quotas import Quota
from pixelrelay.store.base import (
    UNUSED,
    BudgetState,
    Change,
    DeploymentState,
    Full,
    Offer,
    Report,
    Reservation,
    Shortage,
    Sight,
    Ticket,
)
from pixelrelay.store.granted import Booked, Grant, Granted, booking, elsewhere, expected, recalled
from pixelrelay.store.health import HealthPolicy
from pixelrelay.store.mirror import Mirror, budget_state
from pixelrelay.store.wire import (
    Writer,
    change_of,
    health_text,
    report_text,
    seconds_text,
    spec_text,
)

Call: TypeAlias = Callable[[str, str], Awaitable[dict[str, Any]]]
"""``await call(step, asked)`` runs one step of the script with ``asked``, see ``scripts``, and returns its answer.
``LostError`` if there is none."""

TOLD_AT_ONCE = 256
"""Bookings in one call when a server is told again; and tickets that are asked after in one."""
REFRESHED_AT_ONCE = 64
"""Deployments whose state is asked for beside the way."""


class LostError(Exception):
    """The shared state cannot be asked."""


class MovedError(Exception):
    """The place in the line is gone, or given up: it has to be asked for again."""


@dataclass(slots=True, eq=False)
class _Place:
    """One who waits here."""

    id: str
    offers: Sequence[Offer]
    outcome: Reservation | Full | None = None
    moved: bool = False
    changed: anyio.Event | None = None
    """While somebody waits for it."""

    def wake(self) -> None:
        if self.changed is not None:
            self.changed.set()


@dataclass(slots=True)
class _Server:
    """What is known of the server's clock."""

    now: float | None = None
    """Its time at the last answer, in seconds since 1970."""
    at: float = 0.0
    """This process's time then."""


class Shared:
    """One process's side of the state that a fleet shares. For asyncio and Trio.

    ``reserve``, ``wait``, ``cancel``, ``settle``, ``state``, ``in_flight``, ``utilisation`` and ``listen`` are as
    ``Store`` promises; all that asks the server may raise ``LostError``.
    """

    def __init__(
        self,
        call: Call,
        *,
        process: str,
        health: HealthPolicy | None = None,
        lease: float = 20.0,
        timeout: float = 0.25,
        clock: Callable[[], float] | None = None,
        rng: Random | None = None,
    ) -> None:
        """``process``: this one's name, no other's. ``lease``: seconds after which what a process holds is free again
        if it does not ``tend``. ``timeout``: seconds after which nobody waits for an answer to a reserve any more, so
        that the server may not carry it out. ``clock`` takes the place of the server's clock and of this process's: a
        seam for tests, in seconds that all processes agree on."""
        self._call = call
        self._process = process
        self._health = health_text(health or HealthPolicy())
        self._lease = lease
        self._timeout = timeout
        self._clock = clock
        self._local = clock or _clock.now
        self._rng = rng or Random()
        self._numbers = count(1)
        self._writer = Writer()
        self._epoch = ""
        self._members = -1
        self._joins = 0
        self._joining = anyio.Lock()
        self._server = _Server()
        self._mirror = Mirror()
        self._granted = Granted()
        self._doubtful: dict[str, float] = {}
        """Asked for, but the answer was not waited for: since when."""
        self._asking: set[str] = set()
        self._early: dict[str, Mapping[str, Any]] = {}
        """What was heard of those who are asked for before the answer came."""
        self._places: dict[str, _Place] = {}
        self._timer: _Place | None = None
        """Who keeps the time for all who wait here."""
        self._alarm = float("inf")
        self._listeners: list[Callable[[Change], None]] = []
        self.processes: tuple[int, int] = (0, 1)
        """This process's place among those that are alive, from 0, and how many they are."""
        self._head = ""
        self._write_head()

    # --- taking ------------------------------------------------------------------------------------------------

    async def reserve(
        self,
        offers: Sequence[Offer],
        *,
        patience: float = 0.0,
        within: float = float("inf"),
        priority: int = 0,
        panic: bool = False,
        more: int = 0,
        ahead: list[Reservation] | None = None,
    ) -> Reservation | Ticket | Full:
        """As ``Store.reserve``. As many as ``more`` others of what was taken go into ``ahead``, if there is room."""
        id_ = f"{self._process}:{next(self._numbers)}"
        body = (
            f'"id":{dumps(id_)},"tell":{self._mirror.to_ask_after(offers, self._local())},'
            f'"patience":{seconds_text(patience)},"within":{seconds_text(within)},"priority":{priority},'
            f'"panic":{"true" if panic else "false"}'
        ) + (f',"more":{more}' if more else "")
        self._asking.add(id_)
        try:
            reply = await self._ask("reserve", body, self._writer.offers(offers))
        except BaseException:
            self._doubtful[id_] = self._local()
            raise
        finally:
            self._asking.discard(id_)
            early = self._early.pop(id_, None)
        now, note = self._server.at, self._mirror.note
        for index, raw in zip(reply["told"], reply["states"], strict=True):
            note(offers[index], raw, now)
        if "take" in reply:
            # At the moment of what was noted, which has it: what comes later is known to be later.
            got: Reservation | Ticket | Full = self._grant(id_, offers, reply["take"], now, probe=reply["probe"])
            for number in range(1, reply.get("more", 0) + 1):
                further = self._grant(f"{id_}.{number}", offers, reply["take"], now, probe=False)
                if ahead is not None:
                    ahead.append(further)
        elif "ticket" in reply:
            self._places[id_] = _Place(id_, offers)
            got = Ticket(id_, float(reply["ticket"]))
            if early is not None:
                self.hear(early)
        else:
            got = _full(reply, offers)
        self._hear_all(reply)
        return got

    def _grant(self, id_: str, offers: Sequence[Offer], index: int, at: float, *, probe: bool) -> Reservation:
        reservation = Reservation(id_, index, offers[index], probe=probe)
        self._granted.add(Grant(reservation, at, self._epoch))
        return reservation

    # --- waiting -----------------------------------------------------------------------------------------------

    async def wait(self, ticket: Ticket) -> Reservation | Full:
        """As ``Store.wait``. ``MovedError`` if the place is lost; ``LostError`` if the server is."""
        place = self._places.get(ticket.id)
        if place is None:
            raise MovedError
        try:
            while place.outcome is None and not place.moved:
                await self._sleep(place)
        except LostError:
            self._doubtful[place.id] = self._local()
            raise
        except BaseException:
            await self._give_up(place)
            raise
        finally:
            self._places.pop(place.id, None)
            place.changed = None
            if self._timer is place:
                self._hand_over()
        if place.outcome is None:
            raise MovedError
        return place.outcome

    async def _sleep(self, place: _Place) -> None:
        """Until something happens to the place; one who waits keeps the time for all."""
        changed = place.changed = anyio.Event()
        if self._timer is None:
            self._timer = place
        if self._timer is not place:
            await changed.wait()
            return
        with anyio.move_on_after(self._alarm - self._local()):
            await changed.wait()
        if not changed.is_set():
            self._alarm = float("inf")
            await self.tend()

    def _set_alarm(self, seconds: float | None) -> None:
        self._alarm = float("inf") if seconds is None else self._local() + seconds
        if self._timer is not None:
            self._timer.wake()

    def _hand_over(self) -> None:
        self._timer = next((place for place in self._places.values() if place.changed is not None), None)
        if self._timer is not None:
            self._timer.wake()

    async def _give_up(self, place: _Place) -> None:
        """Give back a place, or what was granted to it meanwhile, although whoever waited has left."""
        self._places.pop(place.id, None)
        if isinstance(place.outcome, Full) or place.moved:
            return
        self._doubtful[place.id] = self._local()
        with anyio.move_on_after(2 * self._timeout, shield=True):
            try:
                await self._cancel(place.id)
            except LostError:
                return
        if place.outcome is not None:
            self._forget(place.outcome)

    def abandon(self) -> None:
        """Wake all who wait with a ``MovedError``."""
        for place in list(self._places.values()):
            if place.outcome is None:
                self._move(place)
                self._doubtful[place.id] = self._local()

    def _move(self, place: _Place) -> None:
        place.moved = True
        self._places.pop(place.id, None)
        place.wake()

    @property
    def waiting(self) -> int:
        """How many tickets of this process have not come to anything yet."""
        return len(self._places)

    def hear(self, message: Mapping[str, Any]) -> None:
        """Take in what another process's step, or one of this process's, has to say to this one."""
        if "watch" in message:
            self._set_alarm(message["watch"])
            return
        id_ = message.get("granted") or message.get("dropped") or message["moved"]
        place = self._places.get(id_)
        if place is None or place.outcome is not None:
            if id_ in self._asking:
                self._early[id_] = message
            elif "granted" in message and id_ not in self._granted.held:
                self._doubtful[id_] = self._local()  # whoever waited for it has left
            return
        if "granted" in message:
            place.outcome = self._grant(id_, place.offers, message["take"], self._local(), probe=message["probe"])
            self._mirror.shift(place.outcome.offer.deployment, 1)
        elif "dropped" in message:
            place.outcome = _full(message, place.offers)
        else:
            self._move(place)
        place.wake()

    def _hear_all(self, reply: Mapping[str, Any]) -> None:
        for message in reply.get("news", ()):
            self.hear(message)

    # --- giving back -------------------------------------------------------------------------------------------

    async def cancel(self, held: Ticket | Reservation) -> None:
        if isinstance(held, Ticket):
            place = self._places.pop(held.id, None)
            if place is not None and isinstance(place.outcome, Reservation):
                self._forget(place.outcome)
            elif place is not None:
                place.outcome = Full(0.0)
                place.wake()
        self._doubtful[held.id] = self._local()
        await self._cancel(held.id)
        if isinstance(held, Reservation):
            self._forget(held)

    async def _cancel(self, id_: str) -> None:
        reply = await self._ask("cancel", f'"ids":[{dumps(id_)}]')
        self._doubtful.pop(id_, None)
        self._tell(reply["changes"])
        self._hear_all(reply)

    def _forget(self, reservation: Reservation) -> None:
        if self._granted.settle(reservation.id, UNUSED):
            self._mirror.shift(reservation.offer.deployment, -1)

    async def settle(self, reservation: Reservation, report: Report) -> None:
        """As ``Store.settle``. After a ``LostError`` it is not settled, and can be settled again."""
        await self.settle_all([(reservation, report)])

    async def settle_all(self, settled: Sequence[tuple[Reservation, Report]]) -> None:
        """Settle all in one step, in this order."""
        texts = [self._settlement(held, report) for held, report in settled]
        for held, _ in settled:
            self._mirror.shift(held.offer.deployment, -1 if held.id in self._granted.held else 0)
        reply = await self._ask("settle", f'"health":{self._health},"settled":[{",".join(texts)}]')
        now = self._server.at
        for (held, report), raws, changes in zip(settled, reply["states"], reply["changes"], strict=True):
            self._granted.settle(held.id, report)
            self._mirror.note(held.offer, raws[0], now)
            self._tell(changes)
        self._hear_all(reply)

    def _settlement(self, held: Reservation, report: Report) -> str:
        offer = self._writer.named_whole(held.offer)
        told = report.cooldown > 0 and (report.rejected is None or not held.offer.claims)
        spread = 1.0 if told or held.id not in self._granted.held else self._rng.uniform(0.8, 1.2)
        return report_text(held.id, offer, report, spread)

    # --- staying in touch --------------------------------------------------------------------------------------

    async def tend(self) -> None:
        """Renew this process's lease, free what dead ones held, and look after the line."""
        now = self._local()
        undo = list(self._doubtful)
        before = now - self._lease / 8
        refreshed = [replace(seen.offer, ours=()) for seen in self._mirror.oldest(before)[:REFRESHED_AT_ONCE]]
        offers = ",".join(map(self._writer.named_whole, refreshed))
        budgets = list(islice(self._mirror.old_budgets(before), REFRESHED_AT_ONCE))
        waiting = list(self._places)[:TOLD_AT_ONCE]
        reply = await self._ask(
            "tend",
            f'"undo":{dumps(undo)},"waiting":{dumps(waiting)},"offers":[{offers}]'
            + (f',"budgets":{_budgets_text(budgets)}' if budgets else ""),
        )
        for offer, raw in zip(refreshed, reply["states"], strict=True):
            self._mirror.note(offer, raw, self._local())
        for quota, raw in zip(budgets, reply.get("budgets", ()), strict=True):
            self._mirror.note_budget(quota, raw, self._local())
        self._undone(undo, now)
        self._hear_all(reply)

    def _undone(self, undo: Iterable[str], now: float) -> None:
        """What was undone may still come true until its time is over: until then it is undone again."""
        for id_ in undo:
            if self._doubtful.get(id_, now) < now - 2 * self._timeout:
                self._doubtful.pop(id_, None)

    async def leave(self) -> None:
        """Free all that this process holds, and be counted among the processes no more."""
        await self._ask("tend", '"leaving":true')

    async def join(self, extra: Sequence[Booked] = ()) -> None:
        """Tell the server what this process holds and has booked, and what was booked elsewhere.

        Nothing is counted twice, however often it is told.
        """
        async with self._joining:
            await self._join(extra)

    async def _rejoin(self, joins: int) -> None:
        async with self._joining:
            if self._joins == joins:
                await self._join(())

    async def _join(self, extra: Sequence[Booked]) -> None:
        now = self._local()
        undo = list(self._doubtful)
        grants = self._granted.by_id()
        new = [elsewhere(each, now) for each in extra if each.id not in grants]
        grants |= {grant.reservation.id: grant for grant in new}
        held = {*self._granted.held, *(each.id for each in extra if each.held)}
        booked = [text for id_, grant in grants.items() if (text := booking(grant, now, held=id_ in held))]
        batches = [booked[start : start + TOLD_AT_ONCE] for start in range(0, len(booked), TOLD_AT_ONCE)] or [[]]
        epoch = self._epoch
        general, personal = recalled(grants.values(), self._mirror, now)
        for number, batch in enumerate(batches):
            parts = [f'"booked":[{",".join(batch)}]']
            if number == 0:
                parts.append(f'"undo":{dumps(undo)},"budgets":{dumps(general)}')
            if number == len(batches) - 1:
                parts.append(
                    f'"seen":[{expected(grants.values(), held, self._mirror, self.processes[1], now)}],'
                    f'"holds":{dumps([*held, *self._places])},"waiting":{dumps(list(self._places))}'
                )
            reply = await self._call("join", self._asked(",".join(parts), guarded=True))
            self._take_in(reply)
            # The old epoch is told until all is told, so that the server knows what this process has seen.
            epoch = reply.get("epoch", epoch)
            self._hear_all(reply)
        while epoch != self._epoch and personal:
            await self._call("join", self._asked(f'"budgets":{dumps(personal[:TOLD_AT_ONCE])}'))
            del personal[:TOLD_AT_ONCE]
        self._epoch = epoch
        for grant in new:
            self._granted.add(grant, held=grant.reservation.id in held)
        for grant in grants.values():
            grant.epoch, grant.extra = epoch, False
        self._joins += 1
        self._undone(undo, now)
        self._write_head()

    # --- asking ------------------------------------------------------------------------------------------------

    async def _ask(self, step: str, body: str, lines: Sequence[str] = ()) -> Mapping[str, Any]:
        """The answer to a step. Where the server has forgotten this process, it is told, and asked again, once."""
        joins, guarded = self._joins, step == "reserve"
        reply = await self._call(step, "\n".join((self._asked(body, guarded=guarded), *lines)))
        if "lost" in reply:
            await self._rejoin(joins)
            reply = await self._call(step, "\n".join((self._asked(body, guarded=guarded), *lines)))
            if "lost" in reply:
                raise LostError("the server forgets what it is told")
        self._take_in(reply)
        if "epoch" in reply:
            self._epoch = reply["epoch"]
            self._write_head()
        return reply

    def _write_head(self) -> None:
        """What every step begins with."""
        self._head = (
            f'{{"process":{dumps(self._process)},"lease":{self._lease!r},"epoch":{dumps(self._epoch)},'
            f'"members":{self._members}'
        )

    def _asked(self, body: str, *, guarded: bool = False) -> str:
        parts = [self._head, body]
        if self._clock is not None:
            parts.append(f'"now":{self._clock()!r}')
        if guarded and self._server.now is not None:
            not_after = self._server.now + self._local() - self._server.at + self._timeout
            parts.append(f'"not_after":{not_after!r}')
        return ",".join(parts) + "}"

    def _take_in(self, reply: Mapping[str, Any]) -> None:
        """What every answer ends with. ``LostError`` where the server has done nothing, since it was asked too late."""
        self._server = _Server(float(reply["now"]), self._local())
        if "late" in reply:
            raise LostError("the server was late")
        if "members" in reply:
            index, number = reply["processes"]
            self._members, self.processes = reply["members"], (index, number)
            self._write_head()
        watch = reply.get("watch")
        if watch is not None or self._alarm != float("inf"):
            self._set_alarm(watch)

    # --- looking -----------------------------------------------------------------------------------------------

    async def look(self, offers: Sequence[Offer], budgets: Sequence[Quota] = ()) -> Sight:
        """The shared state of the deployments of ``offers``, and of ``budgets``. Not even joined by looking."""
        asked = f'"offers":[{",".join(self._writer.offers(offers))}],"budgets":{_budgets_text(budgets)}'
        reply = await self._call("look", self._asked(asked))
        mirror = Mirror()
        for offer, raw in zip(offers, reply["states"], strict=True):
            mirror.note(offer, raw, 0.0)
        states = {name: mirror.state(name, 0.0) for name in mirror.seen}
        counted = zip(budgets, reply["budgets"], strict=True)
        return Sight(states, tuple(reply["names"]), {quota.key: budget_state(raw) for quota, raw in counted})

    def budget(self, quota: Quota) -> BudgetState:
        """As last told."""
        return self._mirror.budget(quota, self._local())

    def budgets(self) -> Sequence[Quota]:
        """Those that were told of, and count yet as far as is known."""
        now = self._local()
        return [seen.quota for seen in self._mirror.budgets.values() if not seen.is_over(now)]

    def state(self, deployment: str) -> DeploymentState:
        """As last told, with what this process took and gave back since, and cooldowns counted down."""
        return self._mirror.state(deployment, self._local())

    def in_flight(self, deployment: str) -> int:
        return self._mirror.in_flight(deployment)

    def utilisation(self, deployment: str) -> float:
        return self._mirror.utilisation(deployment)

    def used(self, quota_key: str) -> int:
        """What all processes together had used of a quota when it was last told of."""
        return self._mirror.used(quota_key, self._local())

    def _tell(self, changes: Iterable[Mapping[str, Any]]) -> None:
        for change in changes:
            for listener in self._listeners:
                listener(change_of(change))

    def listen(self, listener: Callable[[Change], None]) -> None:
        self._listeners.append(listener)


def _budgets_text(budgets: Iterable[Quota]) -> str:
    return dumps([(quota.key, spec_text(quota)) for quota in budgets])


def _full(told: Mapping[str, Any], offers: Sequence[Offer]) -> Full:
    seconds = None if told["full"] is None else float(told["full"])
    if "shortage" not in told:
        return Full(seconds)
    index, number, used = told["shortage"]
    claim = offers[index].all_claims[number]
    return Full(seconds, Shortage(claim.quota, claim.amount, used))
