"""Results in OpenAI's shape, written piece by piece, so that a picture is never copied whole into a body."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pixelrelay import _clock
from pixelrelay._inline import Inline
from pixelrelay.images import Image, Images, Operation
from pixelrelay.outcomes import Usage
from pixelrelay.server.asking import Asked
from pixelrelay.server.refusals import Refusal

SLICE = 196_608
"""Bytes of a picture encoded at a time; a multiple of three, so that the parts of base64 fit together."""
AUTO = "auto"
STREAMED = {Operation.GENERATE: "image_generation", Operation.EDIT: "image_edit"}
"""How the events of a stream begin."""
_UNSAFE = ('"', "\\", "\n", "\r", "\t")


@dataclass(frozen=True, slots=True)
class Body:
    """A body that is sent piece by piece, and how long it is."""

    parts: tuple[bytes | Image, ...]
    """Texts, and between them pictures as their base64 in quotes."""

    @property
    def length(self) -> int:
        return sum(len(part) if isinstance(part, bytes) else _quoted_length(part) for part in self.parts)

    def pieces(self) -> Iterator[bytes]:
        """None of them much smaller than a ``SLICE`` but the last: each costs a step of the server and a packet."""
        waiting: list[bytes] = []
        size = 0
        for text in self._texts():
            waiting.append(text)
            size += len(text)
            if size >= SLICE:
                yield b"".join(waiting)
                waiting, size = [], 0
        yield b"".join(waiting)

    def _texts(self) -> Iterator[bytes]:
        for part in self.parts:
            if isinstance(part, bytes):
                yield part
            else:
                yield b'"'
                yield from _base64(part)
                yield b'"'


def result(images: Images, links: Mapping[int, str], incomplete: Refusal | None = None) -> Body:
    """The answer to a request. ``links`` are the pictures that are told by a link, by their place."""
    told: dict[str, Any] = {"created": images.created, "data": None, **_settings(images)}
    if (usage := usage_of(images.usage)) is not None:
        told["usage"] = usage
    if incomplete is not None:
        told |= incomplete.body
    before, _, after = json_of(told).partition(b'"data":null')
    parts: list[bytes | Image] = [before + b'"data":[']
    for at, image in enumerate(images.data):
        parts += _item(image, links.get(at), b"," if at else b"")
    return Body((*parts, b"]" + after))


def completed(operation: Operation, images: Images, at: int) -> Body:
    """The last event of a stream for one picture."""
    image = images.data[at]
    # The client's model wants usage; nothing is made up where the provider told none.
    return _event(
        f"{STREAMED[operation]}.completed",
        image,
        {
            "background": images.background or AUTO,
            "created_at": images.created,
            "output_format": images.output_format or _format_of(image),
            "quality": images.quality or AUTO,
            "size": images.size or AUTO,
            "usage": usage_of(images.usage),
        },
    )


def partial(asked: Asked, image: Image, index: int) -> Body:
    """The event of a picture as far as it is drawn. What it is told to be like is as it was asked for."""
    told = {name: asked.arguments.get(name) or AUTO for name in ("background", "quality", "size")}
    return _event(
        f"{STREAMED[asked.operation]}.partial_image",
        image,
        {
            **told,
            "created_at": int(_clock.wall()),
            "output_format": asked.arguments.get("output_format") or _format_of(image),
            "partial_image_index": index,
        },
    )


def _event(name: str, image: Image, told: Mapping[str, Any]) -> Body:
    """As server-sent events write it."""
    before, _, after = json_of({"type": name, "b64_json": None, **told}).partition(b"null")
    return Body((f"event: {name}\ndata: ".encode() + before, image, after + b"\n\n"))


def failed(refusal: Refusal) -> bytes:
    """The last event of a stream that fails after it began."""
    return b"event: error\ndata: " + json_of({"type": "error", **refusal.body}) + b"\n\n"


def refused(refusal: Refusal) -> bytes:
    return json_of(refusal.body)


def usage_of(usage: Usage | None) -> dict[str, Any] | None:
    """As the client's model has it: the details are always there. What nobody told apart counts as text."""
    if usage is None:
        return None
    told: dict[str, Any] = {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": _details(usage.input_tokens, usage.input_tokens_details, whole="text_tokens"),
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
    }
    if usage.output_tokens_details:
        details = _details(usage.output_tokens, usage.output_tokens_details, whole="image_tokens")
        told["output_tokens_details"] = details
    return told


def _details(total: int, told: Mapping[str, int], whole: str) -> dict[str, int]:
    other = "image_tokens" if whole == "text_tokens" else "text_tokens"
    rest = max(0, total - told.get(other, 0))
    return {**told, whole: told.get(whole, rest), other: told.get(other, 0)}


def _settings(images: Images) -> dict[str, str]:
    names: Sequence[str] = ("background", "output_format", "quality", "size")
    told = {name: getattr(images, name) for name in names}
    return {name: value for name, value in told.items() if value is not None}


def _item(image: Image, link: str | None, comma: bytes) -> list[bytes | Image]:
    beside = {} if image.revised_prompt is None else {"revised_prompt": image.revised_prompt}
    if link is not None:
        return [comma + json_of({"url": link, **beside})]
    return [comma + b'{"b64_json":', image, b"," + json_of(beside)[1:] if beside else b"}"]


def json_of(value: Any) -> bytes:
    """In ASCII and without blanks."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


# --- base64 ------------------------------------------------------------------------------------------------------


def _base64(image: Image) -> Iterator[bytes]:
    """The picture's base64, as it came or encoded here."""
    if isinstance(image.encoded, Inline):
        yield from image.encoded.pieces(SLICE)
        return
    if image.encoded is not None:
        encoded = _plain(image.encoded)
        for start in range(0, len(encoded), SLICE):
            yield encoded[start : start + SLICE].encode("ascii", "replace")
        return
    data = image.data or b""
    for start in range(0, len(data), SLICE):
        yield base64.b64encode(data[start : start + SLICE])


def _quoted_length(image: Image) -> int:
    if isinstance(image.encoded, Inline):
        return 2 + len(image.encoded)  # out of JSON without a backslash, it can stand in JSON as it is
    if image.encoded is not None:
        return 2 + len(_plain(image.encoded))
    return 2 + 4 * -(-len(image.data or b"") // 3)


def _plain(encoded: str) -> str:
    """Base64 that can stand in JSON as it is: line breaks are all that is ever found in it besides."""
    return "".join(encoded.split()).replace('"', "").replace("\\", "") if _is_unsafe(encoded) else encoded


def _is_unsafe(encoded: str) -> bool:
    return any(mark in encoded for mark in _UNSAFE)


def _format_of(image: Image) -> str:
    return (image.media_type or "image/png").rpartition("/")[2].partition("+")[0]
