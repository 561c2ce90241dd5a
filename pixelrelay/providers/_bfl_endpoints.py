"""The endpoints of Black Forest Labs: where each is, and how it wants to be told.

By BFL's OpenAPI document (April 2026) and help centre; of ``flux-3-image`` and of the tools by what clients were seen
to send (September and October 2026), as no document of theirs was at hand. What each takes stands in the rows of
capabilities; what is not set is not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import log
from typing import Any

from pixelrelay.images import ImageRequest, InputImage, Size
from pixelrelay.providers._flux import as_ratio, in_pixels, numbered
from pixelrelay.providers._masks import white_where_drawn
from pixelrelay.providers.mapping import Table, to

# --- how a size is said, and where input images go ---------------------------------------------------------------

FLUX3_RATIOS = (
    "21:9", "2:1", "16:9", "3:2", "7:5", "4:3", "5:4", "1:1", "4:5", "3:4", "5:7", "2:3", "9:16", "1:2", "9:21"
)  # fmt: skip
TIER_EDGES: Mapping[str, int] = {"768sq": 768, "1k": 1024, "1.5k": 1536, "2k": 2048, "4k": 4096}
"""The edge of a square in each of FLUX 3's tiers, as their names tell it."""


def as_ratio_and_tier(size: Size) -> Mapping[str, Any]:
    """The nearest of FLUX 3's fifteen ratios, in the tier nearest in pixels."""
    return {
        "aspect_ratio": min(FLUX3_RATIOS, key=lambda ratio: abs(log(_value(ratio) * size.height / size.width))),
        "resolution": min(TIER_EDGES, key=lambda tier: abs(log(TIER_EDGES[tier] ** 2 / size.pixels))),
    }


def _value(ratio: str) -> float:
    width, height = ratio.split(":")
    return int(width) / int(height)


def listed(images: tuple[InputImage, ...]) -> Mapping[str, Any]:
    return {"images": [image.base64 for image in images]}


def single(field: str) -> Callable[[tuple[InputImage, ...]], Mapping[str, Any]]:
    """The first image alone, under ``field``."""
    return lambda images: {field: images[0].base64}


# --- the endpoints -----------------------------------------------------------------------------------------------

_NUMBERED = Table(
    size=in_pixels,
    seed=to("seed"),
    output_format=to("output_format"),
    user=to("user"),
    images=numbered,
    mask=to("mask", white_where_drawn),
)
"""As FLUX.2 is told: pixels, and each image under a name of its own."""
_RATIO = replace(_NUMBERED, size=as_ratio)
_INSPIRED = replace(_NUMBERED, images=single("image_prompt"))
_TOOL = replace(_NUMBERED, size=None, images=single("image"))
"""The size follows the input image."""
_FLUX_3 = Table(size=as_ratio_and_tier, images=listed)
"""Strict: a field that it does not know is a 422, ``seed``, ``output_format`` and ``user`` among them."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: its path below ``/v1``, and its words."""

    path: str
    words: Table

    def body(self, request: ImageRequest) -> dict[str, Any]:
        """What to submit for ``request``. Raises ``ProviderError`` with ``INVALID``, at no cost, for a bad mask."""
        return self.words.body(request)


_ENDPOINTS = (
    Endpoint("flux-2-pro", _NUMBERED),
    Endpoint("flux-2-pro-preview", _NUMBERED),
    Endpoint("flux-2-max", _NUMBERED),
    Endpoint("flux-2-flex", _NUMBERED),
    Endpoint("flux-2-klein-4b", _NUMBERED),
    Endpoint("flux-2-klein-9b", _NUMBERED),
    Endpoint("flux-2-klein-9b-preview", _NUMBERED),
    Endpoint("flux-3-image", _FLUX_3),
    Endpoint("flux-kontext-pro", _RATIO),
    Endpoint("flux-kontext-max", _RATIO),
    Endpoint("flux-pro-1.1", _INSPIRED),
    Endpoint("flux-dev", _INSPIRED),
    Endpoint("flux-pro-1.1-ultra", replace(_RATIO, images=single("image_prompt"))),
    Endpoint("flux-pro-1.0-fill", _TOOL),
    Endpoint("flux-pro-1.0-expand", _TOOL),
    # What is masked is filled with what surrounds it, so that there is nothing to prompt.
    Endpoint("flux-tools/erase-v1", replace(_TOOL, prompt=None)),
    Endpoint("flux-tools/outpainting-v1", replace(_NUMBERED, images=single("input_image"))),
)

ENDPOINTS: Mapping[str, Endpoint] = {endpoint.path.rpartition("/")[2]: endpoint for endpoint in _ENDPOINTS}
"""By the model's name, which is the last part of the path."""


def endpoint_of(model: str) -> Endpoint:
    """Where ``model`` is, by its whole path or the last part of it; one that is not known is asked as FLUX.2 is."""
    path = model.strip("/").removeprefix("v1/")
    return ENDPOINTS.get(path.rpartition("/")[2]) or Endpoint(path, _NUMBERED)
