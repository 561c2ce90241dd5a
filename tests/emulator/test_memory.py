"""In memory the fleet runs by the clock of the loop, asyncio's or Trio's, so that minutes pass at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from random import Random
from statistics import median
from typing import Any

import anyio
import pytest

from pixelrelay import _clock
from pixelrelay._transport.engine import CutError, Engine, NotSentError, Outgoing, ReplyTooLargeError
from pixelrelay.providers.base import Reply
from pixelrelay.testing import Fault, FaultKind, Fleet, Latency
from tests.emulator.scenes import KEY, bfl, openai, opened

pytestmark = pytest.mark.anyio


def submission(fleet: Fleet, **options: Any) -> Outgoing:
    """A call to whichever of the two providers the fleet has first."""
    deployment = fleet.deployments[0]
    if deployment.provider == "openai":
        url, key = f"{fleet.url('openai')}/v1/images/generations", {"authorization": f"Bearer {KEY}"}
        body: dict[str, Any] = {"model": "gpt-image-2", "prompt": "a lighthouse", "quality": "low"}
    else:
        url, key = f"{fleet.url('bfl')}/v1/flux-2-pro", {"x-key": KEY}
        body = {"prompt": "a lighthouse", "width": 64, "height": 64}
    return Outgoing("POST", url, {**key, "content-type": "application/json"}, json.dumps(body).encode(), **options)


def get(url: str, **headers: str) -> Outgoing:
    return Outgoing("GET", url, headers)


class Sent:
    """Remembers when a request was out."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def __call__(self) -> None:
        self.at.append(_clock.now())


async def status(engine: Engine, outgoing: Outgoing) -> int:
    return (await engine.send(outgoing, Sent())).status


async def test_a_picture_takes_its_time_on_the_loops_clock() -> None:
    fleet, sent = Fleet(openai(latency=20.0)), Sent()
    started = _clock.now()

    reply = await fleet.engine().send(submission(fleet), sent)

    assert opened(json.loads(reply.body)["data"][0]["b64_json"]).size == (1024, 1024)
    assert _clock.now() - started == pytest.approx(20.0, abs=0.01)
    assert sent.at == [pytest.approx(started, abs=0.01)]
    assert reply.headers["content-type"] == "application/json"


async def test_a_quota_is_full_for_a_minute() -> None:
    fleet = Fleet(openai(requests_per_minute=2))
    engine = fleet.engine()

    assert [await status(engine, submission(fleet)) for _ in range(3)] == [200, 200, 429]
    await _clock.sleep(59.0)
    assert await status(engine, submission(fleet)) == 429
    await _clock.sleep(62.0)
    assert await status(engine, submission(fleet)) == 200
    assert fleet.billed["openai"].rejected == 2


async def test_a_task_is_polled_to_its_end_and_its_address_runs_out_in_ten_minutes() -> None:
    fleet = Fleet(bfl(latency=12.0))
    engine = fleet.engine()

    polling_url = json.loads((await engine.send(submission(fleet), Sent())).body)["polling_url"]
    poll = get(polling_url, **{"x-key": KEY})
    assert json.loads((await engine.send(poll, Sent())).body)["status"] == "Pending"
    await _clock.sleep(12.5)
    ready = json.loads((await engine.send(poll, Sent())).body)
    sample = get(ready["result"]["sample"])

    assert sample.url.startswith("https://delivery.bfl.emulated.")
    assert opened((await engine.send(sample, Sent())).body).size == (64, 64)
    await _clock.sleep(600)
    assert await status(engine, sample) == 403


async def test_a_slot_is_taken_from_submission_until_the_task_has_ended() -> None:
    fleet = Fleet(bfl(latency=10.0, concurrent=1))
    engine = fleet.engine()

    assert [await status(engine, submission(fleet)) for _ in range(2)] == [200, 429]
    await _clock.sleep(10.1)
    assert await status(engine, submission(fleet)) == 200


async def test_a_client_that_leaves_pays_for_what_is_drawn_after_it_left() -> None:
    fleet = Fleet(openai(latency=20.0))
    engine = fleet.engine()

    with anyio.move_on_after(5.0) as left:
        await engine.send(submission(fleet), Sent())

    assert left.cancelled_caught
    assert fleet.billed["openai"].pictures == 0
    await _clock.sleep(16.0)
    assert fleet.billed["openai"].pictures == 1


async def test_a_killed_deployment_refuses_new_calls_and_cuts_those_under_way() -> None:
    fleet = Fleet(openai(latency=20.0))
    engine = fleet.engine()
    errors: list[Exception] = []

    async def ask() -> None:
        with pytest.raises(CutError) as cut:
            await engine.send(submission(fleet), Sent())
        errors.append(cut.value)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await _clock.sleep(1.0)
        fleet.kill("openai")
    sent = Sent()
    with pytest.raises(NotSentError):
        await engine.send(submission(fleet), sent)
    fleet.revive("openai")

    assert len(errors) == 1
    assert sent.at == []
    assert await status(engine, submission(fleet)) == 200


@pytest.mark.parametrize(
    ("fault", "error", "sent", "pictures"),
    [
        (Fault(FaultKind.REFUSED), NotSentError, False, 0),
        (Fault(FaultKind.REFUSED, requests=(1,)), NotSentError, False, 0),
        (Fault(FaultKind.RESET_BEFORE_READING), CutError, True, 0),
        (Fault(FaultKind.RESET_BEFORE_ANSWER), CutError, True, 1),
        (Fault(FaultKind.RESET_BEFORE_ANSWER, drawn=False), CutError, True, 0),
        (Fault(FaultKind.RESET_MID_ANSWER), CutError, True, 1),
        (Fault(FaultKind.HANG), CutError, True, 1),
        (Fault(FaultKind.SLOW_BODY, seconds=700.0), CutError, True, 1),
    ],
)
async def test_a_broken_connection_is_the_error_that_the_engines_on_sockets_raise(
    fault: Fault, error: type[Exception], sent: bool, pictures: int
) -> None:
    fleet, told = Fleet(openai(latency=2.0, faults=(fault,))), Sent()

    with pytest.raises(error):
        await fleet.engine().send(submission(fleet, first_byte_timeout=60.0), told)

    assert bool(told.at) is sent
    assert fleet.billed["openai"].pictures == pictures


async def test_a_hang_lasts_as_long_as_the_client_waits_for_a_first_byte() -> None:
    fleet = Fleet(openai(faults=(Fault(FaultKind.HANG),)))
    started = _clock.now()

    with pytest.raises(CutError):
        await fleet.engine().send(submission(fleet, first_byte_timeout=180.0), Sent())

    assert _clock.now() - started == pytest.approx(180.0, abs=0.01)


async def test_a_fault_strikes_in_its_span_of_time_only() -> None:
    fleet = Fleet(openai(faults=(Fault(FaultKind.SERVER_ERROR, since=10.0, until=20.0),)))
    engine = fleet.engine()

    seen = []
    for _ in range(5):
        seen.append(await status(engine, submission(fleet)))
        await _clock.sleep(6.0)

    assert seen == [200, 200, 500, 500, 200]


async def test_faults_by_chance_come_at_their_rate_and_by_the_seed() -> None:
    async def failures(seed: int) -> list[int]:
        fleet = Fleet(openai(faults=(Fault(FaultKind.SERVER_ERROR, rate=0.3),)), seed=seed)
        engine = fleet.engine()
        wrong = Outgoing("POST", submission(fleet).url, {"authorization": f"Bearer {KEY}"}, b"{}")
        return [await status(engine, wrong) for _ in range(300)]

    first, again, other = await failures(1), await failures(1), await failures(2)

    assert first == again != other
    assert 60 <= first.count(500) <= 120


async def test_an_answer_longer_than_allowed_is_given_up() -> None:
    fleet = Fleet(openai())

    with pytest.raises(ReplyTooLargeError):
        await fleet.engine().send(submission(fleet, max_reply_bytes=100), Sent())


async def test_a_call_that_jitters_is_counted_a_moment_after_it_began() -> None:
    fleet, started = Fleet(openai()), _clock.now()
    await fleet.engine().send(submission(fleet), Sent())
    await fleet.engine(jitter=True).send(submission(fleet), Sent())

    assert fleet.requests[0].time == 0.0
    assert 0.02 <= fleet.requests[1].time <= 0.25
    assert _clock.now() - started <= 0.26


async def test_hosts_that_are_not_of_the_fleet_cannot_be_reached() -> None:
    fleet = Fleet(openai())
    for url in (fleet.url("openai").replace("openai", "other"), "http://example.com/"):
        with pytest.raises(NotSentError):
            await fleet.engine().send(get(url), Sent())


async def test_every_request_is_on_record() -> None:
    fleet = Fleet(openai(latency=5.0))
    engine = fleet.engine()
    await engine.send(submission(fleet), Sent())

    record = fleet.requests[0]

    assert (record.deployment, record.operation, record.status, record.billed) == ("openai", "generate", 200, 1)
    assert (record.prompt, record.size) == ("a lighthouse", (1024, 1024))
    assert [name for name, _ in record.phases] == ["received", "read", "admitted", "drawn", "answered"]
    assert fleet.billed_in_all == fleet.billed["openai"]


async def test_many_at_once_are_each_answered_with_their_own_picture() -> None:
    fleet = Fleet(bfl(latency=3.0))
    engine = fleet.engine(jitter=True)
    replies: list[Reply] = []

    async def ask() -> None:
        replies.append(await engine.send(submission(fleet), Sent()))

    await _all_at_once(ask, 30)
    await _clock.sleep(4.0)

    assert len({json.loads(reply.body)["id"] for reply in replies}) == 30
    assert fleet.billed["bfl"].pictures == 30


async def _all_at_once(work: Callable[[], Coroutine[Any, Any, None]], times: int) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(times):
            tasks.start_soon(work)


def test_latency_lies_around_a_median_that_grows_with_size_quality_and_steps() -> None:
    law, rng = Latency(10.0), Random(1)

    def typical(**asked: Any) -> float:
        return median(law.seconds(rng, **{"size": (1024, 1024), **asked}) for _ in range(2000))

    assert typical() == pytest.approx(10.0, rel=0.05)
    assert typical(size=(2048, 2048)) == pytest.approx(25.0, rel=0.05)
    assert typical(quality="high") == pytest.approx(20.0, rel=0.05)
    assert typical(steps=25) == pytest.approx(5.0, rel=0.05)
    assert Latency(10.0, constant=True).seconds(rng, (64, 64), "high") == 10.0
