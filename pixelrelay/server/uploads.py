"""What callers send, read within its bounds: how large, how slowly, and how much of it together.

A large file of a form is written to disk while it arrives and stays there for as long as its request is under way, and
every attempt reads it from there. Small ones are in memory, and so is a JSON body, with the images in it. All that is
under way together, wherever it is, is bounded by ``in_flight_bytes``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.to_thread
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import Receive

from pixelrelay import _clock
from pixelrelay._spooled import Spooled
from pixelrelay.config.server import UploadsConfig
from pixelrelay.server.fields import parse
from pixelrelay.server.refusals import INVALID, Refusal, RefusedError, invalid, not_now

COME_BACK = 1.0
"""Seconds after which a caller may try again for whom there was no room."""
MOST_FIELDS = 256
LONGEST_FIELD = 1_000_000
"""Bytes of one field of a form that is no file."""


class GoneError(Exception):
    """The caller has left."""


@dataclass(slots=True)
class Held:
    """What one request holds of the bytes in flight."""

    taken: int = 0
    files: list[Spooled] = field(default_factory=list)
    """Those that lie on disk, from where they are gone once they are closed."""

    async def close(self) -> None:
        """Let go of the files, even if cancelled. What still reads one fails."""
        if self.files:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._close)

    def _close(self) -> None:
        for file in self.files:
            file.close()


@dataclass(slots=True)
class InFlight:
    """The requests under way in this process, and the bytes that their callers sent."""

    bytes: int = 0
    requests: int = 0

    @asynccontextmanager
    async def request(self, most: int) -> AsyncIterator[Held]:
        """A place for one request, and for what it sends, until the block ends; ``RefusedError`` if there is none."""
        if self.requests >= most:
            raise not_now(f"{most} requests are under way already.", "too_many_requests_in_flight", COME_BACK)
        held = Held()
        self.requests += 1
        try:
            yield held
        finally:
            try:
                await held.close()
            finally:
                self.requests -= 1
                self.bytes -= held.taken

    def take(self, held: Held, size: int, limits: UploadsConfig) -> None:
        """Count ``size`` further bytes for one request; ``RefusedError`` where they are too many."""
        if held.taken + size > limits.max_body_bytes:
            raise _too_large(limits)
        if self.bytes + size > limits.in_flight_bytes:
            raise not_now("Too much is being uploaded at the moment.", "too_many_bytes_in_flight", COME_BACK)
        self.bytes += size
        held.taken += size


def _too_large(limits: UploadsConfig) -> RefusedError:
    message = f"The request is larger than the {limits.max_body_bytes} bytes allowed (server.uploads.max_body_bytes)."
    return invalid(message, code="request_too_large", status=413)


@dataclass(frozen=True, slots=True)
class Form:
    """A form: its fields in order, and its files under the names of their fields."""

    fields: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, bytes | Spooled], ...] = field(repr=False)
    """The large ones lie on disk for as long as the request is under way."""


@dataclass(slots=True)
class Reading:
    """One request's body, while it is read."""

    headers: Headers
    receive: Receive
    limits: UploadsConfig
    in_flight: InFlight
    held: Held

    async def json(self) -> dict[str, Any]:
        """The body as a JSON object. ``RefusedError`` if it is none."""
        body = b"".join([piece async for piece in self._pieces()])
        try:
            value = parse(body)
            if b"\\u" in body:
                _check_text(value)
        except ValueError as error:
            message = f"The body could not be read as JSON: {error}."
            raise invalid(message, code="invalid_json") from None
        if not isinstance(value, dict):
            raise invalid("The body must be a JSON object.", code="invalid_json")
        return value

    async def form(self) -> Form:
        """The body as a form, each of its files within the bounds. ``RefusedError`` if it is none."""
        fields: list[tuple[str, str]] = []
        files: list[tuple[str, bytes | Spooled]] = []
        try:
            for name, value in (await self._parsed()).multi_items():
                if isinstance(value, UploadFile):
                    files.append((name, self._kept(value)))
                else:
                    fields.append((name, value))
            _check_text([*fields, *(name for name, _ in files)])
        except MultiPartException as error:
            raise invalid(f"The form could not be read: {error.message}", code="invalid_form") from None
        except (ValueError, LookupError) as error:
            raise invalid(f"The form could not be read: {error}.", code="invalid_form") from None
        return Form(tuple(fields), tuple(files))

    def _kept(self, upload: UploadFile) -> bytes | Spooled:
        """What was uploaded, where it is: in memory, or on disk until the request ends."""
        file = Spooled(upload.file)
        if len(file) > self.limits.spool_bytes:
            self.held.files.append(file)
            return file
        data = file.bytes()
        file.close()
        return data

    async def _parsed(self) -> FormData:
        async with aclosing(self._pieces()) as pieces:
            parser = _Parser(
                Headers({"content-type": self.headers.get("content-type", "")}),
                pieces,
                max_files=self.limits.max_images + 1,
                max_fields=MOST_FIELDS,
                max_part_size=LONGEST_FIELD,
            )
            parser.spool_max_size = self.limits.spool_bytes
            return await parser.parse()

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        """The body piece by piece, counted; ``RefusedError`` once it is too much or too slow."""
        declared = self.headers.get("content-length", "")
        if declared.isascii() and declared.isdecimal() and len(declared) < 20:
            self.in_flight.take(self.held, int(declared), self.limits)
        count = _Count(lambda size: self.in_flight.take(self.held, size, self.limits), self.held.taken)
        ends = _clock.now() + self.limits.body_timeout
        more = True
        while more:
            wait = min(self.limits.stall_timeout, ends - _clock.now())
            with anyio.move_on_after(wait) as waiting:
                message = await self.receive()
            if waiting.cancelled_caught:
                raise _too_slow()
            if message["type"] == "http.disconnect":
                raise GoneError
            body, more = message.get("body", b""), message.get("more_body", False)
            count.came(len(body))
            if body:
                yield body


@dataclass(slots=True)
class _Count:
    """Takes what comes beyond what was declared."""

    take: Callable[[int], None]
    declared: int
    seen: int = 0

    def came(self, size: int) -> None:
        before = max(self.seen, self.declared)
        self.seen += size
        if self.seen > before:
            self.take(self.seen - before)


class _Parser(MultiPartParser):
    """Starlette's, which takes a form that breaks off for one that is whole and lets go of the file it was in."""

    def __init__(self, headers: Headers, stream: AsyncGenerator[bytes, None], **limits: int) -> None:
        super().__init__(headers, self._to_its_end(stream), **limits)
        self._ended = False

    async def parse(self) -> FormData:
        async with aclosing(self.stream):
            return await super().parse()

    def on_end(self) -> None:
        self._ended = True

    async def _to_its_end(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async for piece in stream:
            yield piece
        if not self._ended:
            raise MultiPartException("it breaks off.")


def _too_slow() -> RefusedError:
    refusal = Refusal(
        408,
        INVALID,
        "request_timeout",
        "The body did not arrive in time.",
        may_retry=True,
        headers={"connection": "close"},
    )
    return RefusedError(refusal)


def _check_text(value: Any) -> None:
    """``ValueError`` where a text cannot be written in UTF-8: half of a pair of surrogates stands alone."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        match one:
            case str():
                try:
                    one.encode()
                except UnicodeEncodeError:
                    raise ValueError("a text holds half a character (a lone surrogate)") from None
            case dict():
                waiting += [*one.keys(), *one.values()]
            case list() | tuple():
                waiting += one
