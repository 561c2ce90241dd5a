"""What puts candidates in order. Each strategy yields every candidate once, best first, and as lazily as it can:
most requests are served by the first, and a group may have thousands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from random import Random
from typing import Literal, Protocol, TypeAlias

from pixelrelay.images import ImageRequest
from pixelrelay.router.candidates import Candidate

StrategyName: TypeAlias = Literal["least-busy", "usage", "latency", "cost", "weighted", "ordered"]

LOOKED_AT = 16
"""Above so many candidates, the best of as many drawn at random leads instead of the best of all."""


class Sight(Protocol):
    """What strategies may know besides the candidates themselves."""

    def utilisation(self, deployment: str) -> float: ...

    def in_flight(self, deployment: str) -> int: ...


Strategy: TypeAlias = Callable[[Sequence[Candidate], ImageRequest, Sight, Random], Iterator[Candidate]]


def least_busy(fit: Sequence[Candidate], request: ImageRequest, sight: Sight, rng: Random) -> Iterator[Candidate]:  # noqa: ARG001
    """Of two drawn at random, the one with fewer in flight for its capacity.

    Every router of a fleet sees the same loads, a moment old. If each took the least busy of all, they would all
    send to it at once; two random draws spread them out, and never lead with the busiest (Mitzenmacher 2001).
    """
    return _drawn(fit, lambda candidate: _busy(candidate, sight), rng, draws=2)


def usage(fit: Sequence[Candidate], request: ImageRequest, sight: Sight, rng: Random) -> Iterator[Candidate]:  # noqa: ARG001
    """The lowest share of its quotas used."""
    return _drawn(fit, lambda candidate: sight.utilisation(candidate.name), rng)


def latency(fit: Sequence[Candidate], request: ImageRequest, sight: Sight, rng: Random) -> Iterator[Candidate]:
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


def cost(fit: Sequence[Candidate], request: ImageRequest, sight: Sight, rng: Random) -> Iterator[Candidate]:
    """The cheapest for this very request, as each is asked it; what has no known price comes last.

    Equal prices are ordered as least-busy.
    """
    known: dict[tuple[int, int, int], tuple[bool, Decimal]] = {}

    def price(candidate: Candidate) -> tuple[bool, Decimal]:
        pricing = candidate.pricing
        if pricing not in known:
            dollars = candidate.estimate(request)
            known[pricing] = dollars is None, dollars or Decimal(0)
        return known[pricing]

    return _by_tier(fit, price, request, sight, rng)


def ordered(fit: Sequence[Candidate], request: ImageRequest, sight: Sight, rng: Random) -> Iterator[Candidate]:
    """By the configured ``order``, the lowest first. Equal ones are ordered as least-busy."""
    return _by_tier(fit, lambda candidate: candidate.deployment.order, request, sight, rng)


def weighted(fit: Sequence[Candidate], request: ImageRequest, sight: Sight, rng: Random) -> Iterator[Candidate]:  # noqa: ARG001
    """At random, each first in proportion to its weight (Efraimidis and Spirakis 2006)."""
    keyed = [(rng.random() ** (1 / candidate.deployment.weight), candidate) for candidate in fit]
    keyed.sort(key=lambda pair: pair[0], reverse=True)
    return (candidate for _, candidate in keyed)


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
    fit: Sequence[Candidate], key: Callable[[Candidate], float], rng: Random, draws: int = LOOKED_AT
) -> Iterator[Candidate]:
    """Again and again the best of some drawn at random; where all are drawn, each is looked at once."""
    remaining = list(fit)
    if len(remaining) <= draws:
        rng.shuffle(remaining)  # equals in random order: the sort keeps it
        yield from sorted(remaining, key=key)
        return
    while remaining:
        drawn = rng.sample(range(len(remaining)), min(draws, len(remaining)))
        best = min(drawn, key=lambda index: key(remaining[index]))
        remaining[best], remaining[-1] = remaining[-1], remaining[best]
        yield remaining.pop()


def _by_tier(
    fit: Sequence[Candidate],
    tier: Callable[[Candidate], object],
    request: ImageRequest,
    sight: Sight,
    rng: Random,
) -> Iterator[Candidate]:
    for _, equals in groupby(sorted(fit, key=tier), key=tier):  # type: ignore[arg-type]  # tiers of one strategy compare
        yield from least_busy(list(equals), request, sight, rng)
