"""A request as it would go out, without its key, and with its pictures named instead of shown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from pixelrelay.cli.views.words import size_in_bytes
from pixelrelay.providers.base import Part, Send

LONGEST = 120
"""Characters of a base64 text that are shown as they are."""
_BASE64 = re.compile(r"(?:data:(?P<kind>[\w.+/-]+);base64,)?(?P<text>[A-Za-z0-9+/_-]{121,}={0,2})")
_KINDS = {"iVBORw0KGgo": "image/png", "/9j/": "image/jpeg", "UklGR": "image/webp", "R0lGOD": "image/gif"}
"""How the base64 of each kind begins."""


@dataclass(frozen=True, slots=True)
class Preview:
    """The first thing that a deployment would be sent."""

    leg: str
    deployment: str
    provider: str
    send: Send
    secret_header: str | None
    """The header that would carry the credential; ``None`` where none is needed."""
    calls: int = 1
    """How often it would be sent, a picture each."""


def sends_view(previews: Sequence[Preview]) -> Text:
    """One after the other, as HTTP is written."""
    text = Text()
    for at, preview in enumerate(previews):
        text.append("\n\n" if at else "")
        place = f"fallback {preview.leg}" if at else preview.leg
        times = f", {preview.calls} times" if preview.calls > 1 else ""
        text.append(f"# {preview.deployment} ({preview.provider}), first of {place}{times}\n", "dim")
        text.append(f"{preview.send.method} ", "bold").append(preview.send.url)
        for name, value in headers_of(preview).items():
            text.append(f"\n{name}", "cyan").append(f": {value}")
        if (body := body_of(preview.send)) is not None:
            text.append("\n\n").append(_written(body))
    return text


def sends_json(previews: Sequence[Preview]) -> str:
    """The same for programs."""
    told = [
        {
            "group": preview.leg,
            "deployment": preview.deployment,
            "provider": preview.provider,
            "calls": preview.calls,
            "method": preview.send.method,
            "url": preview.send.url,
            "headers": headers_of(preview),
            "body": body_of(preview.send),
        }
        for preview in previews
    ]
    return json.dumps(told, indent=2, ensure_ascii=False)


def headers_of(preview: Preview) -> dict[str, str]:
    """All that the request decides; the credential's is starred."""
    headers = dict(preview.send.headers)
    if preview.send.parts:
        headers["content-type"] = "multipart/form-data"
    elif preview.send.json is not None:
        headers["content-type"] = "application/json"
    if preview.secret_header is not None:
        headers[preview.secret_header] = "***"
    return headers


def body_of(send: Send) -> Any:
    """JSON as it is, or a form as a list of its parts; pictures by kind and size; ``None`` without a body."""
    if send.parts:
        return [{"name": part.name, "value": _part(part)} for part in send.parts]
    return None if send.json is None else shortened(send.json)


def shortened(value: Any) -> Any:
    """``value`` with every long base64 in it replaced by what it is."""
    match value:
        case str():
            return _named(value)
        case Mapping():
            return {name: shortened(inner) for name, inner in value.items()}
        case list() | tuple():
            return [shortened(inner) for inner in value]
        case _:
            return value


def _named(text: str) -> str:
    found = _BASE64.fullmatch(text) if len(text) > LONGEST else None
    if found is None:
        return text
    start = next((kind for start, kind in _KINDS.items() if found["text"].startswith(start)), None)
    kind = found["kind"] or start or "base64"
    return f"<{kind}, {size_in_bytes(len(found['text'].rstrip('=')) * 3 // 4)}>"


def _part(part: Part) -> str:
    if isinstance(part.data, str):
        return part.data
    return f"<{part.media_type or 'bytes'}, {size_in_bytes(len(part.data))}>"


def _written(body: Any) -> str:
    if isinstance(body, list):
        return "\n".join(f"{part['name']} = {part['value']}" for part in body)
    return json.dumps(body, indent=2, ensure_ascii=False)
