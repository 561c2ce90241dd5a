"""Bodies for FLUX, wherever it is served: the documented fields with their ranges, sizes, and input images.

A schema holds what a person may set; input images are put beside it, unchecked and not copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pixelrelay.errors import ProviderError
from pixelrelay.images import NOTHING, ImageRequest, InputImage, Size
from pixelrelay.outcomes import Failure, FailureKind
from pixelrelay.providers.capabilities import ratio_of
from pixelrelay.providers.failures import plain
from pixelrelay.providers.mapping import Table, to

WIDEST = 21 / 9
"""The widest ratio that is drawn where any may be asked for; the tallest is its inverse."""


def _within_ratios(text: str) -> str:
    width, _, height = text.partition(":")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ValueError("a ratio is written as 16:9")
    if not 1 / WIDEST <= int(width) / int(height) <= WIDEST:
        raise ValueError("ratios go from 21:9 to 9:21")
    return text


AspectRatio: TypeAlias = Annotated[str, AfterValidator(_within_ratios)]
GridOf16: TypeAlias = Annotated[int, Field(ge=64, multiple_of=16)]
GridOf32: TypeAlias = Annotated[int, Field(ge=256, le=1440, multiple_of=32)]
UpTo5: TypeAlias = Annotated[int, Field(ge=0, le=5)]
UpTo6: TypeAlias = Annotated[int, Field(ge=0, le=6)]


class Schema(BaseModel):
    """The fields of one endpoint that can be set, each of its own type: ``"off"`` is no flag. What is not set is not
    sent."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", strict=True)


class Drawing(Schema):
    """What is common to the endpoints that draw."""

    prompt: str = ""
    seed: int | None = None
    output_format: Literal["jpeg", "png", "webp"] | None = None


class Flux2(Drawing):
    width: GridOf16 = 1024
    height: GridOf16 = 1024
    safety_tolerance: UpTo5 = 2


class Flux2Flex(Flux2):
    guidance: float = Field(default=4.5, ge=1.5, le=10)
    steps: int = Field(default=50, ge=1, le=50)


class Kontext(Drawing):
    aspect_ratio: AspectRatio = "1:1"
    prompt_upsampling: bool = False
    safety_tolerance: UpTo6 = 2


class Pro11(Drawing):
    width: GridOf32 = 1024
    height: GridOf32 = 768
    prompt_upsampling: bool = False
    safety_tolerance: UpTo6 = 2


_WORDS = Table(seed=to("seed"), output_format=to("output_format"))


def checked(schema: type[Schema], request: ImageRequest, **fields: Any) -> dict[str, Any]:
    """The body of ``request`` without its images; ``fields`` are the endpoint's own way to say size and model.

    Raises ``ProviderError`` with ``INVALID``, at no cost, for a value outside the documented range: the provider
    would refuse it too, in its own time. ``extra_body`` is not looked at.
    """
    known = schema.model_fields
    words = replace(
        _WORDS, prompt=to("prompt") if "prompt" in known else None, user=to("user") if "user" in known else None
    )
    given = words.body(replace(request, extra_body=NOTHING), fields)
    try:
        return schema.model_validate(given).model_dump(exclude_unset=True)
    except ValidationError as error:
        raise ProviderError(_not_sent(error)) from None


def _not_sent(error: ValidationError) -> Failure:
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    said = "; ".join(
        ": ".join((*(str(step) for step in problem["loc"][:1]), problem["msg"].removeprefix("Value error, ")))
        for problem in problems
    )
    return Failure(FailureKind.INVALID, plain(f"not sent: {said}"))


# --- how a size is said, and where input images go ---------------------------------------------------------------


def in_pixels(size: Size) -> Mapping[str, Any]:
    return {"width": size.width, "height": size.height}


def as_ratio(size: Size) -> Mapping[str, Any]:
    return {"aspect_ratio": ratio_of(size)}


def numbered(images: tuple[InputImage, ...]) -> Mapping[str, Any]:
    """``input_image``, ``input_image_2`` … in bare base64: a ``data:`` prefix is refused."""
    return {
        "input_image" if number == 1 else f"input_image_{number}": image.base64
        for number, image in enumerate(images, start=1)
    }
