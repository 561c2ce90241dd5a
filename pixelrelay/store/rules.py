"""What a provider's answers teach about its limits, and the rules of admission that follow.

The ladder: rolling minute, then Azure's ten-second slices, then evenly paced, then a shrinking share. Each 429 to
our own traffic climbs it, each success comes back a little. Cutting by a share and recovering by the success
settles where about 2 % of calls are rejected, whoever else uses the account; recovering by the clock would starve.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor

from pixelrelay.quotas import WINDOW, Quota, Shape

SLICE = 10.0
STEPS: tuple[Shape, ...] = (Shape.ROLLING, Shape.SLICED, Shape.PACED)
CUT, RECOVERY, FLOOR = 0.9, 0.002, 0.3
RECOVERY_A_MINUTE = 0.075
"""The most that a minute of nothing but successes brings back: less than one cut takes."""
BETWEEN_STEPS = 30.0
"""Seconds: the calls that were already under way are rejected for the same reason, and teach nothing new."""
CLEAN_RUN = 300
"""Successes after which a looser shape is tried again; doubled each time that it proves too loose."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """What one rate quota has learned."""

    start: Shape = Shape.ROLLING
    step: int = 0
    """How far above ``start``."""
    factor: float = 1.0
    """The share of the limit that is admitted, from ``FLOOR`` to 1."""
    clean: int = 0
    """Successes since the last step."""
    needed: int = CLEAN_RUN
    stepped_at: float = float("-inf")
    seen: int | None = None
    """The limit that the provider states, where it does; it can lower the configured one, never raise it."""

    @property
    def shape(self) -> Shape:
        if self.start not in STEPS:
            return self.start
        return STEPS[min(STEPS.index(self.start) + self.step, len(STEPS) - 1)]

    def rejected(self, now: float) -> Ladder:
        """After a 429 to our own traffic."""
        if now - self.stepped_at < BETWEEN_STEPS:
            return replace(self, clean=0)
        climbed = replace(self, clean=0, stepped_at=now)
        if self.start in STEPS and self.shape is not STEPS[-1]:
            return replace(climbed, step=self.step + 1)
        return replace(climbed, factor=max(FLOOR, self.factor * CUT))

    def succeeded(self, share: float) -> Ladder:
        """After a call that took ``share`` of the limit, and was let in."""
        if self.factor == 1.0 and self.step == 0:
            return self
        factor = min(1.0, self.factor + min(RECOVERY, RECOVERY_A_MINUTE * share))
        clean = self.clean + 1
        if factor == 1.0 and clean >= self.needed and self.step > 0:
            return replace(self, factor=factor, step=self.step - 1, clean=0, needed=self.needed * 2)
        return replace(self, factor=factor, clean=clean)

    def stated(self, limit: int) -> Ladder:
        return self if limit <= 0 or limit == self.seen else replace(self, seen=limit)

    def limit(self, configured: int) -> int:
        """What is admitted in place of ``configured``; at least 1."""
        largest = self.largest(configured)
        return largest if self.factor == 1.0 else max(1, floor(largest * self.factor + 1e-9))

    def largest(self, configured: int) -> int:
        """What one call may ask for at most: no share that was learned makes a call impossible."""
        return configured if self.seen is None else min(configured, self.seen)


@dataclass(frozen=True, slots=True)
class SlotLimit:
    """What one quota of concurrent slots has learned."""

    learned: int | None = None
    """``None`` while nothing contradicts the configured limit."""
    clean: int = 0

    def rejected(self, in_flight: int) -> SlotLimit:
        """After a 429 while ``in_flight`` slots were held, the rejected call's among them."""
        return SlotLimit(learned=max(1, min(in_flight, self.learned or in_flight) - 1))

    def succeeded(self, configured: int) -> SlotLimit:
        """One slot more after as many successes as there are slots."""
        if self.learned is None:
            return self
        if self.clean + 1 < self.learned:
            return replace(self, clean=self.clean + 1)
        return SlotLimit() if self.learned + 1 >= configured else SlotLimit(learned=self.learned + 1)

    def limit(self, configured: int) -> int:
        return configured if self.learned is None else min(configured, self.learned)

    def largest(self, configured: int) -> int:
        """What one call may ask for at most: no limit that was learned makes a call impossible."""
        return configured


@dataclass(frozen=True, slots=True)
class Portion:
    """The part of every limit that one of several processes goes by while they cannot count together.

    The parts of all add up to the limit. Where there are more processes than calls a window, each has one call, and
    its windows are longer in proportion.
    """

    index: int = 0
    count: int = 1

    def of(self, limit: int) -> int:
        return limit if self.count == 1 else max(1, limit // self.count + (self.index < limit % self.count))

    def stretch(self, limit: int) -> float:
        """How many times as long a window lasts."""
        return max(1.0, self.count / limit)


WHOLE = Portion()


@dataclass(frozen=True, slots=True)
class Rules:
    """What must hold of every booking of a rate quota."""

    largest: int
    """What a single booking may be."""
    windows: tuple[tuple[float, int], ...]
    """Seconds, and what any such span may hold. A booking larger than that may stand alone in it."""
    spacing: float = 0.0
    """Seconds that each unit keeps the next one away."""

    @property
    def longest(self) -> float:
        return max(seconds for seconds, _ in self.windows)


def rules_of(quota: Quota, ladder: Ladder, portion: Portion = WHOLE) -> Rules:
    """The rules that keep ``quota`` in the shape and share that its ladder has come to."""
    limit, guard = ladder.limit(quota.limit), quota.guard
    windows = [_window(WINDOW, limit, guard, portion)]
    spacing = 0.0
    if ladder.shape is Shape.SLICED:
        windows.append(_window(SLICE, ceil(limit * SLICE / WINDOW), guard, portion))
    if ladder.shape is Shape.PACED:
        # At six a minute and below, the window never binds before the spacing does, so the spacing bears the guard.
        spacing = WINDOW * portion.count / limit + (guard if limit <= 6 else 0.0)
    return Rules(ladder.largest(quota.limit), tuple(windows), spacing)


def _window(seconds: float, limit: int, guard: float, portion: Portion) -> tuple[float, int]:
    return seconds * portion.stretch(limit) + guard, portion.of(limit)
