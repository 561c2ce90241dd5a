"""A whole call against an upstream that answers at once: what a router and its HTTP client add to the picture."""

from __future__ import annotations

from functools import partial

from benchmarks.contest import Stage
from benchmarks.environments import (
    BARE_AIOHTTP,
    BARE_HTTPX2,
    LITELLM_ROUTER,
    OPENAI,
    PIXELRELAY,
    Contender,
)
from benchmarks.processes import Worker
from benchmarks.tables import CPU, P50, P99, compared

CONTENDERS = (BARE_AIOHTTP, BARE_HTTPX2, OPENAI, LITELLM_ROUTER, PIXELRELAY)
ROUNDS = 5
SECONDS = 3.0


def run(stage: Stage) -> None:
    port = stage.upstream().port
    everybody = stage.workers(*CONTENDERS, port=port)
    _play(stage, "3 deployments", everybody)
    routers = {}
    for contender in (LITELLM_ROUTER, PIXELRELAY):
        if contender.name in everybody:
            everybody[contender.name].ask("open", port=port, deployments=1000)
            routers[contender.name] = everybody[contender.name]
    _play(stage, "1,000 deployments", _with(everybody, BARE_AIOHTTP) | routers)


def _play(stage: Stage, fleet: str, workers: dict[str, Worker]) -> None:
    for side_by_side in (1, 64):
        title = f"{fleet}, {side_by_side} in flight"
        players = {
            name: partial(worker.ask, "generate", side_by_side=side_by_side, seconds=0.3 if stage.quick else SECONDS)
            for name, worker in workers.items()
        }
        rounds = stage.play(title, players, ROUNDS)
        stage.section.add(compared(title, rounds, BARE_AIOHTTP.name, CPU, P50, P99))


def _with(workers: dict[str, Worker], contender: Contender) -> dict[str, Worker]:
    return {contender.name: workers[contender.name]} if contender.name in workers else {}
