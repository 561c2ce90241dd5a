"""The emulated fal queues requests, tells of what is wrong with them at their end, and delivers at signed addresses."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from typing import Any

import httpx2
import pytest

from pixelrelay.testing import EmulatedDeployment, Fault, FaultKind, Fleet, emulated_fleet
from tests.emulator.scenes import KEY, half_transparent, opened, png

HEADERS = {"authorization": f"Key {KEY}"}


def fal(**options: Any) -> EmulatedDeployment:
    return EmulatedDeployment("fal", "fal", "fal-ai/flux-2-pro", **{"latency": 0, "api_key": KEY, **options})


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with emulated_fleet(fal()) as it:
        yield it


def submit(fleet: Fleet, model: str = "fal-ai/flux-2-pro", **body: Any) -> httpx2.Response:
    asked = {"prompt": "a red lighthouse", **body}
    return httpx2.post(f"{fleet.url('fal')}/{model}", json=asked, headers=HEADERS)


def result(submitted: httpx2.Response) -> httpx2.Response:
    for _ in range(50):
        status = httpx2.get(submitted.json()["status_url"], headers=HEADERS)
        if status.json()["status"] == "COMPLETED":
            return httpx2.get(submitted.json()["response_url"], headers=HEADERS)
        assert status.status_code == 202
    raise AssertionError("the request never ended")


def url_of(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"


def test_a_request_waits_is_drawn_and_is_fetched_without_the_key(fleet: Fleet) -> None:
    submitted = submit(fleet, image_size={"width": 256, "height": 512}, output_format="png", seed=7)
    answer = result(submitted).json()
    address = answer["images"][0]["url"]

    assert submitted.json()["status"] == "IN_QUEUE"
    assert "/fal-ai/flux-2-pro/requests/" in submitted.json()["status_url"]
    assert (answer["seed"], answer["has_nsfw_concepts"]) == (7, [False])
    assert opened(httpx2.get(address).content).size == (256, 512)
    assert httpx2.get(address, headers=HEADERS).status_code == 403


def test_only_owner_and_app_stand_in_the_addresses_of_a_longer_endpoint(fleet: Fleet) -> None:
    submitted = submit(fleet, "fal-ai/flux-pro/kontext", image_url=url_of(png()))

    assert "/fal-ai/flux-pro/requests/" in submitted.json()["response_url"]
    assert result(submitted).status_code == 200


@pytest.mark.parametrize(
    ("model", "body", "loc", "kind"),
    [
        ("fal-ai/flux-2-pro", {"prompt": ""}, ["body", "prompt"], "string_too_short"),
        ("fal-ai/flux-2-pro", {"steps": 9}, ["body", "steps"], "extra_forbidden"),
        ("fal-ai/flux-2-pro", {"safety_tolerance": 2}, ["body", "safety_tolerance"], "literal_error"),
        ("fal-ai/flux-2-pro", {"num_images": 2}, ["body", "num_images"], "literal_error"),
        ("fal-ai/flux/dev", {"num_images": 5}, ["body", "num_images"], "less_than_equal"),
        ("fal-ai/flux-2-pro/edit", {}, ["body", "image_urls"], "missing"),
        ("fal-ai/flux-pro/v1.1-ultra", {"aspect_ratio": "3:1"}, ["body", "aspect_ratio"], "value_error"),
        ("fal-ai/nano-banana-2", {"resolution": "8K"}, ["body", "resolution"], "literal_error"),
        ("fal-ai/recraft/v3/text-to-image", {"style": "anime"}, ["body", "style"], "string_pattern_mismatch"),
        ("fal-ai/ideogram/v3", {"image_urls": ["no picture"]}, ["body", "image_urls"], "image_load_error"),
        ("fal-ai/gpt-image-1.5", {"seed": 7}, ["body", "seed"], "extra_forbidden"),
        ("fal-ai/z-image/turbo", {"guidance_scale": 3.5}, ["body", "guidance_scale"], "extra_forbidden"),
        ("fal-ai/flux-2-pro/edit", {"image_urls": ["no picture"]}, ["body", "image_urls"], "image_load_error"),
    ],
)
def test_a_bad_body_is_taken_and_the_result_tells_what_is_wrong(
    fleet: Fleet, model: str, body: dict[str, Any], loc: list[str], kind: str
) -> None:
    submitted = submit(fleet, model, **body)
    reply = result(submitted)

    assert (submitted.status_code, reply.status_code) == (200, 422)
    assert (reply.json()["detail"][0]["type"], reply.json()["detail"][0]["loc"]) == (kind, loc)


def test_a_wrong_key_an_unknown_app_and_an_unknown_path_are_told_apart(fleet: Fleet) -> None:
    wrong = httpx2.post(f"{fleet.url('fal')}/fal-ai/flux/dev", json={}, headers={"authorization": f"Bearer {KEY}"})

    assert (wrong.status_code, wrong.json()) == (401, {"detail": "No user found for Key ID and Secret"})
    assert submit(fleet, "fal-ai/flux-9").status_code == 404
    assert result(submit(fleet, "fal-ai/flux/of-next-year")).json() == {"detail": "Path /of-next-year not found"}


@pytest.mark.parametrize(
    ("model", "prompt", "status", "pictures"),
    [
        ("fal-ai/flux-2-pro", "forbidden", 422, 0),
        ("fal-ai/flux-2-pro", "unseemly", 422, 0),
        ("fal-ai/flux/dev", "forbidden", 422, 0),
        ("fal-ai/flux/dev", "unseemly", 200, 1),
    ],
)
def test_moderation_is_a_422_or_a_black_picture_that_is_billed(
    model: str, prompt: str, status: int, pictures: int
) -> None:
    with emulated_fleet(fal()) as fleet:
        reply = result(submit(fleet, model, prompt=f"something {prompt}"))

        assert reply.status_code == status
        assert fleet.billed["fal"].pictures == pictures
        if status == 200:
            assert fleet.billed["fal"].dollars == Decimal("0.025")
            assert reply.json()["has_nsfw_concepts"] == [True]
            assert opened(httpx2.get(reply.json()["images"][0]["url"]).content).getpixel((5, 5)) == (0, 0, 0)
        else:
            assert reply.json()["detail"][0]["type"] == "content_policy_violation"


def test_white_in_a_mask_is_drawn_anew(fleet: Fleet) -> None:
    mask = opened(half_transparent((256, 256))).getchannel("A").point([255, *[0] * 255])
    body = {"image_url": url_of(png((256, 256))), "mask_url": url_of(_png(mask)), "output_format": "png"}

    filled = result(submit(fleet, "fal-ai/flux-pro/v1/fill", **body)).json()["images"][0]["url"]
    picture = opened(httpx2.get(filled).content)

    assert picture.getpixel((250, 128)) == (200, 30, 30)
    assert picture.getpixel((2, 2)) != (200, 30, 30)


def _png(picture: Any) -> bytes:
    target = BytesIO()
    picture.save(target, "PNG")
    return target.getvalue()


def test_more_than_the_account_may_run_waits_and_is_not_refused() -> None:
    with emulated_fleet(fal(concurrent=1, latency=60.0)) as fleet:
        submissions = [submit(fleet) for _ in range(3)]
        statuses = [httpx2.get(each.json()["status_url"], headers=HEADERS).json()["status"] for each in submissions]

    assert [each.status_code for each in submissions] == [200, 200, 200]
    assert sorted(statuses) == ["IN_PROGRESS", "IN_QUEUE", "IN_QUEUE"]


def test_megapixels_are_billed_each_begun_one_and_an_empty_account_is_locked() -> None:
    with emulated_fleet(fal(credit=Decimal("0.05"))) as fleet:
        result(submit(fleet, "fal-ai/flux/dev", image_size={"width": 1024, "height": 1040}))
        reply = submit(fleet)

        assert fleet.billed["fal"].dollars == Decimal("0.05")
        assert reply.status_code == 403
        assert "Exhausted balance" in reply.json()["detail"]


@pytest.mark.parametrize(
    ("kind", "status", "detail", "pictures"),
    [
        (FaultKind.FAILED_JOB, 503, "Runner disconnected", 0),
        (FaultKind.LOST_JOB, 404, "Request not found", 1),
    ],
)
def test_a_job_that_ends_badly_says_so(kind: FaultKind, status: int, detail: str, pictures: int) -> None:
    with emulated_fleet(fal(faults=(Fault(kind),))) as fleet:
        submitted = submit(fleet)
        replies = [httpx2.get(submitted.json()["response_url"], headers=HEADERS) for _ in range(20)]
        billed = fleet.billed["fal"].pictures

    assert (replies[-1].status_code, replies[-1].json()["detail"]) == (status, detail)
    assert billed == pictures


@pytest.mark.parametrize(
    ("model", "asked", "dollars"),
    [
        ("fal-ai/nano-banana-2", {"resolution": "2K"}, "0.12"),
        ("fal-ai/nano-banana-pro", {"resolution": "4K"}, "0.30"),
        ("fal-ai/ideogram/v3", {"rendering_speed": "TURBO", "num_images": 2}, "0.06"),
    ],
)
def test_some_models_are_billed_by_what_is_asked(fleet: Fleet, model: str, asked: dict[str, Any], dollars: str) -> None:
    before = fleet.billed["fal"].dollars

    assert result(submit(fleet, model, **asked)).status_code == 200
    assert fleet.billed["fal"].dollars - before == Decimal(dollars)


def test_prices_are_told_to_those_who_have_a_key(fleet: Fleet) -> None:
    url = f"{fleet.url('fal')}/v1/models/pricing"

    told = httpx2.get(url, params={"endpoint_id": "fal-ai/nano-banana"}, headers=HEADERS).json()
    assert told["prices"][0]["unit_price"] == 0.039
    assert httpx2.get(url, params={"endpoint_id": "x/y"}, headers=HEADERS).json()["prices"] == []
    assert httpx2.get(url).status_code == 401
