"""From OpenAI's masks, where what is transparent is drawn anew, to those where what is white is, or what is black."""

from __future__ import annotations

import io
from dataclasses import replace

from pixelrelay.errors import ProviderError
from pixelrelay.images import InputImage
from pixelrelay.outcomes import Failure, FailureKind

_COLOUR_TYPE = 25
"""Where a PNG's header says how it is coloured: 4 and 6 are with alpha."""


def white_where_drawn(mask: InputImage) -> str:
    """As ``black_and_white``, in base64."""
    return black_and_white(mask).base64


def black_and_white(mask: InputImage) -> InputImage:
    """``mask`` with white for what is fully transparent in it and black for all else.

    A mask without transparency is black and white already and passes as it is. Raises ``ProviderError`` with
    ``INVALID``, at no cost, if the mask cannot be read, or if Pillow, which reads it, is not installed.
    """
    return _painted(mask, _WHITE)


def white_and_black(mask: InputImage) -> InputImage:
    """As ``black_and_white``, the other way round: black for what is fully transparent and white for all else."""
    return _painted(mask, _BLACK)


_WHITE, _BLACK = (255, *[0] * 255), (0, *[255] * 255)
"""What each opacity, from none to full, is painted as."""


def _painted(mask: InputImage, paint: tuple[int, ...]) -> InputImage:
    png = mask.bytes()
    return replace(mask, data=_repainted(png, paint)) if _may_be_transparent(png) else mask


def _may_be_transparent(png: bytes) -> bool:
    pixels_begin = png.find(b"IDAT")
    return png[_COLOUR_TYPE : _COLOUR_TYPE + 1] in {b"\x04", b"\x06"} or b"tRNS" in png[: max(pixels_begin, 0)]


def _repainted(png: bytes, paint: tuple[int, ...]) -> bytes:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise _invalid(
            "not sent: this provider's masks are black and white, and turning a transparent one into such a mask "
            "needs Pillow: pip install 'pixelrelay[masks]'"
        ) from None
    try:
        with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
            alpha = opened.convert("RGBA").getchannel("A")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise _invalid(f"not sent: the mask cannot be read: {type(error).__name__}") from None
    if alpha.histogram()[255] == alpha.width * alpha.height:
        # An alpha channel that hides nothing marks nothing: the drawing program added it to a black and white mask.
        return png
    painted = io.BytesIO()
    alpha.point(list(paint)).save(painted, "PNG")
    return painted.getvalue()


def _invalid(message: str) -> ProviderError:
    return ProviderError(Failure(FailureKind.INVALID, message))
