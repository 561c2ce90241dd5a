"""Xinference: what its pipelines are told, which path an edit takes, and what its errors mean."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from PIL import Image as Pillow
from pydantic import SecretStr

from pixelrelay.errors import ProviderError
from pixelrelay.images import InputImage, Size
from pixelrelay.outcomes import Charge, FailureKind
from pixelrelay.providers.base import Part, Purpose, Send, Target
from pixelrelay.providers.capabilities import lacks
from pixelrelay.providers.openai_compatible import XINFERENCE as PROVIDER
from pixelrelay.providers.openai_compatible import XinferenceOptions
from pixelrelay.quotas import Unit
from tests.providers.exchanges import PIXEL, drawing, editing, failed, finish, png, sent, stored

BASE = "http://127.0.0.1:9997/v1"


def target(**options: str) -> Target:
    return PROVIDER.target("sd3", None, XinferenceOptions.model_validate(options))


def texts(parts: tuple[Part, ...]) -> dict[str, Any]:
    return {part.name: part.data for part in parts if part.filename is None}


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ({}, BASE),
        ({"base_url": "http://gpu.corp.example:9997"}, "http://gpu.corp.example:9997/v1"),
        ({"base_url": "https://gpu.corp.example/v1/"}, "https://gpu.corp.example/v1"),
    ],
)
def test_it_needs_no_key_and_v1_is_added_where_it_is_left_off(given: dict[str, str], base: str) -> None:
    there = target(**given)

    assert (there.base_url, there.credential, PROVIDER.requires_key) == (base, None, False)


def test_a_key_is_sent_where_it_asks_for_one() -> None:
    assert PROVIDER.target("sd3", SecretStr("sk-x"), XinferenceOptions()).credential is not None


@pytest.mark.parametrize("response_format", [None, "b64_json", "url"])
def test_a_generation_always_asks_for_bytes_because_an_address_is_a_path_on_its_disk(
    response_format: str | None,
) -> None:
    assert sent(PROVIDER.generate(drawing(response_format=response_format, size=Size(1024, 512)), target())) == Send(
        Purpose.SUBMIT,
        "POST",
        f"{BASE}/images/generations",
        json={
            "model": "sd3",
            "prompt": "a lighthouse at dusk",
            "n": 1,
            "size": "1024x512",
            "response_format": "b64_json",
        },
    )


@pytest.mark.parametrize(
    ("seed", "parameters", "kwargs"),
    [
        (7, {}, {"seed": 7}),
        (
            None,
            {"num_inference_steps": 20, "negative_prompt": "fog"},
            {"num_inference_steps": 20, "negative_prompt": "fog"},
        ),
        (7, {"guidance_scale": 3.5}, {"guidance_scale": 3.5, "seed": 7}),
    ],
)
def test_what_is_for_the_pipeline_is_one_field_of_json_text(
    seed: int | None, parameters: dict[str, Any], kwargs: dict[str, Any]
) -> None:
    request = drawing(seed=seed, parameters=parameters)
    said = sent(PROVIDER.generate(request, target())).json or {}

    assert lacks(PROVIDER.capabilities("sd3", XinferenceOptions()), request) == ()
    assert said.keys() == {"model", "prompt", "n", "response_format", "kwargs"}
    assert json.loads(said["kwargs"]) == kwargs


def test_a_plain_edit_takes_the_path_of_openais_clients() -> None:
    send = sent(PROVIDER.edit(editing(png("a.png"), png("b.png")), target()))

    assert send.url == f"{BASE}/images/edits"
    assert send.parts == (
        Part("model", "sd3"),
        Part("prompt", "add a red hat"),
        Part("n", "1"),
        Part("response_format", "b64_json"),
        Part("image[]", PIXEL, "a.png", "image/png"),
        Part("image[]", PIXEL, "b.png", "image/png"),
    )


def test_an_edit_that_tells_the_pipeline_something_takes_the_path_that_hears_it() -> None:
    request = editing(png("a.png"), png("b.png"), seed=7, parameters={"strength": 0.4, "negative_prompt": "fog"})

    send = sent(PROVIDER.edit(request, target()))

    assert send.url == f"{BASE}/images/variations"
    assert texts(send.parts)["negative_prompt"] == "fog"
    assert json.loads(texts(send.parts)["kwargs"]) == {"strength": 0.4, "seed": 7}
    assert [part.name for part in send.parts if part.filename] == ["image", "image"]


def test_what_a_form_has_a_field_for_is_not_said_twice() -> None:
    send = sent(PROVIDER.edit(editing(parameters={"negative_prompt": "fog"}), target()))

    assert texts(send.parts).keys() == {"model", "prompt", "n", "response_format", "negative_prompt"}


def test_a_mask_goes_to_inpainting_white_where_it_was_transparent() -> None:
    hole = Pillow.new("RGBA", (2, 1), (0, 0, 0, 255))
    hole.putpixel((0, 0), (0, 0, 0, 0))
    file = io.BytesIO()
    hole.save(file, "PNG")

    send = sent(PROVIDER.edit(editing(mask=InputImage(file.getvalue(), "image/png", "hole.png")), target()))

    mask = send.parts[-1]
    assert send.url == f"{BASE}/images/inpainting"
    assert [part.name for part in send.parts if part.filename] == ["image", "mask_image"]
    assert isinstance(mask.data, bytes)
    with Pillow.open(io.BytesIO(mask.data)) as painted:
        assert list(painted.convert("L").tobytes()) == [255, 0]


def test_a_mask_over_several_images_is_not_sent() -> None:
    with pytest.raises(ProviderError, match="one image alone") as refused:
        PROVIDER.edit(editing(png(), png(), mask=png()), target())

    assert (refused.value.failure.kind, refused.value.failure.charge) == (FailureKind.INVALID, Charge.NONE)


def test_a_picture_comes_back_beside_an_empty_address() -> None:
    (image,) = finish(PROVIDER.generate(drawing(response_format="url"), target()), stored("xinference/picture")).images

    assert (image.bytes(), image.url) == (PIXEL, None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("no_model", FailureKind.NOT_FOUND),
        ("no_model_400", FailureKind.NOT_FOUND),
        ("no_image_model", FailureKind.NOT_FOUND),
        ("no_image", FailureKind.INVALID),
        ("unauthorised", FailureKind.UNAUTHORISED),
        ("forbidden", FailureKind.UNAUTHORISED),
        ("out_of_memory", FailureKind.OVERLOADED),
        ("odd_size", FailureKind.INVALID),
        ("no_inpainting", FailureKind.INVALID),
        ("plain_text", FailureKind.INVALID),
        ("plain_crash", FailureKind.OVERLOADED),
    ],
)
def test_its_errors_are_known_by_their_text_because_most_are_500(name: str, kind: FailureKind) -> None:
    failure = failed(PROVIDER.generate(drawing(), target()), stored(f"xinference/{name}"))

    assert (failure.kind, failure.charge) == (kind, Charge.NONE)


def test_a_full_model_is_full_of_calls_at_a_time_and_one_that_loads_asks_for_patience() -> None:
    full = failed(PROVIDER.generate(drawing(), target()), stored("xinference/throttled"))
    loading = failed(PROVIDER.generate(drawing(), target()), stored("xinference/loading"))

    assert (full.kind, full.unit) == (FailureKind.RATE_LIMITED, Unit.CONCURRENT)
    assert (loading.kind, loading.retry_after) == (FailureKind.OVERLOADED, 30.0)


def test_a_success_without_a_picture_is_unusable() -> None:
    assert failed(PROVIDER.generate(drawing(), target()), stored("xinference/nothing")).kind is FailureKind.UNUSABLE


def test_a_model_that_does_not_run_there_is_said_to_be_missing() -> None:
    other = PROVIDER.target("flux", None, XinferenceOptions())

    assert finish(PROVIDER.ask(target()), stored("xinference/models")) == "sd3 is available"
    missing = failed(PROVIDER.ask(other), stored("xinference/models"))
    assert (missing.kind, missing.message) == (
        FailureKind.NOT_FOUND,
        "flux is not there; of models there are sd3, qwen",
    )
