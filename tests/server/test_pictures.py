"""Pictures by every route and in every form, in the shape that OpenAI's clients expect."""

from __future__ import annotations

from typing import Any

import pytest

from pixelrelay import _clock
from pixelrelay.testing import Fault, FaultKind
from tests.server.scenes import (
    EDIT,
    SMALL,
    data_url,
    error_of,
    foundry,
    gateway_over,
    openai,
    opened,
    picture,
)

pytestmark = pytest.mark.anyio

PLACES = ("/v1", "", "/openai/v1", "/openai/deployments/images")


@pytest.mark.parametrize("place", PLACES)
async def test_a_picture_is_drawn_wherever_clients_look_for_it(place: str) -> None:
    async with gateway_over(foundry()) as at:
        answer = await at.draw(f"{place}/images/generations?api-version=2025-04-01-preview")

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert opened(answer.json()["data"][0]["b64_json"]).size == (64, 64)
    assert isinstance(answer.json()["created"], int)


@pytest.mark.parametrize("place", PLACES)
async def test_a_picture_is_edited_wherever_clients_look_for_it(place: str) -> None:
    async with gateway_over(foundry()) as at:
        answer = await at.edit({"image": ("a.png", picture())}, f"{place}/images/edits", model="images")

    assert answer.status_code == 200, answer.text
    assert len(answer.json()["data"]) == 1


async def test_the_model_in_the_path_outranks_that_of_the_body() -> None:
    groups = {"one": {"deployments": ["eastus"]}, "two": {"deployments": ["west"]}}
    async with gateway_over(foundry(), foundry("west"), groups=groups) as at:
        answer = await at.draw("/openai/deployments/two/images/generations", model="one")

    assert answer.headers["x-pixelrelay-deployment"] == "west"


async def test_the_answer_holds_all_that_openai_tells() -> None:
    async with gateway_over(openai()) as at:
        answer = (await at.draw(size="1024x1024", quality="low", n=2, user="u1")).json()

    assert set(answer) == {"created", "data", "usage", "background", "output_format", "quality", "size"}
    assert (answer["background"], answer["output_format"]) == ("opaque", "png")
    assert (answer["quality"], answer["size"]) == ("low", "1024x1024")
    assert len(answer["data"]) == 2
    usage = answer["usage"]
    assert set(usage["input_tokens_details"]) >= {"text_tokens", "image_tokens"}
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


async def test_the_length_that_is_declared_is_that_of_the_body() -> None:
    async with gateway_over(openai()) as at:
        answer = await at.draw(size="1024x1024")

    assert int(answer.headers["content-length"]) == len(answer.content)


@pytest.mark.parametrize(
    "files",
    [
        {"image": ("a.png", picture())},
        [("image[]", ("a.png", picture())), ("image[]", ("b.png", picture(kind="JPEG")))],
        [("image[0]", ("a", picture(), "application/octet-stream")), ("image[1]", ("b.txt", picture(), "text/plain"))],
        [("image", ("a.png", picture())), ("image", ("b.png", picture()))],
    ],
)
async def test_input_images_may_be_named_as_clients_name_them_and_are_known_by_their_content(files: Any) -> None:
    async with gateway_over(foundry()) as at:
        answer = await at.edit(files, size=SMALL)

    assert answer.status_code == 200, answer.text


async def test_a_form_has_texts_alone_which_are_read_as_what_they_stand_for() -> None:
    files = {"image": ("a.png", picture((1024, 1024))), "mask": ("m.png", picture((1024, 1024), mode="RGBA"))}
    async with gateway_over(openai()) as at:
        answer = await at.edit(files, n="2", size="1024x1024", output_compression="50", output_format="jpeg")

    assert answer.status_code == 200, answer.text
    assert len(answer.json()["data"]) == 2
    assert opened(answer.json()["data"][0]["b64_json"]).format == "JPEG"


async def test_an_edit_may_come_as_json_with_images_as_data_urls() -> None:
    async with gateway_over(foundry()) as at:
        images = [{"image_url": data_url(picture())}, {"image_url": data_url(picture())}]
        answer = await at.client.post(EDIT, json={"prompt": "at night", "images": images, "size": SMALL})

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ({"file_id": "file-1"}, "no files are kept"),
        ({"image_url": "/etc/passwd"}, "must be {image_url"),
        ({"image_url": " data:image/png;base64,AAAA"}, "must be {image_url"),
        ({"image_url": "file:///etc/passwd"}, "must be {image_url"),
        ("/etc/passwd", "must be {image_url"),
        ({"image_url": "https://pictures.example/a.png"}, "fetching is switched off"),
        ({"image_url": "data:image/png;base64,####"}, "cannot be decoded"),
        (None, "must be {image_url"),
    ],
)
async def test_what_is_no_image_of_the_callers_own_is_refused_and_no_file_of_this_machine_is_read(
    image: Any, why: str
) -> None:
    async with gateway_over(foundry()) as at:
        answer = await at.client.post(EDIT, json={"prompt": "at night", "images": [image]})

    assert answer.status_code == 400
    assert why in error_of(answer)["message"]
    assert error_of(answer)["param"] == "image[0]"


async def test_parameters_of_a_providers_own_go_through_and_stand_at_the_top() -> None:
    async with gateway_over(foundry()) as at:
        known = await at.draw(safety_tolerance=3)
        unknown = await at.draw(magic=True)

    assert known.status_code == 200, known.text
    assert unknown.status_code == 400
    assert "parameter 'magic': unknown to it" in error_of(unknown)["message"]


async def test_parameters_in_a_form_are_numbers_where_they_read_as_numbers() -> None:
    async with gateway_over(foundry()) as at:
        answer = await at.edit({"image": ("a.png", picture())}, safety_tolerance="3", size=SMALL)

    assert answer.status_code == 200, answer.text


WAYS: list[tuple[dict[str, Any], tuple[int, str, str | None]]] = [
    ({}, (200, "2", "other")),
    ({"disable_fallbacks": True}, (502, "2", None)),
    ({"num_retries": 0}, (502, "1", None)),
    ({"fallbacks": ["west"]}, (200, "2", "west")),
    ({"timeout": 1.5, "fallbacks": ["west"]}, (504, "2", "west")),
    ({"strategy": "ordered"}, (200, "2", "other")),
]


@pytest.mark.parametrize("by_header", [True, False])
@pytest.mark.parametrize(("way", "outcome"), WAYS, ids=[str(way) for way, _ in WAYS])
async def test_how_a_request_is_served_may_be_said_in_its_body_or_in_headers(
    way: dict[str, Any], outcome: tuple[int, str, str | None], by_header: bool
) -> None:
    down = foundry(faults=(Fault(FaultKind.UNAVAILABLE),))
    groups = {"images": {"deployments": ["eastus"], "fallbacks": ["other"]}, "other": {"deployments": ["west"]}}
    headers = {f"x-pixelrelay-{name.replace('_', '-')}": _as_header(value) for name, value in way.items()}
    async with gateway_over(down, foundry("west"), groups=groups) as at:
        answer = await (at.draw(model="images", headers=headers) if by_header else at.draw(model="images", **way))

    told = answer.headers
    assert (answer.status_code, told["x-pixelrelay-attempts"], told.get("x-pixelrelay-fallbacks")) == outcome


@pytest.mark.parametrize("narrowed", [{"tags": ["nowhere"]}, {"region": "mars"}])
async def test_tags_and_a_region_narrow_the_choice(narrowed: dict[str, Any]) -> None:
    async with gateway_over(foundry()) as at:
        answer = await at.draw(**narrowed)

    assert error_of(answer)["code"] == "unsupported_by_model"


async def test_what_the_body_says_outranks_a_header() -> None:
    async with gateway_over(foundry()) as at:
        answer = await at.draw(headers={"x-pixelrelay-region": "mars"}, region="East US 2")

    assert "is in region" in error_of(answer)["message"]
    assert "mars" not in error_of(answer)["message"]


def _as_header(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return ", ".join(value)
        case _:
            return str(value)


async def test_a_request_that_a_model_cannot_serve_may_be_adapted_and_the_answer_tells() -> None:
    async with gateway_over(foundry()) as at:
        answer = await at.draw(size="1000x1000", adapt=["size"])

    assert answer.status_code == 200, answer.text
    assert answer.headers["x-pixelrelay-adaptations"] == "size 1000x1000 -> 1008x1008"


async def test_the_model_may_be_left_out_where_there_is_one_and_not_where_there_are_several() -> None:
    groups = {"one": {"deployments": ["eastus"]}, "two": {"deployments": ["west"]}}
    async with gateway_over(foundry()) as alone, gateway_over(foundry(), foundry("west"), groups=groups) as several:
        assert (await alone.draw()).status_code == 200
        answer = await several.draw()

    assert answer.status_code == 400
    assert error_of(answer)["param"] == "model"


async def test_pictures_that_were_paid_are_delivered_although_others_are_missing() -> None:
    deployment = foundry(faults=(Fault(FaultKind.MODERATED_OUTPUT, requests=(2,)),))
    async with gateway_over(deployment) as at:
        answer = await at.draw(n=2)

    assert answer.status_code == 200, answer.text
    assert len(answer.json()["data"]) == 1
    assert answer.json()["error"]["code"] == "incomplete"
    assert answer.headers["x-pixelrelay-missing"] == "1"
    assert answer.headers["x-should-retry"] == "false"


async def test_what_was_told_of_the_request_is_told_in_headers() -> None:
    async with gateway_over(foundry()) as at:
        told = (await at.draw(headers={"x-client-request-id": "mine-1"})).headers

    assert told["x-pixelrelay-deployment"] == "eastus"
    assert told["x-pixelrelay-provider"] == "azure-foundry"
    assert told["x-pixelrelay-attempts"] == "1"
    assert told["x-pixelrelay-waited-ms"] == "0"
    assert told["x-pixelrelay-degraded"] == "false"
    assert told["x-request-id"].startswith("pr_")
    assert told["x-client-request-id"] == "mine-1"
    assert (told["x-ratelimit-limit-requests"], told["x-ratelimit-remaining-requests"]) == ("60", "59")


async def test_what_is_left_of_a_large_group_is_told_as_it_was_at_most_a_second_ago() -> None:
    fleet = [foundry(f"region-{number}", latency=0.1, requests_per_minute=10) for number in range(40)]
    async with gateway_over(*fleet) as at:
        answers = [await at.draw(), await at.draw()]
        await _clock.sleep(1.1)
        answers.append(await at.draw())

    left = [int(answer.headers["x-ratelimit-remaining-requests"]) for answer in answers]
    assert left == [399, 399, 397]
