"""Deployments as the router holds them, in groups, and the requests they can serve."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from itertools import accumulate
from typing import TypeVar

from pixelrelay.config import ResolvedDeployment
from pixelrelay.config.models import GroupConfig
from pixelrelay.cost.facts import Facts
from pixelrelay.cost.prices import micro_dollars
from pixelrelay.images import ImageRequest, Operation, Size
from pixelrelay.providers.adapting import PLAIN, Fit
from pixelrelay.providers.base import Exchange
from pixelrelay.quotas import Claim, Unit
from pixelrelay.router.latency import Latency
from pixelrelay.router.limits import Limit
from pixelrelay.store.base import Offer

KeyT = TypeVar("KeyT", bound=Hashable)

TYPICAL_SIZE = Size(1024, 1024)
"""What a picture is taken to be where the size is left to the provider."""
TYPICAL_SECONDS = 10.0
"""How long a slot is thought to be held before anything is known."""
REMEMBERED = 64
"""Claims, and estimates, kept ready for each deployment; callers choose sizes, so there is no end of different ones."""


@dataclass(slots=True, eq=False)
class Candidate:
    """A deployment, and what this process has learned of it."""

    deployment: ResolvedDeployment
    latency: Latency = field(default_factory=Latency)
    capacity: float = field(init=False)
    """How many calls can be under way when its quotas are fully used; what "busy" is relative to."""
    _lenient: bool = field(init=False)
    _claims: dict[tuple[int, int], tuple[Claim, ...]] = field(default_factory=dict)
    _estimates: dict[Facts, Decimal | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.capacity = _capacity(self.deployment)
        self._lenient = self.deployment.manner != PLAIN

    @property
    def name(self) -> str:
        return self.deployment.name

    @property
    def model(self) -> tuple[str, str]:
        """The provider and its model: two deployments with the same say the same to an invalid request."""
        return self.deployment.provider.name, self.deployment.target.model

    def fit(self, request: ImageRequest) -> Fit:
        """``request`` as this deployment is asked it: with what its configuration adds, and adapted where it may be."""
        if not (self._lenient or request.adapt or request.drop_params):
            return Fit(request)
        return self.deployment.manner.fit(self.deployment.capabilities, request, request.n)

    @property
    def pricing(self) -> tuple[int, int, int]:
        """Equal for those that any request costs the same at, by what ``resolve`` shares between them."""
        deployment = self.deployment
        return id(deployment.price), id(deployment.capabilities), id(deployment.manner)

    def estimate(self, request: ImageRequest) -> Decimal | None:
        """Dollars that an attempt at ``request`` costs at most, as this deployment is asked it; ``None`` if unknown."""
        return self._estimate(self.fit(request).request)

    def _estimate(self, fitted: ImageRequest) -> Decimal | None:
        price = self.deployment.price
        if price is None:
            return None
        facts = price.facts(fitted)
        if facts not in self._estimates:
            if len(self._estimates) >= REMEMBERED:
                self._estimates.clear()
            self._estimates[facts] = price.of(facts)
        return self._estimates[facts]

    def exchange(self, request: ImageRequest) -> Exchange:
        """What to send for ``request``, as ``fit`` made it."""
        provider, target = self.deployment.provider, self.deployment.target
        if request.operation is Operation.EDIT:
            return provider.edit(request, target)
        return provider.generate(request, target)

    def offer(self, request: ImageRequest, left: float, limits: Sequence[Limit] = ()) -> Offer:
        """What an attempt at ``request``, with ``left`` seconds for it, takes of this deployment's quotas and of
        ``limits``."""
        request = self.fit(request).request
        ours = self._ours(request, limits) if limits else ()
        expected = self.latency.expected(request.size, request.n)
        slow = self.latency.slow(request.size, request.n)
        least = self.latency.least or 0.0
        if expected is None or slow is None:
            return Offer(self.name, self.claims(request), TYPICAL_SECONDS, least, ours)
        # Where all wait as long as they can, each would begin at the last moment at which the quickest answer is in
        # time, and nearly all would be cut off and paid for. So time is kept for a slow one, where there is as much.
        return Offer(self.name, self.claims(request), expected, max(least, min(left, slow)), ours)

    def claims(self, request: ImageRequest) -> tuple[Claim, ...]:
        key = request.n, pixels_of(request)
        known = self._claims.get(key)
        if known is None:
            if len(self._claims) >= REMEMBERED:
                self._claims.clear()
            known = self._claims[key] = tuple(
                Claim(quota, _amount(quota.unit, *key)) for quota in self.deployment.quotas
            )
        return known

    def _ours(self, request: ImageRequest, limits: Sequence[Limit]) -> tuple[Claim, ...]:
        """What an attempt at ``request``, as ``fit`` made it, takes of ``limits``: of a budget what it costs at most.

        What is free takes nothing. What has no price takes as much, but needs a budget that is not used up.
        """
        dollars = self._estimate(request)
        images, pixels, micro = request.n, pixels_of(request), micro_dollars(dollars or Decimal(0))
        return tuple(
            Claim(limit.quota, _amount(limit.quota.unit, images, pixels, micro))
            for limit in limits
            if limit.covers(self.deployment) and not (dollars == 0 and limit.quota.unit is Unit.DOLLARS)
        )

    def refused_by(self, budgets: Sequence[Limit]) -> tuple[str, ...]:
        """Those of ``budgets`` that let it serve nothing of which nobody knows what it costs."""
        refusing = (limit for limit in budgets if limit.unpriced == "refuse" and limit.covers(self.deployment))
        return tuple(f"has no price, and budget {limit.name!r} lets in nothing without one" for limit in refusing)


def pixels_of(request: ImageRequest) -> int:
    """Of one picture: as asked, as the first input has it, or a typical one's."""
    if request.size is not None:
        return request.size.pixels
    first = request.images[0].size if request.images else None
    return (first or TYPICAL_SIZE).pixels


def _amount(unit: Unit, images: int, pixels: int, micro_dollars: int = 0) -> int:
    match unit:
        case Unit.IMAGES:
            return images
        case Unit.MEGAPIXELS:
            return images * pixels
        case Unit.REQUESTS | Unit.CONCURRENT:
            return 1
        case Unit.DOLLARS:
            return micro_dollars


def _capacity(deployment: ResolvedDeployment) -> float:
    limits = {quota.unit: quota.limit for quota in deployment.quotas}
    a_minute = [limits[unit] for unit in (Unit.REQUESTS, Unit.IMAGES) if unit in limits]
    under_way = [limit * TYPICAL_SECONDS / 60.0 for limit in a_minute]
    if Unit.CONCURRENT in limits:
        under_way.append(float(limits[Unit.CONCURRENT]))
    return min(under_way, default=TYPICAL_SECONDS * deployment.weight)


class Candidates(tuple[Candidate, ...]):
    """Those that a strategy chooses among, and what it goes by that does not change, found out once for all requests.

    Who is in them is told by identity alone.
    """

    @cached_property
    def weights(self) -> Sequence[float]:
        """Of each the sum of its weight and those of all before it."""
        return tuple(accumulate(candidate.deployment.weight for candidate in self))

    @cached_property
    def by_order(self) -> Sequence[Candidates]:
        """Those of one ``order`` together, the lowest first."""
        tiers = self._apart(lambda candidate: candidate.deployment.order)
        return tuple(tiers[order] for order in sorted(tiers))

    @cached_property
    def by_pricing(self) -> Sequence[Candidates]:
        """Those together that any request costs the same at."""
        return tuple(self._apart(lambda candidate: candidate.pricing).values())

    def _apart(self, key: Callable[[Candidate], KeyT]) -> dict[KeyT, Candidates]:
        apart: dict[KeyT, list[Candidate]] = {}
        for candidate in self:
            apart.setdefault(key(candidate), []).append(candidate)
        return {kind: self if len(apart) == 1 else Candidates(those) for kind, those in apart.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A model group: its deployments, and how it is configured."""

    name: str
    config: GroupConfig
    candidates: Candidates
    _alike: tuple[tuple[Candidate, tuple[Candidate, ...]], ...] = field(init=False)
    """Deployments that can do the same and are treated alike, behind one of them."""

    def __post_init__(self) -> None:
        alike: dict[tuple[int, str], list[Candidate]] = {}
        for candidate in self.candidates:
            deployment = candidate.deployment
            alike.setdefault((id(deployment.capabilities), repr(deployment.manner)), []).append(candidate)
        object.__setattr__(self, "_alike", tuple((those[0], tuple(those)) for those in alike.values()))

    def fit(
        self,
        request: ImageRequest,
        images: int,
        tags: frozenset[str],
        region: str | None,
        limits: Sequence[Limit] = (),
    ) -> tuple[Candidates, Mapping[str, tuple[str, ...]]]:
        """Who can serve ``request`` with ``images`` pictures in one call; and of the others, what each lacks.

        Capabilities are compared once for all deployments that share them, so a group of a thousand costs as one.
        """
        reasons = [
            one.deployment.manner.fit(one.deployment.capabilities, request, images).lacks for one, _ in self._alike
        ]
        caps = [limit for limit in limits if limit.dollars is not None]
        if not any(reasons) and not tags and region is None and not caps:
            return self.candidates, {}
        known: dict[tuple[int, int, int], bool] = {}

        def priced(candidate: Candidate) -> bool:
            if candidate.pricing not in known:
                known[candidate.pricing] = candidate.estimate(replace(request, n=images)) is not None
            return known[candidate.pricing]

        unfit = {c.name: why for why, (_, those) in zip(reasons, self._alike, strict=True) if why for c in those}
        for candidate in self.candidates:
            missing = _missing_labels(candidate.deployment, tags, region)
            if caps and not missing and candidate.name not in unfit and not priced(candidate):
                missing = candidate.refused_by(caps)
            if missing:
                unfit[candidate.name] = (*unfit.get(candidate.name, ()), *missing)
        return Candidates(candidate for candidate in self.candidates if candidate.name not in unfit), unfit


def _missing_labels(deployment: ResolvedDeployment, tags: frozenset[str], region: str | None) -> tuple[str, ...]:
    missing = [f"has no tag {tag!r}" for tag in sorted(tags - deployment.tags)]
    if region is not None and deployment.region != region:
        missing.append(f"is in region {deployment.region!r}, not {region!r}")
    return tuple(missing)
