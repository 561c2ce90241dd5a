"""``pixelrelay explain``: who would serve a request, in which order, at what price; and who not, and why."""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated

import anyio
import typer

from pixelrelay.cli import consoles, options
from pixelrelay.cli.sources import config_path, model_of
from pixelrelay.cli.stages import Prospect, prospect
from pixelrelay.cli.views.explained import explained_json, explained_view
from pixelrelay.cli.wanted import Wanted, chain_of, dropped, parameters_of
from pixelrelay.config import RelayConfig, load
from pixelrelay.images import InputImage, Operation
from pixelrelay.router import Router

SOME_PROMPT = "a picture"


def explain(
    config: options.ConfigArgument = None,
    model: options.Model = None,
    n: options.Count = 1,
    size: options.SizeText = None,
    edit: Annotated[
        int, typer.Option("--edit", metavar="COUNT", min=0, help="As an edit of so many images instead.")
    ] = 0,
    mask: Annotated[bool, typer.Option("--mask", help="With a mask.")] = False,
    quality: options.Quality = None,
    background: options.Background = None,
    output_format: options.Format = None,
    seed: options.Seed = None,
    param: options.Parameters = None,
    adapt: options.Adapt = None,
    drop: options.Drop = None,
    tag: options.Tags = None,
    region: options.Region = None,
    strategy: options.Strategy = None,
    fallback: options.Fallbacks = None,
    no_fallbacks: options.NoFallbacks = False,
    as_json: options.Json = False,
) -> None:
    """Show who would serve a request, in which order and at what price, and who could not. Sends nothing."""
    wanted = Wanted(
        operation=Operation.EDIT if edit or mask else Operation.GENERATE,
        prompt=SOME_PROMPT,
        n=n,
        size=size,
        quality=quality,
        background=background,
        output_format=output_format,
        seed=seed,
        adapt=tuple(adapt or ()),
        drop_params=dropped(drop),
        strategy=strategy,
        tags=tuple(tag or ()),
        region=region,
        fallbacks=chain_of(fallback, no_fallbacks),
        further=parameters_of(param),
    )
    loaded = load(config_path(config))
    name = model_of(loaded, model)
    # In the loop that a router needs, though nothing is awaited.
    found = anyio.run(_found, loaded, name, wanted, max(edit, int(mask)), mask)
    if as_json:
        typer.echo(explained_json(found))
    else:
        consoles.show(consoles.stdout(), explained_view(name, found))
    if not found.stages:
        raise typer.Exit(1)


async def _found(config: RelayConfig, model: str, wanted: Wanted, images: int, mask: bool) -> Prospect:
    async with aclosing(Router(config)) as router:  # not entered: nothing is sent
        inputs = tuple(InputImage(b"", "image/png", f"image{number}.png") for number in range(1, images + 1))
        request = wanted.request(inputs, InputImage(b"", "image/png", "mask.png") if mask else None)
        return prospect(router, model, request, wanted)
