"""``pixelrelay edit``: pictures from pictures and a prompt."""

from __future__ import annotations

from typing import Annotated

import typer

from pixelrelay.cli import options
from pixelrelay.cli.drawing import Order, carry_out
from pixelrelay.cli.wanted import Wanted, chain_of, dropped, parameters_of
from pixelrelay.images import Operation


def edit(
    images: Annotated[
        list[str], typer.Argument(metavar="IMAGE...", help="Files, or addresses if the configuration allows them.")
    ],
    prompt: Annotated[str, typer.Option("--prompt", "-p", metavar="TEXT", help="What to draw.", show_default=False)],
    mask: Annotated[
        str | None,
        typer.Option("--mask", metavar="FILE", help="A PNG, transparent where the first image is to be drawn anew."),
    ] = None,
    config: options.ConfigFile = None,
    model: options.Model = None,
    n: options.Count = 1,
    size: options.SizeText = None,
    quality: options.Quality = None,
    background: options.Background = None,
    output_format: options.Format = None,
    seed: options.Seed = None,
    timeout: options.Timeout = None,
    strategy: options.Strategy = None,
    tag: options.Tags = None,
    region: options.Region = None,
    fallback: options.Fallbacks = None,
    no_fallbacks: options.NoFallbacks = False,
    param: options.Parameters = None,
    adapt: options.Adapt = None,
    drop: options.Drop = None,
    out: options.Out = None,
    force: options.Force = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Draw pictures from one or several images and a prompt; as generate in all else."""
    wanted = Wanted(
        operation=Operation.EDIT,
        prompt=prompt,
        n=n,
        size=size,
        quality=quality,
        background=background,
        output_format=output_format,
        seed=seed,
        adapt=tuple(adapt or ()),
        drop_params=dropped(drop),
        timeout=timeout,
        strategy=strategy,
        tags=tuple(tag or ()),
        region=region,
        fallbacks=chain_of(fallback, no_fallbacks),
        further=parameters_of(param),
    )
    order = Order(wanted, config, model, tuple(images), mask, out=out, force=force, dry_run=dry_run, as_json=as_json)
    carry_out(order)
