"""What was measured, as people read it: on the terminal, and in Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table as RichTable

if TYPE_CHECKING:
    from benchmarks.contest import Rounds, Spread


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of a table."""

    figure: str
    title: str
    scale: float = 1.0
    """What the figure is multiplied by, to be in the unit that the title names."""


UNKNOWN = "–"
"""In the place of a figure that a contender has not."""

CPU = Column("cpu_a_request", "CPU a request, ms", 1e3)
P50 = Column("p50", "p50, ms", 1e3)
P99 = Column("p99", "p99, ms", 1e3)
A_SECOND = Column("a_second", "requests a second")


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        lines = [self.head, ["---", *(["---:"] * (len(self.head) - 1))], *self.rows]
        return f"**{self.title}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def show(self, console: Console) -> None:
        table = RichTable(title=self.title, title_justify="left")
        for at, name in enumerate(self.head):
            table.add_column(name, justify="right" if at else "left", no_wrap=not at)
        for row in self.rows:
            table.add_row(*row)
        console.print(table)


@dataclass(slots=True)
class Section:
    """All about one benchmark."""

    name: str
    about: str
    tables: list[Table] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    """By contender, how it was set up."""
    missing: dict[str, str] = field(default_factory=dict)
    """By contender, why it was not measured."""
    notes: list[str] = field(default_factory=list)
    show: Callable[[Table], None] | None = field(default=None, repr=False)

    def add(self, table: Table) -> None:
        if not table.rows:
            return
        self.tables.append(table)
        if self.show is not None:
            self.show(table)

    def markdown(self, measured: str) -> str:
        parts = [f"## {self.name}", self.about, measured, *(table.markdown() for table in self.tables)]
        parts += _listed("How each is set up:", self.settings)
        parts += _listed("Not measured here:", self.missing)
        parts += self.notes
        return "\n\n".join(parts) + "\n"


def compared(title: str, rounds: Rounds, reference: str | None, by: Column, *others: Column) -> Table:
    """A row a contender: first what it needs in proportion to ``reference``, then the figures by themselves.

    Without a reference, or if it failed, there are the figures alone. Who has not all of them has a dash there.
    """
    columns = (by, *others)
    head = ["", *(column.title for column in columns)]
    rows = [[name, *_cells(rounds, name, columns)] for name in rounds.figures]
    if reference in rounds.figures:
        head.insert(1, f"{by.title.rpartition(', ')[0] or by.title}, × {reference}")
        for row in rows:
            row.insert(1, spread(rounds.ratio(row[0], reference, by.figure)))
    return Table(title, head, rows)


def _cells(rounds: Rounds, name: str, columns: Sequence[Column]) -> list[str]:
    figures = rounds.figures[name][0]
    return [
        spread(rounds.spread(name, column.figure), column.scale) if column.figure in figures else UNKNOWN
        for column in columns
    ]


def spread(of: Spread, scale: float = 1.0) -> str:
    """The median, and from where to where the rounds went."""
    if of.least == of.most:
        return number(of.median * scale)
    return f"{number(of.median * scale)} ({number(of.least * scale)}–{number(of.most * scale)})"


def number(value: float) -> str:
    """Two or three digits that count, as people write them."""
    match abs(value):
        case size if size >= 100 or not size:
            return f"{value:,.0f}"
        case size if size >= 10:
            return f"{value:.1f}"
        case size if size >= 0.1:
            return f"{value:.2f}"
        case _:
            return f"{value:.2g}"


def replaced(document: str, sections: Mapping[str, str], order: Sequence[str]) -> str:
    """``document`` with these sections in the place of those of the same name, and the others as they were."""
    head, *parts = re.split(r"(?m)^(?=## )", document)
    kept = {part.partition("\n")[0].removeprefix("## ").strip(): part.strip() + "\n" for part in parts}
    kept.update(sections)
    ordered = sorted(kept, key=lambda name: order.index(name) if name in order else len(order))
    return "\n".join([head.strip() + "\n", *(kept[name] for name in ordered)])


def _listed(title: str, entries: Mapping[str, str]) -> list[str]:
    return [title + "\n\n" + "\n".join(f"- {name}: {what}" for name, what in entries.items())] if entries else []
