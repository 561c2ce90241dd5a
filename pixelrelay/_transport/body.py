"""A ``Send``'s body as bytes, made once."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pixelrelay.providers.base import Part, Send


def encode(send: Send) -> tuple[bytes | None, str | None]:
    """The body and its content type; nothing and ``None`` where there is none.

    Raises ``ValueError`` or ``TypeError`` for what cannot be written as JSON.
    """
    if send.body is not None:
        return send.body, None
    if send.parts:
        return _multipart(send.parts)
    if send.json is None:
        return None, None
    # Escaped to ASCII: a lone surrogate in a prompt is then the provider's to judge, and no error of ours.
    return json.dumps(send.json, separators=(",", ":"), allow_nan=False).encode("ascii"), "application/json"


def _multipart(parts: Sequence[Part]) -> tuple[bytes, str]:
    import httpx2  # as late as this, since it takes a tenth of a second and most bodies are JSON

    # As files all of them, those without a name too: so they keep their order.
    files = [(part.name, (part.filename, _bytes(part.data), part.media_type)) for part in parts]
    request = httpx2.Request("POST", "https://body.invalid", files=files)
    return request.read(), request.headers["content-type"]


def _bytes(data: bytes | str) -> bytes:
    return data.encode() if isinstance(data, str) else data
