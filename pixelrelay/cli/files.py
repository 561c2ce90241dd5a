"""Where pictures are saved: names that say what is in them, and no file overwritten that nobody meant."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePath

from pixelrelay.errors import PixelRelayError
from pixelrelay.images import Image, InputImage, Size

SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/webp": (".webp",),
    "image/gif": (".gif",),
    "image/svg+xml": (".svg",),
}
KNOWN = frozenset(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
LONGEST_SLUG = 50


class WouldOverwriteError(PixelRelayError):
    """A file is where a picture is to be saved. Nothing was sent."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path} exists; --force overwrites it, and another --out leaves it alone"


@dataclass(frozen=True, slots=True)
class Saved:
    """A picture in its file."""

    path: Path
    media_type: str
    size: Size | None
    size_bytes: int
    image: Image


@dataclass(frozen=True, slots=True)
class Destination:
    """A directory, and how files are named there."""

    directory: Path
    stem: str
    suffix: str = ""
    """As the caller wants it; another takes its place where the picture is of another kind."""
    named: bool = False
    """Whether the caller chose the name; else a number makes it a free one."""
    force: bool = False

    def prepare(self, pictures: int) -> None:
        """Make the directory, and see that it can be written to; raises ``WouldOverwriteError`` before it is late."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if not os.access(self.directory, os.W_OK | os.X_OK):
            raise PermissionError(13, "cannot be written to", str(self.directory))
        if self.named and not self.force:
            suffixes = [self.suffix] if self.suffix else sorted(KNOWN)
            for number in range(1, pictures + 1):
                stem = self._stem(number, pictures)
                for suffix in suffixes:
                    if (path := self.directory / f"{stem}{suffix}").exists():
                        raise WouldOverwriteError(path)

    def save(self, images: tuple[tuple[Image, InputImage], ...], pictures: int) -> tuple[Saved, ...]:
        """Write each picture; ``pictures`` is how many were asked for. What is paid for is saved in any case."""
        return tuple(
            Saved(self._write(known, number, pictures), known.media_type, known.size, len(known.data), image)
            for number, (image, known) in enumerate(images, 1)
        )

    def _write(self, picture: InputImage, number: int, pictures: int) -> Path:
        for name in self._names(picture, number, pictures):
            path = self.directory / name
            try:
                with path.open("wb" if self.force and self.named else "xb") as file:
                    file.write(picture.bytes())
            except FileExistsError:
                continue
            return path
        raise AssertionError("there is always another number")

    def _names(self, picture: InputImage, number: int, pictures: int) -> Iterator[str]:
        suffix = self._suffix(picture)
        if self.named:
            stem = self._stem(number, pictures)
            yield f"{stem}{suffix}"
            yield from (f"{stem}-{further}{suffix}" for further in count(2))
        yield from (f"{self.stem}-{further}{suffix}" for further in count(self._first_free()))

    def _stem(self, number: int, pictures: int) -> str:
        return self.stem if pictures == 1 else f"{self.stem}-{number}"

    def _suffix(self, picture: InputImage) -> str:
        fitting = SUFFIXES.get(picture.media_type, (PurePath(picture.filename).suffix,))
        return self.suffix if self.suffix.lower() in fitting else fitting[0]

    def _first_free(self) -> int:
        """One more than the highest number in use, so that the files of a prompt stand in the order of their making."""
        pattern = re.compile(re.escape(self.stem) + r"-(\d{1,9})\.[a-z]+")
        found = (pattern.fullmatch(path.name) for path in self.directory.iterdir())
        return 1 + max((int(match[1]) for match in found if match), default=0)


def destination(out: str | None, prompt: str, *, force: bool = False) -> Destination:
    """What ``--out`` means: a directory if it is one or ends like one, else a file, with or without its extension."""
    slug = slug_of(prompt)
    if out is None:
        return Destination(Path(), slug, force=force)
    path = Path(out)
    if path.is_dir() or out.endswith(("/", os.sep)):
        return Destination(path, slug, force=force)
    suffix = path.suffix if path.suffix.lower() in KNOWN else ""
    stem = path.name.removesuffix(suffix) if suffix else path.name
    return Destination(path.parent, stem, suffix, named=True, force=force)


def slug_of(prompt: str) -> str:
    """The prompt as the name of a file: its first words, in lower case, letters and digits of any script."""
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", prompt).lower())
    slug = ""
    for word in words:
        longer = f"{slug}-{word}" if slug else word[:LONGEST_SLUG]
        if len(longer) > LONGEST_SLUG:
            break
        slug = longer
    return slug or "picture"
