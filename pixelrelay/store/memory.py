"""The store of a single process, and in plain Python what every other store must do.

The books hold what is counted, the line those who wait; this brings them together and lets both learn from how
attempts end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from random import Random

from pixelrelay import _clock
from pixelrelay.images import NOTHING
from pixelrelay.quotas import Claim, Quota, Unit
from pixelrelay.store.base import (
    UNUSED,
    BudgetState,
    Change,
    DeploymentState,
    Full,
    Offer,
    Report,
    Reservation,
    Sight,
    Ticket,
    Verdict,
)
from pixelrelay.store.books import Books, Held, QuotaBook
from pixelrelay.store.counters import RateCounter
from pixelrelay.store.health import HealthPolicy
from pixelrelay.store.line import Line, Waiter
from pixelrelay.store.rules import Ladder, Portion, SlotLimit

OTHERS = "others"
"""Under which is booked what other processes have used."""


class MemoryStore:
    """Quotas, health and the waiting line of one process; see ``Store`` for what each method promises."""

    degraded = False

    def __init__(
        self,
        *,
        health: HealthPolicy | None = None,
        clock: Callable[[], float] = _clock.now,
        wall: Callable[[], float] = _clock.wall,
        rng: Random | None = None,
        name: str = "r",
    ) -> None:
        """``name`` begins the ids of all reservations."""
        self._policy = health or HealthPolicy()
        self._clock = clock
        self._wall_clock = wall
        self._rng = rng or Random()
        self._name = name
        self._numbers = count(1)
        self._books = Books(self._wall)
        self._line = Line(self._books, clock)
        self._tickets: dict[str, Waiter] = {}
        self._listeners: list[Callable[[Change], None]] = []
        self._wall_ahead: float | None = None

    # --- taking and waiting ------------------------------------------------------------------------------------

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
        self._line.serve(now)
        self._books.prune(now)
        number = next(self._numbers)
        waiter = Waiter(f"{self._name}{number}", (-priority, number), offers, now + patience, now + within, panic)
        if granted := self._line.served_at_once(waiter, now):
            return granted
        self._line.enter(waiter, now)
        if waiter.granted is not None:
            return waiter.granted
        if waiter.planned is None:
            return self._line.full(waiter, now)
        self._tickets[waiter.id] = waiter
        return Ticket(waiter.id, max(0.0, waiter.at - now))

    async def wait(self, ticket: Ticket) -> Reservation | Full:
        waiter = self._tickets[ticket.id]
        try:
            return await self._line.turn_of(waiter)
        except BaseException:
            if waiter.granted is not None:
                self._give_back(waiter.granted)
            raise
        finally:
            self._tickets.pop(ticket.id, None)
            self._line.leave(waiter)

    # --- giving back -------------------------------------------------------------------------------------------

    async def cancel(self, held: Ticket | Reservation) -> None:
        if isinstance(held, Reservation):
            self._give_back(held)
        elif waiter := self._tickets.pop(held.id, None):
            self._line.leave(waiter)
            if waiter.granted is not None:
                self._give_back(waiter.granted)

    def _give_back(self, reservation: Reservation) -> None:
        self._settle(reservation, UNUSED)

    async def settle(self, reservation: Reservation, report: Report) -> None:
        self._settle(reservation, report)

    def _settle(self, reservation: Reservation, report: Report) -> None:
        held = self._books.release(reservation)
        if held is None:
            return
        now = self._clock()
        # What taught is learned before what was held is given back: the in-flight count at a 429 includes its own.
        changed = self._learn(held, report, now)
        for quota, claim in held.quotas:
            used = report.used_of(claim)
            if used != claim.amount or quota.spec.unit is Unit.CONCURRENT or quota.spec.span is not None:
                changed |= quota.counter.settle(reservation.id, used)
        changed |= self._judge(reservation, report, now, told=report.rejected is None or not reservation.offer.claims)
        if changed:
            self._line.made_room(now)

    def _learn(self, held: Held, report: Report, now: float) -> bool:
        """Let the quotas of the account learn. Whether that changed what is admitted."""
        changed = False
        theirs = [(quota, claim) for quota, claim in held.quotas if not claim.quota.ours]
        for quota, claim in theirs:
            before = quota.learned, quota.limit
            for seen in report.seen_limits:
                if seen.unit is quota.spec.unit and isinstance(quota.learned, Ladder):
                    quota.learned = quota.learned.stated(_in_amounts(seen.unit, seen.limit))
            if report.rejected is not None and _speaks_of(report.rejected, quota, theirs):
                quota.learned = _rejected(quota, now)
                quota.cooling_until = max(quota.cooling_until, now + report.cooldown)
                changed = True
            elif report.verdict is Verdict.WELL:
                quota.learned = _succeeded(quota, claim.amount)
            if (quota.learned, quota.limit) != before:
                changed |= quota.apply()
                self._tell_learned(held.reservation.offer.deployment, quota, before[1])
        return changed

    def _tell_learned(self, deployment: str, quota: QuotaBook, before: int) -> None:
        if quota.limit != before:
            self._tell(Change(deployment, quota=quota.spec.key, limit=quota.spec.limit, learned=quota.limit))

    def _judge(self, reservation: Reservation, report: Report, now: float, *, told: bool) -> bool:
        """Let the deployment's health learn; ``told`` where a cooldown is its own and not its quotas'.

        Whether that changed when it may be asked.
        """
        deployment = self._books.deployment(reservation.offer.deployment)
        was = deployment.health
        if told and report.cooldown > 0:
            seconds = report.cooldown
            health = was.told(reservation.id, now, seconds, self._policy, grows=report.grows)
        else:
            policy = self._policy.beginning(report.first_cooldown)
            health = was.judged(report.verdict, reservation.id, now, policy, self._rng.uniform(0.8, 1.2))
        if health is was:
            return False  # as nearly always
        deployment.health = health
        after = health.probation(now), health.free_at(now)
        if after != (was.probation(now), was.free_at(now)):
            self._tell(Change(reservation.offer.deployment, probation=after[0], cooling=after[1] - now))
            return True
        return health.probe != was.probe

    # --- standing in for a store that is shared ----------------------------------------------------------------

    def adopt(self, reservation: Reservation) -> None:
        """Count what was granted elsewhere, as if it had been granted here. It is settled here as well."""
        now = self._clock()
        self._books.prune(now)
        self._books.specify(reservation.offer, now)
        self._books.take(reservation.id, reservation.index, reservation.offer, now)

    def used(self) -> Mapping[str, int]:
        """What counts against each quota now, by its key."""
        now = self._clock()
        return {quota.key: self._books.quota(quota).counter.used(now) for quota in self._books.quotas()}

    def bursts(self) -> Mapping[str, int]:
        """Of quotas that hold in shorter spans than a minute as well, how much the shortest of them holds."""
        counters = ((quota.key, self._books.quota(quota).counter) for quota in self._books.quotas())
        rates = [(key, counter.rules) for key, counter in counters if isinstance(counter, RateCounter)]
        return {
            key: 1 if rules.spacing else min(limit for _, limit in rules.windows)
            for key, rules in rates
            if rules.spacing or len(rules.windows) > 1
        }

    def learn_of(self, quotas: Iterable[Quota]) -> None:
        """Count these too, although nothing was reserved of them yet."""
        for quota in quotas:
            self._books.quota(quota)

    def split(self, portion: Portion, others: Mapping[str, int] = NOTHING) -> None:
        """Go by a portion of every limit from now on, or by the whole again.

        ``others`` is what other processes have used, by quota key: it is counted here, until ``forget_others`` or
        ``split`` is called, as if it had been used now. Those who wait are out of the line: they have to ask again.
        """
        now = self._clock()
        self._line.dismiss()
        self._books.discount(OTHERS)
        self._books.split(portion)
        for quota in self._books.quotas():
            if others.get(quota.key, 0) > 0:
                self._books.count(OTHERS, quota, others[quota.key], now)

    def forget_others(self) -> None:
        """Count no more what other processes had used, save of budgets, whose windows are longer than a minute."""
        self._books.discount(OTHERS, budgets=False)
        self._line.made_room(self._clock())

    # --- looking -----------------------------------------------------------------------------------------------

    def state(self, deployment: str) -> DeploymentState:
        return self._books.state(deployment, self._clock())

    def budget(self, quota: Quota) -> BudgetState:
        return self._books.budget(quota, self._clock())

    async def look(self, offers: Sequence[Offer], budgets: Sequence[Quota] = ()) -> Sight:
        now = self._clock()
        states = {offer.deployment: self._books.state(offer.deployment, now) for offer in offers}
        return Sight(states, budgets={quota.key: self._books.budget(quota, now) for quota in budgets})

    def in_flight(self, deployment: str) -> int:
        return self._books.in_flight(deployment)

    def utilisation(self, deployment: str) -> float:
        return self._books.utilisation(deployment, self._clock())

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

    def _wall(self, moment: float) -> float:
        """The wall clock at a moment of this store's clock; set once, so that it never jumps."""
        if self._wall_ahead is None:
            self._wall_ahead = self._wall_clock() - self._clock()
        return moment + self._wall_ahead


def _speaks_of(rejected: frozenset[Unit], quota: QuotaBook, held: Sequence[tuple[QuotaBook, Claim]]) -> bool:
    """Whether a 429 is about ``quota``: the units it names, or else every rate, or the slots where they are all."""
    if rejected:
        return quota.spec.unit in rejected
    rates = any(q.spec.unit is not Unit.CONCURRENT for q, _ in held)
    return (quota.spec.unit is not Unit.CONCURRENT) == rates


def _rejected(quota: QuotaBook, now: float) -> Ladder | SlotLimit:
    if isinstance(quota.learned, Ladder):
        return quota.learned.rejected(now)
    return quota.learned.rejected(quota.counter.used(now))


def _succeeded(quota: QuotaBook, amount: int) -> Ladder | SlotLimit:
    if isinstance(quota.learned, Ladder):
        return quota.learned.succeeded(amount / quota.spec.limit)
    return quota.learned.succeeded(quota.spec.limit)


def _in_amounts(unit: Unit, limit: int) -> int:
    return limit * 1_000_000 if unit is Unit.MEGAPIXELS else limit
