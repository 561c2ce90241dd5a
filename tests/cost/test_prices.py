"""Money is exact: what is not known is ``None``, what is free is zero, and nothing passes through a float."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pixelrelay.cost.prices import Price, actual, estimate, micro_dollars
from pixelrelay.images import Size
from pixelrelay.outcomes import Usage
from tests.cost.calls import asked, drawn, priced

dollars = st.decimals(min_value=0, max_value=100, places=6)
prices = st.builds(priced, image=dollars) | st.builds(priced, megapixel=dollars, image=st.none() | dollars)
edges = st.integers(min_value=1, max_value=8192)
sizes = st.builds(Size, edges, edges)
counts = st.integers(min_value=1, max_value=20)


def costs(price: Price | None, *call: Any, **further: Any) -> str | None:
    """The estimate, as text: so it shows that it is exact."""
    found = estimate(price, asked(*call, **further))
    return None if found is None else f"{found.normalize():f}"


def test_pictures_priced_apiece_cost_the_same_at_every_size() -> None:
    price = priced(image="0.04")

    assert costs(price, "1024x1024", 3) == costs(price, "4096x4096", 3) == costs(price, None, 3) == "0.12"


def test_pictures_priced_by_the_megapixel_cost_exactly_the_pixels_drawn() -> None:
    price = priced(megapixel="0.03")

    assert costs(price, "1000x1000") == "0.03"
    assert costs(price, "1024x1024", 2) == "0.06291456"


def test_both_prices_together_are_added() -> None:
    assert costs(priced(image="0.01", megapixel="0.02"), "2000x1000") == "0.05"


def test_what_has_no_price_costs_an_unknown_amount_and_not_nothing() -> None:
    assert estimate(None, asked("1024x1024")) is None
    assert actual(None, drawn(), asked()) is None


def test_a_price_without_terms_is_a_mistake_and_not_free() -> None:
    with pytest.raises(ValueError, match="priced at 0"):
        Price(())


def test_what_is_free_costs_nothing_and_not_an_unknown_amount() -> None:
    assert costs(priced(image=0), None, 4) == "0"


def test_a_price_by_the_megapixel_is_unknown_where_the_size_is_unless_it_says_what_is_drawn_then() -> None:
    price = priced(image="0.01", megapixel="0.02")

    assert costs(price) is None
    assert actual(price, drawn(), asked()) is None
    assert costs(priced(megapixel={"extra": "0.02", "unsaid": "1000x1000"})) == "0.02"


def test_an_edit_whose_size_is_left_open_is_as_large_as_its_first_image() -> None:
    assert costs(priced(megapixel="0.02"), None, 1, "2000x1000", "100x100") == "0.04"


def test_pictures_that_came_are_paid_at_the_size_drawn_else_at_the_size_asked_for() -> None:
    price = priced(megapixel="0.10")

    assert actual(price, drawn(2, size=Size(1000, 1000)), asked("2000x2000")) == Decimal("0.20")
    assert actual(price, drawn(1), asked("2000x1000")) == Decimal("0.20")


def test_pictures_that_came_are_paid_and_not_those_asked_for() -> None:
    assert actual(priced(image="0.04"), drawn(3), asked(n=4)) == Decimal("0.12")


def test_what_the_provider_says_it_billed_outranks_any_price() -> None:
    billed = drawn(cost=Decimal("0.0125"), usage=Usage(1, 1, 2))

    assert actual(priced(image="0.04"), billed, asked()) == Decimal("0.0125")
    assert actual(None, billed, asked()) == Decimal("0.0125")


# --- tables ------------------------------------------------------------------------------------------------------

BY_QUALITY = {"by": ["quality", "size"], "low, standard": {"1K": "0.02", "2K": "0.03"}, "high": {"1K": "0.05"}}


@pytest.mark.parametrize(
    ("size", "quality", "cost"),
    [
        ("1024x1024", "low", "0.02"),
        ("1024x1024", "standard", "0.02"),
        ("1152x896", "high", "0.05"),
        ("2048x2048", "low", "0.03"),
        ("4096x4096", "low", None),
        ("2048x2048", "high", None),
        ("1024x1024", "vivid", None),
        ("1024x1024", None, "0.05"),
        ("1024x1024", "auto", "0.05"),
        (None, "low", "0.03"),
        (None, None, "0.05"),
    ],
)
def test_a_table_knows_what_it_names_and_takes_what_is_left_open_for_the_dearest(
    size: str | None, quality: str | None, cost: str | None
) -> None:
    assert costs(priced(image=BY_QUALITY), size, quality=quality) == cost


def test_a_table_may_name_single_sizes_and_any_other() -> None:
    price = priced(image={"by": "size", "1024x1024": "0.04", "*": "0.08"})

    assert costs(price, "1024x1024") == "0.04"
    assert costs(price, "1792x1024") == "0.08"


def test_a_table_goes_by_a_parameter_before_what_stands_in_for_it() -> None:
    table = {"by": ["rendering_speed/quality"], "turbo, low": "0.03", "quality, high": "0.09", "default": "0.06"}
    price = priced(image={**table, "unsaid": {"rendering_speed": "DEFAULT"}})

    assert costs(price, parameters={"rendering_speed": "TURBO"}, quality="high") == "0.03"
    assert costs(price, quality="high") == "0.09"
    assert costs(price, extra_body={"rendering_speed": "QUALITY"}) == "0.09"
    assert costs(price) == "0.06"


def test_a_better_picture_than_was_asked_for_is_paid_as_what_it_is() -> None:
    price = priced(image=BY_QUALITY)
    good = drawn(quality="high", size=Size(1024, 1024))

    assert actual(price, good, asked("1024x1024", quality="low")) == Decimal("0.05")
    assert actual(price, drawn(quality="auto"), asked("1024x1024", quality="low")) == Decimal("0.02")


# --- megapixels --------------------------------------------------------------------------------------------------

FLUX = {"first": "0.03", "extra": "0.015", "input": "0.015", "round_up": True, "pixels": 1_048_576, "most": 4}


@pytest.mark.parametrize(
    ("size", "inputs", "cost"),
    [
        ("512x512", [], "0.03"),
        ("1024x1024", [], "0.03"),
        ("1040x1024", [], "0.045"),
        ("2048x2048", [], "0.075"),
        ("4096x4096", [], "0.075"),
        ("1024x1024", ["1024x1024"], "0.045"),
        ("1024x1024", ["512x512", "1040x1024"], "0.075"),
        ("1024x1024", ["8000x8000"], "0.09"),
        ("1024x1024", [None], "0.045"),
    ],
)
def test_the_first_megapixel_costs_more_begun_ones_count_whole_and_input_counts(
    size: str, inputs: list[str | None], cost: str
) -> None:
    assert costs(priced(megapixel=FLUX), size, 1, *inputs) == cost


def test_a_picture_costs_at_least_the_minimum() -> None:
    price = priced(megapixel={"extra": "0.02", "minimum": "0.01"})

    assert costs(price, "100x100", 3) == "0.03"


def test_a_price_by_the_step_is_due_for_so_many_steps() -> None:
    by_step = priced(image="0.0005", steps={"parameter": "steps", "unsaid": 28})
    in_excess = priced(megapixel="0.0027", steps={"parameter": "steps", "unsaid": 4, "per": 4, "least": 4})

    assert costs(by_step) == "0.014"
    assert costs(by_step, parameters={"steps": 10}) == "0.005"
    assert costs(by_step, parameters={"steps": "many"}) == "0.014"
    assert costs(in_excess, "1000x1000", parameters={"steps": 2}) == "0.0027"
    assert costs(in_excess, "1000x1000", parameters={"steps": 6}) == "0.00405"


# --- tokens ------------------------------------------------------------------------------------------------------

TOKENS = {"text_in": 5, "cached_text_in": "1.25", "image_in": 8, "cached_image_in": 2, "image_out": 30, "text_out": 10}


def test_tokens_told_after_a_call_are_what_it_cost() -> None:
    usage = Usage(220, 1800, 2020, {"text_tokens": 20, "image_tokens": 200}, {"image_tokens": 1756, "text_tokens": 44})

    # 20 x $5 + 200 x $8 + 1756 x $30 + 44 x $10, a million tokens each
    assert actual(priced(tokens=TOKENS), drawn(usage=usage), asked()) == Decimal("0.05482")


def test_tokens_seen_before_cost_less_and_are_text_as_far_as_they_can_be() -> None:
    usage = Usage(220, 100, 320, {"text_tokens": 20, "image_tokens": 200, "cached_tokens": 60}, {"image_tokens": 100})

    # 20 x $1.25 + 40 x $2 + 160 x $8 + 100 x $30
    assert actual(priced(tokens=TOKENS), drawn(usage=usage), asked()) == Decimal("0.004385")


def test_tokens_that_are_said_to_be_neither_text_nor_picture_are_thoughts() -> None:
    usage = Usage(10, 1500, 1510, {"text_tokens": 10}, {"image_tokens": 1000})

    assert actual(priced(tokens=TOKENS), drawn(usage=usage), asked()) == Decimal("0.03505")


def test_tokens_of_which_no_kind_is_told_are_pictures_out_and_of_an_edit_pictures_in() -> None:
    usage = Usage(1000, 1000, 2000)

    assert actual(priced(tokens=TOKENS), drawn(usage=usage), asked()) == Decimal("0.035")
    assert actual(priced(tokens=TOKENS), drawn(usage=usage), asked(None, 1, "8x8")) == Decimal("0.038")


@pytest.mark.parametrize("usage", [None, Usage(0, 0, 0), Usage(9, 0, 9)])
def test_without_tokens_told_the_pictures_that_came_are_reckoned(usage: Usage | None) -> None:
    table = {"by": "quality", "low": 200, "high": 7000}
    price = priced(tokens={"image_out": 30, "drawn": table})

    assert actual(price, drawn(2, usage=usage, quality="low"), asked(n=3)) == Decimal("0.012")
    assert actual(price, drawn(2, usage=usage), asked(n=3)) == Decimal("0.42")


def test_an_estimate_by_the_token_is_unknown_where_nobody_knows_how_many_a_picture_has() -> None:
    assert costs(priced(tokens=TOKENS), "1024x1024") is None


def test_an_estimate_counts_prompt_and_input_images() -> None:
    price = priced(tokens={**TOKENS, "drawn": 1000, "inputs": 500, "spoken": 100})
    alone, edited = (costs(price, None, 1, *inputs, prompt="ü" * 10) for inputs in ((), ("8x8", None)))

    # (20 bytes + 16) x $5 + 1000 x $30 + 100 x $10; and two images of 500 tokens, with 64 of text each
    assert alone == "0.03118"
    assert edited == "0.03982"


def test_an_estimate_counts_the_unfinished_pictures_that_are_to_be_shown() -> None:
    price = priced(tokens={"image_out": 30, "drawn": 1000, "partial": 100})

    assert costs(price, None, 2, prompt="") == "0.06"
    assert costs(price, None, 2, prompt="", partial_images=3) == "0.078"


# --- all of them -------------------------------------------------------------------------------------------------


def test_a_factor_and_a_unit_multiply_all_of_it() -> None:
    assert costs(priced(image=8, unit="0.01", factor="0.85")) == "0.068"
    assert costs(priced(image={"by": "quality", "low": 8}, unit="0.01", factor="0.5"), quality="low") == "0.04"
    assert costs(priced(megapixel={"first": 3, "extra": 1, "input": 1}, unit="0.01"), "2000x1000") == "0.04"


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ({"image": -1}, "at least 0"),
        ({"image": "much"}, "must be a number"),
        ({"image": True}, "must be a number"),
        ({"image": {"low": 1}}, "says what it goes by"),
        ({"image": {"by": ["quality", "size"], "low": 1}}, "a level for each"),
        ({"image": {"by": "quality"}}, "none of them is empty"),
        ({"image": {"by": "quality", "low": "much"}}, "each amount"),
        ({"image": {"by": "quality", "low": 1, "unsaid": {"size": "1K"}}}, "unsaid"),
        ({"megapixel": {"extra": 1, "unsaid": "large"}}, "is no size"),
        ({"megapixel": {"extra": 1, "pixels": 1000}}, "Input should be"),
        ({"tokens": {"image_out": 1, "drawn": 1, "patches": {"low": 16}}}, "give one of the two"),
        ({"tokens": {"image_out": 1, "patches": {"low": 16}, "sizes": ["auto"]}}, "1024x1024"),
        ({"factor": 0}, "greater than 0"),
    ],
)
def test_a_price_that_cannot_be_meant_is_refused(written: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        priced(**written)


def test_a_host_that_computes_with_three_digits_does_not_round_money() -> None:
    with localcontext(Context(prec=3)):
        assert str(estimate(priced(megapixel="0.123456"), asked("1024x1024", 7))) == "0.906170990592"
        assert str(estimate(priced(image="1.23456", unit="0.01", factor="0.9"), asked())) == "0.01111104"
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
    one, less, more = (estimate(price, asked(size, n)) for n in (1, few, few + further))

    assert one is not None
    assert less == one * few
    assert more == one * (few + further)


@given(prices, sizes, sizes, counts)
def test_a_picture_with_more_pixels_never_costs_less(price: Price, one: Size, other: Size, n: int) -> None:
    small, large = sorted((one, other), key=lambda size: size.pixels)
    less, more = estimate(price, asked(small, n)), estimate(price, asked(large, n))

    assert less is not None
    assert more is not None
    assert less <= more
