"""The seam beneath the transport: one HTTP request, and how far it came.

Two engines stand behind it (httpx2 always, aiohttp where it is installed) and one contract suite holds them.
Nothing outside ``_transport`` knows which is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pixelrelay._transport.body import Body
from pixelrelay.providers.base import Reply


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One HTTP request, encoded. It is sent with ``Content-Length``, never chunked, and no redirect is followed."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: Body | None = field(default=None, repr=False)
    """Written piece by piece, from its beginning at each ``send``."""
    connect_timeout: float = 5.0
    """Seconds for name, connection and TLS together, and for a free connection of the pool."""
    first_byte_timeout: float = 180.0
    """Seconds from the last byte sent to the first of the answer, and between any two reads after it."""
    max_reply_bytes: int = 256 * 1024 * 1024
    on_data: Callable[[bytes], None] | None = field(default=None, repr=False)
    """Called with each piece of an answer of server-sent events as it comes, decoded; it may not raise."""
    address: str | None = None
    """The IP address to connect to instead of asking for the host's; certificate and ``Host`` stay the host's."""


class EngineError(Exception):
    """No whole answer came. The message says why, in words fit for an error shown to people."""


class NotSentError(EngineError):
    """The request did not leave whole, so that nobody can have acted on it."""


class CutError(EngineError):
    """The request may have been read whole, and the answer did not come, or not to its end."""


class ReplyTooLargeError(CutError):
    """The answer is longer than ``max_reply_bytes``; reading it was given up."""


class Engine(Protocol):
    async def send(self, outgoing: Outgoing, on_sent: Callable[[], None]) -> Reply:
        """The whole answer, whatever its status. ``on_sent`` is called once the request has been written whole.

        Raises ``NotSentError`` or another ``EngineError``, and no exception of the HTTP library beneath.
        Cancelling it closes the connection.
        """

    async def aclose(self) -> None:
        """Close every connection."""
