"""What can go wrong at a provider, and when it shall: by the clock, by the count, or by chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf
from random import Random


class FaultKind(Enum):
    # Answers that refuse. Nothing is drawn.
    RATE_LIMITED = "rate_limited"
    """429 whatever the quotas say."""
    SERVER_ERROR = "server_error"
    """500."""
    BAD_GATEWAY = "bad_gateway"
    """502 with a page of HTML from the edge."""
    UNAVAILABLE = "unavailable"
    """503."""
    UNAUTHORISED = "unauthorised"
    NOT_FOUND = "not_found"
    """404: the model or deployment is not there."""
    OUT_OF_CREDIT = "out_of_credit"
    MODERATED_INPUT = "moderated_input"
    MODERATED_OUTPUT = "moderated_output"
    """The picture is drawn, looked at, and withheld; providers do not charge for it."""

    # Connections that break.
    REFUSED = "refused"
    """Connection refused. By count or chance, sockets can only reset it before reading."""
    RESET_BEFORE_READING = "reset_before_reading"
    RESET_BEFORE_ANSWER = "reset_before_answer"
    """The request is read whole, the picture drawn and billed, the connection reset."""
    RESET_MID_ANSWER = "reset_mid_answer"
    HANG = "hang"
    """The request is read, the picture drawn and billed, and nothing is ever answered."""

    # Answers that are of no use. The picture is drawn and billed.
    SLOW_BODY = "slow_body"
    MALFORMED_JSON = "malformed_json"
    EMPTY_DATA = "empty_data"

    # Jobs that end badly.
    LOST_JOB = "lost_job"
    """Drawn and billed; polls find no such task."""
    FAILED_JOB = "failed_job"
    EXPIRED_SAMPLE = "expired_sample"
    """Drawn and billed; the address of the picture has run out."""


REFUSING = frozenset(
    {
        FaultKind.RATE_LIMITED,
        FaultKind.SERVER_ERROR,
        FaultKind.BAD_GATEWAY,
        FaultKind.UNAVAILABLE,
        FaultKind.UNAUTHORISED,
        FaultKind.NOT_FOUND,
        FaultKind.OUT_OF_CREDIT,
    }
)
JOB_FAULTS = frozenset({FaultKind.LOST_JOB, FaultKind.FAILED_JOB, FaultKind.EXPIRED_SAMPLE})


class Stage(Enum):
    """Which requests a fault strikes."""

    SUBMIT = "submit"
    POLL = "poll"
    DOWNLOAD = "download"
    ASK = "ask"


class RetryAfter(Enum):
    """Where a 429 or 503 says how long to stay away."""

    SECONDS = "seconds"
    """``retry-after`` in whole seconds."""
    MILLISECONDS = "milliseconds"
    """``retry-after-ms`` alone."""
    DATE = "date"
    """``retry-after`` as an HTTP date, in an answer that has a ``date``."""
    TEXT = "text"
    """In the message alone."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong. Without conditions it strikes every submission."""

    kind: FaultKind
    since: float = 0.0
    """In seconds since the fleet began."""
    until: float = inf
    requests: tuple[int, ...] = ()
    """Which requests of this deployment and stage, counted from 1; empty for any."""
    rate: float = 1.0
    """Of the requests it could strike, the share that it does, drawn by the fleet's seed."""
    times: int | None = None
    """How often it strikes at most."""
    stage: Stage = Stage.SUBMIT
    retry_after: float | None = None
    """Seconds that a 429 or 503 names; ``None`` for none."""
    form: RetryAfter = RetryAfter.SECONDS
    disguise: str | None = None
    """Of several bodies a provider has for moderation, the one with this code; ``None`` for the commonest."""
    seconds: float = 10.0
    """How long a slow body takes."""
    drawn: bool = True
    """Whether the picture is drawn and billed before a reset or a hang."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.rate <= 1.0:
            raise ValueError(f"rate {self.rate}: it is a share, from 0 to 1")
        if self.until <= self.since:
            raise ValueError(f"a fault from {self.since:g} s until {self.until:g} s never strikes")

    @property
    def lasts(self) -> bool:
        """Whether it is a state of the whole deployment, between two moments."""
        return not self.requests and self.rate == 1.0 and self.times is None


class FaultPlan:
    """The faults of one deployment. The first that strikes is the one that happens."""

    def __init__(self, faults: Sequence[Fault], rng: Random) -> None:
        self._faults = list(faults)
        self._rng = rng
        self._seen: Counter[Stage] = Counter()
        self._struck: Counter[int] = Counter()

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        """Let nothing more go wrong."""
        self._faults.clear()
        self._struck.clear()

    def strike(self, stage: Stage, now: float) -> Fault | None:
        """The fault that befalls the next request of ``stage``."""
        self._seen[stage] += 1
        for index, fault in enumerate(self._faults):
            if fault.stage is stage and self._strikes(index, fault, self._seen[stage], now):
                self._struck[index] += 1
                return fault
        return None

    def refusals(self) -> tuple[Fault, ...]:
        """The spans of time in which connections are refused."""
        return tuple(fault for fault in self._faults if fault.kind is FaultKind.REFUSED and fault.lasts)

    def refuses(self, now: float) -> bool:
        """Whether connections are refused at this moment."""
        return any(fault.since <= now < fault.until for fault in self.refusals())

    def _strikes(self, index: int, fault: Fault, number: int, now: float) -> bool:
        return (
            fault.since <= now < fault.until
            and (not fault.requests or number in fault.requests)
            and (fault.times is None or self._struck[index] < fault.times)
            and (fault.rate == 1.0 or self._rng.random() < fault.rate)
        )


FORBIDDEN = "forbidden"
"""A prompt with this word is refused before anything is drawn."""
UNSEEMLY = "unseemly"
"""A prompt with this word is drawn, and the picture withheld."""


def moderated(prompt: str, fault: Fault | None) -> FaultKind | None:
    """Whether a prompt is refused, and at which stage, by its words or by a fault."""
    if fault is not None and fault.kind in {FaultKind.MODERATED_INPUT, FaultKind.MODERATED_OUTPUT}:
        return fault.kind
    words = prompt.lower()
    if FORBIDDEN in words:
        return FaultKind.MODERATED_INPUT
    return FaultKind.MODERATED_OUTPUT if UNSEEMLY in words else None
