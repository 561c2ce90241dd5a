"""Real processes that count into one directory, as prometheus-client's multi-process mode has it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

WORKER = """
import sys
import anyio
from prometheus_client import generate_latest
from pixelrelay.metrics import PrometheusObserver
from pixelrelay.testing import Fleet, VirtualLoop
from tests.metrics.fleets import asked, flux, routed

async def main():
    router = routed(Fleet(flux("eastus", requests_per_minute=30, concurrent=1)))
    observer = PrometheusObserver(router)
    router.observe(observer)
    async with anyio.create_task_group() as tasks:
        for _ in range(int(sys.argv[1])):
            tasks.start_soon(asked, router)
    sys.stdout.write(generate_latest(observer.exposed).decode())

anyio.run(main, backend_options={"loop_factory": VirtualLoop})
"""


def worker(directory: Path, requests: int) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """What a process exposes that has served so many requests."""
    run = subprocess.run(
        [sys.executable, "-c", WORKER, str(requests)],
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
