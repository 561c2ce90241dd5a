"""``pixelrelay convert``: a configuration of LiteLLM's as one of pixelrelay's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pixelrelay.cli import consoles, options
from pixelrelay.cli.views.failed import warnings_view
from pixelrelay.config import sources
from pixelrelay.config.litellm import translated
from pixelrelay.config.litellm.converting import yaml_of
from pixelrelay.config.origin import is_litellm
from pixelrelay.config.problems import report
from pixelrelay.errors import ConfigError, PixelRelayError, Problem


class FileInTheWayError(PixelRelayError):
    """The file to write is there already."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: is there already; --force overwrites it"


def convert(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="LiteLLM's config.yaml.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to write it. Left out: standard output.")
    ] = None,
    force: options.Force = False,
) -> None:
    """Write a LiteLLM config.yaml as a configuration of pixelrelay, with comments on what has no meaning here."""
    data, twice = sources.read(config)
    if not is_litellm(data):
        raise ConfigError([Problem("", "is no configuration of LiteLLM's: it has no model_list")], str(config))
    translation = translated(data)
    wrong = [*twice, *translation.findings]
    if wrong or not translation.data["models"]:
        nothing = Problem("model_list", "holds no model that draws pictures and can be asked from here")
        raise ConfigError(report(wrong, data) or [nothing], str(config))
    text = yaml_of(translation, config.name)
    if out is None:
        typer.echo(text, nl=False)
        return
    if out.exists() and not force:
        raise FileInTheWayError(out)
    out.write_text(text, "utf-8")
    console = consoles.stderr()
    if translation.origin.remarks:
        consoles.show(console, warnings_view(translation.origin.remarks))
    console.print(f"{out}: written; pixelrelay check {out} looks at it", markup=False, highlight=False)
