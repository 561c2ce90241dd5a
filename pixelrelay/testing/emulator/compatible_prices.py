"""What a call costs at each of the servers that speak OpenAI's Images API, as their lists had it in November 2026."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from pixelrelay.testing.emulator.base import Order
from pixelrelay.testing.emulator.compatible_bodies import Body, XaiGeneration

_NSCALE: Mapping[str, Decimal] = {
    "black-forest-labs/FLUX.1-schnell": Decimal("0.0013"),
    "stabilityai/stable-diffusion-xl-base-1.0": Decimal("0.003"),
}
"""Dollars a megapixel, of a million pixels."""

_TOGETHER: Mapping[str, Decimal] = {
    "black-forest-labs/FLUX.1.1-pro": Decimal("0.04"),
    "black-forest-labs/FLUX.1-kontext-pro": Decimal("0.04"),
    "black-forest-labs/FLUX.1-kontext-max": Decimal("0.08"),
}
"""The same. What other makers run themselves is charged as they do, and is taken to be 3 cents here."""

_XAI_2: Mapping[tuple[str, str], Decimal] = {
    ("1k", "low"): Decimal("0.04"),
    ("1k", "medium"): Decimal("0.06"),
    ("2k", "low"): Decimal("0.06"),
    ("2k", "medium"): Decimal("0.08"),
}
"""Dollars a picture of grok-imagine-image-2.0; medium is its own choice."""


def free(body: Body, order: Order) -> Decimal:  # noqa: ARG001 - nobody is paid
    return Decimal(0)


def nscale(body: Body, order: Order) -> Decimal:
    return _by_megapixel(_NSCALE.get(body.model, Decimal("0.003")), order)


def together(body: Body, order: Order) -> Decimal:
    return _by_megapixel(_TOGETHER.get(body.model, Decimal("0.03")), order)


def xai(body: Body, order: Order) -> Decimal:
    assert isinstance(body, XaiGeneration)
    if body.model == "grok-imagine-image-2.0":
        picture, given = _XAI_2[body.resolution, body.quality or "medium"], Decimal("0.01")
    else:
        picture, given = Decimal("0.02"), Decimal("0.002")
    return picture * order.n + given * len(order.images)


def _by_megapixel(price: Decimal, order: Order) -> Decimal:
    return price * order.n * order.size[0] * order.size[1] / 1_000_000
