"""What pictures cost: a price, what it comes to before a call and after it. Dollars, as ``Decimal``, throughout.

``None`` means that nobody knows; zero means free.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Context, Decimal, localcontext

from pixelrelay.images import Generation, Size

# The host program may have set a context of a few digits; money is added up in one of its own.
_EXACT = Context(prec=60)


@dataclass(frozen=True, slots=True)
class Price:
    """What one picture costs: so much apiece, so much for each megapixel of it, or the sum of both."""

    image: Decimal | None = None
    megapixel: Decimal | None = None
    """For a million pixels drawn. Parts of a megapixel count as parts: nothing is rounded."""
    source: str = "the configuration"
    day: date | None = None
    """When the source said so; ``None`` where nobody noted it."""

    def of(self, size: Size | None) -> Decimal | None:
        """One picture of ``size``; ``None`` if the price is not known, or needs a size that is not."""
        if self.image is None and self.megapixel is None:
            return None
        if self.megapixel is None:
            return self.image
        if size is None:
            return None
        with localcontext(_EXACT):
            return (self.image or Decimal(0)) + self.megapixel * Decimal(size.pixels).scaleb(-6)


def estimate(price: Price | None, size: Size | None, n: int) -> Decimal | None:
    """What ``n`` pictures of ``size`` will cost; ``None`` where the price, or the size it needs, is unknown."""
    return _sum(price, (size for _ in range(n)))


def actual(price: Price | None, generation: Generation, asked: Size | None = None) -> Decimal | None:
    """What ``generation`` cost: as its provider billed it, else by ``price`` for the pictures that came.

    ``asked`` is the size of the request, which stands in where the provider does not tell what it drew.
    """
    if generation.cost is not None:
        return generation.cost
    size = generation.size or asked
    return _sum(price, (size for _ in generation.images))


def _sum(price: Price | None, sizes: Iterable[Size | None]) -> Decimal | None:
    if price is None:
        return None
    total = Decimal(0)
    with localcontext(_EXACT):
        for size in sizes:
            if (cost := price.of(size)) is None:
                return None
            total += cost
    return total


def micro_dollars(dollars: Decimal) -> int:
    """Whole millionths of a dollar, rounded up: what is counted against a budget is never too little."""
    with localcontext(_EXACT):
        return int(dollars.scaleb(6).to_integral_value(ROUND_CEILING))
