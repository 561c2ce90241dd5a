"""Bytes that lie in a file and not in memory."""

from __future__ import annotations

import io
import os
from threading import Lock
from typing import IO


class UnreadableError(Exception):
    """What lies in a file cannot be had from there. The message says why, in words fit for an error shown to people."""


class Spooled:
    """The bytes of a file, read in pieces from any thread, by any number of readers at a time.

    ``len`` is how many there are. Whoever made it closes it; reading it after that, or what the disk does not give,
    raises ``UnreadableError``.
    """

    def __init__(self, file: IO[bytes]) -> None:
        """``file`` is read from its beginning, and closed with this; nobody else may use it meanwhile."""
        self._file = file
        self._size = file.seek(0, os.SEEK_END)
        self._lock = Lock()  # a file has one position, and one that is being read must not be closed

    def __len__(self) -> int:
        return self._size

    def __repr__(self) -> str:
        return f"<{self._size} bytes in a file>"

    @property
    def closed(self) -> bool:
        return self._file.closed

    def read(self, start: int, most: int) -> bytes:
        """``most`` bytes from ``start`` on; fewer only where they end."""
        wanted = max(0, min(most, self._size - start))
        with self._lock:
            if self._file.closed:
                raise UnreadableError("an upload was let go before it was read")
            try:
                self._file.seek(start)
                data = self._file.read(wanted)
            except OSError as error:
                raise UnreadableError(f"an upload could not be read from disk: {error.strerror or error}") from error
        if len(data) < wanted:
            raise UnreadableError("an upload could not be read from disk: its file is too short")
        return data

    def bytes(self) -> bytes:
        """All of them, in memory."""
        return self.read(0, self._size)

    def reader(self) -> io.RawIOBase:
        """A file to read them from, with a position of its own."""
        return _Reader(self)

    def close(self) -> None:
        with self._lock:
            self._file.close()


class _Reader(io.RawIOBase):
    def __init__(self, spooled: Spooled) -> None:
        self._spooled = spooled
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        before = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: len(self._spooled)}
        self._at = max(0, before[whence] + offset)
        return self._at

    def readinto(self, target: bytearray | memoryview) -> int:  # type: ignore[override]  # of what may be written to
        data = self._spooled.read(self._at, len(target))
        target[: len(data)] = data
        self._at += len(data)
        return len(data)
