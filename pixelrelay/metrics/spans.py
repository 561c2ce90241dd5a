"""Spans for OpenTelemetry, made from events: a request, its waits, its attempts, and in them their polls and download.

Attributes follow the semantic conventions for generative AI, which are still in development, as the package
opentelemetry-semantic-conventions 0.66b2 spells them; where they have no name, it begins with ``pixelrelay.``. No
prompt and no picture is among them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider, get_tracer, set_span_in_context
from opentelemetry.util.types import AttributeValue

from pixelrelay import _clock
from pixelrelay.events import (
    AttemptAdvanced,
    AttemptFinished,
    AttemptStarted,
    Event,
    FellBack,
    RequestFinished,
    RequestPlanned,
    RequestStarted,
    WaitFinished,
)
from pixelrelay.metrics import labels
from pixelrelay.outcomes import Failure, Phase

OPERATION = "generate_content"
"""What the conventions call this operation; they have no name for drawing pictures."""
PROVIDERS: Mapping[str, str] = {
    "azure-foundry": "azure.ai.inference",
    "azure-openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "vertex-ai": "gcp.vertex_ai",
    "xai": "x_ai",
}
"""What the conventions call a provider, where that is not its name here."""
STAGES: Mapping[Phase, str] = {Phase.ACCEPTED: "poll", Phase.DRAWN: "download"}
"""The phases that are spans of their own, by what is done from then until the next phase."""


@dataclass(slots=True)
class _Attempt:
    span: Span
    context: Context
    model: str
    stage: Span | None = None
    """Of its polls, then of its download; ``None`` before and after them, and where the answer comes in one go."""


@dataclass(slots=True)
class _Request:
    """A request under way. All its times are the loop's, set to the wall clock once, so that they agree."""

    span: Span
    context: Context
    began: float
    wall: float
    attempts: dict[int, _Attempt] = field(default_factory=dict)

    def nanoseconds(self, moment: float) -> int:
        return int((self.wall + moment - self.began) * 1e9)


class OpenTelemetryObserver:
    """Makes a span of each request, in it one of each wait and attempt, and in that one of its polls and its download.

    The request's span stands in the span that its caller is in. No span is ever made the current one, so that
    nothing leaks between requests, and instrumented HTTP clients do not find the attempt as their parent.
    ``tracer_provider`` is the global one by default.
    """

    def __init__(self, tracer_provider: TracerProvider | None = None) -> None:
        self._tracer = get_tracer("pixelrelay", tracer_provider=tracer_provider)
        self._requests: dict[str, _Request] = {}
        self._handlers: Mapping[type[Event], Callable[[Any, _Request, int], None]] = {
            RequestPlanned: _planned,
            WaitFinished: self._waited,
            AttemptStarted: self._attempt_started,
            AttemptAdvanced: self._attempt_advanced,
            AttemptFinished: _attempt_finished,
            FellBack: _fell_back,
            RequestFinished: self._finished,
        }

    def __call__(self, event: Event) -> None:
        if isinstance(event, RequestStarted):
            self._started(event)
            return
        handler = self._handlers.get(type(event))
        request = self._requests.get(getattr(event, "request_id", ""))
        if handler is not None and request is not None:  # else it began before anybody listened
            handler(event, request, request.nanoseconds(_clock.now()))

    def _started(self, event: RequestStarted) -> None:
        now, wall = _clock.now(), _clock.wall()
        span = self._tracer.start_span(
            OPERATION,
            start_time=int(wall * 1e9),
            attributes=_known(
                {
                    "gen_ai.operation.name": OPERATION,
                    "gen_ai.output.type": "image",
                    "gen_ai.request.model": event.group,
                    "gen_ai.request.choice.count": event.n,
                    "pixelrelay.request.id": event.request_id,
                    "pixelrelay.operation": event.operation.value,
                    "pixelrelay.size": str(event.size) if event.size else None,
                }
            ),
        )
        self._requests[event.request_id] = _Request(span, set_span_in_context(span), now, wall)

    def _waited(self, event: WaitFinished, request: _Request, now: int) -> None:
        span = self._tracer.start_span(
            f"wait {event.group}",
            request.context,
            start_time=now - int(event.waited * 1e9),
            attributes={"pixelrelay.group": event.group, "pixelrelay.served": event.served},
        )
        span.end(now)

    def _attempt_started(self, event: AttemptStarted, request: _Request, now: int) -> None:
        span = self._tracer.start_span(
            f"{OPERATION} {event.model}",
            request.context,
            SpanKind.CLIENT,
            start_time=now,
            attributes=_known(
                {
                    "gen_ai.operation.name": OPERATION,
                    "gen_ai.output.type": "image",
                    "gen_ai.provider.name": PROVIDERS.get(event.provider, event.provider),
                    "gen_ai.request.model": event.model,
                    "pixelrelay.group": event.group,
                    "pixelrelay.deployment": event.deployment,
                    "pixelrelay.attempt": event.number,
                    "pixelrelay.probe": event.probe,
                    "pixelrelay.after": event.after.deployment if event.after else None,
                }
            ),
        )
        request.attempts[event.number] = _Attempt(span, set_span_in_context(span), event.model)

    def _attempt_advanced(self, event: AttemptAdvanced, request: _Request, now: int) -> None:
        attempt = request.attempts.get(event.number)
        if attempt is None:
            return
        about = _known({"pixelrelay.job": event.job})
        attempt.span.add_event(event.phase.value, about, now)
        if attempt.stage is not None:
            attempt.stage.end(now)
            attempt.stage = None
        if stage := STAGES.get(event.phase):
            name = f"{stage} {attempt.model}"
            attempt.stage = self._tracer.start_span(name, attempt.context, start_time=now, attributes=about)

    def _finished(self, event: RequestFinished, request: _Request, now: int) -> None:
        del self._requests[event.request_id]
        span, usage = request.span, event.result.usage if event.result else None
        route = event.result.route if event.result else None
        outcome = labels.outcome_of(event.error)
        if event.error is not None:
            _fail(span, outcome)
        if usage:
            span.set_attribute("gen_ai.usage.input_tokens", usage.input_tokens)
            span.set_attribute("gen_ai.usage.output_tokens", usage.output_tokens)
        if route:
            of_route: dict[str, AttributeValue | None] = {
                "gen_ai.provider.name": PROVIDERS.get(route.provider, route.provider),
                "pixelrelay.deployment": route.deployment,
                "pixelrelay.waited": route.waited,
                "pixelrelay.cost": _dollars(route.cost),
                "pixelrelay.at_risk": _dollars(route.at_risk),
                "pixelrelay.degraded": route.degraded,
            }
            span.set_attributes(_known(of_route))
        span.set_attribute("pixelrelay.outcome", outcome)
        span.end(now)


def _planned(event: RequestPlanned, request: _Request, now: int) -> None:  # noqa: ARG001 - handlers are called alike
    # Only now is it sure that the name is one of the configuration's, and names of spans should be few.
    request.span.update_name(f"{OPERATION} {event.group}")


def _attempt_finished(event: AttemptFinished, request: _Request, now: int) -> None:
    begun = request.attempts.pop(event.number, None)
    if begun is None:
        return
    span, attempt = begun.span, event.attempt
    outcome, kind = labels.attempt_outcome(event)
    span.set_attributes(
        _known(
            {
                "pixelrelay.outcome": outcome,
                "pixelrelay.images": attempt.images,
                "pixelrelay.waited": attempt.waited,
                "pixelrelay.cost": _dollars(attempt.cost),
                "pixelrelay.at_risk": _dollars(attempt.at_risk),
            }
        )
    )
    if attempt.failure is not None:
        span.set_attributes(_of_failure(attempt.failure))
        _fail(span, kind or outcome)
    if begun.stage is not None:
        if attempt.failure is not None:
            _fail(begun.stage, kind or outcome)
        begun.stage.end(now)
    span.end(now)


def _fell_back(event: FellBack, request: _Request, now: int) -> None:
    attributes = {"pixelrelay.from": event.group, "pixelrelay.to": event.to, "pixelrelay.reason": event.reason}
    request.span.add_event("fallback", attributes, now)


def _of_failure(failure: Failure) -> dict[str, AttributeValue]:
    return _known(
        {
            "http.response.status_code": failure.status,
            "pixelrelay.charge": failure.charge.value,
            "pixelrelay.code": failure.code,
            "pixelrelay.provider_request_id": failure.provider_request_id,
            "pixelrelay.job": failure.job,
        }
    )


def _fail(span: Span, kind: str) -> None:
    """Mark the span by the kind alone: what a provider said may repeat the prompt."""
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))


def _known(attributes: Mapping[str, AttributeValue | None]) -> dict[str, AttributeValue]:
    return {name: value for name, value in attributes.items() if value is not None}


def _dollars(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
