"""What is made of the figures: spreads, ratios of rounds, tables, and the file that keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from benchmarks.contest import Rounds, Spread, interleaved
from benchmarks.measuring import Figures
from benchmarks.processes import ContenderError
from benchmarks.tables import Column, Section, Table, compared, number, replaced

CPU = Column("cpu", "CPU, ms", 1e3)


def player(name: str, log: list[str], *seconds: float) -> Callable[[], Figures]:
    brought: Iterator[float] = iter(seconds)

    def play() -> Figures:
        log.append(name)
        return {"cpu": next(brought)}

    return play


def test_everybody_plays_in_turn() -> None:
    log: list[str] = []
    interleaved({"a": player("a", log, 1, 2, 3), "b": player("b", log, 4, 5, 6)}, 3)
    assert log == ["a", "b", "a", "b", "a", "b"]


def test_a_ratio_is_of_one_round_so_that_what_slowed_both_falls_out() -> None:
    rounds = interleaved({"bare": player("", [], 1, 10, 2), "whole": player("", [], 2, 30, 5)}, 3)
    assert rounds.ratio("whole", "bare", "cpu") == Spread(2.0, 2.5, 3.0)
    assert rounds.ratio("bare", "bare", "cpu") == Spread(1.0, 1.0, 1.0)
    assert rounds.spread("whole", "cpu") == Spread(2, 5, 30)


def test_who_fails_is_named_and_the_others_go_on() -> None:
    def fails() -> Figures:
        raise ContenderError("it has ended")

    rounds = interleaved({"bad": fails, "good": player("", [], 1, 2)}, 2)
    assert rounds.failed == {"bad": "it has ended"}
    assert rounds.figures == {"good": [{"cpu": 1}, {"cpu": 2}]}


def test_a_table_has_ratios_first_and_figures_in_the_unit_of_their_title() -> None:
    rounds = Rounds({"bare": [{"cpu": 0.001}, {"cpu": 0.003}], "whole": [{"cpu": 0.002}, {"cpu": 0.012}]})
    table = compared("calls", rounds, "bare", CPU)
    assert table.head == ["", "CPU, × bare", "CPU, ms"]
    assert table.rows == [["bare", "1.00", "2.00 (1.00–3.00)"], ["whole", "3.00 (2.00–4.00)", "7.00 (2.00–12.0)"]]


def test_a_table_whose_reference_failed_has_the_figures_alone() -> None:
    table = compared("calls", Rounds({"whole": [{"cpu": 0.002}]}), "bare", CPU)
    assert (table.head, table.rows) == (["", "CPU, ms"], [["whole", "2.00"]])


def test_a_contender_that_has_not_all_figures_has_a_dash_there() -> None:
    table = compared("calls", Rounds({"bare": [{"cpu": 0.001}], "quiet": [{}]}), None, CPU)
    assert table.rows == [["bare", "1.00"], ["quiet", "–"]]


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (0.0123, "0.012"), (0.5, "0.50"), (9.876, "9.88"), (98.76, "98.8"), (12345.6, "12,346")],
)
def test_numbers_keep_the_digits_that_count(value: float, written: str) -> None:
    assert number(value) == written


def test_a_section_says_what_was_measured_how_and_what_was_not() -> None:
    section = Section("call", "Whole calls.", settings={"bare": "as it comes"}, missing={"peer": "it has ended"})
    section.add(Table("one", ["", "CPU"], [["bare", "1"]]))
    section.add(Table("nobody played", ["", "CPU"], []))
    assert section.markdown("Measured today.").split("\n\n") == [
        "## call",
        "Whole calls.",
        "Measured today.",
        "**one**",
        "|  | CPU |\n| --- | ---: |\n| bare | 1 |",
        "How each is set up:",
        "- bare: as it comes",
        "Not measured here:",
        "- peer: it has ended\n",
    ]


def test_a_run_replaces_its_own_sections_and_leaves_the_others() -> None:
    order = ("pick", "call", "scale")
    written = replaced(
        "# Results\n\nHow to read it.\n", {"scale": "## scale\n\nold\n", "call": "## call\n\nold\n"}, order
    )
    again = replaced(written, {"call": "## call\n\nnew\n", "pick": "## pick\n\nnew\n"}, order)
    assert again == "# Results\n\nHow to read it.\n\n## pick\n\nnew\n\n## call\n\nnew\n\n## scale\n\nold\n"
