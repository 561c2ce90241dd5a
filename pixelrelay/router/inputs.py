"""Input images, from whatever callers hold them in, and requests, checked whole before anything is reserved."""

from __future__ import annotations

import base64
import binascii
import io
import os
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import IO, Any, TypeAlias

import anyio
import imagesize

from pixelrelay._spooled import Spooled
from pixelrelay.errors import InvalidRequestError, Problem
from pixelrelay.images import ImageRequest, InputImage, Operation, Size, parse_size
from pixelrelay.providers._pictures import LOOKED_AT, is_svg
from pixelrelay.providers.adapting import ADAPTABLE

ImageInput: TypeAlias = str | bytes | os.PathLike[str] | IO[bytes] | InputImage | Spooled
"""A path, the bytes of a file, a file opened for reading bytes, a ``data:`` URL or an ``https://`` URL; or an upload on
disk, which stays there and whoever gives it closes."""

Fetch: TypeAlias = Callable[[str], Awaitable[bytes]]

_KINDS: Sequence[tuple[bytes, bytes, str, str]] = (
    (b"\x89PNG\r\n\x1a\n", b"", "image/png", "png"),
    (b"\xff\xd8\xff", b"", "image/jpeg", "jpg"),
    (b"RIFF", b"WEBP", "image/webp", "webp"),
    (b"GIF8", b"", "image/gif", "gif"),
)
_DATA_URL = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w.=+-]+)*;base64,(.*)", re.DOTALL | re.IGNORECASE)
CHOICES: Mapping[str, frozenset[str]] = {
    "output_format": frozenset({"png", "jpeg", "webp", "svg"}),
    "response_format": frozenset({"b64_json", "url"}),
    "background": frozenset({"transparent", "opaque", "auto"}),
}
MOST_PARTIAL_IMAGES = 3
"""As OpenAI has it, the one provider that shows them."""
MOST_IMAGES = 64
"""Pictures in one request; a larger ``n`` is likelier a mistake than a wish."""


async def read_image(given: ImageInput, where: str, fetch: Fetch | None, max_bytes: int) -> InputImage:
    """The image, its type told by its content. Raises ``InvalidRequestError`` that names ``where``."""
    if isinstance(given, InputImage):
        return given
    data, name = await _read(given, where, fetch, max_bytes)
    if len(data) > max_bytes:
        raise _wrong(where, f"{len(data)} bytes, more than the {max_bytes} allowed (max_input_bytes)")
    # Of a file no more than its beginning is read, and not by the event loop.
    kind, size = await anyio.to_thread.run_sync(_seen, data) if isinstance(data, Spooled) else _seen(data)
    if kind is None:
        raise _wrong(where, "is no PNG, JPEG, WebP, GIF or SVG" if data else "is empty")
    media_type, extension = kind
    stem = PurePath(name).stem or where.replace("[", "").replace("]", "")
    return InputImage(data, media_type, f"{stem}.{extension}", size)


def kind_of(data: bytes) -> tuple[str, str] | None:
    """Media type and extension; ``None`` for what is no picture."""
    for start, inner, media_type, extension in _KINDS:
        if data.startswith(start) and data[8 : 8 + len(inner)] == inner:
            return media_type, extension
    return ("image/svg+xml", "svg") if is_svg(data) else None


def _seen(data: bytes | Spooled) -> tuple[tuple[str, str] | None, Size | None]:
    if isinstance(data, Spooled):
        return kind_of(data.read(0, LOOKED_AT)), _dimensions(data.reader())
    return kind_of(data), _dimensions(io.BytesIO(data))


async def _read(given: ImageInput, where: str, fetch: Fetch | None, max_bytes: int) -> tuple[bytes | Spooled, str]:
    if isinstance(given, Spooled):
        return given, ""
    if isinstance(given, bytes | bytearray | memoryview):
        return bytes(given), ""
    if isinstance(given, str) and given[:5].lower() == "data:":
        return _from_data_url(given, where), ""
    if isinstance(given, str) and re.match(r"(?i)https?://", given):
        return await _fetched(given, where, fetch), ""
    if isinstance(given, str | os.PathLike):
        return await _from_path(anyio.Path(given), where, max_bytes), os.fspath(given)
    if hasattr(given, "read"):
        data = given.read(max_bytes + 1)
        if not isinstance(data, bytes):
            raise _wrong(where, "is a file opened for text; open it with mode 'rb'")
        return data, str(getattr(given, "name", ""))
    raise _wrong(where, f"is a {type(given).__name__}; give a path, bytes, a file, a data: URL or an https:// URL")


def _from_data_url(given: str, where: str) -> bytes:
    found = _DATA_URL.fullmatch(given.strip())
    if found is None:
        raise _wrong(where, "is a data: URL without ;base64,")
    try:
        return base64.b64decode(found[1], validate=True)
    except binascii.Error:
        raise _wrong(where, "is a data: URL whose base64 cannot be decoded") from None


async def _fetched(given: str, where: str, fetch: Fetch | None) -> bytes:
    if fetch is None:
        raise _wrong(where, "is an address, and fetching is switched off; set fetch_images: true to allow it")
    try:
        return await fetch(given)
    except ValueError as error:
        raise _wrong(where, str(error)) from error


async def _from_path(path: anyio.Path, where: str, max_bytes: int) -> bytes:
    try:
        if (await path.stat()).st_size > max_bytes:
            raise _wrong(where, f"{path}: more than the {max_bytes} bytes allowed (max_input_bytes)")
        return await path.read_bytes()
    except OSError as error:
        raise _wrong(where, f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise _wrong(where, f"is no path that can be read: {error}") from error


def _dimensions(file: io.BytesIO | io.RawIOBase) -> Size | None:
    try:
        width, height = imagesize.get(file)
    except (ValueError, OSError, KeyError, IndexError):
        return None
    return Size(int(width), int(height)) if width > 0 and height > 0 else None


def _wrong(where: str, message: str) -> InvalidRequestError:
    return InvalidRequestError([Problem(where, message)])


# --- the request -------------------------------------------------------------------------------------------------


def make_request(operation: Operation, prompt: str, given: Mapping[str, Any]) -> ImageRequest:
    """The request, or one ``InvalidRequestError`` with all that is wrong with it."""
    problems = list(_problems(prompt, given))
    size = None
    try:
        size = parse_size(given.get("size"))
    except ValueError as error:
        problems.append(Problem("size", str(error)))
    problems += _leniency_problems(given)
    if problems:
        raise InvalidRequestError(problems)
    drop = given.get("drop_params", False)
    leniency = {
        "adapt": frozenset(given.get("adapt", ())),
        "drop_params": drop if isinstance(drop, bool) else frozenset(drop),
    }
    return ImageRequest(operation, prompt, **{**given, **leniency, "size": size})


def _leniency_problems(given: Mapping[str, Any]) -> Iterator[Problem]:
    adapt, drop = given.get("adapt", ()), given.get("drop_params", False)
    for name, value in (("adapt", adapt), ("drop_params", drop if not isinstance(drop, bool) else ())):
        if isinstance(value, str) or not all(isinstance(item, str) for item in value):
            yield Problem(name, f"{value!r} is no list of names")
        elif name == "adapt" and (unknown := sorted(set(value) - ADAPTABLE)):
            yield Problem(name, f"{', '.join(unknown)}: there are {', '.join(sorted(ADAPTABLE))}")


def _problems(prompt: object, given: Mapping[str, Any]) -> Iterator[Problem]:
    if not isinstance(prompt, str):
        yield Problem("prompt", f"must be text, not {type(prompt).__name__}")
    elif not prompt.strip():
        yield Problem("prompt", "is empty")
    n = given.get("n", 1)
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MOST_IMAGES:
        yield Problem("n", f"{n!r} is not a whole number from 1 to {MOST_IMAGES}")
    compression = given.get("output_compression")
    if compression is not None and (not isinstance(compression, int) or not 0 <= compression <= 100):
        yield Problem("output_compression", f"{compression!r} is not a whole number from 0 to 100")
    seed = given.get("seed")
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        yield Problem("seed", f"{seed!r} is not a whole number")
    partial = given.get("partial_images", 0)
    if not isinstance(partial, int) or isinstance(partial, bool) or not 0 <= partial <= MOST_PARTIAL_IMAGES:
        yield Problem("partial_images", f"{partial!r} is not a whole number from 0 to {MOST_PARTIAL_IMAGES}")
    for name, known in CHOICES.items():
        value = given.get(name)
        if value is not None and value not in known:
            yield Problem(name, f"{value!r} is none of {', '.join(sorted(known))}")
    yield from _image_problems(given.get("images", ()), given.get("mask"))


def _image_problems(images: Sequence[InputImage], mask: InputImage | None) -> Iterator[Problem]:
    if mask is None:
        return
    if mask.media_type != "image/png":
        yield Problem("mask", f"must be a PNG, not {mask.media_type}")
    if images and mask.size is not None and images[0].size is not None and mask.size != images[0].size:
        yield Problem("mask", f"is {mask.size}, and the first image is {images[0].size}; they must be of one size")
