"""Deployments in trouble: cooldowns and probes, outages that are not multiplied, limits that turn out to be lower."""

from __future__ import annotations

from collections import Counter
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from pixelrelay import AttemptsExhaustedError, _clock
from pixelrelay.events import AttemptStarted, DeploymentChanged
from pixelrelay.store.base import Probation
from pixelrelay.testing import EmulatedDeployment, Fault, FaultKind, Fleet
from tests.router.scenes import Outcome, Witness, ask, bfl, billed, called, foundry, groups, lasting, router_of

pytestmark = pytest.mark.anyio

MANY = {"retry_budget": {"floor": 1000}}


def broken(name: str, **options: Any) -> Any:
    return foundry(name, faults=(Fault(FaultKind.UNAVAILABLE, **options),))


async def at_once(router: Any, times: int, **wishes: Any) -> list[Outcome]:
    outcomes: list[Outcome] = []

    async def one() -> None:
        outcomes.append(await ask(router, **wishes))

    async with anyio.create_task_group() as tasks:
        for _ in range(times):
            tasks.start_soon(one)
    return outcomes


async def ill(router: Any, name: str) -> None:
    """Let ``name`` fail until it is left alone."""
    while router.state(name).cooling == 0:
        await ask(router, name, timeout=30)


async def test_after_failures_in_a_row_a_deployment_is_left_alone() -> None:
    fleet = Fleet(broken("east"), foundry("west"))
    router = router_of(fleet, {**fleet.config("flux"), **MANY})
    await ill(router, "east")
    before = called(fleet)["east"]

    outcomes = [await ask(router) for _ in range(5)]

    assert {outcome.tried for outcome in outcomes} == {"west"}
    assert called(fleet)["east"] == before
    assert router.state("east").probation is Probation.COOLING


async def test_who_loses_job_after_job_is_left_alone() -> None:
    fleet = Fleet(bfl("losing", faults=(Fault(FaultKind.LOST_JOB),)), bfl("keeping"))
    router = router_of(fleet, {**fleet.config("flux"), **MANY})
    outcomes = [await ask(router) for _ in range(20)]

    assert all(outcome.result for outcome in outcomes)
    assert called(fleet)["losing"] == 3
    assert router.state("losing").probation is Probation.COOLING


async def test_a_cooldown_ends_with_a_single_probe_and_the_others_go_elsewhere() -> None:
    fleet, witness = Fleet(broken("east", until=20.0), foundry("west")), Witness()
    config = {**fleet.config("flux", strategy="ordered"), **MANY}
    config["models"]["flux"]["deployments"][1]["order"] = 1
    router = router_of(fleet, config, observers=[witness])
    await ill(router, "east")
    await anyio.sleep(router.state("east").cooling + 0.1)
    witness.events.clear()

    tried = Counter(outcome.tried for outcome in await at_once(router, 10))

    assert tried == {"east": 1, "west": 9}
    assert [event.deployment for event in witness.of(AttemptStarted) if event.probe] == ["east"]
    assert router.state("east").probation is Probation.WELL
    assert (await ask(router)).tried == "east"


async def test_a_probe_that_fails_doubles_the_cooldown() -> None:
    fleet = Fleet(broken("east"), foundry("west"))
    router = router_of(fleet, {**fleet.config("flux"), **MANY})
    await ill(router, "east")
    first = router.state("east").cooling
    await anyio.sleep(first + 0.1)
    await ask(router, "east", timeout=30)
    assert router.state("east").cooling > 1.3 * first


async def test_a_deployment_cools_first_for_as_long_as_it_is_told() -> None:
    fleet = Fleet(broken("east"), broken("west"), foundry("spare"))
    config = {**fleet.config("flux"), **MANY}
    config["models"]["flux"]["deployments"][0]["cooldown"] = 300.0
    router = router_of(fleet, config)
    await ill(router, "east")
    assert router.state("east").cooling >= 0.8 * 300.0 - 30.0
    await ill(router, "west")
    assert 0 < router.state("west").cooling <= 1.2 * 60.0


async def test_where_there_is_nowhere_else_one_that_is_ill_is_tried_all_the_same() -> None:
    fleet = Fleet(broken("east", until=10.0))
    router = router_of(fleet, {**fleet.config("flux"), **MANY})
    await ill(router, "east")
    await anyio.sleep(10)
    assert router.state("east").cooling > 0
    with lasting(2.0):
        assert (await ask(router)).result is not None


async def test_one_that_is_ill_is_not_tried_where_there_is_a_fallback() -> None:
    fleet = Fleet(broken("east"), foundry("spare"))
    config = groups(fleet, {"flux": ["east"], "second": ["spare"]}, flux={"fallbacks": ["second"]})
    router = router_of(fleet, {**config, **MANY})
    await ill(router, "east")
    before = called(fleet)["east"]
    assert {(await ask(router)).tried for _ in range(5)} == {"spare"}
    assert called(fleet)["east"] == before


async def test_moderation_is_not_held_against_a_deployment() -> None:
    fleet = Fleet(foundry("east", faults=(Fault(FaultKind.MODERATED_INPUT, times=10),)))
    router = router_of(fleet)
    for _ in range(10):
        assert (await ask(router)).result is None
    assert router.state("east").probation is Probation.WELL
    assert (await ask(router)).result is not None


async def test_who_has_to_be_put_right_by_somebody_is_left_alone_at_once_and_for_long() -> None:
    fleet = Fleet(foundry("east", faults=(Fault(FaultKind.UNAUTHORISED),)), foundry("west"))
    router = router_of(fleet)
    await ask(router, "east")
    assert router.state("east").cooling == pytest.approx(300, abs=1)


# --- outages -----------------------------------------------------------------------------------------------------


async def test_an_outage_is_not_multiplied() -> None:
    fleet = Fleet(*(broken(name) for name in ("a", "b", "c", "d")))
    never_ill = {"consecutive": 1000, "of": 1000, "failed": 1000}
    budget = {"share": 0.2, "floor": 10}
    router = router_of(fleet, {**fleet.config("flux"), "health": never_ill, "retry_budget": budget})

    outcomes = await at_once(router, 200)

    assert all(isinstance(outcome.error, AttemptsExhaustedError) for outcome in outcomes)
    assert fleet.billed_in_all.requests <= 200 + 0.2 * 200 + 10 + 1


async def test_a_full_provider_is_no_outage_and_is_not_rationed() -> None:
    fleet = Fleet(foundry("east", faults=(Fault(FaultKind.RATE_LIMITED, retry_after=5),)), foundry("west"))
    budget = {"share": 0, "floor": 0}
    router = router_of(fleet, {**fleet.config("flux", strategy="ordered"), "retry_budget": budget})
    assert (await ask(router)).result is not None


async def test_a_region_that_dies_costs_nobody_a_picture() -> None:
    fleet = Fleet(foundry("east"), foundry("west"))
    router = router_of(fleet, {**fleet.config("flux"), **MANY})

    async def death() -> None:
        await anyio.sleep(1.0)
        fleet.kill("east")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(death)
        outcomes = await at_once(router, 40)
    assert all(outcome.result for outcome in outcomes)
    # What was cut off in the middle may have been billed, and was.
    assert billed(fleet)["west"] == 40
    at_risk = sum(len(outcome.attempts) - 1 for outcome in outcomes)
    assert billed(fleet).get("east", 0) == at_risk


# --- what providers teach ----------------------------------------------------------------------------------------


async def test_a_time_to_stay_away_holds_for_all_who_share_the_pool() -> None:
    fleet = Fleet(
        foundry("east", faults=(Fault(FaultKind.RATE_LIMITED, retry_after=30, times=1),)),
        foundry("sibling"),
        foundry("stranger"),
    )
    config = fleet.config("flux", strategy="ordered")
    config["pools"] = {"contoso": {"requests_per_minute": 1000}}
    for order, entry in enumerate(config["models"]["flux"]["deployments"]):
        entry |= {"order": order, "pools": ["contoso"] if order < 2 else []}
    router = router_of(fleet, config)

    assert (await ask(router)).tried == "east stranger"
    assert {(await ask(router)).tried for _ in range(3)} == {"stranger"}
    await anyio.sleep(30)
    assert (await ask(router)).tried in {"east", "sibling"}


async def test_a_limit_that_is_lower_than_configured_is_learned_and_shown() -> None:
    fleet, witness = Fleet(foundry("east", requests_per_minute=6, enforcement="sliced")), Witness()
    config = fleet.config("flux")
    config["models"]["flux"]["deployments"][0]["requests_per_minute"] = 10
    router = router_of(fleet, config, observers=[witness])

    began = _clock.now()
    while _clock.now() - began < 900:
        await at_once(router, 3, timeout=120)

    state = router.state("east").quotas["east/requests"]
    assert state.limit == 10
    assert state.learned < 10
    changed = [event for event in witness.of(DeploymentChanged) if event.quota == "east/requests"]
    assert changed[-1].limit == 10
    assert changed[-1].learned == state.learned


@pytest.mark.parametrize("retry_after", [None, 0.0])
async def test_a_429_that_names_no_time_or_none_at_all_is_not_answered_with_a_volley(retry_after: float | None) -> None:
    fleet = Fleet(foundry("east", faults=(Fault(FaultKind.RATE_LIMITED, retry_after=retry_after, until=2.0),)))
    outcome = await ask(router_of(fleet), timeout=60)
    assert outcome.result is not None
    assert called(fleet)["east"] <= 5


async def test_a_429_about_a_quota_that_nobody_counts_leaves_its_deployment_alone_and_the_next_is_asked() -> None:
    # Xinference's speak of calls at a time, and these know of no such limit.
    fleet = Fleet(
        EmulatedDeployment("east", "xinference", "sd3", latency=2.0, requests_per_minute=60),
        EmulatedDeployment("west", "xinference", "sd3", latency=2.0, requests_per_minute=60),
    )
    fleet.fault("east", Fault(FaultKind.RATE_LIMITED))
    config = fleet.config("flux", strategy="ordered")
    config["models"]["flux"]["deployments"][1]["order"] = 1

    outcome = await ask(router_of(fleet, config), timeout=60)

    assert [attempt.deployment for attempt in outcome.attempts] == ["east", "west"]


# --- reloading ---------------------------------------------------------------------------------------------------


async def test_what_was_counted_and_learned_outlives_a_new_configuration() -> None:
    fleet = Fleet(foundry("east", requests_per_minute=1), foundry("west"))
    config = groups(fleet, {"flux": ["east"]})
    router = router_of(fleet, config)
    await ask(router)

    router.reload(groups(fleet, {"flux": ["east"], "second": ["west"]}, flux={"fallbacks": ["second"]}))

    assert router.state("east").quotas["east/requests"].used == 1
    (east,) = router.groups["flux"].candidates
    assert east.latency.expected(None) == pytest.approx(2.0)
    assert (await ask(router)).tried == "west"


async def test_requests_under_way_end_by_the_configuration_that_they_began_with() -> None:
    fleet = Fleet(foundry("east"), foundry("west"))
    config = groups(fleet, {"flux": ["east"], "second": ["west"]}, flux={"fallbacks": ["second"]})
    router, outcomes = router_of(fleet, config), list[Outcome]()

    async def one() -> None:
        outcomes.append(await ask(router))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one)
        await anyio.sleep(1)
        router.reload(groups(fleet, {"flux": ["east"]}))
        fleet.kill("east")
    assert outcomes[0].tried == "east west"
    assert "second" not in router.groups


async def test_a_configuration_that_cannot_be_used_changes_nothing() -> None:
    fleet = Fleet(foundry("east"))
    router = router_of(fleet)
    before = router.config
    with pytest.raises(Exception, match="models"):
        router.reload({"models": {}})
    assert router.config is before
    assert (await ask(router)).result is not None


async def test_a_new_retry_budget_holds_at_once() -> None:
    fleet = Fleet(broken("east"))
    router = router_of(fleet)
    router.reload({**fleet.config("flux"), "retry_budget": {"share": 0, "floor": 0}})
    assert (await ask(router)).tried == "east"
