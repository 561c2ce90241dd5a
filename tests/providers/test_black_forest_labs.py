"""Black Forest Labs: what is submitted to each endpoint, and how a job is followed to its picture or its end."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from pixelrelay.errors import ProviderError
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers.base import Purpose, Reply, Send, Target
from pixelrelay.providers.black_forest_labs import BlackForestLabs, BlackForestLabsOptions
from pixelrelay.quotas import Unit
from tests.providers.exchanges import PIXEL, drawing, failed, finish, sent, stored

BFL = BlackForestLabs()
JOB = "d5ba37dc-0000-4658-852e-deea7e176439"
POLL_URL = f"https://api.eu2.bfl.ai/v1/get_result?id={JOB}"
SAMPLE_URL = "https://delivery-eu2.bfl.ai/results/ab/cd/sample.png?se=2026-11-21T05%3A00%3A00Z&sig=c2lnbmVk"
PIXEL_BASE64 = b64encode(PIXEL).decode()
PICTURE = Reply(200, {"content-type": "image/png"}, PIXEL)
CUT = ProviderError(Failure(FailureKind.TIMEOUT, "polled until its time was up", charge=Charge.UNKNOWN))
OUT_OF_REACH = ProviderError(Failure(FailureKind.UNUSABLE, "HTTP 500, four times", charge=Charge.BILLED))


def reply(name: str) -> Reply:
    return stored(f"black_forest_labs/{name}")


def target(model: str = "flux-2-pro", **options: Any) -> Target:
    return BFL.target(model, SecretStr("bfl_test"), BlackForestLabsOptions(**options))


def ending(*answers: Reply | ProviderError) -> Failure:
    """How an accepted job failed, given the answers after its submission."""
    return failed(BFL.generate(drawing(), target()), reply("submitted"), *answers)


# --- from a submission to a picture ------------------------------------------------------------------------------


def test_a_job_is_polled_where_the_answer_says_until_its_picture_is_fetched_from_there() -> None:
    exchange = BFL.generate(drawing(), target())
    assert next(exchange).url == "https://api.bfl.ai/v1/flux-2-pro"

    poll = exchange.send(reply("submitted"))
    assert poll == Send(Purpose.POLL, "GET", POLL_URL, job=JOB)
    assert exchange.send(reply("pending")) == poll
    assert exchange.send(reply("ready")) == Send(Purpose.DOWNLOAD, "GET", SAMPLE_URL)

    with pytest.raises(StopIteration) as finished:
        exchange.send(PICTURE)
    generation = finished.value.value
    (image,) = generation.images
    assert (image.data, image.media_type, image.seed) == (PIXEL, "image/png", 42)
    assert generation.provider_request_id == JOB


def test_a_caller_who_wants_an_address_gets_it_without_a_download() -> None:
    exchange = BFL.generate(drawing(response_format="url"), target())

    (image,) = finish(exchange, reply("submitted"), reply("ready")).images

    assert (image.url, image.data) == (SAMPLE_URL, None)


@pytest.mark.parametrize(
    ("submission", "ready", "cost"),
    [
        ("submitted", "ready", Decimal("0.045")),
        ("submitted", "ready_with_cost", Decimal("0.04")),
        ("submitted_without_cost", "ready_with_cost", Decimal("0.04")),
        ("submitted_without_cost", "ready", None),
    ],
)
def test_the_cost_is_what_was_settled_or_else_quoted_and_never_made_up(
    submission: str, ready: str, cost: Decimal | None
) -> None:
    generation = finish(BFL.generate(drawing(), target()), reply(submission), reply(ready), PICTURE)

    assert generation.cost == cost


@pytest.mark.parametrize("cost", ['"a lot"', "-3", "true", "NaN", "{}"])
def test_an_odd_cost_does_not_lose_the_picture(cost: str) -> None:
    odd = Reply(200, {}, reply("ready").body.rstrip().removesuffix(b"}") + f',"cost":{cost}}}'.encode())

    generation = finish(BFL.generate(drawing(), target()), reply("submitted_without_cost"), odd, PICTURE)

    assert generation.images[0].data == PIXEL
    assert generation.cost is None


@pytest.mark.parametrize("unfinished", ["pending", "reasoning", "server_error", "maintenance", "gateway_page"])
def test_a_job_that_is_not_ready_is_polled_for_as_long_as_it_takes(unfinished: str) -> None:
    exchange = BFL.generate(drawing(), target())

    generation = finish(exchange, reply("submitted"), *[reply(unfinished)] * 50, reply("ready_in_state"), PICTURE)

    assert generation.images[0].data == PIXEL


def test_a_job_that_one_cluster_does_not_know_yet_is_asked_for_again_at_the_same_address() -> None:
    exchange = BFL.generate(drawing(), target())

    assert sent(exchange, reply("submitted"), reply("not_found"), reply("task_not_found")).url == POLL_URL
    assert exchange.send(reply("ready")).url == SAMPLE_URL


# --- how jobs end otherwise --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("request_moderated", "Request Moderated: Derivative Works Filter"),
        ("content_moderated", "Content Moderated: Safety Filter, Derivative Works Filter"),
    ],
)
def test_moderation_is_free_and_says_why(answer: str, message: str) -> None:
    failure = ending(reply("pending"), reply(answer))

    assert (failure.kind, failure.charge) == (FailureKind.CONTENT_REJECTED, Charge.NONE)
    assert failure.message == message


def test_moderation_in_the_answer_to_the_submission_is_moderation_too() -> None:
    failure = failed(BFL.generate(drawing(), target()), reply("request_moderated"))

    assert failure.kind is FailureKind.CONTENT_REJECTED


@pytest.mark.parametrize("answer", ["error", "failed", "error_503"])
def test_a_job_that_ended_in_an_error_may_have_been_billed(answer: str) -> None:
    failure = ending(reply(answer))

    assert (failure.kind, failure.charge, failure.job) == (FailureKind.OVERLOADED, Charge.UNKNOWN, JOB)


def test_a_job_that_ends_with_422_is_the_requests_fault_whatever_it_says() -> None:
    failure = ending(Reply(422, {}, b'{"id":"1","status":"Error","details":{"error":"Too many faces"}}'))

    assert (failure.kind, failure.charge) == (FailureKind.INVALID, Charge.NONE)


@pytest.mark.parametrize("status", [200, 422, 503])
def test_a_picture_that_cannot_be_read_is_the_requests_fault(status: int) -> None:
    failure = ending(replace(reply("corrupted_input"), status=status))

    assert (failure.kind, failure.charge) == (FailureKind.INVALID, Charge.NONE)
    assert failure.message == "Error: Invalid or corrupted image input"


@pytest.mark.parametrize("answer", ["task_not_found", "not_found", "odd_page"])
def test_a_job_that_nobody_tells_of_any_more_is_lost_and_may_have_been_billed(answer: str) -> None:
    failure = ending(*[reply(answer)] * 3)

    assert (failure.kind, failure.charge, failure.job) == (FailureKind.JOB_LOST, Charge.UNKNOWN, JOB)


def test_a_key_that_is_refused_while_the_job_runs_leaves_open_what_was_billed() -> None:
    failure = ending(*[reply("unauthenticated")] * 3)

    assert (failure.kind, failure.charge, failure.job) == (FailureKind.UNAUTHORISED, Charge.UNKNOWN, JOB)


def test_a_job_accepted_without_an_address_to_poll_is_lost() -> None:
    failure = failed(BFL.generate(drawing(), target()), reply("submitted_for_webhook"))

    assert (failure.kind, failure.charge, failure.job) == (FailureKind.JOB_LOST, Charge.UNKNOWN, JOB)


def test_an_accepted_job_in_an_unreadable_answer_is_billed_and_unusable() -> None:
    failure = failed(BFL.generate(drawing(), target()), reply("odd_page"))

    assert (failure.kind, failure.charge) == (FailureKind.UNUSABLE, Charge.BILLED)


def test_a_job_that_is_ready_without_a_picture_is_billed_and_unusable() -> None:
    failure = ending(reply("ready_without_sample"))

    assert (failure.kind, failure.charge, failure.job) == (FailureKind.UNUSABLE, Charge.BILLED, JOB)


# --- pictures whose address has expired --------------------------------------------------------------------------


def test_an_expired_picture_is_fetched_from_the_address_that_one_more_poll_names() -> None:
    exchange = BFL.generate(drawing(), target())

    assert sent(exchange, reply("submitted"), reply("ready"), reply("expired")).url == POLL_URL
    assert exchange.send(reply("ready_again")).url == SAMPLE_URL.replace("c2lnbmVk", "YW5ldw")
    with pytest.raises(StopIteration) as finished:
        exchange.send(PICTURE)
    assert finished.value.value.images[0].data == PIXEL


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([reply("ready_again"), reply("expired")], id="expired again"),
        pytest.param([reply("task_not_found")], id="the job is forgotten"),
        pytest.param([reply("server_error")], id="no answer worth the name"),
        pytest.param([CUT], id="no poll"),
        pytest.param([reply("ready_again"), OUT_OF_REACH], id="no download"),
    ],
)
def test_a_picture_that_stays_out_of_reach_is_billed_and_named(answers: list[Reply | ProviderError]) -> None:
    failure = ending(reply("ready"), reply("expired"), *answers)

    assert (failure.kind, failure.charge) == (FailureKind.UNUSABLE, Charge.BILLED)
    assert failure.job == JOB or answers[-1] is OUT_OF_REACH  # the transport adds what it knows of the job


@pytest.mark.parametrize("page", [Reply(200, {"content-type": "image/png"}, b""), reply("odd_page")])
def test_an_empty_file_and_a_page_of_text_are_no_pictures(page: Reply) -> None:
    assert ending(reply("ready"), page, reply("ready_again"), page).kind is FailureKind.UNUSABLE


# --- submissions that are refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind", "charge", "unit"),
    [
        ("unauthenticated", FailureKind.UNAUTHORISED, Charge.NONE, None),
        ("out_of_credit", FailureKind.OUT_OF_CREDIT, Charge.NONE, None),
        ("throttled", FailureKind.RATE_LIMITED, Charge.NONE, Unit.CONCURRENT),
        ("too_small", FailureKind.INVALID, Charge.NONE, None),
        ("extra_field", FailureKind.INVALID, Charge.NONE, None),
        ("not_found", FailureKind.NOT_FOUND, Charge.NONE, None),
        ("server_error", FailureKind.OVERLOADED, Charge.UNKNOWN, None),
        ("gateway_page", FailureKind.OVERLOADED, Charge.UNKNOWN, None),
        ("maintenance", FailureKind.OVERLOADED, Charge.NONE, None),
    ],
)
def test_a_refused_submission(answer: str, kind: FailureKind, charge: Charge, unit: Unit | None) -> None:
    failure = failed(BFL.generate(drawing(), target()), reply(answer))

    assert (failure.kind, failure.charge, failure.unit) == (kind, charge, unit)


def test_a_refusal_says_what_is_wrong_where_and_how_long_to_stay_away() -> None:
    assert failed(BFL.generate(drawing(), target()), reply("too_small")).message == (
        "body.width: Input should be greater than or equal to 64"
    )
    assert failed(BFL.generate(drawing(), target()), reply("maintenance")).retry_after == 4


# --- targets, terms, questions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "base_url", "trusted"),
    [
        ({}, "https://api.bfl.ai", (".bfl.ai",)),
        ({"data_residency": "eu"}, "https://api.eu.bfl.ai", (".bfl.ai",)),
        ({"base_url": "https://api.us1.bfl.ai/v1/"}, "https://api.us1.bfl.ai", (".bfl.ai",)),
        ({"base_url": "http://127.0.0.1:8080/bfl"}, "http://127.0.0.1:8080/bfl", ("127.0.0.1",)),
        ({"base_url": "https://notbfl.ai"}, "https://notbfl.ai", ("notbfl.ai",)),
    ],
)
def test_the_key_goes_to_bfls_own_hosts_or_the_configured_one_alone(
    options: dict[str, str], base_url: str, trusted: tuple[str, ...]
) -> None:
    built = target(**options)

    assert (built.base_url, built.trusted_hosts) == (base_url, trusted)
    assert "bfl_test" not in repr(built)


@pytest.mark.anyio
async def test_the_key_travels_as_x_key() -> None:
    credential = target().credential
    assert credential is not None
    assert await credential.headers(Send(Purpose.POLL, "GET", POLL_URL)) == {"x-key": "bfl_test"}


@pytest.mark.parametrize(
    "options", [{"data_residency": "eu", "base_url": "https://api.bfl.ai"}, {"base_url": "api.bfl.ai"}]
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="base_url"):
        target(**options)


def test_an_account_runs_24_jobs_at_a_time_and_6_of_kontext_max() -> None:
    options = BlackForestLabsOptions()

    assert BFL.terms("flux-2-pro", options).limits == {Unit.CONCURRENT: 24}
    assert BFL.terms("flux-kontext-max", options).limits == {Unit.CONCURRENT: 6}


def test_asking_tells_the_credits_that_are_left() -> None:
    assert sent(BFL.ask(target())) == Send(Purpose.ASK, "GET", "https://api.bfl.ai/v1/credits")
    assert finish(BFL.ask(target()), reply("credits")) == "1013 credits"
    assert failed(BFL.ask(target()), reply("unauthenticated")).kind is FailureKind.UNAUTHORISED
