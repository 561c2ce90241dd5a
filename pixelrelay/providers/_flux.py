"""Bodies for FLUX, wherever it is served: how a size is said, and where input images go.

What a model takes, and in which ranges, stands in the rows of capabilities, by which it is judged before anything is
reserved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pixelrelay.images import InputImage, Size
from pixelrelay.providers.capabilities import ratio_of


def in_pixels(size: Size) -> Mapping[str, Any]:
    return {"width": size.width, "height": size.height}


def as_ratio(size: Size) -> Mapping[str, Any]:
    return {"aspect_ratio": ratio_of(size)}


def numbered(images: tuple[InputImage, ...]) -> Mapping[str, Any]:
    """``input_image``, ``input_image_2`` … in bare base64: a ``data:`` prefix is refused."""
    return {
        "input_image" if number == 1 else f"input_image_{number}": image.base64
        for number, image in enumerate(images, start=1)
    }
