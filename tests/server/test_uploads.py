"""What callers send: how much, how slowly, how much of it together; and callers who leave."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest

from pixelrelay import _clock
from tests.server.scenes import EDIT, Line, data_url, error_of, foundry, gateway_over, openai, picture

pytestmark = pytest.mark.anyio

DRAWING = json.dumps({"prompt": "a boat", "size": "64x64"}).encode()


def uploads(**limits: int | float) -> dict[str, Any]:
    return {"uploads": limits}


async def test_a_body_beyond_its_cap_is_refused_by_what_it_declares_and_by_what_comes() -> None:
    async with gateway_over(foundry(), server=uploads(max_body_bytes=1000)) as at:
        declared = await at.draw(prompt="a" * 2000)
        honest = Line(pieces=[DRAWING])
        growing = Line(pieces=[b'{"prompt": "', *[b"a" * 100] * 20])
        lying = Line(pieces=[b"a" * 2000], headers={"content-length": "10"})
        for line in (honest, growing, lying):
            await line.call(at.gateway)

    assert declared.status_code == 413
    assert error_of(declared)["code"] == "request_too_large"
    assert [line.status for line in (honest, growing, lying)] == [200, 413, 413]
    assert len(growing.pieces) > 5, "the rest was not even read"


async def test_images_beyond_their_caps_are_refused() -> None:
    async with gateway_over(openai(), server=uploads(max_images=2, max_pixels=10_000)) as at:
        three = await at.edit([("image[]", ("a.png", picture()))] * 3)
        four = await at.edit([("image[]", ("a.png", picture()))] * 4)
        linked = [{"image_url": data_url(picture())}] * 3
        as_json = await at.client.post(EDIT, json={"prompt": "a", "images": linked})
        wide = await at.edit({"image": ("a.png", picture((200, 100)))})
        wide_json = await at.client.post(
            EDIT, json={"prompt": "a", "images": [{"image_url": data_url(picture((200, 100)))}]}
        )

    assert [answer.status_code for answer in (three, four, as_json, wide, wide_json)] == [400] * 5
    assert "more than the 2 allowed" in error_of(three)["message"]
    assert "more than the 2 allowed" in error_of(as_json)["message"]
    assert "more than the 10000 pixels allowed" in error_of(wide)["message"]
    assert "more than the 10000 pixels allowed" in error_of(wide_json)["message"]


async def test_an_image_beyond_what_the_configuration_takes_is_refused() -> None:
    async with gateway_over(openai(), max_input_bytes=50) as at:
        answer = await at.edit({"image": ("a.png", picture())})

    assert "max_input_bytes" in error_of(answer)["message"]


async def test_a_large_file_waits_on_disk_and_arrives_whole() -> None:
    large = picture((400, 400), "BMP")  # too large for memory, and then no picture that is known
    noise = picture((64, 64)) + bytes(200_000)
    async with gateway_over(foundry(), server=uploads(spool_bytes=1000)) as at:
        known = await at.edit({"image": ("a.png", noise)}, size="64x64")
        unknown = await at.edit({"image": ("a.bmp", large)})

    assert known.status_code == 200, known.text
    assert "is no PNG, JPEG, WebP, GIF or SVG" in error_of(unknown)["message"]


async def test_what_is_uploaded_together_is_bounded_and_others_are_told_to_come_back() -> None:
    server = uploads(max_body_bytes=600, in_flight_bytes=1000)
    async with gateway_over(foundry(), server=server) as at, anyio.create_task_group() as tasks:
        first = Line(pieces=[DRAWING], headers={"content-length": "600"})
        tasks.start_soon(first.call, at.gateway)
        await _clock.sleep(1.0)
        second = await at.draw(prompt="a" * 450)
        await _clock.sleep(5.0)
        third = await at.draw(prompt="a" * 450)

    assert first.status == 200
    assert second.status_code == 503
    assert error_of(second)["code"] == "too_many_bytes_in_flight"
    assert (second.headers["retry-after"], second.headers["x-should-retry"]) == ("1", "true")
    assert third.status_code == 200
    assert (at.gateway.in_flight.bytes, at.gateway.in_flight.requests) == (0, 0)


async def test_requests_under_way_are_bounded() -> None:
    async with gateway_over(foundry(), server={"max_requests": 1}) as at, anyio.create_task_group() as tasks:
        first = Line(pieces=[DRAWING])
        tasks.start_soon(first.call, at.gateway)
        await _clock.sleep(1.0)
        second = await at.draw()
        models = await at.client.get("/v1/models")

    assert first.status == 200
    assert second.status_code == 503
    assert error_of(second)["code"] == "too_many_requests_in_flight"
    assert models.status_code == 200


@pytest.mark.parametrize("pieces", [[], [b"{"], [b"{", b"}"]])
async def test_a_body_that_stalls_is_given_up(pieces: list[bytes]) -> None:
    async with gateway_over(foundry(), server=uploads(stall_timeout=5.0)) as at:
        began = _clock.now()
        line = Line(pieces=pieces, whole=False)
        await line.call(at.gateway)
        took = _clock.now() - began

    assert line.status == 408
    assert took == pytest.approx(5.0)
    assert (b"connection", b"close") in line.sent[0]["headers"]
    assert at.gateway.in_flight.requests == 0


async def test_a_body_that_drips_is_given_up() -> None:
    class Dripping(Line):
        async def _receive(self) -> dict[str, Any]:
            await _clock.sleep(4.0)
            return {"type": "http.request", "body": b"a", "more_body": True}

    async with gateway_over(foundry(), server=uploads(stall_timeout=5.0, body_timeout=60.0)) as at:
        began = _clock.now()
        line = Dripping()
        await line.call(at.gateway)
        took = _clock.now() - began

    assert line.status == 408
    assert took == pytest.approx(60.0)


async def test_an_answer_that_nobody_takes_is_cut_off() -> None:
    async with gateway_over(foundry(), server=uploads(stall_timeout=5.0)) as at:
        line = Line(pieces=[DRAWING], reads=False)
        await line.call(at.gateway)

    assert line.aborted
    assert at.gateway.in_flight.requests == 0


async def test_a_form_that_breaks_off_is_none() -> None:
    part = b'--x\r\ncontent-disposition: form-data; name="image"; filename="a.png"\r\n\r\n' + picture()
    async with gateway_over(foundry()) as at:
        line = Line(path=EDIT, headers={"content-type": "multipart/form-data; boundary=x"}, pieces=[part])
        await line.call(at.gateway)

    assert line.status == 400
    assert b"it breaks off" in line.body


async def test_a_caller_who_leaves_frees_the_place_and_the_attempt_is_settled() -> None:
    async with gateway_over(foundry(latency=60.0, concurrent=1)) as at, anyio.create_task_group() as tasks:
        line = Line(pieces=[DRAWING])
        tasks.start_soon(line.call, at.gateway)
        await _clock.sleep(1.0)
        assert at.router.state("eastus").in_flight == 1
        line.leave()
        await _clock.sleep(1.0)
        assert at.router.state("eastus").in_flight == 0
        assert at.gateway.in_flight.requests == 0

    assert line.sent == []


async def test_a_caller_who_leaves_while_sending_leaves_nothing_behind() -> None:
    async with gateway_over(foundry()) as at:
        line = Line(pieces=[b"{"], whole=False)
        line.leave()
        await line.call(at.gateway)

    assert line.sent == []
    assert (at.gateway.in_flight.bytes, at.gateway.in_flight.requests) == (0, 0)
    assert at.fleet.requests == ()
