"""From a request that was given up to the error that its caller sees."""

from __future__ import annotations

from pixelrelay.errors import (
    AmbiguousOutcomeError,
    AttemptsExhaustedError,
    ContentRejectedError,
    DeadlineExceededError,
    PixelRelayError,
    ProviderRefusedError,
    QuotaExceededError,
    StoreUnavailableError,
)
from pixelrelay.outcomes import Attempt
from pixelrelay.router.decide import Ending, GiveUp


def error_of(step: GiveUp, model: str, attempts: tuple[Attempt, ...]) -> PixelRelayError:
    """The error for ``step``, with the story of what was tried."""
    match step.ending:
        case Ending.CONTENT_REJECTED:
            return ContentRejectedError(model, attempts)
        case Ending.REFUSED:
            return ProviderRefusedError(model, attempts)
        case Ending.AMBIGUOUS:
            return AmbiguousOutcomeError(model, attempts)
        case Ending.EXHAUSTED:
            return AttemptsExhaustedError(model, attempts)
        case Ending.STORE_LOST:
            return StoreUnavailableError(model, step.retry_after, attempts)
        case Ending.FULL:
            return QuotaExceededError(model, step.retry_after, attempts)
        case Ending.DEADLINE:
            return DeadlineExceededError(model, attempts)
