"""The store of a single process, and in plain Python what every other store must do.

Requests that find no room wait in one line, by priority and then by arrival. Whenever something may have become
free, the line is walked from its head and each takes what it can. Nothing is promised to a particular deployment:
the forecast only tells each how long it will be, and is made anew when something has upset it.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random

import anyio

from pixelrelay import _clock
from pixelrelay.quotas import Quota, Shape, Unit
from pixelrelay.store.base import (
    Change,
    DeploymentState,
    Full,
    Offer,
    Probation,
    QuotaState,
    Report,
    Reservation,
    Ticket,
    Verdict,
)
from pixelrelay.store.counters import INSTANT, NEVER, SOON, Counter, FixedCounter, RateCounter, SlotCounter
from pixelrelay.store.health import Health, HealthPolicy
from pixelrelay.store.rules import Ladder, SlotLimit, rules_of

GLANCE = 0.05
"""Seconds after which one whose turn had come, and who found no room, looks again."""


@dataclass(slots=True)
class _Quota:
    """One quota: what is configured, what is counted, what was learned."""

    spec: Quota
    counter: Counter
    learned: Ladder | SlotLimit
    cooling_until: float = float("-inf")

    def has_room(self, amount: int, now: float) -> bool:
        return self.cooling_until <= now + INSTANT and self.counter.has_room(amount, now)

    def earliest(self, amount: int, after: float, now: float) -> float:
        return self.counter.earliest(amount, max(after, self.cooling_until), now)

    @property
    def limit(self) -> int:
        return self.learned.limit(self.spec.limit)

    def apply(self) -> None:
        """Count by what is configured and learned now."""
        match self.counter:
            case RateCounter() if isinstance(self.learned, Ladder):
                self.counter.rules = rules_of(self.spec, self.learned)
            case FixedCounter() | SlotCounter():
                self.counter.limit = self.limit


@dataclass(slots=True)
class _Deployment:
    health: Health = field(default_factory=Health)
    in_flight: int = 0
    quotas: tuple[_Quota, ...] = ()


@dataclass(slots=True)
class _Waiter:
    """One request in the line."""

    id: str
    rank: tuple[int, int]
    offers: Sequence[Offer]
    latest: float
    """The moment until which it is willing to wait."""
    done_by: float
    panic: bool = False
    at: float = NEVER
    """When its turn comes, by the forecast."""
    planned: Offer | None = None
    changed: anyio.Event = field(default_factory=anyio.Event)
    granted: Reservation | None = None

    def in_time(self, offer: Offer, at: float, grace: float = INSTANT) -> bool:
        return at <= self.latest + grace and at + offer.least <= self.done_by + grace


@dataclass(slots=True)
class _Held:
    """A reservation that has not been settled."""

    reservation: Reservation
    quotas: tuple[tuple[_Quota, int], ...]


@dataclass(slots=True)
class _Walk:
    """What one walk along the line has found out, so that nobody behind asks again."""

    contested: set[str] = field(default_factory=set)
    """Quotas of which someone ahead needs more than is free; to take from them would starve him."""
    full: set[tuple[str, int]] = field(default_factory=set)
    """Deployments without room, by name and identity of what was claimed."""


class MemoryStore:
    """Quotas, health and the waiting line of one process; see ``Store`` for what each method promises."""

    degraded = False

    def __init__(
        self,
        *,
        health: HealthPolicy | None = None,
        clock: Callable[[], float] = _clock.now,
        rng: Random | None = None,
    ) -> None:
        self._policy = health or HealthPolicy()
        self._clock = clock
        self._rng = rng or Random()
        self._names = count(1)
        self._quotas: dict[str, _Quota] = {}
        self._deployments: dict[str, _Deployment] = {}
        self._held: dict[str, _Held] = {}
        self._line: list[_Waiter] = []
        self._waiters: dict[str, _Waiter] = {}
        self._contested: set[str] = set()
        self._due = NEVER
        """When the first in the line may find room, by the forecast."""
        self._upset = False
        """Whether the forecast has been overtaken by what happened since."""
        self._listeners: list[Callable[[Change], None]] = []
        self._wall_ahead: float | None = None

    # --- reserving ---------------------------------------------------------------------------------------------

    async def reserve(
        self,
        offers: Sequence[Offer],
        *,
        patience: float = 0.0,
        within: float = float("inf"),
        priority: int = 0,
        panic: bool = False,
    ) -> Reservation | Ticket | Full:
        now = self._clock()
        if self._line:
            self._serve_line(now)
        number = next(self._names)
        rank = (-priority, number)
        waiter = _Waiter(f"r{number}", rank, offers, latest=now + patience, done_by=now + within, panic=panic)
        granted = self._take_first(waiter, now, _Walk(self._contested))
        return granted or self._queue(waiter, now)

    def _take_first(self, waiter: _Waiter, now: float, walk: _Walk) -> Reservation | None:
        for index, offer in enumerate(waiter.offers):
            if now + offer.least <= waiter.done_by + INSTANT and self._has_room(offer, now, walk):
                return self._take(waiter.id, index, offer, now)
        early = self._panic(waiter.offers, now, walk) if waiter.panic else None
        return None if early is None else self._take(waiter.id, early, waiter.offers[early], now)

    def _has_room(self, offer: Offer, now: float, walk: _Walk) -> bool:
        if (known := (offer.deployment, id(offer.claims))) in walk.full:
            return False
        health = self._deployment(offer.deployment).health
        probation = health.probation(now + INSTANT)
        open_to_us = probation is Probation.WELL or (probation is Probation.PROBING and health.probe is None)
        if open_to_us and self._quotas_have_room(offer, now, walk):
            return True
        walk.full.add(known)
        return False

    def _quotas_have_room(self, offer: Offer, now: float, walk: _Walk) -> bool:
        return all(
            self._quota(claim.quota).has_room(claim.amount, now) and claim.quota.key not in walk.contested
            for claim in offer.claims
        )

    def _panic(self, offers: Sequence[Offer], now: float, walk: _Walk) -> int | None:
        """Where every offer is ill, the one to probe before its time, unless a probe is under way."""
        healths = [self._deployment(offer.deployment).health for offer in offers]
        if not healths or any(h.ill_until is None or h.probe or h.told_until > now for h in healths):
            return None
        soonest = min(range(len(healths)), key=lambda index: healths[index].free_at(now))
        return soonest if self._quotas_have_room(offers[soonest], now, walk) else None

    def _take(self, key: str, index: int, offer: Offer, now: float) -> Reservation:
        deployment = self._deployment(offer.deployment)
        probe = deployment.health.ill_until is not None
        if probe:
            deployment.health = replace(deployment.health, probe=key)
        quotas = tuple((self._quota(claim.quota), claim.amount) for claim in offer.claims)
        for quota, amount in quotas:
            if not quota.counter.book(key, amount, now, offer.expected):
                self._upset = True
        deployment.in_flight += 1
        deployment.quotas = tuple(quota for quota, _ in quotas)
        reservation = Reservation(key, index, offer, probe=probe)
        self._held[key] = _Held(reservation, quotas)
        return reservation

    # --- waiting -----------------------------------------------------------------------------------------------

    def _queue(self, waiter: _Waiter, now: float) -> Ticket | Full:
        """A place in the line if its turn comes in time; else when it would come."""
        if self._line and waiter.rank < self._line[-1].rank:
            insort(self._line, waiter, key=lambda other: other.rank)
            self._forecast(now)
            accepted = waiter.planned is not None
            soonest = waiter.at if accepted else self._soonest(waiter, now)
            if not accepted:
                self._leave(waiter)
        else:
            if self._upset:
                self._forecast(now)
            soonest = self._foresee(waiter, now, INSTANT)
            accepted = waiter.planned is not None
            if accepted:
                self._line.append(waiter)
        if not accepted:
            return Full(None if soonest == NEVER else max(0.0, soonest - now))
        self._waiters[waiter.id] = waiter
        self._due = min(self._due, waiter.at)
        self._contested |= self._short_of(waiter, now)
        return Ticket(waiter.id, max(0.0, waiter.at - now))

    def _forecast(self, now: float) -> None:
        """Make the forecast anew, and wake whoever's turn comes sooner than he thinks."""
        for quota in self._quotas.values():
            quota.counter.forget_plans()
        self._upset = False
        for waiter in self._line:
            before = waiter.at
            self._foresee(waiter, now, SOON)
            if waiter.at < before - INSTANT or waiter.planned is None:
                waiter.changed.set()
        self._due = min((waiter.at for waiter in self._line), default=NEVER)

    def _foresee(self, waiter: _Waiter, now: float, grace: float) -> float:
        """Plan the waiter's turn behind all others, if it comes in time; when the soonest room is, in any case."""
        times = [self._free_at(offer, now) for offer in waiter.offers]
        in_time = [i for i, at in enumerate(times) if waiter.in_time(waiter.offers[i], at, grace)]
        if in_time:
            best = min(in_time, key=times.__getitem__)
            waiter.planned, waiter.at = waiter.offers[best], times[best]
            for claim in waiter.planned.claims:
                self._quota(claim.quota).counter.plan(waiter.id, claim.amount, waiter.at, waiter.planned.expected)
        else:
            waiter.planned, waiter.at = None, NEVER
        return min(times, default=NEVER)

    def _soonest(self, waiter: _Waiter, now: float) -> float:
        return min((self._free_at(offer, now) for offer in waiter.offers), default=NEVER)

    def _free_at(self, offer: Offer, now: float) -> float:
        """When all that the offer claims is free at once, behind all who wait."""
        health = self._deployment(offer.deployment).health
        moment = max(health.free_at(now), now + SOON if health.probe else now)
        while True:
            later = max((self._quota(c.quota).earliest(c.amount, moment, now) for c in offer.claims), default=moment)
            if later <= moment or later == NEVER:
                return later
            moment = later

    def _serve_line(self, now: float) -> None:
        """Let each in the line, from its head, take what it can."""
        if not self._upset and now + INSTANT < self._due:
            return
        walk = _Walk()
        for waiter in list(self._line):
            if granted := self._take_first(waiter, now, walk):
                waiter.granted = granted
                waiter.changed.set()
                self._line.remove(waiter)
                self._upset |= granted.offer is not waiter.planned
            else:
                walk.contested.update(self._short_of(waiter, now))
        self._contested = walk.contested
        self._due = min((waiter.at for waiter in self._line), default=NEVER)
        self._nudge()

    def _short_of(self, waiter: _Waiter, now: float) -> set[str]:
        """The quotas that have too little room for what the waiter means to take, though they may have some."""
        claims = waiter.planned.claims if waiter.planned is not None else ()
        large = (claim for claim in claims if claim.amount > 1)
        return {claim.quota.key for claim in large if not self._quota(claim.quota).has_room(claim.amount, now)}

    def _nudge(self) -> None:
        """Have the head of the line make a new forecast, once, however much has happened in this moment."""
        if self._upset and self._line:
            self._line[0].changed.set()

    async def wait(self, ticket: Ticket) -> Reservation | Full:
        waiter = self._waiters[ticket.id]
        try:
            return await self._turn_of(waiter)
        except BaseException:
            if waiter.granted is not None:
                self._give_back(waiter.granted)
            raise
        finally:
            del self._waiters[ticket.id]
            self._leave(waiter)

    async def _turn_of(self, waiter: _Waiter) -> Reservation | Full:
        looked_at = float("-inf")
        while True:
            now = self._clock()
            self._serve_line(now)
            if waiter.granted is not None:
                return waiter.granted
            if self._upset or waiter.at <= now + INSTANT:
                self._forecast(now)
            if waiter.planned is None:
                soonest = self._soonest(waiter, now)
                return Full(None if soonest == NEVER else max(0.0, soonest - now))
            waiter.changed = anyio.Event()
            wake = max(waiter.at, looked_at + GLANCE)
            looked_at = now
            with anyio.move_on_after(max(0.0, wake - now)):
                await waiter.changed.wait()

    def _leave(self, waiter: _Waiter) -> None:
        if waiter in self._line:
            self._line.remove(waiter)
            self._made_room(self._clock())

    def _made_room(self, now: float) -> None:
        self._upset = True
        if self._line:
            self._serve_line(now)
            self._nudge()

    # --- giving back -------------------------------------------------------------------------------------------

    async def cancel(self, held: Ticket | Reservation) -> None:
        if isinstance(held, Reservation):
            self._give_back(held)
        elif waiter := self._waiters.pop(held.id, None):
            self._leave(waiter)
            if waiter.granted is not None:
                self._give_back(waiter.granted)

    def _give_back(self, reservation: Reservation) -> None:
        self._settle(reservation, Report(Verdict.SILENT, used=dict.fromkeys(Unit, 0)))

    async def settle(self, reservation: Reservation, report: Report) -> None:
        self._settle(reservation, report)

    def _settle(self, reservation: Reservation, report: Report) -> None:
        held = self._held.pop(reservation.id, None)
        if held is None:
            return
        now = self._clock()
        # What taught is learned before what was held is given back: the in-flight count at a 429 includes its own.
        self._learn(held, report, now)
        made_room = False
        for quota, amount in held.quotas:
            used = amount if report.used is None else report.used.get(quota.spec.unit, amount)
            if used != amount or quota.spec.unit is Unit.CONCURRENT:
                made_room |= quota.counter.settle(reservation.id, used)
        deployment = self._deployment(reservation.offer.deployment)
        deployment.in_flight -= 1
        before = deployment.health
        self._judge(reservation, report, now, told=report.rejected is None or not held.quotas)
        if made_room or deployment.health != before or report.rejected is not None:
            self._made_room(now)

    def _learn(self, held: _Held, report: Report, now: float) -> None:
        for quota, _ in held.quotas:
            before = quota.learned, quota.limit
            for seen in report.seen_limits:
                if seen.unit is quota.spec.unit and isinstance(quota.learned, Ladder):
                    quota.learned = quota.learned.stated(_in_amounts(seen.unit, seen.limit))
            if report.rejected is not None and _speaks_of(report.rejected, quota, held):
                quota.learned = _rejected(quota, now)
                quota.cooling_until = max(quota.cooling_until, now + report.cooldown)
            elif report.verdict is Verdict.WELL:
                quota.learned = _succeeded(quota)
            if (quota.learned, quota.limit) != before:
                quota.apply()
                self._tell_learned(held.reservation.offer.deployment, quota, before[1])

    def _tell_learned(self, deployment: str, quota: _Quota, before: int) -> None:
        if quota.limit != before:
            self._tell(Change(deployment, quota=quota.spec.key, limit=quota.spec.limit, learned=quota.limit))

    def _judge(self, reservation: Reservation, report: Report, now: float, *, told: bool) -> None:
        """Let the deployment's health learn; ``told`` where a cooldown is its own and not its quotas'."""
        deployment = self._deployment(reservation.offer.deployment)
        before = deployment.health.probation(now), deployment.health.free_at(now)
        spread = self._rng.uniform(0.8, 1.2)
        if told and report.cooldown > 0:
            seconds = report.cooldown
            health = deployment.health.told(reservation.id, now, seconds, self._policy, grows=report.grows)
        else:
            health = deployment.health.judged(report.verdict, reservation.id, now, self._policy, spread)
        deployment.health = health
        after = health.probation(now), health.free_at(now)
        if after != before:
            self._tell(Change(reservation.offer.deployment, probation=after[0], cooling=after[1] - now))

    # --- looking -----------------------------------------------------------------------------------------------

    def state(self, deployment: str) -> DeploymentState:
        known = self._deployments.get(deployment)
        if known is None:
            return DeploymentState()
        now = self._clock()
        cooling = max([known.health.free_at(now), *(quota.cooling_until for quota in known.quotas)]) - now
        quotas = {q.spec.key: QuotaState(q.spec.unit, q.counter.used(now), q.spec.limit, q.limit) for q in known.quotas}
        return DeploymentState(known.in_flight, known.health.probation(now), max(0.0, cooling), quotas)

    def in_flight(self, deployment: str) -> int:
        known = self._deployments.get(deployment)
        return 0 if known is None else known.in_flight

    @property
    def waiting(self) -> int:
        """How many requests stand in the line."""
        return len(self._line)

    def listen(self, listener: Callable[[Change], None]) -> None:
        self._listeners.append(listener)

    async def aclose(self) -> None:
        """Nothing to let go of."""

    # --- parts -------------------------------------------------------------------------------------------------

    def _tell(self, change: Change) -> None:
        for listener in self._listeners:
            listener(change)

    def _deployment(self, name: str) -> _Deployment:
        known = self._deployments.get(name)
        if known is None:
            known = self._deployments[name] = _Deployment()
        return known

    def _quota(self, spec: Quota) -> _Quota:
        known = self._quotas.get(spec.key)
        if known is None:
            known = self._quotas[spec.key] = self._new_quota(spec)
        elif known.spec is not spec and known.spec != spec:
            self._respecify(known, spec)
        return known

    def _new_quota(self, spec: Quota) -> _Quota:
        if spec.unit is Unit.CONCURRENT:
            return _Quota(spec, SlotCounter(spec.limit), SlotLimit())
        ladder = Ladder(start=spec.shape)
        if spec.shape is Shape.FIXED:
            return _Quota(spec, FixedCounter(spec.limit, spec.guard, self._wall), ladder)
        return _Quota(spec, RateCounter(rules_of(spec, ladder)), ladder)

    def _respecify(self, known: _Quota, spec: Quota) -> None:
        """A configuration was loaded anew: the limits change, what has been counted stays."""
        if (known.spec.shape is Shape.FIXED) != (spec.shape is Shape.FIXED):
            # The two kinds keep different books; until the old entries have left the window, both would be wrong.
            spec = replace(spec, shape=known.spec.shape)
        known.spec = spec
        if isinstance(known.learned, Ladder):
            known.learned = replace(known.learned, start=spec.shape, step=min(known.learned.step, 2))
        known.apply()
        self._upset = True

    def _wall(self, moment: float) -> float:
        """The wall clock at a moment of this store's clock; set once, so that it never jumps."""
        if self._wall_ahead is None:
            self._wall_ahead = _clock.wall() - self._clock()
        return moment + self._wall_ahead


def _speaks_of(rejected: frozenset[Unit], quota: _Quota, held: _Held) -> bool:
    """Whether a 429 is about ``quota``: the units it names, or else every rate, or the slots where they are all."""
    if rejected:
        return quota.spec.unit in rejected
    rates = any(q.spec.unit is not Unit.CONCURRENT for q, _ in held.quotas)
    return (quota.spec.unit is not Unit.CONCURRENT) == rates


def _rejected(quota: _Quota, now: float) -> Ladder | SlotLimit:
    if isinstance(quota.learned, Ladder):
        return quota.learned.rejected(now)
    return quota.learned.rejected(quota.counter.used(now))


def _succeeded(quota: _Quota) -> Ladder | SlotLimit:
    if isinstance(quota.learned, Ladder):
        return quota.learned.succeeded()
    return quota.learned.succeeded(quota.spec.limit)


def _in_amounts(unit: Unit, limit: int) -> int:
    return limit * 1_000_000 if unit is Unit.MEGAPIXELS else limit
