"""``pixelrelay demo``: a fleet that runs out of quota and loses a region, and pictures for everybody all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

REQUESTS, REAL_REQUESTS = 600, 3


def demo(
    requests: Annotated[
        int | None,
        typer.Option(
            min=1, max=5000, help=f"How many requests to make.  [default: {REQUESTS}; with --real {REAL_REQUESTS}]"
        ),
    ] = None,
    speed: Annotated[
        float, typer.Option(min=1.0, max=200.0, help="How many times as fast as in the world waiting passes.")
    ] = 20.0,
    out: Annotated[Path, typer.Option(help="The directory for the page, the pictures and the configuration.")] = Path(
        "demo"
    ),
    seed: Annotated[int, typer.Option(help="Of the traffic and of the emulated providers.")] = 7,
    plain: Annotated[bool, typer.Option("--plain", help="Write lines instead of a live table.")] = False,
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser at the end.")] = False,
    real: Annotated[
        bool, typer.Option("--real", help="Buy real pictures, with the keys in the environment. Asks before it does.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --real: buy without asking.")] = False,
) -> None:
    """Watch a fleet at its limits, and everybody being served all the same.

    Quotas run out and refill, a region is lost and comes back. The providers
    are emulated on this machine: no key is needed, and nothing is bought, even
    where keys are set. A page with the pictures and a timeline stands at the
    end. The exit code is 0 if every request got its pictures, and the router's
    books agree with the providers' bill to the last digit.

    With --real it buys a few real pictures instead, after asking, from those
    providers whose variables are set:
    OpenAI: OPENAI_API_KEY;
    Black Forest Labs: BFL_API_KEY;
    Azure Foundry: AZURE_AI_API_KEY and AZURE_AI_API_BASE, for FLUX.2-pro or
    the deployment of it that AZURE_AI_DEPLOYMENT names;
    Azure OpenAI: AZURE_API_KEY, AZURE_API_BASE and AZURE_DEPLOYMENT.
    """
    from pixelrelay.cli import consoles

    console = consoles.stdout()
    try:
        # Here, because the command line is quick to load, and the emulators are an extra.
        from pixelrelay.cli.demo import command
    except ImportError as missing:
        consoles.stderr().print(f"error: {missing}", soft_wrap=True)
        raise typer.Exit(2) from None
    shelf = command.shelf_at(out)
    if real:
        story = command.on_providers(requests or REAL_REQUESTS, console, shelf, yes=yes)
    else:
        story = command.on_emulators(requests or REQUESTS, speed, seed, console, shelf, plain=plain)
    if not command.finish(story, console, shelf, open_page=open_page):
        raise typer.Exit(1)
