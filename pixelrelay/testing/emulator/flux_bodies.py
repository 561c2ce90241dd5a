"""What the FLUX endpoints take at Black Forest Labs.

From its OpenAPI document and help pages, as of November 2026. Fields that are in no schema are refused everywhere,
although some endpoints are known to overlook them. Not emulated: web hooks, fine-tunes, video, and those of the
``flux-tools`` that deblur and dress.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import sqrt
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from pixelrelay.testing.emulator.pictures import Size

MEGAPIXEL = 1024 * 1024
LARGEST = 4 * MEGAPIXEL
SQUARE = (1024, 1024)
FLUX3_PIXELS: Mapping[str, int] = {
    "768sq": 768 * 768,
    "1k": MEGAPIXEL,
    "1.5k": 1536 * 1536,
    "2k": 4 * MEGAPIXEL,
    "4k": 16 * MEGAPIXEL,
}


def _edge(edge: int) -> int:
    """0 leaves the choice to the provider."""
    if edge != 0 and edge < 64:
        raise PydanticCustomError("greater_than_equal", "Input should be greater than or equal to 64")
    if edge % 16:
        raise PydanticCustomError("multiple_of", "Input should be a multiple of 16")
    return edge


def _wide_ratio(ratio: str) -> str:
    parts = ratio_of(ratio)
    if parts is None or not 9 * 9 <= 9 * 21 * parts[0] / parts[1] <= 21 * 21:
        raise PydanticCustomError("value_error", "aspect_ratio must be between 21:9 and 9:21")
    return ratio


def ratio_of(text: str) -> Size | None:
    found = re.fullmatch(r"([1-9]\d?):([1-9]\d?)", text)
    return (int(found[1]), int(found[2])) if found else None


Format: TypeAlias = Literal["jpeg", "png", "webp"]
Flux2Edge: TypeAlias = Annotated[int, AfterValidator(_edge)]
Flux1Edge: TypeAlias = Annotated[int, Field(ge=256, le=1440, multiple_of=32)]
WideRatio: TypeAlias = Annotated[str, AfterValidator(_wide_ratio)]
Flux3Ratio: TypeAlias = Literal[
    "auto", "21:9", "2:1", "16:9", "3:2", "7:5", "4:3", "5:4",
    "1:1", "4:5", "3:4", "5:7", "2:3", "9:16", "1:2", "9:21",
]  # fmt: skip
Tolerance: TypeAlias = Annotated[int, Field(ge=0, le=6)]
Prompt: TypeAlias = Annotated[str, Field(min_length=1)]
Side: TypeAlias = Annotated[int, Field(ge=0, le=2048)]


def scaled(shape: Size, pixels: int, multiple: int) -> Size:
    """The size of about ``pixels`` pixels in the shape of ``shape``, on a grid."""
    scale = sqrt(pixels / (shape[0] * shape[1]))
    width, height = (max(1, round(edge * scale / multiple)) * multiple for edge in shape)
    return width, height


def fitted(size: Size, most: int, multiple: int) -> Size:
    """``size`` on a grid, made smaller where it has more pixels than ``most``."""
    if size[0] * size[1] > most:
        scale = sqrt(most / (size[0] * size[1]))
        return max(1, int(size[0] * scale / multiple)) * multiple, max(1, int(size[1] * scale / multiple)) * multiple
    return max(1, size[0] // multiple) * multiple, max(1, size[1] // multiple) * multiple


class Body(BaseModel):
    """What all endpoints take."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    picture_fields: ClassVar[tuple[str, ...]] = ()

    prompt: str = ""

    @property
    def pictures(self) -> tuple[str, ...]:
        """The input pictures, encoded, in order."""
        return tuple(encoded for name in self.picture_fields if (encoded := getattr(self, name)))

    @property
    def drawing_steps(self) -> int | None:
        steps: int | None = getattr(self, "steps", None)
        return steps

    @property
    def file_format(self) -> str:
        return "jpeg"

    def size(self, first: Size | None) -> Size:
        """Of the picture to draw, given that of the first input."""
        return fitted(first, LARGEST, 16) if first is not None else SQUARE


class Seeded(Body):
    default_format: ClassVar[str] = "jpeg"

    user: str | None = None
    seed: int | None = None
    output_format: Format | None = None

    @property
    def file_format(self) -> str:
        return self.output_format or self.default_format


def numbered(most: int) -> tuple[str, ...]:
    """The fields of so many input pictures."""
    return ("input_image", *(f"input_image_{number}" for number in range(2, most + 1)))


class Flux2Klein(Seeded):
    picture_fields: ClassVar[tuple[str, ...]] = numbered(4)

    prompt: Prompt
    input_image: str | None = None
    input_image_2: str | None = None
    input_image_3: str | None = None
    input_image_4: str | None = None
    width: Flux2Edge = 0
    height: Flux2Edge = 0
    safety_tolerance: Annotated[int, Field(ge=0, le=5)] = 2

    def size(self, first: Size | None) -> Size:
        if not self.width and not self.height:
            return super().size(first)
        return fitted((self.width or self.height, self.height or self.width), LARGEST, 16)


class Flux2(Flux2Klein):
    picture_fields: ClassVar[tuple[str, ...]] = numbered(8)

    input_image_5: str | None = None
    input_image_6: str | None = None
    input_image_7: str | None = None
    input_image_8: str | None = None
    disable_pup: bool | None = None


class Flux2Flex(Flux2):
    prompt_upsampling: bool | None = None
    guidance: Annotated[float, Field(ge=1.5, le=10)] = 5.0
    steps: Annotated[int, Field(ge=1, le=50)] = 50


class Flux3(Body):
    picture_fields: ClassVar[tuple[str, ...]] = ("images",)

    prompt: Prompt
    images: Annotated[list[str], Field(min_length=1, max_length=10)] | None = None
    aspect_ratio: Flux3Ratio = "auto"
    resolution: Literal["768sq", "1k", "1.5k", "2k", "4k"] = "1k"
    safety_tolerance: Annotated[int, Field(ge=0, le=4)] = 2
    grounding: bool | None = None
    user: str | None = None

    @property
    def pictures(self) -> tuple[str, ...]:
        return tuple(self.images or ())

    def size(self, first: Size | None) -> Size:
        shape = ratio_of(self.aspect_ratio) or first or (1, 1)
        return scaled(shape, FLUX3_PIXELS[self.resolution], 16)


class Kontext(Seeded):
    default_format: ClassVar[str] = "png"
    picture_fields: ClassVar[tuple[str, ...]] = numbered(4)

    prompt: Prompt
    input_image: str | None = None
    input_image_2: str | None = None
    input_image_3: str | None = None
    input_image_4: str | None = None
    aspect_ratio: WideRatio | None = None
    prompt_upsampling: bool | None = None
    safety_tolerance: Tolerance = 2

    def size(self, first: Size | None) -> Size:
        return scaled(ratio_of(self.aspect_ratio or "") or first or (1, 1), MEGAPIXEL, 32)


class Flux11(Seeded):
    """``image_prompt`` inspires the picture; it is not edited."""

    width: Flux1Edge = 1024
    height: Flux1Edge = 768
    image_prompt: str | None = None
    prompt_upsampling: bool | None = None
    safety_tolerance: Tolerance = 2

    def size(self, first: Size | None) -> Size:  # noqa: ARG002 - it always has one
        return self.width, self.height

    @model_validator(mode="after")
    def _something_to_draw(self) -> Flux11:
        if not self.prompt and not self.image_prompt:
            raise PydanticCustomError("value_error", "prompt or image_prompt is required")
        return self


class FluxDev(Flux11):
    steps: Annotated[int, Field(ge=1, le=50)] = 28
    guidance: Annotated[float, Field(ge=1.5, le=5)] = 3.0


class Ultra(Seeded):
    aspect_ratio: WideRatio = "16:9"
    raw: bool = False
    image_prompt: str | None = None
    image_prompt_strength: Annotated[float, Field(ge=0, le=1)] = 0.1
    prompt_upsampling: bool | None = None
    safety_tolerance: Tolerance = 2

    def size(self, first: Size | None) -> Size:
        return fitted(scaled(ratio_of(self.aspect_ratio) or first or SQUARE, LARGEST, 32), LARGEST, 32)


class Fill(Seeded):
    picture_fields: ClassVar[tuple[str, ...]] = ("image",)

    image: str
    mask: str | None = None
    steps: Annotated[int, Field(ge=15, le=50)] = 50
    guidance: Annotated[float, Field(ge=1.5, le=100)] = 60
    prompt_upsampling: bool | None = None
    safety_tolerance: Tolerance = 2

    def size(self, first: Size | None) -> Size:
        return first or SQUARE


class Expand(Seeded):
    picture_fields: ClassVar[tuple[str, ...]] = ("image",)

    image: str
    top: Side = 0
    bottom: Side = 0
    left: Side = 0
    right: Side = 0
    steps: Annotated[int, Field(ge=15, le=50)] = 50
    guidance: Annotated[float, Field(ge=1.5, le=100)] = 60
    prompt_upsampling: bool | None = None
    safety_tolerance: Tolerance = 2

    def size(self, first: Size | None) -> Size:
        width, height = first or SQUARE
        return width + self.left + self.right, height + self.top + self.bottom

    def origin(self, inner: Size) -> Size:  # noqa: ARG002 - other bodies put it in the middle
        """Where in the picture to draw the given one lies."""
        return self.left, self.top

    @model_validator(mode="after")
    def _some_side(self) -> Expand:
        if not (self.top or self.bottom or self.left or self.right):
            raise PydanticCustomError("value_error", "at least one side must be expanded")
        return self


class Erase(Seeded):
    """What is masked is filled with what surrounds it."""

    default_format: ClassVar[str] = "png"
    picture_fields: ClassVar[tuple[str, ...]] = ("image",)

    image: str
    mask: str
    dilate_pixels: Annotated[int, Field(ge=0, le=25)] = 10

    def size(self, first: Size | None) -> Size:
        return first or SQUARE


class Outpaint(Seeded):
    default_format: ClassVar[str] = "png"
    picture_fields: ClassVar[tuple[str, ...]] = ("input_image",)

    input_image: str
    width: Annotated[int, Field(ge=64)] | None = None
    height: Annotated[int, Field(ge=64)] | None = None
    auto_crop: bool = False
    reference_offset_x: int | None = None
    reference_offset_y: int | None = None
    mode: Literal["high", "fast"] = "high"
    disable_pup: bool | None = None

    def size(self, first: Size | None) -> Size:
        width, height = first or SQUARE
        return self.width or width, self.height or height

    def origin(self, inner: Size) -> Size:
        """Where in the picture to draw the given one lies: in the middle, unless it is told."""
        width, height = self.size(inner)
        x, y = self.reference_offset_x, self.reference_offset_y
        return (width - inner[0]) // 2 if x is None else x, (height - inner[1]) // 2 if y is None else y


BODIES: Mapping[str, type[Body]] = {
    "flux-2-pro": Flux2,
    "flux-2-pro-preview": Flux2,
    "flux-2-max": Flux2,
    "flux-2-flex": Flux2Flex,
    "flux-2-klein-4b": Flux2Klein,
    "flux-2-klein-9b": Flux2Klein,
    "flux-2-klein-9b-preview": Flux2Klein,
    "flux-3-image": Flux3,
    "flux-kontext-pro": Kontext,
    "flux-kontext-max": Kontext,
    "flux-pro-1.1": Flux11,
    "flux-dev": FluxDev,
    "flux-pro-1.1-ultra": Ultra,
    "flux-pro-1.0-fill": Fill,
    "flux-pro-1.0-expand": Expand,
    "flux-tools/erase-v1": Erase,
    "flux-tools/outpainting-v1": Outpaint,
}
"""By path at Black Forest Labs."""
