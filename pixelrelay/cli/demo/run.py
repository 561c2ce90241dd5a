"""The performance: orders come in as they are due, and every one is served, or its failure noted."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from pixelrelay import _clock
from pixelrelay.cli.demo.board import Board
from pixelrelay.cli.demo.clock import StageLoop
from pixelrelay.cli.demo.live import View
from pixelrelay.cli.demo.props import Shelf, house, sky_mask
from pixelrelay.cli.demo.recording import Recording, Span
from pixelrelay.cli.demo.scene import (
    DEAD,
    PATIENCE,
    REGIONS,
    VICTIM,
    configuration,
    environment,
    make_fleet,
    rates_of,
)
from pixelrelay.cli.demo.story import Lane, Outage, Outcome, Story
from pixelrelay.cli.demo.traffic import Order, traffic
from pixelrelay.config import load
from pixelrelay.errors import PixelRelayError
from pixelrelay.images import Images
from pixelrelay.router import Router
from pixelrelay.testing import Fleet, serving

FRAME = 0.5
"""Seconds of the demo's clock between two looks at the view."""
LAST_DRAWING = 60.0
"""Seconds that are waited at the end for pictures that the emulators still draw for nobody: they will be billed."""


class Stopwatch:
    """Seconds since it was started, by the running loop's clock."""

    def __init__(self) -> None:
        self._start = _clock.now()

    def __call__(self) -> float:
        return _clock.now() - self._start


@dataclass(slots=True)
class Stage:
    """A router on which orders are performed, and everything that watches."""

    router: Router
    recording: Recording
    board: Board
    view: View
    shelf: Shelf
    clock: Stopwatch
    timeout: float
    outcomes: list[Outcome] = field(default_factory=list)
    _picture: bytes = field(default_factory=house)
    _mask: bytes = field(default_factory=sky_mask)

    async def perform(self, orders: Sequence[Order], *cues: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Serve all orders, each as it is due. ``cues`` run beside them, and are waited for as well."""
        async with anyio.create_task_group() as showing:
            showing.start_soon(self._show)
            async with anyio.create_task_group() as work:
                for cue in cues:
                    work.start_soon(cue)
                for order in orders:
                    await _clock.sleep(order.at - self.clock())
                    work.start_soon(self._serve, order)
            showing.cancel_scope.cancel()
        self.view.show(self.board.frame(), last=True)

    async def _show(self) -> None:
        while True:
            self.view.show(self.board.frame())
            await _clock.sleep(FRAME)

    async def _serve(self, order: Order) -> None:
        asked = self.clock()
        try:
            images = await self._ask(order)
        except PixelRelayError as error:
            attempts = getattr(error, "attempts", ())
            self.outcomes.append(Outcome(order, asked, self.clock(), error=str(error), attempts=attempts))
            self.view.say(self.clock(), f"no. {order.number} failed: {error}")
        else:
            ended, pictures = self.clock(), self.shelf.keep(order.number, images)
            self.outcomes.append(
                Outcome(order, asked, ended, images, attempts=images.route.attempts, pictures=pictures)
            )

    async def _ask(self, order: Order) -> Images:
        if not order.edit:
            return await self.router.generate(
                order.group,
                order.prompt,
                n=order.n,
                size=order.size,
                quality=order.quality,
                background=order.background,
                output_format=order.output_format,
                priority=order.priority,
                timeout=self.timeout,
            )
        return await self.router.edit(
            order.group,
            self._picture,
            order.prompt,
            mask=self._mask if order.mask else None,
            size=order.size,
            output_format=order.output_format,
            timeout=self.timeout,
        )


async def emulated(loop: StageLoop, requests: int, seed: int, speed: float, view: View, shelf: Shelf) -> Story:
    """The demo on an emulated fleet, on loopback sockets in this very loop."""
    fleet = make_fleet(seed)
    rates = rates_of(fleet)
    orders = traffic(requests, rates.offered, seed)
    async with serving(fleet):
        config = load(configuration(), environ=environment(fleet))
        clock = Stopwatch()
        recording = Recording(clock)
        down: set[str] = set()
        async with Router(config, observers=[recording]) as router:
            board = Board(router, recording, clock, len(orders), down)
            stage = Stage(router, recording, board, view, shelf, clock, PATIENCE)
            outage = _Blackout(fleet, down, orders[len(orders) // 2].at, clock, view)
            await stage.perform(orders, outage.happen)
            length = clock()
        await _until_drawn(fleet)
        return Story(
            lanes=_lanes(fleet),
            outcomes=sorted(stage.outcomes, key=lambda outcome: outcome.order.number),
            calls=recording.calls,
            crowd=recording.crowd,
            length=length,
            real_seconds=loop.real_seconds,
            speed=speed,
            rests=recording.rests,
            fallbacks=recording.fallbacks,
            outage=Outage(VICTIM, outage.span),
            records=fleet.requests,
            offered=rates.offered,
            reachable=rates.reachable,
        )


@dataclass(slots=True)
class _Blackout:
    """One region goes down, and comes back."""

    fleet: Fleet
    down: set[str]
    at: float
    clock: Stopwatch
    view: View
    span: Span = field(default_factory=lambda: Span(0.0, 0.0))

    async def happen(self) -> None:
        await _clock.sleep(self.at - self.clock())
        self.fleet.kill(VICTIM)
        self.down.add(VICTIM)
        began = self.clock()
        self.view.say(began, f"the region of {VICTIM} goes down: connections are cut, new ones refused")
        await _clock.sleep(DEAD)
        self.fleet.revive(VICTIM)
        self.down.discard(VICTIM)
        self.span = Span(began, self.clock())
        self.view.say(self.clock(), f"the region of {VICTIM} is back, which the router has yet to find out")


def _lanes(fleet: Fleet) -> list[Lane]:
    return [
        Lane(each.name, ", ".join(part for part in (each.model, REGIONS.get(each.name)) if part))
        for each in fleet.deployments
    ]


async def _until_drawn(fleet: Fleet) -> None:
    """Wait for what is drawn for connections that were cut, so that the bill is whole."""
    with anyio.move_on_after(LAST_DRAWING):
        while any("drawn" not in phases and "admitted" in phases for phases in _phases(fleet)):
            await _clock.sleep(1.0)


def _phases(fleet: Fleet) -> list[set[str]]:
    return [{phase for phase, _ in record.phases} for record in fleet.requests]
