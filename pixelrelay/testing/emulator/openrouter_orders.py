"""Reading what OpenRouter is asked, as strictly as it does: of either route, to an ``Order``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from PIL.Image import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from pixelrelay.testing.emulator.answers import RefusalError
from pixelrelay.testing.emulator.base import Order
from pixelrelay.testing.emulator.inputs import picture_as_said
from pixelrelay.testing.emulator.openrouter_models import MODELS, TIERS, Model
from pixelrelay.testing.emulator.pictures import Encoding, Size, UndecodableError


class _Strict(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)


class _Url(_Strict):
    url: str


class _Picture(_Strict):
    type: Literal["image_url"]
    image_url: _Url


class _Text(_Strict):
    type: Literal["text"]
    text: str


class _Routing(_Strict):
    """Preferences among the providers of a model; the chat route knows more of them."""

    only: list[str] | None = None
    order: list[str] | None = None
    ignore: list[str] | None = None
    sort: Literal["price", "throughput", "latency"] | dict[str, Any] | None = None
    allow_fallbacks: bool | None = None
    options: dict[str, dict[str, Any]] | None = None


class ImagesBody(_Strict):
    model: str
    prompt: Annotated[str, Field(min_length=1)]
    n: Annotated[int, Field(ge=1, le=10)] | None = None
    aspect_ratio: str | None = None
    resolution: Literal["512", "1K", "2K", "4K"] | None = None
    size: str | None = None
    quality: Literal["auto", "low", "medium", "high"] | None = None
    output_format: Literal["png", "jpeg", "webp", "svg"] | None = None
    background: Literal["auto", "transparent", "opaque"] | None = None
    output_compression: Annotated[int, Field(ge=0, le=100)] | None = None
    seed: int | None = None
    stream: bool | None = None
    input_references: Annotated[list[_Picture], Field(max_length=16)] = []
    provider: _Routing | None = None


class _Message(_Strict):
    role: Literal["user"]
    content: list[Annotated[_Text | _Picture, Field(discriminator="type")]]


class ChatBody(BaseModel):
    """Of chat's many fields those that matter to pictures; the others are let be, as there."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="ignore", strict=True)

    model: str
    messages: Annotated[list[_Message], Field(min_length=1, max_length=1)]
    modalities: list[Literal["image", "text"]]
    image_config: dict[str, Any] = {}
    seed: int | None = None
    provider: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was found in order."""

    name: str
    model: Model
    order: Order
    tier: str | None


BodyT = TypeVar("BodyT", bound=BaseModel)


def error(status: int, message: str, metadata: Mapping[str, Any] | None = None, **headers: str) -> RefusalError:
    """In OpenRouter's shape; ``headers`` are named with underscores."""
    told: dict[str, Any] = {"code": status, "message": message}
    if metadata is not None:
        told["metadata"] = metadata
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return RefusalError(status, {"error": told, "user_id": "user_emulated"}, named)


def invalid(message: str, error_type: str = "invalid_request") -> RefusalError:
    return error(400, message, {"error_type": error_type})


async def read_images(request: Request) -> Asked:
    body = await _read(request, ImagesBody)
    model = _model(body.model)
    _check_listed(body, model)
    if len(body.input_references) > model.references:
        raise invalid(f"{body.model} takes at most {model.references} input references")
    tier, size = _shape(body, model)
    transparent = body.background == "transparent"
    if transparent and body.output_format == "jpeg":
        raise invalid("a transparent background needs png or webp")
    order = Order(
        prompt=body.prompt,
        size=size,
        n=body.n or 1,
        quality=None if body.quality == "auto" else body.quality,
        transparent=transparent,
        encoding=Encoding(body.output_format or model.draws),
        images=tuple(_picture(each) for each in body.input_references),
    )
    return Asked(body.model, model, order, tier)


async def read_chat(request: Request) -> Asked:
    body = await _read(request, ChatBody)
    model = _model(body.model)
    if "image" not in body.modalities or ("text" in body.modalities and not model.writes):
        wanted = ", ".join(body.modalities)
        raise error(404, f"No endpoints found that support the requested output modalities: {wanted}")
    content = body.messages[0].content
    ratio, tier = body.image_config.get("aspect_ratio"), body.image_config.get("image_size")
    tier = "512" if tier == "0.5K" else tier
    if (ratio is not None and ratio not in model.ratios) or (tier is not None and tier not in model.tiers):
        raise invalid(f"image_config is not supported by {body.model}")
    order = Order(
        prompt="\n".join(part.text for part in content if isinstance(part, _Text)),
        size=model.size(ratio, tier),
        encoding=Encoding(model.draws),
        images=tuple(_picture(part) for part in content if isinstance(part, _Picture)),
    )
    return Asked(body.model, model, order, tier)


async def _read(request: Request, body: type[BodyT]) -> BodyT:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise invalid("Invalid request parameters: expected application/json")
    try:
        return body.model_validate_json(await request.body())
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise invalid(f"Invalid request parameters: {where}: {first['msg']}") from None


def _model(name: str) -> Model:
    if name not in MODELS:
        raise invalid(f"{name} is not a valid model ID")
    return MODELS[name]


def _check_listed(body: ImagesBody, model: Model) -> None:
    """What a model does not list it refuses; it is not left aside."""
    listed: Mapping[str, tuple[object, ...] | bool] = {
        "aspect_ratio": model.ratios,
        "resolution": model.tiers,
        "quality": model.qualities,
        "background": model.backgrounds,
        "output_format": model.formats,
        "output_compression": model.compression,
        "seed": model.seed,
    }
    for name, known in listed.items():
        value = getattr(body, name)
        if value is None:
            continue
        if not known:
            raise invalid(f"{name} is not supported by {body.model}")
        if isinstance(known, tuple) and value not in known:
            raise invalid(f"{name} {value} is not supported by {body.model}; supported: {', '.join(map(str, known))}")
    if (body.n or 1) > model.most:
        raise invalid(f"n must be at most {model.most} for {body.model}")


def _shape(body: ImagesBody, model: Model) -> tuple[str | None, Size]:
    """The tier, and the pixels."""
    if body.size is None or body.size in TIERS:
        tier = body.size or body.resolution
        return tier, model.size(body.aspect_ratio, tier)
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", body.size)
    if found is None:
        raise invalid("size must be a tier or WIDTHxHEIGHT")
    if body.resolution is not None or body.aspect_ratio is not None:
        raise invalid("size in pixels does not go with resolution or aspect_ratio")
    return None, (int(found[1]), int(found[2]))


def _picture(part: _Picture) -> Image:
    try:
        return picture_as_said(part.image_url.url)
    except UndecodableError:
        raise invalid("An input reference could not be read", "invalid_image") from None
