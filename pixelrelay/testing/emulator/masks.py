"""Masks as the services of Stability AI read them, made into those that the drawing here knows."""

from __future__ import annotations

from PIL import Image, ImageOps

from pixelrelay.testing.emulator.pictures import Size


def drawn_anew(picture: Image.Image, mask: Image.Image | None) -> Image.Image | None:
    """Transparent where ``mask`` is white, or without one where ``picture`` itself is transparent.

    ``None`` where all of it is to be drawn over. A mask of another size is made to fit.
    """
    if mask is not None:
        kept = ImageOps.invert(mask.convert("L")).resize(picture.size)
    elif picture.has_transparency_data:
        kept = picture.convert("RGBA").getchannel("A")
    else:
        return None
    found = Image.new("RGBA", picture.size)
    found.putalpha(kept.point(_at_least_half))
    return found


def widened(picture: Image.Image, left: int, up: int, size: Size) -> tuple[Image.Image, Image.Image]:
    """``picture`` on a canvas of ``size``, and a mask that is transparent around it."""
    canvas, mask = Image.new("RGB", size), Image.new("RGBA", size, (0, 0, 0, 0))
    canvas.paste(picture.convert("RGB"), (left, up))
    mask.paste((0, 0, 0, 255), (left, up, left + picture.width, up + picture.height))
    return canvas, mask


def _at_least_half(value: int) -> int:
    return 255 if value >= 128 else 0
