"""The emulated OpenRouter takes on either route what a model lists, and refuses the rest in OpenRouter's words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx2
import pytest

from pixelrelay import ContentRejectedError, Router
from pixelrelay.testing import Fault, FaultKind, Fleet, emulated_fleet
from tests.emulator.scenes import KEY, ask_openrouter, data_url, opened, openrouter, png
from tests.router.scenes import router_of

SAID: dict[str, Any] = {"role": "user", "content": [{"type": "text", "text": "a fox"}]}
CHAT: dict[str, Any] = {"messages": [SAID], "modalities": ["image", "text"]}


def test_a_picture_comes_inline_with_its_type_its_tokens_and_its_cost(fleet: Fleet) -> None:
    answer = ask_openrouter(fleet, aspect_ratio="16:9", resolution="512").json()

    assert opened(answer["data"][0]["b64_json"]).size == (688, 384)
    assert answer["data"][0]["media_type"] == "image/png"
    assert (answer["usage"]["completion_tokens"], answer["usage"]["cost"]) == (1120, 0.0448)


def test_a_vector_model_answers_in_svg(fleet: Fleet) -> None:
    answer = ask_openrouter(fleet, model="recraft/recraft-v4.1-vector", n=2).json()

    assert [item["media_type"] for item in answer["data"]] == ["image/svg+xml"] * 2
    assert answer["usage"]["cost"] == 0.16


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"prompt": ""}, 400, "prompt: String should have at least 1 character"),
        ({"n": "2"}, 400, "n: Input should be a valid integer"),
        ({"n": 2}, 400, "n must be at most 1"),
        ({"seed": 7}, 400, "seed is not supported by google/gemini-3.1-flash-image"),
        ({"output_format": "png"}, 400, "output_format is not supported"),
        ({"background": "opaque"}, 400, "background is not supported"),
        ({"aspect_ratio": "9:21"}, 400, "aspect_ratio 9:21 is not supported"),
        ({"resolution": "1k"}, 400, "resolution: Input should be"),
        ({"size": "1024x1024", "resolution": "1K"}, 400, "does not go with"),
        ({"response_format": "b64_json"}, 400, "response_format: Extra inputs are not permitted"),
        ({"mask": "…"}, 400, "mask: Extra inputs are not permitted"),
        ({"provider": {"zdr": True}}, 400, "provider.zdr: Extra inputs are not permitted"),
        ({"model": "acme/brush"}, 400, "acme/brush is not a valid model ID"),
        ({"input_references": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}, 400,
         "could not be read"),
        ({"input_references": [{"type": "image_url", "image_url": {"url": data_url(png(), "image/jpeg")}}]}, 400,
         "could not be read"),
    ],
)  # fmt: skip
def test_what_a_model_does_not_list_is_refused(fleet: Fleet, body: dict[str, Any], status: int, said: str) -> None:
    reply = ask_openrouter(fleet, **body)

    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (status, status)
    assert said in error["message"]


def test_a_chat_brings_a_picture_in_its_message(fleet: Fleet) -> None:
    given = {"type": "image_url", "image_url": {"url": data_url(png())}}
    message = {"role": "user", "content": [*SAID["content"], given]}
    body = {**CHAT, "messages": [message], "image_config": {"aspect_ratio": "3:2", "image_size": "1K"}}

    answer = ask_openrouter(fleet, "chat/completions", **body).json()

    url = answer["choices"][0]["message"]["images"][0]["image_url"]["url"]
    assert opened(url.removeprefix("data:image/png;base64,")).size == (1264, 848)
    assert fleet.requests[-1].operation == "edit"


def test_a_model_that_only_draws_is_not_found_for_words(fleet: Fleet) -> None:
    reply = ask_openrouter(fleet, "chat/completions", model="bytedance-seed/seedream-4.5", **CHAT)

    assert reply.status_code == 404
    assert "requested output modalities: image, text" in reply.json()["error"]["message"]


def test_keys_are_checked_and_tell_what_they_may_spend() -> None:
    with emulated_fleet(openrouter(credit=Decimal("0.10"), price=Decimal("0.06"))) as fleet:
        url = f"{fleet.url('openrouter')}/api/v1/key"
        ask_openrouter(fleet)
        left = httpx2.get(url, headers={"authorization": f"Bearer {KEY}"}).json()["data"]["limit_remaining"]
        ask_openrouter(fleet)
        empty = ask_openrouter(fleet)

    assert left == 0.04
    assert (empty.status_code, empty.json()["error"]["metadata"]) == (402, {"limit_source": "openrouter_credits"})


def test_a_full_minute_is_a_429_and_too_much_at_a_time_a_402_that_ends() -> None:
    with emulated_fleet(openrouter(requests_per_minute=1)) as fleet:
        ask_openrouter(fleet)
        full = ask_openrouter(fleet)
    with emulated_fleet(openrouter(concurrent=0)) as fleet:
        busy = ask_openrouter(fleet)

    assert (full.status_code, full.json()["error"]["metadata"]) == (429, {"error_type": "rate_limit_exceeded"})
    assert 55 <= int(full.headers["retry-after"]) <= 60
    assert (busy.status_code, busy.headers["retry-after"]) == (402, "1")
    assert busy.json()["error"]["metadata"]["reason"] == "in_flight_budget_exhausted"


def test_moderation_has_many_disguises(fleet: Fleet) -> None:
    flagged = ask_openrouter(fleet, prompt="something forbidden")
    withheld = ask_openrouter(fleet, prompt="something unseemly")
    unseemly = {"role": "user", "content": [{"type": "text", "text": "unseemly"}]}
    chat = ask_openrouter(fleet, "chat/completions", **{**CHAT, "messages": [unseemly]})

    assert (flagged.status_code, flagged.json()["error"]["metadata"]["reasons"]) == (403, ["violence"])
    assert (withheld.status_code, withheld.json()["error"]["metadata"]["error_type"]) == (
        400,
        "content_policy_violation",
    )
    assert (chat.status_code, chat.json()["choices"][0]["native_finish_reason"]) == (200, "IMAGE_SAFETY")
    assert fleet.requests[-1].billed == 0


# --- by chat, from end to end --------------------------------------------------------------------------------------


def by_chat(fleet: Fleet) -> Router:
    config = fleet.config("pictures", strategy="ordered")
    for order, deployment in enumerate(config["models"]["pictures"]["deployments"]):
        deployment.update(order=order, route="chat")
    return router_of(fleet, config)


@pytest.mark.anyio
async def test_a_router_draws_and_edits_by_chat_and_goes_elsewhere_when_that_fails() -> None:
    fleet = Fleet(openrouter(), openrouter("spare"))
    async with by_chat(fleet) as relay:
        drawn = await relay.generate("pictures", "a fox", size="1264x848", n=2)
        fleet.fault("openrouter", Fault(FaultKind.SERVER_ERROR))
        edited = await relay.edit("pictures", png((256, 256)), "add a hat")

    assert [opened(image.bytes()).size for image in drawn.data] == [(1264, 848)] * 2
    assert drawn.route.cost == Decimal("0.1344")
    assert (edited.route.deployment, edited.route.cost) == ("spare", Decimal("0.0672"))
    assert fleet.billed_in_all.dollars == Decimal("0.2016")


@pytest.mark.anyio
@pytest.mark.parametrize("prompt", ["forbidden", "unseemly"])
async def test_a_router_takes_moderation_by_chat_for_what_it_is(prompt: str) -> None:
    async with by_chat(Fleet(openrouter(), openrouter("spare"))) as relay:
        with pytest.raises(ContentRejectedError) as refused:
            await relay.generate("pictures", prompt)

    assert not refused.value.attempts[1:]
