"""From one request to its pictures: one call where a deployment can draw them all, several where none can.

What has been drawn is kept whatever becomes of the rest, and only the rest is asked for again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import anyio

from pixelrelay.errors import IncompleteError, NotServedError, PixelRelayError, UnservableRequestError
from pixelrelay.images import Image, ImageRequest
from pixelrelay.outcomes import Attempt
from pixelrelay.router.engine import Delivered
from pixelrelay.router.plan import Plan

Planner: TypeAlias = Callable[[int, frozenset[str]], Plan]
"""The plan for so many pictures in one call, without the deployments that are named."""
Server: TypeAlias = Callable[[ImageRequest, Plan], Awaitable[Delivered]]


@dataclass(slots=True)
class Drawn:
    """What one request has brought so far, and what stood in the way of the rest."""

    wanted: int
    parts: list[Delivered] = field(default_factory=list)
    errors: list[PixelRelayError] = field(default_factory=list)

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(
            image.from_deployment(part.candidate.name) for part in self.parts for image in part.generation.images
        )

    @property
    def missing(self) -> int:
        return self.wanted - sum(len(part.generation.images) for part in self.parts)


async def draw(request: ImageRequest, planner: Planner, serve: Server) -> Drawn:
    """All pictures of ``request``, or as many as could be had, with the errors that stood in the way.

    Raises ``UnservableRequestError`` if nobody could be asked at all.
    """
    drawn = Drawn(request.n)
    plan = planner(request.n, frozenset())
    at_once = request.n == 1 or (bool(plan.legs) and plan.legs[0].name == plan.group)
    tried: frozenset[str] = frozenset()
    if at_once and plan.legs:
        await _at_once(request, plan, serve, drawn)
        tried = frozenset(candidate.name for leg in plan.legs for candidate in leg.candidates)
    if drawn.missing and request.n > 1 and _worth_spreading(drawn):
        single = planner(1, tried)
        if single.legs:
            await _one_by_one(request, single, serve, drawn)
            plan = single
    if not drawn.parts and not drawn.errors:
        raise UnservableRequestError(plan.group, plan.unfit)
    return drawn


def _worth_spreading(drawn: Drawn) -> bool:
    """Whether those who draw one at a time are to be asked: unless the request is at fault, or may be paid already."""
    last = drawn.errors[-1] if drawn.errors else None
    return last is None or (isinstance(last, NotServedError) and not last.may_have_been_billed)


async def _at_once(request: ImageRequest, plan: Plan, serve: Server, drawn: Drawn) -> None:
    """One call for all; where it brings fewer, another for the rest, as long as each brings some."""
    while drawn.missing > 0:
        try:
            part = await serve(replace(request, n=drawn.missing), plan)
        except PixelRelayError as error:
            drawn.errors.append(error)
            return
        drawn.parts.append(part)


async def _one_by_one(request: ImageRequest, plan: Plan, serve: Server, drawn: Drawn) -> None:
    """A call for each picture, side by side; each finds its own way."""
    single = replace(request, n=1)

    async def one() -> None:
        try:
            drawn.parts.append(await serve(single, plan))
        except PixelRelayError as error:
            drawn.errors.append(error)

    drawn.errors.clear()
    async with anyio.create_task_group() as tasks:
        for _ in range(drawn.missing):
            tasks.start_soon(one)


def complete(drawn: Drawn, model: str, attempts: tuple[Attempt, ...]) -> tuple[Image, ...]:
    """The pictures, if none is missing; else the error that says what is, and holds what is not."""
    if drawn.missing <= 0:
        return drawn.images
    cause = drawn.errors[0]
    if not drawn.parts:
        raise cause
    raise IncompleteError(model, attempts, drawn.images, drawn.missing, str(cause)) from cause
