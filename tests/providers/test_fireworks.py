"""Fireworks: pictures in the answer itself, and jobs that are asked after by a POST."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from pixelrelay.images import ImageRequest, Size
from pixelrelay.outcomes import Charge, FailureKind
from pixelrelay.providers._compatible import CompatibleOptions
from pixelrelay.providers.base import Purpose, Reply, Send, Target
from pixelrelay.providers.capabilities import lacks
from pixelrelay.providers.fireworks import Fireworks
from tests.providers.exchanges import PIXEL, drawing, editing, failed, finish, png, sent, stored

PROVIDER = Fireworks()
BASE = "https://api.fireworks.ai/inference/v1"
MODELS = "accounts/fireworks/models"
SCHNELL, KONTEXT, SDXL = "flux-1-schnell-fp8", "flux-kontext-pro", "stable-diffusion-xl-1024-v1-0"
JOB = "9d1e7c1e-job"
POLL = Send(Purpose.POLL, "POST", f"{BASE}/workflows/{MODELS}/{KONTEXT}/get_result", json={"id": JOB}, job=JOB)
SAMPLE = Reply(200, {"content-type": "image/png"}, PIXEL)


def target(model: str = SCHNELL, **options: str) -> Target:
    return PROVIDER.target(model, SecretStr("fw-test"), CompatibleOptions.model_validate(options))


def fits(request: ImageRequest, model: str) -> bool:
    return not lacks(PROVIDER.capabilities(model, CompatibleOptions()), request, request.n)


def test_a_key_is_needed_and_goes_to_one_host() -> None:
    with pytest.raises(ValueError, match="api_key"):
        PROVIDER.target(SCHNELL, None, CompatibleOptions())
    assert target().trusted_hosts == ("api.fireworks.ai",)
    assert target(base_url="https://mirror.example/v1/").base_url == "https://mirror.example/v1"


# --- a picture in the answer -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output_format", "accept"), [(None, "image/png"), ("png", "image/png"), ("jpeg", "image/jpeg")]
)
def test_the_format_is_asked_for_in_a_header_and_the_size_as_a_ratio(output_format: str | None, accept: str) -> None:
    request = drawing(size=Size(1376, 768), seed=7, output_format=output_format, parameters={"num_inference_steps": 4})

    assert fits(request, SCHNELL)
    assert sent(PROVIDER.generate(request, target())) == Send(
        Purpose.SUBMIT,
        "POST",
        f"{BASE}/workflows/{MODELS}/{SCHNELL}/text_to_image",
        {"accept": accept},
        json={"prompt": "a lighthouse at dusk", "aspect_ratio": "16:9", "seed": 7, "num_inference_steps": 4},
    )


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (f"{MODELS}/{SCHNELL}", f"workflows/{MODELS}/{SCHNELL}/text_to_image"),
        ("accounts/contoso/models/mine", "workflows/accounts/contoso/models/mine/text_to_image"),
        ("flux-9", f"workflows/{MODELS}/flux-9/text_to_image"),
        (SDXL, f"image_generation/{MODELS}/{SDXL}"),
        (f"{MODELS}/{KONTEXT}", f"workflows/{MODELS}/{KONTEXT}"),
    ],
)
def test_a_model_is_found_by_its_whole_name_or_the_last_part_of_it(model: str, path: str) -> None:
    assert sent(PROVIDER.generate(drawing(), target(model))).url == f"{BASE}/{path}"


def test_older_models_are_told_pixels() -> None:
    request = drawing(size=Size(1024, 768), parameters={"steps": 20, "cfg_scale": 7, "negative_prompt": "fog"})

    assert fits(request, SDXL)
    assert sent(PROVIDER.generate(request, target(SDXL))).json == {
        "prompt": "a lighthouse at dusk",
        "width": 1024,
        "height": 768,
        "steps": 20,
        "cfg_scale": 7,
        "negative_prompt": "fog",
    }


@pytest.mark.parametrize(
    ("model", "request_", "fit"),
    [
        (SCHNELL, editing(), False),
        (SCHNELL, drawing(n=2), False),
        (SCHNELL, drawing(output_format="webp"), False),
        (SCHNELL, drawing(size=Size(1000, 1000)), False),
        (KONTEXT, editing(), True),
        (KONTEXT, editing(png(), png()), False),
        (KONTEXT, editing(mask=png()), False),
        (KONTEXT, drawing(parameters={"safety_tolerance": 6}), True),
        (KONTEXT, editing(parameters={"safety_tolerance": 6}), False),
        (SDXL, editing(), False),
    ],
)
def test_what_a_model_can_be_asked_is_known(model: str, request_: ImageRequest, fit: bool) -> None:
    assert fits(request_, model) is fit


def test_the_answer_is_the_picture() -> None:
    found = finish(PROVIDER.generate(drawing(), target()), stored("fireworks/picture"))

    (image,) = found.images
    assert (image.data, image.media_type, image.seed) == (PIXEL, "image/png", 42)
    assert found.provider_request_id == "fw-1"


def test_a_picture_that_comes_as_json_all_the_same_is_not_lost() -> None:
    (image,) = finish(PROVIDER.generate(drawing(), target()), stored("fireworks/as_json")).images

    assert (image.bytes(), image.seed) == (PIXEL, 1234567890)


@pytest.mark.parametrize("name", ["filtered", "filtered_json"])
def test_a_filtered_picture_is_moderation_in_a_success(name: str) -> None:
    failure = failed(PROVIDER.generate(drawing(), target()), stored(f"fireworks/{name}"))

    assert (failure.kind, failure.charge) == (FailureKind.CONTENT_REJECTED, Charge.UNKNOWN)


def test_an_empty_answer_is_unusable_and_billed() -> None:
    failure = failed(PROVIDER.generate(drawing(), target()), stored("fireworks/nothing"))

    assert (failure.kind, failure.charge) == (FailureKind.UNUSABLE, Charge.BILLED)


# --- jobs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("edits", [False, True])
def test_a_job_is_submitted_once_asked_after_by_a_post_and_its_picture_fetched(edits: bool) -> None:
    given: dict[str, Any] = {"size": Size(1024, 1024), "output_format": "png", "parameters": {"safety_tolerance": 2}}
    request = editing(**given) if edits else drawing(**given)
    start = PROVIDER.edit if edits else PROVIDER.generate
    image = {"input_image": f"data:image/png;base64,{png().base64}"} if edits else {}

    assert sent(start(request, target(KONTEXT))) == Send(
        Purpose.SUBMIT,
        "POST",
        f"{BASE}/workflows/{MODELS}/{KONTEXT}",
        {"accept": "application/json"},
        json={
            "prompt": request.prompt,
            "aspect_ratio": "1:1",
            "output_format": "png",
            "safety_tolerance": 2,
            **image,
        },
    )
    accepted, pending, ready = (stored(f"fireworks/{name}") for name in ("accepted", "pending", "ready"))
    assert sent(start(request, target(KONTEXT)), accepted) == POLL
    assert sent(start(request, target(KONTEXT)), accepted, pending) == POLL
    found = finish(start(request, target(KONTEXT)), accepted, pending, ready, SAMPLE)
    assert (found.images[0].data, found.images[0].seed, found.provider_request_id) == (PIXEL, 42, JOB)


def test_an_expired_address_is_asked_for_once_more() -> None:
    accepted, ready = stored("fireworks/accepted"), stored("fireworks/ready")
    gone = Reply(403, {"content-type": "application/xml"}, b"<Error/>")
    exchange = PROVIDER.generate(drawing(), target(KONTEXT))

    assert finish(exchange, accepted, ready, gone, ready, SAMPLE).images[0].data == PIXEL


def test_an_address_is_handed_on_where_it_was_asked_for() -> None:
    exchange = PROVIDER.generate(drawing(response_format="url"), target(KONTEXT))

    (image,) = finish(exchange, stored("fireworks/accepted"), stored("fireworks/ready")).images
    assert image.url == "https://delivery.bfl.ai/results/ab/sample.png?sig=1"


@pytest.mark.parametrize(
    ("name", "kind", "charge"),
    [
        ("request_moderated", FailureKind.CONTENT_REJECTED, Charge.NONE),
        ("content_moderated", FailureKind.CONTENT_REJECTED, Charge.NONE),
        ("failed", FailureKind.OVERLOADED, Charge.UNKNOWN),
    ],
)
def test_a_job_ends_badly_in_its_own_words(name: str, kind: FailureKind, charge: Charge) -> None:
    exchange = PROVIDER.generate(drawing(), target(KONTEXT))

    failure = failed(exchange, stored("fireworks/accepted"), stored(f"fireworks/{name}"))

    assert (failure.kind, failure.charge, failure.job) == (kind, charge, JOB)


def test_a_job_that_is_not_known_for_long_is_lost() -> None:
    lost = stored("fireworks/task_not_found")

    failure = failed(PROVIDER.generate(drawing(), target(KONTEXT)), stored("fireworks/accepted"), lost, lost, lost)

    assert (failure.kind, failure.charge) == (FailureKind.JOB_LOST, Charge.UNKNOWN)


# --- failures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [SCHNELL, KONTEXT])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("invalid", FailureKind.INVALID),
        ("wrong_key", FailureKind.UNAUTHORISED),
        ("forbidden", FailureKind.UNAUTHORISED),
        ("unpaid", FailureKind.OUT_OF_CREDIT),
        ("suspended", FailureKind.OUT_OF_CREDIT),
        ("no_model", FailureKind.NOT_FOUND),
        ("throttled", FailureKind.RATE_LIMITED),
        ("broken", FailureKind.OVERLOADED),
    ],
)
def test_a_refusal_is_read_in_either_shape_and_costs_nothing(model: str, name: str, kind: FailureKind) -> None:
    failure = failed(PROVIDER.generate(drawing(), target(model)), stored(f"fireworks/{name}"))

    assert (failure.kind, failure.charge) == (kind, Charge.NONE)


def test_the_list_of_models_proves_the_key_alone() -> None:
    said = finish(PROVIDER.ask(target()), stored("fireworks/models"))

    assert said == "the key is good; flux-1-schnell-fp8 was not tried"
    assert failed(PROVIDER.ask(target()), stored("fireworks/wrong_key")).kind is FailureKind.UNAUTHORISED
