"""What Gemini's image models take, and the tokens and dollars that a picture of theirs comes to.

From Google's pages as others quoted them, November 2026. Tokens of 2K and 4K of the flash models follow from prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from math import ceil, log
from typing import Any

from pixelrelay.testing.emulator.base import Order
from pixelrelay.testing.emulator.pictures import Size

_THIRD: Mapping[str, Size] = {
    "1:1": (1024, 1024),
    "2:3": (848, 1264),
    "3:2": (1264, 848),
    "3:4": (896, 1200),
    "4:3": (1200, 896),
    "4:5": (928, 1152),
    "5:4": (1152, 928),
    "9:16": (768, 1376),
    "16:9": (1376, 768),
    "21:9": (1584, 672),
}
_EXTREME: Mapping[str, Size] = {
    **_THIRD,
    "1:4": (512, 2048),
    "4:1": (2048, 512),
    "1:8": (384, 3072),
    "8:1": (3072, 384),
}
_SECOND: Mapping[str, Size] = {
    "1:1": (1024, 1024),
    "2:3": (832, 1248),
    "3:2": (1248, 832),
    "3:4": (864, 1184),
    "4:3": (1184, 864),
    "4:5": (896, 1152),
    "5:4": (1152, 896),
    "9:16": (768, 1344),
    "16:9": (1344, 768),
    "21:9": (1536, 672),
}
_SCALES: Mapping[str, float] = {"512": 0.5, "1K": 1, "2K": 2, "4K": 4}


@dataclass(frozen=True, slots=True)
class ModelRules:
    """What one model takes, and what it is billed by: dollars for a million tokens."""

    text_in: Decimal
    text_out: Decimal
    image_out: Decimal
    tokens: Mapping[str, int]
    """Of a picture of each size class that it draws."""
    shapes: Mapping[str, Size] = field(default_factory=lambda: _THIRD)
    """The pixels of each ratio, at 1K."""
    tells_size: bool = True
    """Whether it may be told a size class."""
    thinking: tuple[str, ...] = ()
    """The levels it may be told."""
    thoughts: int = 120
    """Tokens spent on thinking, whatever is asked."""
    input_tokens: int = 258
    """Of each picture given to it."""
    references: int = 14
    global_only: bool = True
    """On Vertex AI: whether regions do not have it."""


_D = Decimal
MODELS: Mapping[str, ModelRules] = {
    "gemini-2.5-flash-image": ModelRules(
        _D("0.3"), _D("2.5"), _D(30), {"1K": 1290}, _SECOND, False, thoughts=0, references=3, global_only=False
    ),
    "gemini-3-pro-image": ModelRules(
        _D(2), _D(12), _D(120), {"1K": 1120, "2K": 1120, "4K": 2000}, input_tokens=560
    ),
    "gemini-3.1-flash-image": ModelRules(
        _D("0.5"), _D(3), _D(60), {"512": 747, "1K": 1120, "2K": 1680, "4K": 2520}, _EXTREME,
        thinking=("minimal", "high"),
    ),
    "gemini-3.1-flash-lite-image": ModelRules(_D("0.25"), _D("1.5"), _D(30), {"1K": 1120}),
    "gemini-nano-banana-2.1": ModelRules(
        _D("1.5"), _D("7.5"), _D(30), {"1K": 1120, "2K": 1680, "4K": 2520}, _EXTREME,
        thinking=("minimal", "medium", "high"),
    ),
}  # fmt: skip


def size_of(rules: ModelRules, ratio: str | None, size_class: str | None, first: Size | None) -> Size:
    """What is drawn: of the ratio asked for, else of the one that the first picture has, else a square."""
    if ratio is None:
        ratio = "1:1" if first is None else min(rules.shapes, key=lambda name: _apart(rules.shapes[name], first))
    width, height = rules.shapes[ratio]
    scale = _SCALES[size_class or "1K"]
    return round(width * scale), round(height * scale)


def _apart(one: Size, other: Size) -> float:
    return abs(log(one[0] * other[1] / (one[1] * other[0])))


def text_tokens(prompt: str) -> int:
    return 2 + ceil(len(prompt) / 4)


def usage(rules: ModelRules, order: Order, size_class: str | None) -> dict[str, Any]:
    """Tokens of one call, in the shape of the answer's ``usageMetadata``."""
    text, images = text_tokens(order.prompt), rules.input_tokens * len(order.images)
    drawn = rules.tokens[size_class or "1K"]
    given = [{"modality": "TEXT", "tokenCount": text}]
    if images:
        given.append({"modality": "IMAGE", "tokenCount": images})
    thoughts = {"thoughtsTokenCount": rules.thoughts} if rules.thoughts else {}
    return {
        "promptTokenCount": text + images,
        "candidatesTokenCount": drawn,
        "totalTokenCount": text + images + drawn + rules.thoughts,
        **thoughts,
        "promptTokensDetails": given,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": drawn}],
    }


def dollars(rules: ModelRules, tokens: Mapping[str, Any]) -> Decimal:
    micros = (
        tokens["promptTokenCount"] * rules.text_in
        + tokens.get("thoughtsTokenCount", 0) * rules.text_out
        + tokens["candidatesTokenCount"] * rules.image_out
    )
    return Decimal(micros) / 1_000_000
