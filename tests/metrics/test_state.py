"""What the gauges tell of quotas, health and what is in flight, and from where they may be read."""

from __future__ import annotations

import asyncio
import gc
from decimal import Decimal

import anyio
import anyio.to_thread
import pytest
from prometheus_client import CollectorRegistry

from pixelrelay import Limits, Router, SyncRouter
from pixelrelay._transport.transport import Transport
from pixelrelay.metrics import PrometheusObserver
from pixelrelay.store.memory import MemoryStore
from pixelrelay.testing import FaultKind, Fleet, emulated_fleet
from tests.metrics.fleets import FLUX, always, asked, flux, priced, routed, series, value

pytestmark = pytest.mark.anyio


def observed(router: Router | SyncRouter) -> CollectorRegistry:
    registry = CollectorRegistry()
    router.observe(PrometheusObserver(router, registry))
    return registry


async def test_a_quota_is_told_as_used_until_its_minute_is_over() -> None:
    router = routed(Fleet(flux("eastus", requests_per_minute=30)))
    registry = observed(router)
    ours = {"deployment": "eastus", "pool": "", "unit": "requests"}
    assert value(registry, "pixelrelay_quota_used", **ours) == 0

    await asked(router)
    await asked(router)

    assert value(registry, "pixelrelay_quota_used", **ours) == 2
    assert value(registry, "pixelrelay_quota_limit", **ours) == 30
    assert value(registry, "pixelrelay_quota_learned_limit", **ours) == 30
    await anyio.sleep(61)
    assert value(registry, "pixelrelay_quota_used", **ours) == 0


async def test_what_a_429_taught_stands_beside_the_limit_that_was_configured() -> None:
    fleet = Fleet(flux("eastus", always(FaultKind.RATE_LIMITED, retry_after=5), requests_per_minute=30))
    (entry,) = fleet.entries()
    # Of a quota that is counted in the strictest way already, less is admitted after the first 429.
    router = routed(fleet, {"models": {"flux": {"deployments": [{**entry, "shape": "paced"}]}}})
    registry = observed(router)

    await asked(router, timeout=3)

    ours = {"deployment": "eastus", "pool": "", "unit": "requests"}
    learned = value(registry, "pixelrelay_quota_learned_limit", **ours)
    assert learned is not None
    assert learned < 30
    assert value(registry, "pixelrelay_quota_limit", **ours) == 30


async def test_a_shared_quota_is_told_once_whoever_of_the_pool_has_used_it() -> None:
    fleet = Fleet(flux("eastus"), flux("sweden"))
    entries = [{**entry, "pools": ["contoso"]} for entry in fleet.entries()]
    pools = {"contoso": {"megapixels_per_minute": 60}}
    router = routed(fleet, {"models": {"flux": {"deployments": entries}}, "pools": pools})
    registry = observed(router)

    await asked(router, "sweden")

    pooled = {"deployment": "", "pool": "contoso", "unit": "megapixels"}
    assert value(registry, "pixelrelay_quota_used", **pooled) == pytest.approx(1.048576)
    assert value(registry, "pixelrelay_quota_limit", **pooled) == 60


async def test_of_routers_that_share_a_store_each_tells_the_whole_and_its_own_waits() -> None:
    fleet = Fleet(flux("eastus", requests_per_minute=30, concurrent=3))
    store = MemoryStore()
    first, second = routed(fleet, store=store), routed(fleet, store=store)
    registries = observed(first), observed(second)
    ours = {"deployment": "eastus", "pool": "", "unit": "requests"}

    async with anyio.create_task_group() as tasks:
        for router in (first, second, second, second, second):
            tasks.start_soon(asked, router)
            await anyio.sleep(0.1)  # one after the other, so that it is the second's that wait
        assert [value(each, "pixelrelay_in_flight", deployment="eastus") for each in registries] == [3, 3]
        assert [value(each, "pixelrelay_quota_used", **ours) for each in registries] == [3, 3]
        assert [value(each, "pixelrelay_waiting", group="flux") for each in registries] == [0, 2]

    assert [value(each, "pixelrelay_quota_used", **ours) for each in registries] == [5, 5]
    drawn = {"deployment": "eastus", "operation": "generate"}
    assert [value(each, "pixelrelay_images_total", **drawn) for each in registries] == [1, 4]


async def test_health_cooldown_and_attempts_under_way_are_told_by_deployment() -> None:
    router = routed(Fleet(flux("eastus", always(FaultKind.UNAUTHORISED)), flux("sweden")))
    registry = observed(router)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(asked, router)
        await anyio.sleep(1)
        assert value(registry, "pixelrelay_in_flight", deployment="sweden") == 1

    cooling = value(registry, "pixelrelay_cooldown_seconds", deployment="eastus")
    assert cooling == pytest.approx(300, abs=70)
    assert value(registry, "pixelrelay_deployment_health", deployment="eastus", state="cooling") == 1
    assert value(registry, "pixelrelay_deployment_health", deployment="eastus", state="well") == 0
    assert value(registry, "pixelrelay_deployment_health", deployment="sweden", state="well") == 1
    assert value(registry, "pixelrelay_in_flight", deployment="sweden") == 0


async def test_each_deployment_says_what_it_is() -> None:
    fleet = Fleet(flux("eastus"))
    (entry,) = fleet.entries()
    router = routed(fleet, {"models": {"flux": {"deployments": [{**entry, "region": "us"}]}}})
    registry = observed(router)

    said = {"group": "flux", "provider": FLUX, "model": "FLUX.2-pro", "region": "us"}
    assert value(registry, "pixelrelay_deployment_info", deployment="eastus", **said) == 1


async def test_a_reload_changes_what_is_told_at_once() -> None:
    fleet = Fleet(flux("eastus"), flux("sweden"))
    router = routed(fleet, {"models": {"flux": {"deployments": fleet.entries("eastus")}}})
    registry = observed(router)
    assert value(registry, "pixelrelay_in_flight", deployment="eastus") == 0

    router.reload({"models": {"flux": {"deployments": fleet.entries("sweden")}}})

    assert value(registry, "pixelrelay_in_flight", deployment="eastus") is None
    assert value(registry, "pixelrelay_in_flight", deployment="sweden") == 0


async def test_a_router_that_is_gone_is_told_no_more() -> None:
    registry = observed(routed(Fleet(flux("eastus"))))
    gc.collect()

    assert value(registry, "pixelrelay_in_flight", deployment="eastus") is None


async def test_a_scrape_from_another_thread_reads_the_state_in_the_routers_own_loop() -> None:
    router = routed(Fleet(flux("eastus", requests_per_minute=30)))
    registry = observed(router)
    await asked(router)

    told = await anyio.to_thread.run_sync(series, registry)

    ours = {"deployment": "eastus", "pool": "", "unit": "requests"}
    assert told["pixelrelay_quota_used", frozenset(ours.items())] == 1


def test_before_the_first_request_of_a_router_made_outside_a_loop_only_limits_are_told() -> None:
    router = routed(Fleet(flux("eastus", requests_per_minute=30)))
    registry = observed(router)

    assert value(registry, "pixelrelay_in_flight", deployment="eastus") is None
    assert value(registry, "pixelrelay_quota_limit", deployment="eastus", pool="", unit="requests") == 30
    assert value(registry, "pixelrelay_quota_used", deployment="eastus", pool="", unit="requests") is None


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_router_made_outside_a_loop_is_told_from_its_first_request_on(backend: str) -> None:
    router = routed(Fleet(flux("eastus", latency=0.0)))
    registry = observed(router)

    async def asked_and_scraped() -> float | None:
        await asked(router)
        return value(registry, "pixelrelay_in_flight", deployment="eastus")

    assert anyio.run(asked_and_scraped, backend=backend) == 0


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_after_the_loop_has_ended_the_counts_are_told_and_the_state_is_not(backend: str) -> None:
    fleet = Fleet(flux("eastus", latency=0.0))
    router = routed(fleet)
    registry = observed(router)

    anyio.run(asked, router, backend=backend)

    assert value(registry, "pixelrelay_images_total", deployment="eastus", operation="generate") == 1
    assert value(registry, "pixelrelay_in_flight", deployment="eastus") is None


def test_a_loop_that_stands_still_does_not_hold_up_a_scrape() -> None:
    router = routed(Fleet(flux("eastus", latency=0.0)))
    registry = observed(router)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(asked(router))

    assert value(registry, "pixelrelay_images_total", deployment="eastus", operation="generate") == 1
    assert value(registry, "pixelrelay_in_flight", deployment="eastus") is None
    loop.close()


def test_a_sync_router_may_be_scraped_from_any_thread() -> None:
    with (
        emulated_fleet(flux("eastus", latency=0.0)) as fleet,
        SyncRouter(fleet.config("flux"), transport=Transport("httpx2")) as router,
    ):
        registry = observed(router)
        router.generate("flux", "a lighthouse", size="512x512")

        assert value(registry, "pixelrelay_images_total", deployment="eastus", operation="generate") == 1
        assert value(registry, "pixelrelay_in_flight", deployment="eastus") == 0


# --- budgets -------------------------------------------------------------------------------------------------------

BUDGETS = {
    "daily": {"dollars": "0.12", "window": "day"},
    "each": {"dollars": 1, "rolling": "24h", "per": "user"},
}


async def test_a_budget_is_told_with_its_size_and_what_is_used_and_no_user_s_is() -> None:
    fleet = Fleet(flux("eastus"))
    router = routed(fleet, {**priced(fleet), "budgets": BUDGETS})
    registry = observed(router)
    assert value(registry, "pixelrelay_budget_used_dollars", budget="daily") == 0

    await asked(router, user="anna")

    assert value(registry, "pixelrelay_budget_used_dollars", budget="daily") == pytest.approx(0.05)
    assert value(registry, "pixelrelay_budget_limit_dollars", budget="daily") == pytest.approx(0.12)
    assert value(registry, "pixelrelay_budget_limit_dollars", budget="each") == 1
    assert value(registry, "pixelrelay_budget_used_dollars", budget="each") is None
    assert not any("anna" in str(labels) for _, labels in series(registry))


async def test_requests_that_a_budget_refuses_are_counted_by_its_name_and_those_of_a_caller_s_own_together() -> None:
    fleet = Fleet(flux("eastus"))
    router = routed(fleet, {**priced(fleet), "budgets": BUDGETS})
    registry = observed(router)
    name = "pixelrelay_budget_refusals_total"
    assert value(registry, name, budget="daily") == 0

    for _ in range(3):
        await asked(router)
    await asked(router, limits=Limits("key-7", dollars_per_day=Decimal("0.01")))

    assert value(registry, name, budget="daily") == 1
    assert value(registry, name, budget="(another)") == 1
    assert (
        value(registry, "pixelrelay_requests_total", group="flux", operation="generate", outcome="budget_exceeded") == 2
    )
