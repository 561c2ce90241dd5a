"""JSON is made once, as bytes; a form in pieces, as often as it is sent."""

from __future__ import annotations

import os
import tempfile
import tracemalloc
from email import message_from_bytes

import pytest

from pixelrelay._spooled import Spooled
from pixelrelay._transport.body import PIECE, Multipart, encode, pieces
from pixelrelay.providers.base import Part, Purpose, Send


def send(**given: object) -> Send:
    return Send(Purpose.SUBMIT, "POST", "https://api.example/", **given)  # type: ignore[arg-type]  # a test's shorthand


def test_json_is_compact_and_ascii() -> None:
    assert encode(send(json={"prompt": "Möwe", "n": 1})) == (b'{"prompt":"M\\u00f6we","n":1}', "application/json")


def test_a_prompt_with_half_a_character_is_sent_as_it_is() -> None:
    assert encode(send(json={"prompt": "\ud83d"}))[0] == b'{"prompt":"\\ud83d"}'


def test_nothing_has_no_body() -> None:
    assert encode(send()) == (None, None)
    assert encode(send(json={})) == (b"{}", "application/json")


def test_bytes_are_sent_as_they_are() -> None:
    assert encode(send(body=b"\x89PNG")) == (b"\x89PNG", None)


@pytest.mark.parametrize("value", [object(), float("nan"), b"bytes"])
def test_what_json_cannot_hold_is_an_error(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode(send(json={"value": value}))


def test_parts_keep_their_order_and_a_part_without_a_name_is_a_plain_field() -> None:
    body, media_type = encode(
        send(
            parts=(
                Part("prompt", "a Möwe"),
                Part("image[]", b"\x89PNG\r\n--", "a.png", "image/png"),
                Part("n", b"2"),
                Part("meta", "{}", media_type="application/json"),
            )
        )
    )
    assert body is not None
    assert media_type is not None
    assert len(body) == len(bytes(body))
    parts = message_from_bytes(b"Content-Type: " + media_type.encode() + b"\r\n\r\n" + bytes(body)).get_payload()
    assert isinstance(parts, list)

    found = [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part["content-type"],
            part.get_payload(decode=True),
        )
        for part in parts
        if not isinstance(part, str)
    ]
    assert found == [
        ("prompt", None, None, "a Möwe".encode()),
        ("image[]", "a.png", "image/png", b"\x89PNG\r\n--"),
        ("n", None, None, b"2"),
        ("meta", None, "application/json", b"{}"),
    ]


def in_a_file(data: bytes) -> Spooled:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - Spooled closes it
    file.write(data)
    return Spooled(file)


def test_a_form_comes_in_pieces_of_one_size_and_is_the_same_each_time() -> None:
    picture = os.urandom(3 * PIECE + 1000)
    form = Multipart((*[Part(f"field{number}", "a text") for number in range(50)], Part("image", picture, "a.png")))

    first = list(form)
    sizes = [len(piece) for piece in first]
    assert sizes[:-1] == [PIECE] * 3
    assert 0 < sizes[-1] < PIECE
    assert sum(sizes) == len(form)
    assert list(form) == list(pieces(form)) == first
    assert picture in bytes(form)
    assert not form.on_disk


def test_what_lies_in_a_file_is_sent_as_if_it_were_in_memory() -> None:
    picture = os.urandom(PIECE + 1000)
    file = in_a_file(picture)
    forms = [Multipart((Part("a", "b"), Part("image", data, "a.png", "image/png"))) for data in (picture, file)]

    kept, read = (bytes(form).replace(form.media_type.partition("=")[2].encode(), b"") for form in forms)
    assert kept == read
    assert len(forms[0]) == len(forms[1])
    assert [form.on_disk for form in forms] == [False, True]
    file.close()


def test_json_comes_in_pieces_too() -> None:
    body = os.urandom(2 * PIECE + 10)

    assert [len(piece) for piece in pieces(body)] == [PIECE, PIECE, 10]
    assert b"".join(pieces(body)) == body
    assert list(pieces(b"")) == []


def test_a_form_is_never_held_whole() -> None:
    picture = bytes(40 * PIECE)
    file = in_a_file(picture)
    for data in (picture, file):
        tracemalloc.start()
        try:
            assert sum(len(piece) for piece in Multipart((Part("image", data, "a.png"),))) > len(picture)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 8 * PIECE
    file.close()
