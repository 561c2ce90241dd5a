"""What the router needs of each deployment, worked out once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from pixelrelay._transport.timeouts import Timeouts
from pixelrelay.config.drafts import Lookup
from pixelrelay.config.models import LIMITS, DeploymentConfig, GroupConfig, Limits, PoolConfig, RelayConfig
from pixelrelay.cost.listed import price_list
from pixelrelay.cost.prices import Price
from pixelrelay.images import parse_size
from pixelrelay.providers import registry
from pixelrelay.providers.adapting import PLAIN, Manner
from pixelrelay.providers.base import Provider, Target, Terms
from pixelrelay.providers.capabilities import Capabilities
from pixelrelay.quotas import Quota, Shape, Unit

PIXELS = 1_000_000
"""In a megapixel, which is what people and providers name; quotas count pixels."""

WRITTEN_AS: Mapping[Unit, str] = dict(
    zip((Unit.REQUESTS, Unit.IMAGES, Unit.MEGAPIXELS, Unit.CONCURRENT), LIMITS, strict=True)
)
"""The key that a limit in each unit is written with."""
_STRICTER = (Shape.FIXED, Shape.ROLLING, Shape.SLICED, Shape.PACED)


@dataclass(frozen=True, slots=True)
class ResolvedDeployment:
    """One deployment, ready to be asked."""

    name: str
    group: str
    provider: Provider
    target: Target
    capabilities: Capabilities
    quotas: tuple[Quota, ...]
    """Its own, then those of its pools."""
    timeouts: Timeouts
    price: Price | None = None
    """As configured, else as its provider publishes it; ``None`` where nobody knows."""
    weight: float = 1.0
    order: int = 0
    cooldown: float | None = None
    """Seconds of its first cooldown; ``None``: as of all others."""
    region: str | None = None
    tags: frozenset[str] = field(default=frozenset())
    manner: Manner = PLAIN
    """What is added to its requests, and what may be done to those that it cannot serve as they are."""


Resolved: TypeAlias = dict[str, tuple[ResolvedDeployment, ...]]


def resolve(config: RelayConfig, lookup: Lookup = registry.provider) -> Resolved:
    """The deployments of each model group, in the order of the configuration."""
    pools = {name: tuple(_pool_quotas(name, pool, config, lookup)) for name, pool in config.pools.items()}
    shared: dict[str, Any] = {}
    return {
        group: tuple(
            _sharing(_deployment(group, deployment, config, pools, lookup), shared)
            for deployment in written.deployments
        )
        for group, written in config.models.items()
    }


def _sharing(deployment: ResolvedDeployment, shared: dict[str, Any]) -> ResolvedDeployment:
    """The same, with the very price and manner of those before it that have equal ones.

    What costs alike and is treated alike is known by identity then, so that it is reckoned once.
    """
    price: Price | None = shared.setdefault(repr(deployment.price), deployment.price)
    manner: Manner = shared.setdefault(repr(deployment.manner), deployment.manner)
    return replace(deployment, price=price, manner=manner)


def _deployment(
    group: str,
    written: DeploymentConfig,
    config: RelayConfig,
    pools: Mapping[str, tuple[Quota, ...]],
    lookup: Lookup,
) -> ResolvedDeployment:
    provider, options = lookup(written.provider), written.options
    target = provider.target(written.model, written.api_key, options)
    shared = (quota for pool in dict.fromkeys(written.pools) for quota in pools[pool])
    return ResolvedDeployment(
        name=written.name,
        group=group,
        provider=provider,
        target=target,
        capabilities=provider.capabilities(written.model, options),
        quotas=(*_own_quotas(written, provider.terms(written.model, options), config), *shared),
        timeouts=(written.timeouts or config.timeouts).over(config.timeouts),
        price=_price(written, provider, target),
        weight=written.weight,
        order=written.order,
        cooldown=written.cooldown,
        region=written.region,
        tags=frozenset(written.tags),
        manner=_manner(written, config.models[group], config),
    )


def _price(written: DeploymentConfig, provider: Provider, target: Target) -> Price | None:
    """What the configuration says, else what the provider charges of its model.

    A list tells what its provider charges at its own hosts. Whatever answers elsewhere (a gateway, a mirror, an
    emulator) may have the same names of models, and what it charges for them nobody knows.
    """
    prices = price_list(provider.name)
    own = prices is not None and prices.holds_at(urlsplit(target.base_url).hostname or "")
    listed = prices.of(target.model) if own and prices is not None else None
    return listed if written.price is None else written.price.over(listed)


def _manner(written: DeploymentConfig, group: GroupConfig, config: RelayConfig) -> Manner:
    """Of each kind of leniency what the nearest level says: the deployment, its group, the file."""
    levels = (written, group, config)
    adapt = next((level.adapt for level in levels if level.adapt is not None), ())
    drop = next((level.drop_params for level in levels if level.drop_params is not None), False)
    return Manner(
        adapt=frozenset(adapt),
        drop_params=drop if isinstance(drop, bool) else frozenset(drop),
        defaults=with_size(written.defaults),
        extra_headers=written.extra_headers,
        extra_body=written.extra_body,
    )


def with_size(defaults: Mapping[str, Any]) -> Mapping[str, Any]:
    """A deployment's defaults, with their size as requests have it."""
    return {**defaults, "size": parse_size(defaults["size"])} if "size" in defaults else defaults


def _own_quotas(written: DeploymentConfig, terms: Terms, config: RelayConfig) -> Iterator[Quota]:
    """What the configuration says of each unit, else what the provider makes known."""
    shape = written.shape or terms.shape
    counts_rejected = terms.counts_rejected if written.counts_rejected is None else written.counts_rejected
    guard = config.guard if written.guard is None else written.guard
    known = {unit: limit * _per(unit) for unit, limit in terms.limits.items()}
    for unit, limit in (known | _limits(written)).items():
        yield Quota(f"{written.name}/{unit.value}", unit, limit, shape, counts_rejected, guard)


def _pool_quotas(name: str, pool: PoolConfig, config: RelayConfig, lookup: Lookup) -> Iterator[Quota]:
    """What a pool leaves out is taken from its members: the strictest of each."""
    members = [
        lookup(member.provider).terms(member.model, member.options)
        for group in config.models.values()
        for member in group.deployments
        if name in member.pools
    ]
    shape = pool.shape or max((terms.shape for terms in members), key=_STRICTER.index, default=Shape.ROLLING)
    counts = any(terms.counts_rejected for terms in members) if pool.counts_rejected is None else pool.counts_rejected
    guard = config.guard if pool.guard is None else pool.guard
    for unit, limit in _limits(pool).items():
        yield Quota(f"pool:{name}/{unit.value}", unit, limit, shape, counts, guard)


def _limits(written: Limits) -> dict[Unit, int]:
    """The limits that were written, as quotas count them."""
    given = {unit: getattr(written, name) for unit, name in WRITTEN_AS.items()}
    return {unit: max(1, int(Decimal(repr(limit)) * _per(unit))) for unit, limit in given.items() if limit is not None}


def _per(unit: Unit) -> int:
    return PIXELS if unit is Unit.MEGAPIXELS else 1
