"""Real processes that count into one directory, as prometheus-client's multi-process mode has it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead
from prometheus_client.parser import text_string_to_metric_families

from pixelrelay.metrics import labels

WORKER = """
import gc
import sys
import anyio
from prometheus_client import generate_latest
from pixelrelay.events import StoreAsked, StoreModeChanged
from pixelrelay.metrics import PrometheusObserver
from pixelrelay.testing import Fleet, VirtualLoop
from tests.metrics.fleets import asked, flux, routed

requests, mode, processes, before = sys.argv[1:]

def ended(mode):
    router = routed(Fleet(flux("eastus")))
    observer = PrometheusObserver(router)
    router.observe(observer)
    observer(StoreModeChanged(mode, "told", int(processes)))

async def main():
    router = routed(Fleet(flux("eastus", requests_per_minute=30, concurrent=1)))
    observer = PrometheusObserver(router)
    router.observe(observer)
    if mode:
        observer(StoreModeChanged(mode, "told", int(processes)))
        observer(StoreAsked("reserve", 0.25, None if mode == "shared" else "timeout"))
    if before:
        ended(before)
        gc.collect()
    async with anyio.create_task_group() as tasks:
        for _ in range(int(requests)):
            tasks.start_soon(asked, router)
    sys.stdout.write(generate_latest(observer.exposed).decode())

anyio.run(main, backend_options={"loop_factory": VirtualLoop})
"""


Told = dict[tuple[str, frozenset[tuple[str, str]]], float]


def worker(directory: Path, requests: int, mode: str = "", processes: int = 0, ended: str = "") -> Told:
    """What a process exposes that has served so many requests, its store being in this mode; in memory if in none.

    ``ended`` is the mode that a second router of it was in when it ended.
    """
    run = subprocess.run(
        [sys.executable, "-c", WORKER, str(requests), mode, str(processes), ended],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    samples = [sample for family in text_string_to_metric_families(run.stdout) for sample in family.samples]
    keys = [(sample.name, frozenset(sample.labels.items())) for sample in samples]
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, (sample.value for sample in samples), strict=True))


def test_counts_of_all_processes_add_up_in_whichever_is_scraped(tmp_path: Path) -> None:
    worker(tmp_path, 2)
    told = worker(tmp_path, 3)

    def value(name: str, **labels: str) -> float:
        return told[name, frozenset(labels.items())]

    took = {"operation": "generate", "size": "middling", "outcome": "served"}
    assert value("pixelrelay_images_total", deployment="eastus", operation="generate") == 5
    assert value("pixelrelay_attempt_seconds_count", deployment="eastus", **took) == 5
    assert value("pixelrelay_attempt_seconds_bucket", deployment="eastus", le="7.5", **took) == 5
    assert value("pixelrelay_wait_seconds_count", group="flux", **took) == 1 + 2
    assert value("pixelrelay_waiting", group="flux") == 0


def test_quotas_and_health_are_those_of_the_process_that_is_scraped(tmp_path: Path) -> None:
    worker(tmp_path, 2)
    told = worker(tmp_path, 3)

    ours = {"deployment": "eastus", "pool": "", "unit": "requests"}
    assert told["pixelrelay_quota_used", frozenset(ours.items())] == 3
    assert told["pixelrelay_in_flight", frozenset({"deployment": "eastus"}.items())] == 0


def test_the_modes_of_all_processes_add_up_and_how_many_share_is_as_told_last(tmp_path: Path) -> None:
    worker(tmp_path, 0, "shared", 4)
    worker(tmp_path, 0, "share", 9)
    told = worker(tmp_path, 0, "shared", 3)

    modes = {mode: told["pixelrelay_store_mode", frozenset({("mode", mode)})] for mode in labels.MODES}
    assert modes == {"shared": 2, "share": 1, "open": 0, "closed": 0}
    assert told["pixelrelay_store_processes", frozenset()] == 3
    timeouts = frozenset({("step", "reserve"), ("error", "timeout")})
    assert told["pixelrelay_store_errors_total", timeouts] == 1
    assert told["pixelrelay_store_seconds_count", frozenset({("step", "reserve")})] == 3


def test_a_process_that_died_is_in_no_mode(tmp_path: Path) -> None:
    worker(tmp_path, 0, "closed", 4)
    (of_the_dead,) = tmp_path.glob("gauge_livesum_*.db")
    mark_process_dead(int(of_the_dead.stem.rpartition("_")[2]), str(tmp_path))  # type: ignore[no-untyped-call]  # theirs

    told = worker(tmp_path, 0, "shared", 3)

    modes = {mode: told["pixelrelay_store_mode", frozenset({("mode", mode)})] for mode in labels.MODES}
    assert modes == {"shared": 1, "share": 0, "open": 0, "closed": 0}


def test_a_router_that_ended_is_in_no_mode_when_its_process_is_scraped(tmp_path: Path) -> None:
    told = worker(tmp_path, 0, "shared", 3, ended="share")

    modes = {mode: told["pixelrelay_store_mode", frozenset({("mode", mode)})] for mode in labels.MODES}
    assert modes == {"shared": 1, "share": 0, "open": 0, "closed": 0}


def test_processes_with_a_store_in_memory_tell_nothing_of_a_store(tmp_path: Path) -> None:
    worker(tmp_path, 1)
    told = worker(tmp_path, 1)

    assert not [name for name, _ in told if name.startswith("pixelrelay_store_")]
