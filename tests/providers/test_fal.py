"""fal: what each endpoint is told, and how a request is followed through the queue to its pictures or its end."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from pixelrelay.images import ImageRequest, InputImage, Operation, Size
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers.base import Purpose, Reply, Send, Target
from pixelrelay.providers.capabilities import lacks
from pixelrelay.providers.fal import Fal, FalOptions
from pixelrelay.providers.mapping import data_url
from tests.providers.exchanges import PIXEL, drawing, editing, failed, finish, png, sent, stored

FAL = Fal()
JOB = "764cabcf-b745-4b3e-ae38-1200304cf45b"
RESULT_URL = f"https://queue.fal.run/fal-ai/flux-2-pro/requests/{JOB}"
STATUS_URL = f"{RESULT_URL}/status"
PICTURE_URL = "https://v3.fal.media/files/koala/one.png"
PICTURE = Reply(200, {"content-type": "image/png"}, PIXEL)
PIXEL_URL = data_url(png())
MASK = InputImage(b"\x89PNG, its header without alpha", "image/png", "mask.png")


def reply(name: str) -> Reply:
    return stored(f"fal/{name}")


def target(model: str = "fal-ai/flux-2-pro", **options: Any) -> Target:
    return FAL.target(model, SecretStr("id:secret"), FalOptions(**options))


def ending(*answers: Reply) -> Failure:
    """How a job failed that was taken up, given what came of asking after it."""
    return failed(FAL.generate(drawing(), target()), reply("submitted"), *answers)


# --- what is submitted -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "request_", "path", "body"),
    [
        ("fal-ai/flux/schnell", drawing(), "fal-ai/flux/schnell", {"num_images": 1}),
        (
            "fal-ai/flux/dev",
            drawing(
                n=3,
                size=Size(1024, 768),
                seed=7,
                output_format="png",
                user="u",
                parameters={"guidance_scale": 3, "enable_safety_checker": False},
            ),
            "fal-ai/flux/dev",
            {
                "num_images": 3,
                "image_size": {"width": 1024, "height": 768},
                "seed": 7,
                "output_format": "png",
                "guidance_scale": 3,
                "enable_safety_checker": False,
            },
        ),
        (
            "fal-ai/flux-2-pro",
            drawing(size=Size(512, 256), parameters={"safety_tolerance": 5}),
            "fal-ai/flux-2-pro",
            {"image_size": {"width": 512, "height": 256}, "safety_tolerance": "5"},
        ),
        ("fal-ai/flux-2-pro", editing(png(), png()), "fal-ai/flux-2-pro/edit", {"image_urls": [PIXEL_URL] * 2}),
        ("fal-ai/flux-2-pro/edit", editing(), "fal-ai/flux-2-pro/edit", {"image_urls": [PIXEL_URL]}),
        (
            "fal-ai/flux-pro/kontext",
            drawing(size=Size(1024, 1024)),
            "fal-ai/flux-pro/kontext/text-to-image",
            {"num_images": 1, "aspect_ratio": "1:1"},
        ),
        (
            "fal-ai/flux-pro/kontext",
            editing(),
            "fal-ai/flux-pro/kontext",
            {"num_images": 1, "image_url": PIXEL_URL},
        ),
        (
            "fal-ai/flux-pro/kontext/max",
            editing(png(), png()),
            "fal-ai/flux-pro/kontext/max/multi",
            {"num_images": 1, "image_urls": [PIXEL_URL] * 2},
        ),
        (
            "fal-ai/flux-kontext/dev",
            editing(size=Size(1376, 768)),
            "fal-ai/flux-kontext/dev",
            {"num_images": 1, "resolution_mode": "16:9", "image_url": PIXEL_URL},
        ),
        (
            "fal-ai/flux-pro/v1/fill",
            editing(mask=MASK),
            "fal-ai/flux-pro/v1/fill",
            {"num_images": 1, "image_url": PIXEL_URL, "mask_url": data_url(MASK)},
        ),
        (
            "fal-ai/flux-pro/v1.1-ultra",
            drawing(size=Size(2048, 2048), images=(png(),), parameters={"raw": True}),
            "fal-ai/flux-pro/v1.1-ultra",
            {"num_images": 1, "aspect_ratio": "1:1", "raw": True, "image_url": PIXEL_URL},
        ),
        (
            "fal-ai/nano-banana-2",
            drawing(size=Size(2048, 2048), output_format="webp"),
            "fal-ai/nano-banana-2",
            {"num_images": 1, "aspect_ratio": "1:1", "resolution": "2K", "output_format": "webp"},
        ),
        ("fal-ai/nano-banana", editing(), "fal-ai/nano-banana/edit", {"num_images": 1, "image_urls": [PIXEL_URL]}),
        (
            "fal-ai/bytedance/seedream/v4/text-to-image",
            editing(seed=3),
            "fal-ai/bytedance/seedream/v4/edit",
            {"num_images": 1, "seed": 3, "image_urls": [PIXEL_URL]},
        ),
        (
            "fal-ai/qwen-image",
            drawing(parameters={"negative_prompt": "fog"}),
            "fal-ai/qwen-image",
            {"num_images": 1, "negative_prompt": "fog"},
        ),
        (
            "fal-ai/recraft/v3/text-to-image",
            drawing(size=Size(1365, 1024), style="digital_illustration/grain"),
            "fal-ai/recraft/v3/text-to-image",
            {"image_size": {"width": 1365, "height": 1024}, "style": "digital_illustration/grain"},
        ),
        (
            "fal-ai/ideogram/v3",
            drawing(quality="low", style="DESIGN", parameters={"expand_prompt": False}),
            "fal-ai/ideogram/v3",
            {"num_images": 1, "rendering_speed": "TURBO", "style": "DESIGN", "expand_prompt": False},
        ),
        (
            "fal-ai/gpt-image-1.5",
            editing(size=Size(1536, 1024), quality="high", background="transparent", mask=MASK),
            "fal-ai/gpt-image-1.5/edit",
            {
                "num_images": 1,
                "image_size": "1536x1024",
                "quality": "high",
                "background": "transparent",
                "image_urls": [PIXEL_URL],
                "mask_image_url": data_url(MASK),
            },
        ),
        (
            "acme/of-next-year",
            editing(size=Size(128, 64), mask=MASK),
            "acme/of-next-year",
            {
                "num_images": 1,
                "image_size": {"width": 128, "height": 64},
                "image_urls": [PIXEL_URL],
                "mask_url": data_url(MASK),
            },
        ),
    ],
)
def test_each_endpoint_is_told_in_its_own_fields(
    model: str, request_: ImageRequest, path: str, body: dict[str, Any]
) -> None:
    there = target(model)
    assert lacks(FAL.capabilities(model, FalOptions()), request_, request_.n) == ()

    send = sent(
        FAL.edit(request_, there) if request_.images and "ultra" not in model else FAL.generate(request_, there)
    )

    assert (send.purpose, send.method, send.url) == (Purpose.SUBMIT, "POST", f"https://queue.fal.run/{path}")
    assert send.json == {"prompt": request_.prompt, **body}


def test_reframing_takes_no_prompt() -> None:
    send = sent(FAL.edit(editing(size=Size(1536, 512)), target("fal-ai/ideogram/v3/reframe")))

    assert send.json == {"num_images": 1, "image_size": {"width": 1536, "height": 512}, "image_url": PIXEL_URL}


def test_an_endpoint_that_edits_for_a_model_is_known_to_edit_alone() -> None:
    assert FAL.capabilities("fal-ai/nano-banana/edit", FalOptions()).operations == {Operation.EDIT}
    assert FAL.capabilities("/fal-ai/nano-banana/", FalOptions()).operations == set(Operation)


# --- through the queue -------------------------------------------------------------------------------------------


def test_a_request_is_asked_after_where_the_answer_says_until_its_pictures_are_fetched() -> None:
    exchange = FAL.generate(drawing(), target())
    next(exchange)

    poll = exchange.send(reply("submitted"))
    assert poll == Send(Purpose.POLL, "GET", STATUS_URL, job=JOB)
    assert exchange.send(reply("in_queue")) == poll
    assert exchange.send(reply("in_progress")) == poll
    assert exchange.send(reply("completed")) == Send(Purpose.POLL, "GET", RESULT_URL, job=JOB, ended=True)
    assert exchange.send(reply("result")) == Send(Purpose.DOWNLOAD, "GET", PICTURE_URL)
    with pytest.raises(StopIteration) as finished:
        exchange.send(PICTURE)

    generation = finished.value.value
    (image,) = generation.images
    assert (image.data, image.media_type, image.seed, image.revised_prompt) == (PIXEL, "image/png", 42, None)
    assert (generation.size, generation.cost, generation.provider_request_id) == (Size(1024, 768), None, JOB)


def test_a_caller_who_wants_an_address_gets_it_without_a_download() -> None:
    exchange = FAL.generate(drawing(response_format="url"), target())

    (image,) = finish(exchange, reply("submitted"), reply("completed"), reply("result")).images

    assert (image.url, image.data) == (PICTURE_URL, None)


def test_results_come_in_several_forms_and_odd_words_beside_a_picture_do_not_cost_it() -> None:
    def drawn(result: str, *downloads: Reply) -> Any:
        before = (reply("submitted"), reply("completed"), reply(result))
        return finish(FAL.generate(drawing(), target()), *before, *downloads)

    assert drawn("single_image", PICTURE).images[0].seed == 7
    assert drawn("expanded_prompt", PICTURE).images[0].revised_prompt == "a lighthouse at dusk, in oil"
    assert drawn("expanded_prompt", PICTURE).size is None
    inline = drawn("inline").images[0]
    assert (inline.encoded, inline.media_type) == ("/9j/4AAQ", "image/jpeg")


def test_a_black_picture_is_moderation_and_billed() -> None:
    failure = ending(reply("completed"), reply("black"))

    assert (failure.kind, failure.charge, failure.job) == (FailureKind.CONTENT_REJECTED, Charge.BILLED, JOB)


def test_of_several_pictures_the_black_ones_are_left_out() -> None:
    exchange = FAL.generate(drawing(n=2), target("fal-ai/flux/dev"))

    assert sent(exchange, reply("submitted"), reply("completed"), reply("one_of_two_black")).url.endswith("two.png")
    with pytest.raises(StopIteration) as finished:
        exchange.send(PICTURE)
    assert len(finished.value.value.images) == 1


def test_without_the_checker_nothing_was_blacked_out() -> None:
    request = drawing(parameters={"enable_safety_checker": False})
    exchange = FAL.generate(request, target("fal-ai/flux/dev"))

    assert finish(exchange, reply("submitted"), reply("completed"), reply("black"), PICTURE).images[0].data == PIXEL


@pytest.mark.parametrize("hurdle", ["still_in_progress", "server_error", "unknown_request", "gateway_page"])
def test_a_result_that_is_not_there_yet_is_asked_for_again(hurdle: str) -> None:
    exchange = FAL.generate(drawing(), target())
    answers = [reply("submitted"), reply("completed"), reply(hurdle), reply("result"), PICTURE]

    assert finish(exchange, *answers).images[0].data == PIXEL


# --- how jobs end otherwise --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind", "charge", "code"),
    [
        ("content_policy", FailureKind.CONTENT_REJECTED, Charge.UNKNOWN, "content_policy_violation"),
        ("no_media", FailureKind.UNUSABLE, Charge.UNKNOWN, "no_media_generated"),
        ("image_too_small", FailureKind.INVALID, Charge.NONE, "image_too_small"),
        ("bad_size", FailureKind.INVALID, Charge.NONE, "less_than_equal"),
        ("generation_timeout", FailureKind.TIMEOUT, Charge.NONE, "generation_timeout"),
        ("downstream", FailureKind.OVERLOADED, Charge.NONE, "downstream_service_error"),
        ("runner_disconnected", FailureKind.OVERLOADED, Charge.NONE, "runner_disconnected"),
        ("request_timeout", FailureKind.TIMEOUT, Charge.NONE, "request_timeout"),
        ("unknown_path", FailureKind.NOT_FOUND, Charge.NONE, None),
    ],
)
def test_a_job_that_failed_says_why_and_is_free_where_fal_says_so(
    answer: str, kind: FailureKind, charge: Charge, code: str | None
) -> None:
    failure = ending(reply("in_queue"), reply("completed"), reply(answer))

    assert (failure.kind, failure.charge, failure.code, failure.job) == (kind, charge, code, JOB)


def test_an_error_that_the_status_puts_a_name_to_is_the_end_at_once() -> None:
    failure = ending(reply("completed_with_an_error"), reply("server_error"))

    assert (failure.kind, failure.charge, failure.code) == (
        FailureKind.OVERLOADED,
        Charge.NONE,
        "runner_disconnected",
    )


@pytest.mark.parametrize("answer", ["server_error", "unknown_request"])
def test_a_result_that_stays_away_is_lost_and_may_have_been_billed(answer: str) -> None:
    failure = ending(reply("completed"), *[reply(answer)] * 3)

    assert (failure.kind, failure.charge, failure.job) == (FailureKind.JOB_LOST, Charge.UNKNOWN, JOB)


def test_a_job_without_addresses_is_lost_and_one_without_pictures_is_billed() -> None:
    lost = failed(FAL.generate(drawing(), target()), reply("submitted_without_addresses"))

    assert (lost.kind, lost.charge, lost.job) == (FailureKind.JOB_LOST, Charge.UNKNOWN, JOB)
    assert ending(reply("completed"), reply("no_images")).charge is Charge.BILLED


# --- submissions that are refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind", "charge"),
    [
        ("unauthorised", FailureKind.UNAUTHORISED, Charge.NONE),
        ("forbidden", FailureKind.UNAUTHORISED, Charge.NONE),
        ("exhausted", FailureKind.OUT_OF_CREDIT, Charge.NONE),
        ("unknown_app", FailureKind.NOT_FOUND, Charge.NONE),
        ("bad_size", FailureKind.INVALID, Charge.NONE),
        ("throttled", FailureKind.RATE_LIMITED, Charge.NONE),
        ("server_error", FailureKind.OVERLOADED, Charge.NONE),
        ("runner_disconnected", FailureKind.OVERLOADED, Charge.NONE),
        ("gateway_page", FailureKind.OVERLOADED, Charge.UNKNOWN),
    ],
)
def test_a_refused_submission(answer: str, kind: FailureKind, charge: Charge) -> None:
    failure = failed(FAL.generate(drawing(), target()), reply(answer))

    assert (failure.kind, failure.charge, failure.unit) == (kind, charge, None)


def test_a_refusal_says_what_is_wrong_where_and_how_long_to_stay_away() -> None:
    assert failed(FAL.generate(drawing(), target()), reply("bad_size")).message == (
        "body.image_size.width: Input should be less than or equal to 14142"
    )
    assert failed(FAL.generate(drawing(), target()), reply("throttled")).retry_after == 2


# --- targets, terms, questions -----------------------------------------------------------------------------------


def test_the_key_goes_to_fals_own_hosts_or_the_configured_one_alone() -> None:
    assert target().trusted_hosts == (".fal.run", "api.fal.ai")
    assert target(base_url="http://127.0.0.1:8080/").base_url == "http://127.0.0.1:8080"
    assert target(base_url="https://gateway.example/fal").trusted_hosts == ("gateway.example",)
    assert "secret" not in repr(target())
    with pytest.raises(ValueError, match="base_url"):
        target(base_url="queue.fal.run")


@pytest.mark.anyio
async def test_the_key_travels_under_its_own_scheme() -> None:
    credential = target().credential
    assert credential is not None
    assert await credential.headers(Send(Purpose.POLL, "GET", STATUS_URL)) == {"authorization": "Key id:secret"}


def test_an_account_is_not_taken_to_be_limited() -> None:
    assert dict(FAL.terms("fal-ai/flux/dev", FalOptions()).limits) == {}


def test_asking_tells_the_price() -> None:
    question = sent(FAL.ask(target()))

    assert question.purpose is Purpose.ASK
    assert question.url == "https://api.fal.ai/v1/models/pricing?endpoint_id=fal-ai%2Fflux-2-pro"
    assert finish(FAL.ask(target()), reply("prices")) == (
        "fal-ai/flux-2-pro is available, at 0.03 USD for a unit of processed megapixels"
    )
    assert failed(FAL.ask(target()), reply("no_prices")).kind is FailureKind.NOT_FOUND
    assert failed(FAL.ask(target()), reply("unauthorised")).kind is FailureKind.UNAUTHORISED
