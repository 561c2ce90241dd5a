"""The emulated Azure takes what Azure takes, by each of its front doors, and refuses the rest in its words."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx2
import openai as sdk
import pytest

from pixelrelay.testing import Fault, FaultKind, Fleet, emulated_fleet
from tests.emulator.scenes import (
    DATED,
    KEY,
    PREVIEW,
    ask_azure,
    ask_foundry,
    azure,
    foundry,
    opened,
    png,
)


def test_a_dated_path_names_the_deployment_and_the_answer_is_openais_with_filters(fleet: Fleet) -> None:
    reply = ask_azure(fleet)

    item = reply.json()["data"][0]
    assert opened(item["b64_json"]).size == (1024, 1024)
    assert item["content_filter_results"]["hate"] == {"filtered": False, "severity": "safe"}
    assert reply.headers["apim-request-id"] == fleet.requests[-1].request_id
    assert reply.headers["x-ms-region"] == "East US 2"


@pytest.mark.parametrize("headers", [{"api-key": KEY}, {"authorization": f"Bearer {KEY}"}])
def test_v1_wants_the_deployment_in_the_body(fleet: Fleet, headers: dict[str, str]) -> None:
    url = f"{fleet.url('azure')}/openai/v1/images/generations"

    def ask(**body: str) -> httpx2.Response:
        return httpx2.post(url, json={"prompt": "a", "quality": "low", **body}, headers=headers)

    assert ask(model="gpt-image-2").status_code == 200
    assert ask().json()["error"]["code"] == "missing_required_parameter"
    assert ask(model="gpt-image-1.5").json()["error"]["code"] == "DeploymentNotFound"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"model": "gpt-image-2"}, "unknown_parameter"),
        ({"response_format": "url"}, "unknown_parameter"),
        ({"output_format": "webp"}, "invalid_value"),
        ({"n": 11}, "integer_above_max_value"),
        ({"size": "100x100"}, "invalid_value"),
    ],
)
def test_a_bad_request_is_refused_as_at_openai(fleet: Fleet, body: dict[str, Any], code: str) -> None:
    reply = ask_azure(fleet, **body)

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, code)


def test_keys_paths_and_versions_must_be_right(fleet: Fleet) -> None:
    url = f"{fleet.url('azure')}/openai/deployments/gpt-image-2/images/generations"
    key, body = {"api-key": KEY}, {"prompt": "a"}

    assert ask_azure(fleet, key="wrong").json()["error"]["code"] == "401"
    assert ask_azure(fleet, deployment="other").json()["error"]["code"] == "DeploymentNotFound"
    assert httpx2.post(url, json=body, headers={"x-key": KEY}, params=DATED).status_code == 401
    for params in ({}, {"api-version": "2024-02-01"}):
        reply = httpx2.post(url, json=body, headers=key, params=params)
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "404")


def test_edits_are_multipart_and_never_json(fleet: Fleet) -> None:
    url = f"{fleet.url('azure')}/openai/v1/images/edits"
    files = [("image[]", ("a.png", png(), "image/png"))]
    fields = {"model": "gpt-image-2", "prompt": "a"}

    assert httpx2.post(url, data=fields, files=files, headers={"api-key": KEY}).status_code == 200
    assert httpx2.post(url, json=fields, headers={"api-key": KEY}).status_code == 400


def test_the_official_client_reaches_a_deployment_by_its_dated_path() -> None:
    with emulated_fleet(azure(model="gpt-image-1.5", azure_deployment="img15")) as fleet:
        client = sdk.AzureOpenAI(
            azure_endpoint=fleet.url("azure"), api_key=KEY, api_version="2025-04-01-preview", max_retries=0
        )
        with client:
            drawn = client.images.generate(model="img15", prompt="a lighthouse", quality="low")
            edited = client.images.edit(model="img15", prompt="at night", image=("a.png", png(), "image/png"))

    assert drawn.data is not None
    assert edited.data is not None
    assert opened(drawn.data[0].b64_json or "").size == opened(edited.data[0].b64_json or "").size == (1024, 1024)


@pytest.mark.parametrize("disguise", [None, "contentFilter", "content_policy_violation", "content_filter"])
def test_moderation_comes_in_every_disguise(disguise: str | None) -> None:
    fault = Fault(FaultKind.MODERATED_INPUT, disguise=disguise)
    with emulated_fleet(azure(faults=(fault,))) as fleet:
        reply = ask_azure(fleet)

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, disguise or "moderation_blocked")


def test_azure_lets_in_a_sixth_of_the_quota_in_ten_seconds() -> None:
    with emulated_fleet(azure(requests_per_minute=6)) as fleet:
        first, second = ask_azure(fleet), ask_azure(fleet)

    assert first.headers["x-ratelimit-limit-requests"] == "6"
    assert (second.status_code, second.json()["error"]["code"]) == (429, "RateLimitReached")
    assert "Please retry after" in second.json()["error"]["message"]
    assert abs(int(second.headers["retry-after-ms"]) - 1000 * int(second.headers["retry-after"])) < 1000


# --- FLUX on Foundry ---------------------------------------------------------------------------------------------


def test_flux_comes_inline_and_says_little_else(fleet: Fleet) -> None:
    reply = ask_foundry(fleet, output_format="jpeg")

    assert set(reply.json()) == {"created", "data"}
    assert opened(reply.json()["data"][0]["b64_json"]).format == "JPEG"


def test_flux_edits_at_the_same_address(fleet: Fleet) -> None:
    reply = ask_foundry(fleet, input_image=base64.b64encode(png()).decode())

    assert reply.status_code == 200
    assert fleet.requests[-1].operation == "edit"


@pytest.mark.parametrize(
    ("body", "where", "kind"),
    [
        ({"quality": "low"}, "quality", "extra_forbidden"),
        ({"num_images": 2}, "num_images", "literal_error"),
        ({"width": 100}, "width", "multiple_of"),
        ({"width": 32}, "width", "greater_than_equal"),
        ({"width": 4096, "height": 2048}, None, "value_error"),
        ({"output_format": "webp"}, "output_format", "literal_error"),
        ({"input_image": "no picture"}, "input_image", "value_error"),
        ({"input_image_9": "…"}, "input_image_9", "extra_forbidden"),
        ({"guidance": 99}, "guidance", "less_than_equal"),
        ({"prompt": 7}, "prompt", "string_type"),
    ],
)
def test_a_bad_flux_request_names_the_field(fleet: Fleet, body: dict[str, Any], where: str | None, kind: str) -> None:
    reply = ask_foundry(fleet, **body)

    detail = reply.json()["detail"][0]
    assert (reply.status_code, detail["type"]) == (422, kind)
    assert detail["loc"] == (["body", where] if where else ["body"])


def test_a_chunked_body_is_refused_for_want_of_its_length(fleet: Fleet) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"model": "FLUX.2-pro", "prompt": "a"}'

    url = f"{fleet.url('foundry')}/providers/blackforestlabs/v1/flux-2-pro"
    reply = httpx2.post(url, params=PREVIEW, content=chunks(), headers={"api-key": KEY})

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "no_content_length_header")


def test_the_path_is_that_of_the_model_and_the_body_names_the_deployment(fleet: Fleet) -> None:
    assert ask_foundry(fleet, path="flux-2-flex").json()["error"]["code"] == "404"
    assert ask_foundry(fleet, model="flux-2-pro").json()["error"]["code"] == "DeploymentNotFound"
    assert ask_foundry(fleet, key="wrong").status_code == 401


def test_the_image_api_links_to_its_pictures_and_is_for_the_older_models_only(fleet: Fleet) -> None:
    def ask(fleet: Fleet, deployment: str) -> httpx2.Response:
        url = f"{fleet.url('foundry')}/openai/deployments/{deployment}/images/generations"
        return httpx2.post(url, params=PREVIEW, json={"prompt": "a"}, headers={"api-key": KEY})

    with emulated_fleet(foundry(model="FLUX.1-Kontext-pro")) as kontext:
        link = ask(kontext, "FLUX.1-Kontext-pro").json()["data"][0]["url"]
        assert opened(httpx2.get(link).content).size == (1024, 1024)
        assert httpx2.get(link, headers={"api-key": KEY}).status_code == 403
    assert ask(fleet, "FLUX.2-pro").status_code == 400


@pytest.mark.parametrize(("prompt", "status"), [("forbidden", "Request Moderated"), ("unseemly", "Content Moderated")])
def test_flux_moderation_is_a_400_with_a_status(fleet: Fleet, prompt: str, status: str) -> None:
    reply = ask_foundry(fleet, prompt=prompt)

    assert (reply.status_code, reply.json()["status"]) == (400, status)
