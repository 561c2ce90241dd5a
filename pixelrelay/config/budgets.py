"""Budgets: caps on spend, as people write them, and what the router needs of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from pixelrelay.config.base import STRICT
from pixelrelay.cost.prices import micro_dollars_within
from pixelrelay.cost.rows import Dollars
from pixelrelay.quotas import Calendar, Quota, Span, Unit

SHORTEST, LONGEST = 60, 366 * 86_400
"""Seconds of a rolling window."""
MOST = 1_000_000_000
"""Dollars of a budget: what a store counts exactly, and some."""
SCOPES = ("deployment", "group", "provider", "tag")
"""What a budget may be about, instead of the whole fleet."""
_SECONDS: Mapping[str, int] = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def read_seconds(value: Any) -> int | None:
    """A number of seconds, or of what the letter behind it says: ``90s``, ``30m``, ``24h``, ``7d``."""
    if value is None:
        return None
    found = re.fullmatch(r"\s*(\d{1,9})\s*([smhd])\s*", value) if isinstance(value, str) else None
    if found is None and (isinstance(value, bool) or not isinstance(value, int)):
        raise ValueError("must be whole seconds, or a number and one of s, m, h, d, as 24h")
    seconds = int(found[1]) * _SECONDS[found[2]] if found else int(value)
    if not SHORTEST <= seconds <= LONGEST:
        raise ValueError(f"must be from {SHORTEST} seconds to {LONGEST // 86_400} days")
    return seconds


class BudgetConfig(BaseModel):
    """A cap on spend, of the whole fleet or of what it names. What may have been billed counts as well."""

    model_config: ClassVar[ConfigDict] = STRICT

    dollars: Annotated[Dollars, Field(gt=0, le=MOST)]
    """What may be spent in a window. Counted in millionths."""
    window: Calendar | None = None
    """Begins anew with each full hour, each day or each month, in UTC: by the clock of the shared store, where there is
    one."""
    rolling: Annotated[int | None, BeforeValidator(read_seconds)] = None
    """Instead: so many seconds, wherever they begin, or `30m`, `24h`, `7d`."""
    deployment: str | None = None
    """Of this deployment alone."""
    group: str | None = None
    """Of the deployments of this model group."""
    provider: str | None = None
    """Of all deployments of this provider."""
    tag: str | None = None
    """Of calls that carry this tag."""
    per: Literal["user"] | None = None
    """With `user`, each end user (`user=` of a call) has a budget of this size; calls that name none have one
    together."""
    unpriced: Literal["refuse", "allow"] = "refuse"
    """What becomes of a deployment whose price for a call is not known: it does not serve it, or it does, and counts as
    nothing until its provider says what it cost."""

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> BudgetConfig:
        if (self.window is None) == (self.rolling is None):
            raise ValueError("needs a window (hour, day or month) or rolling (as 24h), and not both")
        if len(named := [name for name in SCOPES if getattr(self, name) is not None]) > 1:
            raise ValueError(f"is about one thing alone: {' or '.join(named)}")
        if micro_dollars_within(self.dollars) < 1:
            raise ValueError("dollars: must be at least 0.000001")
        return self

    @property
    def span(self) -> Span:
        return self.window if self.window is not None else int(self.rolling or 0)


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget by its name, ready to be claimed."""

    name: str
    config: BudgetConfig

    @property
    def key(self) -> str:
        return f"budget:{self.name}"

    def quota(self, digest: str | None = None) -> Quota:
        """What is counted; of a single user, by the digest of his name."""
        return budget_quota(self.key, self.config.dollars, self.config.span, digest)


def budget_quota(key: str, dollars: Decimal, span: Span, digest: str | None = None) -> Quota:
    return Quota(
        key if digest is None else f"{key}:{digest}",
        Unit.DOLLARS,
        micro_dollars_within(dollars),
        span=span,
        ours=True,
        personal=digest is not None,
    )


def in_words(span: Span) -> str:
    """``a day``, ``in any 24 h``."""
    if isinstance(span, Calendar):
        return f"an {span.value}" if span is Calendar.HOUR else f"a {span.value}"
    letter, each = next(
        (letter, each) for letter, each in reversed([*_SECONDS.items()]) if span % each == 0 and span > each
    )
    return f"in any {span // each} {'min' if letter == 'm' else letter}"
