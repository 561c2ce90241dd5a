"""What puts candidates in order. Each strategy yields every candidate once, best first, and as lazily as it can:
most requests are served by the first, and a group may have thousands."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import chain
from operator import itemgetter
from random import Random
from typing import Literal, Protocol, TypeAlias

from pixelrelay.images import ImageRequest
from pixelrelay.router.candidates import Candidate, Candidates

StrategyName: TypeAlias = Literal["least-busy", "usage", "latency", "cost", "weighted", "ordered"]

LOOKED_AT = 16
"""Above so many candidates, the best of as many drawn at random leads instead of the best of all."""


class Sight(Protocol):
    """What strategies may know besides the candidates themselves."""

    def utilisation(self, deployment: str) -> float: ...

    def in_flight(self, deployment: str) -> int: ...


Strategy: TypeAlias = Callable[[Candidates, ImageRequest, Sight, Random], Iterator[Candidate]]


def least_busy(fit: Candidates, request: ImageRequest, sight: Sight, rng: Random) -> Iterator[Candidate]:  # noqa: ARG001
    """Of two drawn at random, the one with fewer in flight for its capacity.

    Every router of a fleet sees the same loads, a moment old. If each took the least busy of all, they would all
    send to it at once; two random draws spread them out, and never lead with the busiest (Mitzenmacher 2001).
    """
    return _drawn(fit, lambda candidate: _busy(candidate, sight), rng, draws=2)


def usage(fit: Candidates, request: ImageRequest, sight: Sight, rng: Random) -> Iterator[Candidate]:  # noqa: ARG001
    """The lowest share of its quotas used."""
    return _drawn(fit, lambda candidate: sight.utilisation(candidate.name), rng)


def latency(fit: Candidates, request: ImageRequest, sight: Sight, rng: Random) -> Iterator[Candidate]:
    """The quickest for this size, by its average and how busy it is.

    One that nobody knows goes first while nothing is under way there, and last while something is: it is explored
    by one request at a time, not flooded.
    """

    def seconds(candidate: Candidate) -> float:
        expected = candidate.latency.expected(request.size)
        if expected is None:
            return float("inf") if sight.in_flight(candidate.name) else 0.0
        return expected * (1 + _busy(candidate, sight))

    return _drawn(fit, seconds, rng)


def cost(fit: Candidates, request: ImageRequest, sight: Sight, rng: Random) -> Iterator[Candidate]:
    """The cheapest for this very request, as each is asked it; what has no known price comes last.

    Equal prices are ordered as least-busy.
    """
    tiers: dict[tuple[bool, Decimal], list[Candidates]] = {}
    for equals in fit.by_pricing:
        dollars = equals[0].estimate(request)
        tiers.setdefault((dollars is None, dollars or Decimal(0)), []).append(equals)
    cheapest_first = (tier for _, tier in sorted(tiers.items(), key=itemgetter(0)))
    return _tier_by_tier(
        (tier[0] if len(tier) == 1 else Candidates(chain.from_iterable(tier)) for tier in cheapest_first),
        request,
        sight,
        rng,
    )


def ordered(fit: Candidates, request: ImageRequest, sight: Sight, rng: Random) -> Iterator[Candidate]:
    """By the configured ``order``, the lowest first. Equal ones are ordered as least-busy."""
    return _tier_by_tier(fit.by_order, request, sight, rng)


def weighted(fit: Candidates, request: ImageRequest, sight: Sight, rng: Random) -> Iterator[Candidate]:  # noqa: ARG001
    """At random, each first in proportion to its weight, and again among those that are left."""
    sums, drawn = fit.weights, set[int]()
    for _ in range(min(len(fit), LOOKED_AT)):
        at = min(bisect_right(sums, rng.random() * sums[-1]), len(fit) - 1)
        if at not in drawn:  # who is drawn twice is left aside, which leaves the others' shares as they are
            drawn.add(at)
            yield fit[at]
    # Drawing on would take ever longer; keys of this kind put the rest in an order of the same odds, all at once
    # (Efraimidis and Spirakis 2006).
    rest = [
        (rng.random() ** (1 / candidate.deployment.weight), at) for at, candidate in enumerate(fit) if at not in drawn
    ]
    rest.sort(reverse=True)
    yield from (fit[at] for _, at in rest)


STRATEGIES: Mapping[StrategyName, Strategy] = {
    "least-busy": least_busy,
    "usage": usage,
    "latency": latency,
    "cost": cost,
    "weighted": weighted,
    "ordered": ordered,
}


def _busy(candidate: Candidate, sight: Sight) -> float:
    return sight.in_flight(candidate.name) / candidate.capacity


def _drawn(
    fit: Candidates, key: Callable[[Candidate], float], rng: Random, draws: int = LOOKED_AT
) -> Iterator[Candidate]:
    """Again and again the best of some drawn at random; where all are drawn, each is looked at once."""
    if len(fit) <= draws:
        yield from sorted(fit, key=lambda candidate: (key(candidate), rng.random()))
        return
    # Nobody is moved before he is drawn: to copy thousands for the sake of the first would cost more than all else.
    moved: dict[int, Candidate] = {}
    for left in range(len(fit), 0, -1):
        drawn = {at: moved.get(at) or fit[at] for at in _places(left, min(draws, left), rng)}
        best = min(drawn, key=lambda at: key(drawn[at]))
        moved[best] = moved.get(left - 1) or fit[left - 1]
        yield drawn[best]


def _places(among: int, count: int, rng: Random) -> Iterable[int]:
    """So many different places, in the order in which they were drawn: the first of equals is then any of them."""
    places: dict[int, None] = {}
    while len(places) < count:
        places[int(rng.random() * among)] = None
    return places


def _tier_by_tier(tiers: Iterable[Candidates], request: ImageRequest, sight: Sight, rng: Random) -> Iterator[Candidate]:
    for equals in tiers:
        yield from least_busy(equals, request, sight, rng)
