"""The providers that are emulated: where each is, how its accounts are counted, and how one is configured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from pixelrelay.testing.emulator.quotas import Enforcement

if TYPE_CHECKING:
    from pixelrelay.testing.emulator.base import EmulatedApi
    from pixelrelay.testing.emulator.deployment import EmulatedDeployment

Entry: TypeAlias = "Callable[[EmulatedDeployment, str], Mapping[str, Any]]"
"""The keys of a deployment's configuration that lead to the emulator at an address, its credential among them."""


def keyed(path: str = "") -> Entry:
    """``base_url``, with ``path`` below the emulator's address, and ``api_key``."""
    return lambda deployment, url: {"base_url": f"{url}{path}", "api_key": deployment.api_key}


def keyless(path: str = "") -> Entry:
    """``base_url`` alone, for a server that lets everybody in."""
    return lambda deployment, url: {"base_url": f"{url}{path}"}  # noqa: ARG005 - there is no key to give


def on_azure(deployment: EmulatedDeployment, url: str) -> Mapping[str, Any]:
    renamed = deployment.azure_deployment != deployment.model
    named = {"azure_deployment": deployment.azure_deployment} if renamed else {}
    return {"api_key": deployment.api_key, "endpoint": url, **named}


def on_google_cloud(deployment: EmulatedDeployment, url: str) -> Mapping[str, Any]:
    """Gemini's models are everywhere in the world at once, and Imagen in regions."""
    location = "global" if deployment.model.startswith("gemini") else "us-central1"
    token = {"access_token": deployment.api_key}
    return {"base_url": url, "project": "emulated", "location": location, **token}


ACCESS_KEY_ID, AWS_REGION = "AKIDEMULATED", "us-west-2"
"""What signatures for the emulated Bedrock name; their secret is the deployment's key."""


def signed(deployment: EmulatedDeployment, url: str) -> Mapping[str, Any]:
    return {
        "aws_access_key_id": ACCESS_KEY_ID,
        "aws_secret_access_key": deployment.api_key,
        "aws_region": AWS_REGION,
        "base_url": url,
    }


@dataclass(frozen=True, slots=True)
class Emulated:
    """One emulated provider."""

    place: str
    """Module and class of its API within this package, imported when a fleet has such a deployment."""
    entry: Entry
    enforcement: Enforcement = Enforcement.ROLLING
    counts_rejected: bool = False

    def api(self) -> type[EmulatedApi]:
        module, _, name = self.place.partition(":")
        found: type[EmulatedApi] = getattr(import_module(f"{__package__}.{module}"), name)
        return found


# OpenAI's help pages and Azure's guide to 429 both say that unsuccessful requests count.
EMULATED: Mapping[str, Emulated] = {
    "azure-foundry": Emulated("azure_foundry:AzureFoundryApi", on_azure, Enforcement.SLICED, counts_rejected=True),
    "azure-openai": Emulated("azure_openai:AzureOpenAIApi", on_azure, Enforcement.SLICED, counts_rejected=True),
    "bedrock": Emulated("bedrock:BedrockApi", signed),
    "black-forest-labs": Emulated("black_forest_labs:BlackForestLabsApi", keyed()),
    "fal": Emulated("fal:FalApi", keyed()),
    "fireworks": Emulated("fireworks:FireworksApi", keyed("/inference/v1")),
    "gemini": Emulated("gemini:GeminiApi", keyed()),
    "ideogram": Emulated("ideogram:IdeogramApi", keyed()),
    "nscale": Emulated("compatible:CompatibleApi", keyed("/v1")),
    "openai": Emulated("openai:OpenAIApi", keyed("/v1"), counts_rejected=True),
    "openai-compatible": Emulated("compatible:CompatibleApi", keyed("/v1")),
    "openrouter": Emulated("openrouter:OpenRouterApi", keyed("/api/v1")),
    "recraft": Emulated("recraft:RecraftApi", keyed("/v1")),
    "replicate": Emulated("replicate:ReplicateApi", keyed("/v1")),
    "stability": Emulated("stability:StabilityApi", keyed(), Enforcement.SLICED),
    "together": Emulated("compatible:CompatibleApi", keyed("/v1")),
    "vertex-ai": Emulated("vertex_ai:VertexAIApi", on_google_cloud),
    "xai": Emulated("compatible:CompatibleApi", keyed("/v1")),
    "xinference": Emulated("compatible:CompatibleApi", keyless()),
}
