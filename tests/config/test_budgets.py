"""Budgets as they are written: what is read exactly, and what is told of each mistake."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pixelrelay.config import Budget, BudgetConfig
from pixelrelay.config.budgets import in_words
from pixelrelay.cost.prices import micro_dollars_within
from pixelrelay.quotas import Calendar, Span
from tests.config.shop import crayon, flux, loaded, mistakes


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ({"dollars": 5}, ": needs a window (hour, day or month) or rolling (as 24h), and not both"),
        (
            {"dollars": 5, "window": "day", "rolling": 60},
            ": needs a window (hour, day or month) or rolling (as 24h), and not both",
        ),
        ({"dollars": 0, "window": "day"}, ".dollars: must be greater than 0"),
        ({"dollars": True, "window": "day"}, ".dollars: must be a number, not true"),
        ({"dollars": 0.0000009, "window": "day"}, ".dollars: must be at least 0.000001"),
        ({"dollars": 1e10, "window": "day"}, ".dollars: must be at most 1e+09"),
        ({"window": "day"}, ".dollars: is missing"),
        ({"dolars": 5, "dollars": 5, "window": "day"}, ".dolars: unknown key; did you mean 'dollars'?"),
        ({"dollars": 5, "window": "daily"}, ".window: must be 'day', 'hour' or 'month'; did you mean 'day'?"),
        (
            {"dollars": 5, "rolling": "24 hours"},
            ".rolling: must be whole seconds, or a number and one of s, m, h, d, as 24h",
        ),
        ({"dollars": 5, "rolling": 59}, ".rolling: must be from 60 seconds to 366 days"),
        ({"dollars": 5, "rolling": "367d"}, ".rolling: must be from 60 seconds to 366 days"),
        (
            {"dollars": 5, "window": "day", "deployment": "rad"},
            ".deployment: no deployment is named 'rad'; did you mean 'red'?",
        ),
        ({"dollars": 5, "window": "day", "group": "flix"}, ".group: no group is named 'flix'; did you mean 'flux'?"),
        (
            {"dollars": 5, "window": "day", "provider": "easel"},
            ".provider: no deployment has the provider 'easel'; known here: crayon",
        ),
        (
            {"dollars": 5, "window": "day", "tag": "fst"},
            ".tag: no deployment carries the tag 'fst'; did you mean 'fast'?",
        ),
        ({"dollars": 5, "window": "day", "tag": "fast", "group": "flux"}, ": is about one thing alone: group or tag"),
        ({"dollars": 5, "window": "day", "per": "usr"}, ".per: must be 'user'; did you mean 'user'?"),
        ({"dollars": 5, "window": "day", "unpriced": "no"}, ".unpriced: must be 'allow' or 'refuse'"),
    ],
)
def test_each_mistake_is_told_with_its_path(written: dict[str, Any], line: str) -> None:
    assert mistakes(flux(crayon(tags=["fast"]), budgets={"b": written})) == [f"budgets.b{line}"]


def test_a_budget_has_a_name_without_a_colon() -> None:
    (line,) = mistakes(flux(budgets={"a:b": {"dollars": 1, "window": "day"}}))
    assert line.startswith("budgets.a:b: the name must begin with a letter or digit")


def test_dollars_are_read_as_they_are_written_and_counted_rounded_down() -> None:
    config = loaded(
        flux(budgets={"b": {"dollars": 0.1, "window": "day"}, "c": {"dollars": "2.0000019", "rolling": "90s"}})
    )
    assert config.budgets["b"].dollars == Decimal("0.1")
    quota = Budget("c", config.budgets["c"]).quota()
    assert (quota.key, quota.limit, quota.span) == ("budget:c", 2_000_001, 90)
    assert micro_dollars_within(Decimal("0.0000019")) == 1


@pytest.mark.parametrize(
    ("written", "seconds"), [(60, 60), ("60s", 60), ("30m", 1800), ("24h", 86_400), (" 7d ", 604_800)]
)
def test_a_rolling_window_is_seconds_or_so_many_of_a_unit(written: int | str, seconds: int) -> None:
    assert BudgetConfig(dollars=Decimal(1), rolling=written).span == seconds  # type: ignore[arg-type]  # as people write


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (Calendar.HOUR, "an hour"),
        (Calendar.DAY, "a day"),
        (Calendar.MONTH, "a month"),
        (60, "in any 60 s"),
        (90, "in any 90 s"),
        (3600, "in any 60 min"),
        (86_400, "in any 24 h"),
        (604_800, "in any 7 d"),
    ],
)
def test_a_window_in_words(span: Span, words: str) -> None:
    assert in_words(span) == words
