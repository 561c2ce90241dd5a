"""How providers count: which calls of an account they let in, and when they tell the others to come back.

Written apart from the quotas of the library, by what providers document, so that a mistake in one does not hide in
the other. Nothing here reads a clock: every method is handed the time, in seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, floor
from typing import Protocol

MINUTE = 60.0
SLICE = 10.0


class Enforcement(StrEnum):
    """How a limit "a minute" is held."""

    ROLLING = "rolling"
    """No 60 seconds hold more, wherever they begin."""
    FIXED = "fixed"
    """Counted anew at each full minute of the provider's clock, so that two minutes' worth may pass at the turn."""
    SLICED = "sliced"
    """As rolling, and no 10 seconds hold more than a sixth, rounded up (Azure)."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a call was not let in."""

    limit: int
    used: int
    asked: int
    retry_after: float
    """Seconds until it would be let in, were nobody else to come first."""


class _Rule(Protocol):
    def wait(self, amount: int, now: float) -> float: ...
    def add(self, amount: int, now: float) -> None: ...
    def used(self, now: float) -> int: ...
    def reset(self, now: float) -> float: ...


class RollingWindow:
    """At most ``limit`` in any half-open span of ``window`` seconds."""

    def __init__(self, limit: int, window: float = MINUTE) -> None:
        self.limit = limit
        self._window = window
        self._ends: deque[tuple[float, int]] = deque()

    def wait(self, amount: int, now: float) -> float:
        """Seconds until ``amount`` fits; the whole window where it never will."""
        left = self.used(now)
        if left + amount <= self.limit:
            return 0.0
        for end, counted in self._ends:
            left -= counted
            if left + amount <= self.limit:
                return end - now
        return self._window

    def add(self, amount: int, now: float) -> None:
        self._ends.append((now + self._window, amount))

    def used(self, now: float) -> int:
        while self._ends and self._ends[0][0] <= now:
            self._ends.popleft()
        return sum(counted for _, counted in self._ends)

    def reset(self, now: float) -> float:
        """Seconds until nothing is counted any more."""
        return self._ends[-1][0] - now if self.used(now) else 0.0


class FixedMinute:
    """At most ``limit`` between two full minutes."""

    def __init__(self, limit: int, window: float = MINUTE) -> None:
        self.limit = limit
        self._window = window
        self._minute = -1
        self._used = 0

    def wait(self, amount: int, now: float) -> float:
        return 0.0 if self.used(now) + amount <= self.limit else self._rest(now)

    def add(self, amount: int, now: float) -> None:
        self._used = self.used(now) + amount

    def used(self, now: float) -> int:
        minute = floor(now / self._window)
        if minute != self._minute:
            self._minute, self._used = minute, 0
        return self._used

    def reset(self, now: float) -> float:
        return self._rest(now) if self.used(now) else 0.0

    def _rest(self, now: float) -> float:
        return (floor(now / self._window) + 1) * self._window - now


class Limit:
    """One limit a minute, under one way of enforcing it."""

    def __init__(self, limit: int, enforcement: Enforcement) -> None:
        self.limit = limit
        self._rules = _rules(limit, enforcement)

    def wait(self, amount: int, now: float) -> float:
        return max(rule.wait(amount, now) for rule in self._rules)

    def add(self, amount: int, now: float) -> None:
        for rule in self._rules:
            rule.add(amount, now)

    def used(self, now: float) -> int:
        """In the last minute."""
        return self._rules[0].used(now)

    def remaining(self, now: float) -> int:
        return max(0, self.limit - self.used(now))

    def reset(self, now: float) -> float:
        return self._rules[0].reset(now)


def _rules(limit: int, enforcement: Enforcement) -> tuple[_Rule, ...]:
    match enforcement:
        case Enforcement.ROLLING:
            return (RollingWindow(limit),)
        case Enforcement.FIXED:
            return (FixedMinute(limit),)
        case Enforcement.SLICED:
            return (RollingWindow(limit), RollingWindow(ceil(limit / 6), SLICE))


class Slots:
    """At most ``limit`` at a time."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def enter(self) -> bool:
        if self.used >= self.limit:
            return False
        self.used += 1
        return True

    def leave(self) -> None:
        self.used -= 1


class Account:
    """All limits of an account: a call passes every one of them, or counts against none."""

    def __init__(self, limits: Mapping[str, Limit], slots: Slots | None = None, counts_rejected: bool = False) -> None:
        self.limits = limits
        self.slots = slots
        self._counts_rejected = counts_rejected

    def enter(self, amounts: Mapping[str, int], now: float) -> tuple[str, Rejection] | None:
        """Let a call in, or say which limit it met; one that was let in holds a slot until ``leave``."""
        asked = {name: amounts[name] for name in self.limits if amounts.get(name)}
        full = {name: wait for name, amount in asked.items() if (wait := self.limits[name].wait(amount, now)) > 0}
        if full:
            name = max(full, key=lambda each: full[each])
            used = self.limits[name].used(now)
            if self._counts_rejected:
                self._count(asked, now)
            wait = self.limits[name].wait(asked[name], now)
            return name, Rejection(self.limits[name].limit, used, asked[name], wait)
        if self.slots is not None and not self.slots.enter():
            return "concurrent", Rejection(self.slots.limit, self.slots.used, 1, 1.0)
        self._count(asked, now)
        return None

    def leave(self) -> None:
        if self.slots is not None:
            self.slots.leave()

    def count_invalid(self, now: float) -> None:
        """Count a call that was refused for what it asked: it is a request all the same."""
        self._count({"requests": 1} if "requests" in self.limits else {}, now)

    def _count(self, amounts: Mapping[str, int], now: float) -> None:
        for name, amount in amounts.items():
            self.limits[name].add(amount, now)
