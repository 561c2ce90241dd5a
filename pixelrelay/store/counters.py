"""Counters of one quota each: what is booked, what is planned, and when there is room.

Booked is what attempts were granted, always at the present moment. Planned is the forecast for those who wait: it
holds nothing back, it only tells when a place will be free, and it can be forgotten and made anew at any time.
Whatever is planned or asked for stands behind all that is booked and planned already: first come, first served.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter as Tally
from collections.abc import Callable
from typing import Protocol

from pixelrelay.quotas import WINDOW
from pixelrelay.store.rules import Rules

INSTANT = 1e-6
"""Seconds by which a timer may fire early."""
SOON = 1.0
"""Seconds after which a slot is thought to be free whose holder is overdue."""
NEVER = float("inf")


class Counter(Protocol):
    """One quota's bookings. Moments are on the store's clock; ``expected`` matters to concurrent slots alone.

    What is admitted may have been learned to be less than one call may need. Such a call is let in alone.
    """

    @property
    def planned(self) -> bool:
        """Whether a forecast stands in it."""

    def has_room(self, amount: int, now: float) -> bool:
        """Whether ``amount`` fits now beside what is booked, the forecast left aside."""

    def opens(self, amount: int, after: float) -> float:
        """When ``amount`` fits beside what is booked, the forecast left aside, by the passing of time alone.

        ``after``, later, or ``NEVER`` where it waits for a settlement.
        """

    def earliest(self, amount: int, after: float, now: float) -> float:
        """When ``amount`` fits behind all that is booked and planned: ``after``, later, or ``NEVER``."""

    def book(self, key: str, amount: int, now: float, expected: float) -> bool:
        """Take ``amount`` now. Whether the forecast still holds: it does if it named this one next."""

    def plan(self, key: str, amount: int, at: float, expected: float) -> None:
        """Note that ``key`` is thought to take ``amount`` at ``at``, which ``earliest`` named."""

    def forget_plans(self) -> None:
        """Drop the forecast."""

    def settle(self, key: str, used: int) -> bool:
        """Replace what ``key`` booked by what it used. Whether that made room at once."""

    def used(self, now: float) -> int:
        """What counts against the limit now."""


class RateCounter:
    """A sliding log: exact under a rolling window, whatever its alignment.

    The three lists are parallel: who, when, and the sum of all amounts up to and with this one. The first
    ``_booked`` entries are booked, the rest are planned.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._keys: list[str] = []
        self._at: list[float] = []
        self._sums: list[int] = []
        self._booked = 0
        self._trimmed = 0

    @property
    def planned(self) -> bool:
        return len(self._at) > self._booked

    def has_room(self, amount: int, now: float) -> bool:
        return self._fits_at(amount, now, self._booked) <= now + INSTANT

    def opens(self, amount: int, after: float) -> float:
        return self._fits_at(amount, after, self._booked)

    def earliest(self, amount: int, after: float, now: float) -> float:  # noqa: ARG002
        return self._fits_at(amount, after, len(self._at))

    def _fits_at(self, amount: int, after: float, end: int) -> float:
        """When ``amount`` fits behind the first ``end`` entries: once enough of them have left each window."""
        rules, at, sums = self.rules, self._at, self._sums
        if amount > rules.largest:
            return NEVER
        if not end:
            return after
        total, moment = sums[end - 1], max(after, at[end - 1])
        for seconds, limit in rules.windows:
            must_leave = total + amount - max(limit, amount)
            if must_leave > self._trimmed:
                moment = max(moment, at[bisect_left(sums, must_leave, 0, end)] + seconds)
        if rules.spacing:
            moment = max(moment, at[end - 1] + self._amount(end - 1) * rules.spacing)
        return moment

    def _amount(self, index: int) -> int:
        return self._sums[index] - (self._sums[index - 1] if index else self._trimmed)

    def book(self, key: str, amount: int, now: float, expected: float) -> bool:  # noqa: ARG002
        planned = self.planned
        foreseen = planned and self._keys[self._booked] == key and self._amount(self._booked) == amount
        if foreseen:
            self._at[self._booked] = now
        else:
            self._drop_plan(key)
            self._keys.insert(self._booked, key)
            self._at.insert(self._booked, now)
            self._sums.insert(self._booked, self._sums[self._booked - 1] if self._booked else self._trimmed)
            self._change(self._booked, amount)
        self._booked += 1
        self._trim(now)
        return foreseen or not planned

    def _drop_plan(self, key: str) -> None:
        """Whoever was foreseen to come now or later comes now, or elsewhere."""
        if key in self._keys[self._booked :]:
            index = self._keys.index(key, self._booked)
            self._change(index, -self._amount(index))
            del self._keys[index], self._at[index], self._sums[index]

    def _change(self, index: int, by: int) -> None:
        for later in range(index, len(self._sums)):
            self._sums[later] += by

    def plan(self, key: str, amount: int, at: float, expected: float) -> None:  # noqa: ARG002
        self._append(key, amount, at)

    def _append(self, key: str, amount: int, at: float) -> None:
        self._keys.append(key)
        self._at.append(at)
        self._sums.append((self._sums[-1] if self._sums else self._trimmed) + amount)

    def _trim(self, now: float) -> None:
        gone = bisect_right(self._at, now - self.rules.longest, 0, self._booked)
        if gone:
            self._trimmed = self._sums[gone - 1]
            del self._keys[:gone], self._at[:gone], self._sums[:gone]
            self._booked -= gone

    def forget_plans(self) -> None:
        del self._keys[self._booked :], self._at[self._booked :], self._sums[self._booked :]

    def settle(self, key: str, used: int) -> bool:
        try:
            index = self._keys.index(key, 0, self._booked)
        except ValueError:
            return False  # it has left the window, where it counts no more
        change = used - self._amount(index)
        self._change(index, change)
        if used == 0:
            del self._keys[index], self._at[index], self._sums[index]
            self._booked -= 1
        return change < 0

    def used(self, now: float) -> int:
        left = bisect_right(self._at, now - self.rules.windows[0][0], 0, self._booked)
        total = self._sums[self._booked - 1] if self._booked else self._trimmed
        return total - (self._sums[left - 1] if left else self._trimmed)


class FixedCounter:
    """Counts anew at each full minute of the wall clock.

    A booking within ``guard`` seconds of the turn of the minute counts in both: nobody knows on which side of it
    the provider will see the call.
    """

    def __init__(self, limit: int, guard: float, wall: Callable[[float], float]) -> None:
        self.limit = self.largest = limit
        self.guard = guard
        self._wall = wall
        self._entries: dict[str, tuple[int, tuple[int, ...]]] = {}
        self._booked: Tally[int] = Tally()
        self._plans: dict[str, tuple[int, tuple[int, ...]]] = {}
        self._planned: Tally[int] = Tally()
        self._last_plan = float("-inf")

    @property
    def planned(self) -> bool:
        return bool(self._plans)

    def has_room(self, amount: int, now: float) -> bool:
        return amount <= self.largest and self._fits(amount, now, lambda minute: self._booked[minute])

    def opens(self, amount: int, after: float) -> float:
        return self._first_room(amount, after, lambda minute: self._booked[minute])

    def earliest(self, amount: int, after: float, now: float) -> float:  # noqa: ARG002
        taken = self._booked, self._planned
        return self._first_room(amount, max(after, self._last_plan), lambda minute: sum(each[minute] for each in taken))

    def _first_room(self, amount: int, moment: float, taken: Callable[[int], int]) -> float:
        if amount > self.largest:
            return NEVER
        while not self._fits(amount, moment, taken):
            into = self._wall(moment) % WINDOW
            moment += (WINDOW if into >= self.guard else 0.0) + self.guard - into + INSTANT
        return moment

    def _fits(self, amount: int, moment: float, taken: Callable[[int], int]) -> bool:
        return all(taken(minute) + amount <= max(self.limit, amount) for minute in self._minutes(moment))

    def _minutes(self, moment: float) -> tuple[int, ...]:
        wall = self._wall(moment)
        first, last = (int(edge // WINDOW) for edge in (wall - self.guard, wall + self.guard))
        return (first,) if first == last else (first, last)

    def book(self, key: str, amount: int, now: float, expected: float) -> bool:  # noqa: ARG002
        minutes = self._minutes(now)
        self._forget_before(minutes[0] - 1)
        self._entries[key] = (amount, minutes)
        for minute in minutes:
            self._booked[minute] += amount
        foreseen = not self.planned or next(iter(self._plans.items())) == (key, (amount, minutes))
        planned, when = self._plans.pop(key, (0, ()))
        for minute in when:
            self._planned[minute] -= planned
        return foreseen

    def _forget_before(self, minute: int) -> None:
        for tally in (self._booked, self._planned):
            for old in [m for m in tally if m < minute]:
                del tally[old]
        for key in [key for key, (_, minutes) in self._entries.items() if minutes[-1] < minute]:
            del self._entries[key]

    def plan(self, key: str, amount: int, at: float, expected: float) -> None:  # noqa: ARG002
        self._last_plan = at
        self._plans[key] = amount, self._minutes(at)
        for minute in self._plans[key][1]:
            self._planned[minute] += amount

    def forget_plans(self) -> None:
        self._plans.clear()
        self._planned.clear()
        self._last_plan = float("-inf")

    def settle(self, key: str, used: int) -> bool:
        if key not in self._entries:
            return False  # its minute is over
        amount, minutes = self._entries[key]
        for minute in minutes:
            self._booked[minute] += used - amount
        self._entries[key] = (used, minutes)
        return used < amount

    def used(self, now: float) -> int:
        return self._booked[int(self._wall(now) // WINDOW)]


class SlotCounter:
    """Concurrent slots, held until settled; when one will be is only thought."""

    def __init__(self, limit: int) -> None:
        self.limit = self.largest = limit
        self._held: dict[str, tuple[int, float]] = {}
        self._in_use = 0
        self._plans: dict[str, int] = {}
        self._last_plan = float("-inf")
        self._thought: list[tuple[float, int]] = []
        """Who is thought to hold slots at the last plan, or now if there is none: until when, how many; in order."""
        self._thought_in_use = 0

    @property
    def planned(self) -> bool:
        return bool(self._plans)

    def has_room(self, amount: int, now: float) -> bool:  # noqa: ARG002
        return self._in_use + amount <= max(self.limit, amount) and amount <= self.largest

    def opens(self, amount: int, after: float) -> float:
        return after if self.has_room(amount, after) else NEVER

    def earliest(self, amount: int, after: float, now: float) -> float:
        if amount > self.largest:
            return NEVER
        moment = max(after, self._last_plan)
        limit = max(self.limit, amount)
        if not self.planned:
            self._thought = sorted((end if end > now else now + SOON, held) for held, end in self._held.values())
            self._thought_in_use = self._in_use
        in_use = self._thought_in_use
        for end, held in self._thought:
            if end > moment and in_use + amount <= limit:
                break
            in_use -= held
            moment = max(moment, end)
        return moment

    def book(self, key: str, amount: int, now: float, expected: float) -> bool:
        self._held[key] = (amount, now + expected)
        self._in_use += amount
        foreseen = not self.planned or next(iter(self._plans.items())) == (key, amount)
        self._plans.pop(key, None)
        return foreseen

    def plan(self, key: str, amount: int, at: float, expected: float) -> None:
        self._plans[key] = amount
        self._last_plan = at
        while self._thought and self._thought[0][0] <= at:
            self._thought_in_use -= self._thought.pop(0)[1]
        insort(self._thought, (at + expected, amount))
        self._thought_in_use += amount

    def forget_plans(self) -> None:
        self._plans.clear()
        self._last_plan = float("-inf")

    def settle(self, key: str, used: int) -> bool:  # noqa: ARG002
        held, _ = self._held.pop(key, (0, 0.0))
        self._in_use -= held
        return held > 0

    def used(self, now: float) -> int:  # noqa: ARG002
        return self._in_use
