"""The options that several commands share, so that each has one name and one meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from pixelrelay.router.strategies import StrategyName

ConfigFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="The configuration. Left out: pixelrelay.yaml, .yml or .toml here, else $PIXELRELAY_CONFIG.",
    ),
]
ConfigArgument: TypeAlias = Annotated[
    Path | None,
    typer.Argument(
        metavar="CONFIG",
        help="The configuration. Left out: pixelrelay.yaml, .yml or .toml here, else $PIXELRELAY_CONFIG.",
        show_default=False,
    ),
]
Model: TypeAlias = Annotated[
    str | None,
    typer.Option("--model", "-m", metavar="GROUP", help="Model group or deployment. Left out: the only group."),
]
Provider: TypeAlias = Annotated[
    str | None, typer.Option("--provider", metavar="NAME", help="Only of this provider.", show_default=False)
]
Count: TypeAlias = Annotated[int, typer.Option("-n", "--n", metavar="N", help="Pictures.")]
SizeText: TypeAlias = Annotated[str | None, typer.Option("--size", metavar="WxH", help="1024x1024, say, or auto.")]
Quality: TypeAlias = Annotated[str | None, typer.Option("--quality", metavar="NAME", help="As the model names it.")]
Background: TypeAlias = Annotated[
    str | None, typer.Option("--background", metavar="NAME", help="transparent, opaque or auto.")
]
Format: TypeAlias = Annotated[str | None, typer.Option("--format", metavar="NAME", help="png, jpeg, webp or svg.")]
Seed: TypeAlias = Annotated[int | None, typer.Option("--seed", metavar="NUMBER", help="For models that take one.")]
Timeout: TypeAlias = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", help="For all of it, waiting included.")
]
Strategy: TypeAlias = Annotated[
    StrategyName | None,
    typer.Option(
        "--strategy",
        metavar="NAME",
        help="Instead of the group's: least-busy, usage, latency, cost, weighted or ordered.",
    ),
]
Tags: TypeAlias = Annotated[
    list[str] | None, typer.Option("--tag", metavar="TAG", help="Only deployments with this tag; may be repeated.")
]
Region: TypeAlias = Annotated[
    str | None, typer.Option("--region", metavar="REGION", help="Only deployments of this region.")
]
Fallbacks: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--fallback", metavar="GROUP", help="Where to turn instead of the group's fallbacks; repeatable."),
]
NoFallbacks: TypeAlias = Annotated[bool, typer.Option("--no-fallbacks", help="Stay within the group.")]
Parameters: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="KEY=VALUE", help="A provider's own parameter; the value is JSON or text."),
]
Adapt: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--adapt", metavar="FIELD", help="May be brought to what the model can do: size, quality …; repeatable."
    ),
]
Drop: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--drop", metavar="NAME", help="May be left out where it is not known, or all; repeatable."),
]
Out: TypeAlias = Annotated[
    str | None,
    typer.Option("--out", "-o", metavar="PATH", help="A file or a directory. Left out: here, named by the prompt."),
]
Force: TypeAlias = Annotated[bool, typer.Option("--force", help="Overwrite the file that --out names.")]
DryRun: TypeAlias = Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]
