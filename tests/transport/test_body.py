"""Bodies are made once, as bytes."""

from __future__ import annotations

from email import message_from_bytes

import pytest

from pixelrelay._transport.body import encode
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
    parts = message_from_bytes(b"Content-Type: " + media_type.encode() + b"\r\n\r\n" + body).get_payload()
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
