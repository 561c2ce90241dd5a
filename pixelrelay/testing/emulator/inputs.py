"""Input pictures as requests bring them: as ``data:`` URLs, as parts of a form, as black and white masks."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncGenerator

from PIL import Image, ImageOps
from PIL.ImageFile import ImageFile
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartParser
from starlette.requests import Request

from pixelrelay.testing.emulator.pictures import UndecodableError, decode


def picture_at(address: str) -> ImageFile:
    """The picture in a ``data:`` URL. An address is no use: nothing is fetched from here."""
    kind, comma, encoded = address.partition(";base64,")
    if not kind.startswith("data:image/") or not comma:
        raise UndecodableError("no data: URL of an image")
    try:
        return decode(base64.b64decode(encoded, validate=True))
    except binascii.Error:
        raise UndecodableError("not base64") from None


def picture_as_said(address: str) -> ImageFile:
    """The same, which must be of the type that the URL says; ``UndecodableError`` otherwise."""
    picture, said = picture_at(address), address.partition(";base64,")[0].removeprefix("data:")
    if picture.get_format_mimetype() != said:
        raise UndecodableError(f"it is not {said}")
    return picture


def transparent_where(mask: Image.Image, like: Image.Image, *, white: bool) -> Image.Image:
    """``mask`` as an order wants it: fully transparent where it is ``white``, or else where it is black.

    Raises ``UndecodableError`` if it has another size than the picture ``like``.
    """
    if mask.size != like.size:
        raise UndecodableError("the mask has another size than the image")
    return seen_through(mask, white=white)


def seen_through(mask: Image.Image, *, white: bool) -> Image.Image:
    """``mask``, fully transparent where it is ``white``, or else where it is black."""
    grey = mask.convert("L")
    found = Image.new("RGBA", mask.size)
    found.putalpha((ImageOps.invert(grey) if white else grey).point(_at_least_half))
    return found


def _at_least_half(value: int) -> int:
    return 255 if value >= 128 else 0


class _InMemoryParser(MultiPartParser):
    """Keeps files in memory: a thread that writes them to disk would be overtaken by a virtual clock."""

    spool_max_size = 1 << 30


async def form_of(request: Request) -> FormData:
    """The form that ``request`` brings. Raises ``MultiPartException`` if it is none."""
    body = await request.body()

    async def whole() -> AsyncGenerator[bytes, None]:
        yield body

    return await _InMemoryParser(request.headers, whole()).parse()
