"""Pictures left where they are while the rest of an answer is parsed.

A picture is nearly all of the body that it comes in. To make a text of it costs its size in memory once more, and more
time than all else that is done for a request; so long texts are taken out of the JSON before it is parsed, and known
again where a model has a place for base64.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from secrets import token_hex
from typing import Annotated, TypeAlias

from pydantic import PlainValidator, ValidationInfo

from pixelrelay._inline import Inline

LONG = 65_536
"""Bytes from which on a text is left where it is."""
MOST_TEXTS = 10_000
"""Texts that are looked at: with so many in it, an answer is not about pictures, and is parsed as it is."""
_MARK = f"{token_hex(16)}:"
"""What stands for a text, before its number: nothing that an answer could hold but by having been cut."""


@dataclass(slots=True)
class Cut:
    """A body without its long texts, and what they were."""

    body: bytes
    texts: tuple[Inline, ...]
    taken: set[int] = field(default_factory=set)
    """Which of them a model has found a place for."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the body was lost on the way."""
        return len(self.taken) == len(self.texts)


def cut(body: bytes) -> Cut:
    """``body`` with a short mark in the place of each long text that holds no backslash."""
    kept: list[bytes] = []
    texts: list[Inline] = []
    done = at = 0
    for _ in range(MOST_TEXTS):
        start = body.find(b'"', at) + 1
        end = _end_of(body, start) if start else -1
        if end < 0:
            break
        if end - start >= LONG and body.find(b"\\", start, end) < 0:
            kept += (body[done:start], f"{_MARK}{len(texts)}".encode("ascii"))
            texts.append(Inline(body, start, end))
            done = end
        at = end + 1
    else:
        return Cut(body, ())
    return Cut(b"".join((*kept, body[done:])), tuple(texts)) if texts else Cut(body, ())


def _end_of(body: bytes, start: int) -> int:
    """Where the text ends that begins at ``start``; -1 if it does not."""
    end = body.find(b'"', start)
    while end > start and body[end - 1] == 0x5C:
        before = body[start:end]
        if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
            break
        end = body.find(b'"', end + 1)
    return end


def _restored(value: object, info: ValidationInfo) -> str | Inline:
    if not isinstance(value, str):
        raise ValueError("Input should be a valid string")
    if isinstance(info.context, Cut) and value.startswith(_MARK):
        number = value.removeprefix(_MARK)
        if number.isdecimal() and int(number) < len(info.context.texts):
            info.context.taken.add(int(number))
            return info.context.texts[int(number)]
    return value


Base64: TypeAlias = Annotated[str | Inline, PlainValidator(_restored)]
"""The type of a field that holds a picture: text, or where in the body it lies."""
