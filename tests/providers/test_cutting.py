"""Pictures that stay in the body of an answer: found, passed on unchanged, and never at the cost of the rest."""

from __future__ import annotations

import base64
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelrelay._inline import Inline
from pixelrelay.images import Image
from pixelrelay.providers._cutting import LONG, Base64, cut
from pixelrelay.providers._pictures import apart, media_type_of
from pixelrelay.providers.base import Answer, Beside, Reply, read

PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 400).decode()
assert len(PICTURE) >= LONG


class Item(Answer):
    b64_json: Base64 | None = None
    revised_prompt: Beside[str] = None


class Answered(Answer):
    data: tuple[Item, ...]


def reply(value: object, **written: object) -> Reply:
    return Reply(200, {}, json.dumps(value, **written).encode())  # type: ignore[arg-type]  # as json has it


def text_of(picture: str | Inline | None) -> str | None:
    return picture.text() if isinstance(picture, Inline) else picture


def test_a_long_picture_is_left_in_the_body_and_a_short_one_is_text() -> None:
    items = read(reply({"data": [{"b64_json": PICTURE}, {"b64_json": "iVBORw0KGgo="}]}), Answered).data

    assert isinstance(items[0].b64_json, Inline)
    assert items[0].b64_json.text() == PICTURE
    assert items[1].b64_json == "iVBORw0KGgo="


def test_a_long_text_that_is_no_picture_is_not_lost() -> None:
    prompt = "a lighthouse, " * 10_000
    items = read(reply({"data": [{"b64_json": PICTURE, "revised_prompt": prompt}]}), Answered).data

    assert items[0].revised_prompt == prompt
    assert text_of(items[0].b64_json) == PICTURE


def test_a_text_with_a_backslash_is_read_as_json_has_it() -> None:
    escaped = json.dumps({"data": [{"b64_json": PICTURE}]}).replace("/", "\\/").encode()
    items = read(Reply(200, {}, escaped), Answered).data

    assert items[0].b64_json == PICTURE


def test_a_body_that_breaks_off_within_a_picture_is_no_json() -> None:
    from pixelrelay.errors import ProviderError

    body = json.dumps({"data": [{"b64_json": PICTURE}]}).encode()[: LONG + 100]
    with pytest.raises(ProviderError, match="could not be read"):
        read(Reply(200, {}, body), Answered)


def test_a_picture_in_a_body_is_one_like_any_other() -> None:
    file = base64.b64decode(PICTURE)
    body = b'{"b64_json":"' + PICTURE.encode() + b'"}'
    inline = Inline(body, 13, 13 + len(PICTURE))
    image = Image(encoded=inline, media_type=media_type_of(inline))

    assert (image.b64_json, image.bytes(), image.media_type) == (PICTURE, file, "image/png")
    assert b"".join(inline.pieces(1000)) == PICTURE.encode()
    assert pickle.loads(pickle.dumps(image)) == image  # noqa: S301 - our own
    assert PICTURE[:20] not in repr(image)


def test_a_data_url_in_a_body_is_taken_apart_as_well() -> None:
    written = f"data:image/webp;base64,{PICTURE}"
    kind, encoded = apart(Inline(written.encode()))

    assert (kind, text_of(encoded)) == ("image/webp", PICTURE)


texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(['"', '\\"', '\\\\"', "\\", '{"b64_json": "']),
    st.sampled_from([LONG - 1, LONG, LONG + 1]),
)
"""A number is a text of that length, which would be a long thing to show."""
items = st.fixed_dictionaries({}, optional={"b64_json": texts, "revised_prompt": texts, "other": texts})


@given(st.lists(items, max_size=4))
def test_whatever_an_answer_holds_it_reads_as_if_nothing_had_been_cut(written: list[dict[str, str | int]]) -> None:
    data = [{name: "A" * text if isinstance(text, int) else text for name, text in item.items()} for item in written]
    body = json.dumps({"data": data}).encode()
    plain, by_parts = Answered.model_validate_json(body), read(Reply(200, {}, body), Answered)

    assert [(text_of(a.b64_json), a.revised_prompt) for a in by_parts.data] == [
        (text_of(b.b64_json), b.revised_prompt) for b in plain.data
    ]
    long = sum(text in {LONG, LONG + 1} for item in written for text in item.values())
    assert len(cut(body).texts) == long
