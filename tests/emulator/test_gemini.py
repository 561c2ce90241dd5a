"""The emulated Google AI Studio takes what Google takes, and refuses the rest in its words."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from typing import Any

import httpx2
import pytest
from PIL import Image

from pixelrelay.testing import EmulatedDeployment, Fault, FaultKind, Fleet, emulated_fleet
from pixelrelay.testing.emulator.faults import RetryAfter
from tests.emulator.scenes import KEY, opened, png

FLASH = "gemini-3.1-flash-image"


def gemini(**options: Any) -> EmulatedDeployment:
    return EmulatedDeployment("gemini", "gemini", FLASH, **{"latency": 0, "api_key": KEY, **options})


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """Without quotas or faults, and everything takes no time."""
    with emulated_fleet(gemini()) as running:
        yield running


def ask(
    fleet: Fleet,
    *parts: dict[str, Any],
    model: str = FLASH,
    method: str = "generateContent",
    config: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
    **beside: Any,
) -> httpx2.Response:
    body = {
        "contents": [{"role": "user", "parts": list(parts) or [{"text": "a red lighthouse"}]}],
        "generationConfig": {"responseModalities": ["TEXT", "IMAGE"], **(config or {})},
        **beside,
    }
    url = f"{fleet.url('gemini')}/v1beta/models/{model}:{method}"
    return httpx2.post(url, json=body, headers=headers or {"x-goog-api-key": KEY})


def picture(media_type: str = "image/png", data: str | None = None) -> dict[str, Any]:
    return {"inlineData": {"mimeType": media_type, "data": data or base64.b64encode(png()).decode()}}


def drawn(reply: httpx2.Response) -> tuple[str, Image.Image]:
    """The one picture of an answer, and what it is said to be."""
    (candidate,) = reply.json()["candidates"]
    (blob,) = (part["inlineData"] for part in candidate["content"]["parts"] if "inlineData" in part)
    return blob["mimeType"], opened(blob["data"])


def test_pictures_come_of_the_shape_asked_for_in_one_format_or_the_other(fleet: Fleet) -> None:
    config = {"imageConfig": {"aspectRatio": "16:9", "imageSize": "512"}}

    found = [drawn(ask(fleet, config=config)) for _ in range(2)]

    assert {media_type for media_type, _ in found} == {"image/png", "image/jpeg"}
    assert {image.size for _, image in found} == {(688, 384)}
    assert all(f"image/{image.format}".lower() == media_type for media_type, image in found)


def test_an_edit_keeps_the_shape_it_was_given_and_is_billed_by_its_tokens(fleet: Fleet) -> None:
    wide = BytesIO()
    Image.new("RGB", (300, 200)).save(wide, "PNG")
    before = fleet.billed["gemini"].dollars
    reply = ask(fleet, picture(data=base64.b64encode(wide.getvalue()).decode()), {"text": "at night"})

    assert drawn(reply)[1].size == (1264, 848)
    assert fleet.requests[-1].operation == "edit"
    tokens = reply.json()["usageMetadata"]
    assert tokens["promptTokensDetails"][1] == {"modality": "IMAGE", "tokenCount": 258}
    assert tokens["totalTokenCount"] == 4 + 258 + 1120 + 120
    assert fleet.billed["gemini"].dollars - before == Decimal(262 * 5 + 1120 * 600 + 120 * 30) / 10_000_000


def test_without_asking_for_a_picture_there_are_words_alone(fleet: Fleet) -> None:
    reply = ask(fleet, config={"responseModalities": ["TEXT"]})

    assert [list(part) for part in reply.json()["candidates"][0]["content"]["parts"]] == [["text"]]
    assert fleet.requests[-1].billed == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"config": {"n": 2}}, "Unknown name \"n\" at 'generation_config': Cannot find field."),
        ({"labels": {"a": "b"}}, 'Unknown name "labels": Cannot find field.'),
        ({"config": {"imageConfig": {"personGeneration": "ALLOW_ALL"}}}, "at 'generation_config.image_config'"),
        ({"config": {"imageConfig": {"imageOutputOptions": {}}}}, "at 'generation_config.image_config'"),
        ({"config": {"imageConfig": {"imageSize": "1k"}}}, "Request contains an invalid argument."),
        ({"config": {"imageConfig": {"aspectRatio": "7:5"}}}, "Request contains an invalid argument."),
        ({"model": "gemini-3-pro-image", "config": {"imageConfig": {"imageSize": "512"}}}, "an invalid argument."),
        ({"model": "gemini-2.5-flash-image", "config": {"imageConfig": {"imageSize": "1K"}}}, "an invalid argument."),
        ({"config": {"candidateCount": 2}}, "Multiple candidates"),
        ({"config": {"temperature": 3}}, "Invalid value at 'generation_config.temperature'"),
        ({"config": {"seed": "7"}}, "Invalid value at 'generation_config.seed'"),
        ({"config": {"thinkingConfig": {"thinkingLevel": "medium"}}}, "Thinking level"),
        ({"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "SOME"}]}, "safety_settings[0]"),
        ({"serviceTier": "gold"}, "service_tier"),
    ],
)
def test_a_bad_request_is_refused_in_googles_words(fleet: Fleet, wrong: dict[str, Any], said: str) -> None:
    error = ask(fleet, **wrong).json()["error"]

    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert said in error["message"]


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (picture("image/gif"), "Unsupported MIME type"),
        (picture("image/jpeg"), "Unable to process input image"),
        (picture(data="AAAA"), "Unable to process input image"),
        (picture(data="?"), "Unable to process input image"),
        ({"inline": "x"}, "Unknown name"),
    ],
)
def test_an_input_that_is_no_such_picture_is_refused(fleet: Fleet, part: dict[str, Any], said: str) -> None:
    assert said in ask(fleet, part, {"text": "at night"}).json()["error"]["message"]


def test_more_pictures_than_a_model_takes_are_refused(fleet: Fleet) -> None:
    four = [picture()] * 4

    assert ask(fleet, *four, {"text": "a"}, model="gemini-2.5-flash-image").status_code == 400
    assert ask(fleet, *four, {"text": "a"}).status_code == 200


def test_either_spelling_of_a_field_is_understood(fleet: Fleet) -> None:
    config = {"image_config": {"aspect_ratio": "1:1", "image_size": "512"}}

    assert drawn(ask(fleet, config=config))[1].size == (512, 512)


def test_a_wrong_key_is_a_bad_request_and_a_missing_one_is_forbidden(fleet: Fleet) -> None:
    wrong = ask(fleet, headers={"x-goog-api-key": "wrong"})
    missing = ask(fleet, headers={"authorization": f"Bearer {KEY}"})

    assert (wrong.status_code, wrong.json()["error"]["details"][0]["reason"]) == (400, "API_KEY_INVALID")
    assert (missing.status_code, missing.json()["error"]["status"]) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize(
    ("model", "method"), [("gemini-9-image", "generateContent"), ("imagen-4.0-generate-001", "predict")]
)
def test_a_model_that_is_not_there_or_gone_is_not_found(fleet: Fleet, model: str, method: str) -> None:
    error = ask(fleet, model=model, method=method).json()["error"]

    assert (error["code"], error["status"]) == (404, "NOT_FOUND")
    assert f"models/{model} is not found for API version v1beta, or is not supported for {method}" in error["message"]


def test_moderation_looks_like_a_success(fleet: Fleet) -> None:
    refused = ask(fleet, {"text": "a forbidden thing"})
    withheld = ask(fleet, {"text": "an unseemly thing"})

    assert (refused.status_code, withheld.status_code) == (200, 200)
    assert refused.json()["promptFeedback"] == {"blockReason": "PROHIBITED_CONTENT"}
    assert "candidates" not in refused.json()
    (candidate,) = withheld.json()["candidates"]
    assert (candidate["finishReason"], candidate["content"]) == ("IMAGE_SAFETY", {"parts": None})
    assert [request.billed for request in fleet.requests[-2:]] == [0, 0]


@pytest.mark.parametrize("disguise", ["IMAGE_PROHIBITED_CONTENT", "NO_IMAGE", "STOP"])
def test_moderation_has_disguises(disguise: str) -> None:
    with emulated_fleet(gemini(faults=(Fault(FaultKind.MODERATED_OUTPUT, disguise=disguise),))) as fleet:
        (candidate,) = ask(fleet).json()["candidates"]

    assert candidate["finishReason"] == disguise
    assert not any("inlineData" in part for part in candidate["content"]["parts"] or ())


def test_a_full_minute_says_of_what_and_for_how_long() -> None:
    with emulated_fleet(gemini(requests_per_minute=1)) as fleet:
        ask(fleet)
        error = ask(fleet).json()["error"]

    quota, again = error["details"]
    assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert quota["violations"][0]["quotaId"] == "GenerateRequestsPerMinutePerProjectPerModel"
    assert again["retryDelay"] == "60s"
    assert "Please retry in " in error["message"]


@pytest.mark.parametrize(
    ("fault", "details"),
    [
        (Fault(FaultKind.RATE_LIMITED), 0),
        (Fault(FaultKind.RATE_LIMITED, retry_after=7), 2),
        (Fault(FaultKind.RATE_LIMITED, retry_after=7, form=RetryAfter.TEXT), 0),
    ],
)
def test_a_429_may_leave_details_out(fault: Fault, details: int) -> None:
    with emulated_fleet(gemini(faults=(fault,))) as fleet:
        error = ask(fleet).json()["error"]

    assert len(error.get("details", ())) == details
    assert ("Please retry in 7.0s." in error["message"]) == (fault.retry_after is not None)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (FaultKind.SERVER_ERROR, 500),
        (FaultKind.BAD_GATEWAY, 502),
        (FaultKind.UNAVAILABLE, 503),
        (FaultKind.UNAUTHORISED, 400),
        (FaultKind.NOT_FOUND, 404),
        (FaultKind.OUT_OF_CREDIT, 429),
    ],
)
def test_a_fault_that_refuses_bills_nothing(kind: FaultKind, status: int) -> None:
    with emulated_fleet(gemini(faults=(Fault(kind, times=1),))) as fleet:
        assert ask(fleet).status_code == status
        assert ask(fleet).status_code == 200
        assert fleet.billed["gemini"].pictures == 1


def test_models_can_be_asked_for_free(fleet: Fleet) -> None:
    url = f"{fleet.url('gemini')}/v1beta/models"

    assert httpx2.get(f"{url}/{FLASH}", headers={"x-goog-api-key": KEY}).json()["name"] == f"models/{FLASH}"
    assert len(httpx2.get(url, params={"key": KEY}).json()["models"]) == 5
    assert httpx2.get(f"{url}/imagen-4.0-generate-001", headers={"x-goog-api-key": KEY}).status_code == 404
