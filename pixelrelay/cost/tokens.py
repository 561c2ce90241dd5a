"""So much for a million tokens, of text and of images, in and out."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from pixelrelay.cost.facts import Facts
from pixelrelay.cost.tables import Table, dearest
from pixelrelay.images import Size
from pixelrelay.outcomes import Usage

ZERO = Decimal(0)

AROUND_A_PROMPT = 16
"""Tokens that providers were seen to add to a prompt, at most."""
BESIDE_AN_IMAGE = 64
"""Tokens of text that OpenAI was seen to bill for each input image besides, at most."""


@dataclass(frozen=True, slots=True)
class Patches:
    """The tokens of a picture by the rule of OpenAI's newer models, found out from its own price calculator.

    A quality is so many patches along the longer edge, and along the shorter one in proportion; their number is then
    weighted by the pixels. A square costs more than a wider picture of as many pixels.
    """

    edges: tuple[tuple[str, int], ...]
    """By quality, the patches along the longer edge."""
    unsaid: tuple[Size, ...]
    """The sizes that the model is known to choose among by itself."""

    @property
    def names(self) -> frozenset[str]:
        return frozenset()

    def of(self, facts: Facts) -> Decimal | None:
        """Tokens of one picture; the most they can be where ``facts`` leave something open."""
        sizes = self.unsaid if facts.size is None else (facts.size,)
        edges = [edge for quality, edge in self.edges if facts.quality in {None, quality}]
        return dearest(Decimal(_patch_tokens(edge, size)) for edge in edges for size in sizes)


def _patch_tokens(edge: int, size: Size) -> int:
    long, short = max(size), min(size)
    across = (2 * edge * short + long) // (2 * long)
    return -(-edge * across * (2_000_000 + size.pixels) // 4_000_000)


Drawn: TypeAlias = Table | Patches


@dataclass(frozen=True, slots=True)
class ByTokens:
    """Dollars for a million tokens of each kind, and how many a call is thought to use before it is made."""

    image_out: Decimal
    text_in: Decimal = ZERO
    image_in: Decimal = ZERO
    text_out: Decimal | None = None
    """Of thoughts and words beside the picture; ``None`` if they cost what the picture's tokens do."""
    cached_text_in: Decimal | None = None
    cached_image_in: Decimal | None = None
    """``None`` where the provider names no lower price for what it has seen before."""
    drawn: Drawn | None = None
    """Tokens of one picture; ``None`` where nobody knows them before."""
    inputs: Table | None = None
    """Tokens that one input image comes to at most."""
    spoken: int = 0
    """Tokens of text that a picture may bring along."""
    partial: int = 0
    """Tokens of each unfinished picture that is shown."""

    @property
    def names(self) -> frozenset[str]:
        return frozenset[str]().union(*(part.names for part in (self.drawn, self.inputs) if part is not None))

    def cost(self, facts: Facts, usage: Usage | None = None) -> Decimal | None:
        """By the tokens told; without them, or where they leave the picture out, by those that are to be expected."""
        if usage is not None and usage.output_tokens > 0:
            return (self._went_in(usage, edit=bool(facts.inputs)) + self._came_out(usage)) / 1_000_000
        drawn = self.drawn.of(facts) if self.drawn is not None else None
        seen = self.inputs.of(facts) if self.inputs is not None else ZERO
        if drawn is None or (seen is None and facts.inputs):
            return None
        text = facts.prompt + AROUND_A_PROMPT + BESIDE_AN_IMAGE * len(facts.inputs)
        told = text * self.text_in + len(facts.inputs) * (seen or ZERO) * self.image_in
        made = (drawn + facts.partials * self.partial) * self.image_out + self.spoken * self._text_out
        return facts.pictures * (told + made) / 1_000_000

    @property
    def _text_out(self) -> Decimal:
        return self.image_out if self.text_out is None else self.text_out

    def _came_out(self, usage: Usage) -> Decimal:
        """What is told to be neither text nor image is text: thoughts, as some providers count them."""
        details = usage.output_tokens_details
        images = details.get("image_tokens", usage.output_tokens - details.get("text_tokens", 0))
        return images * self.image_out + max(0, usage.output_tokens - images) * self._text_out

    def _went_in(self, usage: Usage, *, edit: bool) -> Decimal:
        details = usage.input_tokens_details
        unknown = usage.input_tokens if edit and "text_tokens" not in details else 0
        images = details.get("image_tokens", unknown)
        text = max(0, usage.input_tokens - images)
        # How much of what was cached is image is not told; text saves less, so that is what it is taken for.
        cached = details.get("cached_tokens", 0)
        cached_text = details.get("cached_text_tokens", min(cached, text))
        cached_images = details.get("cached_image_tokens", cached - min(cached, text))
        return (
            (text - cached_text) * self.text_in
            + cached_text * _lower(self.cached_text_in, self.text_in)
            + (images - cached_images) * self.image_in
            + cached_images * _lower(self.cached_image_in, self.image_in)
        )


def _lower(cached: Decimal | None, full: Decimal) -> Decimal:
    return full if cached is None else cached
