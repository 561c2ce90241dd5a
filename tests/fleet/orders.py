"""What a worker is told to do, and what it tells of it: values that pass between processes as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

SERVED = "served"
ABANDONED = "abandoned"
"""The worker gave it up when its time was over."""


@dataclass(frozen=True, slots=True)
class Load:
    """Requests for one group that come at random."""

    group: str
    a_minute: float
    """Of all workers together."""
    timeout: float
    """Seconds that each may take."""
    seed: int = 1

    def arrivals(self, seconds: float, part: int, parts: int) -> Iterator[float]:
        """The moments at which one worker of ``parts`` asks, from 0 on.

        Every worker draws the same Poisson process and takes its turn in it, so that all are asked equally often.
        """
        rng, at, number = Random(self.seed), 0.0, 0
        while True:
            at += rng.expovariate(self.a_minute / 60)
            if at >= seconds:
                return
            if number % parts == part:
                yield at
            number += 1


@dataclass(frozen=True, slots=True)
class Order:
    """What one worker does."""

    config: Mapping[str, Any]
    loads: Sequence[Load]
    begins: float
    """When, by the clock that all processes of a machine share (``time.monotonic``)."""
    seconds: float
    """How long requests come."""
    part: int = 0
    parts: int = 1
    grace: float = 5.0
    """Seconds after the last request came in which those under way may still end."""
    all_leave_at_once: bool = False
    """Whether those that have not ended then are given up together; else one after another."""

    def written(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Order:
        data = json.loads(text)
        return cls(**{**data, "loads": [Load(**load) for load in data["loads"]]})


@dataclass(frozen=True, slots=True)
class Request:
    """What became of one request. Moments are ``time.monotonic``."""

    group: str
    asked: float
    ended: float
    outcome: str
    """``SERVED``, ``ABANDONED``, or the name of the error."""
    deployment: str | None = None
    waited: float = 0.0
    """Seconds in the line."""
    degraded: bool = False


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of some durations, in seconds."""

    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    most: float = 0.0

    @classmethod
    def of(cls, durations: Sequence[float]) -> Percentiles:
        ordered = sorted(durations)
        if not ordered:
            return cls()
        p50, p95, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.95, 0.99))
        return cls(p50, p95, p99, ordered[-1])

    def __str__(self) -> str:
        return " / ".join(f"{1000 * each:.1f}" for each in (self.p50, self.p95, self.p99, self.most)) + " ms"


@dataclass(frozen=True, slots=True)
class Summary:
    """What one worker did and saw."""

    pid: int
    requests: Sequence[Request]
    attempts: int = 0
    abandoned: int = 0
    """Attempts that were under way when their request was given up."""
    rejected: int = 0
    """Attempts that were answered with 429."""
    asks: int = 0
    """How often the router asked its store for a place or a reservation."""
    reserving: Percentiles = field(default_factory=Percentiles)
    """How long the store took to answer that."""
    calls: Mapping[str, int] = field(default_factory=dict)
    """Steps that a shared store was asked for, by name."""
    errors: Mapping[str, int] = field(default_factory=dict)
    """What went wrong with them, by the store's own words."""
    modes: Sequence[tuple[float, str, str]] = ()
    """When the store was lost and found: the moment, how quotas were counted from then on, and why."""

    def line(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Summary:
        data = json.loads(text)
        requests = [Request(**each) for each in data["requests"]]
        return cls(**{**data, "requests": requests, "reserving": Percentiles(**data["reserving"])})


def outcomes(summaries: Sequence[Summary], group: str | None = None) -> Counter[str]:
    """How the requests of all workers ended, for one group or for all."""
    return Counter(
        request.outcome for summary in summaries for request in summary.requests if group in {None, request.group}
    )
