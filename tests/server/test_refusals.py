"""How every error is told: OpenAI's shape, a status, and whether a client may ask again by itself."""

from __future__ import annotations

import inspect
import json
from decimal import Decimal
from typing import Any

import pytest

from pixelrelay import errors
from pixelrelay.errors import Problem
from pixelrelay.outcomes import Attempt, Charge, Failure, FailureKind
from pixelrelay.server.refusals import ROWS, refusal_of
from pixelrelay.server.telling import refusal_headers
from pixelrelay.testing import EmulatedDeployment, Fault, FaultKind
from tests.server.scenes import DRAW, EDIT, Line, error_of, foundry, gateway_over, openai, picture


def attempt(charge: Charge = Charge.NONE, retry_after: float | None = None) -> Attempt:
    failure = Failure(FailureKind.OVERLOADED, "busy", charge=charge, retry_after=retry_after)
    return Attempt("east", "openai", "flux", 0.0, 1.5, failure=failure)


FREE, UNSURE = (attempt(),), (attempt(Charge.UNKNOWN),)

TOLD: list[tuple[errors.PixelRelayError, int, str, bool]] = [
    (errors.InvalidRequestError([Problem("size", "is no size")]), 400, "invalid_value", False),
    (errors.UnknownModelError("flx", ["flux"], "flux"), 404, "model_not_found", False),
    (errors.UnservableRequestError("flux", {"east": ["cannot edit"]}), 400, "unsupported_by_model", False),
    (errors.ContentRejectedError("flux", FREE), 400, "moderation_blocked", False),
    (errors.ProviderRefusedError("flux", FREE), 400, "provider_refused", False),
    (errors.QuotaExceededError("flux", 12.5), 429, "rate_limit_exceeded", True),
    (errors.QuotaExceededError("flux", None), 429, "rate_limit_exceeded", False),
    (errors.QuotaExceededError("flux", 12.5, UNSURE), 429, "rate_limit_exceeded", False),
    (
        errors.BudgetExceededError("flux", "shop", Decimal(5), "a day", Decimal("4.99"), Decimal("0.05"), 3600.0),
        429,
        "budget_exceeded",
        False,
    ),
    (errors.StoreUnavailableError("flux", 1.0), 503, "store_unavailable", True),
    (errors.AttemptsExhaustedError("flux", FREE), 502, "attempts_exhausted", True),
    (errors.AttemptsExhaustedError("flux", UNSURE), 502, "attempts_exhausted", False),
    (errors.DeadlineExceededError("flux", FREE), 504, "deadline_exceeded", True),
    (errors.DeadlineExceededError("flux", UNSURE), 504, "deadline_exceeded", False),
    (errors.AmbiguousOutcomeError("flux", FREE), 502, "ambiguous_outcome", False),
    (errors.IncompleteError("flux", FREE, (), 2, "east is full"), 200, "incomplete", False),
    (errors.ProviderError(Failure(FailureKind.OVERLOADED, "busy")), 502, "provider_error", False),
    (errors.ConfigError([Problem("models", "is missing")]), 500, "configuration_error", False),
]


def test_every_error_of_the_package_has_its_row() -> None:
    every = {
        kind
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.PixelRelayError) and not name.startswith("_")
    }
    assert set(ROWS) == every
    assert {type(error) for error, *_ in TOLD} == {kind for kind in every if every.isdisjoint(kind.__subclasses__())}


@pytest.mark.parametrize(("error", "status", "code", "may_retry"), TOLD, ids=lambda value: type(value).__name__)
def test_an_error_is_told_by_its_row_and_invites_no_second_purchase(
    error: errors.PixelRelayError, status: int, code: str, may_retry: bool
) -> None:
    refusal = refusal_of(error)

    assert (refusal.status, refusal.code, refusal.may_retry) == (status, code, may_retry)
    assert refusal_headers(refusal)["x-should-retry"] == str(may_retry).lower()
    assert set(refusal.body["error"]) == {"message", "type", "param", "code"}


def test_when_to_come_back_is_told_to_the_millisecond_and_never_too_soon() -> None:
    headers = refusal_headers(refusal_of(errors.QuotaExceededError("flux", 12.3451)))

    assert (headers["retry-after"], headers["retry-after-ms"]) == ("13", "12346")


def test_what_failed_attempts_cost_is_told() -> None:
    failure = Failure(FailureKind.TIMEOUT, "cut off", charge=Charge.UNKNOWN)
    paid = Attempt("east", "openai", "flux", 0.0, 1.5, failure=failure, cost=Decimal(0), at_risk=Decimal("0.050"))
    headers = refusal_headers(refusal_of(errors.AmbiguousOutcomeError("flux", (paid,))))

    assert (headers["x-pixelrelay-cost-usd"], headers["x-pixelrelay-at-risk-usd"]) == ("0", "0.05")


MET: list[tuple[EmulatedDeployment, dict[str, Any], int, str, str]] = [
    (foundry(), {"model": "flx"}, 404, "model_not_found", "false"),
    (foundry(), {"prompt": ""}, 400, "invalid_value", "false"),
    (foundry(), {"n": 0}, 400, "invalid_value", "false"),
    (foundry(), {"n": "two"}, 400, "invalid_value", "false"),
    (foundry(), {"size": "huge"}, 400, "invalid_value", "false"),
    (foundry(), {"background": "transparent"}, 400, "unsupported_by_model", "false"),
    (foundry(), {"extra_headers": {"api-key": "x"}}, 400, "invalid_value", "false"),
    (foundry(), {"extra_body": {"a": 1}}, 400, "invalid_value", "false"),
    (foundry(), {"image": "/etc/passwd"}, 400, "invalid_value", "false"),
    (foundry(), {"prompt": "a boat", "strategy": "luck"}, 400, "invalid_value", "false"),
    (foundry(), {"partial_images": 4}, 400, "invalid_value", "false"),
    (foundry(faults=(Fault(FaultKind.MODERATED_INPUT),)), {}, 400, "moderation_blocked", "false"),
    (foundry(faults=(Fault(FaultKind.UNAVAILABLE),)), {}, 502, "attempts_exhausted", "true"),
    (foundry(faults=(Fault(FaultKind.RESET_BEFORE_ANSWER),)), {}, 502, "attempts_exhausted", "false"),
    (foundry(latency=60.0), {"timeout": 5}, 504, "deadline_exceeded", "false"),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("deployment", "body", "status", "code", "retry"), MET, ids=[str(met[1:4]) for met in MET])
async def test_what_goes_wrong_is_told_in_openais_words(
    deployment: EmulatedDeployment, body: dict[str, Any], status: int, code: str, retry: str
) -> None:
    async with gateway_over(deployment) as at:
        answer = await at.draw(**body)

    assert (answer.status_code, error_of(answer)["code"]) == (status, code), answer.text
    assert answer.headers["x-should-retry"] == retry
    assert answer.headers["x-request-id"].startswith("pr_")


@pytest.mark.anyio
async def test_a_full_group_says_to_the_millisecond_when_it_has_room() -> None:
    async with gateway_over(foundry(requests_per_minute=1), deadline=10.0) as at:
        served = await at.draw()
        refused = await at.draw()

    assert served.status_code == 200
    assert refused.status_code == 429
    assert 50 < float(refused.headers["retry-after-ms"]) / 1000 <= 61
    assert 0 <= int(refused.headers["retry-after"]) - float(refused.headers["retry-after-ms"]) / 1000 < 1
    assert refused.headers["x-should-retry"] == "true"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"


@pytest.mark.anyio
async def test_the_first_problem_is_the_param_and_all_are_in_the_message() -> None:
    async with gateway_over(foundry()) as at:
        error = error_of(await at.draw(n="two", seed=[], timeout=-1))

    assert error["param"] == "n"
    assert all(name in error["message"] for name in ("N: ", "seed: ", "timeout: "))


BODIES: list[tuple[bytes, str, int]] = [
    (b"", "application/json", 400),
    (b"{", "application/json", 400),
    (b"[]", "application/json", 400),
    (b'"a"', "application/json", 400),
    (b'{"prompt": NaN}', "application/json", 400),
    (b'{"prompt": "\\ud800"}', "application/json", 400),
    (b"\xff\xfe{}", "application/json", 400),
    (b"[" * 100_000, "application/json", 400),
    (b'{"n": ' + b"9" * 5000 + b"}", "application/json", 400),
    (b"prompt=a", "application/x-www-form-urlencoded", 415),
    (b"{}", "text/plain", 415),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("body", "media_type", "status"), BODIES, ids=[str(one[0][:20]) for one in BODIES])
async def test_a_body_that_cannot_be_read_is_the_callers_mistake(body: bytes, media_type: str, status: int) -> None:
    async with gateway_over(foundry()) as at:
        answer = await at.client.post(DRAW, content=body, headers={"content-type": media_type})

    assert answer.status_code == status, answer.text
    assert error_of(answer)["type"] == "invalid_request_error"


FORMS: list[tuple[bytes, str]] = [
    (b"", "multipart/form-data"),
    (b"", "multipart/form-data; boundary=x"),
    (b"--x\r\n\r\n", "multipart/form-data; boundary=x"),
    (b"--x\r\ncontent-disposition: form-data\r\n\r\na\r\n--x--\r\n", "multipart/form-data; boundary=x"),
    (b"--y--\r\n", "multipart/form-data; boundary=x; charset=unicode_escape"),
    (
        b'--x\r\ncontent-disposition: form-data; name="prompt"\r\n\r\n\\ud800\r\n--x--\r\n',
        "multipart/form-data; boundary=x; charset=unicode_escape",
    ),
    (
        b'--x\r\ncontent-disposition: form-data; name="prompt"\r\n\r\nYQ==\r\n--x--\r\n',
        "multipart/form-data; boundary=x; charset=base64",
    ),
    (
        b'--x\r\ncontent-disposition: form-data; name="a[b][c][d][e][f][g][h][i][j][k]"\r\n\r\n1\r\n--x--\r\n',
        "multipart/form-data; boundary=x",
    ),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("body", "media_type"), FORMS, ids=[str(number) for number in range(len(FORMS))])
async def test_a_form_that_cannot_be_read_is_the_callers_mistake(body: bytes, media_type: str) -> None:
    async with gateway_over(foundry()) as at:
        line = Line(path=EDIT, headers={"content-type": media_type}, pieces=[body])
        await line.call(at.gateway)

    assert line.status == 400, line.body
    assert json.loads(line.body)["error"]["type"] == "invalid_request_error"


FILES: list[tuple[Any, str]] = [
    ({"image": ("a.png", b"")}, "is empty"),
    ({"image": ("a.png", b"GIMP")}, "is no PNG, JPEG, WebP, GIF or SVG"),
    ({"mask": ("m.png", picture())}, "is missing: an edit needs at least one file"),
    ({"image": ("a.png", picture()), "markup": ("m.png", picture())}, "is no file of a request"),
    ({"image": ("a.png", picture()), "mask": ("m.png", picture((32, 32)))}, "they must be of one size"),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("files", "why"), FILES, ids=[why for _, why in FILES])
async def test_files_that_are_none_are_told_by_their_name(files: Any, why: str) -> None:
    async with gateway_over(openai()) as at:
        answer = await at.edit(files)

    assert answer.status_code == 400
    assert why in error_of(answer)["message"]


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_path_says_which_methods_it_has(method: str) -> None:
    async with gateway_over(foundry()) as at:
        answer = await at.client.request(method, DRAW)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert error_of(answer)["type"] == "invalid_request_error"


@pytest.mark.anyio
async def test_a_defect_is_told_without_what_it_was_and_stands_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with gateway_over(foundry()) as at:
        at.gateway.metrics = Broken()  # type: ignore[assignment]  # something that fails
        answer = await at.client.get("/metrics")

    assert answer.status_code == 500
    assert "a secret" not in answer.text
    assert "a secret" in caplog.text


class Broken:
    def text(self) -> tuple[str, bytes]:
        raise RuntimeError("a secret")
