"""The real OpenAI client, and curl, against a gateway in a process of its own."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI
from PIL import Image

from pixelrelay.config.server import hash_of
from pixelrelay.testing import EmulatedDeployment, Fault, FaultKind, Fleet, emulated_fleet
from tests.server.processes import Serving, serving
from tests.server.scenes import MASTER, picture

VERSION = "2025-04-01-preview"
SIZE = "1024x1024"


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with emulated_fleet(
        EmulatedDeployment("openai", "openai", "gpt-image-2", latency=0.05),
        EmulatedDeployment("eastus", "azure-foundry", "FLUX.2-pro", latency=0.05),
        EmulatedDeployment("crawls", "azure-foundry", "FLUX.2-pro", latency=60),
        EmulatedDeployment("narrow", "azure-foundry", "FLUX.2-pro", requests_per_minute=1, latency=0.05),
        EmulatedDeployment(
            "loses",
            "azure-foundry",
            "FLUX.2-pro",
            latency=0.05,
            faults=(Fault(FaultKind.RESET_BEFORE_ANSWER),),
        ),
    ) as it:
        yield it


@pytest.fixture(scope="module")
def at(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    config = {
        "models": {
            "gpt-image-2": {"deployments": fleet.entries("openai")},
            "flux": {"deployments": fleet.entries("eastus")},
            "slow": {"deployments": fleet.entries("crawls")},
            "full": {"deployments": fleet.entries("narrow"), "deadline": 5},
            "lost": {"deployments": fleet.entries("loses"), "on_ambiguous": "fail"},
        },
        "server": {"master_key": hash_of(MASTER), "heartbeat": 0.02},
    }
    with serving(tmp_path_factory.mktemp("gateway"), config) as it:
        yield it


@pytest.fixture
def client(at: Serving) -> Iterator[OpenAI]:
    with OpenAI(base_url=at.base_url, api_key=MASTER, _strict_response_validation=True) as it:
        yield it


@pytest.fixture
def azure(at: Serving) -> Iterator[AzureOpenAI]:
    with AzureOpenAI(azure_endpoint=at.address, api_key=MASTER, api_version=VERSION) as it:
        yield it


def size_of(b64_json: str | None) -> tuple[int, int]:
    assert b64_json is not None
    return Image.open(BytesIO(base64.b64decode(b64_json, validate=True))).size


def file(name: str, size: tuple[int, int] = (1024, 1024), mode: str = "RGB") -> BytesIO:
    opened = BytesIO(picture(size, mode=mode))
    opened.name = name
    return opened


# --- OpenAI ------------------------------------------------------------------------------------------------------


def test_it_draws(client: OpenAI) -> None:
    drawn = client.images.generate(model="gpt-image-2", prompt="a boat", size=SIZE, quality="low", n=2, user="u")

    assert drawn.data is not None
    assert [size_of(image.b64_json) for image in drawn.data] == [(1024, 1024)] * 2
    assert (drawn.size, drawn.quality, drawn.output_format, drawn.background) == (SIZE, "low", "png", "opaque")
    assert drawn.usage is not None
    assert drawn.usage.input_tokens_details.text_tokens > 0


def test_it_draws_with_a_model_that_tells_no_usage(client: OpenAI) -> None:
    drawn = client.images.generate(model="flux", prompt="a boat", size="512x512")

    assert drawn.data is not None
    assert size_of(drawn.data[0].b64_json) == (512, 512)
    assert drawn.usage is None


def test_it_edits_one_image_and_many_and_with_a_mask(client: OpenAI) -> None:
    one = client.images.edit(model="gpt-image-2", image=file("a.png"), prompt="at night", size=SIZE)
    many = client.images.edit(model="gpt-image-2", image=[file("a.png"), file("b.png")], prompt="both", n=2)
    masked = client.images.edit(
        model="gpt-image-2", image=file("a.png"), mask=file("m.png", mode="RGBA"), prompt="a flamingo"
    )

    assert [len(drawn.data or []) for drawn in (one, many, masked)] == [1, 2, 1]


def test_it_is_given_links_that_lead_to_pictures(client: OpenAI, at: Serving) -> None:
    drawn = client.images.generate(model="flux", prompt="a boat", size="512x512", response_format="url")

    assert drawn.data is not None
    url = drawn.data[0].url
    assert url is not None
    assert url.startswith(at.address)
    answer = at.get(url.removeprefix(at.address))
    assert Image.open(BytesIO(answer.content)).size == (512, 512)


def test_its_extra_body_and_extra_headers_say_how_to_serve(client: OpenAI) -> None:
    raw = client.images.with_raw_response.generate(
        model="full",
        prompt="a boat",
        size="512x512",
        extra_body={"fallbacks": ["flux"], "safety_tolerance": 2},
        extra_headers={"x-pixelrelay-num-retries": "0", "x-client-request-id": "mine"},
    )

    assert raw.headers["x-pixelrelay-deployment"] in {"narrow", "eastus"}
    assert raw.headers["x-client-request-id"] == "mine"
    assert raw.parse().data


def test_an_edits_extra_body_comes_in_a_form(client: OpenAI) -> None:
    drawn = client.images.edit(
        model="flux",
        image=file("a.png", (64, 64)),
        prompt="at night",
        size="512x512",
        extra_body={"safety_tolerance": 2, "tags": [], "fallbacks": ["gpt-image-2"]},
    )
    assert drawn.data


def test_it_streams(client: OpenAI) -> None:
    events = list(
        client.images.generate(model="gpt-image-2", prompt="a boat", size=SIZE, stream=True, partial_images=1)
    )

    kinds = ["image_generation.partial_image", "image_generation.completed"]
    assert [event.type for event in events] == kinds
    event = events[-1]
    assert size_of(event.b64_json) == (1024, 1024)
    assert event.type == "image_generation.completed"
    assert event.usage.total_tokens > 0


def test_it_streams_an_edit(client: OpenAI) -> None:
    (event,) = client.images.edit(model="gpt-image-2", image=file("a.png"), prompt="at night", stream=True)

    assert event.type == "image_edit.completed"
    assert size_of(event.b64_json) == (1024, 1024)


def test_it_raises_what_goes_wrong_amid_a_stream(at: Serving) -> None:
    with OpenAI(base_url=at.base_url, api_key=MASTER) as client:
        stream = client.images.generate(
            model="slow", prompt="a boat", size="512x512", stream=True, extra_body={"timeout": 1.5}
        )
        with pytest.raises(openai.APIError) as raised:
            list(stream)

    assert raised.value.code == "deadline_exceeded"


def test_it_lists_models_with_what_each_can_do(client: OpenAI) -> None:
    models = {model.id: model for model in client.models.list()}

    assert set(models) == {"gpt-image-2", "flux", "slow", "full", "lost"}
    assert client.models.retrieve("flux").id == "flux"
    capabilities: Any = models["gpt-image-2"].model_dump()["capabilities"]
    assert capabilities["mask"] is True


ERRORS: list[tuple[dict[str, Any], type[openai.APIStatusError], str]] = [
    ({"model": "nothing"}, openai.NotFoundError, "model_not_found"),
    ({"model": "flux", "size": "7x7"}, openai.BadRequestError, "unsupported_by_model"),
    ({"model": "flux", "n": 0}, openai.BadRequestError, "invalid_value"),
    ({"model": "lost"}, openai.InternalServerError, "ambiguous_outcome"),
]


@pytest.mark.parametrize(("asked", "error", "code"), ERRORS, ids=[code for _, _, code in ERRORS])
def test_it_raises_the_error_that_belongs_to_what_went_wrong(
    client: OpenAI, asked: dict[str, Any], error: type[openai.APIStatusError], code: str
) -> None:
    with pytest.raises(error) as raised:
        client.images.generate(prompt="a boat", **asked)

    assert raised.value.code == code
    assert raised.value.request_id is not None
    assert raised.value.request_id.startswith("pr_")


def test_it_does_not_buy_again_what_may_have_been_bought(client: OpenAI, fleet: Fleet) -> None:
    before = fleet.billed["loses"].pictures
    with pytest.raises(openai.InternalServerError):
        client.with_options(max_retries=5).images.generate(model="lost", prompt="a boat", size="512x512")

    assert fleet.billed["loses"].pictures == before + 1


def test_it_learns_when_to_come_back(client: OpenAI) -> None:
    patient = client.with_options(max_retries=0)
    with suppress(openai.RateLimitError):
        patient.images.generate(model="full", prompt="a boat", size="512x512")
    with pytest.raises(openai.RateLimitError) as raised:
        patient.images.generate(model="full", prompt="a boat", size="512x512")

    assert raised.value.code == "rate_limit_exceeded"
    assert 0 < float(raised.value.response.headers["retry-after-ms"]) <= 61_000


def test_a_wrong_key_is_an_authentication_error(at: Serving) -> None:
    with OpenAI(base_url=at.base_url, api_key="sk-wrong") as client, pytest.raises(openai.AuthenticationError):
        client.images.generate(model="flux", prompt="a boat")


def test_it_draws_and_streams_asynchronously(at: Serving) -> None:
    async def draw() -> tuple[int, list[str], int]:
        async with AsyncOpenAI(base_url=at.base_url, api_key=MASTER) as client:
            drawn = await client.images.generate(model="flux", prompt="a boat", size="512x512")
            stream = await client.images.generate(model="flux", prompt="a boat", size="512x512", stream=True)
            events = [str(event.type) async for event in stream]
            edited = await client.images.edit(
                model="flux", image=[file("a.png", (64, 64)), ("b.png", picture())], prompt="both", size="512x512"
            )
            return len(drawn.data or []), events, len(edited.data or [])

    assert asyncio.run(draw()) == (1, ["image_generation.completed"], 1)


# --- Azure -------------------------------------------------------------------------------------------------------


def test_azures_client_draws_edits_and_streams(azure: AzureOpenAI) -> None:
    drawn = azure.images.generate(model="flux", prompt="a boat", size="512x512")
    edited = azure.images.edit(model="flux", image=file("a.png", (64, 64)), prompt="at night", size="512x512")
    streamed = list(azure.images.generate(model="flux", prompt="a boat", size="512x512", stream=True))

    assert [len(one.data or []) for one in (drawn, edited)] == [1, 1]
    assert [event.type for event in streamed] == ["image_generation.completed"]


def test_azures_client_may_name_the_deployment_once(at: Serving) -> None:
    with AzureOpenAI(azure_endpoint=at.address, azure_deployment="flux", api_key=MASTER, api_version=VERSION) as client:
        drawn = client.images.generate(model="gpt-image-2", prompt="a boat", size="512x512")

    assert drawn.data


def test_azures_client_takes_a_token_in_place_of_a_key(at: Serving) -> None:
    async def draw() -> int:
        async with AsyncAzureOpenAI(azure_endpoint=at.address, azure_ad_token=MASTER, api_version=VERSION) as client:
            drawn = await client.images.generate(model="flux", prompt="a boat", size="512x512")
            return len(drawn.data or [])

    assert asyncio.run(draw()) == 1


def test_azures_newer_address_works_with_openais_client(at: Serving) -> None:
    with OpenAI(base_url=f"{at.address}/openai/v1", api_key=MASTER, default_query={"api-version": "preview"}) as client:
        assert client.images.generate(model="flux", prompt="a boat", size="512x512").data
        assert client.models.list().data


# --- curl --------------------------------------------------------------------------------------------------------


def curl(*arguments: str, at: Serving) -> Any:
    ran = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "30", *arguments], capture_output=True, check=False
    )
    assert ran.returncode == 0, ran.stderr.decode() + at.log()
    return ran.stdout


def test_curl_draws_as_in_openais_examples(at: Serving) -> None:
    body = json.dumps({"model": "flux", "prompt": "A cute baby sea otter", "n": 1, "size": "512x512"})
    answer = json.loads(
        curl(
            f"{at.address}/v1/images/generations",
            "-H",
            "Content-Type: application/json",
            "-H",
            f"Authorization: Bearer {MASTER}",
            "-d",
            body,
            at=at,
        )
    )

    assert size_of(answer["data"][0]["b64_json"]) == (512, 512)


def test_curl_edits_with_a_form_as_in_openais_examples(at: Serving, tmp_path: Path) -> None:
    (tmp_path / "body-lotion.png").write_bytes(picture((64, 64)))
    (tmp_path / "soap.png").write_bytes(picture((64, 64)) + bytes(3_000_000))  # beyond what curl sends unasked
    answer = json.loads(
        curl(
            "-X",
            "POST",
            f"{at.address}/v1/images/edits",
            "-H",
            f"Authorization: Bearer {MASTER}",
            "-F",
            "model=flux",
            "-F",
            f"image[]=@{tmp_path}/body-lotion.png",
            "-F",
            f"image[]=@{tmp_path}/soap.png",
            "-F",
            "prompt=Create a lovely gift basket with these items in it",
            "-F",
            "size=512x512",
            at=at,
        )
    )

    assert size_of(answer["data"][0]["b64_json"]) == (512, 512)


def test_curl_draws_as_in_azures_examples(at: Serving) -> None:
    url = f"{at.address}/openai/deployments/flux/images/generations?api-version={VERSION}"
    body = json.dumps({"prompt": "a boat", "size": "512x512"})
    answer = curl(url, "-H", f"api-key: {MASTER}", "-H", "Content-Type: application/json", "-d", body, at=at)

    assert json.loads(answer)["data"]


def test_curl_that_sends_too_much_reads_why(at: Serving, tmp_path: Path) -> None:
    (tmp_path / "huge.png").write_bytes(bytes(110_000_000))
    for expect in ("Expect: 100-continue", "Expect:"):
        answer = curl(
            f"{at.address}/v1/images/edits",
            "-H",
            expect,
            "-H",
            f"Authorization: Bearer {MASTER}",
            "-F",
            f"image=@{tmp_path}/huge.png",
            at=at,
        )

        assert json.loads(answer)["error"]["code"] == "request_too_large"
