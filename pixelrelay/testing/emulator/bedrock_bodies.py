"""What the image models on Amazon Bedrock take: fields by AWS's user guide and by what callers were told, and prices.

The bodies differ from the forms of Stability's own API in their fields, their ranges and their formats.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from pixelrelay.testing.emulator.base import Order
from pixelrelay.testing.emulator.flux_bodies import scaled
from pixelrelay.testing.emulator.masks import drawn_anew, widened
from pixelrelay.testing.emulator.pictures import Encoding, Size, UndecodableError, decode
from pixelrelay.testing.emulator.stability_forms import (
    DRAWN,
    MEGAPIXEL,
    Grown,
    Margin,
    Prompt,
    Ratio,
    Share,
    Style,
    Text,
)


class Body(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    output_format: Literal["png", "jpeg", "webp"] = "png"


class Seeded(Body):
    seed: Annotated[int, Field(ge=0, le=4_294_967_294)] = 0


class Drawing(Seeded):
    prompt: Prompt
    negative_prompt: Text = ""
    aspect_ratio: Ratio = "1:1"


class StableImage(Drawing):
    output_format: Literal["png", "jpeg"] = "png"


class StableDiffusion(Drawing):
    mode: Literal["text-to-image", "image-to-image"] = "text-to-image"
    image: str | None = None
    strength: Share | None = None


class Edited(Seeded):
    image: str
    prompt: Prompt
    negative_prompt: Text = ""
    style_preset: Style | None = None


class Inpaint(Edited):
    mask: str | None = None
    grow_mask: Grown = 5


class Outpaint(Seeded):
    image: str
    left: Margin = 0
    right: Margin = 0
    up: Margin = 0
    down: Margin = 0
    prompt: Text = ""
    creativity: Share = 0.5
    style_preset: Style | None = None


class SearchReplace(Edited):
    search_prompt: Prompt
    grow_mask: Grown = 5


class SearchRecolor(Edited):
    select_prompt: Prompt
    grow_mask: Grown = 5


class EraseObject(Seeded):
    image: str
    mask: str | None = None
    grow_mask: Grown = 5


class RemoveBackground(Body):
    image: str
    output_format: Literal["png", "webp"] = "png"


class Controlled(Edited):
    control_strength: Share = 0.7


class StyleGuide(Seeded):
    image: str
    prompt: Prompt
    negative_prompt: Text = ""
    aspect_ratio: Ratio = "1:1"
    fidelity: Share = 0.5


class StyleTransfer(Seeded):
    init_image: str
    style_image: str
    prompt: Text = ""
    negative_prompt: Text = ""
    composition_fidelity: Share = 0.9
    style_strength: Share = 1.0
    change_strength: Share = 0.9


class Creative(Edited):
    creativity: Annotated[float, Field(ge=0.1, le=0.5)] = 0.3


class Conservative(Seeded):
    image: str
    prompt: Prompt
    negative_prompt: Text = ""
    creativity: Annotated[float, Field(ge=0.2, le=0.5)] = 0.35


class FastUpscale(Body):
    image: str


class UnfitError(Exception):
    """What is wrong with a body that its fields alone do not show."""


# --- from a body to what is drawn --------------------------------------------------------------------------------


def picture_in(encoded: str, name: str) -> Image.Image:
    try:
        picture = decode(base64.b64decode(encoded, validate=True))
    except (binascii.Error, UndecodableError):
        raise UnfitError(f"{name}: could not be decoded") from None
    if min(picture.size) < 32 or picture.width * picture.height > 9 * MEGAPIXEL:
        raise UnfitError(f"{name}: unsupported dimensions")
    return picture


def _order(body: Body, size: Size, **given: Any) -> Order:
    return Order(getattr(body, "prompt", ""), size, encoding=Encoding(body.output_format, 90), **given)


def _drawn(body: Drawing | StyleGuide) -> Order:
    if isinstance(body, StyleGuide):
        picture_in(body.image, "image")
    return _order(body, DRAWN[body.aspect_ratio])


def _diffused(body: StableDiffusion) -> Order:
    if body.mode == "text-to-image":
        if body.image is not None or body.strength is not None:
            raise UnfitError("image and strength are for mode image-to-image")
        return _drawn(body)
    if body.image is None or body.strength is None:
        raise UnfitError("image-to-image needs image and strength")
    if "aspect_ratio" in body.model_fields_set:
        raise UnfitError("aspect_ratio is for mode text-to-image")
    picture = picture_in(body.image, "image")
    return _order(body, picture.size, images=(picture,))


def _edited(body: Any) -> Order:
    """Drawn over, all of it or where a mask is white, or the picture itself transparent."""
    picture = picture_in(body.image, "image")
    given: str | None = getattr(body, "mask", None)
    mask = drawn_anew(picture, picture_in(given, "mask") if given is not None else None)
    return _order(body, picture.size, images=(picture,), mask=mask)


def _widened(body: Outpaint) -> Order:
    if not (body.left or body.right or body.up or body.down):
        raise UnfitError("at least one of left, right, up and down must be above 0")
    picture = picture_in(body.image, "image")
    size = (picture.width + body.left + body.right, picture.height + body.up + body.down)
    canvas, mask = widened(picture, body.left, body.up, size)
    return _order(body, size, images=(canvas,), mask=mask)


def _cut_out(body: RemoveBackground) -> Order:
    return _order(body, picture_in(body.image, "image").size, transparent=True)


def _restyled(body: StyleTransfer) -> Order:
    picture_in(body.style_image, "style_image")
    picture = picture_in(body.init_image, "init_image")
    return _order(body, picture.size, images=(picture,))


def _four_times(body: FastUpscale) -> Order:
    picture = picture_in(body.image, "image")
    if picture.width * picture.height > MEGAPIXEL:
        raise UnfitError("image: unsupported dimensions")
    return _order(body, (picture.width * 4, picture.height * 4), images=(picture,))


def _four_megapixels(body: Any) -> Order:
    picture = picture_in(body.image, "image")
    return _order(body, scaled(picture.size, 4 * MEGAPIXEL, 1), images=(picture,))


# --- the models --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Model:
    """One model: its body, and what a call costs in dollars."""

    body: type[Body]
    order: Callable[[Any], Order]
    price: str
    profiled: bool = True
    """Whether it is served by inference profiles alone."""

    @property
    def dollars(self) -> Decimal:
        return Decimal(self.price)


MODELS: Mapping[str, Model] = {
    "stability.sd3-5-large-v1:0": Model(StableDiffusion, _diffused, "0.08", profiled=False),
    "stability.stable-image-core-v1:1": Model(StableImage, _drawn, "0.04", profiled=False),
    "stability.stable-image-ultra-v1:1": Model(StableImage, _drawn, "0.14", profiled=False),
    "stability.stable-image-inpaint-v1:0": Model(Inpaint, _edited, "0.07"),
    "stability.stable-outpaint-v1:0": Model(Outpaint, _widened, "0.06"),
    "stability.stable-image-search-replace-v1:0": Model(SearchReplace, _edited, "0.07"),
    "stability.stable-image-search-recolor-v1:0": Model(SearchRecolor, _edited, "0.07"),
    "stability.stable-image-erase-object-v1:0": Model(EraseObject, _edited, "0.07"),
    "stability.stable-image-remove-background-v1:0": Model(RemoveBackground, _cut_out, "0.07"),
    "stability.stable-image-control-sketch-v1:0": Model(Controlled, _edited, "0.07"),
    "stability.stable-image-control-structure-v1:0": Model(Controlled, _edited, "0.07"),
    "stability.stable-image-style-guide-v1:0": Model(StyleGuide, _drawn, "0.07"),
    "stability.stable-style-transfer-v1:0": Model(StyleTransfer, _restyled, "0.08"),
    "stability.stable-creative-upscale-v1:0": Model(Creative, _four_megapixels, "0.60"),
    "stability.stable-conservative-upscale-v1:0": Model(Conservative, _four_megapixels, "0.40"),
    "stability.stable-fast-upscale-v1:0": Model(FastUpscale, _four_times, "0.03"),
}
RETIRED = frozenset(
    {"amazon.nova-canvas-v1:0", "amazon.titan-image-generator-v2:0", "stability.stable-diffusion-xl-v1"}
)
