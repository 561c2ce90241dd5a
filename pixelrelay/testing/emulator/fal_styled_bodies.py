"""What the endpoints of fal take that draw in styles, Recraft's and Ideogram's, and what they cost.

As published in November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from pixelrelay.testing.emulator.base import Order
from pixelrelay.testing.emulator.fal_bodies import Body, Colour, ImageSize, Named, Share, Sized, Strict
from pixelrelay.testing.emulator.inputs import picture_at

Prompt: TypeAlias = Annotated[str, Field(min_length=1)]
Style: TypeAlias = Annotated[
    str, Field(pattern=r"^(any|(realistic_image|digital_illustration|vector_illustration)(/\w+)?)$")
]

# --- Recraft -----------------------------------------------------------------------------------------------------


class _Recraft3(Body):
    format: ClassVar[str] = "webp"

    prompt: Annotated[str, Field(min_length=1, max_length=1000)]
    style: Style = "realistic_image"
    style_id: str | None = None
    colors: list[Colour] | None = None


class Recraft3(_Recraft3, Sized):
    enable_safety_checker: bool = False


class Recraft3Edit(_Recraft3):
    image_url: str
    strength: Share = 0.5
    negative_prompt: str | None = None


class Recraft4(Sized):
    format: ClassVar[str] = "webp"

    prompt: Prompt
    colors: list[Colour] | None = None
    background_color: Colour | None = None
    enable_safety_checker: bool = True


# --- Ideogram ----------------------------------------------------------------------------------------------------


class PaletteColour(Strict):
    rgb: Colour
    color_weight: Share = 0.5


class Palette(Strict):
    members: list[PaletteColour] | None = None
    name: Literal["EMBER", "FRESH", "JUNGLE", "MAGIC", "MELON", "MOSAIC", "PASTEL", "ULTRAMARINE"] | None = None


class _Ideogram(Body):
    format: ClassVar[str] = "png"
    prices: ClassVar[Mapping[str, Decimal]] = {
        "TURBO": Decimal("0.03"),
        "BALANCED": Decimal("0.06"),
        "QUALITY": Decimal("0.09"),
    }

    num_images: Annotated[int, Field(ge=1, le=8)] = 1
    seed: int | None = None
    rendering_speed: Literal["TURBO", "BALANCED", "QUALITY"] = "BALANCED"
    style: Literal["AUTO", "GENERAL", "REALISTIC", "DESIGN"] | None = None
    style_codes: list[Annotated[str, Field(pattern="^[0-9A-F]{8}$")]] | None = None
    color_palette: Palette | None = None
    image_urls: list[str] | None = None
    """In whose style it draws."""

    @property
    def addresses(self) -> tuple[str, ...]:
        for address in self.image_urls or ():
            picture_at(address)
        one: str | None = getattr(self, "image_url", None)
        return (one,) if one else ()

    def price(self, order: Order) -> Decimal:
        return self.prices[self.rendering_speed] * order.n


class _Preset(_Ideogram):
    style_preset: Annotated[str, Field(pattern="^[A-Z0-9_]+$")] | None = None


class Ideogram3(_Preset, Sized):
    prompt: Prompt
    negative_prompt: str = ""
    expand_prompt: bool = True


class Remix(_Ideogram, Sized):
    prompt: Prompt
    negative_prompt: str = ""
    expand_prompt: bool = True
    image_url: str
    strength: Annotated[float, Field(ge=0.01, le=1)] = 0.8


class Reframe(_Preset, Sized):
    """It hears no prompt."""

    image_url: str
    image_size: ImageSize | Named


class ReplaceBackground(_Preset):
    prompt: Prompt
    expand_prompt: bool = True
    image_url: str
