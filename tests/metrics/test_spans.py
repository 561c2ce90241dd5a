"""The spans of requests, read from OpenTelemetry's own memory exporter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import anyio
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv.attributes import error_attributes, http_attributes
from opentelemetry.trace import SpanKind, StatusCode

from pixelrelay import Images, Router
from pixelrelay.events import (
    AttemptAdvanced,
    AttemptFinished,
    AttemptStarted,
    RequestFinished,
    RequestStarted,
)
from pixelrelay.images import Operation
from pixelrelay.metrics import OpenTelemetryObserver
from pixelrelay.outcomes import Attempt, Phase
from pixelrelay.testing import EmulatedDeployment, Fault, FaultKind, Fleet, Stage
from tests.metrics.fleets import always, asked, flux, priced, routed

pytestmark = pytest.mark.anyio


class Traces:
    """What was traced of one router."""

    def __init__(self, router: Router) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.observer = OpenTelemetryObserver(self.provider)
        router.observe(self.observer)

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> ReadableSpan:
        (span,) = [span for span in self.spans if span.name == name]
        return span

    def beginning(self, word: str) -> list[ReadableSpan]:
        """Those whose name begins so."""
        return [span for span in self.spans if span.name.startswith(word)]


def within(inner: ReadableSpan, outer: ReadableSpan) -> bool:
    """Whether ``inner`` is a child of ``outer``, in time as well."""
    assert inner.start_time is not None
    assert inner.end_time is not None
    assert outer.start_time is not None
    assert outer.end_time is not None
    in_time = outer.start_time <= inner.start_time <= inner.end_time <= outer.end_time
    return inner.parent is not None and inner.parent == outer.context and in_time


def seconds(span: ReadableSpan) -> float:
    assert span.start_time is not None
    assert span.end_time is not None
    return (span.end_time - span.start_time) / 1e9


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


async def test_a_request_is_a_span_with_its_attempt_in_it() -> None:
    router = routed(Fleet(flux("eastus")))
    traces = Traces(router)

    await asked(router)

    request, attempt = traces.named("generate_content flux"), traces.named("generate_content FLUX.2-pro")
    assert within(attempt, request)
    assert (request.kind, attempt.kind) == (SpanKind.INTERNAL, SpanKind.CLIENT)
    assert seconds(attempt) == pytest.approx(6, abs=0.1)
    assert (
        attributes(attempt).items()
        >= {
            gen_ai.GEN_AI_OPERATION_NAME: gen_ai.GenAiOperationNameValues.GENERATE_CONTENT.value,
            gen_ai.GEN_AI_PROVIDER_NAME: gen_ai.GenAiProviderNameValues.AZURE_AI_INFERENCE.value,
            gen_ai.GEN_AI_REQUEST_MODEL: "FLUX.2-pro",
            gen_ai.GEN_AI_OUTPUT_TYPE: gen_ai.GenAiOutputTypeValues.IMAGE.value,
            "pixelrelay.deployment": "eastus",
            "pixelrelay.cost": 0.05,
        }.items()
    )
    assert attributes(request)[gen_ai.GEN_AI_REQUEST_MODEL] == "flux"
    assert attributes(request)[gen_ai.GEN_AI_REQUEST_CHOICE_COUNT] == 1


def bfl(*faults: Fault) -> Fleet:
    """One deployment that is polled, and whose pictures are downloaded."""
    return Fleet(EmulatedDeployment("bfl", "black-forest-labs", "flux-2-pro", latency=6.0, faults=faults))


SLOW = always(FaultKind.UNAVAILABLE, stage=Stage.DOWNLOAD, times=2)
"""The download succeeds at its third try, about a second and a half after the first."""


async def test_the_phases_of_an_attempt_are_events_of_its_span() -> None:
    router = routed(bfl())
    traces = Traces(router)

    await asked(router)

    attempt = traces.named("generate_content flux-2-pro")
    assert [event.name for event in attempt.events] == ["sent", "accepted", "drawn", "delivered"]
    assert (attempt.events[1].attributes or {})["pixelrelay.job"]
    assert attributes(attempt)[gen_ai.GEN_AI_PROVIDER_NAME] == "black-forest-labs"
    times = [event.timestamp for event in attempt.events]
    assert times == sorted(times)
    assert (times[2] - times[1]) / 1e9 == pytest.approx(6, abs=2)


# --- polls and the download --------------------------------------------------------------------------------------


async def test_polls_and_download_of_a_job_are_spans_within_its_attempt_that_meet_when_it_is_drawn(
    caplog: pytest.LogCaptureFixture,
) -> None:
    router = routed(bfl(SLOW))
    traces = Traces(router)

    await asked(router)

    attempt = traces.named("generate_content flux-2-pro")
    poll, fetched = traces.named("poll flux-2-pro"), traces.named("download flux-2-pro")
    _, accepted, drawn, delivered = (event.timestamp for event in attempt.events)
    assert within(poll, attempt)
    assert within(fetched, attempt)
    assert (poll.start_time, poll.end_time) == (accepted, drawn)
    assert (fetched.start_time, fetched.end_time) == (drawn, delivered)
    assert seconds(fetched) == pytest.approx(1.5, abs=0.4)
    assert attributes(poll)["pixelrelay.job"] == attributes(fetched)["pixelrelay.job"]
    assert (poll.status.status_code, fetched.status.status_code) == (StatusCode.UNSET, StatusCode.UNSET)
    assert "ended span" not in caplog.text, "OpenTelemetry complains of a span that is ended twice"


async def test_a_job_that_is_lost_ends_its_polls_with_the_kind_of_failure() -> None:
    router = routed(bfl(always(FaultKind.LOST_JOB)))
    traces = Traces(router)

    await asked(router)

    attempt, poll = traces.named("generate_content flux-2-pro"), traces.named("poll flux-2-pro")
    assert within(poll, attempt)
    assert poll.end_time == attempt.end_time
    assert poll.status.status_code is StatusCode.ERROR
    assert attributes(poll)[error_attributes.ERROR_TYPE] == attributes(attempt)[error_attributes.ERROR_TYPE]
    assert traces.beginning("download") == []


async def test_a_download_that_fails_says_so_and_the_polls_before_it_went_well() -> None:
    router = routed(bfl(always(FaultKind.UNAVAILABLE, stage=Stage.DOWNLOAD)))
    traces = Traces(router)

    await asked(router)

    attempt = traces.named("generate_content flux-2-pro")
    poll, fetched = traces.named("poll flux-2-pro"), traces.named("download flux-2-pro")
    assert within(fetched, attempt)
    assert fetched.start_time == poll.end_time
    assert fetched.end_time == attempt.end_time
    assert poll.status.status_code is StatusCode.UNSET
    assert fetched.status.status_code is StatusCode.ERROR
    assert attributes(fetched)[error_attributes.ERROR_TYPE] == "unusable"
    assert attributes(attempt)["pixelrelay.charge"] == "billed"


async def test_a_caller_who_leaves_a_job_ends_the_span_of_its_polls() -> None:
    router = routed(bfl())
    traces = Traces(router)

    with anyio.move_on_after(2):
        await asked(router)

    attempt, poll = traces.named("generate_content flux-2-pro"), traces.named("poll flux-2-pro")
    assert within(poll, attempt)
    assert attributes(attempt)["pixelrelay.outcome"] == "abandoned"
    assert traces.beginning("download") == []


async def test_a_caller_who_leaves_a_download_ends_its_span() -> None:
    router = routed(bfl(always(FaultKind.HANG, stage=Stage.DOWNLOAD)))
    traces = Traces(router)

    with anyio.move_on_after(20):
        await asked(router)

    attempt, fetched = traces.named("generate_content flux-2-pro"), traces.named("download flux-2-pro")
    assert within(fetched, attempt)
    assert fetched.end_time == attempt.end_time
    assert fetched.status.status_code is StatusCode.ERROR
    assert attributes(attempt)["pixelrelay.outcome"] == "abandoned"


async def test_a_job_whose_address_alone_is_wanted_is_polled_and_not_downloaded() -> None:
    router = routed(bfl())
    traces = Traces(router)

    await asked(router, response_format="url")

    attempt, poll = traces.named("generate_content flux-2-pro"), traces.named("poll flux-2-pro")
    assert [event.name for event in attempt.events] == ["sent", "accepted", "delivered"]
    assert poll.end_time == attempt.events[-1].timestamp
    assert traces.beginning("download") == []


async def test_an_answer_that_names_an_address_has_a_download_and_no_polls() -> None:
    fleet = Fleet(EmulatedDeployment("eastus", "azure-foundry", "FLUX.1-Kontext-pro", latency=6.0, faults=(SLOW,)))
    config = priced(fleet)
    config["models"]["flux"]["deployments"][0]["route"] = "image"
    router = routed(fleet, config)
    traces = Traces(router)

    await asked(router)

    attempt = traces.named("generate_content FLUX.1-Kontext-pro")
    fetched = traces.named("download FLUX.1-Kontext-pro")
    assert [event.name for event in attempt.events] == ["sent", "drawn", "delivered"]
    assert within(fetched, attempt)
    assert seconds(fetched) == pytest.approx(1.5, abs=0.4)
    assert traces.beginning("poll") == []


async def test_an_answer_that_holds_the_picture_is_neither_polled_nor_downloaded() -> None:
    router = routed(Fleet(flux("eastus")))
    traces = Traces(router)

    await asked(router)

    assert traces.beginning("poll") == traces.beginning("download") == []


async def test_a_download_ends_with_the_delivery_however_long_it_takes_to_settle() -> None:
    router = routed(Fleet(flux("eastus")))
    traces = Traces(router)
    tell = traces.observer

    tell(RequestStarted("pr_1", "flux", Operation.GENERATE, 1, None))
    tell(AttemptStarted("pr_1", "flux", "bfl", "black-forest-labs", 1, model="flux-2-pro"))
    tell(AttemptAdvanced("pr_1", "bfl", Phase.DRAWN))
    await anyio.sleep(2)
    tell(AttemptAdvanced("pr_1", "bfl", Phase.DELIVERED))
    await anyio.sleep(3)
    served = Attempt("bfl", "black-forest-labs", "flux", started=0, duration=5, images=1)
    tell(AttemptFinished("pr_1", served, Operation.GENERATE, None))

    assert seconds(traces.named("download flux-2-pro")) == pytest.approx(2)
    assert seconds(traces.named("generate_content flux-2-pro")) == pytest.approx(5)


# --- requests, failures and waits --------------------------------------------------------------------------------


async def test_a_request_says_whether_the_shared_store_was_away() -> None:
    router = routed(Fleet(flux("eastus")))
    traces = Traces(router)
    drawn = await asked(router)
    assert isinstance(drawn, Images)

    started = RequestStarted("pr_1", "lost", Operation.GENERATE, 1, None)
    traces.observer(started)
    result = replace(drawn, route=replace(drawn.route, degraded=True))
    traces.observer(RequestFinished("pr_1", "lost", Operation.GENERATE, 6.0, result, None))

    shared, lost = traces.named("generate_content flux"), traces.named("generate_content")
    assert attributes(shared)["pixelrelay.degraded"] is False
    assert attributes(lost)["pixelrelay.degraded"] is True


async def test_a_failed_attempt_says_why_in_the_providers_status_and_not_in_its_words() -> None:
    router = routed(Fleet(flux("eastus", always(FaultKind.UNAVAILABLE)), flux("sweden")))
    traces = Traces(router)

    await asked(router)

    failed, served = (span for span in traces.spans if span.name == "generate_content FLUX.2-pro")
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.status.description is None
    assert attributes(failed)[error_attributes.ERROR_TYPE] == "overloaded"
    assert attributes(failed)[http_attributes.HTTP_RESPONSE_STATUS_CODE] == 503
    assert served.status.status_code is StatusCode.UNSET
    assert attributes(served)["pixelrelay.after"] == "eastus"
    assert traces.named("generate_content flux").status.status_code is StatusCode.UNSET


async def test_a_request_that_fails_is_marked_with_how() -> None:
    router = routed(Fleet(flux("eastus", always(FaultKind.UNAUTHORISED))))
    traces = Traces(router)

    await asked(router)

    request = traces.named("generate_content flux")
    assert request.status.status_code is StatusCode.ERROR
    assert attributes(request)[error_attributes.ERROR_TYPE] == attributes(request)["pixelrelay.outcome"]


async def test_a_wait_is_a_span_before_the_attempt() -> None:
    router = routed(Fleet(flux("eastus", concurrent=1)))
    traces = Traces(router)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(asked, router)
        tasks.start_soon(asked, router)

    wait = traces.named("wait flux")
    assert seconds(wait) == pytest.approx(6, abs=0.1)
    (request,) = [span for span in traces.spans if wait.parent is not None and span.context == wait.parent]
    (attempt,) = [span for span in traces.spans if span.parent == request.context and span is not wait]
    assert within(wait, request)
    assert within(attempt, request)
    assert wait.end_time is not None
    assert attempt.start_time is not None
    assert wait.end_time <= attempt.start_time


async def test_a_fallback_is_an_event_of_the_request() -> None:
    fleet = Fleet(flux("eastus", always(FaultKind.UNAVAILABLE)), flux("spare"))
    written = {"fallbacks": ["spares"], "deployments": fleet.entries("eastus")}
    router = routed(fleet, {"models": {"flux": written, "spares": {"deployments": fleet.entries("spare")}}})
    traces = Traces(router)

    await asked(router)

    (event,) = traces.named("generate_content flux").events
    assert event.name == "fallback"
    assert (event.attributes or {})["pixelrelay.to"] == "spares"


async def test_each_of_many_requests_at_a_time_stands_in_the_span_of_its_own_caller() -> None:
    router = routed(Fleet(flux("eastus"), flux("sweden", always(FaultKind.UNAVAILABLE, rate=0.5)), flux("norway")))
    traces = Traces(router)
    tracer = traces.provider.get_tracer("caller")

    async def call(number: int) -> None:
        with tracer.start_as_current_span(f"call {number}") as ours:
            await anyio.sleep(number / 10)
            await asked(router, n=2 if number % 3 == 0 else 1)
            assert trace.get_current_span() is ours

    async with anyio.create_task_group() as tasks:
        for number in range(30):
            tasks.start_soon(call, number)

    assert trace.get_current_span() is trace.INVALID_SPAN
    for number in range(30):
        call_span = traces.named(f"call {number}")
        (request,) = [span for span in traces.spans if span.parent == call_span.context]
        attempts = [span for span in traces.spans if span.parent == request.context]
        served = [span for span in attempts if attributes(span)["pixelrelay.outcome"] == "served"]
        assert len(served) == (2 if number % 3 == 0 else 1)
        assert all(within(attempt, request) for attempt in attempts)


async def test_pictures_that_are_drawn_side_by_side_keep_their_attempts_apart() -> None:
    router = routed(bfl())
    traces = Traces(router)

    await asked(router, n=3)

    attempts = [span for span in traces.spans if span.name == "generate_content flux-2-pro"]
    assert sorted(str(attributes(span)["pixelrelay.attempt"]) for span in attempts) == ["1", "2", "3"]
    for stage in ("poll", "download"):
        spans = traces.beginning(stage)
        assert len(spans) == 3
        assert all(sum(within(span, attempt) for span in spans) == 1 for attempt in attempts)
    assert all([event.name for event in span.events] == ["sent", "accepted", "drawn", "delivered"] for span in attempts)


async def test_a_caller_who_leaves_ends_the_spans() -> None:
    router = routed(Fleet(flux("eastus")))
    traces = Traces(router)

    with anyio.move_on_after(2):
        await asked(router)

    request, attempt = traces.named("generate_content flux"), traces.named("generate_content FLUX.2-pro")
    assert attributes(request)["pixelrelay.outcome"] == "cancelled"
    assert attributes(attempt)["pixelrelay.outcome"] == "abandoned"
    assert within(attempt, request)


async def test_a_model_that_nobody_configured_does_not_name_a_span() -> None:
    router = routed(Fleet(flux("eastus")))
    traces = Traces(router)

    await asked(router, "dall-e-9")

    (span,) = traces.spans
    assert span.name == "generate_content"


async def test_tokens_stand_on_the_request_and_nothing_holds_the_prompt() -> None:
    router = routed(Fleet(EmulatedDeployment("openai", "openai", "gpt-image-2", latency=6.0)))
    traces = Traces(router)

    await asked(router)

    request, attempt = traces.named("generate_content flux"), traces.named("generate_content gpt-image-2")
    assert attributes(request)[gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS]
    assert gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS not in attributes(attempt)
    assert attributes(attempt)[gen_ai.GEN_AI_PROVIDER_NAME] == gen_ai.GenAiProviderNameValues.OPENAI.value
    assert "lighthouse" not in "".join(span.to_json() for span in traces.spans)


async def test_a_request_that_began_before_anybody_listened_leaves_nothing() -> None:
    router = routed(Fleet(flux("eastus")))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(asked, router)
        await anyio.sleep(1)
        traces = Traces(router)

    assert traces.spans == ()
