"""What some models on Replicate take, and what they cost, as their pages said in November 2026.

Fields that are in no schema are refused, although Replicate is known to overlook them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import ceil
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from pixelrelay.testing.emulator.base import Order
from pixelrelay.testing.emulator.flux_bodies import MEGAPIXEL, scaled
from pixelrelay.testing.emulator.inputs import picture_at, transparent_where
from pixelrelay.testing.emulator.pictures import Encoding, Size

SchnellRatio: TypeAlias = Literal[
    "1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21"
]  # fmt: skip
KontextRatio: TypeAlias = Literal[
    "match_input_image", "1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "4:5", "5:4", "21:9", "9:21", "2:1", "1:2"
]  # fmt: skip
Edge: TypeAlias = Annotated[int, Field(ge=256, le=2048)]
Percent: TypeAlias = Annotated[int, Field(ge=0, le=100)]


class Input(BaseModel):
    """What all models take."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    picture: ClassVar[Decimal]
    """Dollars for each."""
    picture_fields: ClassVar[tuple[str, ...]] = ()
    white_is_drawn: ClassVar[bool] = True
    """Which way round its masks are."""
    listed: ClassVar[bool] = False
    """Whether its output is a list, even of one."""

    prompt: str

    @property
    def addresses(self) -> tuple[str, ...]:
        """Of the input pictures."""
        given: list[Any] = [getattr(self, name) for name in self.picture_fields]
        return tuple(item for value in given for item in (value if isinstance(value, list) else [value]) if item)

    @property
    def count(self) -> int:
        return 1

    @property
    def file_format(self) -> str:
        wanted: str = getattr(self, "output_format", "png")
        return "jpeg" if wanted == "jpg" else wanted

    def size(self, first: Size | None) -> Size:
        return first or (1024, 1024)

    def price(self, order: Order) -> Decimal:
        return self.picture * order.n

    def order(self) -> Order:
        """What is to be drawn; raises ``UndecodableError`` for input that is no picture."""
        pictures = tuple(picture_at(address) for address in self.addresses)
        mask: str | None = getattr(self, "mask", None)
        return Order(
            prompt=self.prompt,
            size=self.size(pictures[0].size if pictures else None),
            n=self.count,
            encoding=Encoding(self.file_format, getattr(self, "output_quality", 90)),
            images=pictures,
            mask=transparent_where(picture_at(mask), pictures[0], white=self.white_is_drawn) if mask else None,
        )


class FluxSchnell(Input):
    picture: ClassVar[Decimal] = Decimal("0.003")
    listed: ClassVar[bool] = True

    aspect_ratio: SchnellRatio = "1:1"
    num_outputs: Annotated[int, Field(ge=1, le=4)] = 1
    seed: int | None = None
    output_format: Literal["webp", "jpg", "png"] = "webp"
    output_quality: Percent = 80
    num_inference_steps: Annotated[int, Field(ge=1, le=4)] = 4
    go_fast: bool = True
    megapixels: Literal["1", "0.25"] = "1"
    disable_safety_checker: bool = False

    @property
    def count(self) -> int:
        return self.num_outputs

    def size(self, first: Size | None) -> Size:
        return scaled(first or _parsed(self.aspect_ratio), MEGAPIXEL, 32)


class FluxDev(FluxSchnell):
    picture: ClassVar[Decimal] = Decimal("0.025")
    picture_fields: ClassVar[tuple[str, ...]] = ("image",)

    image: str | None = None
    prompt_strength: Annotated[float, Field(ge=0, le=1)] = 0.8
    guidance: Annotated[float, Field(ge=0, le=10)] = 3
    num_inference_steps: Annotated[int, Field(ge=1, le=50)] = 28


class Kontext(Input):
    picture: ClassVar[Decimal] = Decimal("0.04")
    picture_fields: ClassVar[tuple[str, ...]] = ("input_image",)

    input_image: str | None = None
    aspect_ratio: KontextRatio = "match_input_image"
    seed: int | None = None
    output_format: Literal["jpg", "png"] = "png"
    safety_tolerance: Annotated[int, Field(ge=0, le=6)] = 2
    prompt_upsampling: bool = False

    def size(self, first: Size | None) -> Size:
        shape = _parsed(self.aspect_ratio) if self.aspect_ratio != "match_input_image" else first or (1, 1)
        return scaled(shape, MEGAPIXEL, 32)


class Fill(Input):
    picture: ClassVar[Decimal] = Decimal("0.05")
    picture_fields: ClassVar[tuple[str, ...]] = ("image",)

    image: str
    mask: str | None = None
    seed: int | None = None
    steps: Annotated[int, Field(ge=15, le=50)] = 50
    guidance: Annotated[float, Field(ge=1.5, le=100)] = 60
    output_format: Literal["jpg", "png"] = "jpg"
    safety_tolerance: Annotated[int, Field(ge=1, le=6)] = 2
    prompt_upsampling: bool = False


class Flux2Pro(Input):
    picture: ClassVar[Decimal] = Decimal("0.015")
    picture_fields: ClassVar[tuple[str, ...]] = ("input_images",)

    input_images: Annotated[list[str], Field(max_length=8)] = []
    aspect_ratio: SchnellRatio | Literal["match_input_image", "custom"] = "1:1"
    resolution: Literal["match_input_image", "0.5 MP", "1 MP", "2 MP", "4 MP"] = "1 MP"
    width: Edge | None = None
    height: Edge | None = None
    seed: int | None = None
    safety_tolerance: Annotated[int, Field(ge=1, le=5)] = 2
    output_format: Literal["webp", "jpg", "png"] = "webp"
    output_quality: Percent = 80

    def size(self, first: Size | None) -> Size:
        if self.aspect_ratio == "custom":
            return self.width or 1024, self.height or 1024
        shape = first or (1, 1) if self.aspect_ratio == "match_input_image" else _parsed(self.aspect_ratio)
        return scaled(shape, MEGAPIXEL, 32)

    def price(self, order: Order) -> Decimal:
        """For the run, and each megapixel that comes out or goes in."""
        given = sum(picture.size[0] * picture.size[1] for picture in order.images)
        drawn = order.size[0] * order.size[1]
        return self.picture * (1 + ceil(drawn / MEGAPIXEL) + ceil(given / MEGAPIXEL))


class Ideogram3Turbo(Input):
    picture: ClassVar[Decimal] = Decimal("0.03")
    picture_fields: ClassVar[tuple[str, ...]] = ("image",)
    white_is_drawn: ClassVar[bool] = False

    image: str | None = None
    mask: str | None = None
    resolution: str = "None"
    aspect_ratio: str = "1:1"
    magic_prompt_option: Literal["Auto", "On", "Off"] = "Auto"
    style_type: Literal["None", "Auto", "General", "Realistic", "Design"] = "None"
    seed: Annotated[int, Field(ge=0, le=2147483647)] | None = None

    def size(self, first: Size | None) -> Size:
        if first is not None or self.resolution == "None":
            return first or (1024, 1024)
        width, _, height = self.resolution.partition("x")
        return int(width), int(height)


def _parsed(ratio: str) -> Size:
    width, _, height = ratio.partition(":")
    return int(width), int(height)


INPUTS: Mapping[str, type[Input]] = {
    "black-forest-labs/flux-schnell": FluxSchnell,
    "black-forest-labs/flux-dev": FluxDev,
    "black-forest-labs/flux-kontext-pro": Kontext,
    "black-forest-labs/flux-fill-pro": Fill,
    "black-forest-labs/flux-2-pro": Flux2Pro,
    "ideogram-ai/ideogram-v3-turbo": Ideogram3Turbo,
}
"""By owner and name."""
