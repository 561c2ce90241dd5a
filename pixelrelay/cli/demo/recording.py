"""What happened, with the moments at which it did: the router's events, as the live view and the timeline need them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from pixelrelay.events import (
    AttemptFinished,
    AttemptStarted,
    DeploymentChanged,
    Event,
    FellBack,
    RequestFinished,
    RequestStarted,
    WaitFinished,
    WaitStarted,
)
from pixelrelay.outcomes import Attempt, FailureKind


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt, from beginning to end in seconds after the start."""

    deployment: str
    started: float
    ended: float
    request_id: str
    attempt: Attempt
    probe: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, in seconds after the start."""

    started: float
    ended: float


@dataclass(slots=True)
class Tally:
    """What one deployment has done so far."""

    pictures: int = 0
    failed: int = 0
    spend: Decimal = Decimal(0)
    at_risk: Decimal = Decimal(0)


@dataclass(slots=True)
class Recording:
    """An observer of a router. ``clock`` gives seconds after the start."""

    clock: Callable[[], float]
    calls: list[Call] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)
    crowd: list[tuple[float, int]] = field(default_factory=list)
    """How many requests wait for quota, from each moment on."""
    waiting: int = 0
    asked: int = 0
    served: int = 0
    failed: int = 0
    rate_limited: int = 0
    """Attempts that were answered with 429."""
    fallbacks: Counter[str] = field(default_factory=Counter)
    """By the group that was turned to."""
    rests: dict[str, list[Span]] = field(default_factory=dict)
    """When each deployment was left alone for its health."""
    _began: dict[str, float] = field(default_factory=dict)
    _probes: set[tuple[str, str]] = field(default_factory=set)

    def __call__(self, event: Event) -> None:
        match event:
            case RequestStarted():
                self.asked += 1
                self._began[event.request_id] = self.clock()
            case WaitStarted():
                self._crowd(+1)
            case WaitFinished():
                self._crowd(-1)
            case FellBack():
                self.fallbacks[event.to] += 1
            case AttemptStarted(probe=True):
                self._probes.add((event.request_id, event.deployment))
            case AttemptFinished():
                self._called(event.request_id, event.attempt)
            case DeploymentChanged():
                self._changed(event)
            case RequestFinished():
                self.served += event.error is None
                self.failed += event.error is not None

    def tally(self, deployment: str) -> Tally:
        return self.tallies.setdefault(deployment, Tally())

    def _crowd(self, more: int) -> None:
        self.waiting += more
        self.crowd.append((self.clock(), self.waiting))

    def _called(self, request_id: str, attempt: Attempt) -> None:
        started = self._began[request_id] + attempt.started
        probe = (request_id, attempt.deployment) in self._probes
        self.calls.append(Call(attempt.deployment, started, started + attempt.duration, request_id, attempt, probe))
        tally = self.tally(attempt.deployment)
        tally.pictures += attempt.images
        tally.failed += not attempt.succeeded
        tally.spend += attempt.cost or Decimal(0)
        tally.at_risk += attempt.at_risk or Decimal(0)
        self.rate_limited += attempt.failure is not None and attempt.failure.kind is FailureKind.RATE_LIMITED

    def _changed(self, event: DeploymentChanged) -> None:
        """A rest begins, is prolonged, or ends early."""
        if event.cooling is None:
            return
        now, rests = self.clock(), self.rests.setdefault(event.deployment, [])
        if rests and rests[-1].ended > now:
            rests[-1] = Span(rests[-1].started, now)
        if event.cooling > 0:
            rests.append(Span(now, now + event.cooling))
