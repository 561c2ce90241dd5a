"""Which deployment: of pixelrelay all from plan to settlement (put in order, reserve quotas in memory, settle), of
LiteLLM the selection alone, which reserves nothing. One request at a time; nothing is sent; all deployments could serve
it. pixelrelay knows how quick each of its deployments was; LiteLLM knows nothing yet, which is quicker for it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from benchmarks.contest import Rounds, Stage
from benchmarks.environments import Contender
from benchmarks.tables import Table, spread

NEAREST: Mapping[str, str | None] = {
    "least-busy": "least-busy",
    "usage": "usage-based-routing-v2",
    "latency": "latency-based-routing",
    "cost": "cost-based-routing",
    "weighted": "simple-shuffle",
    "ordered": None,
}
"""Each strategy of pixelrelay, and the one of LiteLLM that is meant for the same."""
OURS = Contender(
    "pixelrelay",
    "pixelrelay_pick",
    "Router; each deployment has a quota of requests, and a price; memory store",
    is_cheap=True,
)
THEIRS = Contender(
    "LiteLLM", "litellm_pick", "Router.async_get_available_deployment; LITELLM_LOG=ERROR", in_litellm_environment=True
)
SIZES = (3, 100, 1000, 10_000)
LITELLM_UP_TO = 1000
"""Beyond it a single choice takes the better part of a second."""
ROUNDS = 5
SECONDS = 0.5


def run(stage: Stage) -> None:
    for size in (3, 1000) if stage.quick else SIZES:
        ours = stage.workers(OURS, deployments=size, strategies=list(NEAREST))
        theirs = {}
        if size <= LITELLM_UP_TO:
            theirs = stage.workers(THEIRS, deployments=size, strategies=[name for name in NEAREST.values() if name])
        seconds = 0.05 if stage.quick else SECONDS
        players = {}
        for name, its in NEAREST.items():
            for worker in ours.values():
                players[_ours(name)] = partial(worker.ask, "pick", strategy=name, seconds=seconds)
            for worker in theirs.values() if its else ():
                players[_theirs(name)] = partial(worker.ask, "pick", strategy=its, seconds=seconds)
        rounds = stage.play(f"{size:,} deployments", players, ROUNDS)
        stage.section.add(_table(size, rounds))
        for worker in (*ours.values(), *theirs.values()):
            worker.end()


def _ours(strategy: str) -> str:
    return f"pixelrelay, {strategy}"


def _theirs(strategy: str) -> str:
    return f"LiteLLM, {NEAREST[strategy]}"


def _table(size: int, rounds: Rounds) -> Table:
    head = ["strategy", "LiteLLM ÷ pixelrelay, CPU", "pixelrelay, µs", "LiteLLM, µs", "LiteLLM's strategy"]
    rows = []
    for name, nearest in NEAREST.items():
        if _ours(name) not in rounds.figures:
            continue
        row = [name, "", spread(rounds.spread(_ours(name), "cpu_a_request"), 1e6), "", ""]
        if _theirs(name) in rounds.figures:
            row[1] = spread(rounds.ratio(_theirs(name), _ours(name), "cpu_a_request"))
            row[3] = spread(rounds.spread(_theirs(name), "cpu_a_request"), 1e6)
            row[4] = str(nearest)
        rows.append(row)
    return Table(f"{size:,} deployments", head, rows)
