"""Every Python example on LiteLLM's pages on image generation and edits runs, its import alone changed."""

from __future__ import annotations

import asyncio
import base64
import os
from pathlib import Path

import pytest

from pixelrelay.compat import litellm
from pixelrelay.compat.litellm import aimage_generation, image_edit, image_generation
from pixelrelay.testing import Fleet
from tests.compat.conftest import Opened
from tests.compat.desk import key, size_of

pytestmark = pytest.mark.usefixtures("desk")


# --- image generation ----------------------------------------------------------------------------------------------


def test_the_quick_start() -> None:
    os.environ["OPENAI_API_KEY"] = key("openai")
    response = image_generation(prompt="A red lighthouse", model="gpt-image-2")

    assert f"response: {response}".startswith("response: created=")


def test_a_model_of_openai() -> None:
    response = image_generation(model="gpt-image-2", prompt="A red lighthouse")

    assert base64.b64decode(response["data"][0]["b64_json"])
    assert response.usage.total_tokens > 0


def test_a_deployment_of_azures_by_arguments(fleet: Fleet) -> None:
    response = image_generation(
        model="azure/gpt-image-2",
        prompt="A red lighthouse",
        api_key=key("azure"),
        api_base=fleet.url("azure"),
        api_version="2025-04-01-preview",
    )
    assert response.data[0].b64_json


def test_a_deployment_of_azures_by_the_environment() -> None:
    assert image_generation(model="azure/gpt-image-2", prompt="A red lighthouse").data[0].b64_json


def test_a_server_that_speaks_openais_api(fleet: Fleet) -> None:
    os.environ["OPENAI_API_KEY"] = key("server")
    response = image_generation(model="openai/my-own", api_base=f"{fleet.url('server')}/v1/", prompt="A red lighthouse")
    assert response.data[0].b64_json


def test_a_model_of_bedrocks() -> None:
    response = image_generation(prompt="A red lighthouse", model="bedrock/stability.sd3-5-large-v1:0")

    assert response.data[0].b64_json


def test_a_model_of_vertex(fleet: Fleet, google_key: Path) -> None:
    response = litellm.image_generation(
        prompt="A swimming pool",
        model="vertex_ai/imagen-4.0-generate-001",
        vertex_ai_project="emulated",
        vertex_ai_location="us-central1",
        api_base=fleet.url("vertex"),
        vertex_credentials=str(google_key),
    )
    assert response.data[0].b64_json


@pytest.mark.parametrize(
    "model",
    [
        "recraft/recraftv3",
        "xinference/stable-diffusion-3.5-large",
        "nscale/black-forest-labs/FLUX.1-schnell",
        "stability/sd3.5-large",
        "black_forest_labs/flux-kontext-pro",
        "gemini/gemini-2.5-flash-image",
    ],
)
def test_a_model_of_another_provider(model: str) -> None:
    response = image_generation(model=model, prompt="A sunset over a calm ocean")

    assert response.data[0].b64_json or response.data[0].url


def test_a_model_of_openrouters_with_size_and_quality() -> None:
    response = image_generation(
        model="openrouter/google/gemini-3.1-flash-image",
        prompt="A sunset over a calm ocean",
        size="1024x1024",
        quality="high",
    )
    assert response.data[0].b64_json


# --- Azure AI image generation ---------------------------------------------------------------------------------------


def test_flux_by_the_environment_and_by_arguments() -> None:
    response = litellm.image_generation(
        model="azure_ai/FLUX.1-Kontext-pro",
        prompt="An otter swimming in clear water",
        api_base=os.environ["AZURE_AI_API_BASE"],
        api_key=os.environ["AZURE_AI_API_KEY"],
    )
    assert response.data[0].url is None
    assert response.data[0].b64_json


def test_flux_11(fleet: Fleet) -> None:
    response = litellm.image_generation(
        model="azure_ai/FLUX-1.1-pro",
        prompt="A city at night",
        api_base=fleet.url("pro11"),
        api_key=key("pro11"),
        n=1,
        size="1024x1024",
        quality="standard",
    )
    for image in response.data:
        assert f"{image.url}"


def test_flux_2(fleet: Fleet) -> None:
    response = litellm.image_generation(
        model="azure_ai/flux.2-pro",
        prompt="A red fox",
        api_base=fleet.url("pro2"),
        api_key=key("pro2"),
        api_version="preview",
        size="1024x1024",
        n=1,
    )
    assert size_of(base64.b64decode(response.data[0].b64_json or "")) == (1024, 1024)


def test_flux_without_blocking() -> None:
    async def generate_image() -> litellm.ImageResponse:
        response = await litellm.aimage_generation(
            model="azure_ai/FLUX.1-Kontext-pro",
            prompt="A sunset over mountains",
            api_base=os.environ["AZURE_AI_API_BASE"],
            api_key=os.environ["AZURE_AI_API_KEY"],
            n=1,
        )
        assert response.data[0].url is None
        return response

    assert asyncio.run(generate_image()).data


# --- image edits -----------------------------------------------------------------------------------------------------


def test_an_edit_of_one_image(opened: Opened) -> None:
    response = litellm.image_edit(
        model="gpt-image-2",
        image=opened("original_image.png"),
        prompt="Add a red hat",
        n=1,
        size="1024x1024",
    )
    assert response.data[0].b64_json


def test_an_edit_of_several_images(opened: Opened) -> None:
    response = litellm.image_edit(
        model="gpt-image-2",
        image=[opened("image1.png"), opened("image2.png"), opened("image3.png")],
        prompt="Apply a vintage filter",
        n=1,
        size="1024x1024",
    )
    assert response.data[0].b64_json


def test_an_edit_with_a_mask_and_a_size_that_is_too_small(opened: Opened) -> None:
    response = litellm.image_edit(
        model="gpt-image-2",
        image=opened("original_image.png"),
        mask=opened("mask_image.png"),
        prompt="Replace the background",
        n=2,
        size="512x512",
        response_format="url",
    )
    assert all(str(image.url).startswith("data:image/") for image in response.data)
    assert response.route is not None
    assert response.route.adaptations == ("size 512x512 → 816x816",)


def test_an_edit_without_blocking(opened: Opened) -> None:
    async def edit_image() -> litellm.ImageResponse:
        return await litellm.aimage_edit(
            model="gpt-image-2",
            image=[opened("image1.png"), opened("image2.png")],
            prompt="Make it a painting",
            n=1,
            size="1024x1024",
            response_format="b64_json",
        )

    assert asyncio.run(edit_image()).data[0].b64_json


def test_an_edit_with_further_arguments(opened: Opened) -> None:
    response = litellm.image_edit(
        model="gpt-image-2",
        image=opened("original_image.png"),
        prompt="Add sunglasses",
        n=3,
        size="1024x1024",
        response_format="url",
        user="user-123",
        timeout=60,
        extra_headers={"Custom-Header": "value"},
    )
    assert f"Generated {len(response.data)} image variations" == "Generated 3 image variations"
    assert all(image.url for image in response.data)


def test_an_edit_by_gemini_in_a_size_that_it_has_not(opened: Opened) -> None:
    response = image_edit(
        model="gemini/gemini-2.5-flash-image",
        image=opened("original_image.png"),
        prompt="Add northern lights",
        size="1792x1024",
    )
    edited = base64.b64decode(response.data[0].b64_json or "")
    assert size_of(edited) == (1344, 768)


def test_an_edit_of_two_images_by_gemini(opened: Opened) -> None:
    response = image_edit(
        model="gemini/gemini-2.5-flash-image",
        image=[opened("image1.png"), opened("image2.png")],
        prompt="Blend them",
    )
    for number, image in enumerate(response.data):
        Path(f"gemini_edit_{number}.png").write_bytes(base64.b64decode(image.b64_json or ""))
    assert Path("gemini_edit_0.png").exists()


def test_an_edit_by_black_forest_labs(opened: Opened) -> None:
    response = litellm.image_edit(
        model="black_forest_labs/flux-kontext-pro",
        image=opened("original_image.png"),
        prompt="Add a green leaf",
    )
    assert str(response.data[0].url).startswith("http")


def test_inpainting_by_black_forest_labs(fleet: Fleet, opened: Opened) -> None:
    response = litellm.image_edit(
        model="black_forest_labs/flux-pro-1.0-fill",
        image=opened("original_image.png"),
        mask=opened("mask_image.png"),
        prompt="Replace it with a garden",
        api_base=fleet.url("fill"),
        api_key=key("fill"),
    )
    assert response.data[0].url


def test_outpainting_by_black_forest_labs(fleet: Fleet, opened: Opened) -> None:
    response = litellm.image_edit(
        model="black_forest_labs/flux-pro-1.0-expand",
        image=opened("original_image.png"),
        prompt="Continue the scene",
        top=256,
        bottom=256,
        api_base=fleet.url("expand"),
        api_key=key("expand"),
    )
    assert response.data[0].url


def test_an_edit_by_gemini_on_vertex(
    fleet: Fleet, opened: Opened, google_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERTEXAI_API_BASE", fleet.url("vertex-gemini"))
    os.environ["VERTEXAI_PROJECT"] = "emulated"
    os.environ["VERTEXAI_LOCATION"] = "us-central1"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(google_key))

    response = litellm.image_edit(
        model="vertex_ai/gemini-2.5-flash-image",
        image=opened("original_image.png"),
        prompt="Add neon lights",
        size="1024x1024",
    )
    assert size_of(base64.b64decode(response.data[0].b64_json or "")) == (1024, 1024)


def test_an_edit_by_imagen_on_vertex_with_a_mask(
    fleet: Fleet, opened: Opened, google_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERTEXAI_API_BASE", fleet.url("vertex-edits"))
    os.environ["VERTEXAI_PROJECT"] = "emulated"
    os.environ["VERTEXAI_LOCATION"] = "us-central1"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(google_key))

    response = litellm.image_edit(
        model="vertex_ai/imagen-3.0-capability-001",
        image=opened("original_image.png"),
        mask=opened("mask_image.png"),
        prompt="Make it a watercolour",
        n=2,
        size="1024x1024",
    )
    assert len(response.data) == 2
    assert all(image.b64_json for image in response.data)


def test_an_edit_by_a_group_on_vertex(
    fleet: Fleet, opened: Opened, google_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(google_key))
    account = {
        "vertex_project": "os.environ/VERTEXAI_PROJECT",
        "vertex_location": "os.environ/VERTEXAI_LOCATION",
        "vertex_credentials": "os.environ/GOOGLE_APPLICATION_CREDENTIALS",
    }
    models = {"vertex-gemini": "gemini-2.5-flash-image", "vertex-edits": "imagen-3.0-capability-001"}
    listed = [
        {
            "model_name": f"{name}-image-edit",
            "litellm_params": {"model": f"vertex_ai/{model}", "api_base": fleet.url(name), **account},
        }
        for name, model in models.items()
    ]
    with litellm.Router(model_list=listed) as router:
        for name in models:
            response = router.image_edit(
                model=f"{name}-image-edit", image=opened("original_image.png"), prompt="Add neon lights"
            )
            assert response.data[0].b64_json


def test_an_edit_by_openrouter(opened: Opened) -> None:
    response = image_edit(
        model="openrouter/google/gemini-3.1-flash-image",
        image=opened("original_image.png"),
        prompt="Add northern lights",
    )
    assert response.data[0].b64_json


def test_an_edit_of_two_images_by_openrouter_with_size_and_quality(opened: Opened) -> None:
    response = image_edit(
        model="openrouter/google/gemini-3.1-flash-image",
        image=[opened("image1.png"), opened("image2.png")],
        prompt="Blend them",
        size="1536x1024",
        quality="high",
    )
    width, height = size_of(base64.b64decode(response.data[0].b64_json or ""))
    assert width / height == pytest.approx(3 / 2, rel=0.05)


# --- Azure AI image editing ------------------------------------------------------------------------------------------


def test_an_edit_by_flux(opened: Opened) -> None:
    response = litellm.image_edit(
        model="azure_ai/FLUX.1-Kontext-pro",
        image=opened("original_image.png"),
        prompt="Add snow",
        api_base=os.environ["AZURE_AI_API_BASE"],
        api_key=os.environ["AZURE_AI_API_KEY"],
        api_version=os.environ["AZURE_AI_API_VERSION"],
        n=1,
    )
    Path("edited_image.png").write_bytes(base64.b64decode(response.data[0].get("b64_json")))
    assert size_of(Path("edited_image.png").read_bytes())


def test_an_edit_by_flux_without_blocking(opened: Opened) -> None:
    async def edit_image() -> bytes:
        response = await litellm.aimage_edit(
            model="azure_ai/FLUX.1-Kontext-pro",
            image=opened("original_image.png"),
            prompt="Make it look like a watercolour",
            api_base=os.environ["AZURE_AI_API_BASE"],
            api_key=os.environ["AZURE_AI_API_KEY"],
            api_version=os.environ["AZURE_AI_API_VERSION"],
        )
        return base64.b64decode(response.data[0].get("b64_json"))

    assert size_of(asyncio.run(edit_image()))


def test_an_edit_by_flux_2(fleet: Fleet, opened: Opened) -> None:
    response = litellm.image_edit(
        model="azure_ai/flux.2-pro",
        prompt="Add a red hat",
        image=opened("original_image.png"),
        api_base=fleet.url("pro2"),
        api_key=key("pro2"),
        api_version="preview",
    )
    assert size_of(base64.b64decode(response.data[0].b64_json or ""))


def test_an_edit_by_flux_2_without_blocking(fleet: Fleet, opened: Opened) -> None:
    async def edit_image() -> litellm.ImageResponse:
        return await litellm.aimage_edit(
            model="azure_ai/flux.2-pro",
            prompt="Put it on a beach",
            image=opened("original_image.png"),
            api_base=fleet.url("pro2"),
            api_key=key("pro2"),
            api_version="preview",
        )

    assert asyncio.run(edit_image()).data[0].b64_json


def test_several_at_a_time() -> None:
    async def generate_images() -> list[litellm.ImageResponse]:
        calls = (aimage_generation("A red lighthouse", model="gpt-image-2", quality="low") for _ in range(5))
        return list(await asyncio.gather(*calls))

    assert all(response.data for response in asyncio.run(generate_images()))
