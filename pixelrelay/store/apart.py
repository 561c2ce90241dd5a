"""What a process does by itself while the shared store is away, and what it has to tell when it is back.

All along it keeps books of its own, in the memory store: of what it was granted and how that ended. So it knows at
once what it has used and who is ill. While it is apart it goes by its portion of every limit.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from math import ceil
from random import Random

from pixelrelay import _clock
from pixelrelay.images import NOTHING
from pixelrelay.quotas import WINDOW, Claim, Quota
from pixelrelay.store.base import Full, Mode, Offer, OnLoss, Report, Reservation, StoreLostError, Ticket
from pixelrelay.store.budgets import HOUR
from pixelrelay.store.granted import Booked
from pixelrelay.store.health import HealthPolicy
from pixelrelay.store.memory import MemoryStore
from pixelrelay.store.rules import WHOLE, Portion

KEPT = WINDOW + 1.0
"""Seconds after which a booking that is over counts nowhere any more."""


@dataclass(slots=True)
class _Spent:
    """What was granted here while the shared store was away."""

    offer: Offer
    """As it ended, once it has."""
    at: float
    held: bool = True
    told: bool = False
    """Whether the shared store has been told of it."""


@dataclass(slots=True)
class _Owed:
    """What was spent of budgets in one hour of the wall clock, and is over."""

    id: str
    at: float
    amounts: Tally[Quota] = field(default_factory=Tally)

    def booked(self, now: float) -> Booked:
        claims = tuple(Claim(quota, amount) for quota, amount in self.amounts.items())
        return Booked(self.id, Offer("", ours=claims), now - self.at, held=False)


class Apart:
    """The memory store of one process that should count together with others."""

    def __init__(self, process: str, on_loss: OnLoss, health: HealthPolicy | None, rng: Random) -> None:
        self.on_loss: OnLoss = on_loss
        self._name = f"{process}:a"
        self.memory = MemoryStore(health=health, rng=rng, name=self._name)
        self._spent: dict[str, _Spent] = {}
        self._owed: dict[tuple[int, int], _Owed] = {}
        self._doubts = 0
        self._numbers = count(1)
        self.reason = ""
        self.retry = 0.0
        """Seconds until the shared store is asked again."""

    @property
    def mode(self) -> Mode:
        return Mode(self.on_loss)

    # --- losing and finding the shared store ---------------------------------------------------------------------

    def part(self, portion: Portion, used: Callable[[str], int]) -> None:
        """The shared store is lost: go by a portion of every limit.

        ``used`` says what all processes together had used of a quota when it was last seen. Each counts that as
        shared out evenly, so that all together use no more than what was left. In which slice of the minute others
        used it nobody here knows, so all of it is thought to have been in this one.
        """
        if self.on_loss != "share":
            return
        own, bursts = self.memory.used(), self.memory.bursts()
        others = {}
        for key, mine in own.items():
            whole = used(key)
            in_slice = ceil(min(bursts.get(key, 0), whole) / portion.count)
            others[key] = max(ceil(whole / portion.count) - mine, in_slice)
        self.memory.split(portion, others)

    def rejoin(self) -> None:
        """The shared store is back, and has been told everything."""
        self.memory.split(WHOLE, NOTHING)

    def untold(self) -> Sequence[Booked]:
        """What the shared store has yet to be told of."""
        now = _clock.now()
        for id_, spent in list(self._spent.items()):
            if not spent.held and now - spent.at >= KEPT:
                self._owe(self._spent.pop(id_))
        singly = [
            Booked(id_, spent.offer, now - spent.at, spent.held) for id_, spent in self._spent.items() if not spent.told
        ]
        return [*singly, *(owed.booked(now) for owed in self._owed.values())]

    def _owe(self, spent: _Spent) -> None:
        """Add up what no minute's window holds any more, and a budget's does: however long it lasts, it is little."""
        spends = [claim for claim in spent.offer.ours if claim.quota.span is not None]
        if not spends or spent.told:
            return
        hour = int((_clock.wall() - (_clock.now() - spent.at)) // HOUR)
        owed = self._owed.setdefault((hour, self._doubts), _Owed(f"{self._name}:{next(self._numbers)}", spent.at))
        owed.at = max(owed.at, spent.at)
        for claim in spends:
            owed.amounts[claim.quota] += claim.amount

    def told(self, booked: Sequence[Booked]) -> None:
        ids = {each.id for each in booked}
        self._owed = {hour: owed for hour, owed in self._owed.items() if owed.id not in ids}
        for id_ in ids & self._spent.keys():
            self._spent[id_].told = True
            if not self._spent[id_].held:
                del self._spent[id_]

    def doubt(self) -> None:
        """The shared store may have been told, and did not say so: what it may have heard of is added to no more."""
        self._doubts += 1

    def forgotten(self) -> None:
        """The shared store has lost what it was told."""
        for spent in self._spent.values():
            spent.told = False

    # --- reserving without it ------------------------------------------------------------------------------------

    async def reserve(
        self, offers: Sequence[Offer], *, patience: float, within: float, priority: int, panic: bool
    ) -> Reservation | Ticket | Full:
        """As ``Store.reserve``. ``StoreLostError`` where nothing is to be served without the shared store."""
        if self.on_loss == "closed":
            raise StoreLostError(self.reason, self.retry)
        got = await self.memory.reserve(offers, patience=patience, within=within, priority=priority, panic=panic)
        return self._noted(got) if isinstance(got, Reservation) else got

    def wrote(self, ticket: Ticket) -> bool:
        return ticket.id.startswith(self._name)

    async def wait(self, ticket: Ticket) -> Reservation | Full:
        got = await self.memory.wait(ticket)
        return self._noted(got) if isinstance(got, Reservation) else got

    def _noted(self, granted: Reservation) -> Reservation:
        self._spent[granted.id] = _Spent(granted.offer, _clock.now())
        return replace(granted, degraded=True)

    def knows(self, reservation: Reservation) -> bool:
        """Whether it was granted here and the shared store has not been told of it."""
        spent = self._spent.get(reservation.id)
        return spent is not None and not spent.told

    async def settle(self, reservation: Reservation, report: Report) -> None:
        await self.memory.settle(reservation, report)
        spent = self._spent.get(reservation.id)
        if spent is None:
            return
        if spent.told:
            del self._spent[reservation.id]
        else:
            spent.offer, spent.held = _as_used(reservation.offer, report), False


def _as_used(offer: Offer, report: Report) -> Offer:
    """The offer with what was used in place of what was claimed."""

    def as_used(claims: Sequence[Claim]) -> tuple[Claim, ...]:
        used = (Claim(claim.quota, report.used_of(claim)) for claim in claims)
        return tuple(claim for claim in used if claim.amount > 0)

    return replace(offer, claims=as_used(offer.claims), ours=as_used(offer.ours))
