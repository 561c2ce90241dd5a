"""What is asked for and what comes back: requests, pictures, results."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pixelrelay._inline import Inline
from pixelrelay._spooled import Spooled
from pixelrelay.outcomes import Route, Usage
from pixelrelay.quotas import SeenLimit


class _Nothing(Mapping[Any, Any]):
    """The empty mapping, unchangeable. Hashable, as Python 3.11 asks of a dataclass's default."""

    def __getitem__(self, key: Any) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "{}"


NOTHING: Mapping[Any, Any] = _Nothing()


class Operation(Enum):
    GENERATE = "generate"
    EDIT = "edit"


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    @property
    def pixels(self) -> int:
        return self.width * self.height

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


_SIZE = re.compile(r"(\d{1,5})\s*[xX*]\s*(\d{1,5})")


def parse_size(given: str | Sequence[int] | None) -> Size | None:
    """``1024x1024``, a pair of numbers, ``None`` or ``auto``. ``ValueError`` for anything else."""
    if given is None or given == "auto":
        return None
    found = _SIZE.fullmatch(given.strip()) if isinstance(given, str) else None
    pair: Sequence[object] | str = (int(found[1]), int(found[2])) if found else given
    match pair:
        case (int(width), int(height)) if width > 0 and height > 0:
            return Size(width, height)
    raise ValueError(f"{given!r} is no size; write it as '1024x1024', or 'auto'")


@dataclass(frozen=True, slots=True)
class InputImage:
    """A picture that the caller gave: its bytes, what they are, and how large it is."""

    data: bytes | Spooled = field(repr=False)
    """In memory or, of a large upload, in a file; ``bytes()`` has either."""
    media_type: str
    """By content, not by name: ``image/png``, ``image/jpeg``, ``image/webp``, ``image/gif``, ``image/svg+xml``."""
    filename: str
    """With the extension of ``media_type``; made up where the caller gave none."""
    size: Size | None = None
    """``None`` where the file's beginning does not tell, as that of an SVG without a width in pixels."""

    @property
    def base64(self) -> str:
        """Standard base64 without a ``data:`` prefix; made anew at each call."""
        return base64.b64encode(self.bytes()).decode("ascii")

    def bytes(self) -> bytes:
        """The picture's file, in memory; read anew at each call where it is on disk."""
        return self.data if isinstance(self.data, bytes) else self.data.bytes()


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """One request in OpenAI's terms, checked. ``None`` and ``"auto"`` leave a choice to the provider."""

    operation: Operation
    prompt: str
    n: int = 1
    size: Size | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    """``png``, ``jpeg``, ``webp`` or ``svg``, the last for the models that draw vectors."""
    output_compression: int | None = None
    response_format: str | None = None
    """``b64_json``, ``url``, or ``None`` for bytes however they come."""
    style: str | None = None
    seed: int | None = None
    user: str | None = None
    """The end user, for the provider's abuse detection; left out where a provider has no place for it."""
    images: tuple[InputImage, ...] = ()
    mask: InputImage | None = None
    """A PNG of the first image's size; what is fully transparent in it is to be drawn anew."""
    parameters: Mapping[str, Any] = field(default=NOTHING)
    """What only some providers know: ``guidance``, ``steps``, ``aspect_ratio`` …; the others are unfit for it."""
    extra_headers: Mapping[str, str] = field(default=NOTHING)
    extra_body: Mapping[str, Any] = field(default=NOTHING)
    """Merged into the body as it is, unchecked."""
    partial_images: int = 0
    """How many unfinished pictures to show on the way to each, at most; for ``Router.stream``, and for providers that
    have them."""
    adapt: frozenset[str] = frozenset()
    """Fields that may be brought to the nearest that a model can do, besides those that the configuration names."""
    drop_params: frozenset[str] | bool = False
    """What may be left out where a model does not know it, by name; ``True`` for anything that only adorns."""

    @property
    def wants_url(self) -> bool:
        return self.response_format == "url"


@dataclass(frozen=True, slots=True)
class Image:
    """One picture, as it came: base64 that nobody decoded, bytes, or an address."""

    encoded: str | Inline | None = field(default=None, repr=False)
    """Base64 as the provider sent it; where it is long, as it lies in the answer's body."""
    data: bytes | None = field(default=None, repr=False)
    url: str | None = None
    media_type: str | None = None
    """``None`` where the provider did not say."""
    revised_prompt: str | None = None
    seed: int | None = None
    deployment: str = ""
    """The deployment that drew it."""

    @property
    def b64_json(self) -> str | None:
        """The picture as base64; ``None`` where only an address was asked for. It may be made anew at each call."""
        if self.encoded is None and self.data is not None:
            return base64.b64encode(self.data).decode("ascii")
        return self.encoded.text() if isinstance(self.encoded, Inline) else self.encoded

    def bytes(self) -> bytes:
        """The picture's file; a ``ValueError`` where only an address was asked for."""
        if self.data is not None:
            return self.data
        if isinstance(self.encoded, Inline):
            return self.encoded.bytes()
        if self.encoded is not None:
            return base64.b64decode(self.encoded)
        raise ValueError("this picture is an address only (.url): ask without response_format='url' to have its bytes")

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture's file to ``path``, which is returned."""
        target = Path(path)
        target.write_bytes(self.bytes())
        return target

    def from_deployment(self, name: str) -> Image:
        return replace(self, deployment=name)

    def with_url(self, url: str) -> Image:
        return replace(self, url=url)


@dataclass(frozen=True, slots=True)
class Generation:
    """What one exchange with a provider brought."""

    images: tuple[Image, ...]
    usage: Usage | None = None
    cost: Decimal | None = None
    """Dollars, where the provider says what this call cost; ``None`` where prices must tell."""
    size: Size | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    seen_limits: tuple[SeenLimit, ...] = ()
    provider_request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Images:
    """The result, shaped like OpenAI's ``ImagesResponse``, and ``route`` beside it."""

    created: int
    """Seconds since 1970."""
    data: tuple[Image, ...]
    route: Route
    usage: Usage | None = None
    """Tokens of all calls together; ``None`` unless every call told them."""
    background: str | None = None
    output_format: str | None = None
    quality: str | None = None
    size: str | None = None


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """What ``Router.stream`` tells while a request is served. The shape is one for all providers."""

    type: Literal["heartbeat", "partial_image", "completed"]
    """``heartbeat``: nothing new, and the request goes on. ``completed`` comes last, and once."""
    image: Image | None = None
    """Of a partial image: the picture as far as it is drawn."""
    index: int = 0
    """Of a partial image: its number among those of the same picture, from 0."""
    result: Images | None = None
    """Of ``completed``: what ``generate`` or ``edit`` would have returned."""
