"""Bytes in a file: read by many at once, never by one too many, and loud where they cannot be had."""

from __future__ import annotations

import io
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import IO

import pytest

from pixelrelay._spooled import Spooled, UnreadableError

DATA = os.urandom(300_000)


def spooled(file: IO[bytes] | None = None) -> Spooled:
    file = file or tempfile.TemporaryFile()  # noqa: SIM115 - Spooled closes it
    file.write(DATA)
    return Spooled(file)


def test_it_has_what_was_written_whole_and_in_pieces() -> None:
    it = spooled()

    assert len(it) == len(DATA)
    assert it.bytes() == DATA
    assert it.read(1000, 50) == DATA[1000:1050]
    assert it.read(len(DATA) - 10, 50) == DATA[-10:]
    assert it.read(len(DATA) + 10, 50) == b""
    assert "300000 bytes" in repr(it)
    it.close()


def test_each_reader_is_where_it_is_whatever_the_others_read() -> None:
    it = spooled()
    one, other = it.reader(), it.reader()

    assert one.read(10) + other.read(20) + one.read(10) == DATA[:10] + DATA[:20] + DATA[10:20]
    assert (one.tell(), other.seek(-5, os.SEEK_END), other.read()) == (20, len(DATA) - 5, DATA[-5:])
    assert (one.seek(5), one.seek(5, os.SEEK_CUR), one.read(2)) == (5, 10, DATA[10:12])
    it.close()


def test_many_threads_read_it_at_once() -> None:
    it = spooled()

    def read(_: int) -> bytes:
        reader = it.reader()
        return b"".join(iter(lambda: reader.read(1000), b""))

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(read, range(24))) == {DATA}
    it.close()


def test_what_was_let_go_is_not_read() -> None:
    it = spooled()
    reader = it.reader()
    it.close()
    it.close()

    assert it.closed
    with pytest.raises(UnreadableError, match="let go before it was read"):
        it.bytes()
    with pytest.raises(UnreadableError, match="let go before it was read"):
        reader.read(1)


def test_a_file_that_lost_its_end_is_no_shorter_upload() -> None:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - Spooled closes it
    it = spooled(file)
    file.truncate(1000)

    assert it.read(0, 1000) == DATA[:1000]
    with pytest.raises(UnreadableError, match="its file is too short"):
        it.bytes()
    it.close()


class FailingDisk(io.BytesIO):
    """A file on a disk that gives up at half of it."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() + (size or 0) > len(DATA) // 2:
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_a_disk_that_fails_is_named() -> None:
    it = spooled(FailingDisk())

    with pytest.raises(UnreadableError, match="could not be read from disk: Input/output error"):
        it.bytes()
    it.close()
