"""What the models on Replicate share in what they take, as their pages said in November 2026.

Fields that are in no schema are refused, although Replicate is known to overlook them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from pixelrelay.testing.emulator.base import Order
from pixelrelay.testing.emulator.flux_bodies import MEGAPIXEL, scaled
from pixelrelay.testing.emulator.inputs import picture_at, transparent_where
from pixelrelay.testing.emulator.pictures import Encoding, Size

Percent: TypeAlias = Annotated[int, Field(ge=0, le=100)]
Format: TypeAlias = Literal["webp", "jpg", "png"]
Plain: TypeAlias = Literal["jpg", "png"]


class Input(BaseModel):
    """What all models take."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    picture: ClassVar[Decimal] = Decimal("0.04")
    """Dollars for each; what is not published is taken to be four cents."""
    picture_fields: ClassVar[tuple[str, ...]] = ()
    white_is_drawn: ClassVar[bool] = True
    """Which way round its masks are."""
    listed: ClassVar[bool] = False
    """Whether its output is a list, even of one."""

    prompt: str

    @property
    def addresses(self) -> tuple[str, ...]:
        """Of the input pictures."""
        given: list[Any] = [getattr(self, name) for name in self.picture_fields]
        return tuple(item for value in given for item in (value if isinstance(value, list) else [value]) if item)

    @property
    def count(self) -> int:
        return 1

    @property
    def file_format(self) -> str:
        wanted: str = getattr(self, "output_format", "png")
        return "jpeg" if wanted == "jpg" else wanted

    def size(self, first: Size | None) -> Size:
        return first or (1024, 1024)

    def price(self, order: Order) -> Decimal:
        return self.picture * order.n

    def order(self) -> Order:
        """What is to be drawn; raises ``UndecodableError`` for input that is no picture."""
        pictures = tuple(picture_at(address) for address in self.addresses)
        mask: str | None = getattr(self, "mask", None)
        return Order(
            prompt=self.prompt,
            size=self.size(pictures[0].size if pictures else None),
            n=self.count,
            transparent=getattr(self, "background", None) == "transparent",
            encoding=Encoding(self.file_format, getattr(self, "output_quality", 90)),
            images=pictures,
            mask=transparent_where(picture_at(mask), pictures[0], white=self.white_is_drawn) if mask else None,
        )


class Fast(Input):
    """What the models have that Replicate runs itself."""

    output_format: Format = "webp"
    output_quality: Percent = 80
    seed: int | None = None
    go_fast: bool = True
    disable_safety_checker: bool = False


def parsed(ratio: str) -> Size:
    width, _, height = ratio.partition(":")
    return int(width), int(height)


def of_ratio(ratio: str, first: Size | None, megapixels: float = 1) -> Size:
    """What is drawn of a ratio, which may be that of the first picture."""
    shape = first or (1, 1) if ratio == "match_input_image" else parsed(ratio)
    return scaled(shape, round(MEGAPIXEL * megapixels), 32)
