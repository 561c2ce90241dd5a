"""What the tests of the other people's clients share: a fleet of all providers, and pictures."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from pixelrelay.testing import EmulatedDeployment, Fleet
from pixelrelay.testing.emulator.providers import ACCESS_KEY_ID, AWS_REGION


def _one(name: str, provider: str, model: str, deployment: str = "") -> EmulatedDeployment:
    return EmulatedDeployment(name, provider, model, latency=0, azure_deployment=deployment)


DEPLOYMENTS = (
    _one("openai", "openai", "gpt-image-2"),
    _one("azure", "azure-openai", "gpt-image-2"),
    _one("kontext", "azure-foundry", "FLUX.1-Kontext-pro"),
    _one("pro11", "azure-foundry", "FLUX-1.1-pro"),
    _one("pro2", "azure-foundry", "FLUX.2-pro", "flux.2-pro"),
    _one("bfl", "black-forest-labs", "flux-kontext-pro"),
    _one("fill", "black-forest-labs", "flux-pro-1.0-fill"),
    _one("expand", "black-forest-labs", "flux-pro-1.0-expand"),
    _one("gemini", "gemini", "gemini-2.5-flash-image"),
    EmulatedDeployment("vertex", "vertex-ai", "imagen-4.0-generate-001", latency=0, api_key="token-1"),
    EmulatedDeployment("vertex-gemini", "vertex-ai", "gemini-2.5-flash-image", latency=0, api_key="token-1"),
    EmulatedDeployment("vertex-edits", "vertex-ai", "imagen-3.0-capability-001", latency=0, api_key="token-1"),
    _one("bedrock", "bedrock", "stability.sd3-5-large-v1:0"),
    _one("openrouter", "openrouter", "google/gemini-3.1-flash-image"),
    _one("recraft", "recraft", "recraftv3"),
    _one("stability", "stability", "sd3.5-large"),
    _one("xinference", "xinference", "stable-diffusion-3.5-large"),
    _one("nscale", "nscale", "black-forest-labs/FLUX.1-schnell"),
    _one("server", "openai-compatible", "my-own"),
)


def key(name: str) -> str:
    return f"emulated-key-of-{name}"


def environment(fleet: Fleet) -> dict[str, str]:
    """Keys and addresses by the names that LiteLLM knows."""
    url = fleet.url
    return {
        "OPENAI_API_KEY": key("openai"),
        "OPENAI_API_BASE": f"{url('openai')}/v1",
        "AZURE_API_KEY": key("azure"),
        "AZURE_API_BASE": url("azure"),
        "AZURE_API_VERSION": "2025-04-01-preview",
        "AZURE_AI_API_KEY": key("kontext"),
        "AZURE_AI_API_BASE": url("kontext"),
        "AZURE_AI_API_VERSION": "2025-04-01-preview",
        "BFL_API_KEY": key("bfl"),
        "BFL_API_BASE": url("bfl"),
        "GEMINI_API_KEY": key("gemini"),
        "GEMINI_API_BASE": url("gemini"),
        "VERTEXAI_PROJECT": "emulated",
        "VERTEXAI_LOCATION": "us-central1",
        "VERTEXAI_API_BASE": url("vertex"),
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": key("bedrock"),
        "AWS_REGION_NAME": AWS_REGION,
        "AWS_BEDROCK_RUNTIME_ENDPOINT": url("bedrock"),
        "OPENROUTER_API_KEY": key("openrouter"),
        "OPENROUTER_API_BASE": f"{url('openrouter')}/api/v1",
        "RECRAFT_API_KEY": key("recraft"),
        "RECRAFT_API_BASE": f"{url('recraft')}/v1",
        "STABILITY_API_KEY": key("stability"),
        "STABILITY_API_BASE": url("stability"),
        "XINFERENCE_API_KEY": "anything",
        "XINFERENCE_API_BASE": f"{url('xinference')}/v1",
        "NSCALE_API_KEY": key("nscale"),
        "NSCALE_API_BASE": f"{url('nscale')}/v1",
    }


def picture(size: tuple[int, int] = (1024, 1024), mode: str = "RGB") -> bytes:
    target = BytesIO()
    Image.new(mode, size, (0, 0, 0, 0) if mode == "RGBA" else (200, 30, 30)).save(target, "PNG")
    return target.getvalue()


def size_of(data: bytes) -> tuple[int, int]:
    return Image.open(BytesIO(data)).size
