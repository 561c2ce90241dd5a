"""Prices as people write them, in a configuration or in the lists that come with pixelrelay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation, localcontext
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pixelrelay.cost.exact import EXACT
from pixelrelay.cost.tables import Branch, Level, Table
from pixelrelay.cost.terms import ZERO, Apiece, ByPixels, Steps, Term
from pixelrelay.cost.tokens import ByTokens, Drawn, Patches
from pixelrelay.images import Size, parse_size

NOT_LEVELS = frozenset({"by", "unsaid"})


def as_written(value: Any) -> Any:
    """A float as it was written: 0.04 stands for four cents, not for the nearest binary fraction."""
    if isinstance(value, bool):
        # Pydantic takes true for 1, and YAML takes a bare "on" or "yes" for true.
        raise PydanticCustomError("float_type", "must be a number")
    return Decimal(repr(value)) if isinstance(value, float) else value


def _amounts(value: Any) -> Any:
    if isinstance(value, Table):
        return value
    if not isinstance(value, Mapping):
        return Table(_amount(value))
    by = value.get("by", ())
    levels = tuple(tuple(str(level).split("/")) for level in ((by,) if isinstance(by, str) else by))
    if not levels:
        raise ValueError('a table says what it goes by: by: ["quality", "size"]')
    unsaid = value.get("unsaid", {})
    if not isinstance(unsaid, Mapping) or unsaid.keys() - {level[0] for level in levels}:
        raise ValueError("unsaid says what is taken of those that stand in `by`, by the first name of each")
    rows = {words: below for words, below in value.items() if words not in NOT_LEVELS}
    known = tuple((str(name), str(word).casefold()) for name, word in unsaid.items())
    return Table(_branch(rows, len(levels)), levels, known)


def _branch(written: Any, levels: int) -> Branch:
    if not levels:
        try:
            return _amount(written)
        except PydanticCustomError:
            raise ValueError("each amount of a table is a number, 0 or more") from None
    if not isinstance(written, Mapping) or not written:
        raise ValueError("a table has a level for each of what stands in `by`, and none of them is empty")
    return Level(tuple((_words(str(words)), _branch(below, levels - 1)) for words, below in written.items()))


def _words(written: str) -> tuple[str, ...]:
    """``low, standard`` are two words for one amount."""
    return tuple(word.strip().casefold() for word in written.split(","))


def _amount(written: Any) -> Decimal:
    """A number, in any of the ways in which one is written. Never says what was written: it may be a secret."""
    try:
        amount = Decimal(as_written(written))
    except (InvalidOperation, TypeError, ValueError):
        raise PydanticCustomError("decimal_type", "must be a number") from None
    if not amount.is_finite() or amount < 0:
        raise PydanticCustomError("greater_than_equal", "must be at least 0", {"ge": 0})
    return amount


Dollars: TypeAlias = Annotated[Decimal, Field(ge=0), BeforeValidator(as_written)]
Factor: TypeAlias = Annotated[Decimal, Field(gt=0), BeforeValidator(as_written)]
Amounts: TypeAlias = Annotated[InstanceOf[Table], BeforeValidator(_amounts)]


class Row(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False
    )


class MegapixelRow(Row):
    """What a megapixel costs, where the first, the further ones and those of input images differ."""

    first: Dollars | None = None
    """The first megapixel of a picture, however little of it is drawn. Left out: as the others."""
    extra: Dollars
    """Each megapixel, or each after the first."""
    input: Dollars = ZERO
    """Each megapixel of each input image."""
    round_up: bool = False
    """Whether a megapixel begun counts whole, of each image by itself. Left out: parts count as parts."""
    pixels: Literal[1_000_000, 1_048_576] = 1_000_000
    """In a megapixel."""
    most: Annotated[int, Field(gt=0)] | None = None
    """Megapixels that an image counts as at most, where larger ones are made smaller."""
    minimum: Dollars = ZERO
    """What a picture costs at least."""
    unsaid: str | None = None
    """The size that is drawn where none is asked for, as `1024x1024`. Left out: such calls have no known price."""

    @property
    def size(self) -> Size | None:
        return parse_size(self.unsaid)

    @model_validator(mode="after")
    def _is_a_size(self) -> MegapixelRow:
        parse_size(self.unsaid)
        return self


class TokensRow(Row):
    """What a million tokens cost, and how many a call is thought to use; its answer tells how many it did."""

    image_out: Dollars
    """Of pictures drawn."""
    text_in: Dollars = ZERO
    """Of prompts."""
    image_in: Dollars = ZERO
    """Of input images."""
    text_out: Dollars | None = None
    """Of thoughts and words beside the picture. Left out: as of pictures."""
    cached_text_in: Dollars | None = None
    """Of prompts seen before. Left out: as of others."""
    cached_image_in: Dollars | None = None
    """Of input images seen before. Left out: as of others."""
    drawn: Amounts | None = None
    """Tokens of one picture: a number, or a table by quality and size."""
    patches: dict[str, Annotated[int, Field(gt=0)]] = {}
    """In place of `drawn`: by quality, patches along the longer edge, as OpenAI's newer models count."""
    sizes: tuple[str, ...] = ()
    """With `patches`: the sizes that the model chooses among where none is asked for."""
    inputs: Amounts | None = None
    """Tokens that one input image comes to at most: a number or a table."""
    spoken: Annotated[int, Field(ge=0)] = 0
    """Tokens of text that a picture may bring along, at most."""
    partial: Annotated[int, Field(ge=0)] = 0
    """Tokens of each unfinished picture that is shown before."""

    @property
    def output(self) -> Drawn | None:
        if not self.patches:
            return self.drawn
        edges = tuple((quality.casefold(), edge) for quality, edge in self.patches.items())
        return Patches(edges, tuple(size for text in self.sizes if (size := parse_size(text)) is not None))

    @model_validator(mode="after")
    def _counts_one_way(self) -> TokensRow:
        if self.patches and self.drawn is not None:
            raise ValueError("patches: drawn says it already; give one of the two")
        if any(parse_size(text) is None for text in self.sizes):
            raise ValueError("sizes: each is written as 1024x1024")
        return self


class StepsRow(Row):
    """How often the price of a picture, or of its pixels, is due: once for so many steps of drawing."""

    parameter: str
    """The parameter that says how many there are."""
    unsaid: Annotated[int, Field(gt=0)]
    """How many there are where a call does not say."""
    per: Annotated[int, Field(gt=0)] = 1
    """Steps that one price pays for."""
    least: Annotated[int, Field(gt=0)] = 1
    """Fewer cost as much as these."""

    @property
    def steps(self) -> Steps:
        return Steps(self.parameter, self.unsaid, self.per, self.least)


class PriceRow(Row):
    """What a call costs, in dollars: so much a picture, a megapixel or a token, or the sum of these."""

    image: Amounts | None = None
    """For each picture: an amount, or a table by what a call says, such as
    `{by: [quality, size], low: {1024x1024: 0.011, "*": 0.016}}`."""
    input_image: Dollars = ZERO
    """For each input image, at each picture drawn from it; with `image`."""
    megapixel: MegapixelRow | None = None
    """For a million pixels drawn: an amount, parts of a megapixel counting as parts, or a table."""
    tokens: TokensRow | None = None
    """For a million tokens of each kind."""
    steps: StepsRow | None = None
    """Where `image` or `megapixel` is due for so many steps of drawing."""
    like: str | None = None
    """As the list has it of another provider's model, `openai/gpt-image-2`."""
    factor: Factor = Decimal(1)
    """What all of it is multiplied by, `0.85` for a discount; alone, what the list's price is."""
    unit: Dollars = Decimal(1)
    """Dollars that one of the numbers is worth, where they are credits."""
    source: str | None = None
    """Where the price was read."""
    day: date | None = None
    """When it was read there."""

    @field_validator("megapixel", mode="before")
    @classmethod
    def _each_alike(cls, value: Any) -> Any:
        return value if value is None or isinstance(value, Mapping | MegapixelRow) else {"extra": value}

    @property
    def terms(self) -> tuple[Term, ...]:
        """What the price is made of; empty where all of it is said by ``like`` and ``factor``."""
        with localcontext(EXACT):
            return tuple(self._terms())

    def _terms(self) -> Iterator[Term]:
        steps = self.steps.steps if self.steps else None
        if self.image is not None:
            yield Apiece(self.image.each(self._in_dollars), self._in_dollars(self.input_image), steps)
        if self.megapixel is not None:
            yield self._by_pixels(self.megapixel, steps)
        if self.tokens is not None:
            yield _by_tokens(self.tokens)

    def _by_pixels(self, written: MegapixelRow, steps: Steps | None) -> ByPixels:
        return ByPixels(
            extra=self._in_dollars(written.extra),
            first=None if written.first is None else self._in_dollars(written.first),
            input=self._in_dollars(written.input),
            round_up=written.round_up,
            pixels=written.pixels,
            most=written.most,
            minimum=self._in_dollars(written.minimum),
            unsaid=written.size,
            steps=steps,
        )

    def _in_dollars(self, amount: Decimal) -> Decimal:
        return amount * self.unit


def _by_tokens(written: TokensRow) -> ByTokens:
    return ByTokens(
        image_out=written.image_out,
        text_in=written.text_in,
        image_in=written.image_in,
        text_out=written.text_out,
        cached_text_in=written.cached_text_in,
        cached_image_in=written.cached_image_in,
        drawn=written.output,
        inputs=written.inputs,
        spoken=written.spoken,
        partial=written.partial,
    )
