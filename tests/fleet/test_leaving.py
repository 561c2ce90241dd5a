"""Those who leave in the middle: a process that is killed with requests in flight, and a crowd of callers at once."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from tests.fleet.accounts import Account, config_of
from tests.fleet.figures import say
from tests.fleet.machine import Machine
from tests.fleet.orders import ABANDONED, SERVED, Load, Order, outcomes
from tests.fleet.processes import STARTING, Arrival, providers_of, workers_of
from tests.servers import redis_server

LEASE = 20.0
"""Seconds after which what a process held is free, if it is heard of no more."""
LATE = 3.0
"""Seconds that a busy machine may add."""


@pytest.mark.slow
def test_the_slots_of_a_killed_process_return_after_its_lease_and_are_never_overdrawn(machine: Machine) -> None:
    slots, drawing, seconds, strikes = 6, 3.0, 44.0, 12.0
    groups = {
        "crowd": [Account("slots", "slots", slots, latency=drawing)],
        "steady": [Account("quiet", "sliced", 60)],
    }
    a_minute = slots * 60 / drawing
    with redis_server() as server, providers_of([*groups["crowd"], *groups["steady"]]) as providers:
        config = config_of(groups, providers.addresses, store=server.url)
        begins = time.monotonic() + STARTING
        # Twice as many requests come to the one that is killed as to both others, so that it holds some slots for sure.
        doomed = Order(config, [Load("crowd", 4 * a_minute, timeout=15.0, seed=2)], begins, seconds)
        loads = [Load("crowd", 2 * a_minute, timeout=15.0), Load("steady", 35.0, timeout=60.0)]
        others = [Order(config, loads, begins, seconds, part, 2, grace=20.0) for part in range(2)]
        with workers_of([doomed, *others]) as (killed, *living):
            time.sleep(max(0.0, begins + strikes - time.monotonic()))
            killed.kill()
            struck = time.monotonic()
            summaries = [worker.summary() for worker in living]
        arrivals = providers.arrivals()

    tasks = [arrival for arrival in arrivals if arrival.deployment == "slots"]
    begun = [task.let_in for task in tasks if task.let_in is not None]
    # All that the dead one had begun has been drawn by then, and its lease has not ended.
    meanwhile = [in_flight(tasks, at) for at in begun if struck + drawing < at < struck + LEASE / 2] or [0]
    returned = min((at for at in begun if at > struck + drawing and in_flight(tasks, at) == slots), default=None)
    told = say(
        "a process that is killed with requests in flight",
        [
            f"tasks at a time: {max(in_flight(tasks, at) for at in begun)} of {slots} at most, {max(meanwhile)} while "
            f"the dead one's lease ran; 429s: {sum(arrival.status == 429 for arrival in arrivals)}",
            f"all slots in use again {returned - struck:.1f} s after it was killed" if returned else "never all again",
            f"the others: {dict(outcomes(summaries))}, modes {[summary.modes for summary in summaries]}",
        ],
    )

    with machine.excusing():
        assert not any(arrival.status == 429 for arrival in arrivals), told
        assert max(in_flight(tasks, at) for at in begun) == slots, told
        assert max(meanwhile) < slots, f"it held some: {told}"
        assert returned is not None, told
        assert returned - struck < LEASE + LATE, told
        assert set(outcomes(summaries, "steady")) == {SERVED}, told
        assert set(outcomes(summaries, "crowd")) <= {SERVED, "QuotaExceededError", "DeadlineExceededError"}, told
        assert not any(summary.errors for summary in summaries), told


def in_flight(tasks: Sequence[Arrival], at: float) -> int:
    """Tasks that a provider worked at."""
    return sum(
        task.let_in is not None and task.let_in <= at and (task.drawn is None or at < task.drawn) for task in tasks
    )


@pytest.mark.slow
def test_two_hundred_callers_who_leave_at_once_disturb_nobody(machine: Machine) -> None:
    seconds, leave = 30.0, 20.0
    groups = {
        "crowd": [Account("minute", "rolling", 30), Account("slices", "sliced", 30)],
        "steady": [Account("quiet", "rolling", 600)],
    }
    with redis_server() as server, providers_of([*groups["crowd"], *groups["steady"]]) as providers:
        config = config_of(groups, providers.addresses, store=server.url)
        begins = time.monotonic() + STARTING
        crowd = Order(config, [Load("crowd", 700.0, timeout=600.0)], begins, leave, grace=0.0, all_leave_at_once=True)
        steady = Order(config, [Load("steady", 400.0, timeout=60.0)], begins, seconds, grace=20.0)
        with workers_of([crowd, steady]) as workers:
            left, stayed = [worker.summary() for worker in workers]
            scripts = server.info("commandstats")["cmdstat_evalsha"]
        arrivals = providers.arrivals()
    told = say(
        "callers who leave at once",
        [
            f"{outcomes([left])[ABANDONED]} left, {outcomes([left])[SERVED]} had been served",
            f"who stayed: {dict(outcomes([stayed]))}, reserving took {stayed.reserving}",
            f"modes {[left.modes, stayed.modes]}, errors {dict(left.errors)} and {dict(stayed.errors)}",
            f"calls {dict(left.calls)} and {dict(stayed.calls)}; {scripts['usec_per_call']} microseconds a script",
        ],
    )

    with machine.excusing():
        assert outcomes([left])[ABANDONED] > 150, told
        assert {mode for _, mode, _ in stayed.modes} == {"shared"}, told
        assert not stayed.errors, told
        assert set(outcomes([stayed])) == {SERVED}, told
        assert not any(arrival.status == 429 for arrival in arrivals), told
