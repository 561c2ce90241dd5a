"""What is counted of what a router does, in virtual time."""

from __future__ import annotations

import gc
import subprocess
import sys
from contextlib import suppress

import anyio
import pytest
from prometheus_client import CollectorRegistry
from redis import exceptions

from pixelrelay import Router, errors
from pixelrelay.config import load
from pixelrelay.events import StoreAsked, StoreModeChanged, WaitFinished
from pixelrelay.images import Operation
from pixelrelay.metrics import PrometheusObserver, catalogue, labels
from pixelrelay.store.clients import word_for
from pixelrelay.testing import FaultKind, Fleet
from tests.metrics.fleets import PICTURE, always, asked, flux, routed, series, value

pytestmark = pytest.mark.anyio


def observed(router: Router) -> CollectorRegistry:
    registry = CollectorRegistry()
    router.observe(PrometheusObserver(router, registry))
    return registry


async def test_a_picture_is_counted_with_its_pixels_its_price_and_its_seconds() -> None:
    router = routed(Fleet(flux("eastus")))
    registry = observed(router)

    await asked(router)

    assert value(registry, "pixelrelay_requests_total", group="flux", operation="generate", outcome="served") == 1
    assert value(registry, "pixelrelay_attempts_total", deployment="eastus", outcome="served", kind="") == 1
    assert value(registry, "pixelrelay_images_total", deployment="eastus", operation="generate") == 1
    megapixels = value(registry, "pixelrelay_megapixels_total", deployment="eastus", operation="generate")
    assert megapixels == pytest.approx(1.048576)
    assert value(registry, "pixelrelay_cost_dollars_total", deployment="eastus") == pytest.approx(0.05)
    took = {"operation": "generate", "size": "middling", "outcome": "served"}
    assert value(registry, "pixelrelay_attempt_seconds_sum", deployment="eastus", **took) == pytest.approx(6, abs=0.5)
    assert value(registry, "pixelrelay_attempt_seconds_bucket", deployment="eastus", le="5.0", **took) == 0
    assert value(registry, "pixelrelay_attempt_seconds_bucket", deployment="eastus", le="7.5", **took) == 1
    assert value(registry, "pixelrelay_request_seconds_count", group="flux", **took) == 1


async def test_a_failure_leads_to_a_failover_that_names_both_and_the_reason() -> None:
    router = routed(Fleet(flux("eastus", always(FaultKind.UNAVAILABLE)), flux("sweden")))
    registry = observed(router)

    await asked(router)

    assert value(registry, "pixelrelay_attempts_total", deployment="eastus", outcome="failed", kind="overloaded") == 1
    crossed = {"from": "eastus", "to": "sweden", "reason": "overloaded"}
    assert value(registry, "pixelrelay_failovers_total", **crossed) == 1
    assert value(registry, "pixelrelay_retries_total", deployment="eastus", reason="overloaded") == 0


async def test_a_second_try_at_the_same_deployment_is_a_retry() -> None:
    router = routed(Fleet(flux("eastus", always(FaultKind.UNAVAILABLE, times=1))))
    registry = observed(router)

    await asked(router)

    assert value(registry, "pixelrelay_retries_total", deployment="eastus", reason="overloaded") == 1
    assert not [name for name, _ in series(registry) if name == "pixelrelay_failovers_total"]


async def test_a_fallback_is_counted_between_groups_and_is_no_failover() -> None:
    fleet = Fleet(flux("eastus", always(FaultKind.UNAVAILABLE)), flux("spare"))
    written = {"strategy": "ordered", "fallbacks": ["spares"], "deployments": fleet.entries("eastus")}
    router = routed(fleet, {"models": {"flux": written, "spares": {"deployments": fleet.entries("spare")}}})
    registry = observed(router)

    await asked(router)

    turned = {"from": "flux", "to": "spares", "reason": "overloaded"}
    assert value(registry, "pixelrelay_fallbacks_total", **turned) == 1
    assert not [name for name, _ in series(registry) if name == "pixelrelay_failovers_total"]


async def test_failovers_of_a_large_group_do_not_count_each_pair() -> None:
    ill = [flux(f"ill-{n}", always(FaultKind.UNAVAILABLE)) for n in range(labels.FEW)]
    router = routed(Fleet(*ill, flux("well")))
    registry = observed(router)

    await asked(router, timeout=1000)

    pairs = [dict(given) for name, given in series(registry) if name == "pixelrelay_failovers_total"]
    assert pairs
    assert {pair["to"] for pair in pairs} == {labels.ANOTHER}


async def test_what_may_have_been_billed_is_at_risk_until_somebody_knows() -> None:
    router = routed(Fleet(flux("eastus", always(FaultKind.RESET_BEFORE_ANSWER)), flux("sweden")))
    registry = observed(router)

    await asked(router)

    assert value(registry, "pixelrelay_at_risk_dollars_total", deployment="eastus") == pytest.approx(0.05)
    assert value(registry, "pixelrelay_cost_dollars_total", deployment="eastus") == 0
    assert value(registry, "pixelrelay_cost_dollars_total", deployment="sweden") == pytest.approx(0.05)


async def test_what_was_billed_and_brought_no_picture_is_told_apart_from_what_did() -> None:
    router = routed(Fleet(flux("eastus", always(FaultKind.EMPTY_DATA)), flux("sweden")))
    registry = observed(router)

    await asked(router)

    assert value(registry, "pixelrelay_attempts_total", deployment="eastus", outcome="failed", kind="unusable") == 1
    assert value(registry, "pixelrelay_undelivered_dollars_total", deployment="eastus") == pytest.approx(0.05)
    assert value(registry, "pixelrelay_cost_dollars_total", deployment="eastus") == 0


async def test_a_picture_without_a_price_is_counted_as_such_and_not_as_free() -> None:
    fleet = Fleet(flux("eastus"))
    router = routed(fleet, fleet.config("flux"))
    registry = observed(router)

    await asked(router)

    assert value(registry, "pixelrelay_unpriced_attempts_total", deployment="eastus") == 1
    assert value(registry, "pixelrelay_cost_dollars_total", deployment="eastus") == 0


async def test_those_who_wait_are_counted_while_they_do_and_timed_after() -> None:
    router = routed(Fleet(flux("eastus", concurrent=1)))
    registry = observed(router)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(asked, router)
        await anyio.sleep(1)
        assert value(registry, "pixelrelay_waiting", group="flux") == 2

    assert value(registry, "pixelrelay_waiting", group="flux") == 0
    waited = {"group": "flux", "operation": "generate", "size": "middling", "outcome": "served"}
    assert value(registry, "pixelrelay_wait_seconds_count", **waited) == 2
    assert value(registry, "pixelrelay_wait_seconds_sum", **waited) == pytest.approx(18, abs=2)


async def test_a_wait_that_began_before_anybody_listened_does_not_count_below_nothing() -> None:
    router = routed(Fleet(flux("eastus")))
    registry = CollectorRegistry()
    observer = PrometheusObserver(router, registry)

    observer(WaitFinished("pr_1", "flux", 3.0, True, Operation.GENERATE, None))

    assert value(registry, "pixelrelay_waiting", group="flux") == 0


def in_modes(registry: CollectorRegistry) -> dict[str, float | None]:
    return {mode: value(registry, "pixelrelay_store_mode", mode=mode) for mode in labels.MODES}


def store_series(registry: CollectorRegistry) -> set[str]:
    return {name for name, _ in series(registry) if name.startswith("pixelrelay_store_")}


def test_the_mode_of_the_store_stands_at_one_and_the_others_at_zero() -> None:
    router = routed(Fleet(flux("eastus")))
    registry = CollectorRegistry()
    observer = PrometheusObserver(router, registry)

    observer(StoreModeChanged("shared", "found", 4))
    assert in_modes(registry) == {"shared": 1, "share": 0, "open": 0, "closed": 0}
    assert value(registry, "pixelrelay_store_processes") == 4

    observer(StoreModeChanged("share", "timeout: no answer within 0.25 s", 4))
    assert in_modes(registry) == {"shared": 0, "share": 1, "open": 0, "closed": 0}

    observer(StoreModeChanged("shared", "found again after 3.00 s", 3))
    assert in_modes(registry) == {"shared": 1, "share": 0, "open": 0, "closed": 0}
    assert value(registry, "pixelrelay_store_processes") == 3


def test_the_number_of_processes_may_be_told_anew_without_another_mode() -> None:
    router = routed(Fleet(flux("eastus")))
    registry = CollectorRegistry()
    observer = PrometheusObserver(router, registry)

    observer(StoreModeChanged("shared", "found", 1))
    observer(StoreModeChanged("shared", "joined", 2))

    assert value(registry, "pixelrelay_store_processes") == 2
    assert value(registry, "pixelrelay_store_mode", mode="shared") == 1


async def test_of_a_store_in_memory_nothing_is_told() -> None:
    router = routed(Fleet(flux("eastus")))
    registry = observed(router)

    await asked(router)

    assert store_series(registry) == set()


def test_each_round_trip_is_timed_by_its_step_in_buckets_below_a_second() -> None:
    router = routed(Fleet(flux("eastus")))
    registry = CollectorRegistry()
    observer = PrometheusObserver(router, registry)

    observer(StoreAsked("reserve", 0.0004))
    observer(StoreAsked("reserve", 0.25, "timeout"))
    observer(StoreAsked("settle", 2.0))

    counts = {
        bound: value(registry, "pixelrelay_store_seconds_bucket", step="reserve", le=bound)
        for bound in ("0.00025", "0.0005", "0.125", "0.25", "1.0", "+Inf")
    }
    assert counts == {"0.00025": 0, "0.0005": 1, "0.125": 1, "0.25": 2, "1.0": 2, "+Inf": 2}
    assert value(registry, "pixelrelay_store_seconds_sum", step="settle") == 2
    assert value(registry, "pixelrelay_store_seconds_bucket", step="settle", le="1.0") == 0


def test_what_goes_wrong_with_the_store_is_counted_by_step_and_word() -> None:
    router = routed(Fleet(flux("eastus")))
    registry = CollectorRegistry()
    observer = PrometheusObserver(router, registry)

    observer(StoreAsked("settle", 0.001))
    assert value(registry, "pixelrelay_store_errors_total", step="reserve", error="timeout") == 0
    observer(StoreAsked("reserve", 0.25, "timeout"))

    assert value(registry, "pixelrelay_store_errors_total", step="reserve", error="timeout") == 1
    errors_counted = [count for (name, _), count in series(registry).items() if name == "pixelrelay_store_errors_total"]
    assert sum(errors_counted) == 1


def test_where_a_store_is_configured_its_errors_stand_at_zero_before_the_first() -> None:
    config = {**Fleet(flux("eastus")).config("flux"), "store": "redis://cache.example:6379/0"}
    registry = CollectorRegistry()
    PrometheusObserver(load(config), registry)

    assert value(registry, "pixelrelay_store_errors_total", step="join", error="connection") == 0


def test_a_word_that_is_not_in_the_lists_becomes_other() -> None:
    router = routed(Fleet(flux("eastus")))
    registry = CollectorRegistry()
    observer = PrometheusObserver(router, registry)

    observer(StoreAsked("defragment", 0.001, "ERR value is not an integer: 'a lighthouse'"))

    assert value(registry, "pixelrelay_store_errors_total", step="other", error="other") == 1
    assert value(registry, "pixelrelay_store_seconds_count", step="other") == 1
    assert not [given for _, given in series(registry) if "lighthouse" in str(given) or "defragment" in str(given)]


def test_every_word_that_a_client_of_redis_has_for_an_error_is_in_the_list() -> None:
    kinds = {kind for kind in vars(exceptions).values() if isinstance(kind, type) and issubclass(kind, Exception)}
    bare = [kind.__new__(kind) for kind in kinds | {OSError, TimeoutError}]
    starts = ("OOM", "READONLY", "MISCONF", "NOPERM", "NOAUTH", "NOREPLICAS", "CLUSTERDOWN", "LOADING", "BUSY", "ERR")
    said = [exceptions.ResponseError(f"{start} of the server's own") for start in starts]

    words = {word_for(error) for error in (*bare, *said)}

    assert words <= set(labels.STORE_ERRORS) - {labels.OTHER}


def test_two_routers_in_one_registry_are_counted_each_in_its_mode() -> None:
    first, second = routed(Fleet(flux("eastus"))), routed(Fleet(flux("sweden")))
    registry = CollectorRegistry()
    one, other = PrometheusObserver(first, registry), PrometheusObserver(second, registry)

    one(StoreModeChanged("shared", "found", 2))
    other(StoreModeChanged("shared", "found", 2))
    assert in_modes(registry) == {"shared": 2, "share": 0, "open": 0, "closed": 0}

    other(StoreModeChanged("closed", "connection: refused", 2))
    assert in_modes(registry) == {"shared": 1, "share": 0, "open": 0, "closed": 1}


def test_a_router_that_ended_while_its_store_was_away_is_not_told_of_forever() -> None:
    registry = CollectorRegistry()

    def lost() -> None:
        router = routed(Fleet(flux("eastus")))
        observer = PrometheusObserver(router, registry)
        router.observe(observer)
        observer(StoreModeChanged("share", "timeout", 2))

    lost()
    gc.collect()

    assert in_modes(registry) == {"shared": 0, "share": 0, "open": 0, "closed": 0}


async def test_a_caller_who_leaves_is_cancelled_and_the_attempt_abandoned() -> None:
    router = routed(Fleet(flux("eastus")))
    registry = observed(router)

    with anyio.move_on_after(2):
        await asked(router)

    assert value(registry, "pixelrelay_requests_total", group="flux", operation="generate", outcome="cancelled") == 1
    assert value(registry, "pixelrelay_attempts_total", deployment="eastus", outcome="abandoned", kind="") == 1
    assert value(registry, "pixelrelay_at_risk_dollars_total", deployment="eastus") == pytest.approx(0.05)


async def test_a_cooldown_is_counted_when_it_begins() -> None:
    router = routed(Fleet(flux("eastus", always(FaultKind.UNAUTHORISED)), flux("sweden")))
    registry = observed(router)

    await asked(router)

    assert value(registry, "pixelrelay_cooldowns_total", deployment="eastus") == 1
    assert value(registry, "pixelrelay_cooldowns_total", deployment="sweden") == 0


async def test_every_failure_stands_at_zero_before_it_happens_so_that_the_first_one_is_an_increase() -> None:
    registry = observed(routed(Fleet(flux("eastus"))))

    assert value(registry, "pixelrelay_attempts_total", deployment="eastus", outcome="failed", kind="not_found") == 0
    assert value(registry, "pixelrelay_requests_total", group="flux", operation="edit", outcome="error") == 0
    assert value(registry, "pixelrelay_at_risk_dollars_total", deployment="eastus") == 0


async def test_a_model_that_nobody_configured_does_not_become_a_label() -> None:
    router = routed(Fleet(flux("eastus")))
    registry = observed(router)

    await asked(router, "dall-e-9")

    unknown = {"group": "(unknown)", "operation": "generate"}
    assert value(registry, "pixelrelay_requests_total", outcome="unknown_model", **unknown) == 1
    assert not [given for _, given in series(registry) if ("group", "dall-e-9") in given]


async def test_a_deployment_may_stand_in_the_place_of_a_group() -> None:
    router = routed(Fleet(flux("eastus"), flux("sweden")))
    registry = observed(router)

    await asked(router, "sweden")

    assert value(registry, "pixelrelay_requests_total", group="sweden", operation="generate", outcome="served") == 1


async def test_ten_thousand_callers_with_names_of_their_own_add_no_series() -> None:
    router = routed(Fleet(flux("eastus", latency=0.0), flux("sweden", latency=0.0)))
    registry = CollectorRegistry()
    observer = PrometheusObserver(router, registry)
    router.observe(observer)

    async def call(number: int) -> None:
        model = "flux" if number % 20 == 0 else f"model-{number}"
        size = (256 + number % 320 // 20 * 16, 256)
        with suppress(errors.UnknownModelError):
            await router.generate(model, f"prompt {number}", user=f"user-{number}", size=size)
        observer(StoreAsked(f"step-{number}", number / 10_000, f"ERR prompt {number}"))
        observer(StoreModeChanged(f"mode-{number}", f"user-{number}", number))

    await call(0)
    await call(1)
    before = set(series(registry))
    async with anyio.create_task_group() as tasks:
        for number in range(2, 10_000):
            tasks.start_soon(call, number)
    after = set(series(registry))

    assert value(registry, "pixelrelay_requests_total", group="flux", operation="generate", outcome="served") == 500
    known = {"flux", "eastus", "sweden", "(unknown)"}
    assert {name for _, given in after for label, name in given if label in {"group", "deployment"}} <= known
    assert {series for series in after - before if "seconds" not in series[0]} == set()
    assert len(after) - len(before) <= 2 * 2 * (len(catalogue.BUCKETS) + 3)  # sizes of another class, or deployments


async def test_a_tag_that_no_deployment_has_labels_nothing() -> None:
    router = routed(Fleet(flux("eastus")))
    registry = observed(router)

    await asked(router, tags=["tag-of-a-caller"])

    assert not [given for _, given in series(registry) if "tag-of-a-caller" in str(given)]
    assert value(registry, "pixelrelay_requests_total", group="flux", operation="generate", outcome="unservable") == 1


async def test_a_reload_brings_the_series_of_new_deployments_and_keeps_the_counts_of_old_ones() -> None:
    fleet = Fleet(flux("eastus"), flux("sweden"))
    router = routed(fleet, {"models": {"flux": {"deployments": fleet.entries("eastus")}}})
    registry = observed(router)
    await asked(router)
    assert value(registry, "pixelrelay_images_total", deployment="sweden", operation="generate") is None

    router.reload({"models": {"painting": {"deployments": fleet.entries("sweden")}}})
    await asked(router, "painting")

    assert value(registry, "pixelrelay_requests_total", group="painting", operation="generate", outcome="served") == 1
    assert value(registry, "pixelrelay_images_total", deployment="sweden", operation="generate") == 1
    assert value(registry, "pixelrelay_images_total", deployment="eastus", operation="generate") == 1


async def test_two_routers_count_into_one_registry() -> None:
    first, second = routed(Fleet(flux("eastus"))), routed(Fleet(flux("eastus"), flux("sweden")))
    registry = CollectorRegistry()
    for router in (first, second):
        router.observe(PrometheusObserver(router, registry))

    await asked(first)
    await asked(second)

    assert value(registry, "pixelrelay_images_total", deployment="eastus", operation="generate") == 2
    assert value(registry, "pixelrelay_in_flight", deployment="sweden") == 0


async def test_routers_with_registries_of_their_own_count_apart() -> None:
    first, second = routed(Fleet(flux("eastus"))), routed(Fleet(flux("eastus")))
    ours, theirs = observed(first), observed(second)

    await asked(first)

    assert value(ours, "pixelrelay_images_total", deployment="eastus", operation="generate") == 1
    assert value(theirs, "pixelrelay_images_total", deployment="eastus", operation="generate") == 0


async def test_a_configuration_alone_is_enough_to_count() -> None:
    fleet = Fleet(flux("eastus"))
    router = routed(fleet)
    registry = CollectorRegistry()
    router.observe(PrometheusObserver(router.config, registry))

    await asked(router)

    assert value(registry, "pixelrelay_images_total", deployment="eastus", operation="generate") == 1
    assert value(registry, "pixelrelay_in_flight", deployment="eastus") is None


def test_every_error_that_callers_are_told_has_an_outcome_of_its_own() -> None:
    families = (errors.RequestRefusedError, errors.NotServedError)
    kinds = (kind for family in families for kind in family.__subclasses__())
    told = {kind for kind in kinds if kind.__module__ == errors.__name__}  # those of compat are these again

    assert set(labels.ENDINGS) == told
    assert len(set(labels.OUTCOMES)) == len(labels.OUTCOMES)


def test_an_error_that_should_not_happen_is_told_as_one() -> None:
    assert labels.outcome_of(KeyError("eastus")) == "error"
    assert labels.outcome_of(KeyboardInterrupt()) == "cancelled"


async def test_an_edit_is_not_counted_as_a_generation() -> None:
    router = routed(Fleet(flux("eastus")))
    registry = observed(router)

    with pytest.raises(errors.UnknownModelError):
        await router.edit("dall-e-9", PICTURE, "a lighthouse")

    unknown = {"group": "(unknown)", "outcome": "unknown_model"}
    assert value(registry, "pixelrelay_requests_total", operation="edit", **unknown) == 1
    assert value(registry, "pixelrelay_requests_total", operation="generate", **unknown) == 0


@pytest.mark.parametrize(
    ("missing", "observer", "extra"),
    [
        ("prometheus_client", "PrometheusObserver", "metrics"),
        ("opentelemetry", "OpenTelemetryObserver", "otel"),
    ],
)
def test_what_is_not_installed_is_named_with_the_extra_that_brings_it(missing: str, observer: str, extra: str) -> None:
    script = f"import sys; sys.modules[{missing!r}] = None; from pixelrelay.metrics import {observer}"

    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert f"ImportError: pixelrelay.metrics.{observer} needs" in run.stderr
    assert f"pip install 'pixelrelay[{extra}]'" in run.stderr


def test_the_package_itself_loads_neither_of_the_libraries() -> None:
    script = "import pixelrelay.metrics, sys; print({'prometheus_client', 'opentelemetry'} & sys.modules.keys())"

    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "set()"
