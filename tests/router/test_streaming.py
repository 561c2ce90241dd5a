"""What is told of a request while it is served, and what becomes of it when nobody listens any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import anyio
import pytest
from PIL import Image as Picture

from pixelrelay import AttemptsExhaustedError, ContentRejectedError, InvalidRequestError, StreamEvent, SyncRouter
from pixelrelay._transport.transport import Transport
from pixelrelay.router import Router
from pixelrelay.testing import UNSEEMLY, EmulatedDeployment, Fault, FaultKind, Fleet, emulated_fleet
from tests.emulator.scenes import png
from tests.router.scenes import bfl, billed, called, groups, openai, router_of

pytestmark = pytest.mark.anyio

SIZE = "1024x1024"


def azure(name: str, **options: Any) -> EmulatedDeployment:
    return EmulatedDeployment(name, "azure-openai", "gpt-image-2", **{"latency": 2.0, **options})


async def events_of(
    router: Router, model: str = "flux", prompt: str = "a lighthouse", **request: Any
) -> list[StreamEvent]:
    return [event async for event in router.stream(model, prompt, **{"size": SIZE, **request})]


async def heard(stream: AsyncIterator[StreamEvent], seen: list[str]) -> None:
    async for event in stream:
        seen += [event.type]


@pytest.mark.parametrize("deployment", [openai("one"), azure("one")], ids=lambda each: each.provider)
async def test_unfinished_pictures_are_shown_and_then_the_result(deployment: EmulatedDeployment) -> None:
    fleet = Fleet(deployment)

    async with router_of(fleet) as router:
        *partials, last = await events_of(router, partial_images=2)

    assert [(event.type, event.index) for event in partials] == [("partial_image", 0), ("partial_image", 1)]
    assert all(event.image and Picture.open(BytesIO(event.image.bytes())).size == (1024, 1024) for event in partials)
    assert last.type == "completed"
    assert last.result is not None
    assert (last.result.route.deployment, last.result.size) == ("one", SIZE)
    assert last.result.usage is not None
    assert billed(fleet) == {"one": 1}


async def test_an_edit_is_streamed_as_well() -> None:
    fleet = Fleet(openai("one"))

    async with router_of(fleet) as router:
        events = await events_of(router, image=[png(), png()], partial_images=1, output_format="jpeg")

    assert [event.type for event in events] == ["partial_image", "completed"]
    assert fleet.requests[0].operation == "edit"


async def test_where_a_provider_shows_nothing_signs_of_life_come_until_the_result_does() -> None:
    fleet = Fleet(bfl("slow", latency=50.0))

    async with router_of(fleet) as router:
        events = await events_of(router, partial_images=3, heartbeat=15.0)

    assert [event.type for event in events] == ["heartbeat", "heartbeat", "heartbeat", "completed"]


async def test_nothing_is_asked_of_the_provider_that_the_caller_does_not_want_to_see() -> None:
    fleet = Fleet(openai("one"))

    async with router_of(fleet) as router:
        plain = await router.generate("flux", "a lighthouse", size=SIZE)
        (streamed,) = await events_of(router)
        *_, shown = await events_of(router, partial_images=3)

    assert plain.usage is not None
    assert streamed.result is not None
    assert shown.result is not None
    assert streamed.result.usage == plain.usage
    assert shown.result.usage is not None
    assert shown.result.usage.output_tokens == plain.usage.output_tokens + 300, "a partial image costs 100 tokens"


async def test_before_anything_was_shown_another_deployment_takes_over() -> None:
    fleet = Fleet(openai("first", faults=(Fault(FaultKind.SERVER_ERROR),)), azure("second"))
    config = fleet.config("flux", strategy="ordered")
    config["models"]["flux"]["deployments"][1]["order"] = 1

    async with router_of(fleet, config) as router:
        events = await events_of(router, partial_images=1)

    assert [event.type for event in events] == ["partial_image", "completed"]
    assert called(fleet) == {"first": 1, "second": 1}


async def test_after_something_was_shown_nobody_else_is_asked() -> None:
    fleet = Fleet(openai("first", faults=(Fault(FaultKind.RESET_MID_ANSWER),)), openai("second"))
    config = fleet.config("flux", strategy="ordered")
    config["models"]["flux"]["deployments"][1]["order"] = 1
    seen: list[str] = []

    async with router_of(fleet, config) as router:
        with pytest.raises(AttemptsExhaustedError) as refused:
            await heard(router.stream("flux", "a lighthouse", size=SIZE, partial_images=2), seen)

    assert set(seen) == {"partial_image"}
    assert called(fleet) == {"first": 1}
    assert [attempt.deployment for attempt in refused.value.attempts] == ["first"]


async def test_a_picture_that_is_withheld_at_the_end_is_moderated_and_not_bought_elsewhere() -> None:
    fleet = Fleet(openai("first"), openai("second"))

    async with router_of(fleet) as router:
        with pytest.raises(ContentRejectedError):
            await events_of(router, prompt=f"something {UNSEEMLY}")
        with pytest.raises((ContentRejectedError, AttemptsExhaustedError)):
            await events_of(router, prompt=f"something {UNSEEMLY}", partial_images=1)

    assert sum(called(fleet).values()) == 2
    assert billed(fleet) == {}


async def test_a_request_that_is_wrong_is_refused_before_anything_is_told() -> None:
    fleet = Fleet(openai("one"))

    async with router_of(fleet) as router:
        with pytest.raises(InvalidRequestError, match="partial_images"):
            await events_of(router, partial_images=4)

    assert fleet.requests == ()


async def test_nothing_is_begun_for_whoever_never_listens() -> None:
    fleet = Fleet(openai("one"))

    async with router_of(fleet) as router:
        stream = router.stream("flux", "a lighthouse", size=SIZE)
        await stream.aclose()
        assert [event async for event in stream] == []

    assert fleet.requests == ()


async def test_who_leaves_early_leaves_the_request_and_gives_its_place_back() -> None:
    fleet = Fleet(openai("one", latency=30.0))

    async with router_of(fleet) as router:
        async for _ in router.stream("flux", "a lighthouse", size=SIZE, partial_images=2):
            break
        await anyio.sleep(1.0)
        left = router.state("one").in_flight
        with anyio.move_on_after(5.0):
            await events_of(router)
        await anyio.sleep(1.0)
        cancelled = router.state("one").in_flight
        async with router.stream("flux", "a lighthouse", size=SIZE) as stream:
            with anyio.move_on_after(1.0):
                await anext(stream)
        await anyio.sleep(1.0)

    assert (left, cancelled, router.state("one").in_flight) == (0, 0, 0)


async def test_fallbacks_and_all_else_are_as_in_a_plain_request() -> None:
    fleet = Fleet(bfl("flux-one", faults=(Fault(FaultKind.SERVER_ERROR),)), openai("gpt"))
    config = groups(fleet, {"flux": ["flux-one"], "images": ["gpt"]}, flux={"fallbacks": ["images"]})

    async with router_of(fleet, config) as router:
        *_, last = await events_of(router, size="512x512", adapt=["size"], partial_images=1)

    assert last.result is not None
    assert last.result.route.fallbacks == ("images",)
    assert last.result.route.adaptations == ("size 512x512 → 816x816",)


def test_code_that_does_not_await_iterates_over_the_same_events() -> None:
    with (
        emulated_fleet(EmulatedDeployment("one", "openai", "gpt-image-2", latency=0.2)) as fleet,
        SyncRouter(fleet.config("flux"), transport=Transport("httpx2")) as router,
    ):
        whole = [event.type for event in router.stream("flux", "a lighthouse", size=SIZE, partial_images=1)]
        for event in router.stream("flux", "a lighthouse", size=SIZE, partial_images=1):
            assert event.type == "partial_image"
            break

    assert whole == ["partial_image", "completed"]
