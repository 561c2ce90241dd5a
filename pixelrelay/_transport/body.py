"""A ``Send``'s body as it is sent: JSON as bytes, made once; a form in pieces, made anew each time it is sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from io import RawIOBase
from typing import TypeAlias

from pixelrelay._spooled import Spooled
from pixelrelay.providers.base import Part, Send

PIECE = 256 * 1024
"""Bytes that are handed to a connection at a time."""


class Multipart:
    """A form that is never held whole, so that sending a picture takes no second copy of it, or none at all.

    ``len`` is its length, ``bytes`` joins it. It can be sent any number of times, one after another. Its pieces raise
    ``UnreadableError`` where a file does not give what lies in it.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        import httpx2  # as late as this, since it takes a tenth of a second and most bodies are JSON

        # As files all of them, those without a name too: so they keep their order.
        files = [(part.name, (part.filename, _content(part.data), part.media_type)) for part in parts]
        request = httpx2.Request("POST", "https://body.invalid", files=files)  # type: ignore[arg-type]  # raw files too
        assert isinstance(request.stream, Iterable)
        self._chunks: Iterable[bytes] = request.stream
        self._length = int(request.headers["content-length"])
        self.media_type: str = request.headers["content-type"]
        self.on_disk = any(isinstance(part.data, Spooled) for part in parts)
        """Whether to make a piece may mean to wait for a disk."""

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        """From the beginning, in pieces of ``PIECE`` bytes, the last one excepted."""
        waiting = bytearray()
        for chunk in self._chunks:
            left = memoryview(chunk)
            while left:
                taken = left[: PIECE - len(waiting)]
                waiting += taken
                left = left[len(taken) :]
                if len(waiting) == PIECE:
                    yield bytes(waiting)
                    waiting.clear()
        if waiting:
            yield bytes(waiting)

    def __bytes__(self) -> bytes:
        return b"".join(self)


Body: TypeAlias = bytes | Multipart

# Escaped to ASCII: a lone surrogate in a prompt is then the provider's to judge, and no error of ours.
_in_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def pieces(body: Body) -> Iterator[bytes]:
    """The body from its beginning, in pieces of at most ``PIECE`` bytes."""
    if isinstance(body, Multipart):
        return iter(body)
    return (body[start : start + PIECE] for start in range(0, len(body), PIECE))


def encode(send: Send) -> tuple[Body | None, str | None]:
    """The body and its content type; nothing and ``None`` where there is none.

    Raises ``ValueError`` or ``TypeError`` for what cannot be written as JSON.
    """
    if send.body is not None:
        return bytes(send.body), None
    if send.parts:
        form = Multipart(send.parts)
        return form, form.media_type
    if send.json is None:
        return None, None
    return _in_json(send.json).encode("ascii"), "application/json"


def _content(data: bytes | str | Spooled) -> bytes | RawIOBase:
    match data:
        case str():
            return data.encode()
        case Spooled():
            return data.reader()
        case _:
            return data
