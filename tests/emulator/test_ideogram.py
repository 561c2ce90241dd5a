"""The emulated Ideogram takes JSON and forms, is strict about both, and delivers at addresses that run out."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from typing import Any

import httpx2
import pytest

from pixelrelay.testing import EmulatedDeployment, Fleet, emulated_fleet
from tests.emulator.scenes import KEY, half_transparent, opened, png

HEADERS = {"api-key": KEY}
V3 = "v1/ideogram-v3"


def ideogram(**options: Any) -> EmulatedDeployment:
    return EmulatedDeployment("ideogram", "ideogram", "ideogram-v3", **{"latency": 0, "api_key": KEY, **options})


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with emulated_fleet(ideogram()) as it:
        yield it


def ask(fleet: Fleet, path: str = f"{V3}/generate", **body: Any) -> httpx2.Response:
    asked = {"prompt": "a red lighthouse", **body}
    url = f"{fleet.url('ideogram')}/{path}"
    return httpx2.post(url, json={k: v for k, v in asked.items() if v is not None}, headers=HEADERS)


def form(fleet: Fleet, path: str, files: Any, **fields: Any) -> httpx2.Response:
    asked = {"prompt": "a red hat", **fields}
    url = f"{fleet.url('ideogram')}/{path}"
    return httpx2.post(url, data={k: v for k, v in asked.items() if v is not None}, files=files, headers=HEADERS)


def picture(name: str, data: bytes) -> tuple[str, tuple[str, bytes, str]]:
    return name, (f"{name}.png", data, "image/png")


def fetched(reply: httpx2.Response, number: int = 0) -> Any:
    assert reply.status_code == 200, reply.text
    return opened(httpx2.get(reply.json()["data"][number]["url"]).content)


def test_pictures_of_the_resolution_asked_for_lie_behind_signed_addresses(fleet: Fleet) -> None:
    reply = ask(fleet, resolution="1280x800", num_images=2, seed=7)

    assert [fetched(reply, number).size for number in (0, 1)] == [(1280, 800)] * 2
    assert reply.json()["data"][0]["seed"] == 7
    assert httpx2.get(reply.json()["data"][0]["url"], headers=HEADERS).status_code == 403


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (f"{V3}/generate", {"prompt": None}, "prompt: Field required"),
        (f"{V3}/generate", {"resolution": "1000x1000"}, "resolution: 1000x1000 is not supported"),
        (f"{V3}/generate", {"resolution": "1024x1024", "aspect_ratio": "1x1"}, "cannot be used together"),
        (f"{V3}/generate", {"rendering_speed": "FAST"}, "rendering_speed"),
        (f"{V3}/generate", {"num_images": 9}, "num_images"),
        (f"{V3}/generate", {"size": "1024x1024"}, "size: Extra inputs are not permitted"),
        (f"{V3}/inpaint", {}, "Missing file: image"),
        ("v1/ideogram-v4/generate", {"prompt": None}, "exactly one of text_prompt and json_prompt"),
        ("v1/ideogram-v4/generate", {"prompt": None, "text_prompt": "x", "num_images": 2}, "num_images"),
    ],
)
def test_a_bad_body_is_a_400_that_says_what_is_wrong(fleet: Fleet, path: str, body: dict[str, Any], said: str) -> None:
    reply = ask(fleet, path, **body)

    assert reply.status_code == 400
    assert said in reply.json()["error"]


def test_black_in_a_mask_is_drawn_anew_and_white_is_kept(fleet: Fleet) -> None:
    mask = opened(half_transparent((256, 256))).getchannel("A")
    target = BytesIO()
    mask.save(target, "PNG")
    files = [picture("image", png((256, 256))), picture("mask", target.getvalue())]

    filled = fetched(form(fleet, f"{V3}/inpaint", files))

    assert filled.getpixel((250, 128)) == (200, 30, 30)
    assert filled.getpixel((2, 2)) != (200, 30, 30)


def test_forms_bring_files_objects_and_lists(fleet: Fleet) -> None:
    fields = {"color_palette": '{"name": "EMBER"}', "style_codes": ["AB", "CD"], "num_images": "2"}

    assert len(form(fleet, f"{V3}/remix", [picture("image", png())], **fields).json()["data"]) == 2
    assert fetched(
        form(fleet, f"{V3}/reframe", [picture("image", png())], prompt=None, resolution="1536x512")
    ).size == (1536, 512)
    assert form(fleet, f"{V3}/remix", [picture("images", png())]).json()["error"] == "Unexpected file: images"
    assert "no image" in form(fleet, f"{V3}/remix", [picture("image", b"no picture")]).json()["error"]


def test_the_second_api_edits_at_any_size_of_its_grid_and_names_the_generation(fleet: Fleet) -> None:
    path = "v2/image/generate/ideogram-4-5"
    files = [picture("images", png()), picture("images", png())]
    reply = form(fleet, path, files, size="512x1024", quality="low")

    assert fetched(reply).size == (512, 1024)
    assert reply.json()["generation_id"]


@pytest.mark.parametrize(("prompt", "status"), [("forbidden", 422), ("unseemly", 200)])
def test_moderation_is_a_422_or_a_picture_without_an_address(fleet: Fleet, prompt: str, status: int) -> None:
    reply = ask(fleet, prompt=f"something {prompt}")

    assert reply.status_code == status
    if status == 200:
        (item,) = reply.json()["data"]
        assert (item["url"], item["is_image_safe"]) == (None, False)
    else:
        assert "safety check" in reply.json()["error"]


def test_a_key_in_another_header_is_none(fleet: Fleet) -> None:
    url = f"{fleet.url('ideogram')}/models"

    assert httpx2.get(url, headers=HEADERS).json() == {"models": []}
    assert httpx2.get(url, headers={"authorization": f"Bearer {KEY}"}).status_code == 401


def test_more_than_the_account_may_have_in_flight_is_told_its_limit() -> None:
    with emulated_fleet(ideogram(concurrent=0)) as fleet:
        reply = ask(fleet)

    assert reply.status_code == 429
    assert reply.json()["reject_reason"] == "inflight_limit"


def test_prices_go_by_rendering_speed_and_an_empty_account_is_402() -> None:
    with emulated_fleet(ideogram(credit=Decimal("0.12"))) as fleet:
        ask(fleet, rendering_speed="QUALITY")
        ask(fleet, rendering_speed="TURBO")
        reply = ask(fleet)

        assert fleet.billed["ideogram"].dollars == Decimal("0.12")
        assert (reply.status_code, reply.json()["reject_reason"]) == (402, "insufficient_funds")
