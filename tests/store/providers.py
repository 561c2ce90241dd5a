"""Providers that enforce their limits, and traffic to them on a manual clock.

Written apart from the store, by what the providers document, so that a mistake in one does not hide in the other.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from math import ceil, floor
from random import Random
from typing import Any, Protocol, TypeVar, cast

from pixelrelay.quotas import Claim, Quota, Unit
from pixelrelay.store.base import Full, Offer, Report, Reservation, Ticket, Verdict
from pixelrelay.store.memory import MemoryStore

T = TypeVar("T")


def at_once(step: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that has nothing to wait for, without a loop."""
    try:
        step.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    raise AssertionError("it waited")


class Provider(Protocol):
    def call(self, now: float) -> float:
        """0 if the call is let in, else the seconds after which it says to come back."""


class Rolling:
    """No span of ``seconds`` holds more than ``most`` calls, for each of the ``spans``."""

    def __init__(self, *spans: tuple[float, int], counts_rejected: bool = False) -> None:
        self._spans = spans
        self._counts_rejected = counts_rejected
        self._calls: deque[float] = deque()

    def call(self, now: float) -> float:
        while self._calls and self._calls[0] <= now - max(seconds for seconds, _ in self._spans):
            self._calls.popleft()
        wait = max(self._wait(seconds, most, now) for seconds, most in self._spans)
        if not wait or self._counts_rejected:
            self._calls.append(now)
        return wait

    def _wait(self, seconds: float, most: int, now: float) -> float:
        within = [at for at in self._calls if at > now - seconds]
        return within[-most] + seconds - now if len(within) >= most else 0.0


class Bucket:
    """A token bucket: ``burst`` at once, refilled evenly."""

    def __init__(self, a_minute: int, burst: float) -> None:
        self._a_second, self._burst = a_minute / 60, burst
        self._level, self._at = burst, 0.0

    def call(self, now: float) -> float:
        self._level = min(self._burst, self._level + (now - self._at) * self._a_second)
        self._at = now
        if self._level < 1:
            return (1 - self._level) / self._a_second
        self._level -= 1
        return 0.0


class FixedMinute:
    """Counts anew at each full minute."""

    def __init__(self, a_minute: int) -> None:
        self._limit, self._minute, self._count = a_minute, -1, 0

    def call(self, now: float) -> float:
        if floor(now / 60) != self._minute:
            self._minute, self._count = floor(now / 60), 0
        if self._count >= self._limit:
            return (self._minute + 1) * 60 - now
        self._count += 1
        return 0.0


@dataclass
class Tally:
    """When calls came, and when those that were sent reached the provider and what became of them."""

    came: list[float] = field(default_factory=list)
    accepted: list[float] = field(default_factory=list)
    rejected: list[float] = field(default_factory=list)
    by_others: list[float] = field(default_factory=list)

    def share_rejected(self, after: float) -> float:
        rejected, accepted = (sum(at >= after for at in calls) for calls in (self.rejected, self.accepted))
        return rejected / max(1, rejected + accepted)

    def served(self, after: float, until: float) -> float:
        """Calls a minute."""
        return sum(after <= at < until for at in self.accepted) * 60 / (until - after)

    def possible(self, a_minute: int, after: float, until: float) -> float:
        """Calls a minute that one who knows the limit, sends without delay and wastes nothing would have served.

        That is a queue with as many servers as the limit, each busy with a call for a minute.
        """
        starts: list[float] = []
        for at in self.came:
            starts.append(max(at, starts[-a_minute] + 60) if len(starts) >= a_minute else at)
        return sum(after <= at < until for at in starts) * 60 / (until - after)


class Traffic:
    """One deployment with one quota: calls come at random, wait in order, are sent and answered with some delay."""

    def __init__(self, quota: Quota, provider: Provider, seed: int, *, others_a_minute: float = 0.0) -> None:
        self.now = 0.0
        self.tally = Tally()
        self.store = MemoryStore(clock=lambda: self.now, wall=lambda: self.now, rng=Random(seed))
        self._offer = Offer("east", (Claim(quota, 1),))
        self._counts_rejected = quota.counts_rejected
        self._provider = provider
        self._others_a_minute = others_a_minute
        self._rng = Random(seed)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._waiting = 0
        self._looks_at = -1.0

    def run(self, a_minute: float, seconds: float) -> Tally:
        self._every(a_minute, self._arrive)
        if self._others_a_minute:
            self._every(self._others_a_minute, self._stranger)
        while self._events[0][0] < seconds:
            self.now, _, happen = heapq.heappop(self._events)
            happen()
        return self.tally

    def _at(self, moment: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._order), happen))

    def _every(self, a_minute: float, happen: Callable[[], None]) -> None:
        def again() -> None:
            self._at(self.now + self._rng.expovariate(a_minute / 60), again)
            happen()

        self._at(self._rng.expovariate(a_minute / 60), again)

    def _delay(self) -> float:
        return self._rng.uniform(0.02, 0.25)

    def _stranger(self) -> None:
        if not self._provider.call(self.now):
            self.tally.by_others.append(self.now)

    def _arrive(self) -> None:
        self.tally.came.append(self.now)
        self._waiting += 1
        self._send()

    def _send(self) -> None:
        while self._waiting:
            got = at_once(self.store.reserve([self._offer]))
            if not isinstance(got, Reservation):
                return self._look_again(got)
            self._waiting -= 1
            self._at(self.now + self._delay(), partial(self._reach, got))
        return None

    def _look_again(self, full: Full | Ticket) -> None:
        assert isinstance(full, Full), "no patience, no ticket"
        assert full.seconds is not None
        moment = self.now + full.seconds
        if not self.now < self._looks_at <= moment:
            self._looks_at = moment
            self._at(moment, self._send)

    def _reach(self, held: Reservation) -> None:
        wait = self._provider.call(self.now)
        (self.tally.rejected if wait else self.tally.accepted).append(self.now)
        self._at(self.now + self._delay(), partial(self._answer, held, wait))

    def _answer(self, held: Reservation, wait: float) -> None:
        if not wait:
            at_once(self.store.settle(held, Report(Verdict.WELL)))
        else:
            used = None if self._counts_rejected else {Unit.REQUESTS: 0}
            named = frozenset({Unit.REQUESTS})
            report = Report(Verdict.SILENT, used=used, cooldown=float(ceil(wait)), rejected=named)
            at_once(self.store.settle(held, report))
            self._waiting += 1
        self._send()
