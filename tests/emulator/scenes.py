"""What the emulator's tests share: deployments that answer at once, and calls in each provider's own words."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any

import httpx2
from PIL import Image

from pixelrelay.testing import EmulatedDeployment, Fleet

KEY = "the-key"
DATED = {"api-version": "2025-04-01-preview"}
PREVIEW = {"api-version": "preview"}


def openai(name: str = "openai", model: str = "gpt-image-2", **options: Any) -> EmulatedDeployment:
    return EmulatedDeployment(name, "openai", model, **{"latency": 0, "api_key": KEY, **options})


def azure(name: str = "azure", model: str = "gpt-image-2", **options: Any) -> EmulatedDeployment:
    return EmulatedDeployment(name, "azure-openai", model, **{"latency": 0, "api_key": KEY, **options})


def foundry(name: str = "foundry", model: str = "FLUX.2-pro", **options: Any) -> EmulatedDeployment:
    return EmulatedDeployment(name, "azure-foundry", model, **{"latency": 0, "api_key": KEY, **options})


def bfl(name: str = "bfl", model: str = "flux-2-pro", **options: Any) -> EmulatedDeployment:
    return EmulatedDeployment(name, "black-forest-labs", model, **{"latency": 0, "api_key": KEY, **options})


def openrouter(
    name: str = "openrouter", model: str = "google/gemini-3.1-flash-image", **options: Any
) -> EmulatedDeployment:
    return EmulatedDeployment(name, "openrouter", model, **{"latency": 0, "api_key": KEY, **options})


def recraft(name: str = "recraft", model: str = "recraftv3", **options: Any) -> EmulatedDeployment:
    return EmulatedDeployment(name, "recraft", model, **{"latency": 0, "api_key": KEY, **options})


def compatible(provider: str, model: str, **options: Any) -> EmulatedDeployment:
    """A server that speaks OpenAI's Images API and is not OpenAI's, under the name of its provider."""
    return EmulatedDeployment(provider, provider, model, **{"latency": 0, "api_key": KEY, **options})


def ask_openai(fleet: Fleet, key: str = KEY, **body: Any) -> httpx2.Response:
    asked = {"model": "gpt-image-2", "prompt": "a red lighthouse", "quality": "low", **body}
    headers = {"authorization": f"Bearer {key}"}
    return httpx2.post(f"{fleet.url('openai')}/v1/images/generations", json=asked, headers=headers)


def edit_openai(fleet: Fleet, files: Any, **fields: str) -> httpx2.Response:
    asked = {"model": "gpt-image-2", "prompt": "add a hat", "quality": "low", **fields}
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx2.post(f"{fleet.url('openai')}/v1/images/edits", data=asked, files=files, headers=headers)


def ask_azure(fleet: Fleet, deployment: str = "gpt-image-2", key: str = KEY, **body: Any) -> httpx2.Response:
    url = f"{fleet.url('azure')}/openai/deployments/{deployment}/images/generations"
    asked = {"prompt": "a red lighthouse", "quality": "low", **body}
    return httpx2.post(url, params=DATED, json=asked, headers={"api-key": key})


def ask_foundry(fleet: Fleet, key: str = KEY, path: str = "flux-2-pro", **body: Any) -> httpx2.Response:
    url = f"{fleet.url('foundry')}/providers/blackforestlabs/v1/{path}"
    asked = {"model": "FLUX.2-pro", "prompt": "a red lighthouse", "width": 256, "height": 256, **body}
    return httpx2.post(url, params=PREVIEW, json=asked, headers={"authorization": f"Bearer {key}"})


def ask_bfl(fleet: Fleet, key: str = KEY, model: str = "flux-2-pro", **body: Any) -> httpx2.Response:
    asked = {"prompt": "a red lighthouse", **body}
    return httpx2.post(f"{fleet.url('bfl')}/v1/{model}", json=asked, headers={"x-key": key})


def ask_openrouter(fleet: Fleet, path: str = "images", key: str = KEY, **body: Any) -> httpx2.Response:
    asked = {"model": "google/gemini-3.1-flash-image", **({"prompt": "a fox"} if path == "images" else {}), **body}
    url = f"{fleet.url('openrouter')}/api/v1/{path}"
    return httpx2.post(url, json=asked, headers={"authorization": f"Bearer {key}"})


def ask_recraft(fleet: Fleet, endpoint: str = "generations", key: str = KEY, **body: Any) -> httpx2.Response:
    url = f"{fleet.url('recraft')}/v1/images/{endpoint}"
    return httpx2.post(url, json=body, headers={"authorization": f"Bearer {key}"})


def data_url(data: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def poll_bfl(submitted: httpx2.Response) -> httpx2.Response:
    """The last word on a task that takes no time: a few polls suffice."""
    for _ in range(50):
        reply = httpx2.get(submitted.json()["polling_url"], headers={"x-key": KEY})
        if reply.json().get("status") != "Pending":
            return reply
    raise AssertionError("the task never ended")


def png(size: tuple[int, int] = (64, 64), colour: Any = (200, 30, 30), mode: str = "RGB") -> bytes:
    target = BytesIO()
    Image.new(mode, size, colour).save(target, "PNG")
    return target.getvalue()


def half_transparent(size: tuple[int, int] = (64, 64)) -> bytes:
    """A mask whose left half is to be drawn anew."""
    mask = Image.new("RGBA", size, (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, size[0] // 2, size[1]))
    target = BytesIO()
    mask.save(target, "PNG")
    return target.getvalue()


def opened(encoded: str | bytes) -> Image.Image:
    data = base64.b64decode(encoded) if isinstance(encoded, str) else encoded
    picture = Image.open(BytesIO(data))
    picture.load()
    return picture
