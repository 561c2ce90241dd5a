"""What a price is made of: so much a picture, a megapixel, or a token. A price adds up one or several of these.

Each term tells what one call comes to, ``None`` where nobody knows. They are reckoned within ``prices``, whose context
rounds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Protocol, TypeAlias

from pixelrelay.cost.facts import Facts
from pixelrelay.cost.tables import Table
from pixelrelay.cost.tokens import ByTokens
from pixelrelay.images import Size
from pixelrelay.outcomes import Usage

ZERO, ONE = Decimal(0), Decimal(1)


class Reckoning(Protocol):
    """The one interface of all terms."""

    @property
    def names(self) -> frozenset[str]:
        """The parameters of a provider's own that it goes by."""

    def cost(self, facts: Facts, usage: Usage | None = None) -> Decimal | None:
        """Dollars for a call of these ``facts``, which used so many tokens where that is known."""


@dataclass(frozen=True, slots=True)
class Steps:
    """How often an amount is due: once for so many steps of drawing."""

    parameter: str
    unsaid: int
    """What the provider takes where a call says nothing."""
    per: int = 1
    """Steps that one amount pays for."""
    least: int = 1
    """Fewer steps cost as much as these."""

    def times(self, facts: Facts) -> Decimal:
        said = facts.said((self.parameter,))
        try:
            steps = Decimal(self.unsaid) if said is None else Decimal(str(said))
        except InvalidOperation:
            steps = Decimal(self.unsaid)
        return max(steps, Decimal(self.least)) / self.per


@dataclass(frozen=True, slots=True)
class Apiece:
    """So much for each picture, by whatever the table goes by."""

    image: Table
    input_image: Decimal = ZERO
    """For each input image, at each picture drawn from it."""
    steps: Steps | None = None

    @property
    def names(self) -> frozenset[str]:
        return self.image.names | (frozenset((self.steps.parameter,)) if self.steps else frozenset())

    def cost(self, facts: Facts, usage: Usage | None = None) -> Decimal | None:  # noqa: ARG002 - tokens do not bear on it
        amount = self.image.of(facts)
        if amount is None:
            return None
        times = ONE if self.steps is None else self.steps.times(facts)
        return facts.pictures * (amount * times + len(facts.inputs) * self.input_image)


@dataclass(frozen=True, slots=True)
class ByPixels:
    """So much for each megapixel drawn, and for each of the input images."""

    extra: Decimal
    first: Decimal | None = None
    """For the first megapixel, however little of it is drawn; ``None`` if it costs what the others do."""
    input: Decimal = ZERO
    """For each megapixel of each input image."""
    round_up: bool = False
    """Whether a megapixel begun counts whole, of each image by itself."""
    pixels: int = 1_000_000
    """In a megapixel."""
    most: int | None = None
    """Megapixels that an image counts as at most, because larger ones are made smaller."""
    minimum: Decimal = ZERO
    """Dollars that a picture costs at least."""
    unsaid: Size | None = None
    """What is drawn where neither the call nor its first input image says a size."""
    steps: Steps | None = None

    @property
    def names(self) -> frozenset[str]:
        return frozenset((self.steps.parameter,)) if self.steps else frozenset()

    def cost(self, facts: Facts, usage: Usage | None = None) -> Decimal | None:  # noqa: ARG002 - tokens do not bear on it
        size = facts.size or (facts.inputs[0] if facts.inputs else None) or self.unsaid
        if size is None:
            return None
        output = self._output(self._megapixels(size))
        if self.steps is not None:
            output *= self.steps.times(facts)
        inputs = ZERO
        if self.input:
            # One whose header does not tell its size is taken for as large as what is drawn.
            inputs = sum((self._megapixels(each or size) for each in facts.inputs), ZERO) * self.input
        return facts.pictures * max(output + inputs, self.minimum)

    def _output(self, drawn: Decimal) -> Decimal:
        return drawn * self.extra if self.first is None else self.first + max(ZERO, drawn - 1) * self.extra

    def _megapixels(self, size: Size) -> Decimal:
        counted = Decimal(-(-size.pixels // self.pixels)) if self.round_up else Decimal(size.pixels) / self.pixels
        return counted if self.most is None else min(counted, Decimal(self.most))


Term: TypeAlias = Apiece | ByPixels | ByTokens
"""All kinds there are."""
