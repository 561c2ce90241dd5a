"""The emulated OpenAI takes what OpenAI takes, and refuses the rest in its words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx2
import openai as sdk
import pytest

from pixelrelay.testing import Fault, FaultKind, Fleet, emulated_fleet
from tests.emulator.scenes import KEY, ask_openai, edit_openai, half_transparent, openai, opened, png


def test_a_picture_comes_inline_with_its_choices_and_tokens(fleet: Fleet) -> None:
    reply = ask_openai(fleet, prompt="a red square", size="1024x1024", n=2)

    answer = reply.json()
    assert reply.status_code == 200
    assert [opened(item["b64_json"]).size for item in answer["data"]] == [(1024, 1024)] * 2
    assert (answer["quality"], answer["output_format"], answer["background"]) == ("low", "png", "opaque")
    assert answer["usage"]["input_tokens"] == 9
    assert answer["usage"]["output_tokens"] == 2 * 196
    assert reply.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"response_format": "b64_json"}, 400, "unknown_parameter", "response_format"),
        ({"seed": 7}, 400, "unknown_parameter", "seed"),
        ({"input_fidelity": "high"}, 400, "unknown_parameter", "input_fidelity"),
        ({"prompt": ""}, 400, "empty_string", "prompt"),
        ({"prompt": None}, 400, "invalid_type", "prompt"),
        ({"prompt": "x" * 32_001}, 400, "string_above_max_length", "prompt"),
        ({"n": 11}, 400, "integer_above_max_value", "n"),
        ({"n": 0}, 400, "integer_below_min_value", "n"),
        ({"n": "2"}, 400, "invalid_type", "n"),
        ({"size": "123x456"}, 400, "invalid_value", "size"),
        ({"size": "1024 x 1024"}, 400, "invalid_value", "size"),
        ({"size": "512x512"}, 400, "invalid_value", "size"),
        ({"size": "3840x1024"}, 400, "invalid_value", "size"),
        ({"quality": "hd"}, 400, "invalid_value", "quality"),
        ({"quality": "xhigh"}, 400, "invalid_value", "quality"),
        ({"output_format": "gif"}, 400, "invalid_value", "output_format"),
        ({"output_compression": 50}, 400, "invalid_png_output_compression", "output_compression"),
        ({"background": "transparent", "output_format": "jpeg"}, 400, "invalid_value", "background"),
        ({"moderation": "off"}, 400, "invalid_value", "moderation"),
        ({"partial_images": 2}, 400, "invalid_value", "partial_images"),
        ({"model": "dall-e-3"}, 400, "invalid_value", "model"),
        ({"model": "gpt-9-imaginary"}, 404, "model_not_found", None),
        ({"model": "gpt-image-1.5", "size": "2048x2048"}, 400, "invalid_value", "size"),
    ],
)
def test_a_bad_request_is_refused_with_its_code(
    fleet: Fleet, body: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    reply = ask_openai(fleet, **body)

    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["param"]) == (status, code, param)
    assert set(error) == {"message", "type", "param", "code"}


def test_a_retired_model_is_a_400_of_the_kind_that_moderation_is(fleet: Fleet) -> None:
    assert ask_openai(fleet, model="gpt-image-1").json()["error"] == {
        "message": "The model 'gpt-image-1' does not exist.",
        "type": "image_generation_user_error",
        "param": "model",
        "code": "invalid_value",
    }


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"api-key": KEY}, {"x-key": KEY}])
def test_only_the_bearer_key_is_let_in(fleet: Fleet, headers: dict[str, str]) -> None:
    url = f"{fleet.url('openai')}/v1/images/generations"

    assert httpx2.post(url, json={"model": "gpt-image-2", "prompt": "a"}, headers=headers).status_code == 401


def test_bodies_that_are_not_json_are_refused(fleet: Fleet) -> None:
    url = f"{fleet.url('openai')}/v1/images/generations"
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}

    assert httpx2.post(url, content=b"{", headers=headers).json()["error"]["code"] == "invalid_json"
    assert httpx2.post(url, data={"prompt": "a"}, headers={"authorization": f"Bearer {KEY}"}).status_code == 400


@pytest.mark.parametrize(
    ("files", "fields", "code"),
    [
        ([], {}, "unsupported_content_type"),
        ([("image[]", ("a.png", png(), "application/octet-stream"))], {}, "unsupported_file_mimetype"),
        ([("image[]", ("a.png", b"no picture", "image/png"))], {}, "invalid_image_file"),
        ([("image[]", ("a.jpg", png(), "image/jpeg"))], {}, "invalid_image_file"),
        ([("picture", ("a.png", png(), "image/png"))], {}, "unknown_parameter"),
        ([("mask", ("m.png", half_transparent(), "image/png"))], {}, "missing_required_parameter"),
        ([("image[]", ("a.png", png(), "image/png"))], {"style": "vivid"}, "unknown_parameter"),
        ([("image[]", ("a.png", png(), "image/png"))], {"n": "many"}, "invalid_type"),
        ([("image[]", ("a.png", png(), "image/png"))], {"input_fidelity": "high"}, "invalid_input_fidelity_model"),
        ([("image[]", ("a.png", png(), "image/png"))] * 17, {}, "array_above_max_length"),
        (
            [("image", ("a.png", png(), "image/png")), ("mask", ("m.png", png(), "image/png"))],
            {},
            "invalid_mask_image_format",
        ),
        (
            [("image", ("a.png", png(), "image/png")), ("mask", ("m.png", half_transparent((32, 32)), "image/png"))],
            {},
            "invalid_mask_image_format",
        ),
    ],
)
def test_a_bad_edit_is_refused_with_its_code(fleet: Fleet, files: Any, fields: dict[str, str], code: str) -> None:
    reply = edit_openai(fleet, files, **fields)

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, code)


@pytest.mark.parametrize("stage", ["input", "output"])
def test_moderation_says_at_which_stage(fleet: Fleet, stage: str) -> None:
    reply = ask_openai(fleet, prompt="a forbidden thing" if stage == "input" else "an unseemly thing")

    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (400, "moderation_blocked")
    assert error["moderation_details"]["moderation_stage"] == stage
    assert fleet.requests[-1].billed == 0


def test_a_full_minute_and_an_empty_account_are_both_429_and_told_apart_by_code() -> None:
    picture = Decimal("0.01")
    with emulated_fleet(openai(images_per_minute=2, credit=picture * 4, price=picture)) as fleet:
        assert ask_openai(fleet, n=2).headers["x-ratelimit-remaining-images"] == "0"
        full = ask_openai(fleet)
    with emulated_fleet(openai(credit=picture, price=picture)) as fleet:
        ask_openai(fleet)
        empty = ask_openai(fleet)

    assert (full.status_code, full.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert 55 <= int(full.headers["retry-after"]) <= 60
    assert "Limit 2, Used 2, Requested 1" in full.json()["error"]["message"]
    assert (empty.status_code, empty.json()["error"]["code"]) == (429, "insufficient_quota")
    assert "retry-after" not in empty.headers


def test_the_official_client_generates_and_edits(fleet: Fleet) -> None:
    with sdk.OpenAI(base_url=f"{fleet.url('openai')}/v1", api_key=KEY, max_retries=0) as client:
        drawn = client.images.generate(model="gpt-image-2", prompt="a lighthouse", size="1024x1536", quality="low")
        edited = client.images.edit(
            model="gpt-image-2",
            prompt="at night",
            image=[("a.png", png(), "image/png"), ("b.png", png(), "image/png")],
            mask=("m.png", half_transparent(), "image/png"),
        )

        assert drawn.data is not None
        assert opened(drawn.data[0].b64_json or "").size == (1024, 1536)
        assert edited.usage is not None
        assert edited.usage.input_tokens_details.image_tokens == 2 * (65 + 129)
        with pytest.raises(sdk.BadRequestError) as refused:
            client.images.generate(model="gpt-image-2", prompt="a forbidden thing")
        assert refused.value.code == "moderation_blocked"


def test_the_official_client_reads_a_stream(fleet: Fleet) -> None:
    with sdk.OpenAI(base_url=f"{fleet.url('openai')}/v1", api_key=KEY, max_retries=0) as client:
        stream = client.images.generate(model="gpt-image-2", prompt="a", stream=True, partial_images=1, quality="low")
        kinds = [event.type for event in stream]

    assert kinds == ["image_generation.partial_image", "image_generation.completed"]


def test_models_can_be_asked_for_free(fleet: Fleet) -> None:
    headers = {"authorization": f"Bearer {KEY}"}

    assert httpx2.get(f"{fleet.url('openai')}/v1/models/gpt-image-2", headers=headers).json()["id"] == "gpt-image-2"
    assert httpx2.get(f"{fleet.url('openai')}/v1/models/dall-e-2", headers=headers).status_code == 404
    assert fleet.requests[-1].operation == "ask"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (FaultKind.SERVER_ERROR, 500),
        (FaultKind.BAD_GATEWAY, 502),
        (FaultKind.UNAVAILABLE, 503),
        (FaultKind.UNAUTHORISED, 401),
        (FaultKind.NOT_FOUND, 404),
        (FaultKind.OUT_OF_CREDIT, 429),
    ],
)
def test_a_fault_that_refuses_bills_nothing(kind: FaultKind, status: int) -> None:
    with emulated_fleet(openai(faults=(Fault(kind, times=1),))) as fleet:
        assert ask_openai(fleet).status_code == status
        assert ask_openai(fleet).status_code == 200
        assert fleet.billed["openai"].pictures == 1


def test_a_job_cannot_be_lost_where_there_are_no_jobs() -> None:
    with pytest.raises(ValueError, match="lost_job"), emulated_fleet(openai(faults=(Fault(FaultKind.LOST_JOB),))):
        pass
