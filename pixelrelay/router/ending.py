"""From a request that was given up to the error that its caller sees."""

from __future__ import annotations

from decimal import Decimal

from pixelrelay.config.budgets import in_words
from pixelrelay.errors import (
    AmbiguousOutcomeError,
    AttemptsExhaustedError,
    BudgetExceededError,
    ContentRejectedError,
    DeadlineExceededError,
    PixelRelayError,
    ProviderRefusedError,
    QuotaExceededError,
    StoreUnavailableError,
)
from pixelrelay.outcomes import Attempt
from pixelrelay.quotas import Unit
from pixelrelay.router.decide import Ending, GiveUp
from pixelrelay.router.limits import Exhausted


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
        case Ending.SPENT | Ending.FULL if step.exhausted is not None:
            return _exhausted(step.exhausted, step.retry_after, model, attempts)
        case Ending.SPENT | Ending.FULL:
            return QuotaExceededError(model, step.retry_after, attempts)
        case Ending.DEADLINE:
            return DeadlineExceededError(model, attempts)


def _exhausted(
    exhausted: Exhausted, retry_after: float | None, model: str, attempts: tuple[Attempt, ...]
) -> PixelRelayError:
    limit, shortage = exhausted.limit, exhausted.shortage
    if limit.dollars is None or limit.quota.span is None:
        per = "at a time" if limit.quota.unit is Unit.CONCURRENT else f"{limit.quota.unit.value} a minute"
        return QuotaExceededError(model, retry_after, attempts, f"{limit.name}: {limit.quota.limit} {per}")
    spent, needed = (Decimal(amount).scaleb(-6) for amount in (shortage.used, shortage.amount))
    window = in_words(limit.quota.span)
    return BudgetExceededError(model, limit.name, limit.dollars, window, spent, needed, retry_after, attempts)
