"""The emulated Vertex AI takes what Google takes, and refuses the rest in its words."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from typing import Any

import httpx2
import pytest
from PIL import Image

from pixelrelay import ContentRejectedError, SyncRouter
from pixelrelay.testing import EmulatedDeployment, Fault, FaultKind, Fleet, emulated_fleet
from tests.emulator.scenes import KEY, half_transparent, opened, png

FLASH, SECOND, IMAGEN, CAPABILITY, TRY_ON = (
    "gemini-3.1-flash-image",
    "gemini-2.5-flash-image",
    "imagen-4.0-generate-001",
    "imagen-3.0-capability-001",
    "virtual-try-on-001",
)
BEARER = {"authorization": f"Bearer {KEY}"}


def vertex(model: str = FLASH, **options: Any) -> EmulatedDeployment:
    return EmulatedDeployment("vertex", "vertex-ai", model, **{"latency": 0, "api_key": KEY, **options})


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """Without quotas or faults, and everything takes no time."""
    with emulated_fleet(vertex()) as running:
        yield running


def post(
    fleet: Fleet,
    body: dict[str, Any],
    model: str = FLASH,
    method: str = "generateContent",
    location: str = "global",
    project: str = "emulated",
    headers: dict[str, str] | None = None,
) -> httpx2.Response:
    path = f"/v1/projects/{project}/locations/{location}/publishers/google/models/{model}:{method}"
    return httpx2.post(f"{fleet.url('vertex')}{path}", json=body, headers=headers or BEARER)


def content(role: str | None = "user", **config: Any) -> dict[str, Any]:
    named = {"role": role} if role is not None else {}
    return {
        "contents": [{**named, "parts": [{"text": "a red lighthouse"}]}],
        "generationConfig": {"responseModalities": ["TEXT", "IMAGE"], **config},
    }


def predict(
    fleet: Fleet,
    instance: dict[str, Any] | None = None,
    model: str = IMAGEN,
    location: str = "us-central1",
    **asked: Any,
) -> httpx2.Response:
    body = {
        "instances": [instance or {"prompt": "a red lighthouse"}],
        "parameters": {"includeRaiReason": True, "sampleCount": 1, **asked},
    }
    return post(fleet, body, model, "predict", location)


def encoded(picture: bytes | None = None) -> dict[str, str]:
    return {"bytesBase64Encoded": base64.b64encode(picture or png()).decode(), "mimeType": "image/png"}


def raw(number: int = 1, picture: bytes | None = None) -> dict[str, Any]:
    return {"referenceType": "REFERENCE_TYPE_RAW", "referenceId": number, "referenceImage": encoded(picture)}


def masked(picture: bytes | None = None) -> dict[str, Any]:
    mask = encoded(picture or png(mode="L", colour=255))
    config = {"maskMode": "MASK_MODE_USER_PROVIDED", "dilation": 0.01}
    return {
        "referenceType": "REFERENCE_TYPE_MASK",
        "referenceId": 2,
        "referenceImage": mask,
        "maskImageConfig": config,
    }


# --- Gemini's models ---------------------------------------------------------------------------------------------


def test_the_format_can_be_asked_for(fleet: Fleet) -> None:
    shape = {
        "aspectRatio": "1:1",
        "imageSize": "512",
        "imageOutputOptions": {"mimeType": "image/jpeg", "compressionQuality": 50},
    }

    reply = post(fleet, {**content(imageConfig=shape), "labels": {"team": "web"}})

    (blob,) = (part["inlineData"] for part in reply.json()["candidates"][0]["content"]["parts"] if "inlineData" in part)
    assert (blob["mimeType"], opened(blob["data"]).format) == ("image/jpeg", "JPEG")
    assert reply.json()["usageMetadata"]["trafficType"] == "ON_DEMAND"


def test_what_ai_studio_takes_is_not_all_taken_here(fleet: Fleet) -> None:
    tier = post(fleet, {**content(), "serviceTier": "flex"}).json()["error"]
    role = post(fleet, content(role=None)).json()["error"]

    assert (tier["status"], 'Unknown name "serviceTier"' in tier["message"]) == ("INVALID_ARGUMENT", True)
    assert (role["status"], role["message"]) == ("INVALID_ARGUMENT", "Please use a valid role: user, model.")


@pytest.mark.parametrize(
    ("model", "location", "status"),
    [
        (FLASH, "global", 200),
        (FLASH, "eu", 200),
        (FLASH, "us-central1", 404),
        (SECOND, "us-central1", 200),
        ("gemini-9", "global", 404),
    ],
)
def test_the_newest_models_are_not_in_regions(fleet: Fleet, model: str, location: str, status: int) -> None:
    assert post(fleet, content(), model, location=location).status_code == status


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"authorization": "Bearer wrong"}, "ACCESS_TOKEN_EXPIRED"),
        ({"x-goog-api-key": KEY}, "CREDENTIALS_MISSING"),
        ({"api-key": KEY}, "ACCESS_TOKEN_EXPIRED"),
    ],
)
def test_only_the_token_is_let_in(fleet: Fleet, headers: dict[str, str], reason: str) -> None:
    reply = post(fleet, content(), headers=headers)

    assert (reply.status_code, reply.json()["error"]["details"][0]["reason"]) == (401, reason)


def test_a_project_of_somebody_elses_is_forbidden(fleet: Fleet) -> None:
    error = post(fleet, content(), project="other").json()["error"]

    assert (error["status"], error["details"][0]["reason"]) == ("PERMISSION_DENIED", "IAM_PERMISSION_DENIED")


def test_express_mode_takes_the_key_and_names_no_project(fleet: Fleet) -> None:
    url = f"{fleet.url('vertex')}/v1/publishers/google/models/{FLASH}:generateContent"

    assert httpx2.post(url, json=content(), headers={"x-goog-api-key": KEY}).status_code == 200
    assert httpx2.post(url, json=content(), headers={"x-goog-api-key": "wrong"}).status_code == 401


def test_tokens_are_counted_for_free(fleet: Fleet) -> None:
    counted = post(fleet, {"contents": content()["contents"]}, method="countTokens")

    assert counted.json() == {"totalTokens": 6}
    assert fleet.requests[-1].operation == "ask"


# --- Imagen ------------------------------------------------------------------------------------------------------


def test_imagen_draws_several_in_one_call_and_bills_each(fleet: Fleet) -> None:
    before = fleet.billed["vertex"].dollars

    reply = predict(fleet, sampleCount=3, aspectRatio="16:9", outputOptions={"mimeType": "image/jpeg"})

    pictures = [opened(each["bytesBase64Encoded"]) for each in reply.json()["predictions"]]
    assert [(each.size, each.format) for each in pictures] == [((1408, 768), "JPEG")] * 3
    assert fleet.billed["vertex"].dollars - before == Decimal("0.12")


@pytest.mark.parametrize(
    ("instance", "asked", "model"),
    [
        ({"prompt": "a", "n": 2}, {}, IMAGEN),
        ({"prompt": "a"}, {"sampleCount": 5}, IMAGEN),
        ({"prompt": "a"}, {"aspectRatio": "3:2"}, IMAGEN),
        ({"prompt": "a"}, {"seed": 7}, IMAGEN),
        ({"prompt": "a"}, {"seed": 7, "addWatermark": False, "enhancePrompt": True}, IMAGEN),
        ({"prompt": "a"}, {"sampleImageSize": "2K"}, "imagen-4.0-fast-generate-001"),
        ({"prompt": "a"}, {"personGeneration": "ALLOW_ALL"}, IMAGEN),
        ({"prompt": "a", "referenceImages": [raw()]}, {}, IMAGEN),
        ({"prompt": "a"}, {"editMode": "EDIT_MODE_DEFAULT"}, CAPABILITY),
        ({"prompt": "a", "referenceImages": [raw(), raw(2)]}, {}, CAPABILITY),
        ({"prompt": "a", "referenceImages": [raw()]}, {"editMode": "EDIT_MODE_INPAINT_INSERTION"}, CAPABILITY),
        ({"prompt": "a", "referenceImages": [raw(2), masked()]}, {}, CAPABILITY),
        ({"prompt": "a", "referenceImages": [raw(), masked(png((8, 8)))]}, {}, CAPABILITY),
        ({"prompt": "a", "referenceImages": [raw(picture=b"no picture")]}, {}, CAPABILITY),
        ({"prompt": "a", "personImage": {"image": encoded()}, "productImages": [{"image": encoded()}]}, {}, TRY_ON),
        ({"personImage": {"image": encoded()}}, {}, TRY_ON),
    ],
)
def test_a_bad_prediction_is_refused(fleet: Fleet, instance: dict[str, Any], asked: dict[str, Any], model: str) -> None:
    reply = predict(fleet, instance, model, **asked)

    assert (reply.status_code, reply.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_imagen_is_in_regions_alone_and_the_catalogue_has_it(fleet: Fleet) -> None:
    url = f"{fleet.url('vertex')}/v1/publishers/google/models"

    assert predict(fleet, location="global").status_code == 404
    assert httpx2.get(f"{url}/{IMAGEN}", headers=BEARER).status_code == 200
    assert httpx2.get(f"{url}/imagen-2", headers=BEARER).status_code == 404


def test_a_filtered_picture_is_told_of_where_reasons_were_asked_for(fleet: Fleet) -> None:
    refused = predict(fleet, {"prompt": "a forbidden thing"})
    told = predict(fleet, {"prompt": "an unseemly thing"})
    silent = predict(fleet, {"prompt": "an unseemly thing"}, includeRaiReason=False)

    assert (refused.status_code, "safety filter" in refused.json()["error"]["message"]) == (400, True)
    assert list(told.json()["predictions"][0]) == ["raiFilteredReason"]
    assert (silent.status_code, silent.json()) == (200, {})


@pytest.mark.parametrize(
    ("model", "said"), [(FLASH, "Resource exhausted."), (IMAGEN, "base model: imagen-4.0-generate")]
)
def test_a_429_names_no_time(model: str, said: str) -> None:
    with emulated_fleet(vertex(model, requests_per_minute=1)) as fleet:
        _, reply = [predict(fleet) if model == IMAGEN else post(fleet, content()) for _ in range(2)]

    assert (reply.status_code, "details" in reply.json()["error"]) == (429, False)
    assert said in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (FaultKind.UNAVAILABLE, 503),
        (FaultKind.UNAUTHORISED, 401),
        (FaultKind.NOT_FOUND, 404),
        (FaultKind.OUT_OF_CREDIT, 403),
    ],
)
def test_a_fault_that_refuses_bills_nothing(kind: FaultKind, status: int) -> None:
    with emulated_fleet(vertex(faults=(Fault(kind, times=1),))) as fleet:
        assert post(fleet, content()).status_code == status
        assert post(fleet, content()).status_code == 200
        assert fleet.billed["vertex"].pictures == 1


# --- whole runs of models that only edit -------------------------------------------------------------------------


def test_what_is_transparent_in_a_mask_is_drawn_anew_and_the_rest_is_kept() -> None:
    with emulated_fleet(vertex(CAPABILITY)) as fleet, SyncRouter(fleet.config("pictures")) as relay:
        images = relay.edit("pictures", png(), "a door", mask=half_transparent())

    edited = Image.open(BytesIO(images.data[0].bytes())).convert("RGB")
    right = {edited.getpixel((x, y)) for x in range(32, 64) for y in range(64)}
    left = {edited.getpixel((x, y)) for x in range(32) for y in range(64)}
    assert right == {(200, 30, 30)}
    assert (200, 30, 30) not in left


def test_several_edits_come_from_one_call_and_a_try_on_takes_two_pictures() -> None:
    with emulated_fleet(vertex(CAPABILITY)) as fleet, SyncRouter(fleet.config("pictures")) as relay:
        assert len(relay.edit("pictures", png(), "a door", n=2).data) == 2
        assert [request.billed for request in fleet.requests] == [2]
    with emulated_fleet(vertex(TRY_ON)) as fleet, SyncRouter(fleet.config("pictures")) as relay:
        assert relay.edit("pictures", [png(), png()], "wear it").data[0].bytes()


def test_pictures_that_were_filtered_are_refused_to_the_caller_as_moderation() -> None:
    with emulated_fleet(vertex(IMAGEN)) as fleet, SyncRouter(fleet.config("pictures")) as relay:
        for prompt in ("a forbidden thing", "an unseemly thing"):
            with pytest.raises(ContentRejectedError):
                relay.generate("pictures", prompt)
        assert fleet.billed_in_all.pictures == 0
