"""What both engines have in common: headers, the pieces of a body, the gathering of an answer, and words for what went
wrong.
"""

from __future__ import annotations

import os
import socket
import ssl
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import BytesIO
from urllib.parse import urlsplit

import anyio.to_thread

from pixelrelay._spooled import UnreadableError
from pixelrelay._transport.body import Body, Multipart, pieces
from pixelrelay._transport.engine import CutError, Outgoing, ReplyTooLargeError
from pixelrelay.providers.events import MEDIA_TYPE

KEEP_ALIVE = 15.0
"""Seconds that an idle connection is kept: short, because a server that hangs up just as a request goes out
leaves nobody knowing whether it was read."""

COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})


def request_headers(outgoing: Outgoing) -> dict[str, str]:
    """The headers to send, names in lower case."""
    # Pictures hardly shrink, and inflating tens of megabytes holds up the event loop: none is asked for.
    headers = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "pixelrelay"}
    headers |= {name.lower(): value for name, value in outgoing.headers.items()}
    if outgoing.address is not None:
        headers["host"] = urlsplit(outgoing.url).netloc
    return headers


class Pieces:
    """A body on its way out, from its beginning. What lies on disk is read in a worker thread."""

    def __init__(self, body: Body) -> None:
        self._pieces = pieces(body)
        self._on_disk = isinstance(body, Multipart) and body.on_disk

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> bytes:
        if self._on_disk:
            # Not waited for by who gives up: a disk may hang, and a deadline holds all the same.
            piece = await anyio.to_thread.run_sync(next, self._pieces, None, abandon_on_cancel=True)
        else:
            piece = next(self._pieces, None)
        if piece is None:
            raise StopAsyncIteration
        return piece


def reply_headers(pairs: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Names in lower case; what came several times is joined by commas."""
    headers: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


class ReplyBody:
    """The decoded body of one answer; never more than ``limit`` bytes of it are held."""

    def __init__(self, headers: Mapping[str, str], limit: int, on_data: Callable[[bytes], None] | None = None) -> None:
        self._limit = limit
        self._on_data = on_data if headers.get("content-type", "").startswith(MEDIA_TYPE) else None
        self._length = 0
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise self._too_large()
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in COMPRESSED | {"identity", ""}:
            raise CutError(f"the answer is encoded as {encoding[:20]!r}, which was not asked for and cannot be read")
        # 32 on top of the window size: gzip or zlib, by what the data begins with.
        self._inflate = zlib.decompressobj(32 + zlib.MAX_WBITS) if encoding in COMPRESSED else None
        # What it holds is had without a copy: pieces that are joined are all held twice. It has room for all that was
        # announced, which the system gives when it is written to, and grows in place where nothing was.
        room = int(declared) if declared.isdecimal() and self._inflate is None else 0
        self._held = BytesIO(bytes(room))

    def feed(self, chunk: bytes) -> None:
        piece = chunk
        if self._inflate is not None:
            try:
                piece = self._inflate.decompress(chunk, self._limit - self._length + 1)
            except zlib.error:
                raise CutError("the answer's compression is damaged") from None
        self._length += len(piece)
        if self._length > self._limit:
            raise self._too_large()
        self._held.write(piece)
        if self._on_data is not None:
            self._on_data(piece)

    def whole(self) -> bytes:
        """All of it, once the last piece was fed."""
        if self._inflate is not None and self._held.tell() and not self._inflate.eof:
            raise CutError("the answer ended before its compressed data did")
        self._held.truncate(self._length)
        return self._held.getvalue()

    def _too_large(self) -> ReplyTooLargeError:
        return ReplyTooLargeError(f"the answer is longer than {self._limit} bytes")


def reason(error: BaseException) -> str:
    """Why a request or its connection failed. Not in the library's words: those may quote a signed URL whole."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, UnreadableError):
            return str(cause)
        # aiohttp's own subclasses of these lack what Python's have.
        if isinstance(cause, ssl.SSLCertVerificationError) and (said := getattr(cause, "verify_message", None)):
            return f"the certificate was not accepted: {said}"
        if isinstance(cause, ssl.SSLError) and (said := getattr(cause, "reason", None)):
            return f"TLS failed: {said}"
        if isinstance(cause, socket.gaierror):
            return "the host's name could not be resolved"
    numbers = (cause.errno for cause in causes if isinstance(cause, OSError) and cause.errno)
    number = next(numbers, None)
    return os.strerror(number).lower() if number is not None else "the connection was closed"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """``error`` and what lies beneath it; through contexts too, since libraries raise ``from None``."""
    waiting, seen = [error], set[int]()
    while waiting:
        cause = waiting.pop(0)
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__cause__, cause.__context__]
        if isinstance(cause, BaseExceptionGroup):
            waiting += cause.exceptions
