"""``pixelrelay keys new``: a key for callers of the gateway."""

from __future__ import annotations

import json
import secrets
from typing import Annotated, Literal

import typer

from pixelrelay.cli import options
from pixelrelay.config.server import hash_of

PREFIX = "sk-pr-"
"""Some clients take nothing for a key of OpenAI's that does not begin like one."""


def keys(
    what: Annotated[Literal["new"], typer.Argument(metavar="new", help="Make a key.", show_default=False)],  # noqa: ARG001
    as_json: options.Json = False,
) -> None:
    """Make a key for callers of the gateway. It is shown once; the configuration keeps its hash."""
    key = PREFIX + secrets.token_urlsafe(32)
    if as_json:
        typer.echo(json.dumps({"key": key, "hash": hash_of(key)}))
        return
    typer.echo(f"key   {key}")
    typer.echo(f"hash  {hash_of(key)}")
    typer.echo("\nThe key is for the caller, and is not shown again. In the configuration:\n")
    typer.echo(f"server:\n  keys:\n    NAME:\n      key: {hash_of(key)}")
