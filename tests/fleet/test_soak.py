"""A million reservations on two hundred deployments: memory is what came in the last minute, and no more."""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.fleet.figures import say
from tests.fleet.machine import after_all_others
from tests.fleet.reserver import DEPLOYMENTS, Progress
from tests.servers import Process, RedisServer, redis_server

RESERVATIONS = 1_000_000
PROCESSES = 2
LIMIT = 270.0
"""Seconds it may take: enough for two thirds of a million on two cores that do nothing else."""
ENOUGH = 300_000
"""Reservations that tell as much, on a machine that is busy with something else."""
WARM = 80.0
"""Seconds after which every window has been full once, and what was remembered of it forgotten."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was in memory at one moment, in bytes."""

    at: float
    granted: int
    server: int
    processes: tuple[int, ...]
    keys: int


@pytest.mark.fleet
@pytest.mark.timeout(int(LIMIT) + 60)
def test_memory_is_flat_over_a_million_reservations() -> None:
    with ExitStack() as stack:
        server = stack.enter_context(redis_server())
        after_all_others(server.pid)
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="reservers-")))
        reservers = []
        for number in range(PROCESSES):
            own = folder / str(number)
            own.mkdir()
            share = str(RESERVATIONS // PROCESSES)
            process = Process([sys.executable, "-m", "tests.fleet.reserver", server.unix_url, str(number), share], own)
            stack.callback(process.kill)
            process.start()
            reservers.append(process)
        began = time.monotonic()
        samples = [sample(server, reservers, began)]
        while not all(process.has_ended for process in reservers) and samples[-1].at < LIMIT:
            time.sleep(2.0)
            samples.append(sample(server, reservers, began))
        told = [progress(process) for process in reservers]
        logs = [(process.folder / "log").read_text() for process in reservers]
        ttls = endless(server)
        commands = server.info("commandstats")["cmdstat_evalsha"]

    warm = [each for each in samples if each.at >= WARM and each.granted < RESERVATIONS]
    early, late = warm[: len(warm) // 3], warm[-len(warm) // 3 :]
    # What is kept of the last minute is as much as came in it, which a busy machine may change.
    came = max(1.0, _mean([_lately(samples, at) for at in late]) / _mean([_lately(samples, at) for at in early]))
    server_grew = _growth([each.server for each in early], [each.server for each in late])
    grew = [
        _growth([each.processes[n] for each in early], [each.processes[n] for each in late]) for n in range(PROCESSES)
    ]
    granted = sum(each.granted for each in told)
    figures = say(
        f"{granted} reservations on {DEPLOYMENTS} deployments by {PROCESSES} processes",
        [
            f"in the last minute {came - 1:+.1%} reservations",
            f"took {samples[-1].at:.0f} s, {granted / samples[-1].at:.0f} a second; "
            f"{commands['usec_per_call']} microseconds of server time a script",
            f"slowest of each step, in seconds: {[each.slowest for each in told]}",
            *(f"{'; '.join(each.modes)} {each.errors}" for each in told),
            f"full {sum(each.full for each in told)}, waited {sum(each.waited for each in told)}",
            f"server: {_grown([each.server for each in warm])} ({server_grew - 1:+.1%}), "
            f"{warm[0].keys} and {warm[-1].keys} keys",
            *(
                f"process {n}: {_grown([each.processes[n] for each in warm])} ({grew[n] - 1:+.1%})"
                for n in range(PROCESSES)
            ),
        ],
    )

    assert granted >= (RESERVATIONS if samples[-1].at < LIMIT else ENOUGH), f"{figures}\n{logs}"
    assert not any(each.errors for each in told), f"{figures}\n{logs}"
    assert server_grew < 1.05 * came, figures
    assert all(each < 1.1 * came for each in grew), figures
    assert not ttls, "every key has an end"


def sample(server: RedisServer, reservers: list[Process], began: float) -> Sample:
    told = [progress(process) for process in reservers]
    used = int(server.info("memory")["used_memory"])
    with server.client() as client:
        keys = int(client.dbsize())
    return Sample(
        time.monotonic() - began, sum(each.granted for each in told), used, tuple(each.resident for each in told), keys
    )


def progress(process: Process) -> Progress:
    """The last that a reserver told of itself."""
    lines = (process.folder / "out").read_text().split("\n")[:-1]
    return Progress(**json.loads(lines[-1])) if lines else Progress(0, 0)


def endless(server: RedisServer) -> list[str]:
    """The keys that would stay for ever."""
    with server.client() as client:
        return [str(key) for key in client.scan_iter(count=1000) if client.ttl(key) == -1]


def _lately(samples: list[Sample], sample: Sample) -> int:
    """Reservations of the last minute."""
    return sample.granted - max(each.granted for each in samples if each.at <= sample.at - 61.0)


def _growth(early: list[int], late: list[int]) -> float:
    return _mean(late) / _mean(early)


def _mean(values: list[int]) -> float:
    return sum(values) / len(values)


def _grown(sizes: list[int]) -> str:
    return f"{sizes[0] / 1e6:.1f} MB when warm, {sizes[-1] / 1e6:.1f} MB at the end"
