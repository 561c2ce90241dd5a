"""The live view: a table that is drawn anew as it changes; where there is no terminal, a line now and then."""

from __future__ import annotations

import time
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pixelrelay.cli.demo.board import Frame, Row

REFRESH = 0.15
"""Real seconds between two frames at the least."""
LINE = 2.0
"""Real seconds between two lines, where lines are written."""
ROOMY = 120
"""Columns from which the provider is shown beside the model."""
SHORT_BAR, LONG_BAR = 7, 14
"""Characters of a quota's bar; the short one lets the table fit into 100 columns."""


class View(Protocol):
    def show(self, frame: Frame, *, last: bool = False) -> None:
        """Show the board, if it is time for it; the ``last`` one always."""

    def say(self, moment: float, text: str) -> None:
        """Something happened that deserves a line of its own."""


class PlainView:
    """Lines, for files and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0

    def show(self, frame: Frame, *, last: bool = False) -> None:
        if time.monotonic() < self._next and not last:
            return
        self._next = time.monotonic() + LINE
        unwell = [f"{row.name} {row.state}" for row in frame.rows if row.state != "well"]
        self._print(frame.clock, "; ".join([_counts(frame), *unwell]))

    def say(self, moment: float, text: str) -> None:
        self._print(moment, text)

    def _print(self, moment: float, text: str) -> None:
        self._console.print(f"{moment:7.1f} s  {text}", soft_wrap=True)


class LiveView:
    """A table that is drawn anew in place. Used as a context manager, so that the terminal is left as it was."""

    def __init__(self, console: Console, speed: float) -> None:
        self._console = console
        self._speed = speed
        self._live = Live(console=console, auto_refresh=False, transient=False)
        self._next = 0.0

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, frame: Frame, *, last: bool = False) -> None:
        if time.monotonic() < self._next and not last:
            return
        self._live.update(drawn(frame, self._speed, self._console.width), refresh=True)
        # Counted from the end of the drawing: a slow terminal gets fewer frames, not all of the time.
        self._next = time.monotonic() + REFRESH

    def say(self, moment: float, text: str) -> None:
        self._live.console.print(Text.assemble((f"{moment:7.1f} s  ", "dim"), text))


def drawn(frame: Frame, speed: float, width: int) -> RenderableType:
    """The board, for a terminal of ``width`` columns."""
    roomy = width >= ROOMY
    table = Table(box=None, pad_edge=False, padding=(0, 2 if roomy else 1, 0, 0))
    table.add_column("deployment" if roomy else "", no_wrap=True, min_width=9)
    if roomy:
        table.add_column("provider", no_wrap=True, style="dim")
    table.add_column("model", no_wrap=True)
    table.add_column("quota", no_wrap=True, min_width=(LONG_BAR if roomy else SHORT_BAR) + 16)
    for heading in ("in\nflight", "drawn", "failed"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("spend", justify="right", no_wrap=True, min_width=6)
    table.add_column("state", no_wrap=True, min_width=18)
    for row in frame.rows:
        table.add_row(*_cells(row, roomy=roomy))
    return Group(_header(frame, speed), table)


def _header(frame: Frame, speed: float) -> Text:
    clock = Text.assemble((f"{frame.clock:6.1f} s", "bold"), (f" at {speed:g} times the world's pace   ", "dim"))
    return clock + Text(_counts(frame))


def _counts(frame: Frame) -> str:
    failed = f", {frame.failed} FAILED" if frame.failed else ""
    return (
        f"{frame.served} of {frame.orders} served{failed}, {frame.waiting} waiting, {frame.in_flight} in flight, "
        f"{frame.rate_limited} x 429, ${frame.spend:.2f}"
    )


def _cells(row: Row, *, roomy: bool) -> list[RenderableType]:
    name = Text.assemble(row.name, (f" {row.region}", "dim")) if row.region else Text(row.name)
    provider: list[RenderableType] = [row.provider] if roomy else []
    failed = Text(str(row.failed), "red" if row.failed else "dim")
    counts: list[RenderableType] = [str(row.in_flight), str(row.pictures), failed, f"${row.spend:.2f}"]
    return [
        name,
        *provider,
        row.model,
        _quota(row, LONG_BAR if roomy else SHORT_BAR),
        *counts,
        Text(row.state, _colour(row.state)),
    ]


def _quota(row: Row, length: int) -> Text:
    if row.limit is None:
        return Text("no limit", "dim")
    share = min(1.0, row.used / row.limit) if row.limit else 1.0
    full = round(share * length)
    colour = "green" if share < 0.6 else "yellow" if share < 0.95 else "magenta"
    bar = ("━" * full, colour), ("┄" * (length - full), "bright_black")
    return Text.assemble(*bar, f" {row.used}/{row.limit}", (f" {row.unit}", "dim"))


def _colour(state: str) -> str:
    if state.startswith("down"):
        return "bold red"
    return "green" if state == "well" else "yellow"
