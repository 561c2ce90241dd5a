"""Reservations taken ahead: how many, for how long, and never at the price of a limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pixelrelay.quotas import Claim, Quota, Shape, Unit
from pixelrelay.store.base import Offer, Reservation
from pixelrelay.store.stock import HELD, LARGE, MOST, Stock


def offer(limit: int = 6000, *, unit: Unit = Unit.REQUESTS, shape: Shape = Shape.ROLLING, amount: int = 1) -> Offer:
    return Offer("east", (Claim(Quota(f"east/{unit.value}", unit, limit, shape), amount),))


def asked(stock: Stock, wanted: Offer, a_second: float, seconds: float = 5.0) -> float:
    """Ask for it at a steady rate; the moment at which that ends."""
    for step in range(int(a_second * seconds)):
        stock.pop(wanted, step / a_second)
    return seconds


@pytest.mark.parametrize(
    ("a_second", "least", "most"), [(1, 0, 0), (7, 0, 0), (40, 4, 6), (200, 22, 27), (5000, 50, 50)]
)
def test_as_many_are_taken_ahead_as_half_the_time_they_keep_will_use(a_second: float, least: int, most: int) -> None:
    stock, wanted = Stock(), offer()
    asked(stock, wanted, a_second)
    assert least <= stock.wanted(wanted) <= most <= MOST


@pytest.mark.parametrize(
    "single",
    [offer(LARGE - 1), offer(unit=Unit.CONCURRENT), offer(shape=Shape.PACED), offer(shape=Shape.FIXED), Offer("east")],
)
def test_small_quotas_slots_and_spaced_calls_are_asked_for_one_by_one(single: Offer) -> None:
    stock = Stock()
    asked(stock, single, 1000)
    assert stock.wanted(single) == 0
    assert stock.widened(single) is single


def test_what_is_kept_is_used_in_order_for_the_same_claims_only_and_while_it_is_fresh() -> None:
    stock, wanted = Stock(), offer()
    first, second = (Reservation(name, 3, wanted) for name in ("one", "two"))
    stock.put([first, second], now=10.0)
    assert stock.pop(offer(amount=2), now=10.0) is None
    assert stock.pop(replace(wanted, deployment="west"), now=10.0) is None
    again = replace(wanted, expected=4.0)
    assert stock.pop(again, now=10.1) == Reservation("one", 0, again)
    assert list(stock.stale(10.0 + HELD - 0.01)) == []
    assert stock.pop(wanted, now=10.0 + HELD) is None, "the other is too old"
    assert list(stock.stale(10.0 + HELD)) == [second]
    assert list(stock.stale(99.0)) == [], "it is given back once"


def test_windows_are_longer_by_the_time_that_a_reservation_may_be_kept() -> None:
    stock, wanted = Stock(), offer()
    (claim,) = stock.widened(wanted).claims
    assert claim.quota == replace(wanted.claims[0].quota, guard=wanted.claims[0].quota.guard + HELD)
    assert stock.widened(wanted).claims[0].quota is claim.quota
