"""The latest requests and how they were served, kept for the live page: so many of them, and no prompt of any.

Of a failure its kind and code are kept and not its message, for providers like to quote what they refuse.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from math import floor
from typing import Any

from pixelrelay import _clock
from pixelrelay.cost.exact import EXACT
from pixelrelay.errors import PixelRelayError
from pixelrelay.events import (
    AttemptAdvanced,
    AttemptFinished,
    AttemptStarted,
    Event,
    FellBack,
    RequestFinished,
    RequestStarted,
    WaitFinished,
    WaitStarted,
)
from pixelrelay.images import Operation, Size
from pixelrelay.outcomes import Attempt, Phase
from pixelrelay.server.refusals import refusal_of

KEPT = 60
"""Requests, those under way among them."""
MOST_TRIALS = 24
"""Attempts told of one request, and groups that it turned to: the latest."""
LONGEST = 80
"""Characters of a name that a caller made up, or of a provider's own code."""
MINUTE = 60

SERVED, ABANDONED, BROKEN = "served", "abandoned", "server_error"


@dataclass(slots=True)
class Trial:
    """One attempt at a request; ``attempt`` is ``None`` while it is under way."""

    number: int
    deployment: str
    provider: str
    group: str
    started: float
    """Seconds after the request began."""
    waited: float
    """Seconds in line before, as far as they are known while it is under way."""
    phase: Phase = Phase.NOT_SENT
    probe: bool = False
    attempt: Attempt | None = None
    abandoned: bool = False

    def told(self, now: float) -> dict[str, Any]:
        done = self.attempt
        shown: dict[str, Any] = {
            "number": self.number,
            "deployment": self.deployment,
            "provider": self.provider,
            "group": self.group,
            "started": _seconds(done.started if done else self.started),
            "duration": _seconds(done.duration if done else now - self.started),
            "waited": _seconds(done.waited if done else self.waited),
            "phase": self.phase.value,
            "probe": self.probe,
            "outcome": self._outcome,
        }
        if done is not None:
            failure = done.failure
            shown |= {
                "images": done.images,
                "cost": dollars(done.cost),
                "at_risk": dollars(done.at_risk),
                "status": failure.status if failure else None,
                "code": _short(failure.code) if failure and failure.code else None,
                "charge": failure.charge.value if failure else None,
            }
        return shown

    @property
    def _outcome(self) -> str | None:
        """``None`` while nobody knows, ``served``, ``abandoned``, or the kind of its failure."""
        if self.attempt is None:
            return None
        if self.abandoned:
            return ABANDONED
        return SERVED if self.attempt.failure is None else self.attempt.failure.kind.value


@dataclass(slots=True)
class Story:
    """One request."""

    request_id: str
    group: str
    operation: Operation
    n: int
    size: Size | None
    at: float
    """When it began, in seconds since 1970."""
    began: float
    waiting: dict[str, float] = field(default_factory=dict)
    """Since when it stands in line for a group, in seconds after it began."""
    waited: dict[str, float] = field(default_factory=dict)
    """How long it stood in line for a group, until the attempt that it waited for begins."""
    trials: deque[Trial] = field(default_factory=lambda: deque(maxlen=MOST_TRIALS))
    fallbacks: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=MOST_TRIALS))
    duration: float | None = None
    outcome: str | None = None
    """``served``, ``incomplete``, ``abandoned``, or the code of what it was refused with."""

    def told(self) -> dict[str, Any]:
        now = self.duration if self.duration is not None else _clock.now() - self.began
        return {
            "id": self.request_id,
            "group": self.group,
            "operation": self.operation.value,
            "n": self.n,
            "size": str(self.size) if self.size is not None else None,
            "at": round(self.at, 3),
            "duration": _seconds(now),
            "outcome": self.outcome,
            "waiting": _seconds(min(self.waiting.values())) if self.waiting else None,
            "attempts": [trial.told(now) for trial in self.trials],
            "fallbacks": [{"to": to, "reason": reason} for to, reason in self.fallbacks],
        }


class Latest:
    """An observer that keeps the latest requests, and counts the last minute's."""

    def __init__(self) -> None:
        self._stories: OrderedDict[str, Story] = OrderedDict()
        self._minute: deque[list[int]] = deque(maxlen=MINUTE)
        """Of each second in which a request ended: which one, how many were served, how many were not."""

    def __call__(self, event: Event) -> None:
        if isinstance(event, RequestStarted):
            self._begin(event)
            return
        if isinstance(event, RequestFinished):
            self._count(served=event.error is None)
        story = self._stories.get(getattr(event, "request_id", ""))
        if story is not None:
            _note(story, event)

    def told(self) -> list[dict[str, Any]]:
        """Those that are kept, the latest first."""
        return [story.told() for story in reversed(self._stories.values())]

    def minute(self) -> dict[str, Any]:
        """How many requests were served, and how many were not, in each second of the last minute; the latest last.

        ``second`` is the latest's number, which is the same for all processes of a machine.
        """
        now = floor(_clock.now())
        served, failed = [0] * MINUTE, [0] * MINUTE
        for second, good, bad in self._minute:
            if 0 <= now - second < MINUTE:
                served[second - now - 1], failed[second - now - 1] = good, bad
        return {"second": now, "served": served, "failed": failed}

    def _begin(self, event: RequestStarted) -> None:
        if len(self._stories) >= KEPT:
            self._stories.popitem(last=False)
        self._stories[event.request_id] = Story(
            event.request_id,
            _short(event.group),
            event.operation,
            event.n,
            event.size,
            _clock.wall(),
            _clock.now(),
        )

    def _count(self, *, served: bool) -> None:
        second = floor(_clock.now())
        if not self._minute or self._minute[-1][0] != second:
            self._minute.append([second, 0, 0])
        self._minute[-1][1 if served else 2] += 1


def _note(story: Story, event: Event) -> None:
    """What happened to one request."""
    elapsed = _clock.now() - story.began
    match event:
        case WaitStarted(group=group):
            story.waiting[group] = elapsed
        case WaitFinished(group=group, waited=waited):
            story.waiting.pop(group, None)
            story.waited[group] = waited
        case AttemptStarted(number=number, group=group):
            waited = story.waited.pop(group, 0.0)
            story.trials.append(
                Trial(number, event.deployment, event.provider, group, elapsed, waited, probe=event.probe)
            )
        case AttemptAdvanced(number=number, phase=phase):
            for trial in _numbered(story, number):
                trial.phase = phase
        case AttemptFinished(number=number, attempt=attempt, abandoned=abandoned):
            for trial in _numbered(story, number):
                trial.attempt, trial.abandoned = attempt, abandoned
        case FellBack(to=to, reason=reason):
            story.fallbacks.append((to, reason))
        case RequestFinished(duration=duration, error=error):
            story.duration, story.outcome = duration, _ending(error)
            story.waiting.clear()
        case _:
            pass


def _numbered(story: Story, number: int) -> Iterable[Trial]:
    return [trial for trial in story.trials if trial.number == number]


def _ending(error: BaseException | None) -> str:
    if error is None:
        return SERVED
    if isinstance(error, PixelRelayError):
        return refusal_of(error).code or BROKEN
    return BROKEN if isinstance(error, Exception) else ABANDONED


def dollars(amount: Decimal | None) -> str | None:
    """As text, so that no digit is lost; ``None`` where nobody knows."""
    return None if amount is None else format(amount.normalize(EXACT), "f")


def _seconds(seconds: float) -> float:
    return round(max(0.0, seconds), 3)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
