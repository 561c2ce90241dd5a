"""Exchanges through a scripted engine: what is sent when, what is repeated, and what a failure becomes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from typing import ClassVar

import anyio
import pytest

from pixelrelay import _clock
from pixelrelay._spooled import Spooled
from pixelrelay._transport.engine import CutError, NotSentError, ReplyTooLargeError
from pixelrelay._transport.progress import Progress
from pixelrelay._transport.timeouts import Timeouts
from pixelrelay._transport.transport import Transport
from pixelrelay.errors import ProviderError
from pixelrelay.images import Generation, Image, InputImage
from pixelrelay.outcomes import Charge, Failure, FailureKind, Phase
from pixelrelay.providers.base import Exchange, Part, Purpose, Question, Reply, Send, Target
from tests.transport.scripted import (
    ACCEPTED,
    BASE,
    DELIVERED,
    JOB,
    KEY,
    PENDING,
    PICTURE,
    READY,
    RESULT,
    ScriptedEngine,
    Step,
    answer,
    download,
    drive,
    failing,
    failure_of,
    hanging,
    inline,
    job,
    submission,
    target,
)

pytestmark = pytest.mark.anyio


# --- the way of an attempt ---------------------------------------------------------------------------------------


async def test_one_request_brings_its_picture() -> None:
    engine = ScriptedEngine([answer(200, PICTURE)])
    generation = await drive(inline(), engine)

    assert generation.images[0].data == PICTURE
    (_, outgoing), *_ = engine.sent
    assert json.loads(bytes(outgoing.body or b"")) == {"prompt": "a lighthouse"}
    assert outgoing.headers == {
        "x-dialect": "1",
        "content-type": "application/json",
        "authorization": f"Bearer {KEY}",
    }


async def test_a_job_is_submitted_polled_and_fetched_and_each_phase_is_told() -> None:
    phases: list[Phase] = []
    progress = Progress(listener=lambda now: phases.append(now.phase))
    engine = ScriptedEngine([ACCEPTED, PENDING, READY, DELIVERED])
    generation = await drive(job(), engine, progress=progress)

    assert generation.images[0].data == PICTURE
    assert engine.urls == [f"{BASE}/images", JOB, JOB, RESULT]
    assert phases == [Phase.SENT, Phase.ACCEPTED, Phase.DRAWN, Phase.DELIVERED]
    assert (progress.job, progress.polls, progress.provider_request_id) == ("job-7", 2, "req-1")


@pytest.mark.parametrize(
    ("exchange", "script", "phases"),
    [
        pytest.param(inline, [DELIVERED], [Phase.SENT, Phase.DELIVERED], id="the picture in the answer"),
        pytest.param(
            download, [ACCEPTED, DELIVERED], [Phase.SENT, Phase.DRAWN, Phase.DELIVERED], id="its address in the answer"
        ),
    ],
)
async def test_an_answer_in_one_go_was_never_accepted_and_is_drawn_where_it_is_fetched(
    exchange: Callable[[], Exchange], script: list[Step], phases: list[Phase]
) -> None:
    told: list[Phase] = []
    await drive(
        exchange(), ScriptedEngine(list(script)), progress=Progress(listener=lambda now: told.append(now.phase))
    )

    assert told == phases


async def test_drawn_is_told_as_the_first_download_begins() -> None:
    told: list[tuple[Phase, int]] = []
    engine = ScriptedEngine([ACCEPTED, READY, answer(503), DELIVERED])
    await drive(job(), engine, progress=Progress(listener=lambda now: told.append((now.phase, len(engine.sent)))))

    assert told == [(Phase.SENT, 1), (Phase.ACCEPTED, 1), (Phase.DRAWN, 2), (Phase.DELIVERED, 4)]


@pytest.mark.parametrize(("expected", "first"), [(None, 0.5), (0.4, 0.5), (6.0, 1.5), (100.0, 3.0)])
async def test_the_first_poll_waits_for_a_quarter_of_the_expected_time(expected: float | None, first: float) -> None:
    engine = ScriptedEngine([ACCEPTED, READY, DELIVERED])
    await drive(job(), engine, expected=expected)

    submitted, polled, _ = (moment for moment, _ in engine.sent)
    assert polled - submitted == pytest.approx(first)


async def test_polls_come_less_often_as_a_job_takes_longer() -> None:
    engine = ScriptedEngine([ACCEPTED, *[PENDING] * 60, READY, DELIVERED])
    await drive(job(), engine)

    submitted, polls = engine.times("POST")[0], engine.times("GET")[:-1]
    gaps = [(before - submitted, after - before) for before, after in pairwise(polls)]
    for elapsed, gap in gaps:
        due = min(max(0.1 * elapsed, 0.5), 3.0)
        assert 0.8 * due - 1e-6 <= gap <= 1.2 * due + 1e-6
    assert len({round(gap, 6) for _, gap in gaps}) > 50, "jobs submitted together must not be polled in step"


# --- what is repeated, and what never ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(failing(CutError("reset")), id="cut"),
        pytest.param(failing(NotSentError("refused")), id="refused"),
        pytest.param(answer(500), id="500"),
        pytest.param(answer(503, b"<html>"), id="503"),
        pytest.param(answer(503, {"error": {"status": "down"}}), id="503 with an error body"),
        pytest.param(answer(429), id="429"),
    ],
)
async def test_a_failed_poll_is_repeated_and_the_job_is_not_submitted_again(trouble: Step) -> None:
    engine = ScriptedEngine([ACCEPTED, trouble, PENDING, *[trouble] * 5, READY, DELIVERED])
    await drive(job(), engine)

    assert engine.urls.count(f"{BASE}/images") == 1


async def test_a_poll_that_is_rate_limited_stays_away_as_long_as_it_was_asked_to() -> None:
    engine = ScriptedEngine([ACCEPTED, answer(429, retry_after="20"), READY, DELIVERED])
    await drive(job(), engine)

    first, second, _ = engine.times("GET")
    assert second - first == pytest.approx(20)


async def test_a_job_is_not_polled_more_often_than_its_provider_wants() -> None:
    def unhurried() -> Exchange:
        yield submission()
        while (yield Send(Purpose.POLL, "GET", JOB, job="job-7", every=10.0)).status == 202:
            pass
        return Generation(())

    engine = ScriptedEngine([ACCEPTED, answer(202), answer(503), answer(202), answer(200)])
    await drive(unhurried(), engine, expected=8.0)

    submitted, first, *others = (moment for moment, _ in engine.sent)
    assert first - submitted == pytest.approx(2.0)
    assert [after - before for before, after in pairwise((first, *others))] == [pytest.approx(10.0)] * 3


ENDED = Send(Purpose.POLL, "GET", f"{JOB}/response", job="job-7", ended=True)


def asking_how_it_ended(times: int) -> Exchange:
    """Polled until it has ended, and asked ``times`` how."""
    yield submission()
    reply = yield Send(Purpose.POLL, "GET", JOB, job="job-7")
    for _ in range(times):
        reply = yield ENDED
    return Generation((Image(data=reply.body),))


async def test_how_a_job_ended_is_asked_at_once_and_again_only_after_a_pause() -> None:
    engine = ScriptedEngine([ACCEPTED, READY, DELIVERED, DELIVERED])
    await drive(asking_how_it_ended(2), engine)

    _, polled, asked, again = (moment for moment, _ in engine.sent)
    assert asked == polled
    assert again - asked >= 0.4


@pytest.mark.parametrize("status", [500, 503, 504])
async def test_an_error_of_the_provider_may_be_how_a_job_ended_and_is_left_to_the_adapter(status: int) -> None:
    body = json.dumps({"detail": "out of memory"}).encode()
    generation = await drive(asking_how_it_ended(1), ScriptedEngine([ACCEPTED, READY, answer(status, body)]))

    assert generation.images[0].data == body


@pytest.mark.parametrize("trouble", [failing(CutError("reset")), answer(429)], ids=["cut", "429"])
async def test_how_a_job_ended_is_asked_again_where_no_answer_came(trouble: Step) -> None:
    generation = await drive(asking_how_it_ended(1), ScriptedEngine([ACCEPTED, READY, trouble, trouble, DELIVERED]))

    assert generation.images[0].data == PICTURE


@pytest.mark.parametrize("status", [422, 503, 500])
async def test_an_error_whose_body_is_a_job_is_the_jobs_end(status: int) -> None:
    def failing_job() -> Exchange:
        yield submission()
        reply = yield Send(Purpose.POLL, "GET", JOB, job="job-7")
        raise ProviderError(Failure(FailureKind.CONTENT_REJECTED, json.loads(reply.body)["status"]))

    engine = ScriptedEngine([ACCEPTED, answer(status, {"status": "Content Moderated"})])
    failure = await failure_of(failing_job(), engine)

    assert failure.kind is FailureKind.CONTENT_REJECTED
    assert (failure.job, failure.provider_request_id) == ("job-7", "req-1")
    assert failure.charge is Charge.NONE, "what an adapter says of the charge is kept"


@pytest.mark.parametrize("trouble", [failing(CutError("reset")), failing(NotSentError("refused")), answer(502)])
async def test_a_download_is_repeated_a_few_times(trouble: Step) -> None:
    engine = ScriptedEngine([ACCEPTED, READY, trouble, trouble, trouble, DELIVERED])
    generation = await drive(job(), engine)

    assert generation.images[0].data == PICTURE


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_an_expired_download_is_shown_to_the_adapter(status: int) -> None:
    generation = await drive(download(), ScriptedEngine([ACCEPTED, answer(status)]))

    assert generation.provider_request_id == str(status)


async def test_an_adapter_may_ask_for_a_fresh_address_when_a_download_fails() -> None:
    def stubborn() -> Exchange:
        yield submission()
        poll = Send(Purpose.POLL, "GET", JOB, job="job-7")
        while True:
            state = json.loads((yield poll).body)
            try:
                reply = yield Send(Purpose.DOWNLOAD, "GET", state["url"])
            except ProviderError:
                continue
            return Generation((Image(data=reply.body),))

    told: list[Phase] = []
    engine = ScriptedEngine([ACCEPTED, READY, *[answer(503)] * 4, READY, DELIVERED])
    await drive(stubborn(), engine, progress=Progress(listener=lambda now: told.append(now.phase)))

    assert engine.urls.count(f"{BASE}/images") == 1
    assert told == [Phase.SENT, Phase.ACCEPTED, Phase.DRAWN, Phase.DELIVERED], "what is drawn stays drawn"


@pytest.mark.parametrize(
    "trouble",
    [failing(CutError("reset")), failing(NotSentError("refused")), failing(ReplyTooLargeError("too long"))],
)
async def test_a_submission_is_never_repeated(trouble: Step) -> None:
    engine = ScriptedEngine([trouble])
    await failure_of(inline(), engine)

    assert len(engine.sent) == 1


@pytest.mark.parametrize("status", [302, 400, 429, 500, 503])
async def test_every_answer_to_a_submission_is_the_adapters(status: int) -> None:
    engine = ScriptedEngine([answer(status, b"said", location="https://elsewhere.example/")])

    assert (await drive(inline(), engine)).images[0].data == b"said"
    assert len(engine.sent) == 1


# --- failures and what they may have cost ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "kind", "charge", "phase"),
    [
        ([failing(NotSentError("refused"))], FailureKind.CONNECTION, Charge.NONE, Phase.NOT_SENT),
        ([failing(CutError("reset"))], FailureKind.TIMEOUT, Charge.UNKNOWN, Phase.SENT),
        ([failing(ReplyTooLargeError("long"))], FailureKind.UNUSABLE, Charge.UNKNOWN, Phase.SENT),
        ([hanging(sent=False)], FailureKind.TIMEOUT, Charge.NONE, Phase.NOT_SENT),
        ([hanging(sent=True)], FailureKind.TIMEOUT, Charge.UNKNOWN, Phase.SENT),
        ([ACCEPTED, *[PENDING] * 500], FailureKind.TIMEOUT, Charge.UNKNOWN, Phase.ACCEPTED),
        ([ACCEPTED, *[answer(503)] * 500], FailureKind.TIMEOUT, Charge.UNKNOWN, Phase.ACCEPTED),
        ([ACCEPTED, hanging(sent=True)], FailureKind.TIMEOUT, Charge.UNKNOWN, Phase.ACCEPTED),
        ([ACCEPTED, failing(ReplyTooLargeError("long"))], FailureKind.UNUSABLE, Charge.UNKNOWN, Phase.ACCEPTED),
        ([ACCEPTED, READY, *[answer(503)] * 4], FailureKind.UNUSABLE, Charge.BILLED, Phase.DRAWN),
        ([ACCEPTED, READY, *[failing(CutError("cut"))] * 4], FailureKind.UNUSABLE, Charge.BILLED, Phase.DRAWN),
        ([ACCEPTED, READY, failing(ReplyTooLargeError("long"))], FailureKind.UNUSABLE, Charge.BILLED, Phase.DRAWN),
        ([ACCEPTED, READY, hanging(sent=True)], FailureKind.TIMEOUT, Charge.BILLED, Phase.DRAWN),
        ([ACCEPTED, READY, hanging(sent=False)], FailureKind.TIMEOUT, Charge.BILLED, Phase.DRAWN),
    ],
)
async def test_a_failure_says_what_it_may_have_cost(
    script: list[Step], kind: FailureKind, charge: Charge, phase: Phase
) -> None:
    progress = Progress()
    began = _clock.now()
    failure = await failure_of(job(), ScriptedEngine(list(script)), progress=progress, within=60.0)

    assert (failure.kind, failure.charge, progress.phase) == (kind, charge, phase)
    assert failure.job == ("job-7" if phase in {Phase.ACCEPTED, Phase.DRAWN} else None)
    assert _clock.now() - began <= 60.0 + 1e-6


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ([hanging(sent=False)], "its time was up before the request had been sent"),
        ([hanging(sent=True)], "sent, and its time was up before an answer had come whole"),
        ([ACCEPTED, hanging(sent=True)], "its time was up before the job was done"),
        ([ACCEPTED, READY, hanging(sent=True)], "drawn, and its time was up before the result had been fetched"),
    ],
)
async def test_a_timeout_says_what_there_was_no_time_for(script: list[Step], said: str) -> None:
    failure = await failure_of(job(), ScriptedEngine(list(script)), within=20.0)

    assert (failure.kind, failure.message) == (FailureKind.TIMEOUT, said)


def renewing() -> Exchange:
    """Fetched, and asked after once more, where nothing may be asked."""
    yield from download()
    yield Send(Purpose.POLL, "GET", "https://elsewhere.example/", job="job-7")
    raise AssertionError


async def test_a_poll_that_fails_after_the_picture_was_drawn_does_not_make_its_charge_doubtful() -> None:
    failure = await failure_of(renewing(), ScriptedEngine([ACCEPTED, DELIVERED]))

    assert (failure.kind, failure.charge) == (FailureKind.JOB_LOST, Charge.BILLED)


async def test_an_adapter_may_know_better_than_that_what_was_drawn_is_billed() -> None:
    def refunded() -> Exchange:
        try:
            return (yield from renewing())
        except ProviderError as error:
            raise ProviderError(replace(error.failure, charge=Charge.NONE)) from error

    failure = await failure_of(refunded(), ScriptedEngine([ACCEPTED, DELIVERED]))

    assert failure.charge is Charge.NONE


async def test_a_request_that_is_cut_before_it_was_written_whole_may_have_been_billed_if_the_engine_cannot_tell() -> (
    None
):
    async def cut(on_sent: Callable[[], None]) -> Reply:  # noqa: ARG001 - it never comes to that
        raise CutError("reset")

    progress = Progress()
    failure = await failure_of(inline(), ScriptedEngine([cut]), progress=progress)

    assert (failure.charge, progress.phase) == (Charge.UNKNOWN, Phase.NOT_SENT)


async def test_the_total_timeout_ends_an_attempt_before_the_deadline() -> None:
    began = _clock.now()
    failure = await failure_of(inline(), ScriptedEngine([hanging(sent=True)]), timeouts=Timeouts(total=20.0))

    assert failure.kind is FailureKind.TIMEOUT
    assert _clock.now() - began == pytest.approx(20)


async def test_nothing_is_sent_after_the_deadline() -> None:
    engine = ScriptedEngine([])
    failure = await failure_of(inline(), engine, within=0.0)

    assert (failure.kind, failure.charge) == (FailureKind.TIMEOUT, Charge.NONE)


async def test_nobody_waits_for_a_poll_that_the_deadline_would_cut_off() -> None:
    began = _clock.now()
    failure = await failure_of(job(), ScriptedEngine([ACCEPTED, answer(429, retry_after="3600")]), within=60.0)

    assert failure.kind is FailureKind.TIMEOUT
    assert failure.status == 429
    assert _clock.now() - began < 2


async def test_a_last_look_is_taken_just_before_the_time_is_up() -> None:
    engine = ScriptedEngine([ACCEPTED, *[PENDING] * 500])
    began = _clock.now()
    await failure_of(job(), engine, within=60.0)

    assert engine.times("GET")[-1] - began == pytest.approx(59.5)
    assert _clock.now() - began == pytest.approx(59.5)


async def test_an_adapter_that_polls_on_whatever_happens_still_ends_in_time() -> None:
    def relentless() -> Exchange:
        yield submission()
        while True:
            try:
                yield Send(Purpose.POLL, "GET", "https://elsewhere.example/", job="job-7")
            except ProviderError:
                continue

    failure = await failure_of(relentless(), ScriptedEngine([ACCEPTED]), within=60.0)

    assert (failure.kind, failure.charge, failure.job) == (FailureKind.TIMEOUT, Charge.UNKNOWN, "job-7")


@pytest.mark.parametrize(
    ("script", "charge"),
    [([], Charge.NONE), ([answer()], Charge.UNKNOWN), ([answer(), DELIVERED], Charge.BILLED)],
)
async def test_a_bug_in_an_adapter_is_a_failure_that_names_it(script: list[Step], charge: Charge) -> None:
    def broken() -> Exchange:
        if answers >= 1:
            yield submission()
        if answers >= 2:
            yield Send(Purpose.DOWNLOAD, "GET", RESULT)
        raise KeyError(KEY)

    answers = len(script)
    with pytest.raises(ProviderError) as caught:
        await drive(broken(), ScriptedEngine(list(script)))

    assert (caught.value.failure.kind, caught.value.failure.charge) == (FailureKind.UNUSABLE, charge)
    assert isinstance(caught.value.__cause__, KeyError)
    assert "KeyError" in str(caught.value)
    assert KEY not in str(caught.value)


async def test_an_upload_that_an_adapter_cannot_read_was_not_sent() -> None:
    gone = Spooled(BytesIO(PICTURE))
    gone.close()

    def inlining() -> Exchange:
        yield Send(Purpose.SUBMIT, "POST", BASE, json={"image": InputImage(gone, "image/png", "a.png").base64})
        raise AssertionError

    failure = await failure_of(inlining(), ScriptedEngine([]))

    assert (failure.kind, failure.charge) == (FailureKind.CONNECTION, Charge.NONE)
    assert failure.message == "an upload was let go before it was read"


async def test_a_body_that_is_not_json_is_the_requests_fault() -> None:
    def odd() -> Exchange:
        yield Send(Purpose.SUBMIT, "POST", BASE, json={"seed": object()})
        raise AssertionError

    failure = await failure_of(odd(), ScriptedEngine([]))

    assert (failure.kind, failure.charge) == (FailureKind.INVALID, Charge.NONE)


async def test_a_credential_that_cannot_be_had_sends_nothing() -> None:
    class Nobody:
        signs: ClassVar[bool] = False

        async def headers(self, send: Send) -> dict[str, str]:
            raise ProviderError(Failure(FailureKind.UNAUTHORISED, f"no token for {send.method}"))

    nobody = Target(BASE, "flux", Nobody(), ("api.example",), target().options)
    failure = await failure_of(inline(), ScriptedEngine([]), at=nobody)

    assert (failure.kind, failure.charge) == (FailureKind.UNAUTHORISED, Charge.NONE)


async def test_a_credential_is_shown_what_will_be_sent_to_the_byte() -> None:
    seen: list[Send] = []

    class Signer:
        signs: ClassVar[bool] = True

        async def headers(self, send: Send) -> dict[str, str]:
            seen.append(send)
            return {"Authorization": "signed"}

    parts = (Part("prompt", "a lighthouse"), Part("image", PICTURE, "a.png", "image/png"))

    def form() -> Exchange:
        yield Send(Purpose.SUBMIT, "POST", f"{BASE}/images", {"Accept": "image/*"}, parts=parts)
        return Generation(())

    engine = ScriptedEngine([ACCEPTED, ACCEPTED])
    signed = Target(BASE, "flux", Signer(), ("api.example",), target().options)
    await drive(inline(), engine, at=signed)
    await drive(form(), engine, at=signed, headers={"X-Trace": "1"})

    for send, (_, outgoing) in zip(seen, engine.sent, strict=True):
        assert (send.json, send.parts) == (None, ())
        assert (send.method, send.url) == (outgoing.method, outgoing.url)
        assert bytes(send.body or b"") == bytes(outgoing.body or b"") != b""
        assert {**send.headers, "authorization": "signed"} == outgoing.headers
    assert seen[1].headers["content-type"].startswith("multipart/form-data; boundary=")


async def test_an_accepted_job_outlives_a_token_that_cannot_be_refreshed_for_a_while() -> None:
    class Flaky:
        signs: ClassVar[bool] = False
        calls = 0

        async def headers(self, send: Send) -> dict[str, str]:  # noqa: ARG002 - a credential's signature
            self.calls += 1
            if self.calls in {2, 3}:
                raise ProviderError(Failure(FailureKind.UNAUTHORISED, "the login service is away"))
            return {"authorization": "Bearer token"}

    flaky = Target(BASE, "flux", Flaky(), ("api.example",), target().options)
    await drive(job(), ScriptedEngine([ACCEPTED, READY, DELIVERED]), at=flaky)


async def test_cancelled_an_attempt_closes_its_exchange_and_tells_how_far_it_came() -> None:
    closed: list[bool] = []

    def watched() -> Exchange:
        try:
            return (yield from job())
        finally:
            closed.append(True)

    progress = Progress()
    with anyio.move_on_after(10) as scope:
        await drive(watched(), ScriptedEngine([ACCEPTED, *[PENDING] * 100]), progress=progress)

    assert scope.cancelled_caught
    assert closed == [True]
    assert (progress.phase, progress.job) == (Phase.ACCEPTED, "job-7")


async def test_cancelled_while_the_picture_is_downloaded_an_attempt_says_that_it_is_drawn() -> None:
    progress = Progress()
    with anyio.move_on_after(10):
        await drive(job(), ScriptedEngine([ACCEPTED, READY, hanging(sent=True)]), progress=progress)

    assert (progress.phase, progress.job) == (Phase.DRAWN, "job-7")


# --- headers -----------------------------------------------------------------------------------------------------


async def test_a_callers_headers_go_with_the_submission_alone_and_replace_no_credential() -> None:
    engine = ScriptedEngine([ACCEPTED, READY, DELIVERED])
    mine = {"X-Trace": "7", "Authorization": "mine", "Content-Length": "0", "Host": "evil.example", "X-Dialect": "2"}
    await drive(job(), engine, headers=mine)

    submitted, polled, fetched = (outgoing.headers for _, outgoing in engine.sent)
    assert submitted == {
        "x-dialect": "2",
        "x-trace": "7",
        "content-type": "application/json",
        "authorization": f"Bearer {KEY}",
    }
    assert "x-trace" not in polled
    assert "x-trace" not in fetched


@pytest.mark.parametrize(
    ("url", "base", "trusted", "told"),
    [
        (f"{BASE}/images", BASE, ("api.example",), True),
        ("https://API.Example/images", BASE, (".bfl.example",), True),
        ("https://api.eu2.bfl.example/get?id=1", BASE, (".bfl.example",), True),
        ("https://bfl.example/get", BASE, (".bfl.example",), False),
        ("https://evilbfl.example/get", BASE, (".bfl.example",), False),
        ("https://api.example.evil.example/get", BASE, ("api.example",), False),
        ("https://evil.example/api.example", BASE, ("api.example",), False),
        ("https://api.example@evil.example/", BASE, ("api.example",), False),
        ("https://evil.example\\@api.example/", BASE, ("api.example",), False),
        ("https://api.example:443@evil.example/", BASE, ("api.example",), False),
        ("https://evil.example#@api.example/", BASE, ("api.example",), False),
        ("https://api.example\t.evil.example/", BASE, ("api.example",), False),
        ("http://api.example/v1/get", BASE, ("api.example",), False),
        ("ftp://api.example/", BASE, ("api.example",), False),
        ("/v1/jobs/7", BASE, ("api.example",), False),
        ("http://127.0.0.1:9000/jobs/7", "http://127.0.0.1:9000", (), True),
        ("https://127.0.0.1/jobs/7", "http://127.0.0.1:9000", (), True),
        ("http://127.0.0.2:9000/jobs/7", "http://127.0.0.1:9000", (), False),
        ("http://[::1]:9000/jobs/7", "http://[::1]:9000", (), True),
    ],
)
async def test_the_credential_goes_to_the_providers_own_hosts_alone(
    url: str, base: str, trusted: tuple[str, ...], told: bool
) -> None:
    def poll() -> Exchange:
        yield submission(f"{base}/images")
        yield Send(Purpose.POLL, "GET", url, job="job-7")
        return Generation(())

    at = Target(base, "flux", target().credential, trusted, target().options)
    engine = ScriptedEngine([ACCEPTED, answer()])
    if told:
        await drive(poll(), engine, at=at)
        assert engine.sent[1][1].headers["authorization"] == f"Bearer {KEY}"
        return

    failure = await failure_of(poll(), engine, at=at)
    assert (failure.kind, failure.charge) == (FailureKind.JOB_LOST, Charge.UNKNOWN)
    assert (failure.job, len(engine.sent)) == ("job-7", 1)


async def test_a_submission_to_a_foreign_host_is_not_sent() -> None:
    def astray() -> Exchange:
        yield submission("https://evil.example/images")
        raise AssertionError

    failure = await failure_of(astray(), ScriptedEngine([]))

    assert (failure.kind, failure.charge) == (FailureKind.UNAUTHORISED, Charge.NONE)
    assert "evil.example" in failure.message


# --- downloads ---------------------------------------------------------------------------------------------------


async def test_a_download_follows_redirects_and_never_carries_the_credential() -> None:
    hops = [
        answer(302, location=f"{BASE}/files/7"),
        answer(307, location="//cdn2.example/7"),
        answer(301, location="other.png"),
    ]
    engine = ScriptedEngine([ACCEPTED, *hops, DELIVERED])
    await drive(download(), engine)

    assert engine.urls[1:] == [RESULT, f"{BASE}/files/7", "https://cdn2.example/7", "https://cdn2.example/other.png"]
    assert not any("authorization" in outgoing.headers for _, outgoing in engine.sent[1:])


async def test_a_download_follows_no_more_than_five_redirects() -> None:
    engine = ScriptedEngine([ACCEPTED, *[answer(302, location=RESULT)] * 6])
    failure = await failure_of(download(), engine)

    assert (failure.kind, failure.charge) == (FailureKind.UNUSABLE, Charge.BILLED)
    assert len(engine.sent) == 7


async def test_a_download_never_leaves_https() -> None:
    failure = await failure_of(download("http://cdn.example/7.png?sig=1"), ScriptedEngine([ACCEPTED]))
    assert (failure.kind, failure.charge) == (FailureKind.UNUSABLE, Charge.BILLED)

    engine = ScriptedEngine([ACCEPTED, answer(302, location="http://cdn.example/7.png?sig=1")])
    failure = await failure_of(download(), engine)
    assert (failure.kind, failure.charge, len(engine.sent)) == (FailureKind.UNUSABLE, Charge.BILLED, 2)


async def test_an_emulator_on_loopback_may_serve_its_results_over_http() -> None:
    def local() -> Exchange:
        yield submission("http://127.0.0.1:9000/images")
        reply = yield Send(Purpose.DOWNLOAD, "GET", "http://127.0.0.1:9000/7.png")
        return Generation((Image(data=reply.body),))

    generation = await drive(local(), ScriptedEngine([ACCEPTED, DELIVERED]), at=target("http://127.0.0.1:9000"))

    assert generation.images[0].data == PICTURE


# --- questions ---------------------------------------------------------------------------------------------------


def question() -> Question:
    reply = yield Send(Purpose.ASK, "GET", f"{BASE}/models/flux")
    return f"answered {reply.status}"


async def test_a_question_is_asked_once_with_the_credential() -> None:
    engine = ScriptedEngine([answer(503)])
    said = await Transport(engine).ask(question(), target(), timeouts=Timeouts())

    assert said == "answered 503"
    assert engine.sent[0][1].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("trouble", [failing(NotSentError("refused")), failing(CutError("cut")), hanging(sent=True)])
async def test_a_question_that_fails_costs_nothing(trouble: Step) -> None:
    with pytest.raises(ProviderError) as caught:
        await Transport(ScriptedEngine([trouble])).ask(question(), target(), timeouts=Timeouts())

    assert caught.value.failure.charge is Charge.NONE


async def test_closing_closes_the_engine_once_it_was_used() -> None:
    engine = ScriptedEngine([answer()])
    transport = Transport(engine)
    await transport.aclose()
    assert not engine.closed

    await transport.ask(question(), target(), timeouts=Timeouts())
    await transport.aclose()
    assert engine.closed


def test_a_reply_keeps_its_body_out_of_its_repr() -> None:
    assert "secret" not in repr(Reply(200, {}, b"secret"))
