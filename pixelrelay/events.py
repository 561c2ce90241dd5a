"""What happened, told to observers as it happens: metrics, logs, traces and ledgers only listen.

An observer is called with each event in the task that caused it, so it must be quick and may not block. If it
raises, the request goes on, and the error is logged once under ``pixelrelay``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from pixelrelay.images import NOTHING, Images, Operation, Size
from pixelrelay.outcomes import Attempt, Phase


@dataclass(frozen=True, slots=True)
class RequestStarted:
    request_id: str
    group: str
    operation: Operation
    n: int
    size: Size | None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RequestPlanned:
    """Who may serve the request, in which legs, and why the others may not."""

    request_id: str
    group: str
    legs: tuple[tuple[str, tuple[str, ...]], ...]
    """The group and then its fallbacks, each with the deployments that can do what is asked."""
    unfit: Mapping[str, Sequence[str]] = field(default=NOTHING)


@dataclass(frozen=True, slots=True)
class WaitStarted:
    """Every candidate is full; a place in the line was taken."""

    request_id: str
    group: str
    seconds: float
    """Until its turn, by what is known now."""


@dataclass(frozen=True, slots=True)
class WaitFinished:
    request_id: str
    group: str
    waited: float
    served: bool
    """Whether the turn came; else the place was given up."""
    operation: Operation
    size: Size | None


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    request_id: str
    group: str
    deployment: str
    provider: str
    number: int
    """Of this request, from 1; calls for the pictures of one request may run side by side."""
    probe: bool = False
    model: str = ""
    """The provider's own name of the model."""
    after: Attempt | None = None
    """The failed attempt that this one follows: a retry, a failover or a fallback; ``None`` where none failed."""


@dataclass(frozen=True, slots=True)
class AttemptAdvanced:
    """The attempt reached a phase; ``job`` names what the provider accepted."""

    request_id: str
    deployment: str
    phase: Phase
    job: str | None = None
    number: int = 1
    """The attempt's, as it was told when it started."""


@dataclass(frozen=True, slots=True)
class AttemptFinished:
    """The attempt is over and settled. A caller who left in the middle leaves one with ``abandoned`` behind."""

    request_id: str
    attempt: Attempt
    operation: Operation
    size: Size | None
    """As asked."""
    abandoned: bool = False
    number: int = 1
    """As it was told when it started."""
    drawn: Size | None = None
    """Of the pictures that came, as the provider or else the request says; ``None`` where neither does."""


@dataclass(frozen=True, slots=True)
class FellBack:
    """The request turns to another group, or to a deployment named as a fallback."""

    request_id: str
    group: str
    to: str
    reason: str
    """The kind of the last failure, or ``full`` where nothing failed."""


@dataclass(frozen=True, slots=True)
class RequestFinished:
    request_id: str
    group: str
    operation: Operation
    duration: float
    result: Images | None
    error: BaseException | None
    """What was raised; for a caller who left, the cancellation."""
    size: Size | None = None
    """As asked."""


@dataclass(frozen=True, slots=True)
class DeploymentChanged:
    """Health, a cooldown, or a learned limit changed, as this process saw it."""

    deployment: str
    probation: str | None = None
    """``well``, ``cooling`` or ``probing``."""
    cooling: float | None = None
    """Seconds until it may be tried again."""
    quota: str | None = None
    limit: int | None = None
    learned: int | None = None


@dataclass(frozen=True, slots=True)
class StoreModeChanged:
    """The shared store was lost, or found again."""

    mode: str
    """``shared``; or, while it is away, ``share``, ``open`` or ``closed``, as configured."""
    reason: str
    processes: int
    """That are known to share the quotas, this one among them."""


@dataclass(frozen=True, slots=True)
class StoreAsked:
    """One round trip to the shared store ended."""

    step: str
    """``reserve``, ``settle``, ``cancel``, ``tend``, ``join`` or ``look``."""
    seconds: float
    error: str | None = None
    """A short word for what went wrong, of a closed set; ``None`` if nothing did."""


Event: TypeAlias = (
    RequestStarted
    | RequestPlanned
    | WaitStarted
    | WaitFinished
    | AttemptStarted
    | AttemptAdvanced
    | AttemptFinished
    | FellBack
    | RequestFinished
    | DeploymentChanged
    | StoreModeChanged
    | StoreAsked
)

Observer: TypeAlias = Callable[[Event], None]
