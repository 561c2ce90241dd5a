"""How attempts end: the closed sets that policy is written in, and the story a caller is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from pixelrelay.quotas import SeenLimit, Unit


class FailureKind(Enum):
    """Every way in which a provider fails. What follows from each is one table in the router."""

    CONNECTION = "connection"
    """Refused, DNS, TLS, or cut before the request was sent whole."""
    TIMEOUT = "timeout"
    """Sent, and no whole answer came."""
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    OUT_OF_CREDIT = "out_of_credit"
    UNAUTHORISED = "unauthorised"
    NOT_FOUND = "not_found"
    CONTENT_REJECTED = "content_rejected"
    """Moderation of the prompt, an input image or the picture drawn."""
    INVALID = "invalid"
    UNUSABLE = "unusable"
    """An answer that says it succeeded and holds no picture that can be read."""
    JOB_LOST = "job_lost"
    """An accepted job that the provider no longer knows, or reports as failed without saying why."""


class Charge(Enum):
    """Whether a failed attempt costs money."""

    NONE = "none"
    UNKNOWN = "unknown"
    BILLED = "billed"


class Phase(Enum):
    """How far an attempt has come; it only moves forward."""

    NOT_SENT = "not_sent"
    SENT = "sent"
    ACCEPTED = "accepted"
    """The provider has named the job; from here it is polled and never submitted again."""
    DRAWN = "drawn"
    """The provider is done, and what is left is to download the picture; nothing is submitted again for that.

    An attempt whose answer names the address of the picture comes here without having been accepted, and one whose
    answer holds the picture, or whose caller wants the address alone, never does.
    """
    DELIVERED = "delivered"

    @property
    def charge(self) -> Charge:
        """What an attempt that ends here without its picture costs, where nobody says otherwise."""
        match self:
            case Phase.NOT_SENT:
                return Charge.NONE
            case Phase.SENT | Phase.ACCEPTED:
                return Charge.UNKNOWN
            case Phase.DRAWN | Phase.DELIVERED:
                return Charge.BILLED


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure of one attempt, as data."""

    kind: FailureKind
    message: str
    """What the provider said, shortened; never a key."""
    charge: Charge = Charge.NONE
    status: int | None = None
    """The HTTP status of the answer that said so; ``None`` where none came."""
    code: str | None = None
    """The provider's own code."""
    retry_after: float | None = None
    """Seconds that the provider asked to be left alone; ``None`` if it named none."""
    unit: Unit | None = None
    """Which quota a 429 is about, where the provider says; ``None`` where it does not."""
    provider_request_id: str | None = None
    job: str | None = None
    """The provider's name of a job that may still be running, where one was accepted."""
    seen_limits: tuple[SeenLimit, ...] = ()

    def __str__(self) -> str:
        status = f" {self.status}" if self.status is not None else ""
        return f"{self.kind.value}{status}: {self.message}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call to one deployment: when, how long, and how it ended."""

    deployment: str
    provider: str
    group: str
    started: float
    """Seconds after the request began."""
    duration: float
    waited: float = 0.0
    """Seconds spent waiting for quota before this attempt."""
    failure: Failure | None = None
    images: int = 0
    cost: Decimal | None = None
    """Dollars: of the pictures delivered, or of a failure known to be billed; ``None`` where nobody knows."""
    at_risk: Decimal | None = None
    """Dollars that a failed attempt may have cost; zero where it is known to have cost nothing."""

    @property
    def succeeded(self) -> bool:
        return self.failure is None


@dataclass(frozen=True, slots=True)
class Route:
    """How a request was served: where its pictures come from, what was tried, waited and paid."""

    request_id: str
    group: str
    """The model group that the caller named."""
    deployment: str
    """Of the first picture; each picture names its own."""
    provider: str
    attempts: tuple[Attempt, ...]
    waited: float
    """Seconds spent waiting for quota, in all."""
    duration: float
    cost: Decimal | None
    """Dollars for what was delivered; ``None`` where a price is unknown."""
    at_risk: Decimal | None = Decimal(0)
    """Dollars that failed attempts may have cost besides; ``None`` where a price is unknown."""
    fallbacks: tuple[str, ...] = ()
    """The groups or deployments that were turned to, in order."""
    adaptations: tuple[str, ...] = ()
    """What of the request was changed for those who drew it, where that is allowed: ``size 1792x1024 → 16:9``."""
    degraded: bool = False
    """Whether the shared store was away, so that quotas were counted by this process alone."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as far as the provider told them; the names are OpenAI's."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_tokens_details: Mapping[str, int] = field(default_factory=dict)
    output_tokens_details: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Usage) -> Usage:
        """Of both calls together."""
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.total_tokens + other.total_tokens,
            _added(self.input_tokens_details, other.input_tokens_details),
            _added(self.output_tokens_details, other.output_tokens_details),
        )


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}
