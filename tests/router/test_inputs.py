"""Input images, in whatever form callers have them, and what is said of those that are none."""

from __future__ import annotations

import base64
import io
import tempfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Picture

from pixelrelay._spooled import Spooled, UnreadableError
from pixelrelay.errors import InvalidRequestError
from pixelrelay.images import InputImage, Operation, Size, parse_size
from pixelrelay.router.inputs import make_request, read_image

pytestmark = pytest.mark.anyio

LIMIT = 10_000


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 20)) -> bytes:
    file = io.BytesIO()
    Picture.new("RGB", size, (10, 200, 30)).save(file, kind)
    return file.getvalue()


async def read(given: Any, **wishes: Any) -> InputImage:
    return await read_image(given, "image[0]", wishes.get("fetch"), wishes.get("limit", LIMIT))


@pytest.mark.parametrize(
    ("kind", "media_type", "extension"),
    [
        ("PNG", "image/png", "png"),
        ("JPEG", "image/jpeg", "jpg"),
        ("WEBP", "image/webp", "webp"),
        ("GIF", "image/gif", "gif"),
    ],
)
async def test_the_type_is_told_by_the_content(kind: str, media_type: str, extension: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.txt"
    path.write_bytes(picture(kind))
    image = await read(path)
    assert (image.media_type, image.filename, image.size) == (media_type, f"picture.{extension}", Size(40, 20))


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><path/></svg>', Size(40, 20)),
        (b'<?xml version="1.0"?>\n<!-- a logo --><svg viewBox="0 0 40 20"/>', None),
    ],
)
async def test_a_vector_is_told_by_its_content_and_its_size_where_it_says_one(data: bytes, size: Size | None) -> None:
    image = await read(data)
    assert (image.media_type, image.filename, image.size) == ("image/svg+xml", "image0.svg", size)


async def test_every_form_gives_the_same_bytes(tmp_path: Path) -> None:
    data = picture()
    path = tmp_path / "house.png"
    path.write_bytes(data)
    encoded = base64.b64encode(data).decode()

    async def fetch(url: str) -> bytes:
        assert url == "https://pictures.example/house"
        return data

    forms = [data, bytearray(data), memoryview(data), io.BytesIO(data), path, str(path)]
    forms += [f"data:image/png;base64,{encoded}", await read(data)]
    for given in forms:
        assert (await read(given)).data == data
    with path.open("rb") as file:
        assert (await read(file)).filename == "house.png"
    assert (await read("https://pictures.example/house", fetch=fetch)).data == data


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
async def test_a_file_on_disk_is_known_by_its_beginning_and_stays_there(kind: str) -> None:
    class Counted(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.taken += len(data)
            return data

    file = Counted(picture(kind) + bytes(1_000_000))
    given = Spooled(file)
    image, in_memory = await read(given, limit=2_000_000), await read(file.getvalue(), limit=2_000_000)

    assert image.data is given
    assert (image.media_type, image.filename, image.size) == (in_memory.media_type, in_memory.filename, Size(40, 20))
    assert file.taken < 20_000
    assert image.bytes() == in_memory.data
    assert image.base64 == in_memory.base64


async def test_a_file_on_disk_is_held_to_the_same_rules() -> None:
    def spooled(data: bytes) -> Spooled:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - Spooled closes it
        file.write(data)
        return Spooled(file)

    empty, unknown, huge, gone = (spooled(data) for data in (b"", b"hello" * 1000, picture() + bytes(LIMIT), picture()))
    gone.close()
    for given, said in ((empty, "is empty"), (unknown, "is no PNG"), (huge, "more than the 10000 allowed")):
        with pytest.raises(InvalidRequestError, match=said):
            await read(given)
        given.close()
    with pytest.raises(UnreadableError):
        await read(gone)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"", "image[0]: is empty"),
        (b"hello, world", "image[0]: is no PNG, JPEG, WebP, GIF or SVG"),
        (io.StringIO("text"), "open it with mode 'rb'"),
        (7, "image[0]: is a int; give a path, bytes, a file, a data: URL or an https:// URL"),
        ("data:image/png,xyz", "is a data: URL without ;base64,"),
        ("data:image/png;base64,!!!", "whose base64 cannot be decoded"),
        ("https://pictures.example/house", "fetching is switched off; set fetch_images: true"),
        ("no/such/file.png", "no/such/file.png: No such file or directory"),
        (".", "Is a directory"),
        ("nul\0.png", "is no path that can be read"),
        (picture(size=(200, 200)) + bytes(LIMIT), "more than the 10000 allowed (max_input_bytes)"),
    ],
)
async def test_what_is_no_picture_is_said_with_its_place(given: Any, said: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await read(given)
    assert said in str(refused.value)


async def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(1_000_000_000)
    with pytest.raises(InvalidRequestError, match="more than the 10000 bytes allowed"):
        await read(path)
    with path.open("rb") as opened:
        with pytest.raises(InvalidRequestError, match="more than the 10000 allowed"):
            await read(opened)
        assert opened.tell() == LIMIT + 1


async def test_an_address_that_may_not_be_fetched_is_refused_with_the_reason() -> None:
    async def fetch(url: str) -> bytes:
        raise ValueError(f"{url.split('/')[2]}: lies in a network that is not public")

    with pytest.raises(InvalidRequestError, match=r"image\[0\]: metadata.example: lies in a network"):
        await read("https://metadata.example/", fetch=fetch)


@pytest.mark.parametrize(
    ("given", "size"),
    [("1024x768", Size(1024, 768)), (" 64 X 32 ", Size(64, 32)), ((8, 9), Size(8, 9)), ("auto", None), (None, None)],
)
def test_a_size_is_read_as_people_write_it(given: Any, size: Size | None) -> None:
    assert parse_size(given) == size


@pytest.mark.parametrize("given", ["", "big", "0x10", "10x", "1024x1024x3", (1, 2, 3), (1.5, 2), (-1, 2)])
def test_what_is_no_size_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="is no size; write it as '1024x1024', or 'auto'"):
        parse_size(given)


def test_all_that_is_wrong_with_a_request_is_said_at_once() -> None:
    wrong = {
        "n": 0,
        "size": "big",
        "seed": "seven",
        "output_format": "tiff",
        "output_compression": 101,
        "response_format": "file",
        "background": "blue",
    }
    with pytest.raises(InvalidRequestError) as refused:
        make_request(Operation.GENERATE, "  ", wrong)
    assert {problem.path for problem in refused.value.problems} == {"prompt", *wrong}


def test_a_mask_is_a_png_of_the_size_of_the_first_image() -> None:
    image = InputImage(b"", "image/png", "a.png", Size(10, 10))
    for mask in (
        InputImage(b"", "image/jpeg", "m.jpg", Size(10, 10)),
        InputImage(b"", "image/png", "m.png", Size(9, 9)),
    ):
        with pytest.raises(InvalidRequestError, match="mask"):
            make_request(Operation.EDIT, "a hat", {"images": (image,), "mask": mask})


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp", "svg"])
def test_a_format_is_one_of_four(output_format: str) -> None:
    request = make_request(Operation.GENERATE, "a fox", {"output_format": output_format})

    assert request.output_format == output_format
