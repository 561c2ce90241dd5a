"""What the demo brings along and leaves behind: pictures to be edited, and the files of those that were drawn."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import imagesize
from PIL import Image, ImageDraw

from pixelrelay.cli.demo.story import Picture
from pixelrelay.images import Images

HOUSE = (1024, 768)
SKY, LAND, WALL, ROOF, DOOR = (166, 203, 224), (128, 158, 106), (232, 222, 202), (164, 74, 58), (92, 70, 60)

_ENDINGS: Sequence[tuple[bytes, str]] = ((b"\x89PNG", "png"), (b"RIFF", "webp"))
PICTURES = "pictures"


def house() -> bytes:
    """A house in a meadow, as PNG: the picture that is edited."""
    picture = Image.new("RGB", HOUSE, SKY)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 520, 1024, 768), fill=LAND)
    pen.ellipse((780, 80, 900, 200), fill=(246, 226, 150))
    pen.rectangle((320, 340, 700, 620), fill=WALL)
    pen.polygon(((280, 340), (510, 180), (740, 340)), fill=ROOF)
    pen.rectangle((470, 470, 550, 620), fill=DOOR)
    for left in (360, 600):
        pen.rectangle((left, 400, left + 60, 460), fill=SKY)
    return _png(picture)


def sky_mask() -> bytes:
    """A mask of the house's picture that leaves its sky, and nothing else, to be drawn anew."""
    mask = Image.new("RGBA", HOUSE, (0, 0, 0, 255))
    ImageDraw.Draw(mask).rectangle((0, 0, 1024, 170), fill=(0, 0, 0, 0))
    return _png(mask)


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@dataclass(frozen=True, slots=True)
class Shelf:
    """The directory that a demo writes into."""

    path: Path

    def clear(self) -> None:
        """Make the directory, and remove the pictures that an earlier demo left there."""
        pictures = self.path / PICTURES
        pictures.mkdir(parents=True, exist_ok=True)
        for old in pictures.iterdir():
            if old.stem.replace("-", "").isdigit() and old.suffix in {".jpg", ".png", ".webp"}:
                old.unlink()

    def keep(self, number: int, images: Images) -> tuple[Picture, ...]:
        """Save the pictures of one request."""
        kept = []
        for index, image in enumerate(images.data, start=1):
            data = image.bytes()
            ending = next((ending for start, ending in _ENDINGS if data.startswith(start)), "jpg")
            name = f"{PICTURES}/{number:04}{f'-{index}' if len(images.data) > 1 else ''}.{ending}"
            (self.path / name).write_bytes(data)
            width, height = imagesize.get(io.BytesIO(data))
            kept.append(Picture(name, int(width), int(height), image.deployment))
        return tuple(kept)

    def write(self, name: str, text: str) -> Path:
        file = self.path / name
        file.write_text(text, "utf-8")
        return file
