"""From a FLUX body to an ``Order``, and what is wrong with it in the words of FastAPI."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image, ImageOps
from pydantic import ValidationError

from pixelrelay.testing.emulator.answers import RefusalError
from pixelrelay.testing.emulator.base import Order
from pixelrelay.testing.emulator.flux_bodies import MEGAPIXEL, Body, Erase, Expand, Fill, Outpaint
from pixelrelay.testing.emulator.pictures import Encoding, Size, UndecodableError, decode

BodyT = TypeVar("BodyT", bound=Body)


def read_body(model: type[BodyT], raw: bytes) -> BodyT:
    """The body as ``model``; raises FastAPI's 422."""
    try:
        return model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        detail = [
            {"loc": ["body", *each["loc"]], "msg": each["msg"], "type": each["type"]}
            for each in error.errors(include_url=False, include_input=False)
        ]
        raise RefusalError(422, {"detail": detail}) from None


def order_of(body: Body) -> Order:
    """What is to be drawn; raises ``UndecodableError`` for input that is no picture in bare base64."""
    pictures = tuple(picture_in(encoded) for encoded in body.pictures)
    size = body.size(pictures[0].size if pictures else None)
    mask: Image.Image | None = None
    if isinstance(body, Fill | Erase):
        mask = _fill_mask(pictures[0], picture_in(body.mask) if body.mask else None)
    if isinstance(body, Expand | Outpaint):
        origin = body.origin(pictures[0].size)
        mask = _margins(size, origin, pictures[0].size)
        canvas = Image.new("RGB", size)
        canvas.paste(pictures[0].convert("RGB"), origin)
        return _order(body, size, (canvas,), mask)
    return _order(body, size, pictures, mask)


def _order(body: Body, size: Size, pictures: tuple[Image.Image, ...], mask: Image.Image | None) -> Order:
    return Order(
        prompt=body.prompt,
        size=size,
        steps=body.drawing_steps,
        encoding=Encoding(body.file_format, 90),
        images=pictures,
        mask=mask,
    )


def picture_in(encoded: str) -> Image.Image:
    """The picture in bare base64. An address is no use: nothing is fetched from here."""
    try:
        return decode(base64.b64decode(encoded, validate=True))
    except binascii.Error:
        raise UndecodableError("not base64") from None


def _fill_mask(picture: Image.Image, mask: Image.Image | None) -> Image.Image:
    """White, or what is transparent in the picture itself, is drawn anew."""
    kept = ImageOps.invert(mask.convert("L")) if mask is not None else picture.convert("RGBA").getchannel("A")
    if kept.size != picture.size:
        raise UndecodableError("the mask has another size than the image")
    as_mask = Image.new("RGBA", picture.size)
    as_mask.putalpha(kept.point(_at_least_half))
    return as_mask


def _margins(size: Size, origin: Size, inner: Size) -> Image.Image:
    mask = Image.new("RGBA", size, (0, 0, 0, 0))
    mask.paste((0, 0, 0, 255), (*origin, origin[0] + inner[0], origin[1] + inner[1]))
    return mask


def _at_least_half(value: int) -> int:
    return 255 if value >= 128 else 0


@dataclass(frozen=True, slots=True)
class Megapixels:
    """What FLUX.2 is billed by, with two decimals as its answers tell it."""

    input: float
    output: float

    @classmethod
    def of(cls, order: Order) -> Megapixels:
        given = sum(picture.size[0] * picture.size[1] for picture in order.images)
        return cls(round(given / MEGAPIXEL, 2), round(order.size[0] * order.size[1] / MEGAPIXEL, 2))
