"""What LiteLLM raises, by its names and statuses; each is of one of this package's families as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pixelrelay import errors
from pixelrelay.config.litellm.dialects import DIALECTS
from pixelrelay.errors import NotServedError, PixelRelayError, RequestRefusedError
from pixelrelay.images import Image
from pixelrelay.outcomes import Attempt, Failure, FailureKind

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseValidationError",
    "AuthenticationError",
    "BadGatewayError",
    "BadRequestError",
    "BudgetExceededError",
    "ContentPolicyViolationError",
    "InternalServerError",
    "LiteLLMError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ServiceUnavailableError",
    "Timeout",
    "UnprocessableEntityError",
    "UnsupportedParamsError",
]


class LiteLLMError(PixelRelayError):
    """The base of all that is raised here. ``__cause__`` is the error of this package that it was made from."""

    status_code: ClassVar[int] = 500

    def __init__(
        self,
        message: str,
        llm_provider: str = "",
        model: str = "",
        attempts: tuple[Attempt, ...] = (),
        retry_after: float | None = None,
        delivered: tuple[Image, ...] = (),
    ) -> None:
        super().__init__(message, llm_provider, model, attempts, retry_after, delivered)
        self.message = message
        self.llm_provider = llm_provider
        """As LiteLLM names it; empty where no provider was asked and several might have been."""
        self.model = model
        self.attempts = attempts
        self.delivered = delivered
        """Pictures that were drawn, and paid, before others failed."""
        self._retry_after = retry_after

    def __str__(self) -> str:
        return f"{type(self).__name__}: {self.message}"

    @property
    def retry_after(self) -> float | None:
        """Seconds after which it is worth trying again; ``None`` where nobody knows, or it never is."""
        return self._retry_after


class APIError(LiteLLMError, NotServedError):
    """What fits no other class."""


class BadRequestError(LiteLLMError, RequestRefusedError):
    status_code = 400


class UnsupportedParamsError(BadRequestError):
    """No deployment can do what was asked; ``drop_params=True`` leaves out what only adorns."""


class ContentPolicyViolationError(BadRequestError):
    """Moderation refused the prompt, an input image or the picture."""


class UnprocessableEntityError(LiteLLMError, RequestRefusedError):
    status_code = 422


class AuthenticationError(LiteLLMError, NotServedError):
    status_code = 401


class PermissionDeniedError(LiteLLMError, NotServedError):
    status_code = 403


class NotFoundError(LiteLLMError, NotServedError):
    status_code = 404


class Timeout(LiteLLMError, NotServedError):  # noqa: N818 - theirs
    status_code = 408


class RateLimitError(LiteLLMError, NotServedError):
    status_code = 429


class BudgetExceededError(LiteLLMError, NotServedError):
    status_code = 429


class InternalServerError(LiteLLMError, NotServedError):
    status_code = 500


class APIConnectionError(LiteLLMError, NotServedError):
    status_code = 500


class APIResponseValidationError(LiteLLMError, NotServedError):
    status_code = 500


class BadGatewayError(LiteLLMError, NotServedError):
    status_code = 502


class ServiceUnavailableError(LiteLLMError, NotServedError):
    status_code = 503


BY_FAILURE: Mapping[FailureKind, type[LiteLLMError]] = {
    FailureKind.CONNECTION: APIConnectionError,
    FailureKind.TIMEOUT: Timeout,
    FailureKind.RATE_LIMITED: RateLimitError,
    FailureKind.OVERLOADED: ServiceUnavailableError,
    FailureKind.OUT_OF_CREDIT: RateLimitError,
    FailureKind.UNAUTHORISED: AuthenticationError,
    FailureKind.NOT_FOUND: NotFoundError,
    FailureKind.CONTENT_REJECTED: ContentPolicyViolationError,
    FailureKind.INVALID: BadRequestError,
    FailureKind.UNUSABLE: APIResponseValidationError,
    FailureKind.JOB_LOST: InternalServerError,
}
"""By how the last attempt failed."""

BY_STATUS: Mapping[tuple[FailureKind, int], type[LiteLLMError]] = {
    (FailureKind.UNAUTHORISED, 403): PermissionDeniedError,
    (FailureKind.INVALID, 422): UnprocessableEntityError,
    (FailureKind.OVERLOADED, 500): InternalServerError,
    (FailureKind.OVERLOADED, 502): BadGatewayError,
}
"""Where the status tells more than the kind."""

BY_ERROR: Mapping[type[PixelRelayError], type[LiteLLMError] | None] = {
    errors.ConfigError: BadRequestError,
    errors.InvalidRequestError: BadRequestError,
    errors.UnknownModelError: BadRequestError,
    errors.UnservableRequestError: UnsupportedParamsError,
    errors.ContentRejectedError: ContentPolicyViolationError,
    errors.ProviderRefusedError: None,
    errors.QuotaExceededError: RateLimitError,
    errors.BudgetExceededError: BudgetExceededError,
    errors.StoreUnavailableError: ServiceUnavailableError,
    errors.AttemptsExhaustedError: None,
    errors.DeadlineExceededError: Timeout,
    # Not a Timeout, which callers try again by habit: that might buy the picture twice.
    errors.AmbiguousOutcomeError: APIError,
    errors.IncompleteError: APIError,
}
"""By what this package raises; ``None`` for what the last failure tells."""

PREFIXES: Mapping[str, str] = {dialect.provider: prefix for prefix, dialect in reversed(list(DIALECTS.items()))}
"""What LiteLLM calls the providers of this package."""


def theirs(error: PixelRelayError, model: str, provider: str = "") -> LiteLLMError:
    """``error`` as LiteLLM would raise it, about a call of ``model`` at ``provider``."""
    attempts: tuple[Attempt, ...] = getattr(error, "attempts", ())
    failed = [attempt for attempt in attempts if attempt.failure is not None]
    last = failed[-1] if failed else None
    kind = _kind(error, last.failure if last else None)
    asked = PREFIXES.get(last.provider, last.provider) if last else provider
    return kind(
        str(error), asked, model, attempts, getattr(error, "retry_after", None), getattr(error, "delivered", ())
    )


def _kind(error: PixelRelayError, failure: Failure | None) -> type[LiteLLMError]:
    if isinstance(error, errors.ConfigError) and any(one.path.endswith("api_key") for one in error.problems):
        return AuthenticationError
    known = BY_ERROR.get(type(error), APIError)
    if known is not None:
        return known
    if failure is None:
        return BadRequestError if isinstance(error, RequestRefusedError) else APIError
    return BY_STATUS.get((failure.kind, failure.status or 0), BY_FAILURE[failure.kind])
