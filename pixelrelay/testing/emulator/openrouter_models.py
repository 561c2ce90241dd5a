"""Some of the models behind OpenRouter: what each is listed to take, what it draws, and what that costs there.

From OpenRouter's list of image models and the prices in it (31 July 2026), and Google's table of sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import sqrt

from pixelrelay.testing.emulator.pictures import Size

TIERS = {"512": 512, "1K": 1024, "2K": 2048, "4K": 4096}

_GOOGLE: Mapping[str, Size] = {
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
    "1:4": (512, 2048),
    "4:1": (2048, 512),
    "1:8": (384, 3072),
    "8:1": (3072, 384),
}
_GOOGLE_PRO = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_SEEDREAM = (
    "1:1", "1:2", "2:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "9:19.5", "19.5:9", "9:20", "20:9",
    "9:21", "21:9", "auto",
)  # fmt: skip
_RECRAFT = ("1:1", "4:3", "3:4", "16:9", "9:16", "auto")
_RIVERFLOW = ("1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16", "21:9", "auto")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model as the images route lists it."""

    ratios: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    most: int = 1
    references: int
    backgrounds: tuple[str, ...] = ()
    qualities: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    compression: bool = False
    seed: bool = False
    draws: str = "png"
    """The format where none is asked for."""
    writes: bool = False
    """Whether it answers in words too."""
    google: bool = False
    image: Mapping[str, Decimal]
    """Dollars a picture, by tier."""
    tokens: int = 0
    """Of a picture at 1K."""

    def size(self, ratio: str | None, tier: str | None) -> Size:
        """What it draws."""
        edge = TIERS[tier or "1K"]
        if ratio in {None, "auto"}:
            return edge, edge
        assert ratio is not None
        if self.google:
            width, height = _GOOGLE[ratio]
            return width * edge // 1024, height * edge // 1024
        wide, high = (float(part) for part in ratio.split(":"))
        return _on_grid(edge * sqrt(wide / high)), _on_grid(edge * sqrt(high / wide))

    def dollars(self, tier: str | None, n: int) -> Decimal:
        return self.image[tier or "1K"] * n


def _on_grid(edge: float) -> int:
    return max(1, round(edge / 32)) * 32


def _flat(price: str) -> Mapping[str, Decimal]:
    return dict.fromkeys(TIERS, Decimal(price))


def _by_tier(**prices: str) -> Mapping[str, Decimal]:
    return {tier.lstrip("_"): Decimal(price) for tier, price in prices.items()}


MODELS: Mapping[str, Model] = {
    "google/gemini-3.1-flash-image": Model(
        ratios=tuple(_GOOGLE),
        tiers=("512", "1K", "2K", "4K"),
        references=14,
        writes=True,
        google=True,
        image=_by_tier(_512="0.0448", _1K="0.0672", _2K="0.1008", _4K="0.1512"),
        tokens=1120,
    ),
    "google/gemini-3-pro-image": Model(
        ratios=_GOOGLE_PRO,
        tiers=("1K", "2K", "4K"),
        references=14,
        writes=True,
        google=True,
        image=_by_tier(_1K="0.1344", _2K="0.1344", _4K="0.24"),
        tokens=1120,
    ),
    "bytedance-seed/seedream-4.5": Model(
        ratios=_SEEDREAM,
        tiers=("1K", "2K", "4K"),
        most=10,
        references=14,
        seed=True,
        image=_flat("0.04"),
        tokens=4175,
    ),
    "openai/gpt-image-2": Model(
        ratios=("1:1", "3:2", "2:3", "4:3", "3:4", "16:9", "9:16", "21:9", "auto"),
        most=10,
        references=16,
        backgrounds=("auto", "opaque"),
        qualities=("auto", "low", "medium", "high"),
        compression=True,
        image=_flat("0.053"),
        tokens=1767,
    ),
    "recraft/recraft-v4.1": Model(ratios=_RECRAFT, most=6, references=1, draws="webp", image=_flat("0.035")),
    "recraft/recraft-v4.1-vector": Model(ratios=_RECRAFT, most=6, references=1, draws="svg", image=_flat("0.08")),
    "sourceful/riverflow-v2.5-pro": Model(
        ratios=_RIVERFLOW,
        tiers=("1K", "2K", "4K"),
        references=10,
        backgrounds=("auto", "transparent", "opaque"),
        formats=("png", "jpeg", "webp"),
        image=_by_tier(_1K="0.13", _2K="0.15", _4K="0.17"),
    ),
}
