"""What has been counted of every quota and seen of every deployment: the store without those who wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import cycle, islice

from pixelrelay.quotas import WINDOW, Claim, Quota, Shape, Span, Unit
from pixelrelay.store.base import BudgetState, DeploymentState, Offer, QuotaState, Reservation, Shortage
from pixelrelay.store.budgets import BudgetCounter
from pixelrelay.store.counters import INSTANT, NEVER, SOON, Counter, FixedCounter, RateCounter, SlotCounter
from pixelrelay.store.health import Health
from pixelrelay.store.rules import WHOLE, Ladder, Portion, SlotLimit, rules_of

PRUNED_AT_ONCE = 4
"""Personal quotas of each kind that are looked at in one step, whether anything of them counts yet."""


@dataclass(slots=True, eq=False)
class QuotaBook:
    """One quota: what is configured, what is counted, what was learned."""

    spec: Quota
    counter: Counter
    learned: Ladder | SlotLimit
    cooling_until: float = float("-inf")
    deployments: set[str] = field(default_factory=set)
    """Who draws on it."""
    portion: Portion = WHOLE

    def has_room(self, amount: int, now: float) -> bool:
        return self.cooling_until <= now + INSTANT and self.counter.has_room(amount, now)

    def opens(self, amount: int, after: float) -> float:
        return self.counter.opens(amount, max(after, self.cooling_until))

    def earliest(self, amount: int, after: float, now: float) -> float:
        return self.counter.earliest(amount, max(after, self.cooling_until), now)

    @property
    def limit(self) -> int:
        return self.portion.of(self.learned.limit(self.spec.limit))

    def is_over(self, now: float) -> bool:
        """Whether nothing counts that was booked, and nobody waits for it."""
        if isinstance(self.counter, BudgetCounter):
            return self.counter.is_over(now)
        return not self.counter.planned and not self.counter.used(now)

    def state(self, now: float) -> QuotaState:
        stated = self.learned.seen if isinstance(self.learned, Ladder) else None
        return QuotaState(self.spec.unit, self.counter.used(now), self.spec.limit, self.limit, stated)

    def apply(self) -> bool:
        """Count by what is configured and learned now. Whether that changes what is admitted."""
        if isinstance(self.counter, RateCounter) and isinstance(self.learned, Ladder):
            before, self.counter.rules = self.counter.rules, rules_of(self.spec, self.learned, self.portion)
            return self.counter.rules != before
        if isinstance(self.counter, FixedCounter):
            self.counter.guard = self.spec.guard
        if isinstance(self.counter, FixedCounter | SlotCounter):
            limits = self.counter.limit, self.counter.largest
            self.counter.limit, self.counter.largest = self.limit, self.learned.largest(self.spec.limit)
            return limits != (self.counter.limit, self.counter.largest)
        if isinstance(self.counter, BudgetCounter):
            # No call passes a portion of it, not even one that is alone: it is money, and not the pace of its spending.
            admitted, self.counter.limit = self.counter.limit, self.limit
            return self.counter.limit != admitted
        return False


@dataclass(slots=True, eq=False)
class DeploymentBook:
    """One deployment: how it is, and what it is doing."""

    health: Health = field(default_factory=Health)
    in_flight: int = 0
    quotas: tuple[QuotaBook, ...] = ()
    """Of its account."""


@dataclass(frozen=True, slots=True)
class Held:
    """A reservation that has not been settled."""

    reservation: Reservation
    quotas: tuple[tuple[QuotaBook, Claim], ...]


class Books:
    """Every quota and deployment that has been asked for, by name; made when first asked for."""

    def __init__(self, wall: Callable[[float], float]) -> None:
        self._wall = wall
        self._quotas: dict[str, QuotaBook] = {}
        self._personal: dict[Span | None, dict[str, QuotaBook]] = {}
        """Those of single users by what they are counted in, the one that was booked last behind all others."""
        self._planned: set[QuotaBook] = set()
        self._deployments: dict[str, DeploymentBook] = {}
        self._held: dict[str, Held] = {}
        self._portion = WHOLE
        self.upset = False
        """Whether what is planned has been overtaken by what happened since."""

    # --- is there room? ----------------------------------------------------------------------------------------

    def has_room(self, offer: Offer, now: float, contested: Set[str]) -> bool:
        """Whether all of the offer can be taken now. What is ``contested`` is left to those ahead."""
        is_open = self.deployment(offer.deployment).health.is_open(now + INSTANT)
        return is_open and self.quotas_have_room(offer, now, contested)

    def quotas_have_room(self, offer: Offer, now: float, contested: Set[str]) -> bool:
        for claim in offer.all_claims:
            if claim.quota.key in contested or not self.quota(claim.quota).has_room(claim.amount, now):
                return False
        return True

    def short(self, offer: Offer, now: float) -> list[str]:
        """The quotas that have too little room for the offer, though they may have some."""
        large = (claim for claim in offer.all_claims if claim.amount > 1)
        return [claim.quota.key for claim in large if not self.quota(claim.quota).has_room(claim.amount, now)]

    def panic(self, offers: Sequence[Offer], timely: Sequence[int], now: float) -> int | None:
        """Where every offer is ill, which of the ``timely`` to probe before its time.

        ``None`` if a probe is under way, or if a provider itself named a time that is not over.
        """
        healths = [self.deployment(offer.deployment).health for offer in offers]
        if not timely or any(h.ill_until is None or h.probe or h.told_until > now + INSTANT for h in healths):
            return None
        return min(timely, key=lambda index: healths[index].free_at(now))

    def opens(self, offer: Offer, now: float, *, panicking: bool = False) -> float:
        """When time alone will have made room for the offer, whoever waits left aside."""
        health = self.deployment(offer.deployment).health
        if health.probe:
            return NEVER
        moment = now if panicking else health.free_at(now)
        return self._all_at_once(offer, moment, QuotaBook.opens)

    def free_at(self, offer: Offer, now: float) -> float:
        """When all that the offer claims is thought to be free at once, behind all who wait."""
        for claim in offer.all_claims:
            self.quota(claim.quota).deployments.add(offer.deployment)
        health = self.deployment(offer.deployment).health
        moment = max(health.free_at(now), now + SOON) if health.probe else health.free_at(now)
        return self._all_at_once(offer, moment, lambda book, amount, after: book.earliest(amount, after, now))

    def _all_at_once(self, offer: Offer, moment: float, room: Callable[[QuotaBook, int, float], float]) -> float:
        """The first moment from ``moment`` on at which every claim has room: the claims push it on in turn."""
        claims, agreed = offer.all_claims, 0
        for claim in cycle(claims):
            later = room(self.quota(claim.quota), claim.amount, moment)
            agreed = 1 if later > moment else agreed + 1
            moment = later
            if agreed == len(claims) or moment == NEVER:
                break
        return moment

    def shortage(self, offer: Offer, at: float, now: float) -> Shortage | None:
        """The limit of our own for which the offer has to wait until ``at``, which ``free_at`` named."""
        for claim in offer.ours:
            quota = self.quota(claim.quota)
            if not quota.has_room(claim.amount, now) and quota.earliest(claim.amount, now, now) >= at - INSTANT:
                return Shortage(claim.quota, claim.amount, quota.counter.used(now))
        return None

    # --- taking and giving back --------------------------------------------------------------------------------

    def take(self, key: str, index: int, offer: Offer, now: float) -> Reservation:
        """Book all that the offer claims; it was found to have room."""
        deployment = self.deployment(offer.deployment)
        probe = deployment.health.ill_until is not None
        if probe:
            deployment.health = replace(deployment.health, probe=key)
        quotas = tuple((self.quota(claim.quota), claim) for claim in offer.all_claims)
        for quota, claim in quotas:
            if not quota.counter.book(key, claim.amount, now, offer.expected):
                self.upset = True
            if quota.spec.personal:
                self._keep(quota)
        deployment.in_flight += 1
        deployment.quotas = tuple(quota for quota, claim in quotas if not claim.quota.ours)
        reservation = Reservation(key, index, offer, probe=probe)
        self._held[key] = Held(reservation, quotas)
        return reservation

    def release(self, reservation: Reservation) -> Held | None:
        """What the reservation holds, no longer held; ``None`` if it was settled before. Its bookings stay."""
        held = self._held.pop(reservation.id, None)
        if held is not None:
            self.deployment(reservation.offer.deployment).in_flight -= 1
        return held

    def split(self, portion: Portion) -> None:
        """Go by a portion of every limit from now on."""
        self._portion = portion
        for quota in self._quotas.values():
            quota.portion = portion
            quota.apply()

    def count(self, key: str, spec: Quota, amount: int, now: float) -> None:
        """Book what somebody else has used of a quota."""
        self.quota(spec).counter.book(key, amount, now, WINDOW)

    def discount(self, key: str, *, budgets: bool = True) -> None:
        """Take back all that was counted under ``key``."""
        for quota in self._quotas.values():
            if budgets or quota.spec.span is None:
                quota.counter.settle(key, 0)

    def quotas(self) -> Sequence[Quota]:
        return [quota.spec for quota in self._quotas.values()]

    # --- the forecast ------------------------------------------------------------------------------------------

    def plan(self, key: str, offer: Offer, at: float) -> Set[str]:
        """Note that ``key`` is thought to take ``offer`` at ``at``, which ``free_at`` named.

        The deployments for which that may change what is thought: its own, and those that share a quota with it.
        """
        touched = {offer.deployment}
        for claim in offer.all_claims:
            quota = self.quota(claim.quota)
            quota.counter.plan(key, claim.amount, at, offer.expected)
            self._planned.add(quota)
            touched |= quota.deployments
        return touched

    def forget_plans(self) -> None:
        for quota in self._planned:
            quota.counter.forget_plans()
        self._planned.clear()
        self.upset = False

    # --- the books themselves ----------------------------------------------------------------------------------

    def state(self, deployment: str, now: float) -> DeploymentState:
        known = self._deployments.get(deployment)
        if known is None:
            return DeploymentState()
        cooling = max([known.health.free_at(now), *(quota.cooling_until for quota in known.quotas)]) - now
        quotas = {quota.spec.key: quota.state(now) for quota in known.quotas}
        return DeploymentState(known.in_flight, known.health.probation(now), max(0.0, cooling), quotas, age=0.0)

    def budget(self, spec: Quota, now: float) -> BudgetState:
        known = self._quotas.get(spec.key)
        return known.counter.state(now) if known and isinstance(known.counter, BudgetCounter) else BudgetState()

    def in_flight(self, deployment: str) -> int:
        known = self._deployments.get(deployment)
        return 0 if known is None else known.in_flight

    def utilisation(self, deployment: str, now: float) -> float:
        known, most = self._deployments.get(deployment), 0.0
        for quota in known.quotas if known is not None else ():
            most = max(most, quota.counter.used(now) / quota.limit)
        return most

    def deployment(self, name: str) -> DeploymentBook:
        known = self._deployments.get(name)
        if known is None:
            known = self._deployments[name] = DeploymentBook()
        return known

    def quota(self, spec: Quota) -> QuotaBook:
        """What is counted under the key, whatever ``spec`` was configured then."""
        known = self._quotas.get(spec.key)
        if known is None:
            known = self._quotas[spec.key] = QuotaBook(spec, *self._counting(spec), portion=self._portion)
            known.apply()
            if spec.personal:
                self._keep(known)
        return known

    def _keep(self, known: QuotaBook) -> None:
        """Put it behind all others of its kind."""
        of_its_kind = self._personal.setdefault(known.spec.span, {})
        of_its_kind.pop(known.spec.key, None)
        of_its_kind[known.spec.key] = known

    def prune(self, now: float) -> None:
        """Forget some of the personal quotas of which nothing counts any more: more than can have been made since."""
        for of_its_kind in self._personal.values():
            for key, known in list(islice(of_its_kind.items(), PRUNED_AT_ONCE)):
                if not known.is_over(now):
                    break
                del of_its_kind[key]
                self._quotas.pop(key, None)

    def specify(self, offer: Offer, now: float) -> None:
        """What was looked at last is what is configured: for those who asked before, as well."""
        for claim in offer.all_claims:
            known = self.quota(claim.quota)
            if known.spec is not claim.quota and known.spec != claim.quota:
                self._respecify(known, claim.quota, now)

    def _counting(self, spec: Quota) -> tuple[Counter, Ladder | SlotLimit]:
        if spec.unit is Unit.CONCURRENT:
            return SlotCounter(spec.limit), SlotLimit()
        ladder = Ladder(start=spec.shape)
        if spec.span is not None:
            return BudgetCounter(spec.limit, spec.span, self._wall), ladder
        if spec.shape is Shape.FIXED:
            return FixedCounter(spec.limit, spec.guard, self._wall), ladder
        return RateCounter(rules_of(spec, ladder)), ladder

    def _respecify(self, known: QuotaBook, spec: Quota, now: float) -> None:
        """A configuration was loaded anew: the limits change, what has been counted stays."""
        before, known.spec = known.spec, spec
        if _kind(before) != _kind(spec):
            # The two kinds keep different books, so what one has counted is carried over as if it were booked now:
            # for one window too little is admitted rather than too much.
            counted = known.counter.used(now)
            if isinstance(known.counter, FixedCounter):
                counted += known.counter.used(now - WINDOW)
            known.counter, known.learned = self._counting(spec)
            known.counter.book("", counted, now, 0.0)
            known.counter.settle("", counted)
        elif isinstance(known.learned, Ladder):
            known.learned = replace(known.learned, start=spec.shape)
        known.apply()
        self.upset = True


def _kind(spec: Quota) -> object:
    """What has to be the same for two quotas to be counted in the same books."""
    return spec.span if spec.span is not None else spec.shape is Shape.FIXED
