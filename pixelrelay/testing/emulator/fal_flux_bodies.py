"""What the FLUX endpoints of fal take, and what they cost, as published in November 2026."""

from __future__ import annotations

from decimal import Decimal
from math import ceil
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from pixelrelay.testing.emulator.base import Order
from pixelrelay.testing.emulator.fal_bodies import Acceleration, Drawing, Several, Share, Sized, Tolerance, parsed
from pixelrelay.testing.emulator.flux_bodies import MEGAPIXEL, WideRatio, scaled
from pixelrelay.testing.emulator.pictures import Size

KontextRatio: TypeAlias = Literal["21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21"]
Format: TypeAlias = Literal["jpeg", "png"]
AnyFormat: TypeAlias = Literal["jpeg", "png", "webp"]
Guidance: TypeAlias = Annotated[float, Field(ge=1, le=20)]
Steps: TypeAlias = Annotated[int, Field(ge=1, le=50)]


# --- FLUX.1 ------------------------------------------------------------------------------------------------------


class _Open(Drawing):
    """The models whose weights are open."""

    megapixel: ClassVar[Decimal] = Decimal("0.025")
    blackens: ClassVar[bool] = True

    output_format: Format = "jpeg"
    num_inference_steps: Steps = 28
    guidance_scale: Guidance = 3.5
    acceleration: Acceleration = "none"
    enable_safety_checker: bool = True

    def price(self, order: Order) -> Decimal:
        return self.megapixel * ceil(order.size[0] * order.size[1] / MEGAPIXEL) * order.n


class FluxDev(_Open, Sized):
    pass


class FluxSchnell(FluxDev):
    megapixel: ClassVar[Decimal] = Decimal("0.003")

    num_inference_steps: Annotated[int, Field(ge=1, le=12)] = 4


class FluxImageToImage(_Open):
    image_url: str
    strength: Annotated[float, Field(ge=0.01, le=1)] = 0.95


class KontextDev(_Open):
    image_url: str
    resolution_mode: KontextRatio | Literal["auto", "match_input", "4:5", "5:4"] = "match_input"
    enhance_prompt: bool = False

    def size(self, first: Size | None) -> Size:
        shape = first or (1, 1) if self.resolution_mode in {"auto", "match_input"} else parsed(self.resolution_mode)
        return scaled(shape, MEGAPIXEL, 32)


class _Pro(Drawing):
    output_format: Format = "jpeg"
    safety_tolerance: Tolerance = "2"
    enhance_prompt: bool = False


class FluxPro11(_Pro, Sized):
    pass


class FluxUltra(_Pro):
    """The picture that it is given inspires it."""

    picture: ClassVar[Decimal] = Decimal("0.06")

    aspect_ratio: WideRatio = "16:9"
    raw: bool = False
    image_url: str | None = None
    image_prompt_strength: Share = 0.1

    @property
    def addresses(self) -> tuple[str, ...]:
        return ()

    def size(self, first: Size | None) -> Size:  # noqa: ARG002 - none is edited
        return scaled(parsed(self.aspect_ratio), 4 * MEGAPIXEL, 32)


class FluxFill(_Pro):
    picture: ClassVar[Decimal] = Decimal("0.05")

    image_url: str
    mask_url: str


class KontextWords(_Pro):
    aspect_ratio: KontextRatio | None = None
    guidance_scale: Guidance = 3.5

    def size(self, first: Size | None) -> Size:
        shape = parsed(self.aspect_ratio) if self.aspect_ratio else first or (1, 1)
        return scaled(shape, MEGAPIXEL, 32)


class Kontext(KontextWords):
    image_url: str


class KontextMulti(KontextWords):
    image_urls: Several


# --- FLUX.2 ------------------------------------------------------------------------------------------------------


class Flux2Flash(Drawing, Sized):
    format: ClassVar[str] = "png"

    output_format: AnyFormat = "png"
    guidance_scale: Annotated[float, Field(ge=0, le=20)] = 2.5
    enable_prompt_expansion: bool = False
    enable_safety_checker: bool = True


class Flux2(Flux2Flash):
    num_inference_steps: Annotated[int, Field(ge=4, le=50)] = 28
    acceleration: Acceleration = "regular"


class Flux2Klein(Drawing, Sized):
    format: ClassVar[str] = "png"

    output_format: AnyFormat = "png"
    num_inference_steps: Annotated[int, Field(ge=4, le=8)] = 4
    enable_safety_checker: bool = True


class Flux2Pro(Drawing, Sized):
    """One picture a request."""

    num_images: Literal[1] = 1
    output_format: Format = "jpeg"
    safety_tolerance: Literal["1", "2", "3", "4", "5"] = "2"
    enable_safety_checker: bool = True

    def price(self, order: Order) -> Decimal:
        given = sum(picture.size[0] * picture.size[1] for picture in order.images)
        drawn = max(1, ceil(order.size[0] * order.size[1] / MEGAPIXEL))
        return Decimal("0.03") + Decimal("0.015") * (drawn - 1 + ceil(given / MEGAPIXEL))


class Flux2Flex(Flux2Pro):
    guidance_scale: Annotated[float, Field(ge=1.5, le=10)] = 3.5
    num_inference_steps: Annotated[int, Field(ge=2, le=50)] = 28


class Flux2Edit(Flux2):
    image_urls: Several


class Flux2FlashEdit(Flux2Flash):
    image_urls: Several


class Flux2KleinEdit(Flux2Klein):
    image_urls: Several


class Flux2ProEdit(Flux2Pro):
    image_urls: Several


class Flux2FlexEdit(Flux2Flex):
    image_urls: Several
