"""The emulated servers of OpenAI's Images API that are not OpenAI's take what each takes, and refuse the rest."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from typing import Any

import httpx2
import pytest
from PIL import Image

from pixelrelay.testing import Fault, FaultKind, Fleet, emulated_fleet
from tests.emulator.scenes import KEY, compatible, half_transparent, opened, png

MODELS = {
    "openai-compatible": "sd-3.5",
    "xinference": "sd3",
    "nscale": "black-forest-labs/FLUX.1-schnell",
    "together": "black-forest-labs/FLUX.2-pro",
    "xai": "grok-imagine-image-2.0",
}
ADDRESS = "data:image/png;base64," + base64.b64encode(png()).decode()


@pytest.fixture(scope="module")
def servers() -> Iterator[Fleet]:
    with emulated_fleet(*(compatible(provider, model) for provider, model in MODELS.items())) as running:
        yield running


def ask(fleet: Fleet, provider: str, path: str = "generations", key: str = KEY, **body: Any) -> httpx2.Response:
    asked = {"model": MODELS[provider], "prompt": "a red lighthouse", **body}
    headers = {"authorization": f"Bearer {key}"}
    return httpx2.post(f"{fleet.url(provider)}/v1/images/{path}", json=asked, headers=headers)


def edit(fleet: Fleet, provider: str, path: str, files: Any, **fields: str) -> httpx2.Response:
    asked = {"model": MODELS[provider], "prompt": "add a hat", **fields}
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx2.post(f"{fleet.url(provider)}/v1/images/{path}", data=asked, files=files, headers=headers)


@pytest.mark.parametrize(
    ("provider", "body", "size", "format_"),
    [
        ("openai-compatible", {"size": "512x256", "response_format": "b64_json"}, (512, 256), "PNG"),
        ("xinference", {"size": "512x256", "response_format": "b64_json", "kwargs": '{"seed": 7}'}, (512, 256), "JPEG"),
        ("nscale", {}, (512, 512), "PNG"),
        ("together", {"width": 512, "height": 256, "response_format": "base64"}, (512, 256), "JPEG"),
        ("xai", {"aspect_ratio": "3:4", "response_format": "b64_json"}, (864, 1152), "JPEG"),
    ],
)
def test_a_picture_comes_inline(
    servers: Fleet, provider: str, body: dict[str, Any], size: tuple[int, int], format_: str
) -> None:
    (item,) = ask(servers, provider, **body).json()["data"]

    picture = opened(item["b64_json"])
    assert (picture.size, picture.format) == (size, format_)


@pytest.mark.parametrize("provider", ["openai-compatible", "together", "xai"])
def test_an_address_is_what_most_give_unless_bytes_are_asked_for(servers: Fleet, provider: str) -> None:
    (item,) = ask(servers, provider).json()["data"]

    assert opened(httpx2.get(item["url"]).content).size == (1024, 1024)


def test_an_address_of_xinferences_leads_nowhere(servers: Fleet) -> None:
    assert ask(servers, "xinference").json()["data"] == [{"url": "/root/.xinference/image/0.jpg", "b64_json": None}]


@pytest.mark.parametrize(
    ("provider", "body", "status", "said"),
    [
        ("openai-compatible", {"lora": "x"}, 400, "lora"),
        ("openai-compatible", {"size": "big"}, 400, "size"),
        ("openai-compatible", {"n": "2"}, 400, "n"),
        ("openai-compatible", {"model": "other"}, 404, "model does not exist"),
        ("xinference", {"seed": 7}, 500, "seed"),
        ("xinference", {"kwargs": {"seed": 7}}, 500, "kwargs"),
        ("xinference", {"kwargs": "[1]"}, 500, "JSON object"),
        ("nscale", {"response_format": "b64_json"}, 400, "response_format"),
        ("nscale", {"seed": 7}, 400, "seed"),
        ("together", {"size": "512x512"}, 400, "size"),
        ("together", {"width": 500}, 400, "width"),
        ("together", {"response_format": "b64_json"}, 400, "response_format"),
        ("together", {"reference_images": ["https://a.example/b.png"]}, 400, "image"),
        ("xai", {"size": "1024x1024"}, 422, "size"),
        ("xai", {"resolution": "3k"}, 422, "resolution"),
        ("xai", {"quality": "high"}, 422, "quality"),
        ("xai", {"image": {"url": ADDRESS}}, 422, "image"),
    ],
)
def test_a_bad_request_is_refused_by_each_in_its_own_shape(
    servers: Fleet, provider: str, body: dict[str, Any], status: int, said: str
) -> None:
    reply = ask(servers, provider, **body)

    shape = {"xinference": {"detail"}, "xai": {"code", "error"}, "together": {"id", "error"}}.get(provider, {"error"})
    assert (reply.status_code, set(reply.json())) == (status, shape)
    assert said in reply.text


@pytest.mark.parametrize(
    ("provider", "status"), [("openai-compatible", 401), ("nscale", 401), ("together", 401), ("xai", 400)]
)
def test_a_wrong_key_is_refused(servers: Fleet, provider: str, status: int) -> None:
    assert ask(servers, provider, key="wrong").status_code == status


def test_xinference_lets_everybody_in(servers: Fleet) -> None:
    url = f"{servers.url('xinference')}/v1/models"

    assert httpx2.get(url).json()["data"][0]["id"] == "sd3"


@pytest.mark.parametrize(
    ("provider", "path", "body"),
    [
        ("openai-compatible", "edits", {"images": [{"image_url": ADDRESS}], "response_format": "b64_json"}),
        ("together", "generations", {"reference_images": [ADDRESS, ADDRESS], "response_format": "base64"}),
        ("xai", "edits", {"image": {"url": ADDRESS, "type": "image_url"}, "response_format": "b64_json"}),
        ("xai", "edits", {"images": [{"url": ADDRESS}, {"url": ADDRESS}], "response_format": "b64_json"}),
    ],
)
def test_an_edit_may_hold_its_images_in_the_body(
    servers: Fleet, provider: str, path: str, body: dict[str, Any]
) -> None:
    reply = ask(servers, provider, path, **body)

    assert reply.status_code == 200, reply.text
    assert opened(reply.json()["data"][0]["b64_json"]).size[0] > 0
    assert servers.requests[-1].operation == "edit"


@pytest.mark.parametrize(
    ("provider", "path", "fields", "drawn"),
    [
        ("openai-compatible", "edits", ("image", "mask"), "left"),
        ("xinference", "inpainting", ("image", "mask_image"), "right"),
    ],
)
def test_a_mask_is_read_as_each_reads_it(
    servers: Fleet, provider: str, path: str, fields: tuple[str, str], drawn: str
) -> None:
    mask = half_transparent() if drawn == "left" else _white_on_the_right()
    files = [(fields[0], ("a.png", png(), "image/png")), (fields[1], ("m.png", mask, "image/png"))]

    reply = edit(servers, provider, path, files, response_format="b64_json")

    picture = opened(reply.json()["data"][0]["b64_json"]).convert("RGB")
    kept = picture.getpixel((56 if drawn == "left" else 8, 60))
    assert isinstance(kept, tuple)
    assert all(abs(one - other) < 12 for one, other in zip(kept, (200, 30, 30), strict=True))


def _white_on_the_right() -> bytes:
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (32, 0, 64, 64))
    file = BytesIO()
    mask.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("provider", "path", "files", "fields", "status"),
    [
        ("openai-compatible", "edits", [("picture", ("a.png", png(), "image/png"))], {}, 400),
        ("openai-compatible", "edits", [("image", ("a.png", b"no", "image/png"))], {}, 400),
        ("openai-compatible", "edits", [("mask", ("m.png", png(), "image/png"))], {}, 400),
        ("xinference", "edits", [("image", ("a.png", png(), "image/png"))], {"kwargs": "{}"}, 500),
        ("xinference", "variations", [("image[]", ("a.png", png(), "image/png"))], {}, 500),
        ("xinference", "inpainting", [("image", ("a.png", png(), "image/png"))], {}, 422),
        ("xai", "edits", [("image", ("a.png", png(), "image/png"))], {}, 415),
        ("nscale", "edits", [("image", ("a.png", png(), "image/png"))], {}, 404),
    ],
)
def test_a_bad_edit_is_refused(
    servers: Fleet, provider: str, path: str, files: Any, fields: dict[str, str], status: int
) -> None:
    assert edit(servers, provider, path, files, **fields).status_code == status


@pytest.mark.parametrize(
    ("provider", "prompt", "status", "billed"),
    [
        ("openai-compatible", "a forbidden thing", 400, 0),
        ("together", "a forbidden thing", 422, 0),
        ("together", "an unseemly thing", 422, 0),
        ("xai", "a forbidden thing", 400, 0),
        ("xinference", "a forbidden thing", 200, 1),
        ("nscale", "an unseemly thing", 200, 1),
    ],
)
def test_some_moderate_and_some_do_not(servers: Fleet, provider: str, prompt: str, status: int, billed: int) -> None:
    assert ask(servers, provider, prompt=prompt).status_code == status
    assert servers.requests[-1].billed == billed


def test_xai_keeps_a_picture_back_without_a_word(servers: Fleet) -> None:
    answer = ask(servers, "xai", prompt="an unseemly thing").json()

    assert answer["data"][0]["respect_moderation"] is False
    assert answer["usage"] == {"cost_in_usd_ticks": 0}


@pytest.mark.parametrize(
    ("provider", "body", "dollars"),
    [
        ("openai-compatible", {}, "0"),
        ("nscale", {"size": "1000x1000"}, "0.0013"),
        ("together", {"width": 1024, "height": 512, "n": 2}, "0.03145728"),
        ("xai", {"quality": "low"}, "0.04"),
        ("xai", {"resolution": "2k", "n": 2}, "0.16"),
    ],
)
def test_each_bills_by_its_own_list(servers: Fleet, provider: str, body: dict[str, Any], dollars: str) -> None:
    reply = ask(servers, provider, **body)

    assert servers.requests[-1].dollars == Decimal(dollars)
    if provider == "xai":
        assert Decimal(reply.json()["usage"]["cost_in_usd_ticks"]) == Decimal(dollars) * 10**10


@pytest.mark.parametrize("provider", MODELS)
def test_a_full_quota_is_a_429(provider: str) -> None:
    with emulated_fleet(compatible(provider, MODELS[provider], requests_per_minute=1)) as fleet:
        assert ask(fleet, provider).status_code == 200
        full = ask(fleet, provider)

    assert full.status_code == 429
    assert int(full.headers["retry-after"]) > 50


def test_at_nscale_an_empty_account_is_a_429_too() -> None:
    fault = Fault(FaultKind.OUT_OF_CREDIT)
    with emulated_fleet(compatible("nscale", MODELS["nscale"], faults=(fault,))) as fleet:
        reply = ask(fleet, "nscale")

    assert (reply.status_code, reply.json()["error"]["message"]) == (429, "Insufficient credit")


# --- Fireworks ---------------------------------------------------------------------------------------------------


def fireworks(fleet: Fleet, path: str, accept: str = "image/png", key: str = KEY, **body: Any) -> httpx2.Response:
    url = f"{fleet.url('fireworks')}/inference/v1/{path}"
    headers = {"authorization": f"Bearer {key}", "accept": accept}
    return httpx2.post(url, json={"prompt": "a red lighthouse", **body}, headers=headers)


SCHNELL = "workflows/accounts/fireworks/models/flux-1-schnell-fp8/text_to_image"
KONTEXT = "workflows/accounts/fireworks/models/flux-kontext-pro"


def test_fireworks_answers_with_the_picture_itself() -> None:
    with emulated_fleet(compatible("fireworks", "flux-1-schnell-fp8")) as fleet:
        reply = fireworks(fleet, SCHNELL, "image/jpeg", aspect_ratio="3:2", seed=7)
        filtered = fireworks(fleet, SCHNELL, prompt="a forbidden thing")
        statuses = [
            fireworks(fleet, SCHNELL, "image/webp").status_code,
            fireworks(fleet, SCHNELL, aspect_ratio="7:5").status_code,
            fireworks(fleet, SCHNELL, width=512).status_code,
            fireworks(fleet, SCHNELL, key="wrong").status_code,
            fireworks(fleet, KONTEXT).status_code,
        ]
        billed = fleet.billed["fireworks"]

    picture = opened(reply.content)
    assert (picture.format, reply.headers["content-type"], reply.headers["seed"]) == ("JPEG", "image/jpeg", "7")
    assert filtered.headers["finish-reason"] == "CONTENT_FILTERED"
    assert statuses == [400, 400, 400, 401, 404]
    assert (billed.pictures, billed.dollars) == (1, Decimal("0.0014"))


def test_kontext_is_a_job_that_a_post_asks_after() -> None:
    with emulated_fleet(compatible("fireworks", "flux-kontext-pro")) as fleet:
        name = fireworks(fleet, KONTEXT, input_image=ADDRESS, output_format="png").json()["request_id"]
        told: dict[str, Any] = {"status": "Pending"}
        while told["status"] == "Pending":
            told = _told(fleet, name)
        picture = opened(httpx2.get(told["result"]["sample"]).content)
        assert picture.format == "PNG"
        assert _told(fleet, "another")["status"] == "Task not found"
        assert fireworks(fleet, KONTEXT, input_image=ADDRESS, safety_tolerance=3).status_code == 422
        assert fireworks(fleet, KONTEXT, input_image="https://a.example/b.png").status_code == 422


def _told(fleet: Fleet, name: str) -> dict[str, Any]:
    url = f"{fleet.url('fireworks')}/inference/v1/{KONTEXT}/get_result"
    reply = httpx2.post(url, json={"id": name}, headers={"authorization": f"Bearer {KEY}"})
    told: dict[str, Any] = reply.json()
    return told
