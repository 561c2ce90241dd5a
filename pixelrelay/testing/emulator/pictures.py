"""Real pictures, of exactly the size and format asked for, that tell which call drew them; and made quickly."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from io import BytesIO
from textwrap import wrap
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFile, ImageFont, UnidentifiedImageError

Size: TypeAlias = tuple[int, int]
Colour: TypeAlias = tuple[int, int, int]
Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

MEDIA_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "svg": "image/svg+xml"}
_INK = (255, 255, 255)
LARGEST_CACHED = 512 * 512
"""Pixels of the largest background that is kept; all that are kept fit in some 50 MB."""


class UndecodableError(Exception):
    """Bytes that are no picture."""


@dataclass(frozen=True, slots=True)
class Caption:
    """What is written on a picture."""

    prompt: str
    deployment: str
    number: int
    index: int = 0
    """Which of the pictures of one call."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """The file that a picture becomes."""

    format: str = "png"
    """``png``, ``jpeg``, ``webp``, or ``svg``, which holds the picture as its only element."""
    compression: int = 100
    """From 0 to 100, of jpeg and webp."""


def decode(data: bytes) -> ImageFile.ImageFile:
    """The picture in a file, read whole; ``UndecodableError`` if there is none."""
    try:
        picture = Image.open(BytesIO(data))
        picture.load()
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UndecodableError(str(error)) from None
    return picture


def draw(caption: Caption, size: Size, transparent: bool = False) -> Image.Image:
    """A new picture, in colours of its prompt."""
    if transparent:
        picture = Image.new("RGBA", size, (0, 0, 0, 0))
    else:
        picture = _background(size, *_colours(caption.prompt)).copy()
    _write(picture, caption, at=0.08)
    return picture


def edit(base: Image.Image, caption: Caption, size: Size, mask: Image.Image | None = None) -> Image.Image:
    """``base`` at ``size`` with a band across it that says it was edited.

    With a mask only what is fully transparent in it is drawn anew, and every other pixel stays as it was.
    """
    original = base.convert("RGB").resize(size)
    if mask is not None:
        opaque = mask.convert("RGBA").getchannel("A").resize(size, Image.Resampling.NEAREST).point(_is_kept)
        return Image.composite(original, draw(caption, size), opaque)
    edited = original.copy()
    width, height = size
    dark, _ = _colours(caption.prompt)
    ImageDraw.Draw(edited).rectangle((0, int(height * 0.7), width, height), fill=dark)
    _write(edited, caption, at=0.72, heading="edited")
    return edited


def coarse(picture: Image.Image, factor: int) -> Image.Image:
    """The picture as if it had been drawn with so much wider a brush."""
    return picture.reduce(factor * 4).resize(picture.size, Image.Resampling.NEAREST)


def encode(picture: Image.Image, encoding: Encoding) -> bytes:
    """The file, with little effort spent on making it small."""
    target = BytesIO()
    match encoding.format:
        case "png":
            picture.save(target, "PNG", compress_level=1)
        case "jpeg":
            picture.convert("RGB").save(target, "JPEG", quality=max(1, min(95, encoding.compression)))
        case "webp":
            picture.save(target, "WEBP", quality=encoding.compression, method=0)
        case "svg":
            target.write(_wrapped(picture))
        case unknown:
            raise ValueError(f"no format is named {unknown!r}")
    return target.getvalue()


def _wrapped(picture: Image.Image) -> bytes:
    width, height = picture.size
    inner = b64encode(encode(picture, Encoding("png"))).decode("ascii")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<image width="{width}" height="{height}" href="data:image/png;base64,{inner}"/></svg>'
    ).encode()


def _is_kept(alpha: int) -> int:
    return 0 if alpha == 0 else 255


def _colours(prompt: str) -> tuple[Colour, Colour]:
    """A dark and a lighter one, on either of which white can be read; few pairs in all, so that they come again."""
    hue = tuple(byte // 43 for byte in blake2b(prompt.encode(), digest_size=3).digest())
    red, green, blue = (16 + 20 * step for step in hue)
    return (red // 2, green // 2, blue // 2), (red, green, blue)


def _background(size: Size, dark: Colour, light: Colour) -> Image.Image:
    if size[0] * size[1] <= LARGEST_CACHED:
        return _kept_background(size, dark, light)
    return _striped(size, dark, light)


@lru_cache(maxsize=64)
def _kept_background(size: Size, dark: Colour, light: Colour) -> Image.Image:
    return _striped(size, dark, light)


def _striped(size: Size, dark: Colour, light: Colour) -> Image.Image:
    """Eight stripes from dark to light: quick to compress however large, and easy to tell from another."""
    picture = Image.new("RGB", size, dark)
    pen = ImageDraw.Draw(picture)
    for stripe in range(1, 8):
        colour = tuple(low + (high - low) * stripe // 7 for low, high in zip(dark, light, strict=True))
        pen.rectangle((0, size[1] * stripe // 8, size[0], size[1]), fill=colour)
    return picture


@lru_cache(maxsize=32)
def _font(pixels: int) -> Font:
    return ImageFont.load_default(pixels)


def _write(picture: Image.Image, caption: Caption, at: float, heading: str | None = None) -> None:
    width, height = picture.size
    pixels = max(8, min(width, height) // 14)
    prompt = wrap(caption.prompt, max(8, 2 * width // (pixels + 1) - 6), max_lines=4, placeholder=" …")
    footer = f"#{caption.number}" + (f".{caption.index + 1}" if caption.index else "")
    lines = [heading, *prompt, f"{caption.deployment}  {width}x{height}  {footer}"]
    if heading is not None:
        lines = [f"{heading}: {lines[1] if prompt else ''}", lines[-1]]
    pen = ImageDraw.Draw(picture)
    left, line_height = max(2, width // 20), pixels + pixels // 3
    for row, line in enumerate(line for line in lines if line):
        top = int(height * at) + row * line_height
        pen.text((left, top), line, font=_font(pixels), fill=_INK)
