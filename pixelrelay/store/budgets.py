"""What is spent in a window of hours, days or a month, by the wall clock and in UTC: the counter of a budget.

Time is cut into parts, and a booking counts in the part in which it is made. A window of the calendar is one part. A
rolling one is ``PARTS`` of them and the one that has begun: so whatever span of its length one looks at, all that was
booked in it counted at its end, and what is kept is bounded however much is booked.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable
from datetime import UTC, datetime

from pixelrelay.quotas import Calendar, Span
from pixelrelay.store.base import BudgetState
from pixelrelay.store.counters import INSTANT, NEVER

PARTS = 60
"""Of a rolling window. What was spent counts for as much longer than the window at the most as one part lasts."""
HOUR, DAY = 3600, 86_400


def part_at(span: Span, wall: float) -> int:
    """The number of the part that holds a moment of the wall clock, in seconds since 1970."""
    match span:
        case Calendar.HOUR:
            return int(wall // HOUR)
        case Calendar.DAY:
            return int(wall // DAY)
        case Calendar.MONTH:
            day = datetime.fromtimestamp(wall // DAY * DAY, UTC)
            return day.year * 12 + day.month - 1
        case _:
            return int(wall // (span / PARTS))


def begin_of(span: Span, part: int) -> float:
    """The moment of the wall clock at which a part begins."""
    match span:
        case Calendar.HOUR:
            return float(part * HOUR)
        case Calendar.DAY:
            return float(part * DAY)
        case Calendar.MONTH:
            return datetime(part // 12, part % 12 + 1, 1, tzinfo=UTC).timestamp()
        case _:
            return part * (span / PARTS)


def before(span: Span) -> int:
    """How many parts count besides the one that has begun."""
    return 0 if isinstance(span, Calendar) else PARTS


class BudgetCounter:
    """One budget's bookings. More may be settled than was booked: then there is no room until time has made some.

    A booking of nothing has room where anything has.
    """

    def __init__(self, limit: int, span: Span, wall: Callable[[float], float]) -> None:
        self.limit = limit
        self.span = span
        self._wall = wall
        self._entries: dict[str, tuple[int, int]] = {}
        """What is reserved: how much, and in which part."""
        self._booked: Tally[int] = Tally()
        self._plans: dict[str, tuple[int, int]] = {}
        self._planned: Tally[int] = Tally()
        self._last_plan = float("-inf")

    @property
    def planned(self) -> bool:
        return bool(self._plans)

    def has_room(self, amount: int, now: float) -> bool:
        return self._fits(amount, now, self._booked)

    def opens(self, amount: int, after: float) -> float:
        return self._first_room(amount, after, self._booked)

    def earliest(self, amount: int, after: float, now: float) -> float:  # noqa: ARG002
        taken = self._booked + self._planned if self._plans else self._booked
        return self._first_room(amount, max(after, self._last_plan), taken)

    def _fits(self, amount: int, moment: float, taken: Tally[int]) -> bool:
        return self._in_window(self._part(moment), taken) + max(1, amount) <= self.limit

    def _first_room(self, amount: int, moment: float, taken: Tally[int]) -> float:
        if max(1, amount) > self.limit:
            return NEVER
        while not self._fits(amount, moment, taken):
            moment = self._begin(self._part(moment) + 1)
        return moment

    def _part(self, moment: float) -> int:
        return part_at(self.span, self._wall(moment))

    def _begin(self, part: int) -> float:
        """The moment of the store's clock at which a part has begun for sure."""
        return begin_of(self.span, part) - self._wall(0.0) + INSTANT

    def _in_window(self, part: int, taken: Tally[int]) -> int:
        first = part - before(self.span)
        return sum(amount for at, amount in taken.items() if first <= at <= part)

    def book(self, key: str, amount: int, now: float, expected: float) -> bool:  # noqa: ARG002
        part = self._part(now)
        self._forget_before(part - before(self.span))
        self._entries[key] = amount, part
        self._booked[part] += amount
        foreseen = not self.planned or next(iter(self._plans.items())) == (key, (amount, part))
        if key in self._plans:
            planned, at = self._plans.pop(key)
            self._planned[at] -= planned
        return foreseen

    def _forget_before(self, part: int) -> None:
        for tally in (self._booked, self._planned):
            for old in [at for at in tally if at < part]:
                del tally[old]
        for key in [key for key, (_, at) in self._entries.items() if at < part]:
            del self._entries[key]

    def plan(self, key: str, amount: int, at: float, expected: float) -> None:  # noqa: ARG002
        self._last_plan = at
        self._plans[key] = amount, self._part(at)
        self._planned[self._part(at)] += amount

    def forget_plans(self) -> None:
        self._plans.clear()
        self._planned.clear()
        self._last_plan = float("-inf")

    def settle(self, key: str, used: int) -> bool:
        entry = self._entries.pop(key, None)
        if entry is None:
            return False  # its window is over
        amount, part = entry
        self._booked[part] += used - amount
        return used < amount

    def used(self, now: float) -> int:
        return self._in_window(self._part(now), self._booked)

    def state(self, now: float) -> BudgetState:
        part = self._part(now)
        first = part - before(self.span)
        reserved = sum(amount for amount, at in self._entries.values() if at >= first)
        used = self._in_window(part, self._booked)
        return BudgetState(used, reserved, self._frees(part, now) if used else None, age=0.0)

    def _frees(self, part: int, now: float) -> float:
        counted = (at for at in sorted(self._booked) if self._booked[at] and at >= part - before(self.span))
        oldest = next(counted, part)
        return max(0.0, self._begin(oldest + before(self.span) + 1) - now)

    def is_over(self, now: float) -> bool:
        """Whether it holds nothing that counts now, or will."""
        first = self._part(now) - before(self.span)
        return not (self._plans or self.used(now) or any(at >= first for _, at in self._entries.values()))
