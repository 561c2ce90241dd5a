"""What callers are told when there is no picture: OpenAI's error body, its status, and whether to ask again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pixelrelay import errors
from pixelrelay.images import NOTHING
from pixelrelay.outcomes import Attempt

INVALID, GENERATION, LIMITED, SPENT, SERVER = (
    "invalid_request_error",
    "image_generation_user_error",
    "rate_limit_error",
    "insufficient_quota",
    "server_error",
)
"""The types of OpenAI's errors."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One error, ready to be told."""

    status: int
    type: str
    code: str
    message: str
    param: str | None = None
    retry_after: float | None = None
    """Seconds after which it is worth asking again."""
    may_retry: bool = False
    """Whether a client may ask again by itself: it is of use, and nothing can have been bought."""
    model: str | None = None
    attempts: tuple[Attempt, ...] = ()
    headers: Mapping[str, str] = field(default=NOTHING)

    @property
    def body(self) -> dict[str, Any]:
        """As OpenAI writes it."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


class RefusedError(Exception):
    """The gateway itself refuses a request, before the router has heard of it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Row:
    """How one class of errors is told."""

    status: int
    type: str
    code: str


ROWS: Mapping[type[errors.PixelRelayError], Row] = {
    errors.PixelRelayError: Row(500, SERVER, "internal_error"),
    errors.ProviderError: Row(502, SERVER, "provider_error"),
    errors.ConfigError: Row(500, SERVER, "configuration_error"),
    errors.RequestRefusedError: Row(400, INVALID, "refused"),
    errors.InvalidRequestError: Row(400, INVALID, "invalid_value"),
    errors.UnknownModelError: Row(404, INVALID, "model_not_found"),
    errors.UnservableRequestError: Row(400, INVALID, "unsupported_by_model"),
    errors.ContentRejectedError: Row(400, GENERATION, "moderation_blocked"),
    errors.ProviderRefusedError: Row(400, INVALID, "provider_refused"),
    errors.NotServedError: Row(503, SERVER, "not_served"),
    errors.QuotaExceededError: Row(429, LIMITED, "rate_limit_exceeded"),
    errors.BudgetExceededError: Row(429, SPENT, "budget_exceeded"),
    errors.StoreUnavailableError: Row(503, SERVER, "store_unavailable"),
    errors.AttemptsExhaustedError: Row(502, SERVER, "attempts_exhausted"),
    errors.DeadlineExceededError: Row(504, SERVER, "deadline_exceeded"),
    errors.AmbiguousOutcomeError: Row(502, SERVER, "ambiguous_outcome"),
    # Some pictures were drawn and paid: they are delivered, and the error stands beside them.
    errors.IncompleteError: Row(200, SERVER, "incomplete"),
}
"""Every error of the package, by its class."""

NEVER_AGAIN: tuple[type[errors.PixelRelayError], ...] = (
    errors.AmbiguousOutcomeError,
    errors.BudgetExceededError,
    errors.IncompleteError,
)
"""Those after which asking again may be to buy again, or is of no use for long, whatever the attempts say."""


def refusal_of(error: errors.PixelRelayError) -> Refusal:
    """``error`` as a caller is told of it."""
    row = next(ROWS[kind] for kind in type(error).__mro__ if kind in ROWS)
    return Refusal(
        row.status,
        row.type,
        row.code,
        _message(error),
        param=_param(error),
        retry_after=error.retry_after if isinstance(error, errors.NotServedError) else None,
        may_retry=_may_retry(error),
        model=getattr(error, "model", None),
        attempts=getattr(error, "attempts", ()),
    )


def no_such_model(model: str, allowed: tuple[str, ...] | None) -> Refusal:
    """For a model that does not exist, or that the caller's key is not good for: nobody can tell which.

    ``allowed`` are the models of the key; ``None`` for one that may ask for all.
    """
    there_are = f"; there are {', '.join(allowed)}" if allowed else ""
    message = f"The model {model!r} does not exist or you do not have access to it{there_are}."
    return Refusal(404, INVALID, "model_not_found", message, param="model", model=model)


def invalid(message: str, param: str | None = None, code: str = "invalid_value", status: int = 400) -> RefusedError:
    """What is wrong with the request itself."""
    return RefusedError(Refusal(status, INVALID, code, message, param=param))


def not_now(message: str, code: str, retry_after: float) -> RefusedError:
    """The gateway is at its own limits. Nothing was sent."""
    return RefusedError(Refusal(503, SERVER, code, message, retry_after=retry_after, may_retry=True))


def broken() -> Refusal:
    """For what should not happen. What did stands in the log, not in the answer."""
    return Refusal(500, SERVER, "internal_error", "The gateway failed; its log says how.")


def _may_retry(error: errors.PixelRelayError) -> bool:
    if not isinstance(error, errors.NotServedError) or isinstance(error, NEVER_AGAIN):
        return False
    if isinstance(error, errors.QuotaExceededError) and error.retry_after is None:
        return False  # there will never be room
    return not error.may_have_been_billed


def _message(error: errors.PixelRelayError) -> str:
    text = str(error)
    # The client libraries show it as a sentence of its own.
    return text[:1].upper() + text[1:] if text[:1].isalpha() else text


def _param(error: errors.PixelRelayError) -> str | None:
    match error:
        case errors.InvalidRequestError() if error.problems:
            return error.problems[0].path or None
        case errors.UnknownModelError():
            return "model"
        case _:
            return None
