"""Limits of our own that calls fall under: the configuration's budgets, and what a caller of many may use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from hashlib import blake2b, sha256
from typing import Literal

from pixelrelay.config import Budget, RelayConfig, ResolvedDeployment
from pixelrelay.config.budgets import budget_quota, in_words
from pixelrelay.quotas import Calendar, Quota, Unit
from pixelrelay.store.address import parse
from pixelrelay.store.base import BudgetState, Shortage

NOBODY = ""
"""The end user of calls that name none."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit that a call falls under."""

    name: str
    quota: Quota
    dollars: Decimal | None = None
    """The cap of a budget, as it was written."""
    deployment: str | None = None
    group: str | None = None
    provider: str | None = None
    unpriced: Literal["refuse", "allow"] = "refuse"

    def covers(self, deployment: ResolvedDeployment) -> bool:
        """Whether it is about what that deployment draws."""
        return (
            self.deployment in {None, deployment.name}
            and self.group in {None, deployment.group}
            and self.provider in {None, deployment.provider.name}
        )


@dataclass(frozen=True, slots=True)
class Exhausted:
    """A limit that has too little room, and what was asked of it."""

    limit: Limit
    shortage: Shortage


@dataclass(frozen=True, slots=True)
class Limits:
    """What one caller of a router may use, one tenant or one API key of many: to be passed with each of his calls.

    It is counted under ``name`` by all processes that share a store, and taken in one step with all that an attempt
    needs. What an attempt that failed for nothing took is given back; so a request counts once, or once for each of
    its pictures where they are drawn one by one. What is left out is not limited.
    """

    name: str
    requests_per_minute: int | None = None
    images_per_minute: int | None = None
    concurrent: int | None = None
    dollars_per_hour: Decimal | None = None
    dollars_per_day: Decimal | None = None
    dollars_per_month: Decimal | None = None
    unpriced: Literal["refuse", "allow"] = "refuse"
    """What becomes of deployments without a price where dollars are limited, as in a budget."""

    def __post_init__(self) -> None:
        for field_name in ("requests_per_minute", "images_per_minute", "concurrent"):
            value = getattr(self, field_name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise ValueError(f"{field_name}: {value!r} is not a whole number from 1 on")
        for field_name in ("dollars_per_hour", "dollars_per_day", "dollars_per_month"):
            value = getattr(self, field_name)
            if value is not None and (not isinstance(value, Decimal) or not value > 0):
                raise ValueError(f"{field_name}: {value!r} is not a Decimal above 0")

    def limits(self, digest: str) -> Iterator[Limit]:
        """Each of them, counted under the digest of the name."""
        rates = (
            (Unit.REQUESTS, self.requests_per_minute),
            (Unit.IMAGES, self.images_per_minute),
            (Unit.CONCURRENT, self.concurrent),
        )
        for unit, limit in rates:
            if limit is not None:
                key = f"caller:{digest}/{unit.value}"
                yield Limit(self.name, Quota(key, unit, limit, guard=0.0, ours=True, personal=True))
        caps = (
            (Calendar.HOUR, self.dollars_per_hour),
            (Calendar.DAY, self.dollars_per_day),
            (Calendar.MONTH, self.dollars_per_month),
        )
        for span, dollars in caps:
            if dollars is not None:
                quota = budget_quota(f"caller:{span.value}", dollars, span, digest)
                yield Limit(self.name, quota, dollars, unpriced=self.unpriced)


@dataclass(frozen=True)
class LimitBook:
    """The limits of one configuration; replaced as a whole when the configuration is."""

    budgets: tuple[Budget, ...] = ()
    secret: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, config: RelayConfig) -> LimitBook:
        secret = config.user_secret.get_secret_value() if config.user_secret is not None else None
        if secret is None and config.store_url is not None:
            secret = parse(config.store_url).password
        budgets = tuple(Budget(name, written) for name, written in config.budgets.items())
        return cls(budgets, f"{config.store_prefix}\n{secret or ''}".encode())

    def digest(self, name: str) -> str:
        """What stands for a name in the store: nobody can tell whose it is who does not know the secret."""
        return blake2b(name.encode(), key=sha256(self.secret).digest(), digest_size=12).hexdigest()

    @cached_property
    def shared(self) -> tuple[Limit, ...]:
        """Budgets that are not single users'."""
        return tuple(_limit(budget, budget.quota()) for budget in self.budgets if budget.config.per is None)

    @cached_property
    def _tagged(self) -> bool:
        return any(budget.config.tag is not None for budget in self.budgets)

    @cached_property
    def _per_user(self) -> tuple[Budget, ...]:
        return tuple(budget for budget in self.budgets if budget.config.per == "user")

    def of_call(
        self, tags: Sequence[str] = (), user: str | None = None, callers: Sequence[Limits] = ()
    ) -> tuple[Limit, ...]:
        """All that a call falls under, with whatever deployment."""
        if not (self._per_user or self._tagged or callers):
            return self.shared
        found = [*self.shared, *self._personal(user)]
        if self._tagged:
            others = {budget.name for budget in self.budgets if budget.config.tag not in {None, *tags}}
            found = [limit for limit in found if limit.name not in others]
        for caller in callers:
            found += caller.limits(self.digest(caller.name))
        return tuple(found)

    def standing(self, user: str | None = None) -> tuple[Limit, ...]:
        """Those that are not single users', whatever their tags; and those of ``user``, if one is named."""
        return self.shared if user is None else (*self.shared, *self._personal(user))

    def _personal(self, user: str | None) -> Iterator[Limit]:
        if self._per_user:
            digest = self.digest(user or NOBODY)
            for budget in self._per_user:
                yield _limit(budget, budget.quota(digest))


def _limit(budget: Budget, quota: Quota) -> Limit:
    said = budget.config
    return Limit(budget.name, quota, said.dollars, said.deployment, said.group, said.provider, said.unpriced)


@dataclass(frozen=True, slots=True)
class BudgetStanding:
    """One budget as it stands, in dollars."""

    name: str
    cap: Decimal
    window: str
    """``a day``, ``in any 24 h``."""
    used: Decimal
    """What counts against the cap: spent in its window, reserved, or maybe billed."""
    reserved: Decimal
    """Of that, what attempts under way may yet cost."""
    frees: float | None
    """Seconds until some of what is used counts no more; ``None`` where nothing is used."""
    at_least: bool = False
    """Whether more may have been spent: it lets in what has no price."""
    age: float = 0.0
    """Seconds since it stood so, where a shared store told of it; infinity where nothing was heard of it yet."""


def standing_of(limit: Limit, state: BudgetState) -> BudgetStanding:
    assert limit.dollars is not None
    assert limit.quota.span is not None
    used, reserved = (Decimal(amount).scaleb(-6) for amount in (state.used, state.reserved))
    window, at_least = in_words(limit.quota.span), limit.unpriced == "allow"
    return BudgetStanding(limit.name, limit.dollars, window, used, reserved, state.frees, at_least, state.age)
