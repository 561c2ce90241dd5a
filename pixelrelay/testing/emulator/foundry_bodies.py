"""What the FLUX deployments of Azure Foundry take, from Microsoft's page on them, as of November 2026.

Fields that are in no schema are refused everywhere, although some models are known to overlook them.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pixelrelay.testing.emulator.flux_bodies import (
    LARGEST,
    MEGAPIXEL,
    SQUARE,
    Body,
    Flux1Edge,
    Flux2Edge,
    Prompt,
    Tolerance,
    WideRatio,
    numbered,
    ratio_of,
    scaled,
)
from pixelrelay.testing.emulator.pictures import Size


class FoundryBody(Body):
    """The body names the deployment."""

    model: str
    prompt: Prompt
    seed: int | None = None
    safety_tolerance: Tolerance = 2
    output_format: Literal["jpeg", "png"] | None = None
    prompt_upsampling: bool | None = None
    prompt_unsampling: bool | None = None
    """As Microsoft's page spells it."""

    @property
    def file_format(self) -> str:
        return self.output_format or "png"


FoundryBodyT = TypeVar("FoundryBodyT", bound=FoundryBody)


class FoundryFlux2(FoundryBody):
    picture_fields: ClassVar[tuple[str, ...]] = numbered(8)

    input_image: str | None = None
    input_image_2: str | None = None
    input_image_3: str | None = None
    input_image_4: str | None = None
    input_image_5: str | None = None
    input_image_6: str | None = None
    input_image_7: str | None = None
    input_image_8: str | None = None
    width: Flux2Edge = 0
    height: Flux2Edge = 0
    aspect_ratio: WideRatio | None = None
    num_images: Literal[1] = 1
    n: Literal[1] = 1
    guidance: Annotated[float, Field(ge=1.5, le=10)] = 4.5
    steps: Annotated[int, Field(ge=1, le=50)] = 50

    def size(self, first: Size | None) -> Size:
        if self.width or self.height:
            return self.width or self.height, self.height or self.width
        if self.aspect_ratio is not None:
            return scaled(ratio_of(self.aspect_ratio) or SQUARE, MEGAPIXEL, 16)
        return super().size(first)

    @model_validator(mode="after")
    def _within_four_megapixels(self) -> FoundryFlux2:
        return _within(self, self.width * self.height, LARGEST)


class FoundryFlux2Flex(FoundryFlux2):
    picture_fields: ClassVar[tuple[str, ...]] = numbered(10)

    input_image_9: str | None = None
    input_image_10: str | None = None


class FoundryKontext(FoundryBody):
    picture_fields: ClassVar[tuple[str, ...]] = ("input_image",)

    input_image: str | None = None
    aspect_ratio: WideRatio | None = None

    def size(self, first: Size | None) -> Size:
        return scaled(ratio_of(self.aspect_ratio or "") or first or (1, 1), MEGAPIXEL, 32)


class FoundryFlux11(FoundryBody):
    width: Flux1Edge = 1024
    height: Flux1Edge = 1024

    def size(self, first: Size | None) -> Size:  # noqa: ARG002 - it always has one
        return self.width, self.height

    @model_validator(mode="after")
    def _within_its_megapixels(self) -> FoundryFlux11:
        return _within(self, self.width * self.height, 1_600_000)


def _within(body: FoundryBodyT, pixels: int, most: int) -> FoundryBodyT:
    if pixels > most:
        raise PydanticCustomError("value_error", "width and height exceed the model's megapixels")
    return body
