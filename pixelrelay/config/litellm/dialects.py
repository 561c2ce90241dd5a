"""The providers that LiteLLM names by a prefix, and what each is called here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pixelrelay.providers import registry


@dataclass(frozen=True, slots=True)
class Dialect:
    """One prefix of LiteLLM's."""

    provider: str
    """As it is named here."""
    keys: tuple[str, ...] = ()
    """Variables that hold the key where none is given, the first that is set outranking the others."""
    bases: tuple[str, ...] = ()
    """Variables that hold the address where none is given."""
    versions: tuple[str, ...] = ()
    """Variables that hold the ``api_version``."""
    address: str = "base_url"
    """What the address is called here."""
    only_pictures: bool = False
    """Whether all of its models draw."""
    keyless: bool = False
    """Whether it can be asked without a key."""
    any_name: bool = False
    """Whether models have the names that whoever runs or deploys them gave them."""


DIALECTS: Mapping[str, Dialect] = {
    "azure": Dialect(
        "azure-openai",
        ("AZURE_API_KEY", "AZURE_OPENAI_API_KEY"),
        ("AZURE_API_BASE",),
        ("AZURE_API_VERSION",),
        address="endpoint",
        any_name=True,
    ),
    "azure_ai": Dialect(
        "azure-foundry",
        ("AZURE_AI_API_KEY",),
        ("AZURE_AI_API_BASE",),
        ("AZURE_AI_API_VERSION",),
        address="endpoint",
    ),
    "bedrock": Dialect("bedrock", ("AWS_BEARER_TOKEN_BEDROCK",), ("AWS_BEDROCK_RUNTIME_ENDPOINT",), keyless=True),
    "black_forest_labs": Dialect(
        "black-forest-labs", ("BFL_API_KEY", "BLACK_FOREST_LABS_API_KEY"), ("BFL_API_BASE",), only_pictures=True
    ),
    "custom_openai": Dialect("openai-compatible", ("OPENAI_API_KEY",), keyless=True, any_name=True),
    "fal_ai": Dialect("fal", ("FAL_AI_API_KEY",), ("FAL_AI_API_BASE",), only_pictures=True),
    "fireworks_ai": Dialect(
        "fireworks",
        ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"),
        ("FIREWORKS_API_BASE",),
    ),
    "gemini": Dialect("gemini", ("GEMINI_API_KEY", "GOOGLE_API_KEY"), ("GEMINI_API_BASE",)),
    "hosted_vllm": Dialect(
        "openai-compatible", ("HOSTED_VLLM_API_KEY",), ("HOSTED_VLLM_API_BASE",), keyless=True, any_name=True
    ),
    "litellm_proxy": Dialect(
        "openai-compatible", ("LITELLM_PROXY_API_KEY",), ("LITELLM_PROXY_API_BASE",), keyless=True, any_name=True
    ),
    "nscale": Dialect("nscale", ("NSCALE_API_KEY",), ("NSCALE_API_BASE",)),
    "openai": Dialect("openai", ("OPENAI_API_KEY",), ("OPENAI_BASE_URL", "OPENAI_API_BASE"), any_name=True),
    "openrouter": Dialect("openrouter", ("OPENROUTER_API_KEY", "OR_API_KEY"), ("OPENROUTER_API_BASE",)),
    "recraft": Dialect("recraft", ("RECRAFT_API_KEY",), ("RECRAFT_API_BASE",), only_pictures=True),
    "replicate": Dialect("replicate", ("REPLICATE_API_KEY", "REPLICATE_API_TOKEN"), ("REPLICATE_API_BASE",)),
    "stability": Dialect("stability", ("STABILITY_API_KEY",), ("STABILITY_API_BASE",), only_pictures=True),
    "together_ai": Dialect(
        "together", ("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHERAI_API_KEY"), ("TOGETHER_AI_API_BASE",)
    ),
    "vertex_ai": Dialect("vertex-ai", (), ("VERTEXAI_API_BASE",), keyless=True),
    "xai": Dialect("xai", ("XAI_API_KEY",), ("XAI_API_BASE",)),
    "xinference": Dialect("xinference", ("XINFERENCE_API_KEY",), ("XINFERENCE_API_BASE",), keyless=True, any_name=True),
}

_OPENAI = re.compile(r"(gpt-image|dall-e|chatgpt-image)")
_GOOGLE = re.compile(r"(imagen|imagegeneration|gemini-.*image)")
_AMAZON = re.compile(r"((us|eu|apac|global)\.)?(stability|amazon)\.")

_PICTURES = re.compile(
    r"image|imagen|dall-?e|flux|stable-?diffusion|\bsd[x3]|sdxl|diffusion|titan-image|nova-canvas|recraft|ideogram"
    r"|banana|seedream|kontext|kolors|hidream|riverflow|krea|playground|canvas",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"(^|[/.])(gpt-?(3|4|5|oss)|o[1-9]\b|chat|claude|llama|meta|mistral|mixtral|codestral|ministral|command|cohere|deepseek"
    r"|qwen|gemma|gemini|grok|phi-?\d|nova-(lite|micro|pro|premier)|titan-(text|embed)|text-|embed|whisper|tts|rerank"
    r"|ada|babbage|davinci|kimi|glm|sora|veo|bge|voyage|jina|computer-use|gpt-audio|gpt-realtime)",
    re.IGNORECASE,
)
PICTURE_MODES = frozenset({"image_generation", "image_edit", "image_edits"})


@dataclass(frozen=True, slots=True)
class Named:
    """A model as LiteLLM names it, taken apart."""

    prefix: str
    model: str
    """What follows the prefix."""

    @property
    def dialect(self) -> Dialect:
        return DIALECTS[self.prefix]


def named(model: str, provider: str | None) -> Named | None:
    """``model`` by its prefix, by the ``custom_llm_provider`` beside it, or by a name that needs none."""
    if provider:
        return Named(provider, model.removeprefix(f"{provider}/")) if provider in DIALECTS else None
    prefix, slash, rest = model.partition("/")
    if slash and prefix in DIALECTS:
        return Named(prefix, rest)
    for pattern, home in ((_OPENAI, "openai"), (_GOOGLE, "vertex_ai"), (_AMAZON, "bedrock")):
        if pattern.match(model):
            return Named(home, model)
    return None


def draws(found: Named, mode: str | None) -> bool:
    """Whether it is a model of pictures: by its ``mode`` where that is said, else by its name."""
    if mode is not None:
        return mode in PICTURE_MODES
    if found.dialect.only_pictures or "*" in found.model or found.model in registry.models(found.dialect.provider):
        return True
    if _PICTURES.search(found.model):
        return True
    return found.dialect.any_name and not _WORDS.search(found.model)
