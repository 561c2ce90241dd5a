"""What the servers of OpenAI's Images API take that are not OpenAI's, as strictly as each is known to be.

From the documents of Nscale, Together and xAI and the source of Xinference, 2026. The server of no name knows OpenAI's
fields and the commonest besides.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from PIL import Image
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pixelrelay.testing.emulator.base import Order
from pixelrelay.testing.emulator.flux_bodies import MEGAPIXEL, ratio_of, scaled
from pixelrelay.testing.emulator.inputs import picture_at
from pixelrelay.testing.emulator.openai_models import parsed
from pixelrelay.testing.emulator.pictures import Encoding, Size

Count: TypeAlias = Annotated[int, Field(ge=1, le=10)]
Steps: TypeAlias = Annotated[int, Field(ge=1, le=50)]
Prompt: TypeAlias = Annotated[str, Field(min_length=1)]


def _is_size(text: str) -> str:
    if parsed(text) is None:
        raise ValueError(f"{text!r} is no size")
    return text


WrittenSize: TypeAlias = Annotated[str, AfterValidator(_is_size)]


class Body(BaseModel):
    """What is asked of one server. The fields of a form are read by it too, all of them text."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    model: str
    prompt: Prompt

    @property
    def count(self) -> int:
        return getattr(self, "n", None) or 1

    @property
    def wants_url(self) -> bool:
        """Whether addresses are wanted: most servers give them unless bytes are asked for."""
        return bool(getattr(self, "response_format", "url") in {None, "url"})

    @property
    def shape(self) -> Size | None:
        """The size that is asked for, if any."""
        text: str | None = getattr(self, "size", None)
        return parsed(text) if text is not None else None

    @property
    def encoding(self) -> Encoding:
        return Encoding("png")

    @property
    def drawing_steps(self) -> int | None:
        steps: int | None = getattr(self, "steps", None)
        return steps

    def addresses(self) -> tuple[str, ...]:
        """Of the input images, where they stand in the body."""
        return ()

    def mask_address(self) -> str | None:
        return None

    def order(self, pictures: tuple[Image.Image, ...] = (), mask: Image.Image | None = None) -> Order:
        """What is to be drawn, from the ``pictures`` of a form or those in the body; raises ``UndecodableError``."""
        pictures = pictures or tuple(picture_at(address) for address in self.addresses())
        if mask is None and (address := self.mask_address()) is not None:
            mask = picture_at(address)
        default = pictures[0].size if pictures else self.default_size
        return Order(
            prompt=self.prompt,
            size=self.shape or default,
            n=self.count,
            quality=getattr(self, "quality", None),
            steps=self.drawing_steps,
            transparent=getattr(self, "background", None) == "transparent",
            encoding=self.encoding,
            images=pictures,
            mask=mask,
        )

    default_size: ClassVar[Size] = (1024, 1024)


# --- a server of no name -----------------------------------------------------------------------------------------


class AnyGeneration(Body):
    n: Count | None = None
    size: WrittenSize | None = None
    quality: Literal["low", "medium", "high", "xhigh", "max", "standard", "hd", "auto"] | None = None
    background: Literal["transparent", "opaque", "auto"] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    output_compression: Annotated[int, Field(ge=0, le=100)] | None = None
    response_format: Literal["url", "b64_json"] | None = None
    style: Literal["vivid", "natural"] | None = None
    seed: int | None = None
    user: str | None = None
    steps: Steps | None = None
    num_inference_steps: Steps | None = None
    negative_prompt: str | None = None
    guidance: Annotated[float, Field(ge=0)] | None = None
    guidance_scale: Annotated[float, Field(ge=0)] | None = None
    cfg_scale: Annotated[float, Field(ge=0)] | None = None
    strength: Annotated[float, Field(ge=0, le=1)] | None = None
    aspect_ratio: Annotated[str, Field(pattern=r"^\d+:\d+$")] | None = None
    sampler: str | None = None
    scheduler: str | None = None
    input_fidelity: Literal["low", "high"] | None = None
    moderation: Literal["auto", "low"] | None = None
    safety_identifier: str | None = None

    @property
    def drawing_steps(self) -> int | None:
        return self.steps or self.num_inference_steps

    @property
    def encoding(self) -> Encoding:
        return Encoding(
            self.output_format or "png", 100 if self.output_compression is None else self.output_compression
        )


class _Reference(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    image_url: str


class AnyJsonEdit(AnyGeneration):
    images: Annotated[list[_Reference], Field(min_length=1, max_length=16)]
    mask: _Reference | None = None

    def addresses(self) -> tuple[str, ...]:
        return tuple(reference.image_url for reference in self.images)

    def mask_address(self) -> str | None:
        return self.mask.image_url if self.mask is not None else None


# --- Xinference --------------------------------------------------------------------------------------------------


def _is_json_object(text: str) -> str:
    if not isinstance(json.loads(text), dict):
        raise ValueError("kwargs must be a JSON object")
    return text


Kwargs: TypeAlias = Annotated[str, AfterValidator(_is_json_object)]


class XinferenceEdit(Body):
    """Of ``/images/edits``, which knows no ``kwargs``."""

    n: Annotated[int, Field(ge=1)] | None = None
    size: WrittenSize | None = None
    response_format: Literal["url", "b64_json"] | None = None

    @property
    def encoding(self) -> Encoding:
        return Encoding("jpeg", 90)


class XinferenceGeneration(XinferenceEdit):
    kwargs: Kwargs | None = None
    user: str | None = None

    @property
    def pipeline(self) -> Mapping[str, Any]:
        """What is for the pipeline, which overlooks what it does not know."""
        found: dict[str, Any] = json.loads(self.kwargs) if self.kwargs is not None else {}
        return found

    @property
    def drawing_steps(self) -> int | None:
        steps: int | None = self.pipeline.get("num_inference_steps")
        return steps


class XinferenceVariation(XinferenceGeneration):
    negative_prompt: str | None = None


# --- Nscale ------------------------------------------------------------------------------------------------------


class NscaleGeneration(Body):
    default_size: ClassVar[Size] = (512, 512)

    size: WrittenSize | None = None
    n: Count | None = None


# --- Together ----------------------------------------------------------------------------------------------------

Edge: TypeAlias = Annotated[int, Field(ge=256, le=1920, multiple_of=16)]


class TogetherGeneration(Body):
    n: Annotated[int, Field(ge=1, le=4)] | None = None
    width: Edge | None = None
    height: Edge | None = None
    aspect_ratio: Literal["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"] | None = None
    steps: Steps | None = None
    seed: int | None = None
    negative_prompt: str | None = None
    guidance_scale: float | None = None
    prompt_upsampling: bool | None = None
    disable_safety_checker: bool | None = None
    response_format: Literal["base64", "url"] | None = None
    output_format: Literal["jpeg", "png"] | None = None
    image_url: str | None = None
    reference_images: list[str] | None = None

    @property
    def shape(self) -> Size | None:
        if self.aspect_ratio is not None and (ratio := ratio_of(self.aspect_ratio)) is not None:
            return scaled(ratio, MEGAPIXEL, 32)
        if self.width is None and self.height is None:
            return None
        return self.width or 1024, self.height or 1024

    @property
    def encoding(self) -> Encoding:
        return Encoding(self.output_format or "jpeg", 90)

    def addresses(self) -> tuple[str, ...]:
        one = (self.image_url,) if self.image_url is not None else ()
        return (*one, *(self.reference_images or ()))


# --- xAI ---------------------------------------------------------------------------------------------------------

XAI_1K: Mapping[str, Size] = {
    "1:1": (1024, 1024), "3:4": (896, 1280), "4:3": (1280, 896), "9:16": (768, 1408), "16:9": (1408, 768),
    "2:3": (864, 1296), "3:2": (1296, 864), "9:19.5": (576, 1248), "19.5:9": (1248, 576), "9:20": (576, 1280),
    "20:9": (1280, 576), "1:2": (704, 1408), "2:1": (1408, 704),
}  # fmt: skip
"""Pixels of the first generation; at ``2k`` each edge is twice as long."""
XAI_2_1K: Mapping[str, Size] = {
    **XAI_1K,
    "3:4": (864, 1152),
    "4:3": (1152, 864),
    "9:16": (720, 1280),
    "16:9": (1280, 720),
}
XaiRatio: TypeAlias = Literal[
    "auto", "1:1", "3:4", "4:3", "9:16", "16:9", "2:3", "3:2", "9:19.5", "19.5:9", "9:20", "20:9", "1:2", "2:1"
]


class XaiGeneration(Body):
    n: Count | None = None
    aspect_ratio: XaiRatio = "auto"
    resolution: Literal["1k", "2k"] = "1k"
    quality: Literal["low", "medium"] | None = None
    response_format: Literal["url", "b64_json"] | None = None
    user: str | None = None
    storage_options: dict[str, Any] | None = None

    @property
    def shape(self) -> Size | None:
        sizes = XAI_2_1K if self.model.endswith("-2.0") else XAI_1K
        width, height = sizes["1:1" if self.aspect_ratio == "auto" else self.aspect_ratio]
        return (width, height) if self.resolution == "1k" else (2 * width, 2 * height)

    @property
    def encoding(self) -> Encoding:
        return Encoding("jpeg", 90)


class _XaiImage(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    url: str
    type: Literal["image_url"] = "image_url"


class XaiEdit(XaiGeneration):
    image: _XaiImage | None = None
    images: Annotated[list[_XaiImage], Field(min_length=1, max_length=3)] | None = None

    @property
    def shape(self) -> Size | None:
        """That of the input where there is one image."""
        return None if self.image is not None else super().shape

    def addresses(self) -> tuple[str, ...]:
        given = [self.image] if self.image is not None else self.images or []
        return tuple(image.url for image in given)
