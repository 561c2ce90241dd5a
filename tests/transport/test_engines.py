"""The contract of both engines, on real sockets: what is sent, how far it came, and what is left behind."""

from __future__ import annotations

import gzip
import io
import os
import ssl
import tempfile
import threading
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest

from pixelrelay._spooled import Spooled
from pixelrelay._transport.aiohttp_engine import AiohttpEngine
from pixelrelay._transport.body import PIECE, Body, Multipart
from pixelrelay._transport.engine import CutError, Engine, EngineError, NotSentError, Outgoing, ReplyTooLargeError
from pixelrelay._transport.httpx2_engine import Httpx2Engine
from pixelrelay.providers.base import Part, Reply
from tests.transport.certificates import HOST, contexts
from tests.transport.server import Connection, answering, hanging, serve

pytestmark = pytest.mark.anyio

LARGE = b"x" * 30_000_000
"""More than the kernel buffers between two sockets."""


@pytest.fixture(params=[("asyncio", "httpx2"), ("asyncio", "aiohttp"), ("trio", "httpx2")], ids="-".join)
def case(request: pytest.FixtureRequest) -> tuple[str, str]:
    found: tuple[str, str] = request.param
    return found


@pytest.fixture
def anyio_backend(case: tuple[str, str]) -> tuple[str, dict[str, object]]:
    return case[0], {}


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    folder: Path = tmp_path_factory.mktemp("certificates")
    return contexts(folder)


@pytest.fixture
async def engine(case: tuple[str, str], tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> AsyncIterator[Engine]:
    opened: Engine = AiohttpEngine(tls[1]) if case[1] == "aiohttp" else Httpx2Engine(tls[1])
    yield opened
    await opened.aclose()


def post(url: str, body: Body | None = b'{"prompt":"a lighthouse"}', **settings: object) -> Outgoing:
    given: dict[str, object] = {"first_byte_timeout": 5.0, "headers": {"Content-Type": "application/json"}}
    return Outgoing("POST", url, body=body, **(given | settings))  # type: ignore[arg-type]  # checked by dataclass use


async def outcome(engine: Engine, outgoing: Outgoing) -> tuple[Reply | EngineError, int]:
    """How a request ended, and how often it was said to have been sent."""
    sent = 0

    def count() -> None:
        nonlocal sent
        sent += 1

    try:
        return await engine.send(outgoing, count), sent
    except EngineError as error:
        return error, sent


# --- what is sent ------------------------------------------------------------------------------------------------


async def test_a_body_is_sent_with_its_length_and_never_in_chunks(engine: Engine) -> None:
    async with serve(answering(b'{"ok":true}', "X-Request-ID: abc")) as server:
        reply, sent = await outcome(engine, post(f"{server.url}/images"))

    assert isinstance(reply, Reply)
    assert (reply.status, reply.headers["x-request-id"], reply.body, sent) == (200, "abc", b'{"ok":true}', 1)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert body == b'{"prompt":"a lighthouse"}'
    assert head.startswith(b"POST /images HTTP/1.1\r\n")
    assert b"content-length: 25" in head.lower()
    assert b"transfer-encoding" not in head.lower()
    assert head.lower().count(b"content-type") == 1


async def test_a_large_body_arrives_as_it_is(engine: Engine) -> None:
    async with serve(answering()) as server:
        reply, sent = await outcome(engine, post(f"{server.url}/edits", LARGE))

    assert isinstance(reply, Reply)
    assert sent == 1
    assert server.requests[0].endswith(b"\r\n\r\n" + LARGE)


def spooled(data: bytes, file: io.BytesIO | None = None) -> Spooled:
    opened = file or tempfile.TemporaryFile()  # noqa: SIM115 - Spooled closes it
    opened.write(data)
    return Spooled(opened)


async def test_a_form_with_a_file_is_sent_whole_and_with_its_length_each_time(engine: Engine) -> None:
    picture = os.urandom(5_000_001)
    file = spooled(picture)
    form = Multipart((Part("prompt", "a lighthouse"), Part("image", file, "a.png"), Part("mask", b"small", "b.png")))
    async with serve(answering()) as server:
        for _ in range(2):
            reply, sent = await outcome(engine, post(f"{server.url}/edits", form))
            assert isinstance(reply, Reply)
            assert sent == 1
    file.close()

    heads, bodies = zip(*(request.split(b"\r\n\r\n", 1) for request in server.requests), strict=True)
    assert list(bodies) == [bytes_of(form, picture)] * 2
    for head in heads:
        assert f"content-length: {len(form)}".encode() in head.lower()
        assert b"transfer-encoding" not in head.lower()


def bytes_of(form: Multipart, picture: bytes) -> bytes:
    """A form of ``prompt``, ``image`` and ``mask`` as it must look, written out by hand."""
    boundary = form.media_type.partition("boundary=")[2]
    disposition = f"--{boundary}\r\nContent-Disposition: form-data; name="
    image, mask = (
        f'{disposition}"{name}"; filename="{file}.png"\r\n' for name, file in (("image", "a"), ("mask", "b"))
    )
    return b"".join(
        [
            f'{disposition}"prompt"\r\n\r\na lighthouse\r\n'.encode(),
            f"{image}Content-Type: image/png\r\n\r\n".encode() + picture + b"\r\n",
            f"{mask}Content-Type: image/png\r\n\r\nsmall\r\n--{boundary}--\r\n".encode(),
        ]
    )


async def test_several_requests_read_one_file_at_once(engine: Engine) -> None:
    picture = os.urandom(3_000_000)
    file = spooled(picture)
    async with serve(answering()) as server, anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(outcome, engine, post(server.url, Multipart((Part("image", file, "a.png"),))))
    file.close()

    assert len(server.requests) == 8
    assert all(picture in request for request in server.requests)


@pytest.mark.parametrize("on_disk", [True, False], ids=["on disk", "in memory"])
async def test_a_large_form_costs_no_copy_of_its_picture(engine: Engine, on_disk: bool) -> None:
    async def swallow(connection: Connection) -> None:
        head = await connection.read_head()
        left = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while left:
            left -= len(await connection.read_some())
        await connection.answer()

    file = spooled(LARGE)
    form = Multipart((Part("image", file if on_disk else LARGE, "a.png"),))
    async with serve(swallow) as server:
        tracemalloc.start()
        try:
            reply, _ = await outcome(engine, post(server.url, form))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    file.close()

    assert isinstance(reply, Reply)
    assert peak < len(LARGE) / 10


async def test_a_signed_url_is_sent_byte_for_byte(engine: Engine) -> None:
    path = "/a%3Ab/c%2Fd.png?sig=a%2Bb%3D%7E&se=2026-01-01T00:00:00Z&x=%20+"
    async with serve(answering()) as server:
        await outcome(engine, Outgoing("GET", server.url + path, {}))

    assert server.requests[0].split(b" ")[1].decode() == path


async def test_cookies_are_not_kept(engine: Engine) -> None:
    async with serve(answering(b"", "Set-Cookie: session=1; Path=/")) as server:
        for _ in range(2):
            await outcome(engine, post(server.url))

    assert len(server.requests) == 2
    assert not any(b"cookie" in request.lower() for request in server.requests)


async def test_nothing_of_the_environment_is_used(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with serve(answering()) as server:
        reply, _ = await outcome(engine, post(server.url))

    assert isinstance(reply, Reply)
    assert b"authorization" not in server.requests[0].lower()


async def test_a_redirect_is_an_answer_and_is_not_followed(engine: Engine) -> None:
    async with serve(answering(b"", "Location: /elsewhere", status="302 Found")) as server:
        reply, _ = await outcome(engine, Outgoing("GET", f"{server.url}/here", {}))

    assert isinstance(reply, Reply)
    assert (reply.status, reply.headers["location"]) == (302, "/elsewhere")
    assert len(server.requests) == 1


async def test_a_connection_is_used_again(engine: Engine) -> None:
    async with serve(answering()) as server:
        for _ in range(5):
            await outcome(engine, post(server.url))

    assert (len(server.requests), server.connections) == (5, 1)


async def test_two_hundred_requests_are_under_way_at_once(engine: Engine) -> None:
    waiting, everybody = 0, anyio.Event()

    async def together(connection: Connection) -> None:
        nonlocal waiting
        await connection.read_request()
        waiting += 1
        if waiting == 200:
            everybody.set()
        await everybody.wait()
        await connection.answer(b"together")

    replies: list[Reply | EngineError] = []

    async def one(url: str) -> None:
        replies.append((await outcome(engine, post(url, first_byte_timeout=30.0)))[0])

    async with serve(together) as server, anyio.create_task_group() as tasks:
        for _ in range(200):
            tasks.start_soon(one, server.url)

    assert [reply.body for reply in replies if isinstance(reply, Reply)] == [b"together"] * 200


# --- how far it came ---------------------------------------------------------------------------------------------


async def test_a_refused_connection_sent_nothing(engine: Engine) -> None:
    async with serve(hanging) as server:
        pass
    error, sent = await outcome(engine, post(server.url))

    assert isinstance(error, NotSentError)
    assert "refused" in str(error)
    assert sent == 0


async def test_an_unknown_name_sent_nothing(engine: Engine) -> None:
    error, sent = await outcome(engine, post("http://nowhere.invalid/?sig=secret"))

    assert isinstance(error, NotSentError)
    assert "name could not be resolved" in str(error)
    assert sent == 0


async def test_a_server_that_does_not_speak_tls_was_sent_nothing(engine: Engine) -> None:
    async def plain(connection: Connection) -> None:
        await connection.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await connection.until_hung_up()

    async with serve(plain) as server:
        error, sent = await outcome(engine, post(server.url.replace("http:", "https:")))

    assert isinstance(error, NotSentError)
    assert "TLS" in str(error)
    assert sent == 0


async def test_a_handshake_that_never_ends_counts_as_connecting(engine: Engine) -> None:
    async with serve(Connection.until_hung_up) as server:
        url = server.url.replace("http:", "https:")
        error, sent = await outcome(engine, post(url, connect_timeout=0.3))

    assert isinstance(error, NotSentError)
    assert str(error) == "no connection within 0.3 s"
    assert sent == 0


async def test_a_connection_cut_while_the_body_is_written_sent_nothing_whole(engine: Engine) -> None:
    async def slam(connection: Connection) -> None:
        await connection.read_head()
        await connection.reset()

    async with serve(slam) as server:
        error, sent = await outcome(engine, post(server.url, LARGE))

    assert isinstance(error, NotSentError)
    assert sent == 0


async def test_a_body_that_nobody_reads_is_given_up(engine: Engine) -> None:
    async def deaf(connection: Connection) -> None:
        await connection.read_head()
        await anyio.sleep_forever()

    async with serve(deaf) as server:
        error, sent = await outcome(engine, post(server.url, LARGE, first_byte_timeout=0.5))

    assert isinstance(error, NotSentError)
    assert str(error) == "the request could not be written within 0.5 s"
    assert sent == 0


class FailingDisk(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > 1_000_000:
            raise OSError(5, "Input/output error")
        return super().read(size)


async def test_a_file_that_cannot_be_read_sent_nothing_whole_and_says_why(engine: Engine) -> None:
    failing, gone = spooled(LARGE, FailingDisk()), spooled(LARGE)
    gone.close()
    async with serve(answering()) as server:
        with anyio.fail_after(5):
            found = [
                await outcome(engine, post(server.url, Multipart((Part("image", file, "a.png"),))))
                for file in (failing, gone)
            ]
        again, _ = await outcome(engine, post(server.url))

    assert [(type(error), str(error), sent) for error, sent in found] == [
        (NotSentError, "an upload could not be read from disk: Input/output error", 0),
        (NotSentError, "an upload was let go before it was read", 0),
    ]
    assert isinstance(again, Reply)
    assert len(server.requests) == 1, "of the others nothing came whole"


async def test_a_reset_on_arrival_is_told_by_what_had_left(engine: Engine) -> None:
    async with serve(Connection.reset) as server:
        error, sent = await outcome(engine, post(server.url))

    # Which of the two it is depends on the kernel; what counts is that error and signal say the same.
    assert isinstance(error, CutError if sent else NotSentError)


async def test_an_answer_to_half_a_request_is_an_answer(engine: Engine) -> None:
    async def impatient(connection: Connection) -> None:
        await connection.read_head()
        await connection.answer(b"too large", "Connection: close", status="413 Payload Too Large")
        await connection.until_hung_up()

    async with serve(impatient) as server:
        reply, _ = await outcome(engine, post(server.url, LARGE))

    assert isinstance(reply, Reply)
    assert (reply.status, reply.body) == (413, b"too large")


async def test_a_reset_after_reading_may_have_been_acted_on(engine: Engine) -> None:
    async def read_and_reset(connection: Connection) -> None:
        await connection.read_request()
        await connection.reset()

    async with serve(read_and_reset) as server:
        error, sent = await outcome(engine, post(server.url))

    assert isinstance(error, CutError)
    assert sent == 1
    assert len(server.requests) == 1


async def test_hanging_up_without_an_answer_may_have_been_acted_on(engine: Engine) -> None:
    async def read_and_leave(connection: Connection) -> None:
        await connection.read_request()

    async with serve(read_and_leave) as server:
        error, sent = await outcome(engine, post(server.url))

    assert isinstance(error, CutError)
    assert sent == 1
    assert len(server.requests) == 1


async def test_silence_ends_with_the_first_byte_timeout(engine: Engine) -> None:
    async with serve(hanging) as server:
        error, sent = await outcome(engine, post(server.url, first_byte_timeout=0.2))
        with anyio.fail_after(5):
            await server.hung_up.wait()

    assert isinstance(error, CutError)
    assert str(error) == "sent, and nothing was heard for 0.2 s"
    assert sent == 1


async def test_an_answer_may_take_longer_than_connecting(engine: Engine) -> None:
    async def slow(connection: Connection) -> None:
        await connection.read_request()
        await anyio.sleep(0.5)
        await connection.answer(b"late")

    async with serve(slow) as server:
        reply, _ = await outcome(engine, post(server.url, connect_timeout=0.2))

    assert isinstance(reply, Reply)
    assert reply.body == b"late"


async def test_an_answer_that_stops_half_way_ends_with_the_same_timeout(engine: Engine) -> None:
    async def stall(connection: Connection) -> None:
        await connection.read_request()
        await connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await connection.until_hung_up()

    async with serve(stall) as server:
        error, _ = await outcome(engine, post(server.url, first_byte_timeout=0.2))

    assert isinstance(error, CutError)
    assert "nothing was heard" in str(error)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", id="cut in the body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", id="cut between chunks"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", id="cut in the head"),
        pytest.param(b"\x00\x01 what is this?\r\n\r\n", id="garbage"),
    ],
)
async def test_an_answer_that_is_not_whole_is_none(engine: Engine, said: bytes) -> None:
    async def say(connection: Connection) -> None:
        await connection.read_request()
        await connection.write(said)

    async with serve(say) as server:
        error, sent = await outcome(engine, post(server.url))

    assert isinstance(error, CutError)
    assert sent == 1


async def test_cancelling_closes_the_connection(engine: Engine) -> None:
    async with serve(hanging) as server:
        with anyio.move_on_after(0.2) as scope:
            await engine.send(post(server.url), lambda: None)
        assert scope.cancelled_caught
        with anyio.fail_after(5):
            await server.hung_up.wait()


async def test_a_disk_that_hangs_midway_holds_up_nobody_who_gives_up(engine: Engine) -> None:
    resumed, over = threading.Event(), anyio.Event()
    arrived = 0

    class HangingDisk(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 1_000_000:
                resumed.wait(20)
            return super().read(size)

    async def reading(connection: Connection) -> None:
        nonlocal arrived
        await connection.read_head()
        arrived = await connection.drain()
        over.set()

    file, sent = spooled(LARGE, HangingDisk()), []
    form = Multipart((Part("image", file, "a.png"),))
    async with serve(reading) as server:
        with anyio.fail_after(5), anyio.move_on_after(0.5) as scope:
            await engine.send(post(server.url, form), lambda: sent.append(True))
        resumed.set()
        with anyio.fail_after(5):
            await over.wait()
    file.close()

    assert scope.cancelled_caught
    assert 0 < arrived <= 1_000_000 + len(form) - len(LARGE) + PIECE
    assert sent == [], "all that was handed over has left, and more was to come"


async def test_a_file_that_is_let_go_midway_is_read_no_further(engine: Engine) -> None:
    file = spooled(LARGE)
    form = Multipart((Part("image", file, "a.png"),))
    arrived, said = await cancelled_while_nobody_reads(engine, form)
    file.close()

    assert arrived < len(form)
    assert not said


async def cancelled_while_nobody_reads(engine: Engine, body: Body) -> tuple[int, bool]:
    """How much of a body arrives although it was given up, and whether it was said to have been sent."""
    arrived, proceed, over = 0, anyio.Event(), anyio.Event()

    async def slow(connection: Connection) -> None:
        nonlocal arrived
        await connection.read_head()
        await proceed.wait()
        arrived = await connection.drain()
        over.set()

    sent: list[bool] = []
    async with serve(slow) as server:
        with anyio.move_on_after(0.2):
            await engine.send(post(server.url, body), lambda: sent.append(True))
        said = bool(sent)
        proceed.set()
        with anyio.fail_after(5):
            await over.wait()
    return arrived, said


async def test_what_had_not_left_at_a_cancellation_never_leaves(engine: Engine) -> None:
    buffered, said = await cancelled_while_nobody_reads(engine, LARGE)
    assert 0 < buffered < len(LARGE)
    assert not said

    # A little more than the kernel takes: the last bytes wait in this process when the request is given up.
    arrived, said = await cancelled_while_nobody_reads(engine, LARGE[: buffered + 20_000])
    assert arrived < buffered + 20_000
    assert not said

    for more in (-3_000, -1_000, 1_000, 3_000):
        arrived, said = await cancelled_while_nobody_reads(engine, LARGE[: buffered + more])
        assert said == (arrived == buffered + more)

    # A form knows it as well, though its length is met by several pieces of several parts.
    rest = len(Multipart((Part("image", b"", "a.png"),)))
    form = Multipart((Part("image", LARGE[: buffered // 2 - rest], "a.png"),))
    assert await cancelled_while_nobody_reads(engine, form) == (len(form), True)

    # A little less: all of it has left, so that somebody may act on it.
    arrived, said = await cancelled_while_nobody_reads(engine, LARGE[: buffered // 2])
    assert arrived == buffered // 2
    assert said


# --- what comes back ---------------------------------------------------------------------------------------------


async def test_a_chunked_answer_is_whole(engine: Engine) -> None:
    async def chunked(connection: Connection) -> None:
        await connection.read_request()
        await connection.write(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n3\r\nfgh\r\n0\r\n\r\n"
        )
        await connection.until_hung_up()

    async with serve(chunked) as server:
        reply, _ = await outcome(engine, post(server.url))

    assert isinstance(reply, Reply)
    assert reply.body == b"abcdefgh"


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_a_compressed_answer_is_inflated(engine: Engine, name: str, pack: object) -> None:
    assert callable(pack)
    async with serve(answering(pack(b"a lighthouse" * 1000), f"Content-Encoding: {name}")) as server:
        reply, _ = await outcome(engine, post(server.url))

    assert isinstance(reply, Reply)
    assert reply.body == b"a lighthouse" * 1000


async def test_compressed_data_that_ends_early_is_no_answer(engine: Engine) -> None:
    async with serve(answering(gzip.compress(b"a lighthouse" * 1000)[:-12], "Content-Encoding: gzip")) as server:
        error, _ = await outcome(engine, post(server.url))

    assert isinstance(error, CutError)


async def test_an_encoding_that_nobody_asked_for_is_named(engine: Engine) -> None:
    async with serve(answering(b"?", "Content-Encoding: br")) as server:
        error, _ = await outcome(engine, post(server.url))

    assert isinstance(error, CutError)
    assert "'br'" in str(error)


async def test_an_answer_that_says_it_is_too_long_is_not_read(engine: Engine) -> None:
    async def boast(connection: Connection) -> None:
        await connection.read_request()
        await connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n")
        await connection.until_hung_up()

    async with serve(boast) as server:
        error, sent = await outcome(engine, post(server.url, max_reply_bytes=1000))
        with anyio.fail_after(5):
            await server.hung_up.wait()

    assert isinstance(error, ReplyTooLargeError)
    assert sent == 1


async def test_an_answer_that_goes_on_for_ever_is_given_up(engine: Engine) -> None:
    async def pour(connection: Connection) -> None:
        await connection.read_request()
        await connection.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await connection.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")

    async with serve(pour) as server:
        error, _ = await outcome(engine, post(server.url, max_reply_bytes=1_000_000))

    assert isinstance(error, ReplyTooLargeError)


async def test_the_limit_counts_what_is_inflated(engine: Engine) -> None:
    async with serve(answering(gzip.compress(bytes(50_000_000)), "Content-Encoding: gzip")) as server:
        error, _ = await outcome(engine, post(server.url, max_reply_bytes=1_000_000))

    assert isinstance(error, ReplyTooLargeError)


# --- a pinned address --------------------------------------------------------------------------------------------


async def test_a_pinned_address_is_connected_to_in_the_hosts_name(
    engine: Engine, tls: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    async with serve(answering(b"pinned"), tls[0]) as server:
        url = f"https://{HOST}:{server.port}/a%3Ab.png"
        reply, _ = await outcome(engine, Outgoing("GET", url, {}, address="127.0.0.1"))

    assert isinstance(reply, Reply)
    assert reply.body == b"pinned"
    assert f"host: {HOST}:{server.port}".encode() in server.requests[0].lower()
    assert server.requests[0].lower().count(b"\r\nhost:") == 1
    assert server.requests[0].startswith(b"GET /a%3Ab.png HTTP/1.1")


async def test_the_certificate_of_a_pinned_address_must_be_the_hosts(
    engine: Engine, tls: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    async with serve(answering(), tls[0]) as server:
        await outcome(engine, Outgoing("GET", f"https://{HOST}:{server.port}/", {}, address="127.0.0.1"))
        error, sent = await outcome(
            engine, Outgoing("GET", f"https://other.example:{server.port}/", {}, address="127.0.0.1")
        )

    assert isinstance(error, NotSentError)
    assert "certificate" in str(error)
    assert (sent, len(server.requests)) == (0, 1)


async def test_a_body_is_known_to_have_left_over_tls_too(
    engine: Engine, tls: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    async with serve(answering(), tls[0]) as server:
        url = f"https://{HOST}:{server.port}/edits"
        reply, sent = await outcome(engine, post(url, LARGE[:3_000_000], address="127.0.0.1"))

    assert isinstance(reply, Reply)
    assert sent == 1


# --- what is shown of an answer before it is whole ----------------------------------------------------------------


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
async def test_events_are_shown_as_they_come_and_decoded(engine: Engine, pack: Callable[[bytes], bytes]) -> None:
    first, second = b"data: one\n\n", b"data: two\n\n"
    shown = bytearray()
    encoding = ["Content-Encoding: gzip"] if pack is gzip.compress else []
    seen = anyio.Event()

    def on_data(piece: bytes) -> None:
        shown.extend(piece)
        if bytes(shown).startswith(first):
            seen.set()

    async def streaming(connection: Connection) -> None:
        await connection.read_request()
        whole = pack(first + second)
        half = len(whole) if encoding else len(first)
        lines = ["HTTP/1.1 200 OK", "Content-Type: text/event-stream", f"Content-Length: {len(whole)}", *encoding]
        await connection.write("\r\n".join(lines).encode() + b"\r\n\r\n" + whole[:half])
        await seen.wait()  # the rest comes only once the first was shown
        await connection.write(whole[half:])

    async with serve(streaming) as server:
        with anyio.fail_after(5.0):
            reply, _ = await outcome(engine, post(server.url, on_data=on_data))

    assert isinstance(reply, Reply)
    assert reply.body == bytes(shown) == first + second


async def test_nothing_is_shown_of_an_answer_that_is_no_stream_of_events(engine: Engine) -> None:
    shown: list[bytes] = []

    async with serve(answering(b'{"data":[]}', "Content-Type: application/json")) as server:
        reply, _ = await outcome(engine, post(server.url, on_data=shown.append))

    assert isinstance(reply, Reply)
    assert shown == []
