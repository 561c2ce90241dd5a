"""Money is exact: what is not known is ``None``, what is free is zero, and nothing passes through a float."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelrelay.cost.prices import Price, actual, estimate, micro_dollars
from pixelrelay.images import Generation, Image, Size

SQUARE = Size(1024, 1024)
PICTURE = Image(url="https://cdn.example/1.png")

dollars = st.decimals(min_value=0, max_value=100, places=6)
prices = st.builds(Price, image=st.none() | dollars, megapixel=st.none() | dollars)
edges = st.integers(min_value=1, max_value=8192)
sizes = st.builds(Size, edges, edges)
counts = st.integers(min_value=1, max_value=20)


def test_pictures_priced_apiece_cost_the_same_at_every_size() -> None:
    price = Price(image=Decimal("0.04"))

    assert estimate(price, SQUARE, 3) == Decimal("0.12")
    assert estimate(price, Size(4096, 4096), 3) == Decimal("0.12")
    assert estimate(price, None, 3) == Decimal("0.12")


def test_pictures_priced_by_the_megapixel_cost_exactly_the_pixels_drawn() -> None:
    price = Price(megapixel=Decimal("0.03"))

    assert estimate(price, Size(1000, 1000), 1) == Decimal("0.03")
    assert estimate(price, SQUARE, 2) == Decimal("0.06291456")


def test_both_prices_together_are_added() -> None:
    price = Price(image=Decimal("0.01"), megapixel=Decimal("0.02"))

    assert estimate(price, Size(2000, 1000), 1) == Decimal("0.05")


@pytest.mark.parametrize("price", [None, Price()])
def test_what_has_no_price_costs_an_unknown_amount_and_not_nothing(price: Price | None) -> None:
    assert estimate(price, SQUARE, 1) is None
    assert actual(price, Generation(images=(PICTURE,))) is None


def test_what_is_free_costs_nothing_and_not_an_unknown_amount() -> None:
    assert estimate(Price(image=Decimal(0)), None, 4) == 0


def test_a_price_by_the_megapixel_is_unknown_where_the_size_is() -> None:
    price = Price(image=Decimal("0.01"), megapixel=Decimal("0.02"))

    assert estimate(price, None, 1) is None
    assert actual(price, Generation(images=(PICTURE,))) is None


def test_pictures_that_came_are_paid_at_the_size_drawn_else_at_the_size_asked_for() -> None:
    price = Price(megapixel=Decimal("0.10"))
    drawn = Generation(images=(PICTURE, PICTURE), size=Size(1000, 1000))
    untold = Generation(images=(PICTURE,))

    assert actual(price, drawn, asked=Size(2000, 2000)) == Decimal("0.20")
    assert actual(price, untold, asked=Size(2000, 1000)) == Decimal("0.20")


def test_what_the_provider_says_it_billed_outranks_any_price() -> None:
    billed = Generation(images=(PICTURE,), cost=Decimal("0.0125"))

    assert actual(Price(image=Decimal("0.04")), billed) == Decimal("0.0125")
    assert actual(None, billed) == Decimal("0.0125")


def test_a_host_that_computes_with_three_digits_does_not_round_money() -> None:
    with localcontext(Context(prec=3)):
        assert str(estimate(Price(megapixel=Decimal("0.123456")), SQUARE, 7)) == "0.906170990592"
        assert micro_dollars(Decimal("0.9061709")) == 906_171


@given(dollars, st.integers(min_value=0, max_value=9))
def test_whole_millionths_never_count_less_than_was_spent_nor_a_millionth_too_much(
    spent: Decimal, further: int
) -> None:
    exact = spent + Decimal(further).scaleb(-9)

    assert 0 <= micro_dollars(exact) - exact * 1_000_000 < 1


@given(prices, sizes, counts, counts)
def test_more_pictures_never_cost_less_and_each_costs_the_same(
    price: Price, size: Size, few: int, further: int
) -> None:
    one, less, more = (estimate(price, size, n) for n in (1, few, few + further))

    if one is None:
        assert less is more is None
    else:
        assert less == one * few
        assert more == one * (few + further)


@given(prices, sizes, sizes, counts)
def test_a_picture_with_more_pixels_never_costs_less(price: Price, one: Size, other: Size, n: int) -> None:
    small, large = sorted((one, other), key=lambda size: size.pixels)
    less, more = estimate(price, small, n), estimate(price, large, n)

    assert (less is None) == (more is None)
    if less is not None and more is not None:
        assert less <= more
        if price.megapixel and small.pixels < large.pixels:
            assert less < more
