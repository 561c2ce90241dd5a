"""Reading a request of OpenAI's Images API as strictly as the API does: JSON or multipart, to an ``Order``."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from PIL.Image import Image
from PIL.ImageFile import ImageFile
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from pixelrelay.testing.emulator.answers import RefusalError
from pixelrelay.testing.emulator.base import Order
from pixelrelay.testing.emulator.inputs import form_of
from pixelrelay.testing.emulator.openai_models import ModelRules, automatic_size, parsed, size_objection
from pixelrelay.testing.emulator.pictures import Encoding, UndecodableError, decode

LARGEST_FILE = 50_000_000
PICTURE_FIELDS = frozenset({"image", "image[]", "mask"})
INVALID_REQUEST = "invalid_request_error"
USER_ERROR = "image_generation_user_error"


class _Fields(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    prompt: Annotated[str, Field(min_length=1, max_length=32_000)]
    model: str | None = None
    n: Annotated[int, Field(ge=1, le=10)] | None = None
    size: str | None = None
    quality: str | None = None
    background: Literal["transparent", "opaque", "auto"] | None = None
    output_format: str | None = None
    output_compression: Annotated[int, Field(ge=0, le=100)] | None = None
    stream: bool | None = None
    partial_images: Annotated[int, Field(ge=0, le=3)] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    complexity: Literal["low", "medium", "high"] | None = None


class Generation(_Fields):
    moderation: Literal["low", "auto"] | None = None


class EditForm(_Fields):
    input_fidelity: Literal["high", "low"] | None = None


class _Reference(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    image_url: Annotated[str, Field(max_length=20_971_520)] | None = None
    file_id: str | None = None


class EditJson(EditForm):
    images: Annotated[list[_Reference], Field(min_length=1, max_length=16)]
    mask: _Reference | None = None
    moderation: Literal["low", "auto"] | None = None


FieldsT = TypeVar("FieldsT", bound=_Fields)


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where the services that speak this API differ."""

    rules: Callable[[str | None], ModelRules]
    """Of the model that the body names; raises the service's ``RefusalError`` for one it does not have."""
    formats: tuple[str, ...] = ("png", "jpeg", "webp")
    input_types: tuple[str, ...] = ("image/jpeg", "image/png", "image/webp")
    json_edits: bool = True
    default_quality: str = "medium"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was found in order."""

    order: Order
    rules: ModelRules
    model: str | None
    stream: bool
    partial_images: int
    safety_identifier: str | None


def invalid(message: str, param: str | None, code: str, kind: str = INVALID_REQUEST) -> RefusalError:
    return RefusalError(400, {"error": {"message": message, "type": kind, "param": param, "code": code}})


async def read_generation(request: Request, dialect: Dialect) -> Asked:
    _require_type(request, "application/json")
    fields = _from_json(Generation, await request.body())
    return _asked(fields, dialect, (), None)


async def read_edit(request: Request, dialect: Dialect) -> Asked:
    if dialect.json_edits and _type_of(request) == "application/json":
        return _edit_from_json(await request.body(), dialect)
    _require_type(request, "multipart/form-data")
    form = await read_form(request)
    try:
        texts, pictures, mask = _sorted_out(form, dialect)
    finally:
        for _, part in form.multi_items():
            if isinstance(part, UploadFile):
                part.file.close()
    fields = _checked(lambda: EditForm.model_validate(texts))
    if not pictures:
        raise invalid("Missing required parameter: 'image'.", "image", "missing_required_parameter")
    return _asked(fields, dialect, tuple(pictures), mask)


def _edit_from_json(body: bytes, dialect: Dialect) -> Asked:
    fields = _from_json(EditJson, body)
    pictures = tuple(_referenced(reference, f"images[{i}]") for i, reference in enumerate(fields.images))
    mask = _referenced(fields.mask, "mask") if fields.mask is not None else None
    return _asked(fields, dialect, pictures, mask)


# --- the wire ----------------------------------------------------------------------------------------------------


def _type_of(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _require_type(request: Request, expected: str) -> None:
    given = _type_of(request)
    if given != expected:
        raise invalid(
            f"Invalid Content-Type header ({given or 'none'}): expected {expected}.", None, "unsupported_content_type"
        )


def _from_json(model: type[FieldsT], body: bytes) -> FieldsT:
    return _checked(lambda: model.model_validate_json(body, strict=True))


def _checked(validate: Callable[[], FieldsT]) -> FieldsT:
    try:
        return validate()
    except ValidationError as error:
        raise _complaint(error.errors(include_url=False)[0]) from None


_EXPECTED = {"string_type": "a string", "int_type": "an integer", "bool_type": "a boolean", "list_type": "an array"}


def _complaint(error: ErrorDetails) -> RefusalError:
    """One thing that is wrong, in OpenAI's words."""
    param = ".".join(str(step) for step in error["loc"]) or None
    given = error["input"]
    match error["type"]:
        case "json_invalid":
            return invalid("We could not parse the JSON body of your request.", None, "invalid_json")
        case "extra_forbidden":
            return invalid(f"Unknown parameter: '{param}'.", param, "unknown_parameter")
        case "missing":
            return invalid(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")
        case "literal_error":
            known = error["ctx"]["expected"]
            return invalid(f"Invalid value: '{given}'. Supported values are: {known}.", param, "invalid_value")
        case "less_than_equal":
            most = error["ctx"]["le"]
            message = f"Invalid '{param}': integer above maximum value. Expected a value <= {most}, but got {given}."
            return invalid(message, param, "integer_above_max_value")
        case "greater_than_equal":
            least = error["ctx"]["ge"]
            message = f"Invalid '{param}': integer below minimum value. Expected a value >= {least}, but got {given}."
            return invalid(message, param, "integer_below_min_value")
        case "string_too_long":
            return invalid(f"Invalid '{param}': string too long.", param, "string_above_max_length")
        case "string_too_short":
            return invalid(f"Invalid '{param}': empty string.", param, "empty_string")
        case kind:
            expected = _EXPECTED.get(kind, "another type")
            return invalid(f"Invalid type for '{param}': expected {expected}.", param, "invalid_type")


async def read_form(request: Request) -> FormData:
    """The form in a request, its files in memory; raises OpenAI's refusal for what is none."""
    try:
        return await form_of(request)
    except MultiPartException as error:
        raise invalid(f"Could not parse multipart form: {error.message}", None, "invalid_multipart") from None


def _sorted_out(form: FormData, dialect: Dialect) -> tuple[dict[str, str], list[Image], Image | None]:
    texts: dict[str, str] = {}
    pictures: list[Image] = []
    mask: Image | None = None
    for name, value in form.multi_items():
        if isinstance(value, str):
            if name in PICTURE_FIELDS:
                raise invalid(f"Invalid type for '{name}': expected a file, but got a string.", name, "invalid_type")
            if name in texts:
                raise invalid(f"Duplicate parameter: '{name}'.", name, "duplicate_parameter")
            texts[name] = value
        elif name == "mask":
            mask = _picture(name, value, ("image/png",))
        elif name in PICTURE_FIELDS:
            pictures.append(_picture(name, value, dialect.input_types))
        else:
            raise invalid(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    return texts, pictures, mask


def _picture(name: str, file: UploadFile, types: tuple[str, ...]) -> Image:
    if file.content_type not in types:
        raise invalid(
            f"Invalid file '{name}': unsupported mimetype ('{file.content_type or 'none'}'). "
            f"Supported file formats are {', '.join(types)}.",
            name,
            "unsupported_file_mimetype",
        )
    data = file.file.read()
    if not file.filename:
        raise invalid(f"Invalid file '{name}': it has no filename.", name, "invalid_image_file")
    if len(data) > LARGEST_FILE:
        raise invalid(f"Invalid file '{name}': larger than 50MB.", name, "image_too_large")
    picture = _decoded(data, name)
    if picture.get_format_mimetype() != file.content_type:
        raise invalid(f"Invalid file '{name}': it is not {file.content_type}.", name, "invalid_image_file")
    return picture


def _decoded(data: bytes, name: str) -> ImageFile:
    try:
        return decode(data)
    except UndecodableError:
        message = f"Invalid image file or mode for '{name}', please check your image file."
        raise invalid(message, name, "invalid_image_file") from None


def _referenced(reference: _Reference, name: str) -> Image:
    if (reference.image_url is None) == (reference.file_id is None):
        raise invalid(f"Provide exactly one of 'image_url' and 'file_id' in '{name}'.", name, "invalid_value")
    kind, comma, encoded = (reference.image_url or "").partition(";base64,")
    if not kind.startswith("data:image/") or not comma:
        raise invalid(f"Error while downloading '{name}'.", name, "invalid_image_url")
    try:
        return _decoded(base64.b64decode(encoded, validate=True), name)
    except binascii.Error:
        raise invalid(f"Invalid base64 in '{name}'.", name, "invalid_image_file") from None


# --- the rules ---------------------------------------------------------------------------------------------------


def _asked(fields: _Fields, dialect: Dialect, pictures: tuple[Any, ...], mask: Image | None) -> Asked:
    rules = dialect.rules(fields.model)
    _check(fields, rules, dialect)
    if len(pictures) > rules.references:
        message = f"Too many images: at most {rules.references} are supported."
        raise invalid(message, "image", "array_above_max_length")
    if mask is not None:
        _check_mask(mask, pictures[0])
    first = pictures[0].size if pictures else None
    order = Order(
        prompt=fields.prompt,
        size=parsed(fields.size or "auto") or automatic_size(first),
        n=fields.n or 1,
        quality=dialect.default_quality if fields.quality in {None, "auto"} else fields.quality,
        transparent=fields.background == "transparent",
        encoding=Encoding(
            fields.output_format or "png", 100 if fields.output_compression is None else fields.output_compression
        ),
        images=pictures,
        mask=mask,
    )
    return Asked(order, rules, fields.model, bool(fields.stream), fields.partial_images or 0, fields.safety_identifier)


def _check(fields: _Fields, rules: ModelRules, dialect: Dialect) -> None:
    """What one model takes and another does not."""
    if objection := size_objection(rules, fields.size or "auto"):
        raise invalid(objection, "size", "invalid_value", USER_ERROR)
    _one_of("quality", fields.quality, rules.qualities)
    _one_of("output_format", fields.output_format, dialect.formats)
    output_format = fields.output_format or "png"
    if fields.background == "transparent" and output_format == "jpeg":
        message = "Transparent background is not supported for JPEG output format."
        raise invalid(message, "background", "invalid_value")
    if fields.output_compression not in {None, 100} and output_format == "png":
        message = "Compression less than 100 is not supported for PNG output format."
        raise invalid(message, "output_compression", "invalid_png_output_compression")
    if fields.partial_images and not fields.stream:
        raise invalid("'partial_images' needs 'stream'.", "partial_images", "invalid_value")
    fidelity = getattr(fields, "input_fidelity", None)
    if fidelity is not None and fidelity not in rules.fidelities:
        raise invalid(
            f"The model does not support the 'input_fidelity' parameter value '{fidelity}'.",
            "input_fidelity",
            "invalid_input_fidelity_model",
        )


def _one_of(param: str, value: str | None, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        supported = ", ".join(f"'{each}'" for each in known)
        raise invalid(f"Invalid value: '{value}'. Supported values are: {supported}.", param, "invalid_value")


def _check_mask(mask: Image, first: Image) -> None:
    if not mask.has_transparency_data:
        message = "Invalid mask image format - mask image missing alpha channel."
        raise invalid(message, "mask", "invalid_mask_image_format", USER_ERROR)
    if mask.size != first.size:
        message = "Invalid mask image format - mask size does not match image size."
        raise invalid(message, "mask", "invalid_mask_image_format", USER_ERROR)


def shared_answer(asked: Asked, created: int) -> Mapping[str, Any]:
    """The fields of a successful answer beside ``data`` and ``usage``: every choice as it was resolved."""
    order = asked.order
    return {
        "created": created,
        "background": "transparent" if order.transparent else "opaque",
        "output_format": order.encoding.format,
        "quality": order.quality,
        "size": f"{order.size[0]}x{order.size[1]}",
    }
