"""Google AI Studio's dialect: what is sent, and what is made of its answers."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from pixelrelay.errors import ProviderError
from pixelrelay.images import ImageRequest, InputImage, Operation, Size
from pixelrelay.outcomes import Charge, Failure, FailureKind, Usage
from pixelrelay.providers.base import Purpose, Send, Target
from pixelrelay.providers.capabilities import lacks, table
from pixelrelay.providers.gemini import Gemini, GeminiOptions
from pixelrelay.quotas import Unit
from tests.providers.exchanges import PIXEL, drawing, editing, failed, finish, png, sent, stored

PROVIDER = Gemini()
MODELS = "https://generativelanguage.googleapis.com/v1beta/models"
FLASH = "gemini-3.1-flash-image"
WORDS = {"text": "a lighthouse at dusk"}


def target(model: str = FLASH, **options: str) -> Target:
    return PROVIDER.target(model, SecretStr("AIza-test"), GeminiOptions.model_validate(options))


def body(request: ImageRequest, model: str = FLASH) -> Any:
    return sent(PROVIDER.generate(request, target(model))).json


def config(request: ImageRequest, model: str = FLASH) -> Any:
    told = dict(body(request, model)["generationConfig"])
    assert told.pop("responseModalities") == ["TEXT", "IMAGE"]
    return told


def generated(name: str) -> Failure:
    return failed(PROVIDER.generate(drawing(), target()), stored(f"gemini/{name}"))


# --- where to, and as whom ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "base_url", "host"),
    [
        ({}, "https://generativelanguage.googleapis.com/v1beta", "generativelanguage.googleapis.com"),
        ({"base_url": "https://gate.example/google/"}, "https://gate.example/google/v1beta", "gate.example"),
        ({"base_url": "http://127.0.0.1:9000/v1beta"}, "http://127.0.0.1:9000/v1beta", "127.0.0.1"),
    ],
)
def test_the_key_goes_to_the_one_host_that_is_asked(options: dict[str, str], base_url: str, host: str) -> None:
    there = target(**options)

    assert (there.base_url, there.trusted_hosts) == (base_url, (host,))
    assert "AIza-test" not in repr(there)


def test_a_key_is_needed() -> None:
    with pytest.raises(ValueError, match="api_key"):
        PROVIDER.target(FLASH, None, GeminiOptions())


@pytest.mark.anyio
async def test_the_key_has_a_header_of_its_own() -> None:
    there = target()
    assert there.credential is not None

    assert await there.credential.headers(sent(PROVIDER.ask(there))) == {"x-goog-api-key": "AIza-test"}


# --- what is sent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [FLASH, f"models/{FLASH}"])
def test_a_generation_is_one_json_request(model: str) -> None:
    assert sent(PROVIDER.generate(drawing(), target(model))) == Send(
        Purpose.SUBMIT,
        "POST",
        f"{MODELS}/{FLASH}:generateContent",
        json={
            "contents": [{"role": "user", "parts": [WORDS]}],
            "generationConfig": {"responseModalities": ["TEXT", "IMAGE"]},
        },
    )


def test_the_pictures_of_an_edit_stand_before_the_words_about_them() -> None:
    photo = InputImage(b"\xff\xd8\xff", "image/jpeg", "photo.jpg")

    (content,) = (sent(PROVIDER.edit(editing(png(), photo), target())).json or {})["contents"]

    assert content["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": png().base64}},
        {"inlineData": {"mimeType": "image/jpeg", "data": "/9j/"}},
        {"text": "add a red hat"},
    ]


@pytest.mark.parametrize(
    ("model", "size", "told"),
    [
        (FLASH, Size(512, 512), {"aspectRatio": "1:1", "imageSize": "512"}),
        (FLASH, Size(1584, 672), {"aspectRatio": "21:9", "imageSize": "1K"}),
        (FLASH, Size(2528, 1696), {"aspectRatio": "3:2", "imageSize": "2K"}),
        (FLASH, Size(1536, 12288), {"aspectRatio": "1:8", "imageSize": "4K"}),
        ("gemini-3-pro-image", Size(3072, 5504), {"aspectRatio": "9:16", "imageSize": "4K"}),
        ("gemini-3.1-flash-lite-image", Size(928, 1152), {"aspectRatio": "4:5"}),
        ("gemini-2.5-flash-image", Size(1344, 768), {"aspectRatio": "16:9"}),
        ("gemini-9-image", Size(1920, 1080), {"aspectRatio": "16:9", "imageSize": "1K"}),
    ],
)
def test_a_size_is_told_as_a_ratio_and_a_class_where_the_model_has_several(
    model: str, size: Size, told: dict[str, str]
) -> None:
    assert config(drawing(size=size), model) == {"imageConfig": told}


@pytest.mark.parametrize("model", [model for model in table("gemini") if model != "*"])
def test_every_size_that_is_listed_is_told_by_the_ratio_it_is_listed_for(model: str) -> None:
    sizes = PROVIDER.capabilities(model, None).sizes
    listed = [Size(*map(int, size.split("x"))) for size in sizes.exact]
    told = [sizes.as_told(size) for size in listed]

    assert told == list(sizes.ratios) * (len(listed) // len(sizes.ratios))


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"aspect_ratio": "3:2", "image_size": "2K"}, {"imageConfig": {"aspectRatio": "3:2", "imageSize": "2K"}}),
        ({"thinking_level": "high"}, {"thinkingConfig": {"thinkingLevel": "high"}}),
        ({"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "topP": 0.9}),
    ],
)
def test_own_parameters_stand_where_google_has_them(parameters: dict[str, Any], told: dict[str, Any]) -> None:
    request = drawing(parameters=parameters)

    assert lacks(PROVIDER.capabilities(FLASH, None), request) == ()
    assert config(request) == told


def test_own_parameters_of_the_whole_body_and_the_extra_body_stand_at_its_top() -> None:
    off = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]
    own = {"safety_settings": off, "system_instruction": "be calm", "tools": [{"googleSearch": {}}]}
    request = drawing(
        seed=7,
        parameters={**own, "service_tier": "flex"},
        extra_body={"generationConfig": {"seed": 8}, "cachedContent": "x"},
    )

    told = body(request)

    assert told.pop("contents")
    assert told == {
        "generationConfig": {"responseModalities": ["TEXT", "IMAGE"], "seed": 8},
        "safetySettings": off,
        "systemInstruction": {"parts": [{"text": "be calm"}]},
        "tools": [{"googleSearch": {}}],
        "serviceTier": "flex",
        "cachedContent": "x",
    }


@pytest.mark.parametrize(
    ("model", "request_", "lacking"),
    [
        (FLASH, drawing(n=2), "n=2: at most 1"),
        (FLASH, drawing(size=Size(1792, 1024)), "size 1792x1024"),
        (FLASH, drawing(output_format="png"), "output_format 'png': it takes none"),
        (FLASH, drawing(background="transparent"), "background 'transparent'"),
        (FLASH, drawing(quality="high"), "quality 'high': it takes none"),
        (FLASH, editing(mask=png()), "mask"),
        (FLASH, editing(*[png()] * 15), "15 input images: at most 14"),
        (FLASH, drawing(parameters={"thinking_level": "medium"}), "'medium' is none of minimal, high"),
        (FLASH, drawing(parameters={"image_size": "1k"}), "'1k' is none of 512, 1K, 2K, 4K"),
        (FLASH, drawing(parameters={"person_generation": "ALLOW_ALL"}), "unknown to it"),
        ("gemini-nano-banana-2.1", drawing(size=Size(512, 512)), "size 512x512"),
        ("gemini-3-pro-image", drawing(parameters={"aspect_ratio": "1:8"}), "'1:8' is none of"),
        ("gemini-2.5-flash-image", drawing(parameters={"image_size": "2K"}), "unknown to it"),
        ("gemini-2.5-flash-image", editing(*[png()] * 4), "4 input images: at most 3"),
        ("imagen-4.0-generate-001", editing(), "cannot edit"),
    ],
)
def test_what_a_model_lacks_is_said_before_anything_is_sent(model: str, request_: ImageRequest, lacking: str) -> None:
    assert lacking in " ".join(lacks(PROVIDER.capabilities(model, None), request_, request_.n))


@pytest.mark.parametrize(
    ("model", "instead"),
    [
        ("gemini-2.5-flash-image-preview", "gemini-3.1-flash-image"),
        ("gemini-3-pro-image-preview", "gemini-3-pro-image"),
        ("imagen-4.0-ultra-generate-001", "gemini-3-pro-image"),
    ],
)
def test_models_that_are_gone_name_those_that_took_their_place(model: str, instead: str) -> None:
    can = PROVIDER.capabilities(model, None)

    assert can.retires is not None
    assert can.replaced_by == instead


def test_imagen_is_asked_to_predict() -> None:
    request = drawing(n=2, size=Size(1536, 2816), output_format="jpeg", parameters={"person_generation": "dont_allow"})

    send = sent(PROVIDER.generate(request, target("imagen-4.0-generate-001")))

    assert send.url == f"{MODELS}/imagen-4.0-generate-001:predict"
    assert send.json == {
        "instances": [{"prompt": "a lighthouse at dusk"}],
        "parameters": {
            "includeRaiReason": True,
            "sampleCount": 2,
            "aspectRatio": "9:16",
            "sampleImageSize": "2K",
            "outputOptions": {"mimeType": "image/jpeg"},
            "personGeneration": "dont_allow",
        },
    }
    found = finish(PROVIDER.generate(request, target("imagen-4.0-generate-001")), stored("gemini/imagen"))
    assert [image.bytes() for image in found.images] == [PIXEL, PIXEL]


# --- what comes back ---------------------------------------------------------------------------------------------


def test_a_picture_comes_back_as_it_was_sent_with_its_tokens() -> None:
    found = finish(PROVIDER.generate(drawing(), target()), stored("gemini/picture"))

    (image,) = found.images
    assert (image.bytes(), image.media_type, image.data) == (PIXEL, "image/png", None)
    assert (found.output_format, found.provider_request_id, found.cost) == ("png", "q1w2e3r4t5", None)
    assert found.usage == Usage(
        input_tokens=12,
        output_tokens=1290,
        total_tokens=1302,
        input_tokens_details={"text_tokens": 12, "image_tokens": 0},
        output_tokens_details={"text_tokens": 0, "image_tokens": 1290},
    )


def test_of_several_pictures_the_last_counts_and_thoughts_do_not() -> None:
    found = finish(PROVIDER.edit(editing(), target()), stored("gemini/thoughts_and_drafts"))

    (image,) = found.images
    assert (image.encoded, image.media_type) == ("/9j/AAQSkZJRg==", "image/jpeg")  # by content, whatever it is called
    assert found.usage == Usage(
        input_tokens=270,
        output_tokens=1348,
        total_tokens=1618,
        input_tokens_details={"text_tokens": 12, "image_tokens": 258},
        output_tokens_details={"text_tokens": 228, "image_tokens": 1120},
    )


def test_nothing_beside_a_picture_can_lose_it() -> None:
    found = finish(PROVIDER.generate(drawing(), target()), stored("gemini/odd_beside_the_picture"))

    assert [image.bytes() for image in found.images] == [PIXEL]
    assert (found.usage, found.provider_request_id) == (None, None)


# --- failures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "charge", "code"),
    [
        ("prompt_blocked", FailureKind.CONTENT_REJECTED, Charge.NONE, "PROHIBITED_CONTENT"),
        ("image_safety", FailureKind.CONTENT_REJECTED, Charge.UNKNOWN, "IMAGE_SAFETY"),
        ("policy_under_another_name", FailureKind.CONTENT_REJECTED, Charge.UNKNOWN, "IMAGE_OTHER"),
        ("withheld_after_it_was_drawn", FailureKind.CONTENT_REJECTED, Charge.BILLED, "IMAGE_PROHIBITED_CONTENT"),
        ("no_image", FailureKind.UNUSABLE, Charge.UNKNOWN, "NO_IMAGE"),
        ("words_alone", FailureKind.UNUSABLE, Charge.UNKNOWN, "STOP"),
        ("nothing", FailureKind.UNUSABLE, Charge.UNKNOWN, None),
        ("cut_short", FailureKind.UNUSABLE, Charge.BILLED, None),
    ],
)
def test_a_success_without_a_picture_is_moderation_where_it_says_so(
    name: str, kind: FailureKind, charge: Charge, code: str | None
) -> None:
    failure = generated(name)

    assert (failure.kind, failure.charge, failure.code) == (kind, charge, code)
    assert failure.status == 200


def test_what_the_model_said_instead_of_drawing_is_not_repeated() -> None:
    assert generated("words_alone").message == "the model answered without a picture"
    assert generated("image_safety").message.startswith("the picture was blocked (IMAGE_SAFETY): Unable to show")
    assert generated("image_safety").provider_request_id == "blocked2"


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("wrong_key", FailureKind.UNAUTHORISED, "API_KEY_INVALID"),
        ("expired_key", FailureKind.UNAUTHORISED, "INVALID_ARGUMENT"),
        ("missing_key", FailureKind.UNAUTHORISED, "PERMISSION_DENIED"),
        ("suspended_key", FailureKind.UNAUTHORISED, "CONSUMER_SUSPENDED"),
        ("wrong_place", FailureKind.UNAUTHORISED, "FAILED_PRECONDITION"),
        ("out_of_credit", FailureKind.OUT_OF_CREDIT, "RESOURCE_EXHAUSTED"),
        ("prepaid_and_spent", FailureKind.OUT_OF_CREDIT, "RESOURCE_EXHAUSTED"),
        ("unknown_model", FailureKind.NOT_FOUND, "NOT_FOUND"),
        ("invalid_argument", FailureKind.INVALID, "INVALID_ARGUMENT"),
        ("invalid_safety_settings", FailureKind.INVALID, "INVALID_ARGUMENT"),
        ("unreadable_input", FailureKind.INVALID, "INVALID_ARGUMENT"),
        ("high_demand", FailureKind.OVERLOADED, "UNAVAILABLE"),
        ("internal", FailureKind.OVERLOADED, "INTERNAL"),
    ],
)
def test_a_refusal_is_known_by_reason_status_and_message_and_costs_nothing(
    name: str, kind: FailureKind, code: str
) -> None:
    failure = generated(name)

    assert (failure.kind, failure.code, failure.charge) == (kind, code, Charge.NONE)
    assert "AIza" not in failure.message


def test_a_deadline_of_googles_leaves_open_whether_a_picture_was_drawn() -> None:
    assert (generated("deadline").kind, generated("deadline").charge) == (FailureKind.TIMEOUT, Charge.UNKNOWN)


@pytest.mark.parametrize(
    ("name", "kind", "unit", "seconds"),
    [
        ("full_minute", FailureKind.RATE_LIMITED, Unit.REQUESTS, 34.4),
        ("full_minute_told_in_words", FailureKind.RATE_LIMITED, Unit.REQUESTS, 7.5),
        ("full_of_tokens", FailureKind.RATE_LIMITED, None, 21.0),
        ("in_a_list", FailureKind.RATE_LIMITED, Unit.REQUESTS, 12.0),
        ("exhausted", FailureKind.RATE_LIMITED, None, None),
        ("odd_details", FailureKind.RATE_LIMITED, None, None),
        ("full_day", FailureKind.OUT_OF_CREDIT, None, None),
        ("no_free_tier", FailureKind.OUT_OF_CREDIT, None, None),
        ("limit_of_nothing", FailureKind.OUT_OF_CREDIT, None, None),
    ],
)
def test_a_full_quota_says_of_what_and_for_how_long_and_one_of_a_day_is_an_empty_account(
    name: str, kind: FailureKind, unit: Unit | None, seconds: float | None
) -> None:
    failure = generated(name)

    assert (failure.kind, failure.unit, failure.retry_after) == (kind, unit, seconds)


def test_an_exchange_that_got_no_answer_fails_as_the_transport_says() -> None:
    lost = Failure(FailureKind.TIMEOUT, "no answer", charge=Charge.UNKNOWN)

    assert failed(PROVIDER.generate(drawing(), target()), ProviderError(lost)) == lost


# --- a free question ---------------------------------------------------------------------------------------------


def test_asking_after_the_model_shows_that_key_host_and_model_are_good() -> None:
    assert sent(PROVIDER.ask(target())) == Send(Purpose.ASK, "GET", f"{MODELS}/{FLASH}")
    assert finish(PROVIDER.ask(target()), stored("gemini/model")) == f"{FLASH} is available"
    assert failed(PROVIDER.ask(target()), stored("gemini/unknown_model")).kind is FailureKind.NOT_FOUND


def test_every_model_that_can_edit_takes_pictures() -> None:
    for model, can in table("gemini").items():
        assert (Operation.EDIT in can.operations) == (can.references > 0), model
