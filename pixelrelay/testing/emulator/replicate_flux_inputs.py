"""What the FLUX models on Replicate take, and what they cost, as their pages said in November 2026."""

from __future__ import annotations

from decimal import Decimal
from math import ceil
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from pixelrelay.testing.emulator.base import Order
from pixelrelay.testing.emulator.flux_bodies import MEGAPIXEL, scaled
from pixelrelay.testing.emulator.pictures import Size
from pixelrelay.testing.emulator.replicate_inputs import Fast, Format, Input, Percent, Plain, of_ratio, parsed

SchnellRatio: TypeAlias = Literal[
    "1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21"
]  # fmt: skip
KontextRatio: TypeAlias = Literal[
    "match_input_image", "1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "4:5", "5:4", "21:9", "9:21", "2:1", "1:2"
]  # fmt: skip
UltraRatio: TypeAlias = Literal[
    "21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16", "9:21"
]  # fmt: skip
Edge: TypeAlias = Annotated[int, Field(ge=256, le=2048)]
OldEdge: TypeAlias = Annotated[int, Field(ge=256, le=1440)]
Tolerance: TypeAlias = Annotated[int, Field(ge=1, le=6)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]

# --- FLUX.1 ------------------------------------------------------------------------------------------------------


class FluxSchnell(Fast):
    picture: ClassVar[Decimal] = Decimal("0.003")
    listed: ClassVar[bool] = True

    aspect_ratio: SchnellRatio = "1:1"
    num_outputs: Annotated[int, Field(ge=1, le=4)] = 1
    num_inference_steps: Annotated[int, Field(ge=1, le=4)] = 4
    megapixels: Literal["1", "0.25"] = "1"

    @property
    def count(self) -> int:
        return self.num_outputs

    def size(self, first: Size | None) -> Size:
        return scaled(first or parsed(self.aspect_ratio), MEGAPIXEL, 32)


class FluxDev(FluxSchnell):
    picture: ClassVar[Decimal] = Decimal("0.025")
    picture_fields: ClassVar[tuple[str, ...]] = ("image",)

    image: str | None = None
    prompt_strength: Share = 0.8
    guidance: Annotated[float, Field(ge=0, le=10)] = 3
    num_inference_steps: Annotated[int, Field(ge=1, le=50)] = 28


class FluxPro11(Input):
    """The picture that it is given inspires it."""

    aspect_ratio: Literal["custom", "1:1", "16:9", "3:2", "2:3", "4:5", "5:4", "9:16", "3:4", "4:3"] = "1:1"
    width: OldEdge | None = None
    height: OldEdge | None = None
    image_prompt: str | None = None
    seed: int | None = None
    output_format: Format = "webp"
    output_quality: Percent = 80
    safety_tolerance: Tolerance = 2
    prompt_upsampling: bool = False

    def size(self, first: Size | None) -> Size:
        if self.aspect_ratio == "custom":
            return self.width or 1024, self.height or 1024
        return of_ratio(self.aspect_ratio, first)


class FluxUltra(Input):
    """The picture that it is given inspires it."""

    picture: ClassVar[Decimal] = Decimal("0.06")

    aspect_ratio: UltraRatio = "1:1"
    raw: bool = False
    image_prompt: str | None = None
    image_prompt_strength: Share = 0.1
    seed: int | None = None
    output_format: Plain = "jpg"
    safety_tolerance: Tolerance = 2

    def size(self, first: Size | None) -> Size:
        return of_ratio(self.aspect_ratio, first, 4)


class Kontext(Input):
    picture_fields: ClassVar[tuple[str, ...]] = ("input_image",)

    input_image: str | None = None
    aspect_ratio: KontextRatio = "match_input_image"
    seed: int | None = None
    output_format: Plain = "png"
    safety_tolerance: Annotated[int, Field(ge=0, le=6)] = 2
    prompt_upsampling: bool = False

    def size(self, first: Size | None) -> Size:
        return of_ratio(self.aspect_ratio, first)


class KontextMax(Kontext):
    picture: ClassVar[Decimal] = Decimal("0.08")


class KontextDev(Fast):
    picture: ClassVar[Decimal] = Decimal("0.025")
    picture_fields: ClassVar[tuple[str, ...]] = ("input_image",)

    input_image: str
    aspect_ratio: KontextRatio = "match_input_image"
    guidance: Annotated[float, Field(ge=0, le=10)] = 2.5
    num_inference_steps: Annotated[int, Field(ge=4, le=50)] = 28

    def size(self, first: Size | None) -> Size:
        return of_ratio(self.aspect_ratio, first)


class Fill(Input):
    """Where ``outpaint`` says how to widen the picture, the mask does not matter."""

    picture: ClassVar[Decimal] = Decimal("0.05")
    picture_fields: ClassVar[tuple[str, ...]] = ("image",)

    image: str
    mask: str | None = None
    outpaint: Literal[
        "None", "Zoom out 1.5x", "Zoom out 2x", "Make square", "Left outpaint", "Right outpaint", "Top outpaint",
        "Bottom outpaint",
    ] = "None"  # fmt: skip
    seed: int | None = None
    steps: Annotated[int, Field(ge=15, le=50)] = 50
    guidance: Annotated[float, Field(ge=1.5, le=100)] = 60
    output_format: Plain = "jpg"
    safety_tolerance: Tolerance = 2
    prompt_upsampling: bool = False


# --- FLUX.2 ------------------------------------------------------------------------------------------------------


class Flux2(Input):
    picture_fields: ClassVar[tuple[str, ...]] = ("input_images",)

    aspect_ratio: SchnellRatio | Literal["match_input_image", "custom"] = "1:1"
    seed: int | None = None
    output_format: Format = "webp"
    output_quality: Percent = 80

    def size(self, first: Size | None) -> Size:
        if self.aspect_ratio == "custom":
            return getattr(self, "width", None) or 1024, getattr(self, "height", None) or 1024
        return of_ratio(self.aspect_ratio, first)


class Flux2Pro(Flux2):
    picture: ClassVar[Decimal] = Decimal("0.015")

    input_images: list[str] = Field(default=[], max_length=8)
    resolution: Literal["match_input_image", "0.5 MP", "1 MP", "2 MP", "4 MP"] = "1 MP"
    width: Edge | None = None
    height: Edge | None = None
    safety_tolerance: Annotated[int, Field(ge=1, le=5)] = 2

    def price(self, order: Order) -> Decimal:
        """For the run, and each megapixel that comes out or goes in."""
        given = sum(picture.size[0] * picture.size[1] for picture in order.images)
        drawn = order.size[0] * order.size[1]
        return self.picture * (1 + ceil(drawn / MEGAPIXEL) + ceil(given / MEGAPIXEL))


class Flux2Flex(Flux2Pro):
    input_images: list[str] = Field(default=[], max_length=10)
    steps: Annotated[int, Field(ge=1, le=50)] = 30
    guidance: Annotated[float, Field(ge=1.5, le=10)] = 4.5
    prompt_upsampling: bool = True


class Flux2Dev(Flux2):
    input_images: list[str] = Field(default=[], max_length=4)
    width: OldEdge | None = None
    height: OldEdge | None = None
    go_fast: bool = True
    disable_safety_checker: bool = False
