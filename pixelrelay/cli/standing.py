"""How the shared quotas of a fleet stand, as plain values that any view can show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from pixelrelay.config import RelayConfig, ResolvedDeployment
from pixelrelay.config.budgets import SCOPES, in_words
from pixelrelay.config.resolved import WRITTEN_AS
from pixelrelay.quotas import Claim, Quota
from pixelrelay.router.limits import BudgetStanding, LimitBook
from pixelrelay.router.limits import standing_of as standing_of_budget
from pixelrelay.store.base import BudgetState, DeploymentState, Offer, Probation, QuotaState, Sight

POOL = "pool:"
"""What the keys of quotas begin with that several deployments share."""


class Condition(Enum):
    """Why a deployment is asked, or left alone."""

    WELL = "well"
    TOLD = "told"
    """Its provider answered that a quota is full, and for how long."""
    ILL = "ill"
    """It failed, or its account was refused."""
    PROBING = "probing"
    """One request finds out whether it is well again."""


@dataclass(frozen=True, slots=True)
class Fill:
    """One quota: what is used of it, and what is known of its limit."""

    quota: Quota
    """As this configuration has it."""
    used: int
    counted: int
    """The limit by which the fleet counts: another one, where it runs by another configuration."""
    learned: int
    """What is admitted in its place."""
    stated: int | None = None
    written: bool = True
    """Whether the configuration names this limit; else it is what is known of the provider."""
    providers: tuple[str, ...] = ()
    """Whose answers teach it."""

    @property
    def share(self) -> float:
        return self.used / self.learned if self.learned else 1.0


@dataclass(frozen=True, slots=True)
class Member:
    """One deployment."""

    name: str
    group: str
    provider: str
    condition: Condition
    cooling: float
    """Seconds until it may be asked again; 0 if it may be now."""
    in_flight: int
    fills: tuple[Fill, ...]
    """Of its own quotas, without those of its pools."""
    pools: tuple[str, ...]

    @property
    def share(self) -> float:
        """Used of its fullest quota."""
        return max((fill.share for fill in self.fills), default=0.0)


@dataclass(frozen=True, slots=True)
class Pool:
    """Quotas that several deployments share."""

    name: str
    in_flight: int
    """On all deployments that draw on it."""
    fills: tuple[Fill, ...]
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Purse:
    """One budget."""

    name: str
    of: str
    """What it is about, in words."""
    cap: Decimal
    window: str
    standing: BudgetStanding | None
    """``None`` where each user has one of his own, whom nobody sees from here."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A whole fleet."""

    address: str
    """Of the store, without its password."""
    prefix: str
    on_loss: str
    processes: tuple[str, ...]
    members: tuple[Member, ...]
    pools: tuple[Pool, ...]
    budgets: tuple[Purse, ...] = ()


def budgets_of(config: RelayConfig) -> list[Quota]:
    """The budgets that a store is asked about: all but each user's."""
    return [limit.quota for limit in LimitBook.of(config).shared]


def offers_of(deployments: Sequence[ResolvedDeployment]) -> list[Offer]:
    """What a store is asked about: each deployment with all its quotas. How much of each does not matter."""
    return [Offer(one.name, tuple(Claim(quota, 1) for quota in one.quotas)) for one in deployments]


def standing_of(config: RelayConfig, deployments: Sequence[ResolvedDeployment], sight: Sight) -> Standing:
    """What ``sight`` says of the ``deployments`` of ``config``."""
    return Standing(
        address=str(config.store),
        prefix=config.store_prefix,
        on_loss=config.on_store_loss,
        processes=sight.processes,
        members=tuple(_members(config, deployments, sight)),
        pools=tuple(_pools(config, deployments, sight)),
        budgets=tuple(_budgets(config, sight)),
    )


def _budgets(config: RelayConfig, sight: Sight) -> Iterator[Purse]:
    counted = {limit.name: limit for limit in LimitBook.of(config).shared}
    for name, budget in config.budgets.items():
        scope = next((f"{scope} {value}" for scope in SCOPES if (value := getattr(budget, scope)) is not None), None)
        whose = scope if budget.per is None else f"each {budget.per}" + (f", {scope}" if scope else "")
        limit = counted.get(name)
        state = standing_of_budget(limit, sight.budgets.get(limit.quota.key, BudgetState())) if limit else None
        yield Purse(name, whose or "everything", budget.dollars, in_words(budget.span), state)


def condition_of(state: DeploymentState) -> Condition:
    match state.probation:
        case Probation.COOLING:
            return Condition.ILL
        case Probation.PROBING:
            return Condition.PROBING
        case Probation.WELL:
            return Condition.TOLD if state.cooling > 0 else Condition.WELL


def _members(config: RelayConfig, deployments: Sequence[ResolvedDeployment], sight: Sight) -> Iterator[Member]:
    written = {one.name: one for group in config.models.values() for one in group.deployments}
    for one in deployments:
        state = sight.deployments.get(one.name, DeploymentState())
        said, provider = written[one.name], one.provider.name
        own = [quota for quota in one.quotas if not quota.key.startswith(POOL)]
        yield Member(
            name=one.name,
            group=one.group,
            provider=provider,
            condition=condition_of(state),
            cooling=state.cooling,
            in_flight=state.in_flight,
            fills=tuple(
                _fill(quota, state.quotas, (provider,), written=getattr(said, WRITTEN_AS[quota.unit]) is not None)
                for quota in own
            ),
            pools=tuple(dict.fromkeys(said.pools)),
        )


def _pools(config: RelayConfig, deployments: Sequence[ResolvedDeployment], sight: Sight) -> Iterator[Pool]:
    drawing = {one.name: set(one.pools) for group in config.models.values() for one in group.deployments}
    for name in config.pools:
        members = [one for one in deployments if name in drawing[one.name]]
        states = [sight.deployments.get(one.name, DeploymentState()) for one in members]
        # Counted once for all: whoever of them was asked last knows as much of it as the others.
        counted = {key: state for one in states for key, state in one.quotas.items()}
        shared = {quota.key: quota for one in members for quota in one.quotas if _is_of(quota, name)}
        providers = tuple(dict.fromkeys(one.provider.name for one in members))
        yield Pool(
            name=name,
            in_flight=sum(state.in_flight for state in states),
            fills=tuple(_fill(quota, counted, providers, written=True) for quota in shared.values()),
            members=tuple(one.name for one in members),
        )


def _is_of(quota: Quota, pool: str) -> bool:
    return quota.key.startswith(POOL) and quota.key.removeprefix(POOL).rpartition("/")[0] == pool


def _fill(quota: Quota, known: Mapping[str, QuotaState], providers: tuple[str, ...], *, written: bool) -> Fill:
    state = known.get(quota.key) or QuotaState(quota.unit, 0, quota.limit, quota.limit)
    return Fill(quota, state.used, state.limit, state.learned, state.stated, written, providers)
