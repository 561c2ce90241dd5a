"""``pixelrelay prices``: what a picture costs, at every model that is known or at the deployments of a fleet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pixelrelay import _clock
from pixelrelay.cli import consoles, options
from pixelrelay.cli.comparing import SQUARE, Comparison, among_deployments, among_models, inputs
from pixelrelay.cli.views.prices import prices_json, prices_view
from pixelrelay.cli.wanted import Wanted
from pixelrelay.config import load, resolve
from pixelrelay.cost import listed
from pixelrelay.errors import UnknownModelError
from pixelrelay.images import ImageRequest, Operation
from pixelrelay.providers import registry

SOME_PROMPT = "a picture"


def prices(
    config: Annotated[
        Path | None,
        typer.Argument(
            metavar="CONFIG",
            help="A configuration, to compare its deployments. Left out: all models whose prices are known.",
            show_default=False,
        ),
    ] = None,
    provider: options.Provider = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="NAME", help="A group or deployment; without CONFIG, a part of a name."),
    ] = None,
    n: options.Count = 1,
    size: options.SizeText = str(SQUARE),
    quality: options.Quality = None,
    edit: Annotated[
        int, typer.Option("--edit", metavar="COUNT", min=0, help="As an edit of so many images of a megapixel.")
    ] = 0,
    as_json: options.Json = False,
) -> None:
    """Compare what a picture costs, the cheapest first, with where and when each price was read. Sends nothing."""
    operation = Operation.EDIT if edit else Operation.GENERATE
    wanted = Wanted(operation=operation, prompt=SOME_PROMPT, n=n, size=size, quality=quality)
    request = wanted.request(inputs(edit))
    if provider not in {None, *listed.providers()}:
        registry.provider(str(provider))  # says that there is none
    if config is None:
        compared = among_models(request, _clock.today(), provider, model)
    else:
        compared = _in_fleet(config, request, provider, model)
    if as_json:
        typer.echo(prices_json(request, compared))
    else:
        consoles.show(consoles.stdout(), prices_view(request, compared))
    if not compared.offers:
        raise typer.Exit(1)


def _in_fleet(path: Path, request: ImageRequest, provider: str | None, model: str | None) -> Comparison:
    groups = resolve(load(path))
    members = [one for name, group in groups.items() for one in group if model in {None, name, one.name}]
    if not members:
        raise UnknownModelError(str(model), sorted(groups))
    return among_deployments([one for one in members if provider in {None, one.provider.name}], request)
