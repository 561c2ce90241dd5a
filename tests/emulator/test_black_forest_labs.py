"""The emulated Black Forest Labs takes tasks, tells of them, and delivers at an address that runs out."""

from __future__ import annotations

import base64
from decimal import Decimal
from io import BytesIO
from typing import Any

import httpx2
import pytest
from PIL import Image

from pixelrelay.testing import Fault, FaultKind, Fleet, Stage, emulated_fleet
from tests.emulator.scenes import KEY, ask_bfl, bfl, half_transparent, opened, png, poll_bfl


def test_a_task_is_submitted_polled_and_fetched(fleet: Fleet) -> None:
    submitted = ask_bfl(fleet, width=256, height=512, seed=42, output_format="png")
    ready = poll_bfl(submitted).json()
    picture = opened(httpx2.get(ready["result"]["sample"]).content)

    assert submitted.json()["cost"] == 3.0
    assert (ready["status"], ready["result"]["seed"]) == ("Ready", 42)
    assert (picture.size, picture.format) == ((256, 512), "PNG")


def test_an_edit_is_priced_by_what_goes_in_too(fleet: Fleet) -> None:
    given = base64.b64encode(png((1024, 1024))).decode()

    answer = ask_bfl(fleet, input_image=given, width=1024, height=1024).json()

    assert (answer["cost"], answer["input_mp"], answer["output_mp"]) == (4.5, 1.0, 1.0)


@pytest.mark.parametrize(
    ("model", "body", "where", "kind"),
    [
        ("flux-2-pro", {"prompt": None}, "prompt", "string_type"),
        ("flux-2-pro", {"width": 8}, "width", "greater_than_equal"),
        ("flux-2-pro", {"width": 1000}, "width", "multiple_of"),
        ("flux-2-pro", {"safety_tolerance": 6}, "safety_tolerance", "less_than_equal"),
        ("flux-2-pro", {"output_format": "gif"}, "output_format", "literal_error"),
        ("flux-2-pro", {"steps": 20}, "steps", "extra_forbidden"),
        ("flux-2-pro", {"seed": "7"}, "seed", "int_type"),
        ("flux-2-flex", {"steps": 51}, "steps", "less_than_equal"),
        ("flux-2-klein-4b", {"input_image_5": "…"}, "input_image_5", "extra_forbidden"),
        ("flux-3-image", {"seed": 7}, "seed", "extra_forbidden"),
        ("flux-3-image", {"aspect_ratio": "3:1"}, "aspect_ratio", "literal_error"),
        ("flux-kontext-pro", {"aspect_ratio": "5:1"}, "aspect_ratio", "value_error"),
        ("flux-pro-1.1", {"width": 1472}, "width", "less_than_equal"),
        ("flux-pro-1.0-fill", {}, "image", "missing"),
        ("flux-pro-1.0-expand", {"image": "…"}, None, "value_error"),
    ],
)
def test_a_bad_body_is_a_422_that_names_the_field(
    fleet: Fleet, model: str, body: dict[str, Any], where: str | None, kind: str
) -> None:
    reply = ask_bfl(fleet, model=model, **body)

    detail = reply.json()["detail"][0]
    assert (reply.status_code, detail["type"]) == (422, kind)
    assert detail["loc"] == (["body", where] if where else ["body"])


def test_an_empty_body_shows_whether_the_key_is_good_and_costs_nothing(fleet: Fleet) -> None:
    url = f"{fleet.url('bfl')}/v1/flux-2-pro"

    assert httpx2.post(url, json={}, headers={"x-key": KEY}).status_code == 422
    for headers in ({}, {"x-key": "wrong"}, {"authorization": f"Bearer {KEY}"}):
        reply = httpx2.post(url, json={}, headers=headers)
        assert (reply.status_code, reply.json()) == (403, {"detail": "Not authenticated"})
    assert httpx2.post(f"{fleet.url('bfl')}/v1/flux-9", json={}, headers={"x-key": KEY}).status_code == 404


@pytest.mark.parametrize(
    "given", ["no picture", "data:image/png;base64," + base64.b64encode(png()).decode(), "https://example.com/a.png"]
)
def test_input_that_is_no_picture_is_told_by_the_poll(fleet: Fleet, given: str) -> None:
    submitted = ask_bfl(fleet, input_image=given)
    reply = poll_bfl(submitted)

    assert submitted.status_code == 200
    assert (reply.status_code, reply.json()["status"]) == (422, "Error")
    assert reply.json()["details"] == {"error": "Invalid or corrupted image input"}


@pytest.mark.parametrize(("prompt", "status"), [("forbidden", "Request Moderated"), ("unseemly", "Content Moderated")])
def test_moderation_is_a_200_with_a_status(fleet: Fleet, prompt: str, status: str) -> None:
    reply = poll_bfl(ask_bfl(fleet, prompt=f"something {prompt}"))

    assert (reply.status_code, reply.json()["status"], reply.json()["result"]) == (200, status, None)


def test_polls_need_the_key_and_downloads_must_not_carry_it(fleet: Fleet) -> None:
    submitted = ask_bfl(fleet, width=64, height=64)
    sample = poll_bfl(submitted).json()["result"]["sample"]

    assert httpx2.get(submitted.json()["polling_url"]).status_code == 403
    assert httpx2.get(sample, headers={"x-key": KEY}).status_code == 403
    assert httpx2.get(sample[:-1] + "_").status_code == 403
    assert httpx2.get(sample).status_code == 200


def test_an_unknown_task_is_not_found(fleet: Fleet) -> None:
    reply = httpx2.get(f"{fleet.url('bfl')}/v1/get_result", params={"id": "nobody"}, headers={"x-key": KEY})

    assert (reply.status_code, reply.json()["status"]) == (404, "Task not found")


def test_white_in_a_fill_mask_is_drawn_anew_and_black_is_kept(fleet: Fleet) -> None:
    image, red = png((256, 256)), (200, 30, 30)
    mask = opened(half_transparent((256, 256))).getchannel("A").point([255, *[0] * 255])
    body = {"image": base64.b64encode(image).decode(), "mask": _encoded(mask), "output_format": "png"}

    sample = poll_bfl(ask_bfl(fleet, model="flux-pro-1.0-fill", **body)).json()["result"]["sample"]
    filled = opened(httpx2.get(sample).content)

    assert filled.getpixel((250, 128)) == red
    assert filled.getpixel((2, 2)) != red


def test_an_expansion_keeps_its_picture_and_draws_around_it(fleet: Fleet) -> None:
    image = base64.b64encode(png((256, 256))).decode()

    submitted = ask_bfl(fleet, model="flux-pro-1.0-expand", image=image, left=64, top=32, output_format="png")
    sample = poll_bfl(submitted).json()["result"]["sample"]
    expanded = opened(httpx2.get(sample).content)

    assert expanded.size == (320, 288)
    assert expanded.getpixel((310, 280)) == (200, 30, 30)
    assert expanded.getpixel((1, 1)) != (200, 30, 30)


@pytest.mark.parametrize(("mode", "cost"), [("high", 20), ("fast", 4.5)])
def test_outpainting_puts_its_picture_in_the_middle_unless_it_is_told_where(
    fleet: Fleet, mode: str, cost: float
) -> None:
    image = base64.b64encode(png((256, 256))).decode()
    before = fleet.billed["bfl"].dollars
    asked: dict[str, Any] = {"input_image": image, "width": 320, "height": 256, "mode": mode, "output_format": "png"}
    placed: dict[str, Any] = {**asked, "reference_offset_x": 0}

    for told, left, right in ((asked, 2, 318), (placed, 318, 318)):
        submitted = ask_bfl(fleet, model="flux-tools/outpainting-v1", **told)
        drawn = opened(httpx2.get(poll_bfl(submitted).json()["result"]["sample"]).content)
        assert drawn.size == (320, 256)
        assert drawn.getpixel((160, 250)) == (200, 30, 30)
        assert all(drawn.getpixel((x, 250)) != (200, 30, 30) for x in (left, right))
    assert (fleet.billed["bfl"].dollars - before) * 100 == 2 * Decimal(cost)


def test_erasing_needs_a_mask_and_fills_what_is_white_in_it(fleet: Fleet) -> None:
    mask = opened(half_transparent((256, 256))).getchannel("A").point([255, *[0] * 255])
    body = {"image": base64.b64encode(png((256, 256))).decode(), "prompt": "", "output_format": "png"}
    model = "flux-tools/erase-v1"

    refused = ask_bfl(fleet, model=model, **body)
    sample = poll_bfl(ask_bfl(fleet, model=model, **body, mask=_encoded(mask))).json()["result"]["sample"]
    filled = opened(httpx2.get(sample).content)

    assert refused.json()["detail"][0]["loc"] == ["body", "mask"]
    assert filled.getpixel((250, 128)) == (200, 30, 30)
    assert filled.getpixel((2, 2)) != (200, 30, 30)


def _encoded(picture: Image.Image) -> str:
    target = BytesIO()
    picture.save(target, "PNG")
    return base64.b64encode(target.getvalue()).decode()


def test_only_so_many_tasks_run_at_a_time() -> None:
    with emulated_fleet(bfl(concurrent=2, latency=60.0)) as fleet:
        statuses = [ask_bfl(fleet).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert fleet.billed["bfl"].rejected == 1


def test_an_empty_account_is_402_and_its_credits_can_be_asked_for() -> None:
    with emulated_fleet(bfl(credit=Decimal("0.03"))) as fleet:
        poll_bfl(ask_bfl(fleet, width=64, height=64))
        reply = ask_bfl(fleet)
        left = httpx2.get(f"{fleet.url('bfl')}/v1/credits", headers={"x-key": KEY})

    assert (reply.status_code, reply.json()) == (402, {"detail": "Insufficient credits"})
    assert left.json() == {"credits": 0.0}


@pytest.mark.parametrize(
    ("kind", "status", "pictures"), [(FaultKind.LOST_JOB, "Task not found", 1), (FaultKind.FAILED_JOB, "Error", 0)]
)
def test_a_job_that_ends_badly_says_so_when_polled(kind: FaultKind, status: str, pictures: int) -> None:
    with emulated_fleet(bfl(faults=(Fault(kind),))) as fleet:
        submitted = ask_bfl(fleet)
        last = [poll_bfl(submitted).json()["status"] for _ in range(5)][-1]
        billed = fleet.billed["bfl"]

    assert last == status
    assert billed.pictures == pictures


def test_a_sample_may_have_expired_and_a_poll_may_fail() -> None:
    faults = (Fault(FaultKind.EXPIRED_SAMPLE), Fault(FaultKind.SERVER_ERROR, stage=Stage.POLL, requests=(1,)))
    with emulated_fleet(bfl(faults=faults)) as fleet:
        submitted = ask_bfl(fleet)
        first = httpx2.get(submitted.json()["polling_url"], headers={"x-key": KEY})
        sample = poll_bfl(submitted).json()["result"]["sample"]

        assert first.status_code == 500
        assert httpx2.get(sample).status_code == 403
        assert fleet.billed["bfl"].dollars == Decimal("0.03")
