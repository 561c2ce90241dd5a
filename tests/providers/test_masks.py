"""Masks on their way to providers that want white where OpenAI wants nothing."""

from __future__ import annotations

import io
import subprocess
import sys
from base64 import b64decode

import pytest
from PIL import Image as Pillow

from pixelrelay._spooled import Spooled
from pixelrelay.errors import ProviderError
from pixelrelay.images import InputImage
from pixelrelay.outcomes import Charge, FailureKind
from pixelrelay.providers._masks import white_where_drawn


def painted(image: Pillow.Image) -> InputImage:
    """``image`` as a PNG."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return InputImage(file.getvalue(), "image/png", "mask.png")


def hole() -> Pillow.Image:
    """Opaque, with a transparent pixel in its corner and a half transparent one beside it."""
    image = Pillow.new("RGBA", (3, 2), (9, 9, 9, 255))
    image.putpixel((0, 0), (9, 9, 9, 0))
    image.putpixel((1, 0), (9, 9, 9, 128))
    return image


def greys(encoded: str) -> tuple[tuple[int, int], list[int]]:
    with Pillow.open(io.BytesIO(b64decode(encoded))) as image:
        assert image.mode == "L"
        return image.size, list(image.tobytes())


def test_what_is_transparent_becomes_white_and_all_else_black() -> None:
    assert greys(white_where_drawn(painted(hole()))) == ((3, 2), [255, 0, 0, 0, 0, 0])


def test_a_mask_on_disk_is_painted_as_one_in_memory() -> None:
    mask = painted(hole())
    spooled = InputImage(Spooled(io.BytesIO(mask.bytes())), "image/png", "mask.png")

    assert white_where_drawn(spooled) == white_where_drawn(mask)


def test_a_transparent_colour_of_a_palette_counts_as_transparency() -> None:
    palette = Pillow.new("P", (3, 2), 1)
    palette.putpalette([0, 0, 0, 9, 9, 9])
    palette.putpixel((2, 1), 0)
    file = io.BytesIO()
    palette.save(file, "PNG", transparency=0)

    sent = white_where_drawn(InputImage(file.getvalue(), "image/png", "mask.png"))

    assert greys(sent) == ((3, 2), [0, 0, 0, 0, 0, 255])


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P"])
def test_a_mask_without_transparency_is_black_and_white_already(mode: str) -> None:
    mask = painted(Pillow.new("L", (3, 2), 255).convert(mode))

    assert white_where_drawn(mask) == mask.base64


def test_a_mask_that_cannot_be_read_costs_nothing() -> None:
    broken = InputImage(painted(hole()).bytes()[:-30], "image/png", "mask.png")

    with pytest.raises(ProviderError, match="the mask cannot be read") as raised:
        white_where_drawn(broken)

    assert (raised.value.failure.kind, raised.value.failure.charge) == (FailureKind.INVALID, Charge.NONE)


WITHOUT_PILLOW = """
import sys
sys.modules["PIL"] = None
from base64 import b64decode
from pixelrelay.errors import ProviderError
from pixelrelay.images import InputImage
from pixelrelay.providers._masks import white_where_drawn
plain, holed = (InputImage(b64decode(text), "image/png", "mask.png") for text in sys.argv[1:])
assert white_where_drawn(plain) == sys.argv[1]
try:
    white_where_drawn(holed)
except ProviderError as error:
    print(error)
"""


def test_without_pillow_a_black_and_white_mask_still_passes_and_a_transparent_one_says_what_to_install() -> None:
    plain, holed = painted(hole().convert("L")).base64, painted(hole()).base64

    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_PILLOW, plain, holed], capture_output=True, text=True, check=True
    )

    assert run.stdout.startswith("invalid: not sent: this provider's masks are black and white")
    assert "pip install 'pixelrelay[masks]'" in run.stdout
