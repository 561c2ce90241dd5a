"""Where the command line writes. Texts of users and providers are shown as they are: no markup, no emoji in them."""

from __future__ import annotations

from rich.console import Console, RenderableType


def stdout() -> Console:
    """For what was asked for."""
    return Console(markup=False, highlight=False, emoji=False)


def stderr() -> Console:
    """For what happens meanwhile, and for errors."""
    return Console(stderr=True, markup=False, highlight=False, emoji=False)


def show(console: Console, view: RenderableType) -> None:
    """Print ``view``. Lines are broken for people only: a program that reads them has no width."""
    console.print(view, soft_wrap=not console.is_terminal)
