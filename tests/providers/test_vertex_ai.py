"""Vertex AI's dialect: where and as whom it is asked, what is sent, and what is made of its answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from pixelrelay.errors import ProviderError
from pixelrelay.images import ImageRequest, InputImage, Size
from pixelrelay.outcomes import Charge, Failure, FailureKind, Usage
from pixelrelay.providers._bearer import TokenProvider
from pixelrelay.providers.base import Purpose, Send, Target
from pixelrelay.providers.capabilities import lacks, table
from pixelrelay.providers.vertex_ai import VertexAI, VertexAIOptions
from pixelrelay.quotas import Unit
from tests.providers.exchanges import PIXEL, drawing, editing, failed, finish, png, sent, stored

PROVIDER = VertexAI()
PRO, IMAGEN, CAPABILITY, TRY_ON = (
    "gemini-3-pro-image",
    "imagen-4.0-generate-001",
    "imagen-3.0-capability-001",
    "virtual-try-on-001",
)
TOKEN = "ya29.test"


def target(model: str = PRO, **options: Any) -> Target:
    given = {"project": "acme", "access_token": TOKEN, **options}
    return PROVIDER.target(model, None, VertexAIOptions.model_validate(given))


def body(request: ImageRequest, model: str = PRO) -> Any:
    return sent(PROVIDER.generate(request, target(model))).json


def edit_body(request: ImageRequest, model: str = CAPABILITY) -> Any:
    return sent(PROVIDER.edit(request, target(model))).json


def generated(name: str, model: str = PRO) -> Failure:
    return failed(PROVIDER.generate(drawing(), target(model)), stored(f"vertex_ai/{name}"))


# --- where to ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "host", "location"),
    [
        ({}, "aiplatform.googleapis.com", "global"),
        ({"location": "us-central1"}, "us-central1-aiplatform.googleapis.com", "us-central1"),
        ({"location": "eu"}, "aiplatform.eu.rep.googleapis.com", "eu"),
        ({"base_url": "https://gate.example/v1/", "location": "europe-west4"}, "gate.example", "europe-west4"),
    ],
)
def test_each_location_has_a_host_of_its_own(options: dict[str, str], host: str, location: str) -> None:
    there = target(**options)
    path = f"/v1/projects/acme/locations/{location}/publishers/google/models/{PRO}:generateContent"

    assert sent(PROVIDER.generate(drawing(), there)).url == f"https://{host}{path}"
    assert there.trusted_hosts == (host,)


def test_an_api_key_is_for_express_mode_which_knows_no_project() -> None:
    there = PROVIDER.target(PRO, SecretStr("AQ.test"), VertexAIOptions())

    assert sent(PROVIDER.generate(drawing(), there)).url == (
        f"https://aiplatform.googleapis.com/v1/publishers/google/models/{PRO}:generateContent"
    )


@pytest.mark.parametrize("location", ["evil.example/", "us central1", "US", "-us", "us/../x"])
def test_no_location_leads_the_token_to_another_host(location: str) -> None:
    with pytest.raises(ValidationError, match="location"):
        target(location=location)


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"project": None}, "project: the id of a project"),
        ({"credentials_file": "key.json"}, "credentials_file: only one way .* credentials_file and access_token"),
        ({"access_token": None, "credentials_info": "{"}, "credentials_info: it is no JSON"),
        ({"access_token": None, "credentials_info": {"type": "authorized_user"}}, "credentials_info: it is no key of"),
        ({"base_url": "http://gate.example"}, "base_url: .*in the clear"),
    ],
)
def test_what_cannot_be_used_is_refused_by_the_name_of_its_option(options: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        target(**options)


@pytest.mark.parametrize(
    ("options", "named"),
    [({"project": "acme"}, "project"), ({"location": "global"}, "location"), ({"access_token": "x"}, "access_token")],
)
def test_nothing_beside_an_api_key_says_where_or_as_whom(options: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=f"{named}: "):
        PROVIDER.target(PRO, SecretStr("AQ.test"), VertexAIOptions.model_validate(options))


# --- as whom -----------------------------------------------------------------------------------------------------

POST = Send(Purpose.SUBMIT, "POST", "https://aiplatform.googleapis.com/v1")


def refuse() -> str:
    raise RuntimeError("the broker said no to ya29.abc-def")


@pytest.mark.anyio
@pytest.mark.parametrize("options", [{}, {"access_token": None, "token_provider": lambda: TOKEN}])
async def test_a_token_is_sent_as_bearer_and_shown_nowhere(options: dict[str, Any]) -> None:
    there = target(**options)
    assert there.credential is not None

    assert await there.credential.headers(POST) == {"authorization": f"Bearer {TOKEN}"}
    assert TOKEN not in repr(there)


@pytest.mark.anyio
async def test_an_api_key_has_a_header_of_its_own() -> None:
    credential = PROVIDER.target(PRO, SecretStr("AQ.test"), VertexAIOptions()).credential
    assert credential is not None

    assert await credential.headers(POST) == {"x-goog-api-key": "AQ.test"}


@pytest.mark.anyio
@pytest.mark.parametrize("provider", [refuse, lambda: ""])
async def test_without_a_token_nothing_is_authorised_and_no_secret_is_told(provider: TokenProvider) -> None:
    credential = target(access_token=None, token_provider=provider).credential
    assert credential is not None

    with pytest.raises(ProviderError, match="no Google access token could be had") as refused:
        await credential.headers(POST)

    assert refused.value.failure.kind is FailureKind.UNAUTHORISED
    assert "abc-def" not in str(refused.value)


def test_the_project_to_bill_is_named_in_a_header() -> None:
    there = target(quota_project="billing")

    assert sent(PROVIDER.generate(drawing(), there)).headers == {"x-goog-user-project": "billing"}
    assert sent(PROVIDER.edit(editing(), there)).headers == {"x-goog-user-project": "billing"}


# --- Gemini's models ---------------------------------------------------------------------------------------------


def test_gemini_is_asked_as_on_ai_studio_and_told_the_format_besides() -> None:
    request = drawing(
        size=Size(2528, 1696),
        output_format="jpeg",
        output_compression=80,
        parameters={"person_generation": "ALLOW_NONE", "labels": {"team": "web"}},
    )

    assert body(request) == {
        "contents": [{"role": "user", "parts": [{"text": "a lighthouse at dusk"}]}],
        "generationConfig": {
            "responseModalities": ["TEXT", "IMAGE"],
            "imageConfig": {
                "aspectRatio": "3:2",
                "imageSize": "2K",
                "imageOutputOptions": {"mimeType": "image/jpeg", "compressionQuality": 80},
                "personGeneration": "ALLOW_NONE",
            },
        },
        "labels": {"team": "web"},
    }


def test_a_picture_of_geminis_comes_back_with_its_tokens() -> None:
    found = finish(PROVIDER.generate(drawing(), target()), stored("vertex_ai/picture"))

    assert [image.bytes() for image in found.images] == [PIXEL]
    assert found.usage == Usage(
        input_tokens=7,
        output_tokens=1215,
        total_tokens=1222,
        input_tokens_details={"text_tokens": 7, "image_tokens": 0},
        output_tokens_details={"text_tokens": 95, "image_tokens": 1120},
    )


def test_a_wall_of_the_project_is_moderation_too() -> None:
    failure = generated("model_armor")

    assert (failure.kind, failure.code) == (FailureKind.CONTENT_REJECTED, "MODEL_ARMOR")
    assert failure.message == "the prompt was blocked (MODEL_ARMOR): Blocked by Model Armor Floor Setting."


# --- Imagen ------------------------------------------------------------------------------------------------------


def test_a_generation_by_imagen_says_how_many() -> None:
    request = drawing(n=3, size=Size(896, 1280), parameters={"negative_prompt": "rain", "guidance_scale": 7})

    send = sent(PROVIDER.generate(request, target(IMAGEN, location="us-central1")))

    assert send.url.endswith(f"/locations/us-central1/publishers/google/models/{IMAGEN}:predict")
    assert send.json == {
        "instances": [{"prompt": "a lighthouse at dusk"}],
        "parameters": {
            "includeRaiReason": True,
            "sampleCount": 3,
            "aspectRatio": "3:4",
            "sampleImageSize": "1K",
            "negativePrompt": "rain",
            "guidanceScale": 7,
        },
    }


def test_a_seed_goes_without_what_google_refuses_beside_it() -> None:
    seeded = {"includeRaiReason": True, "sampleCount": 1, "seed": 7, "addWatermark": False}

    assert body(drawing(seed=7), IMAGEN)["parameters"] == {**seeded, "enhancePrompt": False}
    assert edit_body(editing(seed=7))["parameters"] == {**seeded, "editMode": "EDIT_MODE_DEFAULT"}


def test_an_edit_without_a_mask_is_free_to_change_anything() -> None:
    photo = InputImage(b"\xff\xd8\xff", "image/jpeg", "photo.jpg")

    assert edit_body(editing(photo, n=2)) == {
        "instances": [
            {
                "prompt": "add a red hat",
                "referenceImages": [
                    {
                        "referenceType": "REFERENCE_TYPE_RAW",
                        "referenceId": 1,
                        "referenceImage": {"bytesBase64Encoded": "/9j/", "mimeType": "image/jpeg"},
                    }
                ],
            }
        ],
        "parameters": {"includeRaiReason": True, "editMode": "EDIT_MODE_DEFAULT", "sampleCount": 2},
    }


def test_a_mask_is_sent_in_white_and_marks_what_is_put_in() -> None:
    mask = png("mask.png")

    told = edit_body(editing(mask=mask, parameters={"base_steps": 50, "mask_dilation": 0.2}))

    assert told["instances"][0]["referenceImages"][1] == {
        "referenceType": "REFERENCE_TYPE_MASK",
        "referenceId": 2,
        "referenceImage": {"bytesBase64Encoded": mask.base64, "mimeType": "image/png"},
        "maskImageConfig": {"maskMode": "MASK_MODE_USER_PROVIDED", "dilation": 0.2},
    }
    assert told["parameters"] == {
        "includeRaiReason": True,
        "editMode": "EDIT_MODE_INPAINT_INSERTION",
        "sampleCount": 1,
        "editConfig": {"baseSteps": 50},
    }


def test_another_way_to_edit_may_be_asked_for() -> None:
    request = editing(mask=png(), parameters={"edit_mode": "EDIT_MODE_INPAINT_REMOVAL"})

    told = edit_body(request)

    assert lacks(PROVIDER.capabilities(CAPABILITY, None), request) == ()
    assert told["parameters"]["editMode"] == "EDIT_MODE_INPAINT_REMOVAL"
    assert told["instances"][0]["referenceImages"][1]["maskImageConfig"]["dilation"] == 0.01


def test_to_try_on_is_to_edit_a_person_with_a_product() -> None:
    picture = {"image": {"bytesBase64Encoded": png().base64, "mimeType": "image/png"}}

    assert edit_body(editing(png(), png(), output_format="png"), TRY_ON) == {
        "instances": [{"personImage": picture, "productImages": [picture]}],
        "parameters": {"includeRaiReason": True, "sampleCount": 1, "outputOptions": {"mimeType": "image/png"}},
    }


def test_all_pictures_of_imagens_are_returned() -> None:
    found = finish(PROVIDER.generate(drawing(n=2), target(IMAGEN)), stored("vertex_ai/two_pictures"))

    assert [image.bytes() for image in found.images] == [PIXEL, PIXEL]
    assert [image.revised_prompt for image in found.images] == ["A lighthouse at dusk, waves below.", None]
    assert found.images[0].media_type == "image/png"
    assert found.usage is None


@pytest.mark.parametrize("name", ["one_of_two_filtered", "odd_beside_the_picture"])
def test_a_picture_is_not_lost_with_a_neighbour_that_was_filtered_or_cannot_be_read(name: str) -> None:
    found = finish(PROVIDER.generate(drawing(n=2), target(IMAGEN)), stored(f"vertex_ai/{name}"))

    assert [image.bytes() for image in found.images] == [PIXEL]


def test_a_picture_that_was_put_in_a_bucket_is_an_address() -> None:
    request = drawing(extra_body={"parameters": {"storageUri": "gs://acme"}})

    assert body(request, IMAGEN)["parameters"]["storageUri"] == "gs://acme"
    found = finish(PROVIDER.generate(request, target(IMAGEN)), stored("vertex_ai/in_a_bucket"))
    assert [image.url for image in found.images] == ["gs://acme/1.png"]


@pytest.mark.parametrize(
    ("name", "kind", "charge"),
    [
        ("all_filtered", FailureKind.CONTENT_REJECTED, Charge.UNKNOWN),
        ("nothing", FailureKind.UNUSABLE, Charge.UNKNOWN),
        ("prompt_refused", FailureKind.CONTENT_REJECTED, Charge.NONE),
        ("picture_refused", FailureKind.CONTENT_REJECTED, Charge.NONE),
    ],
)
def test_what_imagen_withholds_is_moderation_where_it_says_so(name: str, kind: FailureKind, charge: Charge) -> None:
    failure = generated(name, IMAGEN)

    assert (failure.kind, failure.charge) == (kind, charge)


# --- what a model can do -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "request_", "lacking"),
    [
        (PRO, drawing(output_format="webp"), "output_format 'webp'"),
        (PRO, editing(mask=png()), "mask"),
        (PRO, drawing(parameters={"service_tier": "flex"}), "unknown to it"),
        (PRO, drawing(parameters={"person_generation": "allow_all"}), "'allow_all' is none of ALLOW_ALL"),
        ("gemini-2.5-flash-image", editing(InputImage(b"x" * 7_000_001, "image/png", "a.png")), "at most 7000000"),
        (IMAGEN, drawing(n=5), "n=5: at most 4"),
        (IMAGEN, drawing(size=Size(1264, 848)), "size 1264x848"),
        (IMAGEN, editing(), "cannot edit"),
        ("imagen-4.0-fast-generate-001", drawing(size=Size(2048, 2048)), "size 2048x2048"),
        (CAPABILITY, drawing(), "cannot generate"),
        (CAPABILITY, editing(size=Size(1024, 1024)), "no size on demand"),
        (CAPABILITY, editing(png(), png()), "2 input images: at most 1"),
        (TRY_ON, editing(png(), parameters={"negative_prompt": "x"}), "unknown to it"),
    ],
)
def test_what_a_model_lacks_is_said_before_anything_is_sent(model: str, request_: ImageRequest, lacking: str) -> None:
    assert lacking in " ".join(lacks(PROVIDER.capabilities(model, None), request_, request_.n))


@pytest.mark.parametrize("model", [model for model, can in table("vertex_ai").items() if can.sizes.exact])
def test_every_size_that_is_listed_is_told_by_the_ratio_it_is_listed_for(model: str) -> None:
    sizes = PROVIDER.capabilities(model, None).sizes
    listed = [Size(*map(int, size.split("x"))) for size in sizes.exact]

    assert [sizes.as_told(size) for size in listed] == list(sizes.ratios) * (len(listed) // len(sizes.ratios))


# --- failures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("expired_token", FailureKind.UNAUTHORISED, "ACCESS_TOKEN_EXPIRED"),
        ("api_key", FailureKind.UNAUTHORISED, "CREDENTIALS_MISSING"),
        ("no_permission", FailureKind.UNAUTHORISED, "IAM_PERMISSION_DENIED"),
        ("billing_disabled", FailureKind.OUT_OF_CREDIT, "BILLING_DISABLED"),
        ("no_model", FailureKind.NOT_FOUND, "NOT_FOUND"),
        ("invalid_argument", FailureKind.INVALID, "INVALID_ARGUMENT"),
        ("capacity", FailureKind.RATE_LIMITED, "RESOURCE_EXHAUSTED"),
        ("quota", FailureKind.RATE_LIMITED, "RESOURCE_EXHAUSTED"),
        ("unavailable", FailureKind.OVERLOADED, "UNAVAILABLE"),
    ],
)
def test_a_refusal_is_known_by_reason_and_status_and_costs_nothing(name: str, kind: FailureKind, code: str) -> None:
    failure = generated(name)

    assert (failure.kind, failure.code, failure.charge) == (kind, code, Charge.NONE)


def test_a_quota_of_the_project_is_told_from_capacity_that_all_share() -> None:
    assert (generated("quota").unit, generated("quota").retry_after) == (Unit.REQUESTS, None)
    assert (generated("capacity").unit, generated("capacity").retry_after) == (None, None)


def test_a_page_from_the_edge_may_hide_a_picture_that_was_drawn() -> None:
    assert (generated("bad_gateway").kind, generated("bad_gateway").charge) == (FailureKind.OVERLOADED, Charge.UNKNOWN)


# --- a free question ---------------------------------------------------------------------------------------------


def test_counting_tokens_shows_that_all_is_good_and_costs_nothing() -> None:
    send = sent(PROVIDER.ask(target()))

    assert (send.purpose, send.method) == (Purpose.ASK, "POST")
    assert send.url.endswith(f"/projects/acme/locations/global/publishers/google/models/{PRO}:countTokens")
    assert json.dumps(send.json) == '{"contents": [{"role": "user", "parts": [{"text": "a lighthouse"}]}]}'
    assert finish(PROVIDER.ask(target()), stored("vertex_ai/tokens")) == f"{PRO} is available"
    assert failed(PROVIDER.ask(target()), stored("vertex_ai/no_model")).kind is FailureKind.NOT_FOUND


def test_of_imagen_the_catalogue_is_asked() -> None:
    there = target(IMAGEN, location="us-central1", base_url="http://127.0.0.1:9000")

    assert sent(PROVIDER.ask(there)) == Send(
        Purpose.ASK, "GET", f"http://127.0.0.1:9000/v1/publishers/google/models/{IMAGEN}"
    )
    assert finish(PROVIDER.ask(there), stored("vertex_ai/model")) == f"{IMAGEN} is available"


def test_a_model_that_is_not_known_is_taken_for_one_of_its_family() -> None:
    newer = PROVIDER.capabilities("imagen-9.0-generate-001", None)

    assert (newer.mask, newer.max_images) == (True, 4)
    assert (PROVIDER.capabilities("gemini-9-image", None).mask, newer == PROVIDER.capabilities("x", None)) == (
        False,
    ) * 2
