"""From one request to its pictures: one call where a deployment can draw them all, several where none can.

What has been drawn is kept whatever becomes of the rest, and only the rest is asked for again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from math import inf
from typing import TypeAlias

import anyio

from pixelrelay.errors import IncompleteError, UnservableRequestError
from pixelrelay.images import Image, ImageRequest
from pixelrelay.outcomes import Attempt
from pixelrelay.router.decide import Ending, GiveUp
from pixelrelay.router.ending import error_of
from pixelrelay.router.engine import Delivered, GivenUpError
from pixelrelay.router.plan import Plan

Planner: TypeAlias = Callable[[int, frozenset[str]], Plan]
"""The plan for so many pictures in one call, without the deployments that are named."""
Server: TypeAlias = Callable[[ImageRequest, Plan], Awaitable[Delivered]]
"""The pictures of one call, or ``GivenUpError``."""


@dataclass(slots=True)
class Drawn:
    """What one request has brought so far, and what stood in the way of the rest."""

    wanted: int
    parts: list[Delivered] = field(default_factory=list)
    ends: list[GivenUpError] = field(default_factory=list)

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(
            image.from_deployment(part.candidate.name) for part in self.parts for image in part.generation.images
        )

    @property
    def there(self) -> int:
        return sum(len(part.generation.images) for part in self.parts)

    @property
    def missing(self) -> int:
        return self.wanted - self.there


async def draw(request: ImageRequest, planner: Planner, serve: Server) -> Drawn:
    """All pictures of ``request``, or as many as could be had, and what stood in the way of the others.

    Raises ``UnservableRequestError`` if nobody could be asked at all.
    """
    drawn = Drawn(request.n)
    plan = planner(request.n, frozenset())
    at_once = request.n == 1 or (bool(plan.legs) and plan.legs[0].name == plan.group)
    if at_once and plan.legs:
        await _at_once(request, plan, serve, drawn)
    if drawn.missing > 0 and request.n > 1 and _worth_spreading(drawn):
        tried = () if not at_once or _too_many(drawn) else plan.legs
        single = planner(1, frozenset(candidate.name for leg in tried for candidate in leg.candidates))
        if single.legs:
            await _one_by_one(request, single, serve, drawn)
            plan = single
    if not drawn.parts and not drawn.ends:
        raise UnservableRequestError(plan.group, plan.unfit)
    return drawn


def _worth_spreading(drawn: Drawn) -> bool:
    """Whether those who draw one at a time are to be asked: unless the request is at fault, or may be paid already."""
    last = drawn.ends[-1] if drawn.ends else None
    return last is None or (last.step.ending not in _AT_FAULT and not last.may_have_been_billed)


_AT_FAULT = frozenset({Ending.CONTENT_REJECTED, Ending.REFUSED})


def _too_many(drawn: Drawn) -> bool:
    """Whether a quota, or a budget, never holds all the pictures at once, so that those who were asked may draw them
    singly."""
    last = drawn.ends[-1].step if drawn.ends else None
    return last is not None and last.ending in {Ending.FULL, Ending.SPENT} and last.retry_after is None


async def _at_once(request: ImageRequest, plan: Plan, serve: Server, drawn: Drawn) -> None:
    """One call for all; where it brings fewer, another for the rest, as long as each brings some."""
    while drawn.missing > 0:
        try:
            part = await serve(_from(request, drawn.there, drawn.missing, plan), plan)
        except GivenUpError as end:
            drawn.ends.append(end)
            return
        drawn.parts.append(part)


async def _one_by_one(request: ImageRequest, plan: Plan, serve: Server, drawn: Drawn) -> None:
    """A call for each picture, side by side; each finds its own way."""

    async def one(place: int) -> None:
        try:
            drawn.parts.append(await serve(_from(request, place, 1, plan), plan))
        except GivenUpError as end:
            drawn.ends.append(end)

    drawn.ends.clear()
    async with anyio.create_task_group() as tasks:
        for place in range(drawn.there, drawn.wanted):
            tasks.start_soon(one, place)


def _from(request: ImageRequest, place: int, count: int, plan: Plan) -> ImageRequest:
    """Of ``request`` the ``count`` pictures from ``place`` on, the first being at 0.

    The same seed would buy the same picture again, so it counts up with the place; down where up leads beyond what
    everybody in the plan takes.
    """
    if request.seed is None or place == 0:
        return request if count == request.n else replace(request, n=count)
    legs = (*plan.legs, *plan.moderated)
    rows = (candidate.deployment.capabilities for leg in legs for candidate in leg.candidates)
    highest = min((can.max_seed for can in rows if can.max_seed is not None), default=inf)
    step = 1 if request.seed + request.n - 1 <= highest else -1
    return replace(request, n=count, seed=request.seed + step * place)


def complete(drawn: Drawn, model: str, attempts: tuple[Attempt, ...]) -> tuple[Image, ...]:
    """The pictures, if none is missing; else the error that says what is, and holds what is not.

    Of several ends the gravest counts, in the order of ``Ending``; of quotas, the first to have room.
    """
    if drawn.missing <= 0:
        return drawn.images
    ends = sorted((end.step for end in drawn.ends), key=_gravity)
    cause = error_of(ends[0], model, attempts)
    if not drawn.parts:
        raise cause
    raise IncompleteError(model, attempts, drawn.images, drawn.missing, str(cause)) from cause


def _gravity(step: GiveUp) -> tuple[int, float]:
    return list(Ending).index(step.ending), float("inf") if step.retry_after is None else step.retry_after
