"""What OpenAI's image models take, and the tokens and dollars that a picture of theirs comes to.

From OpenAI's published guide, SDK and price list, November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import Any

from pixelrelay.testing.emulator.base import Order
from pixelrelay.testing.emulator.pictures import Size

RETIRED = frozenset({"dall-e-2", "dall-e-3", "gpt-image-1"})
CLASSIC_SIZES = ("1024x1024", "1024x1536", "1536x1024")
PLAIN_QUALITIES = ("low", "medium", "high", "auto")
ALL_QUALITIES = ("low", "medium", "high", "xhigh", "max", "auto")
DEFAULT_SIZE = (1024, 1024)


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars for a million tokens."""

    text_in: Decimal
    image_in: Decimal
    image_out: Decimal


@dataclass(frozen=True, slots=True)
class ModelRules:
    """What one model takes."""

    flexible: bool
    """Whether it draws any size within bounds, or the three classic ones only."""
    qualities: tuple[str, ...]
    fidelities: frozenset[str]
    prices: Prices
    references: int = 16


def _prices(text_in: str, image_in: str, image_out: str) -> Prices:
    return Prices(Decimal(text_in), Decimal(image_in), Decimal(image_out))


_NEWEST = ModelRules(True, ALL_QUALITIES, frozenset(), _prices("5", "8", "30"))
MODELS: Mapping[str, ModelRules] = {
    "gpt-image-1-mini": ModelRules(False, PLAIN_QUALITIES, frozenset({"low"}), _prices("2", "2.5", "8")),
    "gpt-image-1.5": ModelRules(False, PLAIN_QUALITIES, frozenset({"low", "high"}), _prices("5", "8", "32")),
    "chatgpt-image-latest": ModelRules(False, PLAIN_QUALITIES, frozenset({"low", "high"}), _prices("5", "8", "32")),
    "gpt-image-2": ModelRules(True, PLAIN_QUALITIES, frozenset(), _prices("5", "8", "30")),
    "gpt-image-2.5-sunburst": _NEWEST,
    "gpt-image-2.5-flare": _NEWEST,
    "gpt-image-2.6-sunburst": _NEWEST,
    "gpt-image-2.6-flare": _NEWEST,
}


def undated(model: str) -> str:
    """``gpt-image-2`` of ``gpt-image-2-2026-04-21``."""
    return re.sub(r"-\d{4}-\d{2}-\d{2}$", "", model)


def rules_of(model: str) -> ModelRules | None:
    """``None`` for a model that does not exist, or does no more."""
    return MODELS.get(undated(model))


def size_objection(rules: ModelRules, text: str) -> str | None:
    """Why ``text`` is not drawn, in OpenAI's words; ``None`` if it is."""
    if text == "auto":
        return None
    if not rules.flexible:
        known = text in CLASSIC_SIZES
        return None if known else f"Invalid size '{text}'. Supported sizes are {', '.join(CLASSIC_SIZES)}, and auto."
    size = parsed(text)
    if size is None:
        return f"Invalid size '{text}'. Expected WIDTHxHEIGHT or auto."
    width, height = size
    if width % 16 or height % 16:
        return f"Invalid size '{text}'. Width and height must be divisible by 16."
    if max(size) > 3840:
        return f"Invalid size '{text}'. The longest edge must be at most 3840."
    if max(size) > 3 * min(size):
        return f"Invalid size '{text}'. The aspect ratio must be between 1:3 and 3:1."
    if width * height < 655_360:
        return f"Invalid size '{text}'. Requested resolution is below the current minimum pixel budget."
    if width * height > 8_294_400:
        return f"Invalid size '{text}'. Requested resolution is above the current maximum pixel budget."
    return None


def parsed(text: str) -> Size | None:
    """``(1024, 1536)`` of ``1024x1536``."""
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    return (int(found[1]), int(found[2])) if found else None


def automatic_size(first: Size | None) -> Size:
    """What ``auto`` comes to: a square, or of the classic sizes the one shaped most like the input."""
    if first is None or first[0] == first[1]:
        return DEFAULT_SIZE
    return (1536, 1024) if first[0] > first[1] else (1024, 1536)


# --- tokens ------------------------------------------------------------------------------------------------------

# Of the picture drawn: square, portrait, landscape. For gpt-image-2 above "low" they follow from the prices a picture.
_CLASSIC_TOKENS: Mapping[str, tuple[int, int, int]] = {
    "low": (272, 408, 400),
    "medium": (1056, 1584, 1568),
    "high": (4160, 6240, 6208),
}
_FLEXIBLE_TOKENS: Mapping[str, tuple[int, int, int]] = {
    "low": (196, 167, 167),
    "medium": (1767, 1367, 1367),
    "high": (7033, 5500, 5500),
    "xhigh": (14066, 11000, 11000),
    "max": (28132, 22000, 22000),
}


def usage(rules: ModelRules, order: Order, partial_images: int = 0) -> dict[str, Any]:
    """Tokens of one call, in the shape of the answer's ``usage``."""
    text = 6 + ceil(len(order.prompt) / 4)
    image = sum(_input_tokens(picture.size) for picture in order.images)
    output = order.n * (_output_tokens(rules, order) + 100 * partial_images)
    return {
        "input_tokens": text + image,
        "input_tokens_details": {"text_tokens": text, "image_tokens": image},
        "output_tokens": output,
        "output_tokens_details": {"image_tokens": output, "text_tokens": 0},
        "total_tokens": text + image + output,
    }


def dollars(rules: ModelRules, tokens: Mapping[str, Any]) -> Decimal:
    details = tokens["input_tokens_details"]
    prices = rules.prices
    micros = (
        details["text_tokens"] * prices.text_in
        + details["image_tokens"] * prices.image_in
        + tokens["output_tokens"] * prices.image_out
    )
    return Decimal(micros) / 1_000_000


def _output_tokens(rules: ModelRules, order: Order) -> int:
    table = _FLEXIBLE_TOKENS if rules.flexible else _CLASSIC_TOKENS
    square, portrait, landscape = table[order.quality or "medium"]
    width, height = order.size
    if width == height:
        return ceil(square * width * height / 1_048_576)
    return ceil((portrait if height > width else landscape) * width * height / 1_572_864)


def _input_tokens(size: Size) -> int:
    """By tiles of 512 pixels; OpenAI publishes no table for these models."""
    return 65 + 129 * ceil(size[0] / 512) * ceil(size[1] / 512)
