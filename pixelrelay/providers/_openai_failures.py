"""What error answers of OpenAI's Images API mean, and those of Azure's, which has all of OpenAI's and its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from pydantic import ValidationError

from pixelrelay.outcomes import Failure, FailureKind
from pixelrelay.providers.base import Answer, Reply
from pixelrelay.providers.failures import duration, failure_from
from pixelrelay.quotas import WINDOW, SeenLimit, Unit

CODES: Mapping[str, FailureKind] = {
    # Moderation: of the newer models, of DALL·E's time, and Azure's in three spellings.
    "moderation_blocked": FailureKind.CONTENT_REJECTED,
    "content_policy_violation": FailureKind.CONTENT_REJECTED,
    "content_filter": FailureKind.CONTENT_REJECTED,
    "contentFilter": FailureKind.CONTENT_REJECTED,
    "ResponsibleAIPolicyViolation": FailureKind.CONTENT_REJECTED,
    # An empty account, which shares 429 with a full minute and 400 with a bad size.
    "insufficient_quota": FailureKind.OUT_OF_CREDIT,
    "billing_hard_limit_reached": FailureKind.OUT_OF_CREDIT,
    "billing_limit_user_error": FailureKind.OUT_OF_CREDIT,
    "billing_not_active": FailureKind.OUT_OF_CREDIT,
    "organization_spend_limit_exceeded": FailureKind.OUT_OF_CREDIT,
    "organization_usage_limit_exceeded": FailureKind.OUT_OF_CREDIT,
    "project_spend_limit_exceeded": FailureKind.OUT_OF_CREDIT,
    "model_not_found": FailureKind.NOT_FOUND,
    "DeploymentNotFound": FailureKind.NOT_FOUND,
    "invalid_api_key": FailureKind.UNAUTHORISED,
    "PermissionDenied": FailureKind.UNAUTHORISED,
    "unsupported_country_region_territory": FailureKind.UNAUTHORISED,
    "rate_limit_exceeded": FailureKind.RATE_LIMITED,
    "RateLimitReached": FailureKind.RATE_LIMITED,
    "slow_down": FailureKind.RATE_LIMITED,
}


class _Error(Answer):
    type: str | None = None
    code: str | int | None = None
    param: str | None = None
    message: str | None = None


class _Refused(Answer):
    error: _Error = _Error()


_CAPACITY = re.compile(r"high demand|temporarily unable", re.IGNORECASE)
_UNVERIFIED = re.compile(r"organization must be verified", re.IGNORECASE)

_UNITS = (
    (re.compile(r"\bimages per min", re.IGNORECASE), Unit.IMAGES),
    (re.compile(r"\brequests per min|\(RPM\)", re.IGNORECASE), Unit.REQUESTS),
)
"""What a message says is full. "Input-images per min" is among the images: it is seen with the limit of those."""


def failure_of(reply: Reply) -> Failure:
    """What an unsuccessful ``reply`` means."""
    failure = failure_from(reply, CODES)
    error = _error(reply)
    said = error.message or ""
    kind = failure.kind
    if error.code == "invalid_value" and error.param == "model":
        kind = FailureKind.NOT_FOUND  # so a retired model answers, with 400
    elif kind is FailureKind.INVALID and _UNVERIFIED.search(said):
        kind = FailureKind.UNAUTHORISED
    elif kind is FailureKind.RATE_LIMITED and _CAPACITY.search(said):
        kind = FailureKind.OVERLOADED  # Azure's, below any quota
    unit = _unit(said) if kind is FailureKind.RATE_LIMITED else None
    return replace(failure, kind=kind, unit=unit)


def _error(reply: Reply) -> _Error:
    try:
        return _Refused.model_validate_json(reply.body).error
    except ValidationError:
        return _Error()


def _unit(said: str) -> Unit | None:
    # By the message alone, for the error's type says "requests" of images too.
    return next((unit for pattern, unit in _UNITS if pattern.search(said)), None)


def seen_limits(headers: Mapping[str, str]) -> tuple[SeenLimit, ...]:
    """The limits a minute that an answer of OpenAI's states.

    A limit that takes more than a minute to refill is one a day, and left out. Azure's headers speak of a slice of
    some seconds, without saying of which length, and must not be read by this.
    """
    stated = (("requests", Unit.REQUESTS), ("images", Unit.IMAGES))
    limits = (
        SeenLimit(unit, _whole(headers[f"x-ratelimit-limit-{name}"]))
        for name, unit in stated
        if f"x-ratelimit-limit-{name}" in headers
        and (duration(headers.get(f"x-ratelimit-reset-{name}", "0")) or 0.0) <= WINDOW
    )
    return tuple(limit for limit in limits if limit.limit > 0)


def _whole(text: str) -> int:
    return int(text) if text.strip().isdecimal() else 0
