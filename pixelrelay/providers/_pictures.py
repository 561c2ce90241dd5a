"""What a picture is, told by how its file begins; and pictures as answers hold them: inline, or behind an address."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace

from pixelrelay._inline import Inline
from pixelrelay.errors import ProviderError
from pixelrelay.images import Image
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers.base import Purpose, Reply, Send

_STARTS = {"iVBORw0KGgo": "png", "/9j/": "jpeg", "UklGR": "webp", "R0lGOD": "gif"}

LOOKED_AT = 3072
"""Bytes of a file that are looked at; in base64 they end between two groups of four."""

_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?><\?xml[^>]*>\s*)?+(?:(?><!--.*?-->\s*)|(?><!doctype[^>\[]*(?:\[[^\]]*\])?\s*>\s*))*+<svg[\s>/]",
    re.DOTALL | re.IGNORECASE,
)
"""What may stand before the first element is read once and never anew: a file may hold many comments."""


def format_of(encoded: str | Inline) -> str | None:
    """``png``, ``jpeg``, ``webp``, ``gif`` or ``svg``, of a file in base64; ``None`` for anything else."""
    if isinstance(encoded, Inline):
        return format_of(encoded.head(LOOKED_AT // 3 * 4))
    known = next((name for start, name in _STARTS.items() if encoded.startswith(start)), None)
    if known is not None:
        return known
    try:
        start = b64decode(encoded[: LOOKED_AT // 3 * 4])
    except (binascii.Error, ValueError):
        return None
    return "svg" if is_svg(start) else None


def is_svg(data: bytes) -> bool:
    """Whether a file is a vector picture: its first element is ``svg``."""
    return _SVG.match(data[:LOOKED_AT]) is not None


def media_type_of(encoded: str | Inline, said: str | None = None) -> str | None:
    """By how the file begins, which is sure, before what was ``said`` of its format: ``image/svg+xml`` of ``svg``."""
    known = format_of(encoded) or said
    return {None: None, "svg": "image/svg+xml"}.get(known, f"image/{known}")


def media_type_in(data: bytes, said: str | None = None) -> str | None:
    """The same, of a file that is not in base64."""
    return media_type_of(b64encode(data[:LOOKED_AT]).decode("ascii"), said)


def download(url: str) -> Generator[Send, Reply, bytes]:
    """The file at ``url``. It has been drawn, so that whatever fails here is billed."""
    try:
        reply = yield Send(Purpose.DOWNLOAD, "GET", url)
    except ProviderError as error:
        raise ProviderError(replace(error.failure, charge=Charge.BILLED)) from None
    if reply.ok and reply.body:
        return reply.body
    message = f"drawn, and the picture could not be fetched: HTTP {reply.status}"
    raise ProviderError(Failure(FailureKind.UNUSABLE, message, charge=Charge.BILLED, status=reply.status))


@dataclass(frozen=True, slots=True)
class Held:
    """A picture as an answer holds it: in base64, or at an address, which may be a ``data:`` URL."""

    encoded: str | Inline | None = None
    url: str | None = None
    media_type: str | None = None
    """As the answer says, or the model; how the file begins is surer."""
    revised_prompt: str | None = None


def those_of(held: Iterable[Held], *, wants_url: bool) -> Generator[Send, Reply, tuple[Image, ...]]:
    """The pictures that can be had, which are paid for; the first failure if none can though there should be some.

    What is behind an address is fetched, unless the address is what is wanted.
    """
    images: list[Image] = []
    failure: ProviderError | None = None
    for each in held:
        try:
            image = yield from _picture(each, wants_url)
        except ProviderError as error:
            failure = failure or error
        else:
            images += [image] if image is not None else []
    if failure is not None and not images:
        raise failure
    return tuple(images)


def _picture(held: Held, wants_url: bool) -> Generator[Send, Reply, Image | None]:
    revised = held.revised_prompt
    inline = held.encoded or (held.url if held.url and held.url.startswith("data:") else None)
    if inline:
        kind, encoded = apart(inline)
        media_type = media_type_of(encoded) or held.media_type or kind
        return Image(encoded=encoded, media_type=media_type, revised_prompt=revised)
    if not held.url:
        return None
    if wants_url:
        return Image(url=held.url, media_type=held.media_type, revised_prompt=revised)
    data = yield from download(held.url)
    return Image(data=data, media_type=media_type_in(data) or held.media_type, revised_prompt=revised)


def apart(inline: str | Inline) -> tuple[str | None, str | Inline]:
    """The media type of a ``data:`` URL, and its base64; bare base64 tells none."""
    head = inline.head(LOOKED_AT) if isinstance(inline, Inline) else inline
    if not head.startswith("data:"):
        return None, inline
    said, _, encoded = head.partition(",")
    kind = said.removeprefix("data:").partition(";")[0] or None
    return kind, inline.beyond(len(said) + 1) if isinstance(inline, Inline) else encoded
