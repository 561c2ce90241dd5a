"""What a picture is, told by how its base64 begins."""

from __future__ import annotations

_STARTS = {"iVBORw0KGgo": "png", "/9j/": "jpeg", "UklGR": "webp", "R0lGOD": "gif"}


def format_of(encoded: str) -> str | None:
    """``png``, ``jpeg``, ``webp`` or ``gif``; ``None`` for anything else."""
    return next((name for start, name in _STARTS.items() if encoded.startswith(start)), None)
