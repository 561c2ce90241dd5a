"""The commands by name, each imported when it is asked for; and what becomes of errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from pixelrelay.cli.consoles import show, stderr
from pixelrelay.errors import PixelRelayError

COMMANDS: Mapping[str, str] = {
    "generate": "pixelrelay.cli.generate:generate",
    "edit": "pixelrelay.cli.edit:edit",
    "check": "pixelrelay.cli.check:check",
    "convert": "pixelrelay.cli.convert:convert",
    "explain": "pixelrelay.cli.explain:explain",
    "quotas": "pixelrelay.cli.quotas:quotas",
    "prices": "pixelrelay.cli.prices:prices",
    "models": "pixelrelay.cli.models:models",
    "serve": "pixelrelay.cli.serve:serve",
    "keys": "pixelrelay.cli.keys:keys",
    "demo": "pixelrelay.cli.demo:demo",
}
"""In the order of the help."""


class Commands(TyperGroup):
    """Loads a command when it is first asked for. One whose extra is missing says so, and spoils nothing else."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the same in every context
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            self.commands.update((name, _loaded(name)) for name in COMMANDS)  # suggestions are made from these
            return None
        if cmd_name not in self.commands:
            self.commands[cmd_name] = _loaded(cmd_name)
        return self.commands[cmd_name]

    def invoke(self, ctx: Any) -> Any:
        """Run the command. What is expected to go wrong ends in a few lines and exit code 1, not in a traceback."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except (PixelRelayError, OSError) as error:
            from pixelrelay.cli.failing import told_of
            from pixelrelay.cli.views.failed import failed_view

            show(stderr(), failed_view(told_of(error)))
            raise typer.Exit(1) from error


def _loaded(name: str) -> Any:
    module, _, function = COMMANDS[name].partition(":")
    try:
        run = getattr(import_module(module), function)
    except ImportError as missing:
        run = _unavailable(str(missing))
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(name)(run)
    return get_command(alone)


def _unavailable(why: str) -> Callable[[], None]:
    def unavailable() -> None:
        stderr().print(f"error: {why}")
        raise typer.Exit(2)

    unavailable.__doc__ = f"Not available here: {why}."
    return unavailable


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pixelrelay {version('pixelrelay')}")
        raise typer.Exit


# Tracebacks are Python's own: the other kind shows local variables, and one of them may hold a key.
app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def pixelrelay(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Images out of image-generation APIs: quickly, cheaply, and every time."""
