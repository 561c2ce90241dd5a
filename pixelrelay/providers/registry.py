"""Providers by name: those that come with pixelrelay, and those that other packages add.

A package adds one by an entry point of the group ``pixelrelay.providers`` that names a class, or an instance, of a
``Provider``. A built-in name cannot be taken over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from pixelrelay.errors import PixelRelayError
from pixelrelay.providers.base import Provider
from pixelrelay.providers.capabilities import Capabilities, has_table, table

GROUP = "pixelrelay.providers"

BUILT_IN: Mapping[str, str] = {
    "azure-foundry": "azure_foundry:AzureFoundry",
    "azure-openai": "azure_openai:AzureOpenAI",
    "bedrock": "bedrock:Bedrock",
    "black-forest-labs": "black_forest_labs:BlackForestLabs",
    "fal": "fal:Fal",
    "fireworks": "fireworks:Fireworks",
    "gemini": "gemini:Gemini",
    "ideogram": "ideogram:Ideogram",
    "nscale": "openai_compatible:NSCALE",
    "openai": "openai:OpenAI",
    "openai-compatible": "openai_compatible:OPENAI_COMPATIBLE",
    "openrouter": "openrouter:OpenRouter",
    "recraft": "recraft:Recraft",
    "replicate": "replicate:Replicate",
    "stability": "stability:Stability",
    "together": "together:TOGETHER",
    "vertex-ai": "vertex_ai:VertexAI",
    "xai": "xai:XAI",
    "xinference": "openai_compatible:XINFERENCE",
}


class UnknownProviderError(PixelRelayError, ValueError):
    """No provider has the name that was asked for."""

    def __init__(self, name: str, known: Sequence[str], closest: str | None = None) -> None:
        super().__init__(name, tuple(known), closest)
        self.name = name
        self.known = tuple(known)
        self.closest = closest

    def __str__(self) -> str:
        hint = f"did you mean {self.closest!r}?" if self.closest else f"there are {', '.join(self.known)}"
        return f"no provider is named {self.name!r}; {hint}"


@cache
def provider(name: str) -> Provider:
    """The provider called ``name``, which is imported when it is first asked for.

    Raises ``UnknownProviderError``, and whatever the import of a provider from another package raises.
    """
    entries = _entries()
    if name not in entries:
        known = provider_names()
        raise UnknownProviderError(name, known, next(iter(get_close_matches(name, known, n=1)), None))
    loaded = entries[name].load()
    return cast("Provider", loaded() if isinstance(loaded, type) else loaded)


def provider_names() -> tuple[str, ...]:
    """Every name that ``provider`` knows, sorted."""
    return tuple(sorted(_entries()))


def models(name: str) -> Mapping[str, Capabilities]:
    """The models that the provider called ``name`` is known to have, ``"*"`` standing for any other.

    They stand in its file of capabilities, which is named as it is, or as its module. Empty for one that has no file:
    those of other packages, of which only they themselves know what they have.
    """
    place = BUILT_IN.get(name)
    if place is None:
        return {}
    files = (name.replace("-", "_"), place.partition(":")[0])
    return next((table(file) for file in files if has_table(file)), {})


def _entries() -> Mapping[str, EntryPoint]:
    added = {entry.name: entry for entry in entry_points(group=GROUP)}
    own = {name: EntryPoint(name, f"{__package__}.{place}", GROUP) for name, place in BUILT_IN.items()}
    return added | own
