"""``pixelrelay check``: whether a configuration can be used, and what it says; with ``--live``, whether it works."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import anyio
import typer

from pixelrelay import _clock
from pixelrelay.cli import consoles, options
from pixelrelay.cli.live import Answered, ask_all
from pixelrelay.cli.sources import config_path
from pixelrelay.cli.views.checked import checked_json, checked_view, live_view, problems_json, problems_view
from pixelrelay.config import RelayConfig, load, resolve, warnings_of
from pixelrelay.errors import ConfigError


def check(
    config: options.ConfigArgument = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask each provider a question that costs nothing, with the real keys.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Check a configuration whole: everything that is wrong with it, or a summary of what it says."""
    path = config_path(config)
    loaded = _loaded(path, as_json=as_json)
    warnings = warnings_of(loaded, _clock.today())
    answers = _asked(loaded, as_json=as_json) if live else None
    if as_json:
        typer.echo(checked_json(loaded, resolve(loaded), warnings, answers))
    else:
        console = consoles.stdout()
        consoles.show(console, checked_view(str(path), loaded, resolve(loaded), warnings))
        if answers is not None:
            consoles.show(console, live_view(answers))
    if any(answer.failure for answer in answers or ()):
        raise typer.Exit(1)


def _loaded(path: Path, *, as_json: bool) -> RelayConfig:
    try:
        return load(path)
    except ConfigError as error:
        if as_json:
            typer.echo(problems_json(error))
        else:
            consoles.show(consoles.stdout(), problems_view(error))
        raise typer.Exit(1) from None


def _asked(config: RelayConfig, *, as_json: bool) -> tuple[Answered, ...]:
    deployments = [deployment for group in resolve(config).values() for deployment in group]
    console = consoles.stderr()
    if as_json or not console.is_terminal:
        return anyio.run(ask_all, deployments)
    with console.status(f"asking {len(deployments)} deployments"):
        return anyio.run(ask_all, deployments)
