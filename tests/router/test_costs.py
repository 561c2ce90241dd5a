"""What attempts are said to have cost: by what came of them, and by the price of who drew."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any

import pytest

from pixelrelay.testing import Fault, FaultKind, Fleet
from tests.router.scenes import ask, foundry, openai, router_of

pytestmark = pytest.mark.anyio

UNKNOWN = "what east costs is not known"


def priced(fleet: Fleet, price: dict[str, Any]) -> dict[str, Any]:
    config = fleet.config("flux")
    for deployment in config["models"]["flux"]["deployments"]:
        deployment["price"] = price
    return config


def warnings(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in log.records if "costs is not known" in record.getMessage()]


async def test_what_nobody_knows_is_warned_of_once_for_each_deployment(caplog: pytest.LogCaptureFixture) -> None:
    router = router_of(Fleet(foundry("east")))
    with caplog.at_level(logging.WARNING, "pixelrelay"):
        first, second = await ask(router), await ask(router)

    assert first.attempts[0].cost is second.attempts[0].cost is None
    (warning,) = warnings(caplog)
    assert warning.startswith(UNKNOWN)


async def test_what_is_known_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    fleet = Fleet(foundry("east"))
    with caplog.at_level(logging.WARNING, "pixelrelay"):
        outcome = await ask(router_of(fleet, priced(fleet, {"image": 0})))

    assert outcome.attempts[0].cost == 0
    assert warnings(caplog) == []


async def test_the_tokens_that_an_answer_tells_are_what_it_cost() -> None:
    fleet = Fleet(openai("east"))
    outcome = await ask(router_of(fleet, priced(fleet, {"like": "openai/gpt-image-2"})), size="1024x1024")

    assert outcome.result is not None
    assert outcome.attempts[0].cost == fleet.billed["east"].dollars
    assert outcome.result.route.cost == fleet.billed["east"].dollars


async def test_what_may_have_been_billed_is_at_risk_at_most_for_the_estimate() -> None:
    cut = Fault(FaultKind.RESET_BEFORE_ANSWER, requests=(1,))
    fleet = Fleet(openai("east", faults=(cut,)), openai("west"))
    router = router_of(fleet, priced(fleet, {"like": "openai/gpt-image-2"}))

    outcome = await ask(router, size="1024x1024", quality="low")

    lost = [attempt for attempt in outcome.attempts if attempt.failure is not None]
    assert all(attempt.at_risk is not None and attempt.at_risk >= Decimal("0.00588") for attempt in lost)
    billed = fleet.billed_in_all.dollars
    assert outcome.result is not None
    assert outcome.result.route.cost is not None
    assert outcome.result.route.at_risk is not None
    assert outcome.result.route.cost <= billed <= outcome.result.route.cost + outcome.result.route.at_risk
