"""The waits that no router can undercut: the formula and the replay, each held to the other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import inf
from random import Random
from statistics import fmean

import pytest

from benchmarks.queueing import least_waits, mean_wait


def test_a_single_server_is_waited_for_as_pollaczek_and_khinchine_say() -> None:
    for load in (0.1, 0.5, 0.95):
        assert mean_wait(1, 60.0, load / 60) == pytest.approx(60 * load / (2 * (1 - load)))


def test_nobody_waits_where_nobody_comes_and_without_end_where_too_many_do() -> None:
    assert mean_wait(10, 60.0, 0.0) == 0.0
    assert mean_wait(10, 60.0, 10 / 60) == inf


def test_more_load_is_more_wait_and_a_larger_pool_is_less() -> None:
    by_load = [mean_wait(162, 60.0, load * 162 / 60) for load in (0.8, 0.9, 0.95, 0.98)]
    by_size = [mean_wait(size, 60.0, 0.95 * size / 60) for size in (6, 30, 162, 322)]
    assert by_load == sorted(by_load)
    assert by_size == sorted(by_size, reverse=True)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.7), (6, 0.8), (162, 0.95)])
def test_random_requests_wait_in_the_long_run_as_long_as_the_formula_says(servers: int, load: float) -> None:
    a_second = load * servers / 60
    rng = Random(0)
    arrivals = list(accumulate(rng.expovariate(a_second) for _ in range(300_000)))
    assert fmean(least_waits(arrivals, servers, 60.0)) == pytest.approx(mean_wait(servers, 60.0, a_second), rel=0.05)


@pytest.mark.parametrize(
    ("arrivals", "waits"),
    [
        ([0, 1, 2], [0, 0, 58]),
        ([0, 0, 0, 0, 0], [0, 0, 60, 60, 120]),
        ([0, 1, 60, 61], [0, 0, 0, 0]),
        ([2, 0, 1], [0, 0, 58]),
        ([], []),
    ],
)
def test_each_is_served_as_soon_as_one_of_two_is_free(arrivals: Sequence[float], waits: Sequence[float]) -> None:
    assert least_waits(arrivals, 2, 60.0) == waits


def test_no_window_holds_more_than_the_quota() -> None:
    rng = Random(3)
    arrivals = sorted(rng.uniform(0, 300) for _ in range(200))
    begun = sorted(at + wait for at, wait in zip(arrivals, least_waits(arrivals, 12, 60.0), strict=True))
    assert all(later - earlier > 60.0 - 1e-9 for earlier, later in zip(begun, begun[12:], strict=False))
