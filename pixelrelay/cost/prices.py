"""What pictures cost: a price, what it comes to before a call and after it. Dollars, as ``Decimal``, throughout.

``None`` means that nobody knows; zero means free. A price is data (``rows``): what the configuration says of a
deployment, or the row of its model in the list of its provider (``listed``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_CEILING, Decimal, localcontext

from pixelrelay.cost.exact import EXACT, total
from pixelrelay.cost.facts import Facts, asked
from pixelrelay.cost.terms import ONE, Term
from pixelrelay.images import Generation, ImageRequest
from pixelrelay.outcomes import Usage


@dataclass(frozen=True, slots=True)
class Price:
    """What calls cost: the sum of its terms."""

    terms: tuple[Term, ...]
    factor: Decimal = ONE
    """What all of it is multiplied by: 0.85 where an account has a discount."""
    source: str = "the configuration"
    day: date | None = None
    """When the source said so; ``None`` where nobody noted it."""
    names: frozenset[str] = field(init=False, repr=False, compare=False)
    """The parameters of a provider's own that it goes by."""

    def __post_init__(self) -> None:
        if not self.terms:
            raise ValueError("a price needs a term; what is free is priced at 0")
        object.__setattr__(self, "names", frozenset[str]().union(*(term.names for term in self.terms)))

    def times(self, factor: Decimal) -> Price:
        """The same, cheaper or dearer all over."""
        with localcontext(EXACT):
            return replace(self, factor=self.factor * factor)

    def facts(self, request: ImageRequest) -> Facts:
        """All that it goes by; two requests with equal facts cost the same."""
        return asked(request, self.names)

    def of(self, facts: Facts, usage: Usage | None = None) -> Decimal | None:
        """One call; ``None`` if what the price goes by is not known."""
        with localcontext(EXACT):
            whole = total(term.cost(facts, usage) for term in self.terms)
            return None if whole is None else whole * self.factor


def estimate(price: Price | None, request: ImageRequest) -> Decimal | None:
    """What ``request``, in one call, will cost at most, as far as that can be known before it is made.

    What it leaves to the provider is taken for the dearest that the provider is known to choose. ``None`` where the
    price, or what it goes by, is unknown.
    """
    return None if price is None else price.of(price.facts(request))


def actual(price: Price | None, generation: Generation, request: ImageRequest) -> Decimal | None:
    """What ``generation`` cost: as its provider billed it, else by the tokens it used, else by the pictures that came.

    Where the provider does not tell what it drew, it is what ``request`` asked for.
    """
    if generation.cost is not None or price is None:
        return generation.cost
    return price.of(price.facts(request).drawn(generation), generation.usage)


def micro_dollars_within(dollars: Decimal) -> int:
    """Whole millionths of a dollar, rounded down: what counts as a cap is never too much."""
    with localcontext(EXACT):
        return int(dollars.scaleb(6))


def micro_dollars(dollars: Decimal) -> int:
    """Whole millionths of a dollar, rounded up: what is counted against a budget is never too little."""
    with localcontext(EXACT):
        return int(dollars.scaleb(6).to_integral_value(ROUND_CEILING))
