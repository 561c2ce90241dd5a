"""Waiting for quota, and the deadline that spans it with all the rest."""

from __future__ import annotations

from collections import Counter
from typing import Any

import anyio
import pytest

from pixelrelay import AttemptsExhaustedError, DeadlineExceededError, QuotaExceededError, Router
from pixelrelay.events import WaitFinished, WaitStarted
from pixelrelay.testing import Fault, FaultKind, Fleet, Latency, Stage
from tests.router.scenes import Outcome, Witness, ask, bfl, billed, called, foundry, groups, lasting, router_of

pytestmark = pytest.mark.anyio

MINUTE = 60.3
"""A window and its guard."""
DRAWN = 2.0


def alone(**options: Any) -> Fleet:
    return Fleet(foundry("east", **options))


async def test_a_request_waits_for_its_place_and_says_how_long() -> None:
    fleet, witness = alone(requests_per_minute=1), Witness()
    router = router_of(fleet, observers=[witness])
    await ask(router)

    with lasting(MINUTE):
        outcome = await ask(router)

    assert outcome.result is not None
    assert outcome.result.route.waited == pytest.approx(MINUTE - DRAWN, abs=0.01)
    assert outcome.attempts[0].waited == pytest.approx(MINUTE - DRAWN, abs=0.01)
    (started,), (finished,) = witness.of(WaitStarted), witness.of(WaitFinished)
    assert started.seconds == pytest.approx(MINUTE - DRAWN, abs=0.01)
    assert finished.served
    assert fleet.billed["east"].rejected == 0


async def test_who_cannot_wait_so_long_is_told_at_once_when_to_come_again() -> None:
    fleet = alone(requests_per_minute=1)
    router = router_of(fleet)
    await ask(router)

    with lasting(0):
        full = await ask(router, timeout=5)

    assert isinstance(full.error, QuotaExceededError)
    assert full.retry_after is not None
    await anyio.sleep(full.retry_after - 1)
    assert isinstance((await ask(router, timeout=2.5)).error, QuotaExceededError)
    await anyio.sleep(1)
    assert (await ask(router, timeout=2.5)).result is not None
    assert called(fleet) == {"east": 2}


async def test_the_time_to_come_again_counts_those_who_wait_already() -> None:
    router = router_of(alone(requests_per_minute=1))
    await ask(router)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, router)
        await anyio.sleep(1)
        full = await ask(router, timeout=5)
    assert full.retry_after == pytest.approx(2 * MINUTE - DRAWN - 1, abs=0.1)


async def test_a_slot_that_comes_free_is_taken_at_once() -> None:
    fleet = Fleet(bfl("bfl", concurrent=1))
    router, outcomes = router_of(fleet), list[Outcome]()

    async def one() -> None:
        outcomes.append(await ask(router))

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(one)
    assert all(outcome.result for outcome in outcomes)
    assert fleet.billed["bfl"].rejected == 0
    assert max(outcome.seconds for outcome in outcomes) < 3 * (DRAWN + 1)


async def test_a_fallback_is_taken_where_its_place_is_sooner() -> None:
    fleet = Fleet(foundry("east", requests_per_minute=1), foundry("spare"))
    config = groups(fleet, {"flux": ["east"], "second": ["spare"]}, flux={"fallbacks": ["second"]})
    router = router_of(fleet, config)
    assert (await ask(router)).tried == "east"
    with lasting(DRAWN):
        assert (await ask(router)).tried == "spare"


async def test_a_place_that_is_free_soon_is_waited_for_before_a_fallback_is_taken() -> None:
    fleet = Fleet(foundry("east", requests_per_minute=1), foundry("spare"))
    config = groups(fleet, {"flux": ["east"], "second": ["spare"]}, flux={"fallbacks": ["second"], "patience": 5})
    router = router_of(fleet, config)
    await ask(router)
    await anyio.sleep(MINUTE - DRAWN - 4)
    with lasting(4 + DRAWN):
        assert (await ask(router)).tried == "east"


async def test_where_all_groups_are_full_the_first_to_have_room_is_waited_for() -> None:
    fleet = Fleet(foundry("east", requests_per_minute=1), foundry("spare", requests_per_minute=1))
    config = groups(fleet, {"flux": ["east"], "second": ["spare"]}, flux={"fallbacks": ["second"]})
    router = router_of(fleet, config)
    await ask(router, "second")
    await ask(router)
    with lasting(MINUTE - DRAWN):
        assert (await ask(router)).tried == "spare"


async def test_the_time_to_come_again_is_that_of_the_first_group_to_have_room() -> None:
    fleet = Fleet(foundry("east", requests_per_minute=1), foundry("spare", requests_per_minute=1))
    config = groups(fleet, {"flux": ["east"], "second": ["spare"]}, flux={"fallbacks": ["second"]})
    router = router_of(fleet, config)
    await ask(router, "second")
    await ask(router)
    full = await ask(router, timeout=10)
    assert full.seconds == 0
    assert full.retry_after == pytest.approx(MINUTE - 2 * DRAWN, abs=0.01)


async def test_a_higher_priority_waits_less() -> None:
    fleet = alone(requests_per_minute=1)
    router, served = router_of(fleet), list[str]()
    await ask(router)

    async def one(name: str, priority: int) -> None:
        await ask(router, priority=priority, timeout=600)
        served.append(name)

    async with anyio.create_task_group() as tasks:
        for name, priority in (("low", 0), ("low too", 0), ("high", 5)):
            tasks.start_soon(one, name, priority)
            await anyio.sleep(0.1)
    assert served == ["high", "low", "low too"]


# --- the deadline ------------------------------------------------------------------------------------------------


async def test_a_call_that_hangs_is_cut_off_at_the_deadline() -> None:
    fleet = alone(faults=(Fault(FaultKind.HANG),))
    with lasting(10):
        outcome = await ask(router_of(fleet), timeout=10)
    assert isinstance(outcome.error, DeadlineExceededError)
    assert outcome.error.may_have_been_billed
    assert billed(fleet) == {"east": 1}


async def test_a_job_that_is_still_drawn_is_left_at_the_deadline_and_named() -> None:
    fleet = Fleet(bfl("bfl", latency=100.0))
    with lasting(10, tolerance=0.5):
        outcome = await ask(router_of(fleet), timeout=10)
    assert isinstance(outcome.error, DeadlineExceededError)
    failure = outcome.attempts[0].failure
    assert failure is not None
    assert failure.job is not None
    assert called(fleet) == {"bfl": 1}


async def test_nothing_is_bought_in_the_last_moment_before_the_deadline() -> None:
    fleet = Fleet(bfl("bfl", latency=100.0), bfl("other", latency=100.0))
    outcome = await ask(router_of(fleet), timeout=10)
    assert isinstance(outcome.error, DeadlineExceededError)
    assert sum(called(fleet).values()) == 1


async def test_waiting_and_drawing_share_one_deadline() -> None:
    fleet = alone(requests_per_minute=1, latency=30.0)
    router = router_of(fleet)
    await ask(router)
    assert (await ask(router, timeout=100)).result is not None
    outcome = await ask(router, timeout=40)
    assert isinstance(outcome.error, QuotaExceededError), "after waiting, too little time would be left to draw"
    assert outcome.seconds == 0


async def test_nothing_sleeps_after_the_last_try() -> None:
    outcome = await ask(router_of(alone(faults=(Fault(FaultKind.UNAVAILABLE),))))
    assert isinstance(outcome.error, AttemptsExhaustedError)
    last = outcome.attempts[-1]
    assert outcome.tried == "east east"
    assert outcome.seconds == pytest.approx(last.started + last.duration, abs=0.001)


async def test_a_time_that_a_provider_names_is_not_waited_for_where_it_lies_past_the_deadline() -> None:
    outcome = await ask(router_of(alone(faults=(Fault(FaultKind.RATE_LIMITED, retry_after=500),))))
    assert isinstance(outcome.error, QuotaExceededError)
    assert outcome.tried == "east"
    assert outcome.seconds == 0
    assert outcome.retry_after == pytest.approx(500, abs=0.1)


async def test_impatient_callers_do_not_make_a_deployment_ill() -> None:
    router = router_of(alone(latency=6.0))
    for _ in range(5):
        assert isinstance((await ask(router, timeout=3)).error, DeadlineExceededError)
    assert router.state("east").cooling == 0
    assert (await ask(router)).result is not None


async def test_a_deployment_that_hangs_does_become_ill_whoever_cuts_it_off() -> None:
    router = router_of(Fleet(foundry("east", faults=(Fault(FaultKind.HANG, since=5.0),)), foundry("west")))
    await ask(router, "east")
    await anyio.sleep(5)
    for _ in range(3):
        await ask(router, "east", timeout=30)
    assert router.state("east").cooling > 0


async def test_what_cannot_be_in_time_is_not_begun() -> None:
    fleet = alone(latency=6.0)
    router = router_of(fleet)
    await ask(router)
    with lasting(0):
        outcome = await ask(router, timeout=3)
    assert isinstance(outcome.error, DeadlineExceededError)
    assert not outcome.attempts
    assert called(fleet) == {"east": 1}


async def test_polls_that_fail_until_the_deadline_do_not_buy_again() -> None:
    fleet = Fleet(bfl("bfl", faults=(Fault(FaultKind.UNAVAILABLE, stage=Stage.POLL),)))
    outcome = await ask(router_of(fleet), timeout=20)
    assert outcome.seconds <= 20
    assert called(fleet) == {"bfl": 1}


async def test_where_all_wait_as_long_as_they_can_hardly_anything_is_paid_for_and_cut_off() -> None:
    fleet = alone(requests_per_minute=60, latency=Latency(6.0))
    router, ends = router_of(fleet), Counter[type]()

    async def one() -> None:
        outcome = await ask(router, timeout=40)
        ends[type(outcome.error)] += 1
        if isinstance(outcome.error, QuotaExceededError):
            assert outcome.seconds == 0

    async with anyio.create_task_group() as tasks:
        for _ in range(480):
            tasks.start_soon(one)
            await anyio.sleep(0.5)
    assert ends[type(None)] + ends[QuotaExceededError] + ends[DeadlineExceededError] == 480
    assert ends[type(None)] > 230
    assert ends[DeadlineExceededError] <= 0.03 * ends[type(None)]
    assert router.state("east").cooling == 0


async def full_then_cancelled(router: Router) -> None:
    with anyio.move_on_after(1):
        await ask(router, timeout=600)


async def test_a_caller_who_leaves_the_line_gives_up_his_place() -> None:
    router = router_of(alone(requests_per_minute=1))
    await ask(router)
    await full_then_cancelled(router)
    with lasting(MINUTE - 1):
        assert (await ask(router)).result is not None
