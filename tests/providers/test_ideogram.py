"""Ideogram: what each endpoint is told, in which kind of body, and what its answers mean."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image as Picture
from pydantic import SecretStr

from pixelrelay.images import ImageRequest, InputImage, Size
from pixelrelay.outcomes import Charge, FailureKind
from pixelrelay.providers.base import Part, Purpose, Reply, Send, Target
from pixelrelay.providers.capabilities import lacks
from pixelrelay.providers.ideogram import Ideogram, IdeogramOptions
from pixelrelay.quotas import Unit
from tests.providers.exchanges import PIXEL, drawing, editing, failed, finish, png, sent, stored

IDEOGRAM = Ideogram()
PICTURE_URL = "https://ideogram.ai/api/images/ephemeral/xtdZiqPwRxqY1Y7NExFmzB.png?exp=1743867804&sig=e13e12"
PICTURE = Reply(200, {"content-type": "image/png"}, PIXEL)
MASK = InputImage(b"\x89PNG, its header without alpha", "image/png", "mask.png")
PHOTO = Part("image", PIXEL, "photo.png", "image/png")


def reply(name: str) -> Reply:
    return stored(f"ideogram/{name}")


def target(model: str = "ideogram-v3", **options: Any) -> Target:
    return IDEOGRAM.target(model, SecretStr("the-key"), IdeogramOptions(**options))


def fits(model: str, request: ImageRequest) -> bool:
    return lacks(IDEOGRAM.capabilities(model, IdeogramOptions()), request, request.n) == ()


# --- what is sent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "request_", "path", "body"),
    [
        ("ideogram-v3", drawing(), "v1/ideogram-v3/generate", {"num_images": 1}),
        (
            "ideogram-v3",
            drawing(
                n=2,
                size=Size(1280, 800),
                quality="medium",
                style="DESIGN",
                seed=7,
                user="u",
                parameters={"magic_prompt": "OFF", "negative_prompt": "fog", "color_palette": {"name": "EMBER"}},
            ),
            "v1/ideogram-v3/generate",
            {
                "num_images": 2,
                "resolution": "1280x800",
                "rendering_speed": "DEFAULT",
                "style_type": "DESIGN",
                "seed": 7,
                "magic_prompt": "OFF",
                "negative_prompt": "fog",
                "color_palette": {"name": "EMBER"},
            },
        ),
        (
            "ideogram-v3",
            drawing(parameters={"aspect_ratio": "16x9", "rendering_speed": "FLASH"}),
            "v1/ideogram-v3/generate",
            {"num_images": 1, "aspect_ratio": "16x9", "rendering_speed": "FLASH"},
        ),
        (
            "ideogram-v3/generate-transparent",
            drawing(background="transparent", quality="low", parameters={"upscale_factor": "X2"}),
            "v1/ideogram-v3/generate-transparent",
            {"num_images": 1, "rendering_speed": "TURBO", "upscale_factor": "X2"},
        ),
        (
            "ideogram-4-5",
            drawing(n=2, size=Size(1024, 1024), quality="high", seed=3),
            "v2/image/generate/ideogram-4-5",
            {"num_images": 2, "size": "1024x1024", "quality": "high", "seed": 3},
        ),
        ("ideogram-5", drawing(), "v2/image/generate/ideogram-5", {"num_images": 1}),
    ],
)
def test_pictures_from_words_are_asked_for_in_json(
    model: str, request_: ImageRequest, path: str, body: dict[str, Any]
) -> None:
    assert fits(model, request_)

    send = sent(IDEOGRAM.generate(request_, target(model)))

    assert (send.purpose, send.method, send.url) == (Purpose.SUBMIT, "POST", f"https://api.ideogram.ai/{path}")
    assert send.json == {"prompt": "a lighthouse at dusk", **body}


def test_ideogram_4_is_told_a_text_or_a_structure_and_never_both() -> None:
    plain = drawing(size=Size(2048, 2048), quality="high")
    structured = drawing(parameters={"json_prompt": {"high_level_description": "a lighthouse"}})
    assert fits("ideogram-v4", plain)
    assert fits("ideogram-v4", structured)

    assert sent(IDEOGRAM.generate(plain, target("ideogram-v4"))).json == {
        "text_prompt": "a lighthouse at dusk",
        "resolution": "2048x2048",
        "rendering_speed": "QUALITY",
    }
    assert sent(IDEOGRAM.generate(structured, target("ideogram-v4"))).json == {
        "json_prompt": {"high_level_description": "a lighthouse"}
    }


PROMPT, ONE = Part("prompt", "add a red hat"), Part("num_images", "1")


@pytest.mark.parametrize(
    ("model", "request_", "path", "parts"),
    [
        (
            "ideogram-v3/inpaint",
            editing(mask=MASK, quality="low"),
            "v1/ideogram-v3/inpaint",
            (PROMPT, ONE, Part("rendering_speed", "TURBO"), PHOTO, Part("mask", MASK.data, "mask.png", "image/png")),
        ),
        (
            "ideogram-v3/remix",
            editing(size=Size(1024, 1024), parameters={"image_weight": 70, "style_codes": ["AB", "CD"]}),
            "v1/ideogram-v3/remix",
            (
                PROMPT,
                ONE,
                Part("resolution", "1024x1024"),
                Part("image_weight", "70"),
                Part("style_codes", "AB"),
                Part("style_codes", "CD"),
                PHOTO,
            ),
        ),
        (
            "ideogram-v3/reframe",
            editing(size=Size(1536, 512), seed=7),
            "v1/ideogram-v3/reframe",
            (ONE, Part("resolution", "1536x512"), Part("seed", "7"), PHOTO),
        ),
        (
            "ideogram-v3/replace-background",
            editing(parameters={"color_palette": {"members": [{"color_hex": "#FF0000"}]}}),
            "v1/ideogram-v3/replace-background",
            (
                PROMPT,
                ONE,
                Part("color_palette", '{"members": [{"color_hex": "#FF0000"}]}', media_type="application/json"),
                PHOTO,
            ),
        ),
        (
            "ideogram-v4/remix",
            editing(quality="medium"),
            "v1/ideogram-v4/remix",
            (Part("text_prompt", "add a red hat"), Part("rendering_speed", "DEFAULT"), PHOTO),
        ),
        (
            "ideogram-4-5",
            editing(png("a.png"), png("b.png"), size=Size(512, 1024)),
            "v2/image/generate/ideogram-4-5",
            (
                PROMPT,
                ONE,
                Part("size", "512x1024"),
                Part("images", PIXEL, "a.png", "image/png"),
                Part("images", PIXEL, "b.png", "image/png"),
            ),
        ),
        (
            "ideogram-4-5/precise-edit",
            editing(png("a.png"), png("b.png"), seed=7),
            "v2/image/precise-edit/ideogram-4-5",
            (
                PROMPT,
                ONE,
                Part("seed", "7"),
                Part("image", PIXEL, "a.png", "image/png"),
                Part("reference_images", PIXEL, "b.png", "image/png"),
            ),
        ),
        (
            "edit",
            editing(background="transparent"),
            "v1/edit",
            (PROMPT, ONE, Part("transparent_background", "true"), Part("images", PIXEL, "photo.png", "image/png")),
        ),
    ],
)
def test_input_images_are_sent_as_the_files_of_a_form(
    model: str, request_: ImageRequest, path: str, parts: tuple[Part, ...]
) -> None:
    assert fits(model, request_)

    send = sent(IDEOGRAM.edit(request_, target(model)))

    assert (send.url, send.json) == (f"https://api.ideogram.ai/{path}", None)
    assert send.parts == parts


def test_what_is_transparent_in_a_mask_is_black_for_ideogram() -> None:
    picture = Picture.new("RGBA", (4, 1), (9, 9, 9, 255))
    picture.putpixel((0, 0), (9, 9, 9, 0))
    file = io.BytesIO()
    picture.save(file, "PNG")
    mask = InputImage(file.getvalue(), "image/png", "mask.png", Size(4, 1))

    send = sent(IDEOGRAM.edit(editing(mask=mask), target("ideogram-v3/inpaint")))

    sent_mask = next(part.data for part in send.parts if part.name == "mask")
    assert isinstance(sent_mask, bytes)
    with Picture.open(io.BytesIO(sent_mask)) as painted:
        assert list(painted.convert("L").tobytes()) == [0, 255, 255, 255]


def test_reframing_needs_a_size_by_either_of_its_names() -> None:
    can = IDEOGRAM.capabilities("ideogram-v3/reframe", IdeogramOptions())

    assert lacks(can, editing()) == ("size, resolution: it needs one of them",)
    assert lacks(can, editing(size=Size(1536, 512))) == ()
    named = editing(parameters={"resolution": "1536x512"})
    assert sent(IDEOGRAM.edit(named, target("ideogram-v3/reframe"))).parts[1] == Part("resolution", "1536x512")


# --- what comes back ---------------------------------------------------------------------------------------------


def test_a_picture_is_fetched_from_its_address_which_expires() -> None:
    exchange = IDEOGRAM.generate(drawing(), target())
    assert sent(exchange, reply("one_picture")) == Send(Purpose.DOWNLOAD, "GET", PICTURE_URL)
    with pytest.raises(StopIteration) as finished:
        exchange.send(PICTURE)

    generation = finished.value.value
    (image,) = generation.images
    assert (image.data, image.seed, image.revised_prompt) == (PIXEL, 12345, None)
    assert generation.size == Size(1024, 1024)


def test_the_prompt_that_magic_made_is_told() -> None:
    generation = finish(IDEOGRAM.generate(drawing(), target()), reply("magic_prompt"), PICTURE)

    assert generation.images[0].revised_prompt == "A serene lighthouse, painted in oil at dusk"


def test_a_caller_who_wants_an_address_gets_it() -> None:
    generation = finish(IDEOGRAM.generate(drawing(response_format="url"), target()), reply("one_picture"))

    assert (generation.images[0].url, generation.images[0].data) == (PICTURE_URL, None)


def test_an_answer_of_the_second_api_names_its_generation() -> None:
    generation = finish(IDEOGRAM.generate(drawing(), target("ideogram-4-5")), reply("second_api"), PICTURE)

    assert generation.provider_request_id == "wwxna7lJUIqKg4VzNSb8Xg"


def test_odd_words_beside_a_picture_do_not_cost_it() -> None:
    generation = finish(IDEOGRAM.generate(drawing(), target()), reply("odd_beside_the_picture"), PICTURE)

    assert (generation.images[0].data, generation.images[0].seed, generation.size) == (PIXEL, None, None)


@pytest.mark.parametrize("answer", ["unsafe", "unsafe_and_empty"])
def test_a_picture_that_is_not_safe_is_moderation_though_the_status_says_success(answer: str) -> None:
    failure = failed(IDEOGRAM.generate(drawing(), target()), reply(answer))

    assert (failure.kind, failure.charge, failure.status) == (FailureKind.CONTENT_REJECTED, Charge.UNKNOWN, 200)


def test_of_several_pictures_those_that_are_safe_are_kept() -> None:
    generation = finish(IDEOGRAM.generate(drawing(n=2), target()), reply("one_of_two_unsafe"), PICTURE)

    assert [image.seed for image in generation.images] == [12346]


@pytest.mark.parametrize("answer", ["nothing", "no_data"])
def test_a_success_without_a_picture_is_billed_and_unusable(answer: str) -> None:
    failure = failed(IDEOGRAM.generate(drawing(), target()), reply(answer))

    assert (failure.kind, failure.charge) == (FailureKind.UNUSABLE, Charge.BILLED)


def test_a_picture_whose_address_has_expired_is_billed() -> None:
    failure = failed(IDEOGRAM.generate(drawing(), target()), reply("one_picture"), reply("forbidden"))

    assert (failure.kind, failure.charge) == (FailureKind.UNUSABLE, Charge.BILLED)


@pytest.mark.parametrize(
    ("answer", "kind", "charge", "unit"),
    [
        ("prompt_unsafe", FailureKind.CONTENT_REJECTED, Charge.NONE, None),
        ("image_unsafe", FailureKind.CONTENT_REJECTED, Charge.NONE, None),
        ("invalid", FailureKind.INVALID, Charge.NONE, None),
        ("unauthorised", FailureKind.UNAUTHORISED, Charge.NONE, None),
        ("forbidden", FailureKind.UNAUTHORISED, Charge.NONE, None),
        ("no_funds", FailureKind.OUT_OF_CREDIT, Charge.NONE, None),
        ("subscription", FailureKind.OUT_OF_CREDIT, Charge.NONE, None),
        ("not_found", FailureKind.NOT_FOUND, Charge.NONE, None),
        ("throttled", FailureKind.RATE_LIMITED, Charge.NONE, Unit.CONCURRENT),
        ("in_flight", FailureKind.RATE_LIMITED, Charge.NONE, Unit.CONCURRENT),
        ("daily_limit", FailureKind.RATE_LIMITED, Charge.NONE, None),
        ("unavailable", FailureKind.OVERLOADED, Charge.NONE, None),
        ("gateway_page", FailureKind.TIMEOUT, Charge.UNKNOWN, None),
    ],
)
def test_a_refusal(answer: str, kind: FailureKind, charge: Charge, unit: Unit | None) -> None:
    failure = failed(IDEOGRAM.generate(drawing(), target()), reply(answer))

    assert (failure.kind, failure.charge, failure.unit) == (kind, charge, unit)


def test_a_refusal_says_why_and_how_long_to_stay_away() -> None:
    assert failed(IDEOGRAM.generate(drawing(), target()), reply("invalid")).message == (
        "resolution and aspect_ratio cannot be used together"
    )
    assert failed(IDEOGRAM.generate(drawing(), target()), reply("unavailable")).retry_after == 5


# --- targets, terms, questions -----------------------------------------------------------------------------------


def test_the_key_goes_to_ideogram_or_the_configured_host_alone() -> None:
    assert target().trusted_hosts == ("api.ideogram.ai",)
    assert target(base_url="https://gateway.example/ideogram/").base_url == "https://gateway.example/ideogram"
    assert "the-key" not in repr(target())


@pytest.mark.anyio
async def test_the_key_travels_in_a_header_of_its_own() -> None:
    credential = target().credential
    assert credential is not None
    assert await credential.headers(Send(Purpose.ASK, "GET", "https://api.ideogram.ai/models")) == {
        "api-key": "the-key"
    }


def test_an_account_has_ten_requests_in_flight() -> None:
    assert IDEOGRAM.terms("ideogram-v3", IdeogramOptions()).limits == {Unit.CONCURRENT: 10}


def test_asking_proves_the_key() -> None:
    assert sent(IDEOGRAM.ask(target())) == Send(Purpose.ASK, "GET", "https://api.ideogram.ai/models")
    assert finish(IDEOGRAM.ask(target()), reply("models")) == "the key is good; ideogram-v3 was not tried"
    assert failed(IDEOGRAM.ask(target()), reply("unauthorised")).kind is FailureKind.UNAUTHORISED
