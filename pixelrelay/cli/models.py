"""``pixelrelay models``: what every model of every provider can do, what it costs, and when it goes."""

from __future__ import annotations

from typing import Annotated

import typer

from pixelrelay import _clock
from pixelrelay.cli import consoles, options
from pixelrelay.cli.views.models import Known, models_json, models_view
from pixelrelay.providers import registry
from pixelrelay.providers.overview import FEATURES, known_models

MORE_THAN_ONE = frozenset({"n"})
"""What every model has one of."""


def models(
    provider: options.Provider = None,
    can: Annotated[
        str | None,
        typer.Option(
            "--can", metavar="FEATURES", help=f"Only those that can all of these: {', '.join(FEATURES)}; by commas."
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """List what every model can do, what a picture of 1024x1024 costs there, and when it is switched off."""
    wanted = _features(can)
    names = registry.provider_names() if provider is None else (registry.provider(provider).name,)
    found = [
        Known(name, model, row)
        for name in names
        for model, row in known_models(name).items()
        if all(FEATURES[feature](row) > (feature in MORE_THAN_ONE) for feature in wanted)
    ]
    if as_json:
        typer.echo(models_json(found))
    else:
        consoles.show(consoles.stdout(), models_view(found, _clock.today()))
    if not found:
        raise typer.Exit(1)


def _features(text: str | None) -> list[str]:
    wanted = [name.strip() for name in text.split(",")] if text else []
    if unknown := [name for name in wanted if name not in FEATURES]:
        raise typer.BadParameter(f"{', '.join(unknown)}: there are {', '.join(FEATURES)}", param_hint="--can")
    return wanted
