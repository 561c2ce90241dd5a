"""Prices as people write them, requests, and what came of them."""

from __future__ import annotations

from typing import Any

from pixelrelay.cost.prices import Price
from pixelrelay.cost.rows import PriceRow
from pixelrelay.images import Generation, Image, ImageRequest, InputImage, Operation, Size, parse_size

PICTURE = Image(url="https://cdn.example/1.png")


def priced(**written: Any) -> Price:
    """The price that a configuration, or a list, would say so."""
    row = PriceRow(**written)
    return Price(row.terms, row.factor, row.source or "the configuration", row.day)


def asked(size: str | Size | None = None, n: int = 1, *inputs: str | Size | None, **further: Any) -> ImageRequest:
    """A request for ``n`` pictures, from input images of those sizes where there are any."""
    images = tuple(InputImage(b"", "image/png", "in.png", as_size(each)) for each in inputs)
    operation = Operation.EDIT if images else Operation.GENERATE
    return ImageRequest(operation, further.pop("prompt", "a picture"), n, as_size(size), images=images, **further)


def drawn(pictures: int = 1, **told: Any) -> Generation:
    """So many pictures, with what the provider told of them."""
    return Generation(images=(PICTURE,) * pictures, **told)


def as_size(text: str | Size | None) -> Size | None:
    return text if isinstance(text, Size) else parse_size(text)
