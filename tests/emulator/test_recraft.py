"""The emulated Recraft takes JSON as its guide has it, delivers pictures and vectors, and refuses the rest."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import openai as sdk
import pytest
from PIL import Image

from pixelrelay import UnservableRequestError
from pixelrelay.testing import Fleet, emulated_fleet
from tests.emulator.scenes import KEY, ask_recraft, data_url, half_transparent, opened, png, recraft
from tests.router.scenes import router_of

PHOTO = {"image_url": data_url(png((256, 256)))}


def test_a_picture_is_behind_an_address_unless_it_is_asked_for_inline(fleet: Fleet) -> None:
    asked: dict[str, Any] = {"prompt": "a fox", "model": "recraftv3", "size": "1820x1024", "image_format": "webp"}
    behind = ask_recraft(fleet, **asked)
    inline = ask_recraft(fleet, **asked, response_format="b64_json", n=2)

    fetched = httpx2.get(behind.json()["data"][0]["url"])
    assert (opened(fetched.content).size, fetched.headers["content-type"]) == ((1820, 1024), "image/webp")
    assert len(inline.json()["data"]) == 2
    assert (behind.json()["credits"], inline.json()["credits"]) == (40, 80)
    assert behind.headers["x-recraft-requestid"]


@pytest.mark.parametrize(
    ("endpoint", "body", "said"),
    [
        ("generations", {"prompt": ""}, "prompt: String should have at least 1 character"),
        ("generations", {"prompt": "x", "n": 7}, "n: Input should be less than or equal to 6"),
        ("generations", {"prompt": "x", "size": "1000x1000"}, "size 1000x1000 is not supported"),
        ("generations", {"prompt": "x", "model": "recraftv9"}, "unknown model: recraftv9"),
        ("generations", {"prompt": "x", "quality": "high"}, "quality: Extra inputs are not permitted"),
        ("generations", {"prompt": "x", "style": "any"}, "style any is not supported for model recraftv4_1"),
        ("generations", {"prompt": "x", "negative_prompt": "y"}, "negative_prompt is not supported"),
        ("generations", {"prompt": "x" * 1001, "model": "recraftv3"}, "longer than 1000"),
        ("generations", {"prompt": "x", "model": "recraftv4_styles"}, "needs style_id"),
        ("generations", {"prompt": "x", "controls": {"colors": [{"rgb": [0, 0, 256]}]}}, "controls.colors.0.rgb.2"),
        ("generations", {"prompt": "x", "model": "recraftv3_vector", "image_format": "png"}, "image_format is not"),
        ("imageToImage", {"prompt": "x", **PHOTO}, "strength: Field required"),
        ("imageToImage", {"prompt": "x", "image_url": data_url(png()), "strength": 0.5}, "from 256 to 4096 px"),
        ("imageToImage", {"prompt": "x", "image_url": "https://x.example", "strength": 0.5}, "image could not be read"),
        ("inpaint", {"prompt": "x", "model": "recraftv3", **PHOTO}, "mask_url: Field required"),
        ("inpaint", {"prompt": "x", **PHOTO, "mask_url": "…"}, "inpaint is not supported for model recraftv4_1"),
        ("removeBackground", {**PHOTO, "prompt": "x"}, "prompt: Extra inputs are not permitted"),
        ("vectorize", {}, "image_url: Field required"),
    ],
)
def test_what_the_guide_does_not_have_is_a_400(fleet: Fleet, endpoint: str, body: dict[str, Any], said: str) -> None:
    reply = ask_recraft(fleet, endpoint, **body)

    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_request_parameter")
    assert said in reply.json()["message"]


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (half_transparent((256, 256)), "mask must be a grayscale image"),
        (png((256, 256), 128, "L"), "mask must be black and white"),
        (png((128, 256), 255, "L"), "mask must have the size of the image"),
    ],
)
def test_a_mask_is_black_and_white_and_nothing_between(fleet: Fleet, mask: bytes, said: str) -> None:
    reply = ask_recraft(fleet, "inpaint", prompt="a door", model="recraftv3", **PHOTO, mask_url=data_url(mask))

    assert (reply.status_code, reply.json()["message"]) == (400, said)


def test_white_in_a_mask_is_drawn_anew_and_black_is_kept(fleet: Fleet) -> None:
    mask = opened(png((256, 256), 0, "L"))
    mask.paste(255, (0, 0, 128, 256))
    body = {"prompt": "a door", "model": "recraftv3", "response_format": "b64_json", **PHOTO}

    encoded = ask_recraft(fleet, "inpaint", **body, mask_url=data_url(_file(mask))).json()["data"][0]["b64_json"]

    painted = opened(encoded).convert("RGB")
    assert painted.getpixel((250, 128)) == (200, 30, 30)
    assert painted.getpixel((2, 2)) != (200, 30, 30)


def _file(picture: Image.Image) -> bytes:
    target = BytesIO()
    picture.save(target, "PNG")
    return target.getvalue()


@pytest.mark.parametrize(
    ("service", "further", "units", "size"),
    [
        ("removeBackground", {}, 10, (256, 256)),
        ("crispUpscale", {}, 4, (512, 512)),
        ("creativeUpscale", {"image_format": "png"}, 250, (512, 512)),
        ("eraseRegion", {"mask_url": data_url(png((256, 256), 255, "L"))}, 2, (256, 256)),
    ],
)
def test_a_service_answers_with_one_picture(
    fleet: Fleet, service: str, further: dict[str, str], units: int, size: tuple[int, int]
) -> None:
    answer = ask_recraft(fleet, service, **PHOTO, **further, response_format="b64_json").json()

    assert (opened(answer["image"]["b64_json"]).size, answer["credits"]) == (size, units)


def test_only_the_bearer_key_is_let_in_and_a_wrong_path_is_not_found(fleet: Fleet) -> None:
    wrong = ask_recraft(fleet, key="wrong", prompt="a fox")
    lost = ask_recraft(fleet, "generation", prompt="a fox")

    assert (wrong.status_code, wrong.text) == (401, "request unauthorized")
    assert (lost.status_code, lost.text) == (404, "404 page not found")
    assert wrong.headers["content-type"].startswith("text/plain")


def test_quotas_and_units_run_out() -> None:
    with emulated_fleet(recraft(images_per_minute=2, credit=Decimal("0.08"))) as fleet:
        full = [ask_recraft(fleet, prompt="a fox", model="recraftv3", n=n) for n in (1, 2)][-1]
        ask_recraft(fleet, prompt="a fox", model="recraftv3")
        empty = ask_recraft(fleet, prompt="a fox", model="recraftv3")
        headers = {"authorization": f"Bearer {KEY}"}
        left = httpx2.get(f"{fleet.url('recraft')}/v1/users/me", headers=headers).json()["credits"]

    assert (full.status_code, full.json()["message"]) == (429, "rate limit exceeded: 100 images per minute")
    assert (empty.status_code, left) == (402, 0)


@pytest.mark.parametrize("word", ["forbidden", "unseemly"])
def test_moderation_is_a_400_and_free(fleet: Fleet, word: str) -> None:
    reply = ask_recraft(fleet, prompt=f"something {word}")

    assert reply.status_code == 400
    assert "content moderation" in reply.json()["message"]
    assert fleet.requests[-1].billed == 0


def test_the_client_of_openai_generates(fleet: Fleet) -> None:
    with sdk.OpenAI(base_url=f"{fleet.url('recraft')}/v1", api_key=KEY, max_retries=0) as client:
        drawn = client.images.generate(
            model="recraftv4_1", prompt="a fox", size="1024x1024", n=2, response_format="b64_json"
        )

    assert drawn.data is not None
    assert [opened(image.b64_json or "").size for image in drawn.data] == [(1024, 1024)] * 2


# --- vectors, from end to end ------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_router_finds_who_draws_vectors_and_saves_them_as_they_are(tmp_path: Path) -> None:
    fleet = Fleet(recraft("pixels", "recraftv4_1"), recraft("vectors", "recraftv4_1_vector"))
    async with router_of(fleet) as relay:
        images = await relay.generate("flux", "a fox", output_format="svg", size="1024x1024")
        with pytest.raises(UnservableRequestError, match="output_format 'svg': it knows png, webp"):
            await relay.generate("pixels", "a fox", output_format="svg")

    (image,) = images.data
    assert (image.deployment, image.media_type) == ("vectors", "image/svg+xml")
    assert image.save(tmp_path / "fox.svg").read_bytes().startswith(b"<svg ")
    assert images.route.cost == Decimal("0.08")


@pytest.mark.anyio
async def test_a_router_traces_cuts_free_and_enlarges() -> None:
    services = ("vectorize", "removeBackground", "crispUpscale")
    fleet = Fleet(*(recraft(f"by-{number}", name) for number, name in enumerate(services)))
    async with router_of(fleet) as relay:
        photo = png((256, 256))
        drawn = [await relay.edit(f"by-{number}", photo, "as it is") for number in range(len(services))]

    assert [images.data[0].media_type for images in drawn] == ["image/svg+xml", "image/png", "image/png"]
    assert [images.route.cost for images in drawn] == [Decimal("0.01"), Decimal("0.01"), Decimal("0.004")]
