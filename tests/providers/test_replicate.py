"""Replicate: what each model is told, and how a prediction is followed to its pictures or its end."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from pixelrelay.images import ImageRequest, InputImage, Size
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers.base import Purpose, Reply, Send, Target
from pixelrelay.providers.capabilities import lacks
from pixelrelay.providers.mapping import data_url
from pixelrelay.providers.replicate import Replicate, ReplicateOptions
from pixelrelay.quotas import Unit
from tests.providers.exchanges import PIXEL, drawing, editing, failed, finish, png, sent, stored

REPLICATE = Replicate()
JOB = "gm3qorzdhgbfurvjtvhg6dckhu"
POLL_URL = f"https://api.replicate.com/v1/predictions/{JOB}"
PICTURE_URL = "https://replicate.delivery/xezq/one/out-0.png"
PICTURE = Reply(200, {"content-type": "image/png"}, PIXEL)
PIXEL_URL = data_url(png())
MASK = InputImage(b"\x89PNG, its header without alpha", "image/png", "mask.png")
VERSION = "0123456789abcdef" * 4


def reply(name: str) -> Reply:
    return stored(f"replicate/{name}")


def target(model: str = "black-forest-labs/flux-2-pro", **options: Any) -> Target:
    return REPLICATE.target(model, SecretStr("r8_secret"), ReplicateOptions(**options))


def ending(*answers: Reply) -> Failure:
    """How a prediction failed that was created, given what came of asking after it."""
    return failed(REPLICATE.generate(drawing(), target()), reply("created"), *answers)


# --- what is created ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "request_", "fields"),
    [
        (
            "black-forest-labs/flux-schnell",
            drawing(
                n=4,
                size=Size(1376, 768),
                seed=7,
                output_format="jpeg",
                output_compression=90,
                user="u",
                parameters={"go_fast": True},
            ),
            {
                "num_outputs": 4,
                "aspect_ratio": "16:9",
                "seed": 7,
                "output_format": "jpg",
                "output_quality": 90,
                "go_fast": True,
            },
        ),
        (
            "black-forest-labs/flux-dev",
            editing(parameters={"prompt_strength": 0.6}),
            {"num_outputs": 1, "image": PIXEL_URL, "prompt_strength": 0.6},
        ),
        (
            "black-forest-labs/flux-1.1-pro",
            drawing(size=Size(1440, 256), images=(png(),)),
            {"aspect_ratio": "custom", "width": 1440, "height": 256, "image_prompt": PIXEL_URL},
        ),
        (
            "black-forest-labs/flux-kontext-pro",
            editing(output_format="png", parameters={"aspect_ratio": "match_input_image"}),
            {"output_format": "png", "input_image": PIXEL_URL, "aspect_ratio": "match_input_image"},
        ),
        (
            "black-forest-labs/flux-fill-pro",
            editing(mask=MASK, parameters={"steps": 20}),
            {"image": PIXEL_URL, "mask": data_url(MASK), "steps": 20},
        ),
        (
            "black-forest-labs/flux-2-pro",
            editing(png(), png(), size=Size(1024, 768)),
            {"aspect_ratio": "custom", "width": 1024, "height": 768, "input_images": [PIXEL_URL] * 2},
        ),
        (
            "google/imagen-4",
            drawing(size=Size(1024, 1024), parameters={"safety_filter_level": "block_only_high"}),
            {"aspect_ratio": "1:1", "safety_filter_level": "block_only_high"},
        ),
        (
            "google/nano-banana-pro",
            editing(size=Size(4096, 4096), output_format="jpeg"),
            {"aspect_ratio": "1:1", "resolution": "4K", "output_format": "jpg", "image_input": [PIXEL_URL]},
        ),
        (
            "ideogram-ai/ideogram-v3-turbo",
            editing(mask=MASK, style="Design", seed=3),
            {"style_type": "Design", "seed": 3, "image": PIXEL_URL, "mask": data_url(MASK)},
        ),
        ("ideogram-ai/ideogram-v4-quality", drawing(size=Size(2048, 2048)), {"resolution": "2048x2048"}),
        (
            "recraft-ai/recraft-v3",
            drawing(size=Size(1365, 1024), style="realistic_image/hdr"),
            {"size": "1365x1024", "style": "realistic_image/hdr"},
        ),
        (
            "bytedance/seedream-4",
            editing(size=Size(2000, 1500)),
            {"size": "custom", "width": 2000, "height": 1500, "image_input": [PIXEL_URL]},
        ),
        ("qwen/qwen-image-edit", editing(seed=3), {"image": PIXEL_URL, "seed": 3}),
        ("qwen/qwen-image-edit-plus", editing(), {"image": [PIXEL_URL]}),
        (
            "openai/gpt-image-1.5",
            drawing(n=2, size=Size(1536, 1024), quality="low", background="transparent", user="u1"),
            {
                "number_of_images": 2,
                "aspect_ratio": "3:2",
                "quality": "low",
                "background": "transparent",
                "user_id": "u1",
            },
        ),
        (
            "acme/of-next-year",
            editing(size=Size(128, 64), mask=MASK, parameters={"guidance": 3}),
            {"width": 128, "height": 64, "image": PIXEL_URL, "mask": data_url(MASK), "guidance": 3},
        ),
    ],
)
def test_each_model_is_told_in_its_own_fields(model: str, request_: ImageRequest, fields: dict[str, Any]) -> None:
    assert lacks(REPLICATE.capabilities(model, ReplicateOptions()), request_, request_.n) == ()

    send = sent(REPLICATE.edit(request_, target(model)))

    assert (send.purpose, send.method) == (Purpose.SUBMIT, "POST")
    assert send.url == f"https://api.replicate.com/v1/models/{model}/predictions"
    assert send.json == {"input": {"prompt": request_.prompt, **fields}}
    assert send.headers == {}, "an answer that is waited for would take the prediction's name with it if it broke off"


@pytest.mark.parametrize(
    ("model", "path", "version"),
    [
        (VERSION, "predictions", {"version": VERSION}),
        (f"qwen/qwen-image:{VERSION}", "predictions", {"version": f"qwen/qwen-image:{VERSION}"}),
        ("deployments/acme/mine", "deployments/acme/mine/predictions", {}),
    ],
)
def test_a_version_and_a_deployment_are_asked_elsewhere(model: str, path: str, version: dict[str, str]) -> None:
    send = sent(REPLICATE.generate(drawing(), target(model)))

    assert send.url == f"https://api.replicate.com/v1/{path}"
    assert send.json == {**version, "input": {"prompt": "a lighthouse at dusk"}}


def test_a_version_of_a_known_model_can_do_what_the_model_can() -> None:
    known = REPLICATE.capabilities("qwen/qwen-image", ReplicateOptions())

    assert REPLICATE.capabilities(f"qwen/qwen-image:{VERSION}", ReplicateOptions()) == known
    assert REPLICATE.capabilities(VERSION, ReplicateOptions()) != known


@pytest.mark.parametrize("model", ["flux-2-pro", "a/b/c", "a/", "acme/model:latest", "deployments/mine"])
def test_a_name_that_replicate_cannot_have_is_refused(model: str) -> None:
    with pytest.raises(ValueError, match="owner/name"):
        target(model)


def test_the_extra_body_stands_beside_the_input_and_within_it() -> None:
    request = drawing(extra_body={"webhook": "https://hooks.example", "input": {"prompt": "a cat", "mood": 1}})

    send = sent(REPLICATE.generate(request, target()))

    assert send.json == {"input": {"prompt": "a cat", "mood": 1}, "webhook": "https://hooks.example"}


def test_a_time_to_give_up_travels_as_a_header() -> None:
    assert sent(REPLICATE.generate(drawing(), target(cancel_after="1m30s"))).headers == {"cancel-after": "1m30s"}
    for odd in ("90", "1d", "soon", ""):
        with pytest.raises(ValidationError):
            ReplicateOptions(cancel_after=odd)


# --- to the pictures ---------------------------------------------------------------------------------------------


def test_a_prediction_is_asked_after_until_its_picture_is_fetched() -> None:
    exchange = REPLICATE.generate(drawing(), target())
    next(exchange)

    poll = exchange.send(reply("created"))
    assert poll == Send(Purpose.POLL, "GET", POLL_URL, job=JOB)
    assert exchange.send(reply("starting")) == poll
    assert exchange.send(reply("processing")) == poll
    assert exchange.send(reply("succeeded")) == Send(Purpose.DOWNLOAD, "GET", PICTURE_URL)
    with pytest.raises(StopIteration) as finished:
        exchange.send(PICTURE)

    generation = finished.value.value
    assert generation.images[0].data == PIXEL
    assert (generation.cost, generation.provider_request_id) == (None, JOB)


def test_a_prediction_without_an_address_is_asked_after_where_they_all_are() -> None:
    assert sent(REPLICATE.generate(drawing(), target()), reply("created_without_address")).url == POLL_URL


def test_a_prediction_that_is_done_when_it_is_created_is_not_asked_after() -> None:
    assert finish(REPLICATE.generate(drawing(), target()), reply("created_and_done"), PICTURE).images[0].data == PIXEL


def test_output_comes_in_several_forms() -> None:
    def drawn(answer: str, *downloads: Reply, **wishes: Any) -> Any:
        exchange = REPLICATE.generate(drawing(**wishes), target())
        return finish(exchange, reply("created"), reply(answer), *downloads).images

    assert len(drawn("two_pictures", PICTURE, PICTURE)) == 2
    assert drawn("two_pictures", response_format="url")[0].url == PICTURE_URL
    assert drawn("inline")[0].media_type == "image/webp"
    assert drawn("in_an_object", PICTURE)[0].data == PIXEL


def test_a_success_without_output_is_billed_and_unusable() -> None:
    failure = ending(reply("nothing"))

    assert (failure.kind, failure.charge, failure.job) == (FailureKind.UNUSABLE, Charge.BILLED, JOB)


# --- how predictions end otherwise -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind", "charge", "code"),
    [
        ("nsfw", FailureKind.CONTENT_REJECTED, Charge.UNKNOWN, "failed"),
        ("sensitive", FailureKind.CONTENT_REJECTED, Charge.UNKNOWN, "E005"),
        ("all_nsfw", FailureKind.CONTENT_REJECTED, Charge.UNKNOWN, "failed"),
        ("bad_input", FailureKind.INVALID, Charge.UNKNOWN, "E006"),
        ("high_demand", FailureKind.OVERLOADED, Charge.UNKNOWN, "E003"),
        ("out_of_memory", FailureKind.OVERLOADED, Charge.UNKNOWN, "E1001"),
        ("never_started", FailureKind.OVERLOADED, Charge.NONE, "E6716"),
        ("failed_without_a_word", FailureKind.OVERLOADED, Charge.UNKNOWN, "failed"),
        ("canceled", FailureKind.TIMEOUT, Charge.BILLED, "canceled"),
        ("aborted", FailureKind.OVERLOADED, Charge.NONE, "aborted"),
    ],
)
def test_how_a_prediction_ended(answer: str, kind: FailureKind, charge: Charge, code: str) -> None:
    failure = ending(reply("processing"), reply(answer))

    assert (failure.kind, failure.charge, failure.code, failure.job) == (kind, charge, code, JOB)


def test_a_failure_says_why() -> None:
    assert ending(reply("nsfw")).message == (
        "failed: NSFW content detected. Try running it again, or try a different prompt."
    )


def test_a_prediction_that_nobody_tells_of_any_more_is_lost_and_may_have_been_billed() -> None:
    failure = ending(*[reply("not_found")] * 3)

    assert (failure.kind, failure.charge, failure.job) == (FailureKind.JOB_LOST, Charge.UNKNOWN, JOB)


# --- creations that are refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind", "charge", "unit"),
    [
        ("unauthenticated", FailureKind.UNAUTHORISED, Charge.NONE, None),
        ("no_credit", FailureKind.OUT_OF_CREDIT, Charge.NONE, None),
        ("spend_limit", FailureKind.OUT_OF_CREDIT, Charge.NONE, None),
        ("not_found", FailureKind.NOT_FOUND, Charge.NONE, None),
        ("invalid_input", FailureKind.INVALID, Charge.NONE, None),
        ("invalid_version", FailureKind.NOT_FOUND, Charge.NONE, None),
        ("throttled", FailureKind.RATE_LIMITED, Charge.NONE, Unit.REQUESTS),
        ("server_error", FailureKind.OVERLOADED, Charge.NONE, None),
        ("gateway_page", FailureKind.OVERLOADED, Charge.UNKNOWN, None),
    ],
)
def test_a_refused_creation(answer: str, kind: FailureKind, charge: Charge, unit: Unit | None) -> None:
    failure = failed(REPLICATE.generate(drawing(), target()), reply(answer))

    assert (failure.kind, failure.charge, failure.unit) == (kind, charge, unit)


@pytest.mark.parametrize(
    ("answer", "seconds"), [("throttled", 30), ("throttled_for_low_credit", 5), ("throttled_by_a_field", 7)]
)
def test_a_full_minute_says_how_long_to_stay_away(answer: str, seconds: float) -> None:
    assert failed(REPLICATE.generate(drawing(), target()), reply(answer)).retry_after == seconds


# --- targets, terms, questions -----------------------------------------------------------------------------------


def test_the_key_goes_to_replicate_or_the_configured_host_alone() -> None:
    assert target().trusted_hosts == ("api.replicate.com",)
    assert target(base_url="http://127.0.0.1:8080/v1").trusted_hosts == ("127.0.0.1",)
    assert "r8_" not in repr(target())


@pytest.mark.anyio
async def test_the_key_travels_as_a_bearer_token() -> None:
    credential = target().credential
    assert credential is not None
    assert await credential.headers(Send(Purpose.POLL, "GET", POLL_URL)) == {"authorization": "Bearer r8_secret"}


def test_an_account_creates_600_predictions_a_minute() -> None:
    assert REPLICATE.terms("any/model", ReplicateOptions()).limits == {Unit.REQUESTS: 600}


def test_asking_tells_whether_the_model_is_there() -> None:
    assert sent(REPLICATE.ask(target())).url == "https://api.replicate.com/v1/models/black-forest-labs/flux-2-pro"
    assert finish(REPLICATE.ask(target()), reply("model")) == "black-forest-labs/flux-2-pro is available"
    assert sent(REPLICATE.ask(target("deployments/acme/mine"))).url.endswith("/v1/deployments/acme/mine")
    assert sent(REPLICATE.ask(target(VERSION))).url.endswith("/v1/account")
    assert "not tried" in finish(REPLICATE.ask(target(VERSION)), reply("account"))
    assert failed(REPLICATE.ask(target()), reply("unauthenticated")).kind is FailureKind.UNAUTHORISED
