"""PNG files of any size, which do not compress: what providers answer with, and what is sent to be edited."""

from __future__ import annotations

import random
import struct
import zlib
from base64 import b64encode
from functools import cache

SIDE = 1024
FRAME = 57
"""Bytes of a file that are not its data."""


@cache
def png(size_bytes: int) -> bytes:
    """A picture of 1024x1024 by its header, of so many bytes (57 at least). The same in every process."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0))
    noise = random.Random(size_bytes).randbytes(max(0, size_bytes - FRAME))
    return b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", noise) + _chunk(b"IEND", b"")


def base64_of(length: int) -> str:
    """One whose base64 has about so many characters."""
    return b64encode(png(length * 3 // 4)).decode()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
