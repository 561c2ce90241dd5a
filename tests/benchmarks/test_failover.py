"""What the figures of a run with a bad deployment come to in proportion."""

from __future__ import annotations

import pytest

from benchmarks.failover import shares
from benchmarks.processes import ContenderError

RUN = {"asked": 300.0, "delivered": 240.0, "drawn": 360.0, "bad": 50.0}


def test_delivered_is_of_all_that_was_asked_and_paid_is_of_all_that_was_delivered() -> None:
    told = shares(dict(RUN))
    assert (told["delivered_share"], told["paid"]) == (0.8, 1.5)


def test_the_share_of_one_of_three_is_a_third_of_the_requests() -> None:
    assert shares(dict(RUN))["bad_share"] == 0.5


def test_calls_that_nobody_counted_have_no_share() -> None:
    assert "bad_share" not in shares({name: number for name, number in RUN.items() if name != "bad"})


def test_who_delivers_nothing_has_no_figures() -> None:
    with pytest.raises(ContenderError, match="delivered nothing"):
        shares(RUN | {"delivered": 0.0})
