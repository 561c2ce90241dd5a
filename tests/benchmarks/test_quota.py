"""What is told of a fleet's run: of its requests as its processes saw them, and of its calls as the providers did."""

from __future__ import annotations

from statistics import fmean

import pytest

from benchmarks.contenders.fleets import LATENCY
from benchmarks.processes import ContenderError
from benchmarks.queueing import least_waits, mean_wait
from benchmarks.quota import CALM, CROWD, Run, told
from tests.fleet.orders import ABANDONED, SERVED, Request
from tests.fleet.processes import Arrival

BEGINS = 1000.0
RUN = Run(quotas=(2, 1), share=0.5)


def request(asked: float, waited: float = 0.0, outcome: str = SERVED) -> Request:
    return Request("flux", BEGINS + asked, BEGINS + asked + waited + LATENCY, outcome)


def call(at: float, status: int | None = 200) -> Arrival:
    return Arrival("d0", BEGINS + at, status, None, None)


def test_calls_and_rejections_are_for_each_picture() -> None:
    figures = told(RUN, BEGINS, [request(1)], [call(1), call(2, 429), call(3), call(4, 429), call(5, 429)])
    assert (figures["rejected"], figures["calls"]) == (1.5, 2.5)


def test_a_call_that_was_not_answered_in_the_end_is_none_and_used_quota_all_the_same() -> None:
    figures = told(RUN, BEGINS, [request(1)], [call(170), call(179, None)])
    assert figures["calls"] == 1.0
    assert figures["used"] == pytest.approx(2 / 6)


def test_the_quota_is_told_of_the_two_minutes_in_which_its_windows_are_full() -> None:
    arrivals = [call(at) for at in (1, 60, 60.1, 100, 119, 121, 150, 180, 180.1)] + [call(90, 429)]
    assert told(RUN, BEGINS, [request(1)], arrivals)["used"] == 1.0


def test_refused_is_who_got_an_error_and_not_who_still_waited() -> None:
    requests = [request(1), request(2, outcome="RateLimitError"), request(3, outcome=ABANDONED), request(4)]
    assert told(RUN, BEGINS, requests, [call(1)])["refused"] == 0.25


def test_waits_are_compared_with_the_least_that_the_same_requests_could_have_had() -> None:
    requests = [request(at, wait) for at, wait in ((0, 0), (0, 0), (0, 0), (0, 90), (30, 60))]
    figures = told(RUN, BEGINS, requests, [call(1)])
    assert figures["wait"] == pytest.approx(30.0)
    assert figures["over_least"] == pytest.approx(150 / 90)


def test_only_who_comes_after_the_first_minute_is_compared_with_the_long_run() -> None:
    limit = mean_wait(3, 60.0, 1.5 / 60)
    figures = told(RUN, BEGINS, [request(10, 55), request(70, 2 * limit)], [call(1)])
    assert figures["over_limit"] == pytest.approx(2.0)
    assert "over_limit" not in told(CROWD, BEGINS, [request(70, 5)], [call(1)])


def test_who_delivers_nothing_has_no_figures() -> None:
    with pytest.raises(ContenderError, match="delivered nothing of 1"):
        told(RUN, BEGINS, [request(1, outcome="RateLimitError")], [call(1, 429)])


def test_the_fleet_is_that_of_flux_and_its_load_is_of_all_its_quotas() -> None:
    assert CALM.quota == 162
    assert CALM.load.a_minute == pytest.approx(0.95 * 162)
    assert CROWD.load.a_minute == pytest.approx(2 * 162)
    assert CROWD.could_be_had == 2 * 162


def test_the_requests_near_the_quotas_are_as_many_as_the_rate_says_and_have_to_wait() -> None:
    arrivals = list(CALM.load.arrivals(CALM.seconds, 0, 1))
    assert len(arrivals) == pytest.approx(CALM.load.a_minute * 3, rel=0.01)
    assert fmean(least_waits(arrivals, CALM.quota, 60.0)) == pytest.approx(0.61, abs=0.01)
