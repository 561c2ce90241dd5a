"""xAI: ratios and resolutions, edits as JSON, moderation that says nothing, and costs that are told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from pixelrelay.images import ImageRequest, Size, parse_size
from pixelrelay.outcomes import Charge, FailureKind
from pixelrelay.providers._compatible import CompatibleOptions
from pixelrelay.providers.base import Purpose, Reply, Send, Target
from pixelrelay.providers.capabilities import lacks, table
from pixelrelay.providers.xai import XAI as PROVIDER
from pixelrelay.quotas import Shape, Unit
from tests.providers.exchanges import PIXEL, drawing, editing, failed, finish, png, sent, stored

FIRST, SECOND = "grok-imagine-image", "grok-imagine-image-2.0"
ADDRESS = {"url": f"data:image/png;base64,{png().base64}", "type": "image_url"}


def target(model: str = SECOND) -> Target:
    return PROVIDER.target(model, SecretStr("xai-test"), CompatibleOptions())


def body(request: ImageRequest, model: str = SECOND) -> dict[str, Any]:
    return dict(sent(PROVIDER.generate(request, target(model))).json or {})


def fits(request: ImageRequest, model: str) -> bool:
    return not lacks(PROVIDER.capabilities(model, CompatibleOptions()), request, request.n)


def test_a_generation_says_what_xai_knows_and_asks_for_bytes() -> None:
    request = drawing(n=2, size=Size(864, 1152), quality="low", user="user-7")

    assert fits(request, SECOND)
    assert sent(PROVIDER.generate(request, target())) == Send(
        Purpose.SUBMIT,
        "POST",
        "https://api.x.ai/v1/images/generations",
        json={
            "model": SECOND,
            "prompt": "a lighthouse at dusk",
            "n": 2,
            "aspect_ratio": "3:4",
            "resolution": "1k",
            "quality": "low",
            "response_format": "b64_json",
            "user": "user-7",
        },
    )


@pytest.mark.parametrize(
    ("size", "ratio", "resolution"),
    [
        ("896x1280", "3:4", "1k"),
        ("1248x576", "19.5:9", "1k"),
        ("576x1280", "9:20", "1k"),
        ("2048x2048", "1:1", "2k"),
        ("1792x2560", "3:4", "2k"),
        ("2496x1152", "19.5:9", "2k"),
    ],
)
def test_a_size_is_told_as_the_ratio_and_resolution_that_draw_it(size: str, ratio: str, resolution: str) -> None:
    request = drawing(size=parse_size(size))

    assert fits(request, FIRST)
    said = body(request, FIRST)
    assert (said["aspect_ratio"], said["resolution"], "size" in said) == (ratio, resolution, False)


@pytest.mark.parametrize("model", [FIRST, SECOND])
def test_each_size_of_a_row_has_a_ratio_that_is_known(model: str) -> None:
    row = table("xai")[model]
    ratios = row.parameters["aspect_ratio"].choices

    told = {body(drawing(size=parse_size(size)), model)["aspect_ratio"] for size in row.sizes.exact}

    assert told <= set(ratios)
    assert len(told) == len(row.sizes.exact) // (2 if model == FIRST else 1)


def test_a_model_of_next_year_is_told_the_nearest_ratio() -> None:
    assert body(drawing(size=Size(1600, 900)), "grok-9")["aspect_ratio"] == "16:9"


@pytest.mark.parametrize(("images", "said"), [(1, {"image": ADDRESS}), (2, {"images": [ADDRESS, ADDRESS]})])
def test_an_edit_is_json_with_one_image_or_several(images: int, said: dict[str, Any]) -> None:
    send = sent(PROVIDER.edit(editing(*[png()] * images, parameters={"aspect_ratio": "2:1"}), target()))

    assert (send.url, send.parts) == ("https://api.x.ai/v1/images/edits", ())
    assert send.json == {
        "model": SECOND,
        "prompt": "add a red hat",
        "n": 1,
        "response_format": "b64_json",
        **said,
        "aspect_ratio": "2:1",
    }


@pytest.mark.parametrize(
    ("model", "request_", "fit"),
    [
        (FIRST, drawing(quality="low"), False),
        (SECOND, drawing(quality="high"), False),
        (SECOND, drawing(seed=7), False),
        (SECOND, drawing(output_format="png"), False),
        (SECOND, drawing(size=Size(896, 1280)), False),
        (SECOND, editing(mask=png()), False),
        (SECOND, editing(size=Size(1024, 1024)), False),
        (SECOND, editing(png(), png(), png()), True),
        (SECOND, drawing(parameters={"resolution": "3k"}), False),
        (SECOND, drawing(n=10), True),
    ],
)
def test_what_a_model_can_be_asked_is_known(model: str, request_: ImageRequest, fit: bool) -> None:
    assert fits(request_, model) is fit


def test_a_picture_comes_with_what_it_cost() -> None:
    found = finish(PROVIDER.generate(drawing(), target()), stored("xai/picture"))

    assert [image.bytes() for image in found.images] == [PIXEL]
    assert (found.cost, found.usage) == (Decimal("0.06"), None)


def test_an_address_is_handed_on_where_it_was_asked_for() -> None:
    request = drawing(response_format="url")

    assert body(request)["response_format"] == "url"
    found = finish(PROVIDER.generate(request, target()), stored("xai/address"))
    assert (found.images[0].url, found.cost) == ("https://imgen.x.ai/xai-imgen/1.jpeg", Decimal("0.02"))


@pytest.mark.parametrize(
    ("name", "charge"),
    [
        ("kept_back", Charge.BILLED),
        ("nothing", Charge.NONE),
        ("rejected", Charge.NONE),
        ("violates", Charge.NONE),
    ],
)
def test_moderation_is_known_in_every_disguise_and_costs_what_it_says(name: str, charge: Charge) -> None:
    failure = failed(PROVIDER.generate(drawing(), target()), stored(f"xai/{name}"))

    assert (failure.kind, failure.charge) == (FailureKind.CONTENT_REJECTED, charge)


def test_nobody_knows_what_a_kept_back_picture_cost_where_nothing_is_said() -> None:
    answer = Reply(200, {}, b'{"data":[]}')

    assert failed(PROVIDER.generate(drawing(), target()), answer).charge is Charge.UNKNOWN


def test_a_picture_that_passed_is_not_lost_with_one_that_did_not() -> None:
    found = finish(PROVIDER.generate(drawing(n=2), target()), stored("xai/one_of_two_kept_back"))

    assert [image.bytes() for image in found.images] == [PIXEL]
    assert found.cost == Decimal("0.12")


@pytest.mark.parametrize("answer", [b'{"data":[null]}', b"{", b'{"data":7}'])
def test_a_success_that_cannot_be_read_is_unusable_and_no_moderation(answer: bytes) -> None:
    failure = failed(PROVIDER.generate(drawing(), target()), Reply(200, {}, answer))

    assert (failure.kind, failure.charge) == (FailureKind.UNUSABLE, Charge.BILLED)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("wrong_key", FailureKind.UNAUTHORISED),
        ("unknown_field", FailureKind.INVALID),
        ("bad_resolution", FailureKind.INVALID),
        ("out_of_credit", FailureKind.OUT_OF_CREDIT),
        ("no_model", FailureKind.NOT_FOUND),
        ("throttled", FailureKind.RATE_LIMITED),
        ("unavailable", FailureKind.OVERLOADED),
    ],
)
def test_one_status_says_several_things_that_its_words_tell_apart(name: str, kind: FailureKind) -> None:
    failure = failed(PROVIDER.generate(drawing(), target()), stored(f"xai/{name}"))

    assert (failure.kind, failure.charge) == (kind, Charge.NONE)


def test_five_calls_a_second_are_a_speed() -> None:
    terms = PROVIDER.terms(SECOND, CompatibleOptions())

    assert (terms.shape, dict(terms.limits)) == (Shape.PACED, {Unit.REQUESTS: 300})


def test_its_list_of_image_models_has_other_names_for_some() -> None:
    assert sent(PROVIDER.ask(target())).url == "https://api.x.ai/v1/image-generation-models"
    for model in (SECOND, "grok-imagine-image-latest"):
        assert finish(PROVIDER.ask(target(model)), stored("xai/models")) == f"{model} is available"
