"""What observers are told, and that they cannot get in the way."""

from __future__ import annotations

import logging

import pytest

from pixelrelay.events import (
    AttemptAdvanced,
    AttemptFinished,
    AttemptStarted,
    DeploymentChanged,
    Event,
    FellBack,
    RequestFinished,
    RequestPlanned,
    RequestStarted,
    StoreAsked,
    StoreModeChanged,
    WaitFinished,
    WaitStarted,
)
from pixelrelay.testing import Fault, FaultKind, Fleet
from tests.router.scenes import Witness, ask, foundry, groups, router_of

pytestmark = pytest.mark.anyio


def kinds(witness: Witness) -> list[type[Event]]:
    return [type(event) for event in witness.events]


def of_requests(witness: Witness) -> list[str]:
    """The request that each event is about, of those that are about one."""
    general = DeploymentChanged | StoreModeChanged | StoreAsked
    return [event.request_id for event in witness.events if not isinstance(event, general)]


async def test_a_plain_request_is_told_step_by_step() -> None:
    witness = Witness()
    outcome = await ask(router_of(Fleet(foundry("east")), observers=[witness]))
    assert kinds(witness) == [
        RequestStarted,
        RequestPlanned,
        AttemptStarted,
        AttemptAdvanced,
        AttemptAdvanced,
        AttemptFinished,
        RequestFinished,
    ]
    finished = witness.events[-1]
    assert isinstance(finished, RequestFinished)
    assert finished.result is outcome.result
    assert finished.duration == pytest.approx(2.0, abs=0.01)


async def test_waiting_failing_and_falling_back_are_told_in_their_order() -> None:
    fleet, witness = Fleet(foundry("east", requests_per_minute=1), foundry("spare")), Witness()
    config = groups(fleet, {"flux": ["east"], "second": ["spare"]}, flux={"fallbacks": ["second"], "patience": 90})
    router = router_of(fleet, config)
    await ask(router)
    fleet.fault("east", Fault(FaultKind.NOT_FOUND))
    router.observe(witness)

    await ask(router)

    assert kinds(witness) == [
        RequestStarted,
        RequestPlanned,
        WaitStarted,
        WaitFinished,
        AttemptStarted,
        AttemptAdvanced,
        DeploymentChanged,
        AttemptFinished,
        FellBack,
        AttemptStarted,
        AttemptAdvanced,
        AttemptAdvanced,
        AttemptFinished,
        RequestFinished,
    ]
    (fell_back,) = witness.of(FellBack)
    assert (fell_back.group, fell_back.to, fell_back.reason) == ("flux", "second", "not_found")
    assert [event.number for event in witness.of(AttemptStarted)] == [1, 2]
    assert len(set(of_requests(witness))) == 1


async def test_a_fallback_from_a_full_group_says_so() -> None:
    fleet, witness = Fleet(foundry("east", requests_per_minute=1), foundry("spare")), Witness()
    config = groups(fleet, {"flux": ["east"], "second": ["spare"]}, flux={"fallbacks": ["second"]})
    router = router_of(fleet, config, observers=[witness])
    await ask(router)
    await ask(router)
    assert [event.reason for event in witness.of(FellBack)] == ["full"]


async def test_the_plan_is_told_with_what_each_of_the_others_lacks() -> None:
    witness = Witness()
    fleet = Fleet(foundry("pro"), foundry("older", "FLUX-1.1-pro"))
    await ask(router_of(fleet, observers=[witness]), size="1024x1536")
    (planned,) = witness.of(RequestPlanned)
    assert planned.legs == (("flux", ("pro",)),)
    assert planned.unfit.keys() == {"older"}


async def test_a_request_that_failed_is_told_with_its_error() -> None:
    witness = Witness()
    fleet = Fleet(foundry("east", faults=(Fault(FaultKind.NOT_FOUND),)))
    outcome = await ask(router_of(fleet, observers=[witness]))
    assert witness.of(RequestFinished)[0].error is outcome.error


async def test_an_observer_that_raises_hinders_neither_requests_nor_other_observers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def clumsy(event: Event) -> None:
        raise RuntimeError(f"cannot take {type(event).__name__}")

    witness = Witness()
    with caplog.at_level(logging.ERROR, logger="pixelrelay"):
        outcome = await ask(router_of(Fleet(foundry("east")), observers=[clumsy, witness]))
    assert outcome.result is not None
    assert len(witness.events) == 7
    assert "an observer failed" in caplog.text


async def test_a_model_that_is_gone_is_warned_of_once_at_the_start_with_what_takes_its_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    old = {"provider": "openai", "model": "dall-e-3", "api_key": "a-key"}
    config = {"models": {"old": {"deployments": [{"name": name, **old} for name in ("one", "two", "three")]}}}
    with caplog.at_level(logging.WARNING, "pixelrelay"):
        router_of(Fleet(foundry("east")), config)

    assert [record.getMessage() for record in caplog.records] == [
        "models.old.deployments[0].model: dall-e-3 was switched off on 2026-05-12; gpt-image-2 takes its place"
        " (and 2 more)"
    ]
