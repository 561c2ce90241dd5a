"""What some of fal's endpoints take, and what they cost, as published in November 2026.

Fields that are in no schema are refused, although some endpoints are known to overlook them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import ceil
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from pixelrelay.testing.emulator.base import Order
from pixelrelay.testing.emulator.flux_bodies import MEGAPIXEL, scaled
from pixelrelay.testing.emulator.inputs import picture_at, transparent_where
from pixelrelay.testing.emulator.pictures import Encoding, Size

NAMED_SIZES: Mapping[str, Size] = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}


class ImageSize(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    width: Annotated[int, Field(gt=0, le=14142)]
    height: Annotated[int, Field(gt=0, le=14142)]


Named: TypeAlias = Literal["square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"]
Ratio: TypeAlias = Literal["21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16"]
KontextRatio: TypeAlias = Literal["21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21"]
Tolerance: TypeAlias = Literal["1", "2", "3", "4", "5", "6"]
Count: TypeAlias = Annotated[int, Field(ge=1, le=4)]


class Body(BaseModel):
    """What all endpoints take."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    format: ClassVar[str] = "jpeg"
    picture: ClassVar[Decimal] = Decimal("0.04")
    """Dollars for each."""
    blackens: ClassVar[bool] = False
    """Whether a picture that its checker does not like comes as a black one; elsewhere the request fails."""

    prompt: Annotated[str, Field(min_length=1)]
    num_images: Count = 1
    seed: int | None = None
    sync_mode: bool = False
    enable_safety_checker: bool = True

    @property
    def addresses(self) -> tuple[str, ...]:
        """Of the input pictures."""
        one: str | None = getattr(self, "image_url", None)
        several: list[str] = getattr(self, "image_urls", None) or []
        return (*((one,) if one else ()), *several)

    @property
    def picture_field(self) -> str:
        """What the input pictures are called."""
        return "image_url" if hasattr(self, "image_url") else "image_urls"

    def size(self, first: Size | None) -> Size:
        return first or (1024, 1024)

    def price(self, order: Order) -> Decimal:
        return self.picture * order.n

    def order(self) -> Order:
        """What is to be drawn; raises ``UndecodableError`` for input that is no picture."""
        pictures = tuple(picture_at(address) for address in self.addresses)
        mask: str | None = getattr(self, "mask_url", None)
        return Order(
            prompt=self.prompt,
            size=self.size(pictures[0].size if pictures else None),
            n=self.num_images,
            steps=getattr(self, "num_inference_steps", None),
            encoding=Encoding(getattr(self, "output_format", None) or self.format, 90),
            images=pictures,
            mask=transparent_where(picture_at(mask), pictures[0], white=True) if mask else None,
        )


class Sized(Body):
    image_size: ImageSize | Named | None = None

    def size(self, first: Size | None) -> Size:
        match self.image_size:
            case ImageSize(width=width, height=height):
                return width, height
            case None:
                return first or NAMED_SIZES["landscape_4_3"]
            case name:
                return NAMED_SIZES[name]


class FluxDev(Sized):
    megapixel: ClassVar[Decimal] = Decimal("0.025")
    blackens: ClassVar[bool] = True

    output_format: Literal["jpeg", "png"] = "jpeg"
    num_inference_steps: Annotated[int, Field(ge=1, le=50)] = 28
    guidance_scale: Annotated[float, Field(ge=1, le=20)] = 3.5
    acceleration: Literal["none", "regular", "high"] = "none"

    def price(self, order: Order) -> Decimal:
        return self.megapixel * ceil(order.size[0] * order.size[1] / MEGAPIXEL) * order.n


class FluxSchnell(FluxDev):
    megapixel: ClassVar[Decimal] = Decimal("0.003")

    num_inference_steps: Annotated[int, Field(ge=1, le=12)] = 4


class FluxPro11(Sized):
    output_format: Literal["jpeg", "png"] = "jpeg"
    safety_tolerance: Tolerance = "2"
    enhance_prompt: bool = False


class FluxFill(Body):
    picture: ClassVar[Decimal] = Decimal("0.05")

    image_url: str
    mask_url: str
    output_format: Literal["jpeg", "png"] = "jpeg"
    safety_tolerance: Tolerance = "2"
    enhance_prompt: bool = False


class Flux2Pro(Sized):
    """One picture a request."""

    num_images: Literal[1] = 1
    output_format: Literal["jpeg", "png"] = "jpeg"
    safety_tolerance: Literal["1", "2", "3", "4", "5"] = "2"

    def price(self, order: Order) -> Decimal:
        given = sum(picture.size[0] * picture.size[1] for picture in order.images)
        drawn = max(1, ceil(order.size[0] * order.size[1] / MEGAPIXEL))
        return Decimal("0.03") + Decimal("0.015") * (drawn - 1 + ceil(given / MEGAPIXEL))


class Flux2ProEdit(Flux2Pro):
    image_urls: Annotated[list[str], Field(min_length=1)]


class KontextWords(Body):
    aspect_ratio: KontextRatio | None = None
    guidance_scale: Annotated[float, Field(ge=1, le=20)] = 3.5
    output_format: Literal["jpeg", "png"] = "jpeg"
    safety_tolerance: Tolerance = "2"
    enhance_prompt: bool = False

    def size(self, first: Size | None) -> Size:
        shape = _parsed(self.aspect_ratio) if self.aspect_ratio else first or (1, 1)
        return scaled(shape, MEGAPIXEL, 32)


class Kontext(KontextWords):
    image_url: str


class KontextMulti(KontextWords):
    image_urls: Annotated[list[str], Field(min_length=1)]


class NanoBanana(Body):
    format: ClassVar[str] = "png"
    picture: ClassVar[Decimal] = Decimal("0.039")

    aspect_ratio: Ratio | Literal["auto"] = "auto"
    output_format: Literal["jpeg", "png", "webp"] = "png"
    safety_tolerance: Tolerance = "4"
    limit_generations: bool = False

    def size(self, first: Size | None) -> Size:
        shape = _parsed(self.aspect_ratio) if self.aspect_ratio != "auto" else first or (1, 1)
        return scaled(shape, MEGAPIXEL, 32)


class NanoBananaEdit(NanoBanana):
    image_urls: Annotated[list[str], Field(min_length=1)]


class Seedream(Body):
    picture: ClassVar[Decimal] = Decimal("0.03")

    num_images: Annotated[int, Field(ge=1, le=6)] = 1
    max_images: Annotated[int, Field(ge=1, le=6)] = 1
    image_size: ImageSize | Named | Literal["auto", "auto_2K", "auto_4K"] | None = None
    enhance_prompt_mode: Literal["standard", "fast"] = "standard"

    def size(self, first: Size | None) -> Size:
        match self.image_size:
            case ImageSize(width=width, height=height):
                return width, height
            case str(name) if name in NAMED_SIZES:
                return NAMED_SIZES[name]
            case _:
                return first or (2048, 2048)


class SeedreamEdit(Seedream):
    image_urls: Annotated[list[str], Field(min_length=1, max_length=10)]


def _parsed(ratio: str) -> Size:
    width, _, height = ratio.partition(":")
    return int(width), int(height)


BODIES: Mapping[str, type[Body]] = {
    "fal-ai/flux/schnell": FluxSchnell,
    "fal-ai/flux/dev": FluxDev,
    "fal-ai/flux-pro/v1.1": FluxPro11,
    "fal-ai/flux-pro/v1/fill": FluxFill,
    "fal-ai/flux-pro/kontext": Kontext,
    "fal-ai/flux-pro/kontext/multi": KontextMulti,
    "fal-ai/flux-pro/kontext/text-to-image": KontextWords,
    "fal-ai/flux-2-pro": Flux2Pro,
    "fal-ai/flux-2-pro/edit": Flux2ProEdit,
    "fal-ai/nano-banana": NanoBanana,
    "fal-ai/nano-banana/edit": NanoBananaEdit,
    "fal-ai/bytedance/seedream/v4/text-to-image": Seedream,
    "fal-ai/bytedance/seedream/v4/edit": SeedreamEdit,
}
"""By the endpoint's id."""
