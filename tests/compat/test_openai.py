"""Clients in the shape of OpenAI's, over the router."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import anyio
import openai
import pytest
import yaml

from pixelrelay import DeadlineExceededError, InvalidRequestError, Router, SyncRouter
from pixelrelay._transport.transport import Transport
from pixelrelay.compat.openai import AsyncOpenAI, OpenAI
from pixelrelay.testing import EmulatedDeployment, Fleet, emulated_fleet
from tests.compat.conftest import Opened
from tests.compat.desk import size_of

CHEAP: dict[str, Any] = {"quality": "low", "size": "1024x1024"}


@pytest.fixture
def config(fleet: Fleet, desk: Path) -> Path:
    path = desk / "relay.yaml"
    path.write_text(yaml.safe_dump({"models": {"images": {"deployments": fleet.entries("openai")}}}))
    return path


def test_pictures_are_drawn_and_edited_as_by_openais_client(config: Path, opened: Opened) -> None:
    with OpenAI(config) as client:
        drawn = client.images.generate(model="images", prompt="a fox", n=2, user=openai.omit, **CHEAP)
        edited = client.images.edit(
            model="images", image=[opened("image1.png"), ("b.png", opened("image2.png"))], prompt="a hat", **CHEAP
        )
    assert size_of(base64.b64decode(drawn.data[0].b64_json)) == (1024, 1024)
    assert len(drawn.data) == 2
    assert edited.data[0].b64_json
    assert drawn.usage.input_tokens_details.text_tokens > 0
    assert drawn.route.deployment == "openai"


def test_what_comes_back_says_what_openais_model_of_it_reads(config: Path) -> None:
    with OpenAI(config) as client:
        drawn = client.images.generate(model="images", prompt="a fox", **CHEAP)

    read = openai.types.ImagesResponse.model_validate(drawn.model_dump())
    assert read.data is not None
    assert read.usage is not None
    assert (read.data[0].b64_json, read.created) == (drawn.data[0].b64_json, drawn.created)
    assert read.usage.output_tokens == drawn.usage.output_tokens
    assert drawn.to_dict().keys() <= openai.types.ImagesResponse.model_fields.keys()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_pictures_are_drawn_without_blocking(config: Path, opened: Opened, backend: str) -> None:
    async def draw() -> None:
        async with AsyncOpenAI(config) as client:
            drawn = await client.images.generate(model="images", prompt="a fox", response_format="url", **CHEAP)
            edited = await client.images.edit(
                model="images", image=opened("image1.png"), mask=opened("mask_image.png"), prompt="a hat", **CHEAP
            )
        assert drawn.data[0].url.startswith("data:image/png;base64,")
        assert edited.data[0].b64_json

    anyio.run(draw, backend=backend)


def test_a_stream_tells_partial_images_and_the_finished_one(config: Path) -> None:
    with OpenAI(config) as client:
        events = list(client.images.generate(model="images", prompt="a fox", stream=True, partial_images=2, **CHEAP))
    assert [event.type for event in events] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    assert [event.partial_image_index for event in events] == [0, 1, None]
    assert events[-1].usage.total_tokens > 0


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_stream_of_an_edit_is_awaited(config: Path, opened: Opened, backend: str) -> None:
    async def watch() -> list[Any]:
        async with AsyncOpenAI(config) as client:
            image = opened("image1.png")
            stream = await client.images.edit(model="images", image=image, prompt="a hat", stream=True, **CHEAP)
            return [event async for event in stream]

    (event,) = anyio.run(watch, backend=backend)
    assert event.type == "image_edit.completed"
    assert event.b64_json


def test_a_timeout_is_the_clients_the_options_or_the_calls() -> None:
    slow = EmulatedDeployment("slow", "openai", "gpt-image-2", latency=5)
    with emulated_fleet(slow) as fleet, OpenAI(fleet.config(), timeout=0.05) as client:
        with pytest.raises(DeadlineExceededError):
            client.images.generate(model="images", prompt="a fox")
        patient = client.with_options(timeout=60)
        with pytest.raises(DeadlineExceededError):
            patient.images.generate(model="images", prompt="a fox", timeout=0.05)
        assert patient.images._timeout == 60


def test_a_router_that_was_brought_along_stays_open(config: Path) -> None:
    with SyncRouter.from_config(config) as router:
        with OpenAI(router=router) as client:
            assert client.images.generate(model="images", prompt="a fox", **CHEAP).data
        assert router.generate("images", "a fox", **CHEAP).data


@pytest.mark.anyio
async def test_a_router_in_ones_own_loop_may_be_brought_along() -> None:
    fleet = Fleet(EmulatedDeployment("openai", "openai", "gpt-image-2", latency=0))
    async with Router(fleet.config(), transport=Transport(fleet.engine())) as router:
        assert (await AsyncOpenAI(router=router).images.generate(model="images", prompt="a fox", **CHEAP)).data


def test_the_environment_may_name_the_configuration(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELRELAY_CONFIG", str(config))
    with OpenAI() as client:
        assert client.images.generate(model="images", prompt="a fox", **CHEAP).data
    monkeypatch.delenv("PIXELRELAY_CONFIG")
    with pytest.raises(ValueError, match="no configuration"):
        OpenAI()


def test_an_address_cannot_be_added_to(config: Path) -> None:
    with OpenAI(config) as client, pytest.raises(InvalidRequestError, match="extra_query"):
        client.images.generate(model="images", prompt="a fox", extra_query={"a": "b"})
