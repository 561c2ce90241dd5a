"""Together: sizes in pixels or as a ratio, input images within the body, and what its errors mean."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from pixelrelay.images import ImageRequest, Size
from pixelrelay.outcomes import Charge, FailureKind
from pixelrelay.providers._compatible import CompatibleOptions
from pixelrelay.providers.base import Purpose, Send, Target
from pixelrelay.providers.capabilities import lacks
from pixelrelay.providers.together import TOGETHER as PROVIDER
from pixelrelay.quotas import Unit
from tests.providers.exchanges import PIXEL, drawing, editing, failed, finish, png, sent, stored

URL = "https://api.together.ai/v1/images/generations"
PRO, KONTEXT = "black-forest-labs/FLUX.2-pro", "black-forest-labs/FLUX.1-kontext-pro"
ADDRESS = f"data:image/png;base64,{png().base64}"


def target(model: str = PRO) -> Target:
    return PROVIDER.target(model, SecretStr("tg-test"), CompatibleOptions())


def fits(request: ImageRequest, model: str) -> bool:
    return not lacks(PROVIDER.capabilities(model, CompatibleOptions()), request, request.n)


def test_a_generation_is_told_width_and_height_and_asked_for_bytes() -> None:
    request = drawing(n=2, size=Size(1024, 768), output_format="png", seed=7, parameters={"prompt_upsampling": False})

    assert fits(request, PRO)
    assert sent(PROVIDER.generate(request, target())) == Send(
        Purpose.SUBMIT,
        "POST",
        URL,
        json={
            "model": PRO,
            "prompt": "a lighthouse at dusk",
            "n": 2,
            "width": 1024,
            "height": 768,
            "output_format": "png",
            "response_format": "base64",
            "seed": 7,
            "prompt_upsampling": False,
        },
    )


def test_an_address_is_asked_for_where_it_is_wanted() -> None:
    exchange = PROVIDER.generate(drawing(response_format="url"), target())

    assert (sent(exchange).json or {})["response_format"] == "url"
    found = finish(PROVIDER.generate(drawing(response_format="url"), target()), stored("together/address"))
    assert found.images[0].url == "https://api.together.ai/imgproxy/abc/format:jpeg/1.jpg"


@pytest.mark.parametrize(
    ("model", "images", "said"),
    [
        (KONTEXT, 1, {"image_url": ADDRESS}),
        (PRO, 1, {"reference_images": [ADDRESS]}),
        ("google/gemini-3-pro-image", 2, {"reference_images": [ADDRESS, ADDRESS]}),
        ("a/model-of-next-year", 1, {"reference_images": [ADDRESS]}),
    ],
)
def test_an_edit_is_a_generation_that_holds_its_images(model: str, images: int, said: dict[str, Any]) -> None:
    request = editing(*[png()] * images)
    send = sent(PROVIDER.edit(request, target(model)))

    assert fits(request, model)
    assert send.url == URL
    assert send.json == {"model": model, "prompt": "add a red hat", "n": 1, "response_format": "base64", **said}


def test_kontext_is_told_a_ratio() -> None:
    wide = drawing(size=Size(1376, 768))

    assert fits(wide, KONTEXT)
    assert not fits(drawing(size=Size(1024, 768)), KONTEXT)
    body = sent(PROVIDER.generate(wide, target(KONTEXT))).json or {}
    assert (body["aspect_ratio"], "width" in body) == ("16:9", False)


@pytest.mark.parametrize(
    ("model", "request_", "fit"),
    [
        (PRO, drawing(size=Size(1920, 1088)), True),
        (PRO, drawing(size=Size(1000, 1000)), False),
        (PRO, drawing(parameters={"steps": 4}), False),
        ("black-forest-labs/FLUX.2-dev", drawing(parameters={"steps": 28, "guidance_scale": 7.5}), True),
        ("black-forest-labs/FLUX.2-dev", drawing(parameters={"steps": 0}), False),
        (PRO, drawing(n=5), False),
        (PRO, editing(mask=png()), False),
        ("black-forest-labs/FLUX.1.1-pro", editing(), False),
        (KONTEXT, editing(png(), png()), False),
        ("google/gemini-3-pro-image", drawing(size=Size(6144, 2688)), True),
        ("google/gemini-3-pro-image", drawing(seed=7), False),
        ("google/flash-image-2.5", drawing(size=Size(2048, 2048)), False),
    ],
)
def test_what_a_model_can_be_asked_is_known(model: str, request_: ImageRequest, fit: bool) -> None:
    assert fits(request_, model) is fit


def test_all_pictures_of_an_answer_are_returned() -> None:
    found = finish(PROVIDER.generate(drawing(n=2), target()), stored("together/pictures"))

    assert [(image.bytes(), image.media_type) for image in found.images] == [(PIXEL, "image/png")] * 2


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("nsfw", FailureKind.CONTENT_REJECTED),
        ("bad_width", FailureKind.INVALID),
        ("wrong_key", FailureKind.UNAUTHORISED),
        ("no_sharing", FailureKind.UNAUTHORISED),
        ("out_of_credit", FailureKind.OUT_OF_CREDIT),
        ("no_model", FailureKind.NOT_FOUND),
        ("overloaded", FailureKind.OVERLOADED),
    ],
)
def test_a_refusal_is_told_by_status_and_words_and_costs_nothing(name: str, kind: FailureKind) -> None:
    failure = failed(PROVIDER.generate(drawing(), target()), stored(f"together/{name}"))

    assert (failure.kind, failure.charge) == (kind, Charge.NONE)


def test_a_full_minute_is_one_of_requests() -> None:
    failure = failed(PROVIDER.generate(drawing(), target()), stored("together/throttled"))

    assert (failure.kind, failure.unit) == (FailureKind.RATE_LIMITED, Unit.REQUESTS)


def test_a_success_without_a_picture_is_unusable_and_billed() -> None:
    failure = failed(PROVIDER.generate(drawing(), target()), stored("together/nothing"))

    assert (failure.kind, failure.charge) == (FailureKind.UNUSABLE, Charge.BILLED)


def test_its_list_of_models_is_bare() -> None:
    assert finish(PROVIDER.ask(target()), stored("together/models")) == f"{PRO} is available"
    assert finish(PROVIDER.ask(target("x/y")), stored("together/models")) == "the server answers, and does not list x/y"
