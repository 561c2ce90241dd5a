"""What counting quotas costs a request: a reserve and a settlement by themselves, in memory and in Redis.

All candidates have room, and the first is taken. A trip is a command sent to the server; its CPU is that of the
commands by its own statistics, each step measured apart. Where there are slots for some alone, each is given back at
once and the others wait in the line. Batches take quota ahead for several requests; from which rate on they pay is in
the last tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from benchmarks.contest import Stage
from benchmarks.environments import Contender
from benchmarks.measuring import Figures
from benchmarks.processes import Worker
from benchmarks.servers import redis_on
from benchmarks.tables import Column, compared

MEMORY = Contender("memory", "pixelrelay_store", "MemoryStore", is_cheap=True)
REDIS = Contender(
    "redis", "pixelrelay_store", "RedisStore; redis-server on loopback, nothing kept on disk", is_cheap=True
)
BATCHED = Contender("in batches", "pixelrelay_store", "RedisStore(batches=True)", is_cheap=True)
CANDIDATES = (1, 10, 1000)
SLOTTED, PLACES = 10, 2
"""Deployments that take so many calls at a time."""
CALLERS = (10, 520)
"""Half as many as there are slots, since settlements are told behind a request's back; and 500 more than there are."""
RATES = (2, 10, 40, 200, 600)
QUICK_RATES = (40,)
ROUNDS = 3
SECONDS = 2.0
STEPS = 300

CPU = Column("cpu_a_request", "CPU here a request, µs", 1e6)
P50 = Column("p50", "p50, µs", 1e6)
TRIPS = Column("trips", "trips a request")
RESERVE = Column("server_a_reserve", "server's CPU: a reserve, µs", 1e6)
SETTLE = Column("server_a_settle", "a settle, µs", 1e6)
WAITED = Column("waited", "waited in the line, %", 100.0)
SERVER = Column("server_a_request", "server's CPU a request, µs", 1e6)


def run(stage: Stage) -> None:
    workers = stage.workers(MEMORY)
    server = redis_on(stage)
    if server is not None:
        workers |= stage.workers(REDIS, url=server.url)
    seconds = 0.2 if stage.quick else SECONDS
    for candidates in CANDIDATES:
        whole = {name: partial(_request, stage, worker, candidates, seconds) for name, worker in workers.items()}
        title = f"{candidates:,} candidate{'s' * (candidates > 1)}"
        rounds = stage.play(title, whole, ROUNDS)
        stage.section.add(compared(title, rounds, MEMORY.name, CPU, P50, TRIPS, RESERVE, SETTLE))
    for callers in CALLERS:
        players = _asked(workers, "line", candidates=SLOTTED, places=PLACES, callers=callers, seconds=seconds)
        title = f"{callers} callers at any time for {SLOTTED * PLACES} slots"
        stage.section.add(compared(title, stage.play(title, players, ROUNDS), MEMORY.name, CPU, TRIPS, SERVER, WAITED))
    if server is not None:
        workers |= stage.workers(BATCHED, url=server.url, batches=True)
    workers.pop(MEMORY.name, None)
    for rate in QUICK_RATES if stage.quick else RATES:
        title = f"{rate} requests a second, one candidate"
        rounds = stage.play(title, _asked(workers, "rate", a_second=rate, seconds=2 * seconds), ROUNDS)
        stage.section.add(compared(title, rounds, REDIS.name, TRIPS, CPU))


def _request(stage: Stage, worker: Worker, candidates: int, seconds: float) -> Figures:
    whole = worker.ask("requests", candidates=candidates, seconds=seconds)
    return whole | worker.ask("steps", candidates=candidates, times=20 if stage.quick else STEPS)


def _asked(workers: Mapping[str, Worker], do: str, **arguments: float) -> dict[str, Callable[[], Figures]]:
    return {name: partial(worker.ask, do, **arguments) for name, worker in workers.items()}
