"""What OpenRouter's errors mean: its own, those of the account's limits, and a provider's wrapped in one of its.

Its own status and metadata come first. What the provider behind it said is kept as text or JSON in ``metadata.raw``;
it is looked into for moderation, and for what to tell people.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

from pydantic import ValidationError

from pixelrelay import _clock
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers._openai_failures import CODES as OPENAI_CODES
from pixelrelay.providers.base import Answer, Beside, Reply
from pixelrelay.providers.failures import failure_from, plain, status_kind, words_in
from pixelrelay.quotas import Unit

ERROR_TYPES: Mapping[str, FailureKind] = {
    "content_policy_violation": FailureKind.CONTENT_REJECTED,
    "refusal": FailureKind.CONTENT_REJECTED,
    "authentication": FailureKind.UNAUTHORISED,
    "permission_denied": FailureKind.UNAUTHORISED,
    "payment_required": FailureKind.OUT_OF_CREDIT,
    "not_found": FailureKind.NOT_FOUND,
    "image_not_found": FailureKind.INVALID,
    "rate_limit_exceeded": FailureKind.RATE_LIMITED,
    "server": FailureKind.OVERLOADED,
    "unmapped": FailureKind.OVERLOADED,
    "provider_unavailable": FailureKind.OVERLOADED,
    "provider_overloaded": FailureKind.OVERLOADED,
    "timeout": FailureKind.TIMEOUT,
}
"""By ``metadata.error_type``. Those left out are what their status says: one or another way to ask wrongly."""

AVAILABILITY: Mapping[str, FailureKind] = {
    "model_not_found": FailureKind.NOT_FOUND,
    "wrong_endpoint": FailureKind.NOT_FOUND,
    "no_endpoints": FailureKind.NOT_FOUND,
    "model_deprecated": FailureKind.NOT_FOUND,
    "model_unavailable_upstream": FailureKind.NOT_FOUND,
    "privacy_restricted": FailureKind.NOT_FOUND,
    "free_variant_ended": FailureKind.NOT_FOUND,
    # What this one request asks for, and not the deployment, leaves nobody to serve it.
    "constraint_filtered": FailureKind.INVALID,
    "region_restricted": FailureKind.UNAUTHORISED,
    "capacity_exhausted": FailureKind.OVERLOADED,
    "temporarily_unavailable": FailureKind.OVERLOADED,
}
"""By ``availability.code``: why nobody behind OpenRouter takes the request."""

BUDGETS = frozenset({"openrouter_guardrail_budget", "workspace_budget", "openrouter_key_limit", "openrouter_credits"})
"""``metadata.limit_source`` of limits to what may be spent, which 402 and 403 tell of."""

_IN_FLIGHT = "openrouter_in_flight_budget"

_MODERATED = re.compile(
    r"moderation_blocked|(?:request|content) moderated|content[ _]policy|responsible ?ai|prohibited_content"
    r"|image_safety|safety (?:system|filter)|was flagged",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(r"is not a valid model id", re.IGNORECASE)
_FREE = re.compile(r"free-models-per", re.IGNORECASE)


class _Metadata(Answer):
    error_type: Beside[str] = None
    limit_source: Beside[str] = None
    reason: Beside[str] = None
    resets_at: Beside[datetime] = None
    provider_name: Beside[str] = None
    raw: Any = None
    reasons: Any = None
    """Of moderation by OpenRouter; the ``flagged_input`` beside it repeats the prompt and is not read."""
    patterns: Any = None
    """Of a guardrail that the account has set up for what is sent."""
    headers: Beside[dict[str, Any]] = None


class _Availability(Answer):
    code: Beside[str] = None
    retry_after: Beside[float] = None


class _Error(Answer):
    code: Beside[int | str] = None
    http_status: Beside[int] = None
    error_type: Beside[str] = None
    message: Beside[str] = None
    metadata: Beside[_Metadata] = None
    availability: Beside[_Availability] = None

    @property
    def about(self) -> _Metadata:
        return self.metadata or _Metadata()

    @property
    def type(self) -> str | None:
        return self.about.error_type or self.error_type

    @property
    def status(self) -> int | None:
        """The HTTP status it stands for."""
        code = int(self.code) if isinstance(self.code, str) and self.code.isdecimal() else self.code
        return code if isinstance(code, int) else self.http_status


class _Refused(Answer):
    error: Beside[_Error] = None


def refusal(reply: Reply, *, all_or_nothing: bool = False) -> Failure:
    """What an unsuccessful ``reply`` means.

    With ``all_or_nothing`` a failure that OpenRouter itself tells of costs nothing, as it promises for the images
    route; a page of a gateway in front of it says nothing about that.
    """
    try:
        error = _Refused.model_validate_json(reply.body).error
    except ValidationError:
        error = None
    if error is None:
        return failure_from(reply, {})
    failure = _failure(reply, error)
    return replace(failure, charge=Charge.NONE) if all_or_nothing else failure


def failure_within(reply: Reply, error: Any, *, charge: Charge) -> Failure:
    """What the ``error`` means that a successful ``reply`` holds; nobody but its usage says what that costs."""
    body = json.dumps({"error": error}, default=str).encode()
    told = _error(error)
    failure = _failure(replace(reply, status=told.status or 500, body=body), told)
    return replace(failure, charge=charge, status=reply.status)


def _error(error: Any) -> _Error:
    try:
        return _Error.model_validate(error)
    except ValidationError:
        return _Error()


def _failure(reply: Reply, error: _Error) -> Failure:
    base = failure_from(reply, {})
    kind, unit = _kind(reply, error)
    return replace(
        base,
        kind=kind,
        unit=unit,
        message=_message(base.message, error),
        code=_code(error),
        retry_after=_retry_after(reply, error, base.retry_after),
    )


def _code(error: _Error) -> str | None:
    available = error.availability.code if error.availability is not None else None
    named = available or error.about.limit_source or error.type
    return named or (error.code if isinstance(error.code, str) else None)


# --- the kind ----------------------------------------------------------------------------------------------------


def _kind(reply: Reply, error: _Error) -> tuple[FailureKind, Unit | None]:
    """What has failed, and of a limit that was met which one it is, where that is sure."""
    about = error.about
    if (
        about.reasons
        or about.patterns
        or error.type in {"content_policy_violation", "refusal"}
        or _was_moderated(error)
    ):
        return FailureKind.CONTENT_REJECTED, None
    if about.limit_source == _IN_FLIGHT:
        # Too much at a time is over when what is under way has ended; a call too dear by itself never is.
        too_dear = about.reason == "weight_exceeds_budget"
        return (FailureKind.OUT_OF_CREDIT, None) if too_dear else (FailureKind.RATE_LIMITED, Unit.CONCURRENT)
    if about.limit_source in BUDGETS:
        return FailureKind.OUT_OF_CREDIT, None
    if error.availability is not None and (known := AVAILABILITY.get(error.availability.code or "")):
        return known, None
    kind = ERROR_TYPES.get(error.type or "") or status_kind(reply.status)
    if kind is FailureKind.INVALID and _NO_MODEL.search(error.message or ""):
        return FailureKind.NOT_FOUND, None
    if kind is FailureKind.RATE_LIMITED:
        return _limited(error)
    return kind, None


def _limited(error: _Error) -> tuple[FailureKind, Unit | None]:
    """Of the account, or of a provider behind OpenRouter that is full of everybody's requests."""
    if error.about.raw is not None or error.about.provider_name is not None:
        return FailureKind.OVERLOADED, None
    return FailureKind.RATE_LIMITED, Unit.REQUESTS if _FREE.search(error.message or "") else None


def _was_moderated(error: _Error) -> bool:
    """Whether the provider behind OpenRouter says so, in any of their words."""
    raw = _raw(error)
    if not raw:
        return False
    wrapped = failure_from(Reply(400, {}, raw.encode()), OPENAI_CODES)
    return wrapped.kind is FailureKind.CONTENT_REJECTED or _MODERATED.search(raw) is not None


def _raw(error: _Error) -> str:
    raw = error.about.raw
    return raw if isinstance(raw, str) else json.dumps(raw, default=str) if raw else ""


# --- what is told ------------------------------------------------------------------------------------------------


def _message(said: str, error: _Error) -> str:
    """What OpenRouter says, why, and in brackets who was behind it and what it said."""
    about = error.about
    if isinstance(about.reasons, list) and about.reasons:
        said = f"{said} ({', '.join(map(str, about.reasons))})"
    words = words_in(_raw(error).encode())
    behind = ": ".join(filter(None, (about.provider_name, words)))
    return plain(f"{said} ({behind})" if behind else said)


def _retry_after(reply: Reply, error: _Error, told: float | None) -> float | None:
    """Seconds, from wherever one of its answers says so; the reset of a limit is a moment in milliseconds."""
    if told is not None:
        return told
    if error.availability is not None and error.availability.retry_after is not None:
        return max(0.0, error.availability.retry_after)
    about = error.about
    headers = {name.lower(): value for name, value in (about.headers or {}).items()}
    if reply.status == 429 and (
        reset := _moment(headers.get("x-ratelimit-reset", reply.headers.get("x-ratelimit-reset")))
    ):
        return max(0.0, reset - _now(reply))
    if about.resets_at is not None:
        when = about.resets_at if about.resets_at.tzinfo else about.resets_at.replace(tzinfo=UTC)
        return max(0.0, when.timestamp() - _now(reply))
    return None


def _moment(milliseconds: Any) -> float | None:
    try:
        seconds = float(milliseconds) / 1000
    except (TypeError, ValueError):
        return None
    return seconds if isfinite(seconds) else None


def _now(reply: Reply) -> float:
    """By OpenRouter's own clock, where its answer is dated."""
    try:
        return parsedate_to_datetime(reply.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return _clock.wall()
