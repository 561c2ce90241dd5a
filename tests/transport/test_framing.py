"""What both engines have in common, without a socket."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest

from pixelrelay._transport.engine import CutError, Outgoing, ReplyTooLargeError
from pixelrelay._transport.framing import ReplyBody, reason, reply_headers, request_headers

BOMB = gzip.compress(bytes(50_000_000))


def test_inflating_stops_at_the_limit_and_not_after_it() -> None:
    body = ReplyBody({"content-encoding": "gzip"}, 1000)
    tracemalloc.start()
    try:
        with pytest.raises(ReplyTooLargeError):
            body.feed(BOMB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 1_000_000


def test_a_body_of_exactly_the_limit_is_whole() -> None:
    body = ReplyBody({"content-length": "4"}, 4)
    body.feed(b"ab")
    body.feed(b"cd")

    assert body.whole() == b"abcd"


def test_an_empty_answer_may_call_itself_compressed() -> None:
    assert ReplyBody({"content-encoding": "gzip"}, 4).whole() == b""


def test_damaged_compression_is_no_answer() -> None:
    with pytest.raises(CutError, match="damaged"):
        ReplyBody({"content-encoding": "gzip"}, 4).feed(b"not gzip at all")


def test_headers_of_an_answer_are_in_lower_case_and_repeated_ones_are_joined() -> None:
    assert reply_headers([("Via", "a"), ("X-Id", "1"), ("VIA", "b")]) == {"via": "a, b", "x-id": "1"}


def test_a_pinned_request_names_its_host() -> None:
    outgoing = Outgoing("GET", "https://pictures.example:8443/a?b=1", {"ACCEPT": "image/png"}, address="192.0.2.1")

    assert request_headers(outgoing)["host"] == "pictures.example:8443"
    assert request_headers(outgoing)["accept"] == "image/png"


def test_a_reason_never_quotes_what_the_library_said() -> None:
    signed = "Cannot reach https://cdn.example/?sig=secret"
    error = RuntimeError(signed)
    error.__context__ = ConnectionResetError(104, signed)

    assert reason(RuntimeError(signed)) == "the connection was closed"
    assert reason(error) == "connection reset by peer"
    assert reason(ExceptionGroup(signed, [ConnectionRefusedError(111, signed)])) == "connection refused"
