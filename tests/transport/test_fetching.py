"""What callers name by address is fetched from public hosts over https, and from nowhere else."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest

from pixelrelay._transport.engine import CutError, NotSentError, ReplyTooLargeError
from pixelrelay._transport.fetching import FetchRefusedError, is_public
from pixelrelay._transport.transport import Transport
from tests.transport.scripted import PICTURE, ScriptedEngine, Step, answer, failing, hanging

pytestmark = pytest.mark.anyio

NAMES = {
    "pictures.example": ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"],
    "inside.example": ["10.1.2.3"],
    "mixed.example": ["93.184.215.14", "192.168.0.1"],
    "2130706433": ["127.0.0.1"],
    "empty.example": [],
}


async def resolver(host: str, port: int) -> Sequence[str]:
    assert port == 443
    if host not in NAMES:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return NAMES[host]


async def fetch(url: str, *script: Step) -> tuple[bytes, ScriptedEngine]:
    engine = ScriptedEngine(list(script))
    transport = Transport(engine, resolver=resolver)
    return await transport.fetch(url, max_bytes=1000), engine


async def test_a_picture_is_fetched_from_the_address_that_was_checked() -> None:
    body, engine = await fetch("https://pictures.example/a%3Ab.png?sig=1", answer(200, PICTURE))

    assert body == PICTURE
    (_, outgoing), *_ = engine.sent
    assert (outgoing.url, outgoing.address) == ("https://pictures.example/a%3Ab.png?sig=1", "93.184.215.14")
    assert (outgoing.max_reply_bytes, dict(outgoing.headers)) == (1000, {})


async def test_the_next_address_is_tried_where_one_cannot_be_reached() -> None:
    _, engine = await fetch("https://pictures.example/", failing(NotSentError("no route")), answer(200, PICTURE))

    assert [outgoing.address for _, outgoing in engine.sent] == NAMES["pictures.example"]


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://[::1]/",
        "https://[::]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://[ff0e::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[2002:7f00:1::]/",
        "https://2130706433/",
        "https://inside.example/",
        "https://mixed.example/",
        "https://unknown.example/",
        "https://empty.example/",
        "http://pictures.example/",
        "https://somebody@pictures.example/",
        "https://somebody:secret@pictures.example/",
        "https://pictures.example\\@inside.example/",
        "https://pictures.example:99999/",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "https://",
        "",
    ],
)
async def test_what_is_not_a_public_https_address_is_refused_unsent(url: str) -> None:
    with pytest.raises(FetchRefusedError) as caught:
        await fetch(url)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "location",
    ["https://127.0.0.1/", "https://inside.example/", "http://pictures.example/", "//[::1]/", "https://mixed.example/"],
)
async def test_a_redirect_is_checked_like_the_address_itself(location: str) -> None:
    with pytest.raises(FetchRefusedError):
        await fetch("https://pictures.example/", answer(302, location=location))


async def test_three_redirects_are_followed_and_no_more() -> None:
    hop = answer(302, location="/next?sig=signed")
    body, engine = await fetch("https://pictures.example/", hop, hop, hop, answer(200, PICTURE))
    assert (body, engine.urls[-1]) == (PICTURE, "https://pictures.example/next?sig=signed")

    with pytest.raises(FetchRefusedError, match=r"pictures\.example: more than 3 redirects"):
        await fetch("https://pictures.example/", hop, hop, hop, hop)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (answer(404), "answered HTTP 404"),
        (failing(ReplyTooLargeError("the answer is longer than 1000 bytes")), "longer than 1000 bytes"),
        (failing(CutError("sent, and nothing was heard for 30 s")), "nothing was heard"),
        (hanging(sent=True), "not fetched within 30 s"),
    ],
)
async def test_a_failure_says_why_and_does_not_tell_the_signature(step: Step, said: str) -> None:
    with pytest.raises(FetchRefusedError, match=said) as caught:
        await fetch("https://pictures.example/a.png?sig=signed", step)

    assert "signed" not in str(caught.value)


def test_an_address_that_wraps_a_public_one_is_public() -> None:
    assert is_public("8.8.8.8")
    assert is_public("64:ff9b::808:808")
    assert not is_public("not an address")
