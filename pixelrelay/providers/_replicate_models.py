"""The words of the models on Replicate: each reads an ``input`` of its own.

From the pages of the models, as of 2026-11-21. Input images travel within the body, as ``data:`` URLs, which
Replicate's own client sends up to 10 MB of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pixelrelay.images import InputImage, Size
from pixelrelay.providers._masks import black_and_white, white_and_black
from pixelrelay.providers.capabilities import nearest_ratio
from pixelrelay.providers.mapping import Rule, Table, data_url, to, under

# --- how a size is said ------------------------------------------------------------------------------------------

SCHNELL_RATIOS = ("1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21")
ULTRA_RATIOS = ("21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16", "9:21")
KONTEXT_RATIOS = (
    "1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "4:5", "5:4", "21:9", "9:21", "2:1", "1:2",
)  # fmt: skip
IMAGEN_RATIOS = ("1:1", "9:16", "16:9", "3:4", "4:3")
BANANA_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
QWEN_RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3")
GPT_RATIOS = ("1:1", "3:2", "2:3")


def nearest_of(ratios: tuple[str, ...]) -> Rule[Size]:
    return to("input.aspect_ratio", lambda size: nearest_ratio(size, ratios))


def in_tiers(ratios: tuple[str, ...], *tiers: str) -> Rule[Size]:
    """The listed ratio, and the tier of the square that has about as many pixels."""
    edges = {tier: 1024 * int(tier.removesuffix("K")) for tier in tiers}

    def rule(size: Size) -> Mapping[str, Any]:
        tier = min(tiers, key=lambda name: abs(edges[name] ** 2 / size.pixels - 1))
        return {"input": {"aspect_ratio": nearest_ratio(size, ratios), "resolution": tier}}

    return rule


def custom(field: str) -> Rule[Size]:
    """Pixels, which count only where ``field`` says ``custom``."""
    return lambda size: {"input": {field: "custom", "width": size.width, "height": size.height}}


# --- where input images go ---------------------------------------------------------------------------------------


def single(field: str) -> Rule[tuple[InputImage, ...]]:
    return to(f"input.{field}", lambda images: data_url(images[0]))


def several(field: str) -> Rule[tuple[InputImage, ...]]:
    return to(f"input.{field}", lambda images: [data_url(image) for image in images])


mask_in_white: Rule[InputImage] = to("input.mask", lambda mask: data_url(black_and_white(mask)))
mask_in_black: Rule[InputImage] = to("input.mask", lambda mask: data_url(white_and_black(mask)))

# --- tables ------------------------------------------------------------------------------------------------------

_PLAIN = Table(prompt=to("input.prompt"), parameters=under("input"))
_FORMAT: Rule[str] = to("input.output_format", lambda name: "jpg" if name == "jpeg" else name)
_DRAWING = replace(_PLAIN, seed=to("input.seed"), output_format=_FORMAT)
_FLUX = replace(_DRAWING, output_compression=to("input.output_quality"))
_FLUX_1 = replace(_FLUX, n=to("input.num_outputs"), size=nearest_of(SCHNELL_RATIOS))
_FLUX_2 = replace(_FLUX, size=custom("aspect_ratio"), images=several("input_images"))
_KONTEXT = replace(_DRAWING, size=nearest_of(KONTEXT_RATIOS), images=single("input_image"))
_FILL = replace(_DRAWING, images=single("image"), mask=mask_in_white)
_IMAGEN = replace(_PLAIN, size=nearest_of(IMAGEN_RATIOS), output_format=_FORMAT)
_BANANA = replace(_PLAIN, size=nearest_of(BANANA_RATIOS), output_format=_FORMAT, images=several("image_input"))
_BANANA_IN_TIERS = replace(_BANANA, size=in_tiers(BANANA_RATIOS, "1K", "2K", "4K"))
_IDEOGRAM_3 = replace(
    _PLAIN,
    size=to("input.resolution", str),
    seed=to("input.seed"),
    style=to("input.style_type"),
    images=single("image"),
    mask=mask_in_black,
)
_IDEOGRAM_4 = replace(_PLAIN, size=to("input.resolution", str))
_SEEDREAM = replace(_PLAIN, size=custom("size"), images=several("image_input"))
_QWEN = replace(_FLUX, size=nearest_of(QWEN_RATIOS))
_GPT = replace(
    _PLAIN,
    n=to("input.number_of_images"),
    size=nearest_of(GPT_RATIOS),
    quality=to("input.quality"),
    background=to("input.background"),
    output_format=to("input.output_format"),
    output_compression=to("input.output_compression"),
    user=to("input.user_id"),
    images=several("input_images"),
)

_MODELS: Mapping[str, Table] = {
    "black-forest-labs/flux-schnell": _FLUX_1,
    "black-forest-labs/flux-dev": replace(_FLUX_1, images=single("image")),
    "black-forest-labs/flux-1.1-pro": replace(_FLUX, size=custom("aspect_ratio"), images=single("image_prompt")),
    "black-forest-labs/flux-1.1-pro-ultra": replace(
        _DRAWING, size=nearest_of(ULTRA_RATIOS), images=single("image_prompt")
    ),
    "black-forest-labs/flux-kontext-pro": _KONTEXT,
    "black-forest-labs/flux-kontext-max": _KONTEXT,
    "black-forest-labs/flux-kontext-dev": replace(_KONTEXT, output_compression=to("input.output_quality")),
    "black-forest-labs/flux-fill-pro": _FILL,
    "black-forest-labs/flux-fill-dev": replace(
        _FILL, n=to("input.num_outputs"), output_compression=to("input.output_quality")
    ),
    "black-forest-labs/flux-2-pro": _FLUX_2,
    "black-forest-labs/flux-2-flex": _FLUX_2,
    "black-forest-labs/flux-2-max": _FLUX_2,
    "black-forest-labs/flux-2-dev": _FLUX_2,
    "google/imagen-4": _IMAGEN,
    "google/imagen-4-fast": _IMAGEN,
    "google/imagen-4-ultra": _IMAGEN,
    "google/nano-banana": _BANANA,
    "google/nano-banana-pro": _BANANA_IN_TIERS,
    "google/nano-banana-2": _BANANA_IN_TIERS,
    "ideogram-ai/ideogram-v3-turbo": _IDEOGRAM_3,
    "ideogram-ai/ideogram-v3-balanced": _IDEOGRAM_3,
    "ideogram-ai/ideogram-v3-quality": _IDEOGRAM_3,
    "ideogram-ai/ideogram-v4-turbo": _IDEOGRAM_4,
    "ideogram-ai/ideogram-v4-balanced": _IDEOGRAM_4,
    "ideogram-ai/ideogram-v4-quality": _IDEOGRAM_4,
    "recraft-ai/recraft-v3": replace(_PLAIN, size=to("input.size", str), style=to("input.style")),
    "bytedance/seedream-4": _SEEDREAM,
    "bytedance/seedream-4.5": _SEEDREAM,
    "qwen/qwen-image": _QWEN,
    "qwen/qwen-image-edit": replace(_FLUX, images=single("image")),
    "qwen/qwen-image-edit-plus": replace(_QWEN, images=several("image")),
    "openai/gpt-image-1.5": _GPT,
    "openai/gpt-image-1-mini": _GPT,
}

_UNKNOWN = replace(
    _DRAWING,
    size=lambda size: {"input": {"width": size.width, "height": size.height}},
    images=single("image"),
    mask=mask_in_white,
)


def words_of(model: str) -> Table:
    """The words of ``owner/name``; one that is not known is asked in those that most models have."""
    return _MODELS.get(model, _UNKNOWN)


MODELS = frozenset(_MODELS)
"""The models whose words are known."""
