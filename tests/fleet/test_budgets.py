"""Several processes on one Redis spend a budget to the last picture that fits, and not a cent more."""

from __future__ import annotations

import asyncio
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pixelrelay.config import Budget, load
from pixelrelay.store.redis import RedisStore
from tests.fleet.figures import say
from tests.servers import Process, RedisServer, redis_server, until

PROCESSES = 4
BUDGETS = {
    "everything": {"dollars": "9.00", "window": "month"},
    "of-dear": {"dollars": "4.00", "rolling": "24h", "deployment": "dear"},
    "each": {"dollars": "5.00", "window": "month", "per": "user"},
}
CHEAPEST = Decimal("0.03")


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("killed", [0, 1])
def test_processes_that_share_a_budget_never_overspend_it_and_leave_nothing_of_it(tmp_path: Path, killed: int) -> None:
    (tmp_path / "config").write_text(json.dumps({"budgets": BUDGETS, "store_timeout": 5}))
    with redis_server() as server:
        processes = [_started(tmp_path, server, number) for number in range(PROCESSES)]
        try:
            if killed:
                until(lambda: _used(server, "everything")[0] > 4_000_000, "much is spent", 60.0)
                processes[0].kill()
            told = [_told(process) for process in processes[killed:]]
        finally:
            for process in processes:
                process.kill()
        used, reserved = _used(server, "everything")
        of_dear, _ = _used(server, "of-dear")
    known, at_risk = (sum(Decimal(each[key]) for each in told) for key in ("known", "at_risk"))
    figures = say(
        f"{PROCESSES} processes, {killed} of them killed",
        [f"spent {known}, maybe {at_risk} more, counted {used / 1e6}, reserved {reserved / 1e6}", *map(str, told)],
    )
    assert known + at_risk <= Decimal(9), figures
    assert used <= 9_000_000, figures
    assert of_dear <= 4_000_000, figures
    assert used > 9_000_000 - int(CHEAPEST * 1_000_000), f"what would have paid for a picture is left: {figures}"
    if not killed:
        assert (Decimal(used).scaleb(-6), reserved) == (known + at_risk, 0), figures


def _started(folder: Path, server: RedisServer, number: int) -> Process:
    (folder / str(number)).mkdir()
    command = [sys.executable, "-m", "tests.fleet.spender", server.url, str(folder / "config"), str(number)]
    process = Process(command, folder / str(number))
    process.start()
    return process


def _told(process: Process) -> dict[str, Any]:
    until(lambda: process.has_ended, "it has spent all that it can", 120.0)
    told: dict[str, Any] = json.loads((process.folder / "out").read_text() or "null")
    assert told, (process.folder / "log").read_text()
    return told


def _used(server: RedisServer, name: str) -> tuple[int, int]:
    """In millionths: what counts against it, and what of that is reserved."""
    deployments = [{"name": "dear", "provider": "openai", "model": "gpt-image-2", "api_key": "key-0123456789"}]
    config = load({"models": {"flux": {"deployments": deployments}}, "budgets": BUDGETS}, environ={})
    quota = Budget(name, config.budgets[name]).quota()

    async def look() -> tuple[int, int]:
        store = RedisStore(server.url, timeout=5)
        try:
            state = (await store.look([], [quota])).budgets[quota.key]
        finally:
            await store.aclose()
        return state.used, state.reserved

    return asyncio.run(look())
