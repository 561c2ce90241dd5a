"""What error answers mean in any dialect, how long they ask to be left alone, and what they may not repeat."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelrelay.outcomes import Charge, FailureKind
from pixelrelay.providers.base import Reply
from pixelrelay.providers.failures import LONGEST_MESSAGE, failure_from, message_of, plain, retry_after

CODES = {
    "blocked": FailureKind.CONTENT_REJECTED,
    "no_credit": FailureKind.OUT_OF_CREDIT,
    "user_error": FailureKind.INVALID,
    "RESOURCE_EXHAUSTED": FailureKind.RATE_LIMITED,
}
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def reply(status: int, body: Any = None, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, named, json.dumps(body).encode() if body is not None else b"")


def http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


# --- the kind ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"code": "no_credit", "type": "user_error"}}, FailureKind.OUT_OF_CREDIT),
        ({"error": {"code": "something_new", "type": "user_error"}}, FailureKind.INVALID),
        ({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}, FailureKind.RATE_LIMITED),
        ({"code": "no_credit"}, FailureKind.OUT_OF_CREDIT),
        ({"detail": {"code": "no_credit"}}, FailureKind.OUT_OF_CREDIT),
        ({"error": {"code": "no_credit", "inner_error": {"code": "user_error"}}}, FailureKind.OUT_OF_CREDIT),
        ({"error": {"type": "user_error", "inner_error": {"code": "no_credit"}}}, FailureKind.OUT_OF_CREDIT),
        ({"error": {"code": "user_error", "innererror": {"code": "blocked"}}}, FailureKind.CONTENT_REJECTED),
        ({"error": "blocked"}, FailureKind.INVALID),
        ({"error": {"code": ["blocked"]}}, FailureKind.INVALID),
        ([], FailureKind.INVALID),
        (None, FailureKind.INVALID),
    ],
)
def test_a_code_outranks_a_type_and_both_the_status_and_moderation_outranks_all(body: Any, kind: FailureKind) -> None:
    assert failure_from(reply(400, body), CODES).kind is kind


@pytest.mark.parametrize(
    ("status", "kind", "charge"),
    [
        (400, FailureKind.INVALID, Charge.NONE),
        (401, FailureKind.UNAUTHORISED, Charge.NONE),
        (402, FailureKind.OUT_OF_CREDIT, Charge.NONE),
        (403, FailureKind.UNAUTHORISED, Charge.NONE),
        (404, FailureKind.NOT_FOUND, Charge.NONE),
        (408, FailureKind.TIMEOUT, Charge.UNKNOWN),
        (413, FailureKind.INVALID, Charge.NONE),
        (418, FailureKind.INVALID, Charge.NONE),
        (422, FailureKind.INVALID, Charge.NONE),
        (429, FailureKind.RATE_LIMITED, Charge.NONE),
        (500, FailureKind.OVERLOADED, Charge.NONE),
        (502, FailureKind.OVERLOADED, Charge.UNKNOWN),
        (503, FailureKind.OVERLOADED, Charge.NONE),
        (504, FailureKind.TIMEOUT, Charge.UNKNOWN),
        (524, FailureKind.TIMEOUT, Charge.UNKNOWN),
        (529, FailureKind.OVERLOADED, Charge.NONE),
    ],
)
def test_without_a_code_the_status_decides_and_what_a_gateway_lost_may_be_billed(
    status: int, kind: FailureKind, charge: Charge
) -> None:
    failure = failure_from(reply(status), {})

    assert (failure.kind, failure.charge, failure.status) == (kind, charge, status)


def test_a_failure_keeps_the_code_and_the_name_of_the_call() -> None:
    failure = failure_from(reply(429, {"error": {"code": "no_credit"}}, apim_request_id="3f0c"), CODES)

    assert (failure.code, failure.provider_request_id) == ("no_credit", "3f0c")


# --- the message -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"Too\\n  many"}}', "Too many"),
        (b'{"error":"Too many"}', "Too many"),
        (b'{"message":"Too many"}', "Too many"),
        (b'{"detail":"Too many"}', "Too many"),
        (b'{"errors":["prompt: is required","seed: is odd"]}', "prompt: is required"),
        (b'{"Message":"Forbidden"}', "Forbidden"),
        (b'{"details":["Too many","Too old"]}', "Too many"),
        (b'{"detail":[{"loc":["body","width"],"msg":"Too wide","type":"x"}]}', "body.width: Too wide"),
        (b"Too many", "Too many"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"<html><h1>502</h1></html>", "HTTP 502 without a message"),
        (b"  <!DOCTYPE html>", "HTTP 502 without a message"),
        (b'{"unknown":1}', "HTTP 502 without a message"),
        (b"", "HTTP 502 without a message"),
        (b'{"error":' * 500 + b"1" + b"}" * 500, "HTTP 502 without a message"),
    ],
)
def test_the_message_is_what_the_body_says_went_wrong(body: bytes, message: str) -> None:
    assert message_of(Reply(502, {}, body)) == message


def test_a_body_nested_without_end_is_a_failure_like_others() -> None:
    assert failure_from(Reply(502, {}, b'{"error":' * 50_000), CODES).kind is FailureKind.OVERLOADED


def test_a_long_message_is_cut() -> None:
    message = message_of(reply(400, {"error": {"message": "x " * 1000}}))

    assert len(message) == LONGEST_MESSAGE
    assert message.endswith("…")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Incorrect API key provided: sk-…abcd. You can", "Incorrect API key provided: [key]. You can"),
        ("provided: sk-proj-****************abcd.", "provided: [key]."),
        ("provided: sk-svcacct-A_b-9.", "provided: [key]."),
        ("key bfl_1A2b3C was revoked", "key [key] was revoked"),
        ("header Authorization: Bearer abc.def", "header Authorization: [key]"),
        ("token eyJhbGciOi.eyJzdWIiOi.c2ln expired", "token [key] expired"),
        ("key 0123456789abcdef0123456789ABCDEF is old", "key [key] is old"),
        (f"key {'9aZ' * 28} is new", "key [key] is new"),
        ("Consumer 'api_key:AIzaSyD-9tX_0' has been suspended", "Consumer 'api_key:[key]' has been suspended"),
        ("key AQ.Ab8RN6-x_9 and token ya29.c.b0Aaek_5", "key [key] and token [key]"),
        ("GET /v1?key=AIzaSy-123 failed", "GET /v1?key=[key] failed"),
        ("should have been x-amz-security-token:IQoJ+b3/JpZ2==", "should have been x-amz-security-token:[key]"),
        ("include the request ID req_0123456789abcdef0123456789abcdef.",) * 2,
        ("request 063f708f-0000-4000-8000-000000000000 of a risk-taking task-force",) * 2,
    ],
)
def test_a_message_repeats_nothing_that_looks_like_a_key(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_no_key_is_left_over_where_a_message_is_cut() -> None:
    key = "sk-" + "k" * 48

    for before in range(LONGEST_MESSAGE - 60, LONGEST_MESSAGE + 1):
        assert "kk" not in plain(f"{'x' * before} {key}")


# --- how long to stay away ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "24"}, 24.0),
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after": "0"}, 0.0),
        ({"retry_after": " 7 "}, 7.0),
        ({"retry_after_ms": "534", "retry_after": "1"}, 0.534),
        ({"retry_after_ms": "soon", "retry_after": "2"}, 2.0),
        ({"retry_after": http_date(NOON + timedelta(seconds=90)), "date": http_date(NOON)}, 90.0),
        ({"retry_after": http_date(NOON - timedelta(seconds=90)), "date": http_date(NOON)}, 0.0),
        ({"retry_after": "Sat, 21 Nov 2026 12:00:30 -0000", "date": http_date(NOON)}, 30.0),
        ({"retry_after": http_date(NOON - timedelta(days=4000))}, 0.0),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "inf"}, None),
        ({"retry_after": "-5"}, None),
        ({"retry_after": "later"}, None),
        ({"retry_after": ""}, None),
        ({}, None),
        ({"x_ratelimit_reset_requests": "120ms"}, 0.12),
        ({"x_ratelimit_reset_requests": "6m0s"}, 360.0),
        ({"x_ratelimit_reset_requests": "1h1m1.5s"}, 3661.5),
        ({"x_ratelimit_reset_requests": "10"}, 10.0),
        ({"x_ratelimit_reset_requests": "10 parsecs"}, None),
        ({"x_ratelimit_reset_requests": "5x3s"}, None),
        ({"x_ratelimit_reset_requests": "-3"}, None),
        ({"x_ratelimit_reset_requests": "9s", "x_ratelimit_remaining_requests": "3"}, None),
        ({"x_ratelimit_reset_requests": "9s", "x_ratelimit_remaining_requests": "0"}, 9.0),
        ({"x_ratelimit_reset_requests": "9s", "x_ratelimit_remaining_requests": "-1"}, 9.0),
        ({"x_ratelimit_reset_requests": "9s", "x_ratelimit_reset_images": "12s"}, 12.0),
        ({"x_ratelimit_reset_images": "12s", "retry_after": "3"}, 3.0),
    ],
)
def test_the_headers_of_a_429_say_how_long_to_stay_away(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(reply(429, **headers)) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Please retry after 24 seconds. To increase", 24.0),
        ("Please retry after 1 second.", 1.0),
        ("Please retry after 86400 seconds.", 86400.0),
        ("Please try again in 12s. Visit", 12.0),
        ("Please try again in 534ms.", 0.534),
        ("Please try again in 1m30.5s.", 90.5),
        ("Please TRY AGAIN IN 2 minutes", 120.0),
        ("Try again in 20 milliseconds", 0.02),
        ("Try again in 1 hour", 3600.0),
        ("Please retry in 37.821803198s.", 37.821803198),
        ("Please retry after some time", None),
        (f"{'Your deployment has a long name. ' * 20}Please retry after 3 seconds.", 3.0),
    ],
)
def test_without_headers_the_text_of_a_429_says_how_long_to_stay_away(text: str, seconds: float | None) -> None:
    assert retry_after(reply(429, {"error": {"message": text}})) == (
        None if seconds is None else pytest.approx(seconds)
    )


def test_headers_outrank_the_text() -> None:
    assert retry_after(reply(429, {"message": "retry after 24 seconds"}, retry_after="5")) == 5


def test_only_a_429_is_read_for_resets_and_only_a_429_or_503_for_words() -> None:
    body = {"message": "Please retry after 24 seconds"}

    assert retry_after(reply(503, body, x_ratelimit_reset_requests="9s")) == 24
    assert retry_after(reply(400, body, x_ratelimit_reset_requests="9s")) is None


@given(st.text(), st.text(), st.text(), st.binary())
def test_whatever_headers_and_body_hold_the_time_to_stay_away_is_none_or_no_less_than_nothing(
    after: str, ms: str, reset: str, body: bytes
) -> None:
    headers = {"retry-after": after, "retry-after-ms": ms, "date": reset, "x-ratelimit-reset-requests": reset}

    failure = failure_from(Reply(429, headers, body), CODES)

    assert failure.retry_after is None or 0 <= failure.retry_after < float("inf")
    assert len(failure.message) <= LONGEST_MESSAGE
