"""Three deployments of one group, of which one falls ill as a run begins and stays so; requests come at a steady rate.

Paid are the pictures that were drawn for each that was delivered: a deployment that has read a request and resets the
connection, or never answers, draws and bills all the same. Calls to the bad one are told in proportion to a third of
the requests, its share as long as it was well; of a port that is closed nobody counts them. The latency is of all
requests, those that fail among them, and what is added is its p99 beyond that of the same contender while all three
were well. Jobs that get lost are those of an emulated Black Forest Labs, which pixelrelay alone is asked to use; it
polls them, which is where its latencies there come from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from statistics import median

from benchmarks.contest import Rounds, Stage, Upstream
from benchmarks.environments import Contender
from benchmarks.measuring import Figures
from benchmarks.processes import ContenderError, Worker
from benchmarks.tables import P50, P99, Column, compared

DEPLOYMENTS = 3
BAD = "bad"
DELAY = 0.05
REQUESTS, A_SECOND, TIMEOUT = 300, 50.0, 5.0
QUICK = (30, 60.0, 0.5)
ROUNDS = 2
FAULTS: Mapping[str, str] = {
    "500": "It answers 500 at once",
    "429": "It answers 429 at once, with retry-after: 10",
    "refuse": "It refuses connections",
    "reset": "It resets the connection once it has read the request",
    "hang": "It never answers",
}

PIXELRELAY = Contender("pixelrelay", "pixelrelay_failover", "Router as it comes", is_cheap=True)
THREE_LINES = Contender(
    "try another", "try_another", "bare aiohttp; the deployments in any order until one answers", is_cheap=True
)
LITELLM = Contender(
    "LiteLLM's defaults", "litellm_failover", "Router as it comes; LITELLM_LOG=ERROR", in_litellm_environment=True
)
LITELLM_SET = Contender(
    "LiteLLM, set up",
    "litellm_failover",
    "Router(num_retries=2, allowed_fails=1, cooldown_time=30), as its documentation shows; LITELLM_LOG=ERROR",
    ("--recommended",),
    in_litellm_environment=True,
)
CONTENDERS = (THREE_LINES, LITELLM, LITELLM_SET, PIXELRELAY)
JOBS = Contender(
    "pixelrelay, jobs",
    "pixelrelay_jobs",
    "Router as it comes, over the emulated API of Black Forest Labs",
    is_cheap=True,
)

DELIVERED = Column("delivered_share", "delivered, %", 100.0)
PAID = Column("paid", "paid a picture")
CALLED = Column("bad_share", "calls to the bad one, × its share")
CALLS = Column("bad", "calls")
ADDED = Column("added", "added p99, ms", 1e3)


def run(stage: Stage) -> None:
    requests, a_second, timeout = QUICK if stage.quick else (REQUESTS, A_SECOND, TIMEOUT)
    stage.section.notes.append(
        f"{requests} requests a round, {a_second:g} a second; pictures take {DELAY * 1e3:g} ms; "
        f"whoever calls gives a deployment {timeout:g} s to answer, and to do a job {2 * timeout:g} s."
    )
    upstream = stage.upstream()
    upstream.behave(delay=DELAY)
    bases = [f"http://127.0.0.1:{upstream.port}/d{number}/v1" for number in range(DEPLOYMENTS)]
    workers = stage.workers(*CONTENDERS, bases=bases, timeout=timeout)
    everybody = {
        name: partial(_served, worker, upstream, requests, a_second, timeout) for name, worker in workers.items()
    }
    well = stage.play("all are well", {name: partial(play, None) for name, play in everybody.items()}, ROUNDS)
    stage.section.add(compared("All three are well", well, None, DELIVERED, PAID, P50, P99))
    for fault, title in FAULTS.items():
        ill = stage.play(title, {name: partial(play, fault) for name, play in everybody.items()}, ROUNDS)
        _add(stage, title, ill, well)
    _lost_jobs(stage, requests, a_second, timeout)


def _lost_jobs(stage: Stage, requests: int, a_second: float, timeout: float) -> None:
    """Of pixelrelay alone: the upstream of the others knows no jobs."""
    workers = stage.workers(JOBS, delay=DELAY, timeout=2 * timeout)
    play = {
        name: partial(_jobs, worker, requests=requests, a_second=a_second, timeout=2 * timeout)
        for name, worker in workers.items()
    }
    well = stage.play("all keep their jobs", {name: partial(each, loses=False) for name, each in play.items()}, ROUNDS)
    ill = stage.play("one loses its jobs", {name: partial(each, loses=True) for name, each in play.items()}, ROUNDS)
    _add(stage, "It takes jobs, draws them, and does not know them when asked", ill, well)


def _add(stage: Stage, title: str, ill: Rounds, well: Rounds) -> None:
    for name, rounds in ill.figures.items():
        if name in well.figures:
            usual = median(figures["p99"] for figures in well.figures[name])
            for figures in rounds:
                figures["added"] = figures["p99"] - usual
    stage.section.add(compared(title, ill, None, DELIVERED, PAID, CALLED, ADDED, CALLS, P50, P99))


def _served(
    worker: Worker, upstream: Upstream, requests: int, a_second: float, timeout: float, fault: str | None
) -> Figures:
    """A round by a contender that begins anew; the bad deployment has a port of its own."""
    port = upstream.listen()
    upstream.behave(deployment=BAD, delay=DELAY)
    bases = [f"http://127.0.0.1:{upstream.port}/d{number}/v1" for number in range(DEPLOYMENTS - 1)]
    worker.ask("open", bases=[*bases, f"http://127.0.0.1:{port}/{BAD}/v1"], timeout=timeout)
    upstream.count()
    if fault == "refuse":
        upstream.refuse(port)
    elif fault is not None:
        upstream.behave(deployment=BAD, fault=fault)
    figures = worker.ask("serve", 600.0, requests=requests, a_second=a_second)
    counted = upstream.count()
    figures["drawn"] = counted["drawn"]
    if fault != "refuse":
        figures["bad"] = counted.get(BAD, 0.0)
    return shares(figures)


def _jobs(worker: Worker, requests: int, a_second: float, timeout: float, loses: bool) -> Figures:
    worker.ask("open", delay=DELAY, timeout=timeout)
    return shares(worker.ask("serve", 600.0, requests=requests, a_second=a_second, loses=loses))


def shares(figures: Figures) -> Figures:
    """``figures`` and what they come to in proportion; ``bad``, the calls to the bad deployment, may be unknown."""
    if not figures["delivered"]:
        raise ContenderError("it delivered nothing")
    in_proportion = {
        "delivered_share": figures["delivered"] / figures["asked"],
        "paid": figures["drawn"] / figures["delivered"],
    }
    if "bad" in figures:
        in_proportion["bad_share"] = figures["bad"] / (figures["asked"] / DEPLOYMENTS)
    return figures | in_proportion
