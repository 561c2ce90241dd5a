"""Who would serve a request, in which order, without asking anybody: what ``explain`` and ``--dry-run`` show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pixelrelay.cli.wanted import Wanted
from pixelrelay.images import ImageRequest
from pixelrelay.router import Router
from pixelrelay.router.candidates import Candidate
from pixelrelay.router.plan import Leg, Plan
from pixelrelay.router.strategies import StrategyName


@dataclass(frozen=True, slots=True)
class OrderedLeg:
    """A leg with its candidates as its strategy puts them now."""

    name: str
    strategy: StrategyName
    candidates: Sequence[Candidate]


@dataclass(frozen=True, slots=True)
class Stage:
    """One way to draw all pictures: in one call, or in a call for each."""

    request: ImageRequest
    """One call of it."""
    calls: int
    legs: tuple[OrderedLeg, ...]
    moderated: tuple[OrderedLeg, ...] = ()
    """Where to turn after moderation has refused."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """All ways in the order in which they are tried, and who cannot help."""

    stages: tuple[Stage, ...]
    unfit: Mapping[str, Sequence[str]]


def prospect(router: Router, model: str, request: ImageRequest, wanted: Wanted) -> Prospect:
    """As the router would go about ``request``, with nothing under way and nothing known of anybody."""

    def planned(one: ImageRequest) -> Plan:
        return router.plan(model, one, tags=wanted.tags, region=wanted.region, fallbacks=wanted.fallbacks)

    whole = planned(request)
    stages: list[Stage] = []
    tried: set[str] = set()
    # A group that cannot draw them all in one call draws them one by one before any fallback is asked.
    if whole.legs and (request.n == 1 or whole.legs[0].name == whole.group):
        stages.append(_stage(router, request, 1, whole, wanted, tried))
        tried = {candidate.name for leg in whole.legs for candidate in leg.candidates}
    if request.n == 1:
        return Prospect(tuple(stages), whole.unfit)
    single = replace(request, n=1)
    plan = planned(single)
    stage = _stage(router, single, request.n, plan, wanted, tried)
    return Prospect((*stages, stage) if stage.legs else tuple(stages), plan.unfit)


def _stage(router: Router, request: ImageRequest, calls: int, plan: Plan, wanted: Wanted, tried: set[str]) -> Stage:
    def ordered(legs: Sequence[Leg]) -> tuple[OrderedLeg, ...]:
        fresh = [(leg, [c for c in leg.candidates if c.name not in tried]) for leg in legs]
        return tuple(
            OrderedLeg(leg.name, strategy, router.order(candidates, request, strategy))
            for leg, candidates in fresh
            if candidates
            for strategy in [wanted.strategy or leg.group.config.strategy]
        )

    return Stage(request, calls, ordered(plan.legs), ordered(plan.moderated))
