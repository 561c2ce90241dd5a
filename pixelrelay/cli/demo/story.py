"""The whole of a demo, when it is over: what the summary, the timeline and the page are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pixelrelay.cli.demo.recording import Call, Span
from pixelrelay.cli.demo.traffic import Order
from pixelrelay.images import Images
from pixelrelay.outcomes import Attempt
from pixelrelay.testing import RequestRecord


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture that was delivered and saved."""

    file: str
    """Relative to the page."""
    width: int
    height: int
    deployment: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one order. Moments are seconds after the start."""

    order: Order
    asked: float
    ended: float
    result: Images | None = None
    error: str | None = None
    attempts: tuple[Attempt, ...] = ()
    """What was tried for it, in order."""
    pictures: tuple[Picture, ...] = ()

    @property
    def seconds(self) -> float:
        return self.ended - self.asked

    @property
    def failed_over(self) -> bool:
        return self.result is not None and any(not attempt.succeeded for attempt in self.attempts)

    @property
    def fell_back(self) -> bool:
        return self.result is not None and bool(self.result.route.fallbacks)


@dataclass(frozen=True, slots=True)
class Lane:
    """One deployment, in words."""

    name: str
    caption: str
    """Its model, and where it is."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A deployment whose region was down."""

    deployment: str
    span: Span


@dataclass(frozen=True, slots=True)
class Story:
    lanes: Sequence[Lane]
    outcomes: Sequence[Outcome]
    calls: Sequence[Call]
    crowd: Sequence[tuple[float, int]]
    """How many requests waited for quota, from each moment on."""
    length: float
    """Seconds of the demo's clock."""
    real_seconds: float
    speed: float
    rests: Mapping[str, Sequence[Span]] = field(default_factory=dict)
    fallbacks: Mapping[str, int] = field(default_factory=dict)
    outage: Outage | None = None
    records: Sequence[RequestRecord] | None = None
    """What the emulators' meter says; ``None`` where real providers were asked."""
    offered: float = 0.0
    """Pictures a minute, as are all rates."""
    reachable: float = 0.0

    @property
    def served(self) -> int:
        return sum(outcome.result is not None for outcome in self.outcomes)

    @property
    def pictures(self) -> int:
        return sum(len(outcome.pictures) for outcome in self.outcomes)
