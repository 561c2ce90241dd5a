"""What fal's endpoints share in what they take, as fal's types of November 2026 have it.

Fields that are in no schema are refused, although some endpoints are known to overlook them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, TypeAlias

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from pixelrelay.testing.emulator.base import Order
from pixelrelay.testing.emulator.inputs import picture_at, transparent_where
from pixelrelay.testing.emulator.pictures import Encoding, Size

NAMED_SIZES: Mapping[str, Size] = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}


class Strict(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


class ImageSize(Strict):
    width: Annotated[int, Field(gt=0, le=14142)]
    height: Annotated[int, Field(gt=0, le=14142)]


class Colour(Strict):
    r: Annotated[int, Field(ge=0, le=255)] = 0
    g: Annotated[int, Field(ge=0, le=255)] = 0
    b: Annotated[int, Field(ge=0, le=255)] = 0


Named: TypeAlias = Literal["square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"]
Acceleration: TypeAlias = Literal["none", "regular", "high"]
Tolerance: TypeAlias = Literal["1", "2", "3", "4", "5", "6"]
Count: TypeAlias = Annotated[int, Field(ge=1, le=4)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Several: TypeAlias = Annotated[list[str], Field(min_length=1)]


class Body(Strict):
    """What all endpoints take."""

    format: ClassVar[str] = "jpeg"
    picture: ClassVar[Decimal] = Decimal("0.04")
    """Dollars for each; what is not published is taken to be four cents."""
    blackens: ClassVar[bool] = False
    """Whether a picture that its checker does not like comes as a black one; elsewhere the request fails."""

    sync_mode: bool = False

    @property
    def words(self) -> str:
        return str(getattr(self, "prompt", ""))

    @property
    def addresses(self) -> tuple[str, ...]:
        """Of the input pictures."""
        one: str | None = getattr(self, "image_url", None)
        several: list[str] = getattr(self, "image_urls", None) or []
        return (*((one,) if one else ()), *several)

    @property
    def picture_field(self) -> str:
        """What the input pictures are called."""
        return "image_url" if hasattr(self, "image_url") else "image_urls"

    def size(self, first: Size | None) -> Size:
        return first or (1024, 1024)

    def price(self, order: Order) -> Decimal:
        return self.picture * order.n

    def mask_over(self, picture: Image.Image) -> Image.Image | None:
        """Transparent where it is to be drawn anew, which in fal's own masks is white."""
        mask: str | None = getattr(self, "mask_url", None)
        return transparent_where(picture_at(mask), picture, white=True) if mask else None

    def order(self) -> Order:
        """What is to be drawn; raises ``UndecodableError`` for input that is no picture."""
        pictures = tuple(picture_at(address) for address in self.addresses)
        return Order(
            prompt=self.words,
            size=self.size(pictures[0].size if pictures else None),
            n=getattr(self, "num_images", 1),
            steps=getattr(self, "num_inference_steps", None),
            transparent=getattr(self, "background", None) == "transparent",
            encoding=Encoding(getattr(self, "output_format", None) or self.format, 90),
            images=pictures,
            mask=self.mask_over(pictures[0]) if pictures else None,
        )


class Drawing(Body):
    """What most take: a prompt, a number of pictures and a seed."""

    prompt: Annotated[str, Field(min_length=1)]
    num_images: Count = 1
    seed: int | None = None


class Sized(Body):
    image_size: ImageSize | Named | None = None

    def size(self, first: Size | None) -> Size:
        match self.image_size:
            case ImageSize(width=width, height=height):
                return width, height
            case None:
                return first or NAMED_SIZES["landscape_4_3"]
            case name:
                return NAMED_SIZES[name]


def parsed(ratio: str) -> Size:
    width, _, height = ratio.partition(":")
    return int(width), int(height)
