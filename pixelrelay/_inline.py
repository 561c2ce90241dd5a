"""Base64 that stays where it came: in the body of an answer, and not copied out of it."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator


class Inline:
    """A stretch of a body that holds one picture in base64. It keeps the whole body in memory.

    ``len`` is the length of the base64. Equal to another of the same text; its ``repr`` shows none of it.
    """

    __slots__ = ("_body", "_end", "_start")

    def __init__(self, body: bytes, start: int = 0, end: int | None = None) -> None:
        self._body = body
        self._start = start
        self._end = len(body) if end is None else end

    def __len__(self) -> int:
        return self._end - self._start

    def __eq__(self, other: object) -> bool:
        return self._view() == other._view() if isinstance(other, Inline) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.head(64))

    def __repr__(self) -> str:
        return f"<{len(self)} characters of base64>"

    def __reduce__(self) -> tuple[type[Inline], tuple[bytes]]:
        return Inline, (bytes(self._view()),)

    def beyond(self, count: int) -> Inline:
        """What is left without its first characters."""
        return Inline(self._body, min(self._start + count, self._end), self._end)

    def text(self) -> str:
        """All of it; made anew at each call."""
        return str(self._view(), "ascii", "replace")

    def head(self, most: int) -> str:
        """Its first characters."""
        return str(self._view()[:most], "ascii", "replace")

    def pieces(self, size: int) -> Iterator[bytes]:
        """All of it, so many bytes at a time."""
        view = self._view()
        return (bytes(view[start : start + size]) for start in range(0, len(view), size))

    def bytes(self) -> bytes:
        """The picture's file. ``ValueError`` if it is no base64."""
        return b64decode(self._view())

    def _view(self) -> memoryview:
        return memoryview(self._body)[self._start : self._end]
