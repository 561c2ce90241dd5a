"""The router for code that does not await: the same calls, from any thread, against sockets."""

from __future__ import annotations

import inspect
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pixelrelay import ConfigError, InvalidRequestError, Router, SyncRouter, UnknownModelError
from pixelrelay.events import AttemptAdvanced, Event
from pixelrelay.outcomes import Phase
from pixelrelay.store.memory import MemoryStore
from pixelrelay.testing import EmulatedDeployment, Fleet, emulated_fleet
from tests.emulator.scenes import png
from tests.router.scenes import SMALL, Witness


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with emulated_fleet(
        EmulatedDeployment("east", "azure-foundry", "FLUX.2-pro", requests_per_minute=600, latency=0.05),
        EmulatedDeployment("bfl", "black-forest-labs", "flux-2-pro", concurrent=24, latency=0.05),
        EmulatedDeployment("slow", "azure-foundry", "FLUX.2-pro", requests_per_minute=600, latency=30.0),
    ) as running:
        yield running


def config_of(fleet: Fleet, *names: str) -> dict[str, Any]:
    return {"models": {"flux": {"deployments": fleet.entries(*names)}}}


def portal_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "pixelrelay" in thread.name]


# --- the face ----------------------------------------------------------------------------------------------------

SHARED = ("generate", "edit", "budget", "budgets", "spend", "state", "observe", "reload", "from_config", "__init__")


@pytest.mark.parametrize("name", SHARED)
def test_both_routers_are_called_alike(name: str) -> None:
    assert parameters(SyncRouter, name) == parameters(Router, name)


def parameters(router: type[Any], name: str) -> list[tuple[str, Any, Any, Any]]:
    found = inspect.signature(getattr(router, name)).parameters.values()
    return [(each.name, each.kind, each.default, each.annotation) for each in found]


def test_all_that_the_async_router_can_do_the_other_can_do() -> None:
    asynchronous_only = {"aclose", "plan", "order", "groups"}
    names = {name for name in vars(Router) if not name.startswith("_")}
    assert names - asynchronous_only <= set(vars(SyncRouter))


# --- calls -------------------------------------------------------------------------------------------------------


def test_pictures_are_drawn_and_edited(fleet: Fleet) -> None:
    with SyncRouter(config_of(fleet, "east", "bfl")) as router:
        assert router.generate("flux", "a lighthouse", size=SMALL).data[0].bytes()
        assert router.edit("flux", png((256, 256)), "add a hat").data[0].bytes()
        assert router.state("east").in_flight == 0
        assert list(router.config.models) == ["flux"]


def test_many_threads_share_one_router(fleet: Fleet) -> None:
    with SyncRouter(config_of(fleet, "east", "bfl")) as router, ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda at: router.generate("flux", f"picture {at}", size=SMALL), range(24)))
    assert len({result.route.request_id for result in results}) == 24
    assert fleet.billed_in_all.pictures == 24


def test_errors_come_as_from_the_async_router(fleet: Fleet) -> None:
    with SyncRouter(config_of(fleet, "east")) as router:
        with pytest.raises(UnknownModelError):
            router.generate("flix", "a lighthouse")
        with pytest.raises(InvalidRequestError):
            router.generate("flux", "a lighthouse", n=0)


def test_observers_and_new_configurations_are_taken(fleet: Fleet) -> None:
    witness = Witness()
    with SyncRouter(config_of(fleet, "east")) as router:
        router.observe(witness)
        router.reload({"models": {"other": {"deployments": fleet.entries("bfl")}}})
        assert router.generate("other", "a lighthouse", size=SMALL).route.deployment == "bfl"
    assert witness.events


def test_a_store_may_be_handed_in(fleet: Fleet) -> None:
    store = MemoryStore()
    with SyncRouter.from_config(config_of(fleet, "east"), store=store) as router:
        router.generate("flux", "a lighthouse", size=SMALL)
        assert router.state("east").quotas["east/requests"].used == 1


def test_an_interrupted_call_is_cancelled_and_settled(fleet: Fleet) -> None:
    sent = threading.Event()

    def interrupt(event: Event) -> None:
        if isinstance(event, AttemptAdvanced) and event.phase is Phase.SENT and not sent.is_set():
            sent.set()
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # as Ctrl-C does

    with SyncRouter(config_of(fleet, "slow"), observers=[interrupt]) as router:
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            router.generate("flux", "a lighthouse", size=SMALL)
        while router.state("slow").in_flight:
            assert time.monotonic() - began < 5
        assert router.state("slow").quotas["slow/requests"].used == 1
    assert time.monotonic() - began < 10


# --- its thread --------------------------------------------------------------------------------------------------


def test_a_closed_router_has_no_thread_and_says_that_it_is_closed(fleet: Fleet) -> None:
    router = SyncRouter(config_of(fleet, "east"))
    assert portal_threads()
    router.close()
    router.close()
    assert not portal_threads()
    with pytest.raises(RuntimeError, match="has been closed"):
        router.generate("flux", "a lighthouse")
    with pytest.raises(RuntimeError, match="has been closed"):
        router.state("east")


def test_a_configuration_that_cannot_be_used_starts_no_thread() -> None:
    with pytest.raises(ConfigError):
        SyncRouter({"models": {}})
    assert not portal_threads()


def test_a_router_that_cannot_be_made_leaves_no_thread_behind(fleet: Fleet) -> None:
    class Deaf(MemoryStore):
        def listen(self, listener: object) -> None:  # noqa: ARG002 - as a store that cannot be reached
            raise OSError("the store is away")

    with pytest.raises(OSError, match="away"):
        SyncRouter(config_of(fleet, "east"), store=Deaf())
    assert not portal_threads()


def test_budgets_and_what_was_spent_are_told_without_awaiting(fleet: Fleet) -> None:
    config = config_of(fleet, "bfl")
    for entry in config["models"]["flux"]["deployments"]:
        entry["price"] = {"image": "0.04"}
    with SyncRouter({**config, "budgets": {"daily": {"dollars": 1, "window": "day"}}}) as router:
        router.generate("flux", "a lighthouse", size=SMALL)
        spent = router.spend().total.known
        assert spent > 0
        assert router.budgets()["daily"].used == router.budget("daily").used == spent
