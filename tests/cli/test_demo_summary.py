"""The demo's arithmetic: whether the books balance, how an outage went, and what the summary makes of it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from pixelrelay.cli.demo.books import own_429s, reckon
from pixelrelay.cli.demo.recording import Span
from pixelrelay.cli.demo.story import Outage, Outcome
from pixelrelay.cli.demo.summary import absence_of, dollars, percentile, summarise
from pixelrelay.cli.demo.traffic import Order
from tests.cli.demo_stories import CUT, FOUR_CENTS, REFUSED, attempt, outcome, record, story_of


def test_books_balance_when_every_picture_on_the_bill_was_delivered() -> None:
    books = reckon([outcome(1, attempt("eastus"))], [record("a fox, no. 1")])

    assert books.balanced
    assert (books.delivered, books.billed, books.lost) == (1, 1, 0)
    assert books.spend == books.metered == FOUR_CENTS


def test_a_picture_billed_and_cut_off_is_paid_in_vain_and_stands_at_risk() -> None:
    served = outcome(1, attempt("westus", failure=CUT), attempt("eastus", started=8.0))
    books = reckon([served], [record("a fox, no. 1", "westus"), record("a fox, no. 1", "eastus")])

    assert books.balanced
    assert (books.delivered, books.billed, books.lost) == (1, 2, 1)
    assert books.lost_dollars == books.at_risk == FOUR_CENTS
    assert books.metered == books.spend + books.lost_dollars


def test_what_stood_at_risk_and_was_never_billed_balances_too() -> None:
    served = outcome(1, attempt("westus", failure=CUT), attempt("eastus", started=8.0))
    books = reckon([served], [record("a fox, no. 1", "eastus")])

    assert books.balanced
    assert (books.lost, books.lost_dollars, books.at_risk) == (0, Decimal(0), FOUR_CENTS)


def test_a_second_picture_that_the_router_knows_nothing_of_does_not_balance() -> None:
    bought_twice = [record("a fox, no. 1"), record("a fox, no. 1")]
    books = reckon([outcome(1, attempt("eastus"))], bought_twice)

    assert not books.balanced
    assert "2 pictures billed, 1 delivered" in books.problems[0]


def test_a_different_price_on_the_meter_does_not_balance() -> None:
    dearer = replace(record("a fox, no. 1"), dollars=Decimal("0.0400001"))
    assert not reckon([outcome(1, attempt("eastus"))], [dearer]).balanced


def test_a_delivery_that_was_never_billed_does_not_balance() -> None:
    assert not reckon([outcome(1, attempt("eastus"))], []).balanced


def test_a_bill_for_what_nobody_asked_does_not_balance() -> None:
    books = reckon([outcome(1, attempt("eastus"))], [record("a fox, no. 1"), record("a wolf")])
    assert books.problems == ("billed, and asked for by nobody: 'a wolf'",)
    assert books.metered == 2 * FOUR_CENTS


def test_a_request_without_a_picture_is_a_problem_and_its_losses_are_counted() -> None:
    lost = Outcome(
        Order(1, 0.0, "flux", "a fox, no. 1"), 0.0, 9.0, error="exhausted", attempts=(attempt("w", failure=CUT),)
    )
    books = reckon([lost], [record("a fox, no. 1")])

    assert books.problems == ("no. 1: no picture (exhausted)",)
    assert (books.lost, books.at_risk) == (1, FOUR_CENTS)


def test_429s_are_told_apart_from_those_put_there_on_purpose() -> None:
    refused = [
        record("a", "flex", billed=0, status=429, fault="rate_limited"),
        record("b", "flex", billed=0, status=429),
        record("c", "flex"),
    ]
    assert own_429s(refused) == {"flex": (1, 1)}


@pytest.mark.parametrize(("share", "value"), [(0.5, 3.0), (0.95, 5.0), (0.2, 1.0), (0.0, 1.0), (1.0, 5.0)])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(share: float, value: float) -> None:
    assert percentile([5.0, 1.0, 4.0, 2.0, 3.0], share) == value


def test_the_percentile_of_nothing_is_zero() -> None:
    assert percentile([], 0.5) == 0.0


def test_an_outage_is_told_by_what_was_cut_what_was_tried_and_when_it_was_asked_again() -> None:
    outage = Outage("westus", Span(5.0, 30.0))
    story = story_of(
        outcome(1, attempt("westus", failure=CUT, duration=4.0), attempt("eastus", started=4.0)),
        outcome(10, attempt("westus", failure=REFUSED, duration=0.0), attempt("eastus")),
        outcome(34, attempt("westus")),
        outage=outage,
    )
    absence = absence_of(story, outage)

    assert (absence.cut, absence.calls, absence.back_after) == (1, 1, 4.0)


def test_a_deployment_that_is_not_needed_again_has_no_time_of_return() -> None:
    outage = Outage("westus", Span(5.0, 30.0))
    assert absence_of(story_of(outcome(1, attempt("eastus")), outage=outage), outage).back_after is None


def test_a_demo_without_loss_is_as_promised() -> None:
    summary = summarise(story_of(outcome(1, attempt("eastus", waited=2.0)), records=(record("a fox, no. 1"),)))
    said = {line.label: line for line in summary.lines}

    assert summary.ok
    assert said["served"].value == "1 of 1"
    assert said["over quota"].value == "0"
    assert said["waited"].value == "2.0 s / 2.0 s"
    assert said["paid"].value == said["billed"].value == "$0.04"
    assert "paid in vain" not in said


def test_a_demo_whose_books_do_not_balance_is_not_as_promised() -> None:
    summary = summarise(story_of(outcome(1, attempt("eastus"))))

    assert not summary.ok
    assert next(line for line in summary.lines if line.label == "billed").good is False


@pytest.mark.parametrize(
    ("amount", "text"), [("3.0400", "$3.04"), ("0.045", "$0.045"), ("12", "$12.00"), ("0", "$0.00"), ("7.5", "$7.50")]
)
def test_dollars_are_written_to_the_cent_or_as_precisely_as_they_are_known(amount: str, text: str) -> None:
    assert dollars(Decimal(amount)) == text
