"""What labels and fields may say: closed sets, and the names that the configuration gives. Nothing a caller wrote."""

from __future__ import annotations

from collections.abc import Container, Mapping

from pixelrelay import errors
from pixelrelay.config import RelayConfig
from pixelrelay.events import AttemptFinished
from pixelrelay.images import Size
from pixelrelay.router.latency import size_class
from pixelrelay.store.base import Mode

UNKNOWN = "(unknown)"
"""The group of requests for a model that the configuration does not have."""
ANOTHER = "(another)"
"""A deployment of a group that has too many for each pair of them to be counted apart; a budget of a caller's own."""
FEW = 16
"""Deployments of a group up to which failovers are counted for each pair, so that series grow with their number."""

SERVED, FAILED, ABANDONED, GIVEN_UP = "served", "failed", "abandoned", "given_up"
CANCELLED, ERROR = "cancelled", "error"

ENDINGS: Mapping[type[BaseException], str] = {
    errors.InvalidRequestError: "invalid_request",
    errors.UnknownModelError: "unknown_model",
    errors.UnservableRequestError: "unservable",
    errors.ContentRejectedError: "content_rejected",
    errors.ProviderRefusedError: "provider_refused",
    errors.QuotaExceededError: "quota_exceeded",
    errors.BudgetExceededError: "budget_exceeded",
    errors.StoreUnavailableError: "store_unavailable",
    errors.AttemptsExhaustedError: "attempts_exhausted",
    errors.DeadlineExceededError: "deadline_exceeded",
    errors.AmbiguousOutcomeError: "ambiguous_outcome",
    errors.IncompleteError: "incomplete",
}
"""How a request ends that is not served, by what its caller is told."""

OUTCOMES = (SERVED, *ENDINGS.values(), CANCELLED, ERROR)
"""Of requests. ``cancelled`` is a caller who left, ``error`` what should not happen at all."""

SIZES = ("small", "middling", "large", "huge")
"""By pixels, in the classes that the router keeps latencies in."""
UNSET = "unset"
"""The size of a request that leaves it to the provider."""

OTHER = "other"
"""What a shared store says that is not in these lists."""
STEPS = ("reserve", "settle", "cancel", "tend", "join", "look", OTHER)
"""What a shared store is asked for."""
STORE_ERRORS = (
    "timeout",
    "connection",
    "readonly",
    "memory",
    "loading",
    "failover",
    "refused",
    "disk",
    "script",
    OTHER,
)
"""What may go wrong with that."""
MODES = tuple(mode.value for mode in Mode)
"""How quotas are counted."""


def outcome_of(error: BaseException | None) -> str:
    """How a request ended that raised ``error``, or nothing."""
    if error is None:
        return SERVED
    for kind in type(error).__mro__:
        if kind in ENDINGS:
            return ENDINGS[kind]
    return ERROR if isinstance(error, Exception) else CANCELLED


def attempt_outcome(event: AttemptFinished) -> tuple[str, str]:
    """How an attempt ended and, where it failed, the kind of failure; else an empty text."""
    if event.abandoned:
        return ABANDONED, ""
    failure = event.attempt.failure
    return (FAILED, failure.kind.value) if failure else (SERVED, "")


def size_name(size: Size | None) -> str:
    return UNSET if size is None else SIZES[size_class(size)]


def known(word: str, words: Container[str]) -> str:
    """The word, if it is one of these."""
    return word if word in words else OTHER


def groups_of(config: RelayConfig) -> Mapping[str, int]:
    """All that a caller may name as a model, with how many deployments may answer to it."""
    alone = {deployment.name: 1 for group in config.models.values() for deployment in group.deployments}
    return alone | {name: len(group.deployments) for name, group in config.models.items()}
