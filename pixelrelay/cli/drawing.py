"""What ``generate`` and ``edit`` do: one request, watched, its pictures saved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
import typer

from pixelrelay import _clock
from pixelrelay.cli import consoles
from pixelrelay.cli.dry_run import show_dry_run
from pixelrelay.cli.files import Saved, destination
from pixelrelay.cli.progress import Watcher
from pixelrelay.cli.sources import config_path, model_of
from pixelrelay.cli.views.drawn import drawn_json, drawn_view, files_view
from pixelrelay.cli.views.failed import interrupted_view, warnings_view
from pixelrelay.cli.wanted import Wanted
from pixelrelay.config import RelayConfig, load, warnings_of
from pixelrelay.errors import IncompleteError, InvalidRequestError, Problem
from pixelrelay.images import Image, Images, InputImage, Operation
from pixelrelay.router import Router
from pixelrelay.router.inputs import read_image


@dataclass(frozen=True, slots=True)
class Order:
    """All that a command line said."""

    wanted: Wanted
    config: Path | None = None
    model: str | None = None
    images: tuple[str, ...] = ()
    mask: str | None = None
    out: str | None = None
    force: bool = False
    dry_run: bool = False
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came of a request: all its pictures, or those that were paid before the rest failed."""

    pictures: tuple[tuple[Image, InputImage], ...]
    images: Images | None = None
    error: IncompleteError | None = None


def carry_out(order: Order) -> None:
    """Draw and save what was ordered, or show what would be sent."""
    config = load(config_path(order.config))
    model = model_of(config, order.model)
    try:
        if order.dry_run:
            show_dry_run(config, model, order.wanted, order.images, order.mask, as_json=order.as_json)
        else:
            _draw_and_save(order, config, model)
    except InvalidRequestError as error:
        raise InvalidRequestError([_by_file(problem, order) for problem in error.problems]) from error


def _by_file(problem: Problem, order: Order) -> Problem:
    """What is wrong with ``image[0]``, under the name that the command line has for it."""
    names = {f"image[{at}]": name for at, name in enumerate(order.images)} | {"mask": order.mask or "mask"}
    name = names.get(problem.path, problem.path)
    if name.startswith("data:"):
        return problem
    return Problem(name, problem.message.removeprefix(f"{name}: "))


def _draw_and_save(order: Order, config: RelayConfig, model: str) -> None:
    order.wanted.request()  # what is wrong with it is told before a directory is made
    place = destination(order.out, order.wanted.prompt, force=order.force)
    place.prepare(order.wanted.n)
    drawn = _watched(order, config, model)
    saved = place.save(drawn.pictures, order.wanted.n)
    _show(order, drawn, saved)
    if drawn.error is not None:
        raise drawn.error


def _watched(order: Order, config: RelayConfig, model: str) -> Drawn:
    console = consoles.stderr()
    warnings = [w for w in warnings_of(config, _clock.today()) if w.path.startswith(f"models.{model}.")]
    if warnings:
        consoles.show(console, warnings_view(warnings))
    watcher = Watcher(console)
    try:
        with watcher.watching():
            return anyio.run(partial(_draw, order, config, model, watcher))
    except KeyboardInterrupt:
        consoles.show(console, interrupted_view(watcher.abandoned))
        raise typer.Exit(130) from None


async def _draw(order: Order, config: RelayConfig, model: str, watcher: Watcher) -> Drawn:
    async with Router(config, observers=[watcher]) as router:
        try:
            images = await _ask(router, order, model)
        except IncompleteError as error:
            return Drawn(await _inspected(error.delivered), error=error)
        return Drawn(await _inspected(images.data), images)


async def _ask(router: Router, order: Order, model: str) -> Images:
    wanted = order.wanted
    if wanted.operation is Operation.EDIT:
        return await router.edit(model, order.images, wanted.prompt, mask=order.mask, **wanted.arguments)
    return await router.generate(model, wanted.prompt, **wanted.arguments)


async def _inspected(images: tuple[Image, ...]) -> tuple[tuple[Image, InputImage], ...]:
    """Each picture, and what its file really is: a provider's word on that is not always right."""
    return tuple([(image, await _seen(image)) for image in images])


async def _seen(image: Image) -> InputImage:
    data = image.bytes()
    try:
        return await read_image(data, "picture", None, len(data))
    except InvalidRequestError:
        kind = image.media_type or "application/octet-stream"
        return InputImage(data, kind, "picture.bin")


def _show(order: Order, drawn: Drawn, saved: tuple[Saved, ...]) -> None:
    if order.as_json:
        typer.echo(drawn_json(drawn.images, saved))
        return
    console = consoles.stdout()
    if drawn.images is not None:
        consoles.show(console, drawn_view(drawn.images.route))
    # Each on a line of its own, however narrow the terminal: paths are copied from here.
    console.print(files_view(saved), soft_wrap=True)
