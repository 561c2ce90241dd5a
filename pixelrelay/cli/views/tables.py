"""How every table of the command line looks."""

from __future__ import annotations

from rich import box
from rich.table import Table


def table(*columns: str, right: frozenset[str] = frozenset(), folds: frozenset[str] = frozenset()) -> Table:
    """Without lines but one beneath the head. ``folds`` are the columns that give way where it is narrow."""
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold", no_wrap=name not in folds)
    return made
