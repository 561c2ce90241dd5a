"""What befalls a fleet under load: processes that die, and a Redis that dies, hangs, forgets, or comes and goes.

Each run has two groups. The steady one is asked for less than it can serve, so none of its requests may fail. The crowd
is asked for twice as much, so its windows and slots are always full, and one call too many is a 429 at once.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf

import pytest

from tests.fleet.accounts import Account, config_of
from tests.fleet.figures import say
from tests.fleet.machine import Machine
from tests.fleet.orders import SERVED, Load, Order, Request, Summary, outcomes
from tests.fleet.processes import STARTING, Arrival, Providers, providers_of, workers_of
from tests.servers import RedisServer, free_port, redis_server

PROCESSES = 3
STRIKES = 14.0
"""Seconds after the first request: by then every slice and every slot is in use, and a rolling minute is used up."""
AWAY = 3.0
SECONDS = 36.0
GUARD = 1.0
"""Seconds: on a busy machine a process may pause for longer than the usual guard, which is not what is looked for."""
BACK_WITHIN = 2.5
"""Seconds after it answers again within which every process must have found it; on an idle machine it is one."""

GROUPS = {
    "steady": [Account("steady-one", "sliced", 60), Account("steady-two", "sliced", 60)],
    "crowd": [
        Account("crowd-slices", "sliced", 60),
        Account("crowd-minute", "rolling", 40),
        Account("crowd-slots", "slots", 6, latency=2.0),
    ],
}
STEADY = Load("steady", 0.65 * sum(a.a_minute for a in GROUPS["steady"]), timeout=90.0, seed=3)
RATES = tuple(account.name for group in GROUPS.values() for account in group if account.kind != "slots")
SLOTS_A_MINUTE = 6 * 60 / 2.0
CROWD = Load(
    "crowd",
    2.0 * (sum(a.a_minute for a in GROUPS["crowd"] if a.kind != "slots") + SLOTS_A_MINUTE),
    timeout=10.0,
    seed=4,
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that befalls the server."""

    name: str
    strike: Callable[[RedisServer], None]
    mend: Callable[[RedisServer], None] = lambda _: None
    lasts: float = AWAY
    is_noticed: bool | None = True
    """Whether the processes have to do without it meanwhile; ``None`` where that is a matter of luck."""


def flapping(server: RedisServer) -> None:
    """Every connection is cut, ten times a second, for as long as a trouble lasts."""
    ends = time.monotonic() + AWAY
    while time.monotonic() < ends:
        with server.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        time.sleep(0.1)


def out_of_memory(server: RedisServer) -> None:
    with server.client() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")


def with_memory(server: RedisServer) -> None:
    with server.client() as client:
        client.config_set("maxmemory", "0")


def read_only(server: RedisServer) -> None:
    with server.client() as client:
        client.replicaof("127.0.0.1", str(free_port()))


def writable(server: RedisServer) -> None:
    with server.client() as client:
        client.replicaof("NO", "ONE")


def flush(server: RedisServer) -> None:
    with server.client() as client:
        client.flushall()


def forget_scripts(server: RedisServer) -> None:
    with server.client() as client:
        client.script_flush()


TROUBLES = (
    Trouble("killed, and restarted empty", RedisServer.kill, RedisServer.restart),
    Trouble("hanging", RedisServer.pause, RedisServer.resume),
    Trouble("read-only", read_only, writable),
    Trouble("out of memory", out_of_memory, with_memory),
    Trouble("flapping", flapping, lasts=0.0, is_noticed=None),
    Trouble("flushed", flush, lasts=0.0, is_noticed=False),
    Trouble("without its scripts", forget_scripts, lasts=0.0, is_noticed=False),
)


@dataclass
class Run:
    """What was seen of one run."""

    arrivals: Sequence[Arrival]
    summaries: Sequence[Summary]
    struck: float
    mended: float
    ended: float
    requests: Sequence[Request] = field(init=False)

    def __post_init__(self) -> None:
        self.requests = [request for summary in self.summaries for request in summary.requests]

    @property
    def found(self) -> list[float]:
        """Seconds after it was mended at which each process that had lost it had found it for good."""
        return [seconds for summary in self.summaries if (seconds := self._found_by(summary)) is not None]

    def _found_by(self, summary: Summary) -> float | None:
        since = [(at, mode) for at, mode, _ in summary.modes if at > self.struck]
        lost = max((at for at, mode in since if mode != "shared"), default=None)
        if lost is None:
            return None
        return min((at for at, mode in since if mode == "shared" and at > lost), default=inf) - self.mended

    @property
    def back(self) -> float:
        """When all had found it."""
        return self.mended + max(0.0, 0.0, *self.found)

    def rejected(self, begins: float, ends: float, *deployments: str) -> int:
        return sum(
            arrival.status == 429 and begins <= arrival.at < ends and arrival.deployment in (deployments or RATES)
            for arrival in self.arrivals
        )

    def lines(self) -> Iterator[str]:
        began = self.struck - STRIKES
        yield f"steady: {dict(outcomes(self.summaries, 'steady'))}, crowd: {dict(outcomes(self.summaries, 'crowd'))}"
        yield f"longest wait of the steady: {max(r.waited for r in self.requests if r.group == 'steady'):.1f} s"
        yield (
            f"429s: {self.rejected(began, self.struck)} before, {self.rejected(self.struck, self.back)} while it was "
            f"away, {self.rejected(self.back, self.ended)} after, of {len(self.arrivals)} calls"
        )
        late = [(a.deployment, f"{a.at - self.struck:+.2f} s") for a in self.arrivals if a.status == 429]
        if late:
            yield f"    {late[:20]}"
        others = Counter(a.status for a in self.arrivals if a.status not in {200, 429})
        if others:
            yield f"other answers: {dict(others)}"
        yield f"served by one process alone: {sum(request.degraded for request in self.requests)}"
        yield f"found again {', '.join(f'{seconds:.2f}' for seconds in self.found)} s after it was back"
        for summary in self.summaries:
            modes = [f"{mode} at {at - self.struck:+.2f} s ({why})" for at, mode, why in summary.modes]
            yield f"{summary.pid}: {'; '.join(modes)}; errors {dict(summary.errors)}; reserving {summary.reserving}"


def run(trouble: Trouble) -> Run:
    accounts = [account for group in GROUPS.values() for account in group]
    with redis_server() as server, providers_of(accounts) as providers:
        begins = time.monotonic() + STARTING
        with workers_of(_orders(trouble, server, providers, begins)) as workers:
            _sleep_until(begins + STRIKES)
            struck = time.monotonic()
            trouble.strike(server)
            _sleep_until(time.monotonic() + trouble.lasts)
            trouble.mend(server)
            mended = time.monotonic()
            summaries = [worker.summary() for worker in workers]
        return Run(providers.arrivals(), summaries, struck, mended, begins + SECONDS)


def _orders(trouble: Trouble, server: RedisServer, providers: Providers, begins: float) -> list[Order]:
    # A busy machine may be late as well; where nobody is to notice anything, it should not be mistaken for a loss.
    timeout = 2.0 if trouble.is_noticed is False else 0.25
    config = config_of(GROUPS, providers.addresses, store=server.url, guard=GUARD, store_timeout=timeout)
    return [Order(config, [STEADY, CROWD], begins, SECONDS, part, PROCESSES, grace=20.0) for part in range(PROCESSES)]


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


@pytest.mark.fleet
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
def test_no_request_fails_for_what_befalls_the_server(trouble: Trouble, machine: Machine) -> None:
    seen = run(trouble)
    paused = f"the machine's longest pause: {machine.longest_pause():.2f} s"
    told = say(f"a server that is {trouble.name}", [*seen.lines(), paused])

    with machine.excusing():
        assert set(outcomes(seen.summaries, "steady")) == {SERVED}, told
        crowd = outcomes(seen.summaries, "crowd")
        assert set(crowd) <= {SERVED, "QuotaExceededError", "DeadlineExceededError"}, told
        # One that gets a slot at the last moment may be cut off, as its job is polled now and then only. The provider
        # draws it to its end all the same, and may refuse another meanwhile.
        assert crowd["DeadlineExceededError"] <= 0.03 * crowd.total(), told
        assert seen.rejected(0.0, inf, "crowd-slots") <= crowd["DeadlineExceededError"], told
        assert seen.rejected(seen.struck - STRIKES, seen.struck) == 0, told
        assert seen.rejected(seen.struck, seen.back) == 0, told
        assert seen.rejected(seen.back, seen.ended) == 0, told
        assert max(seen.found, default=0.0) <= BACK_WITHIN, told
        alone = [request for request in seen.requests if request.degraded]
        assert trouble.is_noticed in {None, bool(alone)}, told
        # Whoever was served alone had asked before all had found the server again.
        assert all(seen.struck < request.ended and request.asked < seen.back + 0.1 for request in alone), told
