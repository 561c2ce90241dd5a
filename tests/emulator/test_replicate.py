"""The emulated Replicate creates predictions, tells of them, and delivers at addresses that live an hour."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from pixelrelay.testing import EmulatedDeployment, Fault, FaultKind, Fleet, emulated_fleet
from tests.emulator.scenes import KEY, opened, png

HEADERS = {"authorization": f"Bearer {KEY}"}
FLUX = "black-forest-labs/flux-2-pro"
SCHNELL = "black-forest-labs/flux-schnell"


def replicate(**options: Any) -> EmulatedDeployment:
    return EmulatedDeployment("replicate", "replicate", FLUX, **{"latency": 0, "api_key": KEY, **options})


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with emulated_fleet(replicate()) as it:
        yield it


def create(fleet: Fleet, model: str = FLUX, headers: dict[str, str] | None = None, **given: Any) -> httpx2.Response:
    body = {"input": {"prompt": "a red lighthouse", **given}}
    url = f"{fleet.url('replicate')}/v1/models/{model}/predictions"
    return httpx2.post(url, json=body, headers={**HEADERS, **(headers or {})})


def ended(created: httpx2.Response) -> Any:
    for _ in range(50):
        told = httpx2.get(created.json()["urls"]["get"], headers=HEADERS).json()
        if told["status"] not in {"starting", "processing"}:
            return told
    raise AssertionError("the prediction never ended")


def test_a_prediction_is_created_asked_after_and_fetched(fleet: Fleet) -> None:
    created = create(fleet, aspect_ratio="custom", width=256, height=512, output_format="png")
    told = ended(created)

    assert created.status_code == 201
    assert told["status"] == "succeeded"
    assert opened(httpx2.get(told["output"]).content).size == (256, 512)


def test_a_model_that_draws_several_puts_out_a_list(fleet: Fleet) -> None:
    told = ended(create(fleet, SCHNELL, num_outputs=2, aspect_ratio="16:9", output_format="jpg"))

    pictures = [opened(httpx2.get(address).content) for address in told["output"]]
    assert [(picture.size, picture.format) for picture in pictures] == [((1376, 768), "JPEG")] * 2


def test_a_version_is_named_in_the_body(fleet: Fleet) -> None:
    def asked(version: str) -> httpx2.Response:
        body = {"version": version, "input": {"prompt": "a cat"}}
        return httpx2.post(f"{fleet.url('replicate')}/v1/predictions", json=body, headers=HEADERS)

    assert ended(asked(f"{SCHNELL}:{'a' * 64}"))["status"] == "succeeded"
    assert asked(f"acme/unknown:{'a' * 64}").json()["title"] == "Invalid version or not permitted"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"prompt": None}, "input.prompt"),
        ({"steps": 9}, "input.steps"),
        ({"width": 64}, "input.width"),
        ({"output_format": "jpeg"}, "input.output_format"),
        ({"input_images": "one"}, "input.input_images"),
        ({"safety_tolerance": 6}, "input.safety_tolerance"),
    ],
)
def test_an_input_that_does_not_fit_is_a_422_that_names_the_field(
    fleet: Fleet, given: dict[str, Any], field: str
) -> None:
    reply = create(fleet, **given)

    assert (reply.status_code, reply.json()["title"]) == (422, "Input validation failed")
    assert reply.json()["invalid_fields"][0]["field"] == field


def test_what_is_no_picture_fails_the_prediction(fleet: Fleet) -> None:
    given = f"data:image/png;base64,{base64.b64encode(b'no picture').decode()}"

    told = ended(create(fleet, input_images=[given]))

    assert told["status"] == "failed"
    assert told["error"].startswith("Invalid image")


@pytest.mark.parametrize(("prompt", "word"), [("forbidden", "E005"), ("unseemly", "NSFW content detected")])
def test_moderation_is_a_prediction_that_failed(fleet: Fleet, prompt: str, word: str) -> None:
    told = ended(create(fleet, prompt=f"something {prompt}"))

    assert (told["status"], told["output"]) == ("failed", None)
    assert word in told["error"]


def test_a_wrong_key_and_an_unknown_model_are_told_apart(fleet: Fleet) -> None:
    url = f"{fleet.url('replicate')}/v1/models/{FLUX}"

    assert httpx2.get(url, headers={"authorization": f"Key {KEY}"}).json()["title"] == "Unauthenticated"
    assert httpx2.get(url, headers=HEADERS).json()["name"] == "flux-2-pro"
    assert create(fleet, "acme/unknown").status_code == 404


def test_downloads_must_not_carry_the_key(fleet: Fleet) -> None:
    address = ended(create(fleet))["output"]

    assert httpx2.get(address, headers=HEADERS).status_code == 403
    assert httpx2.get(address).status_code == 200


def test_a_full_minute_says_in_its_text_when_it_ends() -> None:
    with emulated_fleet(replicate(requests_per_minute=1)) as fleet:
        reply = [create(fleet) for _ in range(2)][-1]

    assert reply.status_code == 429
    assert "retry-after" not in reply.headers
    assert "Your rate limit resets in ~60s." in reply.json()["detail"]


def test_a_run_and_each_megapixel_are_billed_and_an_empty_account_is_402() -> None:
    given = f"data:image/png;base64,{base64.b64encode(png((1024, 1024))).decode()}"
    with emulated_fleet(replicate(credit=Decimal("0.045"))) as fleet:
        ended(create(fleet, input_images=[given]))
        reply = create(fleet)

        assert fleet.billed["replicate"].dollars == Decimal("0.045")
        assert (reply.status_code, reply.json()["title"]) == (402, "Insufficient credit")


def test_a_prediction_that_outlives_its_time_is_canceled() -> None:
    with emulated_fleet(replicate(latency=60.0), speed=100.0) as fleet:
        created = create(fleet, headers={"cancel-after": "5s"})
        told = [httpx2.get(created.json()["urls"]["get"], headers=HEADERS).json() for _ in range(200)][-1]

        assert told["status"] == "canceled"
        assert create(fleet, headers={"cancel-after": "soon"}).status_code == 422


@pytest.mark.parametrize(
    ("kind", "word", "pictures"), [(FaultKind.FAILED_JOB, "failed", 0), (FaultKind.LOST_JOB, 404, 1)]
)
def test_a_job_that_ends_badly_says_so(kind: FaultKind, word: str | int, pictures: int) -> None:
    with emulated_fleet(replicate(faults=(Fault(kind),))) as fleet:
        created = create(fleet)
        told = [httpx2.get(created.json()["urls"]["get"], headers=HEADERS).json() for _ in range(20)][-1]
        billed = fleet.billed["replicate"].pictures

    assert (told["status"], billed) == (word, pictures)
