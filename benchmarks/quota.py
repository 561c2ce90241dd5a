"""Six FLUX deployments with small quotas, four processes, one Redis: what becomes of random requests near the quotas,
and of twice as many as the quotas allow.

The upstream holds each quota over any 60 seconds, and what it answers with 429 counts all the same, as OpenAI and Azure
have it. Shares of the quota are taken after the first minute, from when on the windows are full. A wait is what a
picture took beyond its second of drawing; who refuses many has few that wait. It is compared with the least possible:
each of the same requests served as soon as any window has room; and, of requests that came after the first minute, with
what random requests wait in the long run (M/D/c, see queueing.py), which a few minutes do not average out. Where twice
as much is asked for as there is, somebody has to be refused or left waiting."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from statistics import fmean

from benchmarks.contenders.fleets import FLEETS, GROUP, LATENCY, Fleet
from benchmarks.contest import Stage
from benchmarks.environments import NotHereError
from benchmarks.measuring import Figures
from benchmarks.processes import ContenderError
from benchmarks.queueing import least_waits, mean_wait
from benchmarks.redis_stats import commands_sent
from benchmarks.servers import redis_on
from benchmarks.tables import Column, compared
from pixelrelay.quotas import WINDOW
from tests.fleet.accounts import GUARD
from tests.fleet.machine import watched_machine
from tests.fleet.orders import ABANDONED, SERVED, Load, Order, Request
from tests.fleet.processes import Arrival, providers_of, workers_of
from tests.servers import RedisServer

REJECTED = Column("rejected", "429s a picture")
USED = Column("used", "of the quota, %", 100.0)
REFUSED = Column("refused", "refused, %", 100.0)
CALLS = Column("calls", "calls a picture")
COMMANDS = Column("commands", "Redis commands a call")
WAIT = Column("wait", "wait, s")
OVER_LEAST = Column("over_least", "wait, × the least possible")
OVER_LIMIT = Column("over_limit", "wait, × M/D/c")
PAUSE = Column("pause", "machine stood still, s")


@dataclass(frozen=True, slots=True)
class Run:
    """What is asked of whom, and for how long."""

    quotas: Sequence[int] = (15, 30, 100, 6, 6, 5)
    """Requests a minute of each deployment."""
    processes: int = 4
    seconds: float = 3 * WINDOW
    full: float = WINDOW
    """Seconds until the windows are full, after which shares are taken."""
    timeout: float = 120.0
    grace: float = 15.0
    """Seconds after the last request for those under way; the others are given up then."""
    share: float = 2.0
    """Of the quotas, that is asked for."""
    a_minute: float = 0.0
    """Requests; ``share`` of the quotas unless given."""
    seed: int = 5

    @property
    def quota(self) -> int:
        return sum(self.quotas)

    @property
    def load(self) -> Load:
        return Load(GROUP, self.a_minute or self.share * self.quota, self.timeout, self.seed)

    @property
    def could_be_had(self) -> float:
        """Calls that the quotas let in while shares are taken."""
        return self.quota * max(1.0, (self.seconds - self.full) / WINDOW)


CALM = Run(share=0.95, timeout=60.0, seed=131)
"""Of the first 200 seeds the one nearest to the average: as many requests as the rate says, whose least possible wait
is 0.6 s; less than in the long run, since the windows are empty at first."""
CROWD = Run(share=2.0, seed=6)
QUICK = Run(quotas=(6, 5, 4), processes=2, seconds=5.0, full=0.0, timeout=2.0, grace=2.0, a_minute=360.0)
QUICK_SHOWS = "A quick run is over before a window has room again: it shows that quotas are used whole, and no further."


def run(stage: Stage) -> None:
    server = redis_on(stage)
    if server is None:
        return
    for fleet in FLEETS:
        if fleet.is_cheap or not stage.quick:
            _here(stage, fleet)
    for asked in (QUICK,) if stage.quick else (CALM, CROWD):
        title = f"{asked.load.a_minute:.0f} requests a minute for quotas of {asked.quota} a minute, {asked.seconds:g} s"
        present = [fleet for fleet in FLEETS if fleet.name in stage.section.settings]
        rounds = stage.play(title, {fleet.name: partial(_served, fleet, asked, server) for fleet in present}, 1)
        over = (OVER_LEAST, OVER_LIMIT) if asked is CALM else ()
        columns = (USED, REFUSED, *over, CALLS, COMMANDS, WAIT, PAUSE)
        stage.section.add(compared(title, rounds, None, REJECTED, *columns))
    stage.section.notes.append(QUICK_SHOWS if stage.quick else _limits())


def _limits() -> str:
    strict, guarded = (mean_wait(CALM.quota, busy, CALM.load.a_minute / 60) for busy in (WINDOW, WINDOW + GUARD))
    return (
        f"The M/D/c limit is {strict:.2f} s. pixelrelay counts each call {GUARD:g} s longer than its provider does, "
        f"so that calls which are late on their way do not meet others: of that alone the limit is {guarded:.2f} s."
    )


def _here(stage: Stage, fleet: Fleet) -> None:
    try:
        fleet.command()
    except NotHereError as error:
        stage.section.missing[fleet.name] = str(error)
    else:
        stage.section.settings[fleet.name] = fleet.settings


def _served(fleet: Fleet, asked: Run, server: RedisServer) -> Figures:
    accounts = fleet.accounts(asked.quotas)
    with watched_machine() as machine, providers_of(accounts) as providers, server.client() as redis:
        redis.flushall()
        config = fleet.config(accounts, providers.addresses, server, asked.timeout)
        begins = time.monotonic() + fleet.starting
        orders = [
            Order(config, [asked.load], begins, asked.seconds, part, asked.processes, asked.grace)
            for part in range(asked.processes)
        ]
        redis.config_resetstat()
        try:
            with workers_of(orders, fleet.command()) as workers:
                requests = [request for worker in workers for request in worker.summary().requests]
        except (RuntimeError, TimeoutError) as error:
            raise ContenderError(str(error).strip().rpartition("\n")[2][:300]) from error
        figures = told(asked, begins, requests, providers.arrivals())
        figures["commands"] = commands_sent(redis.info("commandstats")) / figures["all_calls"]
        return {**figures, "pause": machine.longest_pause()}


def told(asked: Run, begins: float, requests: Sequence[Request], arrivals: Sequence[Arrival]) -> Figures:
    """What came of it. A call that was not answered when all ended is neither a picture nor a 429."""
    pictures = sum(arrival.status == 200 for arrival in arrivals)
    served = [request for request in requests if request.outcome == SERVED]
    if not pictures or not served:
        raise ContenderError(f"it delivered nothing of {len(requests)}")
    since, until = begins + asked.full, begins + max(asked.seconds, asked.full + WINDOW)
    let_in = sum(arrival.status in (200, None) and since < arrival.at <= until for arrival in arrivals)
    figures: Figures = {
        "all_calls": len(arrivals),
        "rejected": sum(arrival.status == 429 for arrival in arrivals) / pictures,
        "calls": sum(arrival.status is not None for arrival in arrivals) / pictures,
        "used": let_in / asked.could_be_had,
        "refused": sum(request.outcome not in (SERVED, ABANDONED) for request in requests) / len(requests),
        "wait": fmean(map(_wait, served)),
    }
    least = fmean(least_waits((request.asked for request in requests), asked.quota, WINDOW))
    if least:
        figures["over_least"] = figures["wait"] / least
    late = [_wait(request) for request in served if request.asked > since]
    limit = mean_wait(asked.quota, WINDOW, asked.load.a_minute / 60)
    if late and limit < inf:
        figures["over_limit"] = fmean(late) / limit
    return figures


def _wait(request: Request) -> float:
    return request.ended - request.asked - LATENCY
