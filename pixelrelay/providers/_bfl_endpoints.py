"""The endpoints of Black Forest Labs: what each takes, and how it wants to be told.

Fields and ranges are those of BFL's OpenAPI document (April 2026) and help centre; of ``flux-3-image`` and of the
tools those that clients were seen to use (September and October 2026), as no document of theirs was at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import log
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from pydantic import ConfigDict, Field, model_validator

from pixelrelay.images import ImageRequest, InputImage, Size
from pixelrelay.providers import _flux
from pixelrelay.providers._flux import AspectRatio, Drawing, Schema, UpTo5, UpTo6, as_ratio, checked, in_pixels
from pixelrelay.providers._masks import white_where_drawn

# --- schemas -----------------------------------------------------------------------------------------------------

Margin = Field(default=0, ge=0, le=2048)


class Flux2(_flux.Flux2):
    user: str = ""
    disable_pup: bool = False


class Flux2Flex(_flux.Flux2Flex):
    user: str = ""
    prompt_upsampling: bool = True


class Flux2Klein(_flux.Flux2):
    user: str = ""


Flux3Ratio: TypeAlias = Literal[
    "21:9", "2:1", "16:9", "3:2", "7:5", "4:3", "5:4", "1:1", "4:5", "3:4", "5:7", "2:3", "9:16", "1:2", "9:21"
]
Flux3Tier: TypeAlias = Literal["768sq", "1k", "1.5k", "2k", "4k"]


class Flux3(Schema):
    """Strict: a field that it does not know is a 422, ``seed`` and ``output_format`` among them."""

    prompt: str
    aspect_ratio: Literal["auto"] | Flux3Ratio = "auto"
    resolution: Flux3Tier = "1k"
    safety_tolerance: int = Field(default=2, ge=0, le=4)
    grounding: bool = True


class Kontext(_flux.Kontext):
    user: str = ""


class Pro11(_flux.Pro11):
    user: str = ""
    image_prompt: str = ""


class Dev(Pro11):
    steps: int = Field(default=28, ge=1, le=50)
    guidance: float = Field(default=3.0, ge=1.5, le=5)


class Ultra(Drawing):
    user: str = ""
    aspect_ratio: AspectRatio = "16:9"
    raw: bool = False
    image_prompt: str = ""
    image_prompt_strength: float = Field(default=0.1, ge=0, le=1)
    safety_tolerance: UpTo6 = 2


class Fill(Drawing):
    user: str = ""
    steps: int = Field(default=50, ge=15, le=50)
    guidance: float = Field(default=60, ge=1.5, le=100)
    prompt_upsampling: bool = False
    safety_tolerance: UpTo6 = 2


class Expand(Drawing):
    user: str = ""
    top: int = Margin
    bottom: int = Margin
    left: int = Margin
    right: int = Margin
    steps: int = Field(default=50, ge=15, le=50)
    guidance: float = Field(default=60, ge=1.5, le=100)
    safety_tolerance: UpTo6 = 2

    @model_validator(mode="after")
    def _grows(self) -> Expand:
        if not (self.top or self.bottom or self.left or self.right):
            raise ValueError("at least one of top, bottom, left and right must be above 0")
        return self


class Erase(Schema):
    """Takes no prompt: what is masked is filled with what surrounds it."""

    seed: int | None = None
    output_format: Literal["jpeg", "png", "webp"] | None = None
    user: str = ""
    dilate_pixels: int = Field(default=0, ge=0, le=25)


class Outpainting(Drawing):
    user: str = ""
    width: int = Field(default=1024, ge=64, le=4096)
    height: int = Field(default=1024, ge=64, le=4096)
    auto_crop: bool = False
    reference_offset_x: int = 0
    reference_offset_y: int = 0
    mode: Literal["high", "fast"] = "high"
    disable_pup: bool = False


class Unknown(Drawing):
    """Of an endpoint that this table does not know: what is given is passed on, and BFL is the judge."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="allow")

    safety_tolerance: UpTo5 = 2


# --- how a size is said, and where input images go ---------------------------------------------------------------

TIER_EDGES: Mapping[str, int] = {"768sq": 768, "1k": 1024, "1.5k": 1536, "2k": 2048, "4k": 4096}
"""The edge of a square in each of FLUX 3's tiers, as their names tell it."""


def as_ratio_and_tier(size: Size) -> Mapping[str, Any]:
    """The nearest of FLUX 3's fifteen ratios, in the tier nearest in pixels."""
    return {
        "aspect_ratio": min(get_args(Flux3Ratio), key=lambda ratio: abs(log(_value(ratio) * size.height / size.width))),
        "resolution": min(TIER_EDGES, key=lambda tier: abs(log(TIER_EDGES[tier] ** 2 / size.pixels))),
    }


def _value(ratio: str) -> float:
    width, height = ratio.split(":")
    return int(width) / int(height)


def unsaid(size: Size) -> Mapping[str, Any]:  # noqa: ARG001 - the size follows the input image
    return {}


def listed(images: tuple[InputImage, ...]) -> Mapping[str, Any]:
    return {"images": [image.base64 for image in images]} if images else {}


def single(field: str) -> Callable[[tuple[InputImage, ...]], Mapping[str, Any]]:
    """The first image alone, under ``field``."""
    return lambda images: {field: images[0].base64} if images else {}


# --- the endpoints -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: its path below ``/v1``, its schema, and what becomes of size and input images."""

    path: str
    schema: type[Schema]
    size: Callable[[Size], Mapping[str, Any]]
    images: Callable[[tuple[InputImage, ...]], Mapping[str, Any]]

    def body(self, request: ImageRequest) -> dict[str, Any]:
        """What to submit for ``request``. Raises ``ProviderError`` with ``INVALID``, at no cost, if it cannot be."""
        size = self.size(request.size) if request.size is not None else {}
        mask = {"mask": white_where_drawn(request.mask)} if request.mask is not None else {}
        return {
            **checked(self.schema, request, **size),
            **self.images(request.images),
            **mask,
            **request.extra_body,
        }


_NUMBERED, _IMAGE, _IMAGE_PROMPT = _flux.numbered, single("image"), single("image_prompt")

_ENDPOINTS = (
    Endpoint("flux-2-pro", Flux2, in_pixels, _NUMBERED),
    Endpoint("flux-2-pro-preview", Flux2, in_pixels, _NUMBERED),
    Endpoint("flux-2-max", Flux2, in_pixels, _NUMBERED),
    Endpoint("flux-2-flex", Flux2Flex, in_pixels, _NUMBERED),
    Endpoint("flux-2-klein-4b", Flux2Klein, in_pixels, _NUMBERED),
    Endpoint("flux-2-klein-9b", Flux2Klein, in_pixels, _NUMBERED),
    Endpoint("flux-2-klein-9b-preview", Flux2Klein, in_pixels, _NUMBERED),
    Endpoint("flux-3-image", Flux3, as_ratio_and_tier, listed),
    Endpoint("flux-kontext-pro", Kontext, as_ratio, _NUMBERED),
    Endpoint("flux-kontext-max", Kontext, as_ratio, _NUMBERED),
    Endpoint("flux-pro-1.1", Pro11, in_pixels, _IMAGE_PROMPT),
    Endpoint("flux-dev", Dev, in_pixels, _IMAGE_PROMPT),
    Endpoint("flux-pro-1.1-ultra", Ultra, as_ratio, _IMAGE_PROMPT),
    Endpoint("flux-pro-1.0-fill", Fill, unsaid, _IMAGE),
    Endpoint("flux-pro-1.0-expand", Expand, unsaid, _IMAGE),
    Endpoint("flux-tools/erase-v1", Erase, unsaid, _IMAGE),
    Endpoint("flux-tools/outpainting-v1", Outpainting, in_pixels, single("input_image")),
)

ENDPOINTS: Mapping[str, Endpoint] = {endpoint.path.rpartition("/")[2]: endpoint for endpoint in _ENDPOINTS}
"""By the model's name, which is the last part of the path."""

_UNKNOWN = Endpoint("", Unknown, in_pixels, _NUMBERED)


def endpoint_of(model: str) -> Endpoint:
    """Where ``model`` is, by its whole path or the last part of it; one that is not known is asked as FLUX.2 is."""
    path = model.strip("/").removeprefix("v1/")
    return ENDPOINTS.get(path.rpartition("/")[2]) or replace(_UNKNOWN, path=path)
