"""What Redis did for its clients, by its own statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

SCRIPTS = ("cmdstat_evalsha", "cmdstat_eval")
BESIDE_SCRIPTS = "cmdstat_blpop"
"""The only command that pixelrelay sends beside its scripts, which do not use it."""
NOT_WORK = ("config", "info", "hello", "ping", "client", "auth", "select", "flushall")
"""What connections begin with, and what the benchmark itself asks."""

Stats: TypeAlias = Mapping[str, Mapping[str, float]]
"""``INFO commandstats``."""


def commands_sent(stats: Stats) -> int:
    """Commands that clients sent for their work. A script is one; what it does within the server is none."""
    return int(sum(each["calls"] for each in _work(stats)))


def seconds_used(stats: Stats) -> float:
    """Of the server's CPU, for these commands and not for reading and answering them."""
    return sum(each["usec"] for each in _work(stats)) / 1e6


def _work(stats: Stats) -> list[Mapping[str, float]]:
    # What scripts do is counted under its own names too; a client that has scripts sends nothing under these.
    if any(name in stats for name in SCRIPTS):
        return [stats[name] for name in (*SCRIPTS, BESIDE_SCRIPTS) if name in stats]
    return [each for name, each in stats.items() if name.removeprefix("cmdstat_").partition("|")[0] not in NOT_WORK]
