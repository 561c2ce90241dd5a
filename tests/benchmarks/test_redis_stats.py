"""What clients sent to Redis, told from its statistics."""

from __future__ import annotations

import pytest

from benchmarks.redis_stats import commands_sent, seconds_used

OWN = {"cmdstat_info": {"calls": 2, "usec": 100}, "cmdstat_config|resetstat": {"calls": 1, "usec": 40}}
SHAKEN = {"cmdstat_hello": {"calls": 4, "usec": 20}, "cmdstat_client|setinfo": {"calls": 8, "usec": 9}}
PLAIN = {"cmdstat_mget": {"calls": 5, "usec": 20}, "cmdstat_incrbyfloat": {"calls": 10, "usec": 30}}
SCRIPTED = {"cmdstat_evalsha": {"calls": 3, "usec": 200}, "cmdstat_blpop": {"calls": 1, "usec": 7}}


def test_greetings_and_the_benchmark_s_own_questions_are_no_work() -> None:
    assert commands_sent(OWN | SHAKEN) == 0
    assert commands_sent(OWN | SHAKEN | PLAIN) == 15
    assert seconds_used(OWN | SHAKEN | PLAIN) == pytest.approx(50e-6)


def test_what_a_script_does_within_the_server_was_not_sent() -> None:
    assert commands_sent(OWN | PLAIN | SCRIPTED) == 4
    assert seconds_used(OWN | PLAIN | SCRIPTED) == pytest.approx(207e-6)
