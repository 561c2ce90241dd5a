"""``pixelrelay quotas``: how the quotas stand that the processes of a fleet share, now and as they change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, NoReturn, Protocol, runtime_checkable

import anyio
import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from pixelrelay.cli import consoles, options
from pixelrelay.cli.failing import Told
from pixelrelay.cli.sources import config_path
from pixelrelay.cli.standing import Standing, budgets_of, offers_of, standing_of
from pixelrelay.cli.views.failed import failed_view
from pixelrelay.cli.views.quotas import quotas_json, quotas_view
from pixelrelay.config import RelayConfig, load, resolve
from pixelrelay.quotas import Quota
from pixelrelay.store.base import Offer, Sight, StoreLostError
from pixelrelay.store.opening import open_store

REFRESH = 1.0
"""Seconds between two looks."""
PATIENT = 3.0
"""Seconds for an answer: whoever looks may be further away than those who serve, and has more time."""
FAREWELL = 2.0
"""Seconds that closing connections may take."""

ADVICE: Mapping[str, str] = {
    "connection": "is it running, does the address lead there from here, and is TLS spoken there (rediss://) or not?",
    "timeout": "it hangs, or no answer gets here; is the address right, and is TLS spoken there (rediss://) or not?",
    "refused": "user or password are wrong in `store`, or that user may not do what the store does",
    "readonly": "the address leads to a replica, which takes no scripts that write; name the server it copies",
    "failover": "its nodes are about to change places; try again in a moment",
    "loading": "it has just been started and reads its data; try again in a moment",
    "memory": "its memory is full; see its `maxmemory`",
    "disk": "it cannot save its data, and takes no writes until it can; see its log",
    "script": "the server does not know what it is asked; see that `store` names its kind (redis://, redis+sentinel:// "
    "or redis+cluster://) and a database that it has",
}
"""What would help, by the word for what went wrong."""


@runtime_checkable
class Watched(Protocol):
    """A store that can be looked at from outside."""

    async def look(self, offers: Sequence[Offer], budgets: Sequence[Quota] = ()) -> Sight:
        """How the deployments of ``offers``, and ``budgets``, stand. ``StoreLostError`` if nobody can say."""

    async def aclose(self) -> None: ...


def quotas(
    config: options.ConfigArgument = None,
    watch: Annotated[
        bool | None,
        typer.Option(
            "--watch/--once", help="Look again each second, until Ctrl-C; or once. Left out: --watch on a terminal."
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show how the quotas and budgets stand that the processes of a fleet share, and who cools. Takes nothing."""
    if watch and as_json:
        raise typer.BadParameter("--json prints one object, once", param_hint="--watch")
    path = config_path(config)
    loaded = load(path)
    if loaded.store is None:
        _refuse(
            f"{path} keeps its quotas in memory: what is used of them is known to the process that runs by it alone",
            "to share quotas between processes, and to see them from here, write `store: redis://HOST:6379/0`",
            "within a process, Router.state(deployment) tells the same",
        )
    store = _opened(loaded)
    console = consoles.stdout()
    watching = not as_json and (console.is_terminal if watch is None else watch)
    try:
        anyio.run(_show, loaded, store, console, watching, as_json)
    except StoreLostError as lost:
        consoles.show(consoles.stderr(), failed_view(_unreachable(str(lost))))
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(0 if watching else 130) from None


def _refuse(headline: str, *hints: str) -> NoReturn:
    consoles.show(consoles.stderr(), failed_view(Told(headline, hints=hints)))
    raise typer.Exit(2)


def _opened(config: RelayConfig) -> Watched:
    patient = config.model_copy(update={"store_timeout": max(PATIENT, config.store_timeout)})
    try:
        store = open_store(patient)
    except ModuleNotFoundError as missing:
        if missing.name != "redis":
            raise
        _refuse(f"a store in Redis needs {missing.name!r}, which is not installed: pip install 'pixelrelay[redis]'")
    assert isinstance(store, Watched)
    return store


def _unreachable(reason: str) -> Told:
    word = next((word for word in ADVICE if f": {word}: " in reason), None)
    return Told(reason, hints=[ADVICE[word]] if word else [])


async def _show(config: RelayConfig, store: Watched, console: Console, watching: bool, as_json: bool) -> None:
    deployments = [one for members in resolve(config).values() for one in members]
    offers, budgets = offers_of(deployments), budgets_of(config)

    async def look() -> Standing:
        return standing_of(config, deployments, await store.look(offers, budgets))

    try:
        if watching:
            await watch_on(look, console)
        elif as_json:
            typer.echo(quotas_json(await look()))
        else:
            consoles.show(console, quotas_view(await look(), console.width))
    finally:
        with anyio.move_on_after(FAREWELL, shield=True):
            await store.aclose()


async def watch_on(look: Callable[[], Awaitable[Standing]], console: Console) -> None:
    """Show what ``look`` sees, again each second, until cancelled.

    ``StoreLostError`` only where nothing could be seen at all: later on, what was seen last stays, and why.
    """
    standing, lost = await look(), None
    with _screen(console) as show:
        while True:
            lines = console.height if console.is_terminal else None
            show(quotas_view(standing, console.width, lines=lines, lost=lost))
            await anyio.sleep(REFRESH)
            try:
                standing, lost = await look(), None
            except StoreLostError as error:
                lost = str(error)


@contextmanager
def _screen(console: Console) -> Iterator[Callable[[RenderableType], None]]:
    """Where a view takes the place of the one before; where there is no terminal, it follows it."""
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            yield lambda view: live.update(view, refresh=True)
    else:
        yield lambda view: consoles.show(console, Group(view, Text()))
