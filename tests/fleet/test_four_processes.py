"""Four processes, one Redis, three real minutes: exactly as one process would have served, and not one 429.

Two groups of the same accounts share the run: one is asked for 95 % of what its quotas allow, one for 200 %. Together
they have rolling minutes, rolling minutes with slices of ten seconds, and the wall clock's minutes.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.fleet.accounts import Account, config_of
from tests.fleet.figures import say
from tests.fleet.machine import Machine
from tests.fleet.orders import ABANDONED, SERVED, Load, Order, Percentiles, Summary, outcomes
from tests.fleet.processes import STARTING, Arrival, providers_of, workers_of
from tests.servers import redis_server

PROCESSES = 4
SECONDS = 180.0
GRACE = 15.0
"""Seconds for the last of the calm to be served; what is left of the crowd is given up then."""
WARM = 59.0
"""Seconds until every window has been filled once: twice what fits comes, so half a minute would do."""
CALM, CROWD = 0.95, 2.0
PATIENCE = 120.0
"""Seconds that a request of the crowd waits. Nobody who could be served in the measured span is sent away before: a
request that comes after t seconds is served after 2 t, so from those that come in the second minute on, some are."""

ACCOUNTS = (
    Account("high", "sliced", 100),
    Account("medium", "sliced", 30),
    Account("low", "sliced", 15),
    Account("kontext", "rolling", 6),
    Account("wide", "rolling", 60),
    Account("clock", "fixed", 25),
)
GROUPS = {
    group: [replace(account, name=f"{group}-{account.name}") for account in ACCOUNTS] for group in ("calm", "crowd")
}
CAPACITY = sum(account.a_minute for account in ACCOUNTS)


@pytest.mark.fleet
@pytest.mark.timeout(290)
def test_four_processes_serve_what_the_quotas_allow_and_never_a_429(machine: Machine) -> None:
    with redis_server() as server, providers_of([*GROUPS["calm"], *GROUPS["crowd"]]) as providers:
        config = config_of(GROUPS, providers.addresses, store=server.url, deadline=PATIENCE)
        loads = [
            Load("calm", CALM * CAPACITY, timeout=60.0, seed=5),
            Load("crowd", CROWD * CAPACITY, timeout=PATIENCE, seed=6),
        ]
        begins = time.monotonic() + STARTING
        orders = [Order(config, loads, begins, SECONDS, part, PROCESSES, GRACE) for part in range(PROCESSES)]
        with workers_of(orders) as workers:
            summaries = [worker.summary() for worker in workers]
            commands, scripts = server.info("commandstats"), server.scripts_run()
        arrivals = providers.arrivals()

    spans = {account.name: account.whole(begins + WARM, begins + SECONDS) for account in GROUPS["crowd"]}
    expected = {a.name: a.a_minute / 60 * (spans[a.name][1] - spans[a.name][0]) for a in GROUPS["crowd"]}
    reached = {name: served_between(arrivals, name, *span) for name, span in spans.items()}
    shares = [_served_in(summary, begins + WARM, begins + SECONDS) for summary in summaries]
    spread = (max(shares) - min(shares)) * len(shares) / sum(shares)
    steps = sum((Counter(summary.calls) for summary in summaries), Counter())
    attempts, asks = sum(s.attempts for s in summaries), sum(s.asks for s in summaries)
    abandoned = sum(s.abandoned for s in summaries)
    calm = [request for summary in summaries for request in summary.requests if request.group == "calm"]
    told = say(
        f"{PROCESSES} processes, {SECONDS:.0f} s, {CAPACITY:.0f} a minute can be had of each group",
        [
            f"calls at the providers: {len(arrivals)}, answered with {dict(Counter(a.status for a in arrivals))}",
            f"at {CALM:.0%}: {dict(outcomes(summaries, 'calm'))}, waited {Percentiles.of([r.waited for r in calm])}",
            f"at {CROWD:.0%}: {dict(outcomes(summaries, 'crowd'))}",
            f"served of what can be had: {sum(reached.values())} of {sum(expected.values()):.1f} "
            f"({sum(reached.values()) / sum(expected.values()):.2%})",
            *(f"  {name}: {reached[name]} of {expected[name]:.1f}" for name in reached),
            f"by process: {shares}, spread {spread:.1%}",
            f"scripts run: {scripts}, asked for: {dict(steps)}; {asks} asks, {attempts} attempts, "
            f"{abandoned} of them given up",
            f"microseconds of server time a script: {commands['cmdstat_evalsha']['usec_per_call']}",
            *(f"reserving took {summary.reserving} (p50 / p95 / p99 / most)" for summary in summaries),
            f"the machine's longest pause: {machine.longest_pause():.2f} s",
            *(f"lost: {summary.modes} {dict(summary.errors)}" for summary in summaries if len(summary.modes) > 1),
        ],
    )

    with machine.excusing():
        assert {arrival.status for arrival in arrivals} <= {200, None}, f"a 429, or worse: {told}"
        assert sum(summary.rejected for summary in summaries) == 0
        assert not any(summary.errors for summary in summaries), told
        assert set(outcomes(summaries, "calm")) == {SERVED}, told
        assert set(outcomes(summaries, "crowd")) <= {SERVED, "QuotaExceededError", ABANDONED}, told
        assert sum(reached.values()) >= 0.99 * sum(expected.values()), told
        assert spread <= 0.05, told
        assert scripts == steps.total(), told
        assert steps["reserve"] == asks, told
        assert steps["settle"] == attempts, told
        # A call that was given up with the rest of the crowd may have been on its way to its provider.
        assert len(arrivals) <= attempts <= len(arrivals) + abandoned, told


def served_between(arrivals: Sequence[Arrival], deployment: str, begins: float, ends: float) -> int:
    """Calls that a provider let in. What is on its way when a span begins is not when it ends."""
    return sum(arrival.deployment == deployment and begins < arrival.at <= ends for arrival in arrivals)


def _served_in(summary: Summary, begins: float, ends: float) -> int:
    """Requests of the crowd that one process could serve."""
    return sum(
        request.outcome == SERVED and request.group == "crowd" and begins < request.ended - 1.0 <= ends
        for request in summary.requests
    )
