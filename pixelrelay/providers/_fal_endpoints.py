"""The endpoints of fal: which one draws and which one edits, and the words of each.

Each has a schema of its own. These are from the types that fal publishes with its JavaScript client (1.10), as of
2026-11-21. Input images travel within the body, as ``data:`` URLs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pixelrelay.images import ImageRequest, InputImage, Size
from pixelrelay.providers._masks import black_and_white
from pixelrelay.providers.capabilities import nearest_ratio, ratio_of
from pixelrelay.providers.mapping import Fields, Rule, Table, data_url, named, to

# --- how a size is said ------------------------------------------------------------------------------------------

in_pixels: Rule[Size] = to("image_size", lambda size: {"width": size.width, "height": size.height})
as_text: Rule[Size] = to("image_size", str)
as_ratio: Rule[Size] = to("aspect_ratio", ratio_of)

RATIOS = ("21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16")
LONG_RATIOS = (*RATIOS, "4:1", "1:4", "8:1", "1:8")
IMAGEN_RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4")
FLUX_RATIOS = ("21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21")
KONTEXT_DEV_RATIOS = ("1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21")


def nearest_of(ratios: tuple[str, ...], field: str = "aspect_ratio") -> Rule[Size]:
    """The listed ratio: what is drawn for one lies on a grid, and is not of its shape to the pixel."""
    return to(field, lambda size: nearest_ratio(size, ratios))


def in_tiers(ratios: tuple[str, ...], *tiers: str) -> Rule[Size]:
    """The listed ratio, and the tier of the square that has about as many pixels."""
    edges = {tier: 1024 * float(tier.removesuffix("K")) for tier in tiers}

    def rule(size: Size) -> Fields:
        tier = min(tiers, key=lambda name: abs(edges[name] ** 2 / size.pixels - 1))
        return {"aspect_ratio": nearest_ratio(size, ratios), "resolution": tier}

    return rule


# --- where input images go ---------------------------------------------------------------------------------------


def single(images: tuple[InputImage, ...]) -> Fields:
    return {"image_url": data_url(images[0])}


several: Rule[tuple[InputImage, ...]] = to("image_urls", lambda images: [data_url(image) for image in images])
mask_in_white: Rule[InputImage] = to("mask_url", lambda mask: data_url(black_and_white(mask)))

# --- tables ------------------------------------------------------------------------------------------------------

RENDERING_SPEEDS = {"low": "TURBO", "medium": "BALANCED", "high": "QUALITY"}

_DRAWING = Table(
    n=to("num_images"),
    size=in_pixels,
    output_format=to("output_format"),
    seed=to("seed"),
    images=several,
    # A number as text, which a configuration does not tell from a number.
    parameters=named({"safety_tolerance": to("safety_tolerance", str)}),
)
_FROM_ONE = replace(_DRAWING, images=single)
_ALONE = replace(_DRAWING, n=None)
_KONTEXT = replace(_FROM_ONE, size=nearest_of(FLUX_RATIOS))
_MASKED = replace(_FROM_ONE, mask=mask_in_white)
_BY_RATIO = replace(_DRAWING, size=nearest_of(RATIOS))
_IMAGEN = replace(_DRAWING, size=in_tiers(IMAGEN_RATIOS, "1K", "2K"))
_SEEDREAM = replace(_DRAWING, output_format=None)
_RECRAFT = replace(_FROM_ONE, n=None, output_format=None, seed=None, style=to("style"))
_IDEOGRAM = replace(
    _FROM_ONE, output_format=None, quality=to("rendering_speed", RENDERING_SPEEDS.get), style=to("style")
)
_GPT = replace(
    _DRAWING,
    size=as_text,
    seed=None,
    quality=to("quality"),
    background=to("background"),
    mask=to("mask_image_url", data_url),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model: the ids of the endpoints that serve it, and its words."""

    id: str
    words: Table = _DRAWING
    generate_id: str = ""
    """Where it draws from words alone; its own id where none is given."""
    edit_id: str = ""
    """Where it edits; its own id where none is given."""
    several_id: str = ""
    """Where it edits more than one image, if that is elsewhere again, under ``image_urls``."""

    def body(self, request: ImageRequest) -> dict[str, object]:
        words = replace(self.words, images=several) if self._is_of_several(request) else self.words
        return words.body(request)

    def id_for(self, request: ImageRequest, *, edits: bool) -> str:
        if not edits:
            return self.generate_id or self.id
        return self.several_id if self._is_of_several(request) else self.edit_id or self.id

    def _is_of_several(self, request: ImageRequest) -> bool:
        return bool(self.several_id) and len(request.images) > 1


def _pair(id_: str, words: Table = _DRAWING) -> Endpoint:
    """A model that edits below where it draws."""
    return Endpoint(id_, words, edit_id=f"{id_}/edit")


def _siblings(stem: str, words: Table) -> Endpoint:
    """A model that edits beside where it draws."""
    return Endpoint(f"{stem}/text-to-image", words, edit_id=f"{stem}/edit")


def _kontext(id_: str) -> Endpoint:
    return Endpoint(id_, _KONTEXT, generate_id=f"{id_}/text-to-image", several_id=f"{id_}/multi")


_ENDPOINTS = (
    Endpoint("fal-ai/flux/schnell"),
    Endpoint("fal-ai/flux/dev"),
    Endpoint("fal-ai/flux/dev/image-to-image", _FROM_ONE),
    Endpoint("fal-ai/flux/krea"),
    Endpoint("fal-ai/flux-pro/v1.1"),
    Endpoint("fal-ai/flux-pro/v1.1-ultra", replace(_FROM_ONE, size=as_ratio)),
    Endpoint("fal-ai/flux-pro/v1/fill", _MASKED),
    _kontext("fal-ai/flux-pro/kontext"),
    _kontext("fal-ai/flux-pro/kontext/max"),
    Endpoint("fal-ai/flux-kontext/dev", replace(_FROM_ONE, size=nearest_of(KONTEXT_DEV_RATIOS, "resolution_mode"))),
    _pair("fal-ai/flux-2"),
    _pair("fal-ai/flux-2/turbo"),
    _pair("fal-ai/flux-2/flash"),
    _pair("fal-ai/flux-2/klein/4b"),
    _pair("fal-ai/flux-2/klein/9b"),
    _pair("fal-ai/flux-2-pro", _ALONE),
    _pair("fal-ai/flux-2-flex", _ALONE),
    _pair("fal-ai/flux-2-max", _ALONE),
    _pair("fal-ai/nano-banana", _BY_RATIO),
    _pair("fal-ai/nano-banana-2", replace(_DRAWING, size=in_tiers(LONG_RATIOS, "0.5K", "1K", "2K", "4K"))),
    _pair("fal-ai/nano-banana-pro", replace(_DRAWING, size=in_tiers(RATIOS, "1K", "2K", "4K"))),
    Endpoint("fal-ai/imagen4/preview", _IMAGEN),
    Endpoint("fal-ai/imagen4/preview/ultra", _IMAGEN),
    Endpoint("fal-ai/imagen4/preview/fast", replace(_DRAWING, size=nearest_of(IMAGEN_RATIOS))),
    Endpoint("fal-ai/bytedance/seedream/v3/text-to-image", _SEEDREAM),
    _siblings("fal-ai/bytedance/seedream/v4", _SEEDREAM),
    _siblings("fal-ai/bytedance/seedream/v4.5", _SEEDREAM),
    _siblings("fal-ai/bytedance/seedream/v5/lite", replace(_SEEDREAM, seed=None)),
    Endpoint("fal-ai/qwen-image"),
    Endpoint("fal-ai/qwen-image-2512"),
    Endpoint("fal-ai/qwen-image-edit", _FROM_ONE),
    Endpoint("fal-ai/qwen-image-edit/inpaint", _MASKED),
    Endpoint("fal-ai/qwen-image-edit-plus"),
    Endpoint("fal-ai/qwen-image-edit-2509"),
    Endpoint("fal-ai/qwen-image-edit-2511"),
    _siblings("fal-ai/qwen-image-2", _DRAWING),
    _siblings("fal-ai/qwen-image-2/pro", _DRAWING),
    Endpoint("fal-ai/recraft/v3/text-to-image", _RECRAFT),
    Endpoint("fal-ai/recraft/v3/image-to-image", _RECRAFT),
    Endpoint("fal-ai/recraft/v4/text-to-image", replace(_RECRAFT, style=None)),
    Endpoint("fal-ai/recraft/v4/pro/text-to-image", replace(_RECRAFT, style=None)),
    Endpoint("fal-ai/ideogram/v3", replace(_IDEOGRAM, images=several)),
    Endpoint("fal-ai/ideogram/v3/remix", _IDEOGRAM),
    Endpoint("fal-ai/ideogram/v3/reframe", replace(_IDEOGRAM, prompt=None)),
    Endpoint("fal-ai/ideogram/v3/replace-background", _IDEOGRAM),
    _pair("fal-ai/gpt-image-1-mini", _GPT),
    _pair("fal-ai/gpt-image-1.5", _GPT),
    Endpoint("fal-ai/hunyuan-image/v3/text-to-image"),
    Endpoint("fal-ai/z-image/turbo"),
)

ENDPOINTS: Mapping[str, Endpoint] = {endpoint.id: endpoint for endpoint in _ENDPOINTS}
"""By the id of the model."""

EDITORS: Mapping[str, Endpoint] = {endpoint.edit_id: endpoint for endpoint in _ENDPOINTS if endpoint.edit_id}
"""Those that edit elsewhere than they draw, by the id of where they edit."""


def endpoint_of(model: str) -> Endpoint:
    """The endpoint called ``model``; one that is not known is asked as most are."""
    return ENDPOINTS.get(model) or EDITORS.get(model) or Endpoint(model, replace(_DRAWING, mask=mask_in_white))
