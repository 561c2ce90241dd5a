"""What the emulator draws are pictures: they decode, at the size and in the format asked for."""

from __future__ import annotations

import pytest
from PIL import Image

from pixelrelay.testing.emulator.pictures import Caption, Encoding, UndecodableError, decode, draw, edit, encode
from tests.emulator.scenes import half_transparent, opened, png

CAPTION = Caption("a red lighthouse in the fog", "eastus", 7)


@pytest.mark.parametrize("file_format", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("size", [(64, 64), (256, 256), (1024, 1536), (3840, 2160)])
def test_a_picture_decodes_at_the_size_and_in_the_format_asked_for(size: tuple[int, int], file_format: str) -> None:
    picture = opened(encode(draw(CAPTION, size), Encoding(file_format)))

    assert picture.size == size
    assert picture.format == file_format.upper()


def test_two_calls_with_one_prompt_draw_two_pictures() -> None:
    first = draw(CAPTION, (256, 256))
    second = draw(Caption(CAPTION.prompt, CAPTION.deployment, 8), (256, 256))

    assert first.tobytes() != second.tobytes()
    assert first.getpixel((255, 0)) == second.getpixel((255, 0))


def test_a_transparent_background_is_transparent() -> None:
    picture = opened(encode(draw(CAPTION, (256, 256), transparent=True), Encoding("png")))

    assert picture.getchannel("A").getextrema() == (0, 255)


def test_an_edit_shows_its_input_scaled_and_a_band_across_it() -> None:
    edited = edit(decode(png((32, 32), (200, 30, 30))), CAPTION, (512, 512))

    assert edited.size == (512, 512)
    assert edited.getpixel((500, 20)) == (200, 30, 30)
    assert edited.getpixel((500, 500)) != (200, 30, 30)


def test_a_mask_lets_only_its_transparent_part_change() -> None:
    base = decode(png((512, 512), (200, 30, 30)))

    edited = edit(base, CAPTION, (512, 512), decode(half_transparent((512, 512))))

    right = (256, 0, 512, 512)
    assert edited.crop(right).tobytes() == base.convert("RGB").crop(right).tobytes()
    assert edited.getpixel((2, 2)) != (200, 30, 30)


@pytest.mark.parametrize("data", [b"", b"no picture", png()[:40], png()[:-30]])
def test_bytes_that_are_no_whole_picture_are_refused(data: bytes) -> None:
    with pytest.raises(UndecodableError):
        decode(data)


def test_jpeg_has_no_transparency_to_keep() -> None:
    drawn = Image.new("RGBA", (64, 64), (0, 0, 0, 0))

    assert opened(encode(drawn, Encoding("jpeg", 50))).mode == "RGB"
