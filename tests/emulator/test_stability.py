"""The emulated Stability AI takes forms, answers with pictures, and runs the slow services as jobs."""

from __future__ import annotations

import base64
from decimal import Decimal
from io import BytesIO
from itertools import pairwise
from typing import Any

import httpx2
import pytest

from pixelrelay import AttemptsExhaustedError, ContentRejectedError, Router
from pixelrelay._transport.transport import Transport
from pixelrelay.testing import EmulatedDeployment, Fault, FaultKind, Fleet, emulated_fleet
from tests.emulator.scenes import KEY, half_transparent, opened, png

AUTHORISED = {"authorization": f"Bearer {KEY}"}
JSON = {**AUTHORISED, "accept": "application/json"}
RED = (200, 30, 30)


def stability(model: str = "ultra", **options: Any) -> EmulatedDeployment:
    return EmulatedDeployment("stability", "stability", model, **{"latency": 0, "api_key": KEY, **options})


def submit(
    fleet: Fleet, path: str = "generate/core", files: Any = None, headers: Any = None, **fields: str
) -> httpx2.Response:
    """All of it as a form: fields are files without a name."""
    parts = [*((name, (None, value)) for name, value in fields.items()), *(files or {}).items()]
    url = f"{fleet.url('stability')}/v2beta/stable-image/{path}"
    return httpx2.post(url, files=parts, headers=headers or JSON)


def picture(data: bytes | None = None) -> tuple[str, bytes, str]:
    return "a.png", data or png((256, 256)), "image/png"


@pytest.fixture(scope="module")
def fleet() -> Any:
    with emulated_fleet(stability()) as running:
        yield running


def test_a_picture_comes_as_json_or_as_bare_bytes(fleet: Fleet) -> None:
    answer = submit(fleet, prompt="a fox", aspect_ratio="3:2", seed="7").json()
    bare = submit(fleet, "generate/ultra", headers={**AUTHORISED, "accept": "image/*"}, prompt="a fox")

    assert (answer["seed"], answer["finish_reason"]) == (7, "SUCCESS")
    assert opened(answer["image"]).size == (1824, 1248)
    assert (bare.headers["content-type"], bare.headers["finish-reason"]) == ("image/png", "SUCCESS")
    assert opened(bare.content).size == (1024, 1024)


@pytest.mark.parametrize(
    ("path", "files", "fields", "said"),
    [
        ("generate/core", {}, {"seed": "1"}, "prompt: is required"),
        ("generate/core", {}, {"prompt": "a fox", "strength": "0.5"}, "strength: is not allowed"),
        ("generate/core", {}, {"prompt": "a fox", "aspect_ratio": "4:3"}, "aspect_ratio: should be"),
        ("generate/core", {}, {"prompt": "a fox", "seed": "4294967295"}, "seed: should be less than"),
        ("generate/sd3", {}, {"prompt": "a fox", "output_format": "webp"}, "output_format: should be"),
        ("generate/sd3", {}, {"prompt": "a fox", "mode": "image-to-image"}, "image: image and strength are required"),
        ("generate/ultra", {"image": picture()}, {"prompt": "a fox"}, "strength: is required when image"),
        ("edit/inpaint", {}, {"prompt": "a fox"}, "image: is required"),
        ("edit/inpaint", {}, {"prompt": "a fox", "image": "a.png"}, "image: must be a file"),
        ("edit/erase", {"image": picture(b"no picture")}, {}, "image: could not be decoded"),
        ("edit/erase", {"image": picture(png((40, 40)))}, {}, "image: unsupported dimensions"),
        ("edit/erase", {"image": picture()}, {"prompt": "a fox"}, "prompt: is not allowed"),
        ("edit/outpaint", {"image": picture()}, {}, "left: at least one"),
        ("edit/search-and-replace", {"image": picture()}, {"prompt": "a fox"}, "search_prompt: is required"),
        ("control/style-transfer", {"init_image": picture()}, {}, "style_image: is required"),
        ("upscale/conservative", {"image": picture()}, {"prompt": "a", "creativity": "0.1"}, "creativity: should be"),
    ],
)
def test_a_bad_form_is_a_400_that_names_the_field(
    fleet: Fleet, path: str, files: Any, fields: dict[str, str], said: str
) -> None:
    reply = submit(fleet, path, files, **fields)

    assert (reply.status_code, reply.json()["name"]) == (400, "bad_request")
    assert reply.json()["errors"][0].startswith(said)


def test_json_another_accept_another_path_and_a_wrong_key_are_refused(fleet: Fleet) -> None:
    url = f"{fleet.url('stability')}/v2beta/stable-image/generate/core"

    assert httpx2.post(url, json={"prompt": "a fox"}, headers=JSON).json()["errors"] == [
        "content-type: must be multipart/form-data"
    ]
    assert submit(fleet, headers={**JSON, "accept": "text/html"}, prompt="a fox").status_code == 400
    assert submit(fleet, "generate/sd4", prompt="a fox").status_code == 404
    assert submit(fleet, headers={**JSON, "authorization": f"Bearer {KEY}!"}, prompt="a fox").status_code == 401
    assert submit(fleet, headers={"accept": "application/json"}, prompt="a fox").json()["name"] == "unauthorized"
    assert submit(fleet, "edit/erase", {"image": picture(b"0" * 11_000_000)}).status_code == 413


def test_moderation_is_a_403_before_and_a_blurred_success_after_drawing(fleet: Fleet) -> None:
    before, after = submit(fleet, prompt="something forbidden"), submit(fleet, prompt="something unseemly")

    assert (before.status_code, before.json()["name"]) == (403, "content_moderation")
    assert (after.status_code, after.json()["finish_reason"]) == (200, "CONTENT_FILTERED")
    assert opened(after.json()["image"]).size == (64, 64)


def test_white_in_a_mask_is_drawn_anew_and_so_is_what_is_transparent_without_one(fleet: Fleet) -> None:
    white = opened(half_transparent((256, 256))).getchannel("A").point([255, *[0] * 255])
    masked = submit(fleet, "edit/inpaint", {"image": picture(), "mask": picture(_encoded(white))}, prompt="a fox")
    holed = submit(fleet, "edit/inpaint", {"image": picture(half_transparent((256, 256)))}, prompt="a fox")

    drawn = opened(masked.json()["image"])
    assert drawn.getpixel((250, 128)) == RED
    assert drawn.getpixel((2, 2)) != RED
    assert opened(holed.json()["image"]).getpixel((250, 128)) == (0, 0, 0)


def _encoded(image: Any) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_each_service_is_billed_by_its_credits() -> None:
    with emulated_fleet(stability()) as fleet:
        submit(fleet, prompt="a fox")
        submit(fleet, "generate/sd3", prompt="a fox", model="sd3.5-flash")
        submit(fleet, "edit/outpaint", {"image": picture()}, left="10")
        billed, asked = fleet.billed["stability"], [request.operation for request in fleet.requests]

    assert (billed.pictures, billed.dollars) == (3, Decimal("0.03") + Decimal("0.025") + Decimal("0.04"))
    assert asked == ["generate", "generate", "edit"]


def test_an_empty_account_is_402_and_its_credits_can_be_asked_for() -> None:
    with emulated_fleet(stability(credit=Decimal("0.03"))) as fleet:
        submit(fleet, prompt="a fox")
        reply = submit(fleet, prompt="a fox")
        left = httpx2.get(f"{fleet.url('stability')}/v1/user/balance", headers=AUTHORISED).json()

    assert (reply.status_code, reply.json()["name"], left) == (402, "payment_required", {"credits": 0.0})


# --- in virtual time, through the router --------------------------------------------------------------------------


def relay(fleet: Fleet) -> Router:
    return Router(fleet.config("pictures"), transport=Transport(fleet.engine()))


@pytest.mark.anyio
async def test_a_key_that_sent_too_much_is_locked_out_for_a_minute() -> None:
    fleet = Fleet(stability(requests_per_minute=60))
    statuses: list[str] = []
    async with Router(
        {"models": {"pictures": {"deployments": [{**entry, "requests_per_minute": 600} for entry in fleet.entries()]}}},
        transport=Transport(fleet.engine()),
    ) as router:
        for _ in range(11):
            images = await router.generate("pictures", "a fox")
            statuses += [str(attempt.failure.retry_after) for attempt in images.route.attempts if attempt.failure]
    assert statuses == ["60.0"]


@pytest.mark.anyio
async def test_a_slow_service_is_a_job_that_is_polled_every_ten_seconds() -> None:
    fleet = Fleet(stability("replace-background-and-relight", latency=25.0))
    async with relay(fleet) as router:
        images = await router.edit("pictures", [png((256, 256)), png((128, 128))], "a beach")

    polls = [request.time for request in fleet.requests if request.operation == "poll"]
    gaps = [after - before for before, after in pairwise(polls)]
    assert images.data[0].seed is not None
    assert opened(images.data[0].bytes()).size == (256, 256)
    assert gaps == [pytest.approx(10.0, abs=0.1)] * len(gaps)
    assert len(polls) >= 3
    assert fleet.billed["stability"].dollars == Decimal("0.08")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("fault", "prompt", "failed"),
    [
        (FaultKind.LOST_JOB, "a beach", "job_lost"),
        (None, "a forbidden beach", "content_rejected"),
        (None, "an unseemly beach", "content_rejected"),
    ],
)
async def test_a_job_may_be_lost_or_moderated(fault: FaultKind | None, prompt: str, failed: str) -> None:
    fleet = Fleet(stability("creative", faults=(Fault(fault),) if fault is not None else ()))
    async with relay(fleet) as router:
        with pytest.raises((AttemptsExhaustedError, ContentRejectedError)) as raised:
            await router.edit("pictures", png((256, 256)), prompt)
    assert [attempt.failure.kind.value for attempt in raised.value.attempts if attempt.failure] == [failed]


@pytest.mark.anyio
async def test_a_mask_through_the_router_is_drawn_anew_where_it_is_transparent() -> None:
    fleet = Fleet(stability("inpaint"))
    async with relay(fleet) as router:
        images = await router.edit(
            "pictures", png((256, 256)), "a door", mask=half_transparent((256, 256)), grow_mask=3
        )

    drawn = opened(images.data[0].bytes())
    assert drawn.getpixel((250, 128)) == RED
    assert drawn.getpixel((2, 2)) != RED
    assert base64.b64decode(images.data[0].b64_json or "") == images.data[0].bytes()
