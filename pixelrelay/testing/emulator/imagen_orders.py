"""Reading a body of Imagen's ``predict`` as strictly as Vertex AI does, to an ``Order``.

Not emulated: pictures in buckets, automatic masks, references to a style or a subject, upscaling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from PIL import Image as Pillow
from PIL.Image import Image
from pydantic import Field

from pixelrelay.testing.emulator.base import Order
from pixelrelay.testing.emulator.gemini_orders import Message, picture_in
from pixelrelay.testing.emulator.google import invalid
from pixelrelay.testing.emulator.pictures import Encoding, Size

_RATIOS: Mapping[str, Size] = {
    "1:1": (1024, 1024),
    "3:4": (896, 1280),
    "4:3": (1280, 896),
    "9:16": (768, 1408),
    "16:9": (1408, 768),
}
_UNREADABLE = "Provided image is not valid."


@dataclass(frozen=True, slots=True)
class ImagenRules:
    """What one model takes."""

    price: Decimal
    """Dollars a picture."""
    draws: Literal["words", "edits", "clothes"] = "words"
    large: bool = False
    """Whether it draws 2K."""


MODELS: Mapping[str, ImagenRules] = {
    "imagen-4.0-generate-001": ImagenRules(Decimal("0.04"), large=True),
    "imagen-4.0-ultra-generate-001": ImagenRules(Decimal("0.06"), large=True),
    "imagen-4.0-fast-generate-001": ImagenRules(Decimal("0.02")),
    "imagen-3.0-generate-002": ImagenRules(Decimal("0.04")),
    "imagen-3.0-fast-generate-001": ImagenRules(Decimal("0.02")),
    "imagen-3.0-capability-001": ImagenRules(Decimal("0.04"), "edits"),
    "virtual-try-on-001": ImagenRules(Decimal("0.06"), "clothes"),
}


class Bytes(Message):
    bytes_base64_encoded: str = Field(alias="bytesBase64Encoded")
    mime_type: Literal["image/png", "image/jpeg"] | None = None


class MaskConfig(Message):
    mask_mode: Literal["MASK_MODE_USER_PROVIDED"]
    dilation: Annotated[float, Field(ge=0, le=1)] = 0.0


class Reference(Message):
    reference_type: Literal["REFERENCE_TYPE_RAW", "REFERENCE_TYPE_MASK"]
    reference_id: Annotated[int, Field(ge=1)]
    reference_image: Bytes
    mask_image_config: MaskConfig | None = None


class Wrapped(Message):
    image: Bytes


class Instance(Message):
    prompt: str | None = None
    reference_images: list[Reference] = Field(default_factory=list)
    person_image: Wrapped | None = None
    product_images: list[Wrapped] = Field(default_factory=list)


class EditConfig(Message):
    base_steps: Annotated[int, Field(ge=1, le=75)] = 35


class OutputOptions(Message):
    mime_type: Literal["image/png", "image/jpeg"] = "image/png"
    compression_quality: Annotated[int, Field(ge=0, le=100)] = 75


class Parameters(Message):
    sample_count: Annotated[int, Field(ge=1, le=4)] = 4
    aspect_ratio: Literal["1:1", "3:4", "4:3", "9:16", "16:9"] = "1:1"
    sample_image_size: Literal["1K", "2K"] = "1K"
    negative_prompt: str | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    guidance_scale: float | None = None
    safety_setting: Literal["block_low_and_above", "block_medium_and_above", "block_only_high", "block_none"] | None = (
        None
    )
    person_generation: Literal["dont_allow", "allow_adult", "allow_all"] | None = None
    language: Literal["auto", "en", "ja", "ko", "hi", "zh", "pt", "es"] | None = None
    add_watermark: bool = True
    enhance_prompt: bool | None = None
    include_rai_reason: bool = False
    include_safety_attributes: bool = False
    output_options: OutputOptions = OutputOptions()
    edit_mode: (
        Literal[
            "EDIT_MODE_DEFAULT",
            "EDIT_MODE_INPAINT_INSERTION",
            "EDIT_MODE_INPAINT_REMOVAL",
            "EDIT_MODE_OUTPAINT",
            "EDIT_MODE_BGSWAP",
        ]
        | None
    ) = None
    edit_config: EditConfig = EditConfig()


class Body(Message):
    instances: Annotated[list[Instance], Field(min_length=1, max_length=1)]
    parameters: Parameters = Parameters()
    labels: dict[str, str] = Field(default_factory=dict)


def order_of(body: Body, rules: ImagenRules) -> Order:
    """What ``body`` asks to be drawn, or the refusal of what the model does not do."""
    asked, (instance,) = body.parameters, body.instances
    if asked.seed is not None and (asked.add_watermark or asked.enhance_prompt):
        raise invalid("Seed is not supported when watermark is enabled.")
    if asked.sample_image_size == "2K" and not rules.large:
        raise invalid()
    width, height = _RATIOS[asked.aspect_ratio]
    scale = 2 if asked.sample_image_size == "2K" else 1
    pictures, mask = _inputs(instance, asked, rules)
    return Order(
        prompt=instance.prompt or "try on",
        size=pictures[0].size if pictures else (width * scale, height * scale),
        n=asked.sample_count,
        encoding=Encoding(
            asked.output_options.mime_type.removeprefix("image/"), asked.output_options.compression_quality
        ),
        images=pictures,
        mask=mask,
    )


def _inputs(instance: Instance, asked: Parameters, rules: ImagenRules) -> tuple[tuple[Image, ...], Image | None]:
    worn = [item.image for item in (instance.person_image, *instance.product_images) if item is not None]
    if (rules.draws == "clothes") != bool(worn) or (rules.draws == "clothes") == (instance.prompt is not None):
        raise invalid()
    if rules.draws == "clothes":
        if instance.person_image is None or len(worn) != 2:
            raise invalid("One person image and one product image are required.")
        return tuple(_picture(item) for item in worn), None
    if (rules.draws == "edits") != bool(instance.reference_images) or (rules.draws != "edits" and asked.edit_mode):
        raise invalid()
    return _edited(instance, asked) if instance.reference_images else ((), None)


def _edited(instance: Instance, asked: Parameters) -> tuple[tuple[Image, ...], Image | None]:
    kinds = [reference.reference_type for reference in instance.reference_images]
    numbers = [reference.reference_id for reference in instance.reference_images]
    if kinds not in (["REFERENCE_TYPE_RAW"], ["REFERENCE_TYPE_RAW", "REFERENCE_TYPE_MASK"]) or len(set(numbers)) < len(
        numbers
    ):
        raise invalid()
    base = _picture(instance.reference_images[0].reference_image)
    if len(kinds) == 1:
        if asked.edit_mode not in {None, "EDIT_MODE_DEFAULT"}:
            raise invalid("A mask reference image is required for this edit mode.")
        return (base,), None
    reference = instance.reference_images[1]
    if reference.mask_image_config is None:
        raise invalid()
    return (base,), _mask(_picture(reference.reference_image), base)


def _mask(mask: Image, base: Image) -> Image:
    """Transparent where the mask is white, which is what is drawn anew."""
    if mask.size != base.size:
        raise invalid("Mask image must have the same size as the base image.")
    kept = Pillow.new("RGBA", mask.size)
    kept.putalpha(mask.convert("L").point([255, *[0] * 255]))
    return kept


def _picture(given: Bytes) -> Image:
    return picture_in(given.bytes_base64_encoded, _UNREADABLE, given.mime_type)
