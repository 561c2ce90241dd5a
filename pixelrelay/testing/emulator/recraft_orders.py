"""Reading what Recraft is asked, as strictly as its guide has it: JSON, to an ``Order``. Forms are not emulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from PIL import Image, ImageOps
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from pixelrelay.testing.emulator.answers import RefusalError
from pixelrelay.testing.emulator.base import Order
from pixelrelay.testing.emulator.inputs import picture_as_said
from pixelrelay.testing.emulator.pictures import Encoding, Size, UndecodableError
from pixelrelay.testing.emulator.recraft_models import MODELS, SERVICES, Model

MASKED = frozenset({"inpaint", "generateBackground", "eraseRegion"})
READ = frozenset({"PNG", "JPEG", "WEBP"})


class _Strict(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)


class _Result(_Strict):
    response_format: Literal["url", "b64_json"] = "url"
    image_format: Literal["png", "webp"] | None = None
    expire: bool | None = None


class _Colour(_Strict):
    rgb: Annotated[list[Annotated[int, Field(ge=0, le=255)]], Field(min_length=3, max_length=3)]
    weight: Annotated[float, Field(ge=0, le=1)] | None = None


class _Controls(_Strict):
    colors: list[_Colour] | None = None
    background_color: _Colour | None = None
    artistic_level: Annotated[int, Field(ge=0, le=5)] | None = None
    no_text: bool | None = None


class _Drawing(_Result):
    """What the endpoints share that draw from a prompt."""

    prompt: Annotated[str, Field(min_length=1)]
    model: str = "recraftv4_1"
    n: Annotated[int, Field(ge=1, le=6)] = 1
    style: str | None = None
    substyle: str | None = None
    style_id: str | None = None
    style_match: Literal["regular", "precise", "flexible"] | None = None
    negative_prompt: str | None = None
    text_layout: list[dict[str, Any]] | None = None
    controls: _Controls | None = None
    random_seed: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = None
    block_nsfw: bool | None = None
    calculate_features: bool | None = None


class Generation(_Drawing):
    size: str | None = None
    style_reference_urls: Annotated[list[str], Field(max_length=10)] | None = None


class _Redrawing(_Drawing):
    image_url: str


class ImageToImage(_Redrawing):
    strength: Annotated[float, Field(ge=0, le=1)]


class Masked(_Redrawing):
    mask_url: str


class Outpaint(_Redrawing):
    size: str | None = None
    expand_left: Annotated[int, Field(ge=0, le=4096)] = 0
    expand_right: Annotated[int, Field(ge=0, le=4096)] = 0
    expand_top: Annotated[int, Field(ge=0, le=4096)] = 0
    expand_bottom: Annotated[int, Field(ge=0, le=4096)] = 0
    zoom_out_percentage: Annotated[float, Field(ge=0, lt=100)] | None = None


class _Process(_Result):
    image_url: str


class Erase(_Process):
    mask_url: str


class Vectorize(_Process):
    svg_compression: Literal["on", "off"] | None = None
    limit_num_shapes: Literal["on", "off"] | None = None
    max_num_shapes: Annotated[int, Field(ge=1)] | None = None
    color_reduction: Literal["on", "off"] | None = None
    return_gradients: Literal["on", "off"] | None = None
    small_shape_filter: Literal["on", "off"] | None = None
    shape_stacking: Literal["cut_out", "hierarchical"] | None = None
    strict_color_palette: list[list[int]] | None = None


EDITS: Mapping[str, type[_Redrawing]] = {
    "imageToImage": ImageToImage,
    "inpaint": Masked,
    "generateBackground": Masked,
    "replaceBackground": _Redrawing,
    "outpaint": Outpaint,
}
PROCESSES: Mapping[str, type[_Process]] = {"vectorize": Vectorize, "eraseRegion": Erase}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was found in order."""

    order: Order
    units: int
    """Of each picture."""
    inline: bool


BodyT = TypeVar("BodyT", bound=BaseModel)


def invalid(message: str) -> RefusalError:
    return RefusalError(400, {"code": "invalid_request_parameter", "message": message})


async def read_generation(request: Request) -> Asked:
    body = await _read(request, Generation)
    model = _model(body)
    if model.needs_style and body.style_id is None and not body.style_reference_urls:
        raise invalid(f"{body.model} needs style_id or style references")
    return _drawing(body, model, _size(body.size, model))


async def read_edit(request: Request, endpoint: str) -> Asked:
    body = await _read(request, EDITS[endpoint])
    model = _model(body)
    if endpoint not in model.edits:
        raise invalid(f"{endpoint} is not supported for model {body.model}")
    picture = _input(body.image_url)
    mask = _mask(body.mask_url, picture) if isinstance(body, Masked) else None
    size = picture.size
    if isinstance(body, Outpaint):
        size = _grown(body, model, picture.size)
    return _drawing(body, model, size, (picture,), mask)


async def read_process(request: Request, endpoint: str) -> Asked:
    body = await _read(request, PROCESSES.get(endpoint, _Process))
    service = SERVICES[endpoint]
    picture = _input(body.image_url)
    width, height = picture.size
    order = Order(
        prompt=endpoint,
        size=(width * service.scale, height * service.scale),
        encoding=Encoding("svg" if service.vector else body.image_format or "png"),
        images=(picture,),
        mask=_mask(body.mask_url, picture) if isinstance(body, Erase) else None,
    )
    return Asked(order, service.units, body.response_format == "b64_json")


async def _read(request: Request, body: type[BodyT]) -> BodyT:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise invalid("expected application/json")
    try:
        return body.model_validate_json(await request.body())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise invalid(f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}") from None


def _model(body: _Drawing) -> Model:
    model = MODELS.get(body.model.removesuffix("_raster"))
    if model is None:
        raise invalid(f"unknown model: {body.model}")
    if len(body.prompt) > model.longest:
        raise invalid(f"prompt is longer than {model.longest} characters")
    if body.style is not None and body.style_id is not None:
        raise invalid("style and style_id are mutually exclusive")
    if body.style is not None and body.style not in model.styles:
        raise invalid(f"style {body.style} is not supported for model {body.model}")
    for name in ("substyle", "negative_prompt", "text_layout"):
        if getattr(body, name) is not None and not model.negative:
            raise invalid(f"{name} is not supported for model {body.model}")
    if model.vector and body.image_format is not None:
        raise invalid(f"image_format is not supported for model {body.model}")
    return model


def _drawing(
    body: _Drawing,
    model: Model,
    size: Size,
    pictures: tuple[Image.Image, ...] = (),
    mask: Image.Image | None = None,
) -> Asked:
    order = Order(
        prompt=body.prompt,
        size=size,
        n=body.n,
        encoding=Encoding("svg" if model.vector else body.image_format or "png"),
        images=pictures,
        mask=mask,
    )
    return Asked(order, model.units, body.response_format == "b64_json")


def _size(text: str | None, model: Model) -> Size:
    if text is None:
        return next(iter(model.sizes.values()))
    if text not in model.sizes:
        raise invalid(f"size {text} is not supported by the model")
    return model.sizes[text]


def _grown(body: Outpaint, model: Model, size: Size) -> Size:
    if body.size is not None:
        return _size(body.size, model)
    width, height = size
    if body.zoom_out_percentage is not None:
        scale = 1 / (1 - body.zoom_out_percentage / 100)
        return round(width * scale), round(height * scale)
    return width + body.expand_left + body.expand_right, height + body.expand_top + body.expand_bottom


def _input(url: str) -> Image.Image:
    picture = _decoded(url, "image")
    if picture.format not in READ:
        raise invalid("image must be PNG, JPG or WEBP")
    if min(picture.size) < 256 or max(picture.size) > 4096 or picture.width * picture.height > 16_000_000:
        raise invalid("image sides must be from 256 to 4096 px, and at most 16 MP")
    return picture


def _decoded(url: str, name: str) -> Image.Image:
    try:
        return picture_as_said(url)
    except UndecodableError:
        raise invalid(f"{name} could not be read") from None


def _mask(url: str, picture: Image.Image) -> Image.Image:
    """White is drawn anew, which is transparent in an ``Order``; anything between black and white is refused."""
    mask = _decoded(url, "mask")
    if mask.size != picture.size:
        raise invalid("mask must have the size of the image")
    if mask.has_transparency_data:
        raise invalid("mask must be a grayscale image")
    grey = mask.convert("L")
    if sum(grey.histogram()[1:255]):
        raise invalid("mask must be black and white")
    as_mask = Image.new("RGBA", picture.size)
    as_mask.putalpha(ImageOps.invert(grey))
    return as_mask
