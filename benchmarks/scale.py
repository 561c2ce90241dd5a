"""One process, 200 deployments, 5,000 requests in flight, each answered after half a minute.

How late the event loop is, is what a task sees that sleeps for 10 ms again and again, from the first request to the
last answer. Memory is what the process has grown by when all are in flight."""

from __future__ import annotations

from functools import partial

from benchmarks.contest import Stage, Upstream
from benchmarks.environments import BARE_AIOHTTP, PIXELRELAY, Contender
from benchmarks.measuring import Figures
from benchmarks.processes import ContenderError
from benchmarks.tables import Column, compared

CONTENDERS = (BARE_AIOHTTP, PIXELRELAY)
DEPLOYMENTS = 200
REQUESTS, LATENCY, OVER = 5000, 30.0, 10.0
QUICK = (200, 1.0, 0.5)
ROUNDS = 3

CPU = Column("cpu_a_request", "CPU a request, ms", 1e3)
MEMORY = Column("memory_a_request", "memory a request, kB", 1e-3)
LAG = (
    Column("lag_p50", "loop late p50, ms", 1e3),
    Column("lag_p99", "p99", 1e3),
    Column("lag_max", "most", 1e3),
)
IN_FLIGHT = Column("in_flight", "in flight at once")


def run(stage: Stage) -> None:
    upstream = stage.upstream()
    requests, latency, over = QUICK if stage.quick else (REQUESTS, LATENCY, OVER)
    players = {one.name: partial(_stand, stage, one, upstream, requests, latency, over) for one in CONTENDERS}
    title = f"{requests:,} requests begun over {over:g} s, answered after {latency:g} s"
    stage.section.add(
        compared(title, stage.play(title, players, ROUNDS), BARE_AIOHTTP.name, CPU, MEMORY, *LAG, IN_FLIGHT)
    )


def _stand(
    stage: Stage, contender: Contender, upstream: Upstream, requests: int, latency: float, over: float
) -> Figures:
    """In a process that was started for this, since one that has grown once grows no further."""
    upstream.behave()
    workers = stage.workers(contender, port=upstream.port, deployments=DEPLOYMENTS)
    if contender.name not in workers:
        raise ContenderError(stage.section.missing.pop(contender.name))
    worker = workers[contender.name]
    upstream.behave(delay=latency)
    upstream.count()
    figures = worker.ask("stand", 600.0, requests=requests, over=over)
    worker.end()
    counted = upstream.count()
    if counted["calls"] != requests:
        raise ContenderError(f"the upstream saw {counted['calls']:g} calls instead of {requests}")
    return {**figures, "in_flight": counted["most_in_flight"]}
