"""The live page's own files, which are part of the package and hold nothing of anybody."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib import resources

FOLDER = "page"
INDEX = "index.html"
MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob: data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Nothing from elsewhere, and nothing written into the page itself, is run or shown."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """One file."""

    data: bytes
    media_type: str
    tag: str

    @property
    def headers(self) -> dict[str, str]:
        return {
            "content-type": self.media_type,
            "content-security-policy": POLICY,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cache-control": "no-cache",
            "etag": self.tag,
        }


@cache
def shipped() -> dict[str, Shipped]:
    """All of them, by their names."""
    folder = resources.files(__package__) / FOLDER
    return {file.name: _read(file.name, file.read_bytes()) for file in folder.iterdir() if file.is_file()}


def _read(name: str, data: bytes) -> Shipped:
    return Shipped(data, MEDIA_TYPES[name.rpartition(".")[2]], f'"{blake2b(data, digest_size=12).hexdigest()}"')
