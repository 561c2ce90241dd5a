"""Server-sent events, out of a body that comes in pieces or is there whole (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MEDIA_TYPE = "text/event-stream"


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event; ``id`` and ``retry``, which serve reconnection, are not kept."""

    name: str
    """``message`` where the event does not say."""
    data: bytes


class EventReader:
    """Finds the events in a body, fed piece by piece. What follows the last empty line is no event yet."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._name = b""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[ServerEvent]:
        """The events that end within ``piece``."""
        self._pieces.append(piece)
        if b"\n" not in piece:
            return
        *lines, rest = b"".join(self._pieces).split(b"\n")
        self._pieces = [rest]
        for line in lines:
            yield from self._read(line.removesuffix(b"\r"))

    def _read(self, line: bytes) -> Iterator[ServerEvent]:
        if not line:
            if self._data:
                yield ServerEvent(self._name.decode("utf-8", "replace") or "message", b"\n".join(self._data))
            self._name, self._data = b"", []
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value


def events_in(body: bytes) -> Iterator[ServerEvent]:
    """All events of a whole ``body``, the last one even where the empty line after it is missing."""
    yield from EventReader().feed(body + b"\n\n")
