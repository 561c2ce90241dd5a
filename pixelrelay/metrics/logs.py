"""One log line for each attempt, with fields that programs can read. No prompt, no key, no picture."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any

from pixelrelay.events import AttemptFinished, Event, Observer, RequestFinished
from pixelrelay.metrics import labels
from pixelrelay.outcomes import Failure


def log_attempts(logger: logging.Logger | None = None) -> Observer:
    """An observer that writes a line when an attempt ends: at ``INFO``, or at ``WARNING`` where it failed.

    A line at ``DEBUG`` follows when the request ends. The fields of a line are attributes of its record, as ``extra``
    puts them there; what a provider said is not among them, since some repeat the prompt. ``logger`` is
    ``pixelrelay.attempts`` by default.
    """
    log = logger or logging.getLogger("pixelrelay.attempts")

    def observe(event: Event) -> None:
        match event:
            case AttemptFinished():
                level = logging.WARNING if labels.attempt_outcome(event)[0] == labels.FAILED else logging.INFO
                if log.isEnabledFor(level):
                    log.log(level, *_attempt_line(event), extra=_attempt_fields(event))
            case RequestFinished() if log.isEnabledFor(logging.DEBUG):
                outcome = labels.outcome_of(event.error)
                line = "request for %r %s after %.1f s", event.group, outcome, event.duration
                log.debug(*line, extra=_request_fields(event, outcome))

    return observe


def _attempt_line(event: AttemptFinished) -> tuple[object, ...]:
    attempt = event.attempt
    outcome, kind = labels.attempt_outcome(event)
    return "attempt %d at %s %s after %.1f s", event.number, attempt.deployment, kind or outcome, attempt.duration


def _attempt_fields(event: AttemptFinished) -> dict[str, Any]:
    attempt = event.attempt
    outcome, _ = labels.attempt_outcome(event)
    return {
        "request_id": event.request_id,
        "attempt": event.number,
        "group": attempt.group,
        "deployment": attempt.deployment,
        "provider": attempt.provider,
        "operation": event.operation.value,
        "size": str(event.size) if event.size else None,
        "outcome": outcome,
        "duration_seconds": attempt.duration,
        "waited_seconds": attempt.waited,
        "images": attempt.images,
        "cost_dollars": _number(attempt.cost),
        "at_risk_dollars": _number(attempt.at_risk),
        **_failure_fields(attempt.failure),
    }


def _failure_fields(failure: Failure | None) -> dict[str, Any]:
    if failure is None:
        return {}
    return {
        "failure": failure.kind.value,
        "charge": failure.charge.value,
        "status": failure.status,
        "code": failure.code,
        "retry_after_seconds": failure.retry_after,
        "provider_request_id": failure.provider_request_id,
        "job": failure.job,
    }


def _request_fields(event: RequestFinished, outcome: str) -> dict[str, Any]:
    route = event.result.route if event.result else None
    return {
        "request_id": event.request_id,
        "group": event.group,
        "operation": event.operation.value,
        "size": str(event.size) if event.size else None,
        "outcome": outcome,
        "error": type(event.error).__name__ if event.error else None,
        "duration_seconds": event.duration,
        "waited_seconds": route.waited if route else None,
        "deployment": route.deployment if route else None,
        "attempts": len(route.attempts) if route else len(getattr(event.error, "attempts", ())),
        "fallbacks": list(route.fallbacks) if route else None,
        "cost_dollars": _number(route.cost) if route else None,
        "at_risk_dollars": _number(route.at_risk) if route else None,
        "degraded": route.degraded if route else None,
    }


def _number(dollars: Decimal | None) -> float | None:
    """A number that every formatter can write; ``None`` where nobody knows the cost."""
    return None if dollars is None else float(dollars)
