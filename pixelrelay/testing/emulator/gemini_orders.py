"""Reading a body of ``generateContent`` as strictly as Google does, to an ``Order``.

Not emulated: files and addresses in place of inline data, several turns, function calls.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from PIL.Image import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel, to_snake
from pydantic_core import ErrorDetails

from pixelrelay.testing.emulator.answers import RefusalError
from pixelrelay.testing.emulator.base import Order
from pixelrelay.testing.emulator.gemini_models import ModelRules, size_of
from pixelrelay.testing.emulator.google import invalid
from pixelrelay.testing.emulator.pictures import Encoding, UndecodableError, decode

INPUT_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"})
UNREADABLE = (
    "Unable to process input image. Please retry or report in "
    "https://developers.generativeai.google/guide/troubleshooting"
)


class Message(BaseModel):
    """A protocol buffer as JSON: its fields in either spelling, and no others."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Blob(Message):
    mime_type: str
    data: str


class Part(Message):
    text: str | None = None
    inline_data: Blob | None = None
    thought_signature: str | None = None


class Content(Message):
    role: Literal["user", "model"] | None = None
    parts: Annotated[list[Part], Field(min_length=1)]


class ImageConfig(Message):
    aspect_ratio: str | None = None
    image_size: str | None = None


class ImageOutputOptions(Message):
    mime_type: Literal["image/png", "image/jpeg"] = "image/png"
    compression_quality: Annotated[int, Field(ge=0, le=100)] = 75


class CloudImageConfig(ImageConfig):
    person_generation: Literal["ALLOW_ALL", "ALLOW_ADULT", "ALLOW_NONE"] | None = None
    prominent_people: Literal["ALLOW_PROMINENT_PEOPLE", "BLOCK_PROMINENT_PEOPLE"] | None = None
    image_output_options: ImageOutputOptions = ImageOutputOptions()


class ThinkingConfig(Message):
    thinking_level: str | None = None
    include_thoughts: bool = False


class GenerationConfig(Message):
    response_modalities: list[Literal["TEXT", "IMAGE"]] = ["TEXT"]
    candidate_count: int | None = None
    seed: Annotated[int, Field(ge=-(2**31), lt=2**31)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    thinking_config: ThinkingConfig = ThinkingConfig()
    image_config: ImageConfig = ImageConfig()


class CloudGenerationConfig(GenerationConfig):
    image_config: CloudImageConfig = CloudImageConfig()


class SafetySetting(Message):
    category: Annotated[str, Field(pattern="^HARM_CATEGORY_")]
    threshold: Literal["OFF", "BLOCK_NONE", "BLOCK_ONLY_HIGH", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_LOW_AND_ABOVE"]


class Body(Message):
    """As Google AI Studio takes it."""

    contents: Annotated[list[Content], Field(min_length=1)]
    generation_config: GenerationConfig = GenerationConfig()
    safety_settings: list[SafetySetting] = []
    system_instruction: Content | None = None
    tools: list[dict[str, Any]] = []
    service_tier: Literal["standard", "flex", "priority"] | None = None


class CloudBody(Message):
    """As Vertex AI takes it."""

    contents: Annotated[list[Content], Field(min_length=1)]
    generation_config: CloudGenerationConfig = CloudGenerationConfig()
    safety_settings: list[SafetySetting] = []
    system_instruction: Content | None = None
    tools: list[dict[str, Any]] = []
    labels: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was found in order."""

    order: Order
    size_class: str | None
    draws: bool
    """Whether a picture was asked for, and not words alone."""
    speaks: bool


def read_message(raw: bytes, model: type[Message]) -> Any:
    """``raw`` as ``model``, or Google's refusal."""
    try:
        return model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        raise _complaint(error.errors(include_url=False)[0]) from None


def asked_in(body: Body | CloudBody, rules: ModelRules) -> Asked:
    """What ``body`` asks of a model, or the refusal of what that model does not do."""
    on_cloud = isinstance(body, CloudBody)
    for content in body.contents:
        if on_cloud and content.role is None:
            raise invalid("Please use a valid role: user, model.")
    config = body.generation_config
    _check(config, rules)
    parts = body.contents[-1].parts
    pictures = tuple(_picture(part.inline_data) for part in parts if part.inline_data is not None)
    prompt = "\n".join(part.text for part in parts if part.text)
    if not prompt or len(pictures) > rules.references or any(part.text and part.inline_data for part in parts):
        raise invalid()
    shape = config.image_config
    order = Order(
        prompt=prompt,
        size=size_of(rules, shape.aspect_ratio, shape.image_size, pictures[0].size if pictures else None),
        encoding=_encoding(shape),
        images=pictures,
    )
    modalities = config.response_modalities
    return Asked(order, shape.image_size, "IMAGE" in modalities, "TEXT" in modalities)


def _check(config: GenerationConfig, rules: ModelRules) -> None:
    """What one model takes and another does not; Google's own words say no more than this."""
    shape, level = config.image_config, config.thinking_config.thinking_level
    if config.candidate_count not in {None, 1}:
        raise invalid("Multiple candidates is not enabled for this model")
    if shape.aspect_ratio is not None and shape.aspect_ratio not in rules.shapes:
        raise invalid()
    if shape.image_size is not None and (not rules.tells_size or shape.image_size not in rules.tokens):
        raise invalid()
    if level is not None and level.lower() not in rules.thinking:
        raise invalid("Thinking level is not supported for this model.")


def _encoding(shape: ImageConfig) -> Encoding:
    if not isinstance(shape, CloudImageConfig):
        return Encoding()
    options = shape.image_output_options
    return Encoding(options.mime_type.removeprefix("image/"), options.compression_quality)


def _picture(blob: Blob) -> Image:
    if blob.mime_type not in INPUT_TYPES:
        raise invalid(f"Unsupported MIME type: {blob.mime_type}")
    return picture_in(blob.data, UNREADABLE, blob.mime_type)


def picture_in(encoded: str, refusal: str, media_type: str | None = None) -> Image:
    """The picture in ``encoded``, which must be of ``media_type`` where one is named."""
    try:
        picture = decode(base64.b64decode(encoded, validate=True))
    except (binascii.Error, UndecodableError):
        raise invalid(refusal) from None
    if media_type is not None and picture.get_format_mimetype() != media_type:
        raise invalid(refusal)
    return picture


def _complaint(error: ErrorDetails) -> RefusalError:
    """One thing that is wrong, as the transcoder from JSON words it."""
    steps = [str(step) if isinstance(step, int) else to_snake(step) for step in error["loc"]]
    path = re.sub(r"\.(\d+)", r"[\1]", ".".join(steps))
    match error["type"]:
        case "json_invalid":
            return invalid("Invalid JSON payload received. Unexpected token.")
        case "extra_forbidden":
            where, _, _ = path.rpartition(".")
            place = f" at '{where}'" if where else ""
            name = error["loc"][-1]
            return invalid(f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.')
        case "missing" | "too_short":
            return invalid(f"* GenerateContentRequest.{path}: {path.rpartition('.')[2]} is not specified\n")
        case _:
            return invalid(f"Invalid value at '{path}', {error['input']!r}")
