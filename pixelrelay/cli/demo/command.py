"""The command: chooses between the emulated fleet and real providers, and tells how it went."""

from __future__ import annotations

import logging
import os
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import typer
import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pixelrelay.cli.demo import real, scene
from pixelrelay.cli.demo.clock import StageLoop
from pixelrelay.cli.demo.live import LiveView, PlainView, View
from pixelrelay.cli.demo.page import page
from pixelrelay.cli.demo.props import Shelf
from pixelrelay.cli.demo.run import emulated
from pixelrelay.cli.demo.story import Story
from pixelrelay.cli.demo.summary import Line, Summary, summarise
from pixelrelay.config import load

HEADING = """\
# The configuration of the demo. Keys and endpoints come from the environment, so that it serves a real fleet as it is.
# pixelrelay check relay.yaml says what is missing.
"""


def on_emulators(requests: int, speed: float, seed: int, console: Console, shelf: Shelf, *, plain: bool) -> Story:
    """Perform the demo on an emulated fleet."""
    shelf.clear()
    shelf.write("relay.yaml", HEADING + _yaml(scene.configuration()))
    rates = scene.rates_of(scene.make_fleet(seed))
    console.print(
        f"{requests} requests at {rates.offered:.0f} pictures a minute, of which the quotas of the fleet allow about "
        f"{rates.reachable:.0f}. The providers are emulated on loopback; no key and no cent is needed.",
        f"Waiting passes {speed:g} times as fast as in the world. The configuration: {shelf.path / 'relay.yaml'}",
        sep="\n",
        soft_wrap=not console.is_terminal,
    )
    loop = StageLoop(speed)
    with _log_into(shelf), _view(console, speed, plain=plain) as view:
        perform = partial(emulated, loop, requests, seed, speed, view, shelf)
        return anyio.run(perform, backend_options={"loop_factory": lambda: loop})


def on_providers(requests: int, console: Console, shelf: Shelf, *, yes: bool) -> Story:
    """Perform the demo on real providers, after having said what it will buy."""
    sources = real.found(os.environ)
    if not sources:
        console.print("No keys were found in the environment. To draw real pictures, set one of these lines:")
        for line in real.unset(os.environ):
            console.print(f"  {line}", soft_wrap=True)
        raise typer.Exit(2)
    config, orders = load(real.configuration(sources)), real.orders(sources, requests)
    console.print("About to buy, with the keys in the environment:")
    for line in real.offer(sources, orders):
        console.print(f"  {line}", soft_wrap=True)
    if not yes:
        typer.confirm("Buy them?", abort=True)
    shelf.clear()
    shelf.write("relay.yaml", HEADING + _yaml(real.configuration(sources)))
    with _log_into(shelf):
        return anyio.run(real.bought, config, sources, orders, PlainView(console), shelf)


def finish(story: Story, console: Console, shelf: Shelf, *, open_page: bool) -> bool:
    """Write the page, print the summary, and say whether all went as promised."""
    summary = summarise(story)
    file = shelf.write("index.html", page(story, summary)).resolve()
    _shown(summary, console)
    for problem in summary.problems:
        console.print(f"  {problem}", style="red", soft_wrap=True)
    console.print(f"The pictures and the timeline: {file}", soft_wrap=True)
    if open_page:
        webbrowser.open(file.as_uri())
    return summary.ok


@contextmanager
def _view(console: Console, speed: float, *, plain: bool) -> Iterator[View]:
    if plain or not console.is_terminal:
        yield PlainView(console)
        return
    with LiveView(console, speed) as view:
        yield view


@contextmanager
def _log_into(shelf: Shelf) -> Iterator[None]:
    """Keep what the library logs in a file: on the terminal it would tear the table."""
    log, handler = logging.getLogger("pixelrelay"), logging.FileHandler(shelf.path / "relay.log", "w", "utf-8")
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()


def _shown(summary: Summary, console: Console) -> None:
    """As a table; where nobody looks, a line each, however long."""
    if not console.is_terminal:
        for line in summary.lines:
            console.print(f"{line.label:>14}  {line.value:<17}  {line.note}", soft_wrap=True)
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for line in summary.lines:
        table.add_row(line.label, Text(line.value, _colour(line)), Text(line.note))
    console.print(table)


def _colour(line: Line) -> str:
    return {True: "bold green", False: "bold red", None: "bold"}[line.good]


def _yaml(data: dict[str, Any]) -> str:
    return yaml.safe_dump(data, sort_keys=False, width=120)


def shelf_at(out: Path) -> Shelf:
    """Where to write. Raises ``typer.BadParameter`` where that cannot be."""
    if out.exists() and not out.is_dir():
        raise typer.BadParameter(f"{out} is a file; name a directory", param_hint="--out")
    return Shelf(out)
