"""The line of those who found no room, by priority and then by arrival.

Whenever something may have become free, the line is walked from its head and each takes what it can. Nothing is
promised to a particular deployment: the forecast only tells each how long it will be, and is made anew, when
somebody asks or at most a second later, after something has upset it.

One of those who wait keeps watch for all: his timer is set for the moment at which time makes room. The others
sleep until they are served, or sent away.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import anyio

from pixelrelay.store.base import Full, Offer, Reservation
from pixelrelay.store.books import Books
from pixelrelay.store.counters import INSTANT, NEVER, SOON

GLANCE = 0.05
"""Seconds after which one who should have found room, and did not, looks again."""
LONG = 64
"""Waiters from which on the forecast is made anew at most every ``SOON``."""


@dataclass(slots=True, eq=False)
class Kind:
    """What some who wait have in common: what they may take, in whatever order. Where one finds no room, none does."""

    key: object
    members: int = 0


@dataclass(slots=True, eq=False)
class Waiter:
    """One request in the line, or about to enter it."""

    id: str
    rank: tuple[int, int]
    """Who is less goes first."""
    offers: Sequence[Offer]
    latest: float
    """The moment until which it is willing to wait."""
    done_by: float
    panic: bool = False
    """Whether it may probe before its time a deployment that is ill, where all are."""
    at: float = NEVER
    """When its turn comes, by the forecast."""
    planned: Offer | None = None
    """What it takes then, by the forecast; ``None`` if its turn comes too late."""
    kind: Kind | None = None
    aim: tuple[Kind | None, str] = (None, "")
    """Its kind and the deployment it waits for."""
    grace: float = INSTANT
    """Seconds by which its turn may come later than it would wait: more, once it was given a place."""
    changed: anyio.Event | None = None
    """While somebody waits for it."""
    granted: Reservation | None = None
    sent_away: Full | None = None

    def timely(self, now: float) -> Sequence[int]:
        """Which of the offers can still be done in time."""
        if self.done_by == NEVER:
            return range(len(self.offers))
        return [i for i, offer in enumerate(self.offers) if self.is_timely(offer, now)]

    def is_timely(self, offer: Offer, now: float) -> bool:
        return now + offer.least <= self.done_by + INSTANT

    def in_time(self, offer: Offer, at: float) -> bool:
        return at <= self.latest + self.grace and at + offer.least <= self.done_by + self.grace

    def wake(self) -> None:
        if self.changed is not None:
            self.changed.set()


_Known = defaultdict[str, dict[Kind | None, float]]
"""What a forecast has found out: by deployment, when who shares its offers would find room."""


@dataclass(slots=True)
class _Walk:
    """What one walk along the line has found out, so that nobody behind asks again."""

    contested: set[str] = field(default_factory=set)
    """Quotas of which someone ahead needs more than is free; to take from them would starve him."""
    full: set[Kind | None] = field(default_factory=set)
    """Who found no room."""
    aims: set[tuple[Kind | None, str]] = field(default_factory=set)
    """Of whom is known what they contest."""
    due: float = NEVER
    """When the passing of time makes room for the first of them."""


class Line:
    """Those who wait. It is walked by whoever reserves, settles or leaves, and by the one who keeps watch."""

    def __init__(self, books: Books, clock: Callable[[], float]) -> None:
        self._books = books
        self._clock = clock
        self._waiters: list[Waiter] = []
        self._kinds: dict[object, Kind] = {}
        self._walked = _Walk()
        self._looked_at = float("-inf")
        """When the forecast was last found good or made anew."""
        self._foreseen_at = float("-inf")
        """When it was last made anew."""
        self._watch: Waiter | None = None
        self._alarm = NEVER
        """When the one who keeps watch wakes up."""

    def __len__(self) -> int:
        return len(self._waiters)

    # --- being served ------------------------------------------------------------------------------------------

    def serve(self, now: float) -> None:
        """Walk the line if time has made room."""
        if self._waiters and now + INSTANT >= self._walked.due:
            self.walk(now)

    def made_room(self, now: float) -> None:
        """Something else than time has made room, or taken it away."""
        self._books.upset = True
        if self._waiters:
            self.walk(now)
        else:
            self._walked = _Walk()

    def walk(self, now: float) -> None:
        """Let each in the line, from its head, take what it can."""
        walk = self._walked = _Walk()
        for waiter in list(self._waiters):
            if waiter.kind not in walk.full:
                self._serve(waiter, now)
            elif waiter.aim not in walk.aims:
                self._contest(waiter, now)
        self._set_alarm()

    def _serve(self, waiter: Waiter, now: float) -> None:
        """Let the waiter take what it can."""
        timely = waiter.timely(now)
        granted = self._take_first(waiter, timely, now)
        if granted is None:
            self._note(waiter, timely, now)
            if len(timely) == len(waiter.offers):
                self._walked.full.add(waiter.kind)
            return
        self._books.upset |= granted.offer is not waiter.planned
        waiter.granted = granted
        self._remove(waiter)
        waiter.wake()

    def served_at_once(self, waiter: Waiter, now: float) -> Reservation | None:
        """What a newcomer can take without entering the line: nothing, if he would overtake someone in it.

        Where he finds no room, all that he may take has been looked at.
        """
        books, contested, may = self._books, self._walked.contested, not self._overtakes(waiter)
        for index, offer in enumerate(waiter.offers):
            books.specify(offer, now)
            if may and waiter.is_timely(offer, now) and books.has_room(offer, now, contested):
                return books.take(waiter.id, index, offer, now)
        return self._take_early(waiter, waiter.timely(now), now) if may else None

    def _overtakes(self, waiter: Waiter) -> bool:
        return bool(self._waiters) and waiter.rank < self._waiters[-1].rank

    def _take_first(self, waiter: Waiter, timely: Sequence[int], now: float) -> Reservation | None:
        books, offers, contested = self._books, waiter.offers, self._walked.contested
        for index in timely:
            if books.has_room(offers[index], now, contested):
                return books.take(waiter.id, index, offers[index], now)
        return self._take_early(waiter, timely, now)

    def _take_early(self, waiter: Waiter, timely: Sequence[int], now: float) -> Reservation | None:
        """Where all are ill, one may be probed before its time."""
        books, offers = self._books, waiter.offers
        early = books.panic(offers, timely, now) if waiter.panic else None
        if early is None or not books.quotas_have_room(offers[early], now, self._walked.contested):
            return None
        return books.take(waiter.id, early, offers[early], now)

    def _note(self, waiter: Waiter, timely: Sequence[int], now: float) -> None:
        """Note of one who found no room when time will have made some, and what nobody behind may take."""
        books, walk = self._books, self._walked
        early = books.panic(waiter.offers, timely, now) if waiter.panic else None
        for index in timely:
            offer = waiter.offers[index]
            if not any(claim.quota.key in walk.contested for claim in offer.all_claims):
                opens = books.opens(offer, now, panicking=index == early)
                walk.due = min(walk.due, opens if opens > now + INSTANT else now + GLANCE)
        self._contest(waiter, now)

    def _contest(self, waiter: Waiter, now: float) -> None:
        """Keep what the waiter is thought to take, and has too little room yet, from those behind."""
        if waiter.planned is not None:
            self._walked.contested.update(self._books.short(waiter.planned, now))
            self._walked.aims.add(waiter.aim)

    # --- coming and going --------------------------------------------------------------------------------------

    def enter(self, waiter: Waiter, now: float) -> None:
        """Find a place for one who was not served at once. He has one if he comes out of it with a plan."""
        overtakes = self._overtakes(waiter)
        insort(self._waiters, waiter, key=lambda other: other.rank)
        self._join(waiter)
        if overtakes:
            self.walk(now)
            if waiter.granted is not None:
                return
        anew = self._find_place(waiter, now, overtakes=overtakes)
        if waiter.planned is None:
            self._remove(waiter)
        else:
            waiter.grace = SOON + INSTANT
            self._note(waiter, waiter.timely(now), now)
            self._set_alarm()
        if anew:
            self._send_away(now)

    def _find_place(self, waiter: Waiter, now: float, *, overtakes: bool) -> bool:
        """Foresee the newcomer's turn. Whether the whole forecast was made anew for it.

        In a long line that is not done for each who comes. Who comes in between stands last in the forecast; if he
        overtakes, that is later than his turn will be, so he is given a place even if it is too late for him.
        """
        if overtakes or self._books.upset:
            if len(self._waiters) <= LONG or now >= self._foreseen_at + SOON:
                self._forecast(now)
                return True
            self._foresee(waiter, now, defaultdict(dict), anyway=overtakes)
        else:
            self._foresee(waiter, now, defaultdict(dict))
        return False

    def leave(self, waiter: Waiter) -> None:
        """Give up a place, if there is one."""
        if waiter in self._waiters:
            now = self._clock()
            waiter.sent_away = self.full(waiter, now)
            self._remove(waiter)
            waiter.wake()
            self.made_room(now)

    def dismiss(self) -> None:
        """Put all out of the line; who waits for his turn waits in vain, until he is cancelled."""
        for waiter in list(self._waiters):
            self._remove(waiter)
        self._books.forget_plans()

    def _send_away(self, now: float) -> None:
        """Let those leave whose turn would come too late, all at once."""
        late = [waiter for waiter in self._waiters if waiter.planned is None]
        for waiter in late:
            waiter.sent_away = self.full(waiter, now)
        for waiter in late:
            self._remove(waiter)
            waiter.wake()
        if late:
            self.made_room(now)

    def _join(self, waiter: Waiter) -> None:
        offers = frozenset((o.deployment, *((c.quota.key, c.amount) for c in o.all_claims)) for o in waiter.offers)
        key = offers, waiter.panic
        waiter.kind = self._kinds.setdefault(key, Kind(key))
        waiter.kind.members += 1

    def _remove(self, waiter: Waiter) -> None:
        self._waiters.remove(waiter)
        if waiter.kind is not None:
            waiter.kind.members -= 1
            if not waiter.kind.members:
                del self._kinds[waiter.kind.key]

    # --- the forecast ------------------------------------------------------------------------------------------

    def _forecast(self, now: float) -> None:
        """Make the forecast anew. Who has no plan then would be served too late."""
        self._looked_at = self._foreseen_at = now
        self._books.forget_plans()
        known: _Known = defaultdict(dict)
        for waiter in self._waiters:
            self._foresee(waiter, now, known)

    def _foresee(self, waiter: Waiter, now: float, known: _Known, *, anyway: bool = False) -> None:
        """Plan the waiter's turn behind all others, if it comes in time, or ``anyway``."""
        waiter.planned, waiter.at = None, NEVER
        for offer in waiter.offers:
            times = known[offer.deployment]
            at = times.get(waiter.kind)
            if at is None:
                at = times[waiter.kind] = self._books.free_at(offer, now)
            if at < waiter.at and (anyway or waiter.in_time(offer, at)):
                waiter.planned, waiter.at = offer, at
        if waiter.planned is not None:
            waiter.aim = waiter.kind, waiter.planned.deployment
            for touched in self._books.plan(waiter.id, waiter.planned, waiter.at):
                known[touched].clear()

    def full(self, waiter: Waiter, now: float) -> Full:
        """When the waiter's turn would come if he were last in the line."""
        times = [self._books.free_at(offer, now) for offer in waiter.offers]
        if not times:
            return Full(None)
        soonest = min(times)
        shortage = self._books.shortage(waiter.offers[times.index(soonest)], soonest, now)
        return Full(None if soonest == NEVER else max(0.0, soonest - now), shortage)

    # --- waiting -----------------------------------------------------------------------------------------------

    async def turn_of(self, waiter: Waiter) -> Reservation | Full:
        """Wait until the waiter is served or his turn would come too late."""
        try:
            while True:
                now = self._clock()
                self.serve(now)
                if waiter.granted is None and now >= self._looked_at + SOON:
                    self._look_again(now)
                if waiter.granted is not None:
                    return waiter.granted
                if waiter.sent_away is not None:
                    return waiter.sent_away
                waiter.changed = anyio.Event()
                with anyio.move_on_after(self._sleep_of(waiter) - now):
                    await waiter.changed.wait()
        finally:
            waiter.changed = None
            if self._watch is waiter:
                self._hand_over()

    def _look_again(self, now: float) -> None:
        """Make the forecast anew if it has not come true, or is known not to."""
        self.walk(now)
        if self._books.upset or any(waiter.at + INSTANT < now for waiter in self._waiters):
            self._forecast(now)
            self._send_away(now)
        self._looked_at = now

    def _sleep_of(self, waiter: Waiter) -> float:
        """Until when the waiter may sleep; he keeps watch if nobody does."""
        if self._watch is None:
            self._watch = waiter
        if self._watch is not waiter:
            return NEVER
        self._alarm = min(self._walked.due, self._looked_at + SOON)
        return self._alarm

    def _set_alarm(self) -> None:
        if self._watch is not None and self._walked.due < self._alarm:
            self._watch.wake()

    def _hand_over(self) -> None:
        """Have another keep watch: from now on, and not when he has woken up, for he may be leaving as well."""
        self._watch, self._alarm = None, NEVER
        for waiter in self._waiters:
            if waiter.changed is not None:
                self._watch = waiter
                waiter.changed.set()
                return
