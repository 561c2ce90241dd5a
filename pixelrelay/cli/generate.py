"""``pixelrelay generate``: pictures from a prompt."""

from __future__ import annotations

from typing import Annotated

import typer

from pixelrelay.cli import options
from pixelrelay.cli.drawing import Order, carry_out
from pixelrelay.cli.wanted import Wanted, chain_of, dropped, parameters_of
from pixelrelay.images import Operation


def generate(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What to draw.", show_default=False)],
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
    """Draw pictures of a prompt, save them, and tell where they come from and what they cost."""
    wanted = Wanted(
        operation=Operation.GENERATE,
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
    carry_out(Order(wanted, config, model, out=out, force=force, dry_run=dry_run, as_json=as_json))
