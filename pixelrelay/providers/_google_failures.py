"""What error answers of Google's APIs mean: a ``google.rpc.Status``, with details that each have a type of their own.

AI Studio tells by them which quota is full and for how long. Vertex AI tells neither as a rule, and speaks of
moderation in its message alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from pydantic import Field, ValidationError

from pixelrelay.outcomes import Failure, FailureKind
from pixelrelay.providers.base import Answer, Beside, Reply
from pixelrelay.providers.failures import duration, failure_from
from pixelrelay.quotas import Unit

CODES: Mapping[str, FailureKind] = {
    # Of the account's place on earth, or of a project without billing: nothing that another request would change.
    "FAILED_PRECONDITION": FailureKind.UNAUTHORISED,
    "CANCELLED": FailureKind.OVERLOADED,
}
REASONS: Mapping[str, FailureKind] = {
    "API_KEY_INVALID": FailureKind.UNAUTHORISED,
    "BILLING_DISABLED": FailureKind.OUT_OF_CREDIT,
}

_BAD_KEY = re.compile(r"\bAPI key (?:not valid|not found|expired)", re.IGNORECASE)
_POLICY = re.compile(
    r"safety filter|Responsible AI|Support codes?:|filtered out|\b(?:is|was|were) blocked\b"
    r"|\bviolat\w+ .{0,60}?(?:polic(?:y|ies)|guidelines|practices)",
    re.IGNORECASE | re.DOTALL,
)
_UNPAID = re.compile(r"credits are depleted|\bbilling\b.{0,40}\b(?:disabled|not (?:active|enabled))", re.IGNORECASE)
_SPENT = re.compile(r"per_?day|\blimit: 0(?![\d.])|credits are depleted", re.IGNORECASE)
_UNITS: tuple[tuple[re.Pattern[str], Unit | None], ...] = (
    (re.compile(r"token", re.IGNORECASE), None),
    (re.compile(r"images?_?per", re.IGNORECASE), Unit.IMAGES),
    (re.compile(r"requests?", re.IGNORECASE), Unit.REQUESTS),
)
"""What the name of a quota says that it counts."""


class _Violation(Answer):
    metric: str = Field("", alias="quotaMetric")
    quota: str = Field("", alias="quotaId")


class _Detail(Answer):
    """One detail of any type; each has some of these."""

    reason: Beside[str] = None
    metadata: Beside[dict[str, Beside[str]]] = None
    violations: Beside[tuple[Beside[_Violation], ...]] = None
    retry_delay: Beside[str] = Field(None, alias="retryDelay")


class _Error(Answer):
    message: str | None = None
    details: Beside[tuple[Beside[_Detail], ...]] = None

    @property
    def known(self) -> tuple[_Detail, ...]:
        return tuple(detail for detail in self.details or () if detail is not None)

    @property
    def reason(self) -> str | None:
        return next((detail.reason for detail in self.known if detail.reason), None)

    @property
    def retry_delay(self) -> float | None:
        delays = (duration(detail.retry_delay) for detail in self.known if detail.retry_delay)
        return next((delay for delay in delays if delay is not None), None)

    @property
    def quotas(self) -> tuple[str, ...]:
        """The names of the quotas that are full, as far as details or message tell them."""
        violated = (violation for detail in self.known for violation in detail.violations or () if violation)
        stated = (detail.metadata for detail in self.known if detail.metadata and detail.metadata.get("quota_limit"))
        listed = [
            *(f"{violation.quota} {violation.metric}" for violation in violated),
            *(f"{metadata['quota_limit']} limit: {metadata.get('quota_limit_value')}" for metadata in stated),
        ]
        return tuple(listed or re.findall(r"[Qq]uota exceeded for (?:metric: )?([\w./-]+)", self.message or ""))


class _Refused(Answer):
    error: _Error = _Error()


def failure_of(reply: Reply) -> Failure:
    """What an unsuccessful ``reply`` means."""
    reply = _unwrapped(reply)
    failure = failure_from(reply, CODES)
    error = _error(reply)
    kind = _kind(failure.kind, error)
    limited = kind is FailureKind.RATE_LIMITED
    asked = failure.retry_after if error.retry_delay is None else error.retry_delay
    return replace(
        failure,
        kind=kind,
        code=error.reason or failure.code,
        unit=_unit(error.quotas) if limited else None,
        # Of an empty account Google says to try again in seconds, as of any other.
        retry_after=asked if kind is not FailureKind.OUT_OF_CREDIT else None,
    )


def speaks_of_policy(text: str) -> bool:
    """Whether Google tells by ``text`` that its rules, and not the service, stand in the way."""
    return _POLICY.search(text) is not None


def _unwrapped(reply: Reply) -> Reply:
    """Without the list of one that streams, and some proxies, put an error in."""
    body = reply.body.strip()
    return replace(reply, body=body[1:-1]) if body[:1] == b"[" and body[-1:] == b"]" else reply


def _error(reply: Reply) -> _Error:
    try:
        return _Refused.model_validate_json(reply.body).error
    except ValidationError:
        return _Error()


def _kind(kind: FailureKind, error: _Error) -> FailureKind:
    said = error.message or ""
    if error.reason is not None and error.reason in REASONS:
        return REASONS[error.reason]
    match kind:
        case FailureKind.INVALID if _BAD_KEY.search(said):
            return FailureKind.UNAUTHORISED
        case FailureKind.INVALID if speaks_of_policy(said):
            return FailureKind.CONTENT_REJECTED
        case FailureKind.UNAUTHORISED if _UNPAID.search(said):
            return FailureKind.OUT_OF_CREDIT
        case FailureKind.RATE_LIMITED if _SPENT.search(" ".join((said, *error.quotas))):
            # The day's allowance, or one of nothing at all: there is nothing to wait for within a request.
            return FailureKind.OUT_OF_CREDIT
    return kind


def _unit(quotas: tuple[str, ...]) -> Unit | None:
    """Of the first quota whose name tells one."""
    units = (next((unit for pattern, unit in _UNITS if pattern.search(name)), None) for name in quotas)
    return next((unit for unit in units if unit is not None), None)
