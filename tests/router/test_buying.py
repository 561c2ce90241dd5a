"""Never bought twice by accident: what may have been billed, jobs that were accepted, and callers who leave."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import anyio
import pytest

from pixelrelay import AmbiguousOutcomeError, DeadlineExceededError, _clock
from pixelrelay.events import AttemptAdvanced, AttemptFinished, RequestFinished
from pixelrelay.outcomes import Charge, Phase
from pixelrelay.testing import Fault, FaultKind, Fleet, Stage
from tests.router.scenes import Witness, ask, bfl, billed, called, foundry, router_of

pytestmark = pytest.mark.anyio


def ordered(fleet: Fleet, **settings: Any) -> dict[str, Any]:
    """All of the fleet in one group, tried in order, at four cents a picture."""
    config = fleet.config("flux", strategy="ordered", **settings)
    for order, entry in enumerate(config["models"]["flux"]["deployments"]):
        entry |= {"order": order, "price": {"image": "0.04"}}
    return config


def cut_off(name: str) -> Any:
    return foundry(name, faults=(Fault(FaultKind.RESET_BEFORE_ANSWER),))


async def test_what_was_bought_again_is_shown_as_spend_at_risk() -> None:
    fleet = Fleet(cut_off("east"), foundry("west"))
    outcome = await ask(router_of(fleet, ordered(fleet)))
    assert outcome.result is not None
    route = outcome.result.route
    assert (route.cost, route.at_risk) == (Decimal("0.04"), Decimal("0.04"))
    assert [attempt.at_risk for attempt in route.attempts] == [Decimal("0.04"), Decimal(0)]
    assert billed(fleet) == {"east": 1, "west": 1}


async def test_it_is_bought_again_once_and_not_twice() -> None:
    fleet = Fleet(cut_off("east"), cut_off("west"), foundry("north"))
    outcome = await ask(router_of(fleet, ordered(fleet)))
    assert isinstance(outcome.error, AmbiguousOutcomeError)
    assert outcome.tried == "east west"
    assert outcome.error.may_have_been_billed


async def test_where_policy_forbids_it_nothing_is_bought_again_and_the_job_is_named() -> None:
    fleet = Fleet(bfl("east", faults=(Fault(FaultKind.LOST_JOB),)), bfl("west"))
    outcome = await ask(router_of(fleet, ordered(fleet, on_ambiguous="fail")))
    assert isinstance(outcome.error, AmbiguousOutcomeError)
    assert outcome.tried == "east"
    assert outcome.error.job is not None
    assert outcome.retry_after is None


async def test_what_certainly_cost_nothing_is_tried_elsewhere_under_either_policy() -> None:
    fleet = Fleet(foundry("east", faults=(Fault(FaultKind.UNAVAILABLE),)), foundry("west"))
    outcome = await ask(router_of(fleet, ordered(fleet, on_ambiguous="fail")))
    assert outcome.tried == "east west"
    assert outcome.result is not None
    assert outcome.result.route.at_risk == 0


# --- jobs --------------------------------------------------------------------------------------------------------


async def test_a_job_is_not_submitted_again_because_its_polls_fail() -> None:
    polls = Fault(FaultKind.SERVER_ERROR, stage=Stage.POLL, times=3)
    fleet = Fleet(bfl("bfl", faults=(polls,)), bfl("other"))
    outcome = await ask(router_of(fleet, ordered(fleet)))
    assert outcome.result is not None
    assert outcome.tried == "bfl"
    assert called(fleet) == {"bfl": 1}


async def test_a_job_is_not_submitted_again_because_its_picture_cannot_be_fetched_at_first() -> None:
    downloads = Fault(FaultKind.UNAVAILABLE, stage=Stage.DOWNLOAD, times=2)
    fleet = Fleet(bfl("bfl", faults=(downloads,)), bfl("other"))
    outcome = await ask(router_of(fleet, ordered(fleet)))
    assert outcome.result is not None
    assert called(fleet) == {"bfl": 1}


NEVER_FETCHED = Fault(FaultKind.UNAVAILABLE, stage=Stage.DOWNLOAD)


async def test_a_picture_that_can_never_be_fetched_is_bought_again_elsewhere_and_told_as_lost() -> None:
    fleet = Fleet(bfl("bfl", faults=(NEVER_FETCHED,)), bfl("other"))
    outcome = await ask(router_of(fleet, ordered(fleet)))
    assert outcome.result is not None
    assert outcome.tried == "bfl other"
    assert called(fleet) == {"bfl": 1, "other": 1}
    lost = outcome.attempts[0]
    assert lost.failure is not None
    assert lost.failure.charge is Charge.BILLED
    assert (lost.cost, lost.at_risk) == (Decimal("0.04"), Decimal(0))
    assert outcome.result.route.at_risk == Decimal("0.04")


@pytest.mark.parametrize("fault", [NEVER_FETCHED, Fault(FaultKind.HANG, stage=Stage.DOWNLOAD)])
async def test_where_policy_forbids_it_a_picture_that_cannot_be_fetched_is_not_bought_again(fault: Fault) -> None:
    fleet = Fleet(bfl("bfl", faults=(fault,)), bfl("other"))
    outcome = await ask(router_of(fleet, ordered(fleet, on_ambiguous="fail")), timeout=300)
    assert isinstance(outcome.error, AmbiguousOutcomeError)
    assert outcome.error.may_have_been_billed
    assert outcome.error.job is not None
    assert called(fleet) == {"bfl": 1}


async def test_a_picture_whose_download_outlasts_the_deadline_counts_as_billed() -> None:
    fleet = Fleet(bfl("bfl", faults=(Fault(FaultKind.HANG, stage=Stage.DOWNLOAD),)), bfl("other"))
    outcome = await ask(router_of(fleet, ordered(fleet)), timeout=20)
    assert isinstance(outcome.error, DeadlineExceededError)
    assert outcome.error.may_have_been_billed
    (attempt,) = outcome.attempts
    assert attempt.failure is not None
    assert attempt.failure.message == "drawn, and its time was up before the result had been fetched"
    assert (attempt.cost, attempt.at_risk) == (Decimal("0.04"), Decimal(0))
    assert called(fleet) == {"bfl": 1}
    assert billed(fleet) == {"bfl": 1}


async def test_a_job_outlives_a_provider_that_cannot_be_reached_for_a_while() -> None:
    fleet = Fleet(bfl("bfl", latency=10.0), bfl("other"))
    router = router_of(fleet, ordered(fleet))

    async def outage() -> None:
        await anyio.sleep(3)
        fleet.kill("bfl")
        await anyio.sleep(15)
        fleet.revive("bfl")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outage)
        outcome = await ask(router)
    assert outcome.result is not None
    assert 18 < outcome.seconds < 25
    assert called(fleet) == {"bfl": 1}
    assert billed(fleet) == {"bfl": 1}


async def test_the_phases_of_an_attempt_are_told_as_they_come() -> None:
    witness = Witness()
    await ask(router_of(Fleet(bfl("bfl")), observers=[witness]))
    advanced = witness.of(AttemptAdvanced)
    assert [event.phase for event in advanced] == [Phase.SENT, Phase.ACCEPTED, Phase.DRAWN, Phase.DELIVERED]
    assert advanced[1].job is not None
    assert advanced[2].job == advanced[1].job


# --- callers who leave -------------------------------------------------------------------------------------------


async def test_a_caller_who_leaves_after_sending_has_used_quota_and_the_provider_bills() -> None:
    fleet, witness = Fleet(foundry("east", requests_per_minute=6)), Witness()
    router = router_of(fleet, observers=[witness])

    with anyio.move_on_after(1):
        await ask(router)

    state = router.state("east")
    assert state.in_flight == 0
    assert state.quotas["east/requests"].used == 1
    (finished,) = witness.of(AttemptFinished)
    assert finished.abandoned
    assert finished.attempt.failure.charge is Charge.UNKNOWN
    assert isinstance(witness.of(RequestFinished)[0].error, BaseException)
    await anyio.sleep(5)
    assert billed(fleet) == {"east": 1}


async def test_a_caller_who_leaves_before_sending_gives_everything_back() -> None:
    fleet, witness = Fleet(foundry("east", requests_per_minute=6)), Witness()
    router = router_of(fleet, observers=[witness], jitter=True)  # connecting takes 20 ms at least

    with anyio.move_on_after(0.01):
        await ask(router)

    state = router.state("east")
    assert state.in_flight == 0
    assert state.quotas["east/requests"].used == 0
    (finished,) = witness.of(AttemptFinished)
    assert finished.attempt.failure.charge is Charge.NONE
    await anyio.sleep(5)
    assert billed(fleet) == {}


async def test_a_caller_who_leaves_a_job_frees_its_slot() -> None:
    fleet = Fleet(bfl("bfl", concurrent=1, latency=5.0))
    router = router_of(fleet)
    with anyio.move_on_after(1):
        await ask(router)
    assert router.state("bfl").quotas["bfl/concurrent"].used == 0


async def test_a_caller_who_leaves_a_download_may_have_been_billed_and_its_job_is_named() -> None:
    fleet, witness = Fleet(bfl("bfl", faults=(Fault(FaultKind.HANG, stage=Stage.DOWNLOAD),))), Witness()
    with anyio.move_on_after(10):
        await ask(router_of(fleet, ordered(fleet), observers=[witness]))
    (finished,) = witness.of(AttemptFinished)
    assert finished.abandoned
    failure = finished.attempt.failure
    assert failure.message == "the caller left when the attempt was drawn"
    assert failure.charge is not Charge.NONE
    assert failure.job is not None
    assert billed(fleet) == {"bfl": 1}


async def test_a_connection_that_was_refused_uses_no_quota() -> None:
    fleet = Fleet(foundry("east", requests_per_minute=60, faults=(Fault(FaultKind.REFUSED, times=1),)))
    router = router_of(fleet)
    began = _clock.now()
    assert (await ask(router)).tried == "east east"
    assert router.state("east").quotas["east/requests"].used == 1
    assert _clock.now() - began < 3
