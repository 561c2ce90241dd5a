"""Names of files: what they are made of, and that nothing is lost by them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelrelay.cli.files import LONGEST_SLUG, destination, slug_of
from pixelrelay.images import Image, InputImage

NAMES = ("boat.png", "boat", "boat.jpg", "boat.JPEG", "shelf/", "deep/er/boat.webp", "boat.tar")
KINDS = (
    ("image/png", "png"),
    ("image/jpeg", "jpg"),
    ("image/webp", "webp"),
    ("image/svg+xml", "svg"),
    ("application/octet-stream", "bin"),
)


@pytest.mark.parametrize(
    ("prompt", "slug"),
    [
        ("A red lighthouse, at night!", "a-red-lighthouse-at-night"),
        ("  ../../etc/passwd  ", "etc-passwd"),
        ("Ein Häuschen im Grünen", "ein-häuschen-im-grünen"),
        ("灯台、夜", "灯台-夜"),
        ("!!!", "picture"),
        ("x" * 200, "x" * LONGEST_SLUG),
        ("a very long prompt " * 20, "a-very-long-prompt-a-very-long-prompt-a-very-long"),
    ],
)
def test_a_slug_is_the_first_words_of_a_prompt(prompt: str, slug: str) -> None:
    assert slug_of(prompt) == slug


@given(st.text(max_size=300))
def test_a_slug_is_a_name_that_any_file_may_have(prompt: str) -> None:
    slug = slug_of(prompt)

    assert 0 < len(slug) <= LONGEST_SLUG
    assert not set(slug) & set('/\\.:*?"<>| \n\0')


@given(
    out=st.none() | st.sampled_from(NAMES),
    there=st.sets(st.sampled_from(("boat.png", "boat-1.png", "boat-2.jpg", "a-boat-1.png", "a-boat-7.webp"))),
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=4),
)
def test_every_picture_gets_a_file_of_its_own_and_none_is_overwritten(
    out: str | None, there: set[str], kinds: list[tuple[str, str]]
) -> None:
    pictures = [
        InputImage(f"picture {number}".encode(), kind, f"picture.{suffix}")
        for number, (kind, suffix) in enumerate(kinds)
    ]
    with TemporaryDirectory() as name:
        root = Path(name)
        for path in there:
            (root / path).write_text("precious")
        place = destination(str(root / out) + ("/" if out.endswith("/") else "") if out else f"{root}/", "a boat")
        place.directory.mkdir(parents=True, exist_ok=True)

        saved = place.save(tuple((Image(), picture) for picture in pictures), len(pictures))

        assert len({one.path for one in saved}) == len(pictures)
        assert [one.path.read_bytes() for one in saved] == [picture.data for picture in pictures]
        assert all((root / path).read_text() == "precious" for path in there)
        assert all(one.path.parent == place.directory for one in saved)


def test_the_extension_is_kept_where_it_tells_the_truth(tmp_path: Path) -> None:
    jpeg = InputImage(b"x", "image/jpeg", "picture.jpg")

    for out, name in (("a.jpeg", "a.jpeg"), ("b.JPG", "b.JPG"), ("c.png", "c.jpg"), ("d.d", "d.d.jpg")):
        (saved,) = destination(str(tmp_path / out), "a boat").save(((Image(), jpeg),), 1)
        assert saved.path.name == name
