"""Streams, and answers that are waited for: signs of life, events in OpenAI's shape, and errors after the start."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pixelrelay.testing import EmulatedDeployment, Fault, FaultKind
from tests.server.scenes import EDIT, Line, error_of, foundry, gateway_over, openai, opened, picture

pytestmark = pytest.mark.anyio


def events_of(body: bytes) -> list[dict[str, Any]]:
    """The data of each event, whose name must be its type."""
    found = []
    for block in body.decode().split("\n\n"):
        if block and not block.startswith(":"):
            name, data = block.split("\n")
            event = json.loads(data.removeprefix("data: "))
            assert name == f"event: {event['type']}"
            found.append(event)
    return found


async def test_a_stream_ends_with_an_event_for_each_picture() -> None:
    async with gateway_over(openai()) as at:
        answer = await at.draw(stream=True, n=2, size="1024x1024", quality="low")

    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["x-pixelrelay-deployment"] == "openai"
    events = events_of(answer.content)
    assert [event["type"] for event in events] == ["image_generation.completed"] * 2
    for event in events:
        assert opened(event["b64_json"]).size == (1024, 1024)
        assert (event["quality"], event["size"], event["output_format"]) == ("low", "1024x1024", "png")
        assert event["background"] == "opaque"
        assert event["usage"]["total_tokens"] > 0
        assert event["created_at"] > 0


async def test_an_edit_is_streamed_under_its_own_name_also_from_a_form() -> None:
    async with gateway_over(foundry()) as at:
        answer = await at.edit({"image": ("a.png", picture())}, EDIT, stream="true", partial_images="2", size="64x64")

    (event,) = events_of(answer.content)
    assert event["type"] == "image_edit.completed"
    assert event["usage"] is None, "nothing is made up"
    assert (event["quality"], event["background"]) == ("auto", "auto")


async def test_unfinished_pictures_are_shown_where_the_provider_has_them() -> None:
    async with gateway_over(openai()) as at:
        answer = await at.draw(stream=True, partial_images=2, size="1024x1024", quality="low")

    *partials, last = events_of(answer.content)
    assert [event["type"] for event in partials] == ["image_generation.partial_image"] * 2
    assert [event["partial_image_index"] for event in partials] == [0, 1]
    for event in partials:
        assert opened(event["b64_json"]).size == (1024, 1024)
        assert (event["quality"], event["size"], event["background"]) == ("low", "1024x1024", "auto")
        assert event["output_format"] == "png"
    assert last["type"] == "image_generation.completed"


async def test_a_stream_gives_signs_of_life_until_the_picture_is_there() -> None:
    async with gateway_over(foundry(latency=32.0), server={"heartbeat": 10.0}) as at:
        answer = await at.draw(stream=True)

    assert answer.content.startswith(b": heartbeat\n\n" * 3 + b"event: ")
    assert "x-pixelrelay-deployment" not in answer.headers, "they went out before"
    assert answer.headers["x-request-id"].startswith("pr_")


async def test_what_fails_before_a_stream_has_begun_is_an_error_with_its_status() -> None:
    async with gateway_over(foundry(faults=(Fault(FaultKind.UNAVAILABLE),))) as at:
        answer = await at.draw(stream=True)

    assert answer.status_code == 502
    assert error_of(answer)["code"] == "attempts_exhausted"


async def test_what_fails_after_it_has_begun_is_an_event() -> None:
    async with gateway_over(foundry(latency=60.0), server={"heartbeat": 10.0}) as at:
        answer = await at.draw(stream=True, timeout=25)

    assert answer.status_code == 200
    (event,) = events_of(answer.content)
    assert event["type"] == "error"
    assert event["error"]["code"] == "deadline_exceeded"


async def test_a_stream_delivers_what_was_paid_before_it_tells_what_is_missing() -> None:
    async with gateway_over(foundry(faults=(Fault(FaultKind.MODERATED_OUTPUT, requests=(2,)),))) as at:
        answer = await at.draw(stream=True, n=2)

    assert [event["type"] for event in events_of(answer.content)] == ["image_generation.completed", "error"]


# --- keep-alive --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_header", [True, False])
async def test_blanks_ahead_of_an_answer_keep_proxies_waiting(by_header: bool) -> None:
    server = {} if by_header else {"keep_alive": 10.0}
    headers = {"x-pixelrelay-keep-alive": "10"} if by_header else {}
    async with gateway_over(foundry(latency=32.0), server=server) as at:
        answer = await at.draw(headers=headers)

    assert answer.status_code == 200
    assert answer.content.startswith(b"   {")
    assert opened(answer.json()["data"][0]["b64_json"]).size == (64, 64)


async def test_an_answer_that_is_quick_needs_none_and_keeps_its_headers() -> None:
    async with gateway_over(foundry(), server={"keep_alive": 10.0}) as at:
        answer = await at.draw()

    assert answer.content.startswith(b"{")
    assert answer.headers["x-pixelrelay-deployment"] == "eastus"


@pytest.mark.parametrize(("deployment", "status"), [(foundry(latency=60.0), 200), (foundry(latency=60.0), 504)])
async def test_once_blanks_were_sent_an_error_stands_in_the_body(deployment: EmulatedDeployment, status: int) -> None:
    keep_alive = {200: "10", 504: "0"}[status]
    async with gateway_over(deployment, server={"keep_alive": 10.0}) as at:
        answer = await at.draw(timeout=25, headers={"x-pixelrelay-keep-alive": keep_alive})

    assert answer.status_code == status
    assert answer.json()["error"]["code"] == "deadline_exceeded"


@pytest.mark.parametrize("given", ["-1", "soon", "", "nan"])
async def test_a_header_that_says_nothing_sensible_is_refused(given: str) -> None:
    async with gateway_over(foundry()) as at:
        answer = await at.draw(headers={"x-pixelrelay-keep-alive": given})

    assert answer.status_code == 400
    assert error_of(answer)["param"] == "x-pixelrelay-keep-alive"


async def test_a_reader_who_stalls_amid_a_stream_is_cut_off_and_the_attempt_settled() -> None:
    body = json.dumps({"prompt": "a boat", "stream": True}).encode()
    async with gateway_over(foundry(latency=60.0), server={"heartbeat": 10.0, "uploads": {"stall_timeout": 5.0}}) as at:
        line = Line(pieces=[body], reads=False)
        await line.call(at.gateway)
        assert at.router.state("eastus").in_flight == 0

    assert line.aborted
