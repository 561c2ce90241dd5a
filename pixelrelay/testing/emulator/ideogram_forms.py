"""What Ideogram's endpoints take, by JSON or by form, and what they cost, as published in October 2026.

What 4.5 costs was not to be found: it is billed as 4.0 is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from pixelrelay.testing.emulator.pictures import Size


def _either_way(*portraits: Size) -> frozenset[str]:
    return frozenset(f"{a}x{b}" for pair in portraits for a, b in (pair, pair[::-1]))


V3_RESOLUTIONS = _either_way(
    (512, 1536), (576, 1408), (576, 1472), (576, 1536), (640, 1344), (640, 1408), (640, 1472), (640, 1536),
    (704, 1152), (704, 1216), (704, 1280), (704, 1344), (704, 1408), (704, 1472), (736, 1312), (768, 1088),
    (768, 1216), (768, 1280), (768, 1344), (800, 1280), (832, 960), (832, 1024), (832, 1088), (832, 1152),
    (832, 1216), (832, 1248), (864, 1152), (896, 960), (896, 1024), (896, 1088), (896, 1120), (896, 1152),
    (960, 1024), (960, 1088), (1024, 1024),
)  # fmt: skip
V4_RESOLUTIONS = _either_way(
    (2048, 2048), (1440, 2880), (1664, 2496), (1792, 2240), (1440, 2560), (1600, 2560), (1728, 2304), (1296, 3168),
    (1152, 2944), (1248, 3328), (1280, 3072), (1024, 3072),
)  # fmt: skip

Ratio: TypeAlias = Literal[
    "1x3", "3x1", "1x2", "2x1", "9x16", "16x9", "10x16", "16x10", "2x3", "3x2", "3x4", "4x3", "4x5", "5x4", "1x1"
]
Magic: TypeAlias = Literal["AUTO", "ON", "OFF"]
Prompt: TypeAlias = Annotated[str, Field(min_length=1)]
CustomModel: TypeAlias = Annotated[str, Field(pattern=r"^model/[\w-]+/version/[\w-]+$")]
_V3_PRICES = {"FLASH": "0.03", "TURBO": "0.03", "DEFAULT": "0.06", "QUALITY": "0.09"}
_V4_PRICES = {"TURBO": "0.03", "DEFAULT": "0.06", "QUALITY": "0.10", "low": "0.03", "medium": "0.06", "high": "0.10"}


class Fields(BaseModel):
    """What all endpoints take, beside their files."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    sizes: ClassVar[frozenset[str]] = frozenset()
    """Those that may be asked for; empty for any."""
    lists: ClassVar[frozenset[str]] = frozenset({"style_codes"})
    """Fields that a form brings in several parts of one name."""
    objects: ClassVar[frozenset[str]] = frozenset({"color_palette", "json_prompt"})
    """Fields that a form brings as JSON."""

    @property
    def words(self) -> str:
        return str(getattr(self, "prompt", None) or getattr(self, "text_prompt", None) or "")

    @property
    def count(self) -> int:
        return int(getattr(self, "num_images", 1))

    @property
    def transparent(self) -> bool:
        return False

    @property
    def asked_size(self) -> str | None:
        return getattr(self, "resolution", None)

    @property
    def picture(self) -> Decimal:
        """Dollars for each."""
        return Decimal(_V3_PRICES[getattr(self, "rendering_speed", "DEFAULT")])

    def size(self, first: Size | None) -> Size:
        if self.asked_size in {None, "auto", "source"}:
            return first or (1024, 1024)
        width, _, height = str(self.asked_size).partition("x")
        return int(width), int(height)


class _V3(Fields):
    num_images: Annotated[int, Field(ge=1, le=8)] = 1
    seed: Annotated[int, Field(ge=0, le=2147483647)] | None = None
    rendering_speed: Literal["FLASH", "TURBO", "DEFAULT", "QUALITY"] = "DEFAULT"
    color_palette: dict[str, Any] | None = None
    style_codes: list[str] | None = None
    style_preset: str | None = None


class GenerateV3(_V3):
    sizes: ClassVar[frozenset[str]] = V3_RESOLUTIONS

    prompt: Prompt
    custom_model_uri: CustomModel | None = None
    resolution: str | None = None
    aspect_ratio: Ratio | None = None
    magic_prompt: Magic = "AUTO"
    negative_prompt: str | None = None
    style_type: Literal["AUTO", "GENERAL", "REALISTIC", "DESIGN", "FICTION"] | None = None


class TransparentV3(Fields):
    prompt: Prompt
    custom_model_uri: CustomModel | None = None
    num_images: Annotated[int, Field(ge=1, le=8)] = 1
    seed: Annotated[int, Field(ge=0, le=2147483647)] | None = None
    rendering_speed: Literal["FLASH", "TURBO", "DEFAULT", "QUALITY"] = "DEFAULT"
    aspect_ratio: Ratio | None = None
    magic_prompt: Magic = "AUTO"
    negative_prompt: str | None = None
    upscale_factor: Literal["X1", "X2", "X4"] = "X1"

    @property
    def transparent(self) -> bool:
        return True


class InpaintV3(_V3):
    prompt: Prompt
    custom_model_uri: CustomModel | None = None
    magic_prompt: Magic = "AUTO"
    style_type: Literal["AUTO", "GENERAL", "REALISTIC", "DESIGN", "FICTION"] | None = None


class RemixV3(GenerateV3):
    image_weight: Annotated[int, Field(ge=1, le=100)] = 50


class ReframeV3(_V3):
    sizes: ClassVar[frozenset[str]] = V3_RESOLUTIONS

    resolution: str


class ReplaceBackgroundV3(_V3):
    prompt: Prompt
    magic_prompt: Magic = "AUTO"


class GenerateV4(Fields):
    sizes: ClassVar[frozenset[str]] = V4_RESOLUTIONS

    text_prompt: str | None = None
    json_prompt: dict[str, Any] | None = None
    resolution: str | None = None
    rendering_speed: Literal["TURBO", "DEFAULT", "QUALITY"] = "DEFAULT"
    enable_copyright_detection: bool = False

    @property
    def picture(self) -> Decimal:
        return Decimal(_V4_PRICES[self.rendering_speed])


class RemixV4(GenerateV4):
    image_weight: Annotated[int, Field(ge=1, le=100)] | None = None


class GenerateV45(Fields):
    prompt: Prompt
    num_images: Annotated[int, Field(ge=1, le=8)] = 1
    size_: str | None = Field(None, alias="size")
    quality: Literal["very_low", "low", "medium", "high"] = "high"
    magic_prompt: Literal["auto", "on", "off"] = "auto"
    seed: int | None = None
    enable_copyright_detection: bool = False

    @property
    def asked_size(self) -> str | None:
        return self.size_

    @property
    def picture(self) -> Decimal:
        return Decimal(_V4_PRICES.get(self.quality, "0.03"))


class EditV1(Fields):
    sizes: ClassVar[frozenset[str]] = V3_RESOLUTIONS

    prompt: Prompt
    num_images: Annotated[int, Field(ge=1, le=8)] = 1
    seed: Annotated[int, Field(ge=0, le=2147483647)] | None = None
    resolution: str | None = None
    aspect_ratio: Ratio | None = None
    magic_prompt: Magic = "AUTO"
    transparent_background: bool = False

    @property
    def transparent(self) -> bool:
        return self.transparent_background

    @property
    def picture(self) -> Decimal:
        return Decimal("0.20")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path, and what pixelrelay calls it as a model."""

    model: str
    fields: type[Fields]
    files: str | None = None
    """What its input pictures are called; ``None`` where it takes none."""
    required: frozenset[str] = frozenset()
    """The files that must come."""
    most: int = 1
    masked: bool = False


@dataclass(slots=True)
class Brought:
    """What a request brought."""

    texts: dict[str, Any] = field(default_factory=dict)
    pictures: list[Image.Image] = field(default_factory=list)
    mask: Image.Image | None = None


def value_of(model: type[Fields], name: str, text: str) -> Any:
    """A form's text as the field wants it: JSON where it is an object, a flag or a number."""
    annotation = model.model_fields[name].annotation if name in model.model_fields else None
    if name in model.objects or annotation is bool:
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


ENDPOINTS: Mapping[str, Endpoint] = {
    "v1/ideogram-v3/generate": Endpoint("ideogram-v3", GenerateV3),
    "v1/ideogram-v3/generate-transparent": Endpoint("ideogram-v3/generate-transparent", TransparentV3),
    "v1/ideogram-v3/inpaint": Endpoint(
        "ideogram-v3/inpaint", InpaintV3, "image", frozenset({"image", "mask"}), masked=True
    ),
    "v1/ideogram-v3/remix": Endpoint("ideogram-v3/remix", RemixV3, "image", frozenset({"image"})),
    "v1/ideogram-v3/reframe": Endpoint("ideogram-v3/reframe", ReframeV3, "image", frozenset({"image"})),
    "v1/ideogram-v3/replace-background": Endpoint(
        "ideogram-v3/replace-background", ReplaceBackgroundV3, "image", frozenset({"image"})
    ),
    "v1/ideogram-v4/generate": Endpoint("ideogram-v4", GenerateV4),
    "v1/ideogram-v4/remix": Endpoint("ideogram-v4/remix", RemixV4, "image", frozenset({"image"})),
    "v2/image/generate/ideogram-4-5": Endpoint("ideogram-4-5", GenerateV45, "images", most=5, masked=True),
    "v1/edit": Endpoint("edit", EditV1, "images", frozenset({"images"}), most=10),
}
