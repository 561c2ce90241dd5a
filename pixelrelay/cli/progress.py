"""What happens to a request while it happens: events to words, and the words to a terminal or a log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from pixelrelay.cli.views.words import outcome, seconds
from pixelrelay.events import (
    AttemptAdvanced,
    AttemptFinished,
    AttemptStarted,
    Event,
    FellBack,
    WaitFinished,
    WaitStarted,
)
from pixelrelay.outcomes import Attempt, Phase

PHASES = {
    Phase.NOT_SENT: "sending",
    Phase.SENT: "submitted",
    Phase.ACCEPTED: "accepted and polled",
    Phase.DRAWN: "drawn and being downloaded",
    Phase.DELIVERED: "delivered",
}


@dataclass(frozen=True, slots=True)
class UnderWay:
    """One attempt that has not ended."""

    number: int
    """Of its request."""
    deployment: str
    phase: Phase = Phase.NOT_SENT


@dataclass(frozen=True, slots=True)
class Scene:
    """How things stand. One request may have several attempts under way, one for each picture."""

    attempts: tuple[UnderWay, ...] = ()
    waits: tuple[WaitStarted, ...] = ()

    def after(self, event: Event) -> Scene:
        """As ``event`` leaves it."""
        match event:
            case WaitStarted():
                return replace(self, waits=(*self.waits, event))
            case WaitFinished():
                ended = next((wait for wait in self.waits if wait.group == event.group), None)
                return replace(self, waits=tuple(wait for wait in self.waits if wait is not ended))
            case AttemptStarted():
                return replace(self, attempts=(*self.attempts, UnderWay(event.number, event.deployment)))
            case AttemptAdvanced():
                moved = (
                    replace(one, phase=event.phase) if one.number == event.number else one for one in self.attempts
                )
                return replace(self, attempts=tuple(moved))
            case AttemptFinished():
                return replace(self, attempts=tuple(one for one in self.attempts if one.number != event.number))
        return self

    def __str__(self) -> str:
        if len(self.attempts) > 1:
            names = dict.fromkeys(one.deployment for one in self.attempts)
            return f"{len(self.attempts)} attempts under way: {', '.join(names)}"
        if self.attempts:
            return f"{self.attempts[0].deployment}: {PHASES[self.attempts[0].phase]}"
        if self.waits:
            soonest = min(self.waits, key=lambda wait: wait.seconds)
            return f"{soonest.group} is full; a place is free in {seconds(soonest.seconds)}"
        return "planning"


def line_of(event: Event) -> str | None:
    """What a log says of ``event``; ``None`` if nothing."""
    match event:
        case WaitStarted():
            return f"{event.group} is full; a place is free in {seconds(event.seconds)}"
        case AttemptStarted():
            return f"attempt on {event.deployment} ({event.provider}){', a probe' if event.probe else ''}"
        case AttemptAdvanced() if event.phase is not Phase.DELIVERED:
            return f"{event.deployment}: {PHASES[event.phase]}{f', job {event.job}' if event.job else ''}"
        case AttemptFinished():
            return f"{event.attempt.deployment}, after {seconds(event.attempt.duration)}: {outcome(event.attempt)}"
        case FellBack():
            return f"falling back from {event.group} to {event.to}: {event.reason.replace('_', ' ')}"
    return None


def lasting(event: Event) -> bool:
    """Whether it is worth a line that stays, where the rest is shown as it passes."""
    return isinstance(event, FellBack) or (isinstance(event, AttemptFinished) and event.attempt.failure is not None)


@dataclass(slots=True)
class Watcher:
    """An observer that shows one request: a line that changes on a terminal, a line for each step elsewhere."""

    console: Console
    abandoned: list[Attempt] = field(default_factory=list)
    """Attempts that were under way when the caller left."""
    scene: Scene = Scene()
    _live: Progress | None = None
    _task: TaskID | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, AttemptFinished) and event.abandoned:
            self.abandoned.append(event.attempt)
        self.scene = self.scene.after(event)
        line = line_of(event)
        if self._live is not None and self._task is not None:
            self._live.update(self._task, description=str(self.scene))
            if line is not None and lasting(event):
                self._live.console.print(line, soft_wrap=True)
        elif line is not None:
            self.console.print(line, soft_wrap=True)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While the request is under way."""
        if not self.console.is_terminal:
            yield
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as self._live:
            self._task = self._live.add_task(str(self.scene), total=None)
            try:
                yield
            finally:
                self._live = None
