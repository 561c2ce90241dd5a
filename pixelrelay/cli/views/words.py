"""Quantities and outcomes in words."""

from __future__ import annotations

from decimal import Decimal

from pixelrelay.cost.prices import Price
from pixelrelay.cost.tables import Table
from pixelrelay.cost.terms import Apiece, ByPixels, Term
from pixelrelay.cost.tokens import ByTokens
from pixelrelay.outcomes import Attempt, Charge
from pixelrelay.quotas import Claim, Quota, Unit

MEGAPIXEL = 1_000_000


def seconds(amount: float) -> str:
    if amount >= 60:
        whole = round(amount)
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{amount:.1f} s" if amount < 9.95 else f"{amount:.0f} s"


def dollars(amount: Decimal | None) -> str:
    """To a hundredth of a cent, or two digits of less; ``unknown`` where nobody knows."""
    if amount is None:
        return "unknown"
    if amount == 0:
        return "$0"
    digits = max(4, 1 - amount.adjusted())
    whole, _, cents = f"{amount:.{digits}f}".partition(".")
    return f"${whole}.{cents.rstrip('0'):0<2}"


def exact(amount: Decimal | None) -> str | None:
    """All of its digits, for programs; ``None`` where nobody knows."""
    if amount is None:
        return None
    whole, _, parts = f"{amount:f}".partition(".")
    return f"{whole}.{parts.rstrip('0')}".rstrip(".")


def price(one: Price | None) -> list[str]:
    """A price, a line for each of its terms; ``unknown`` where nobody knows it."""
    if one is None:
        return ["unknown"]
    # The factor is said besides, so that the figures are those of the source.
    lines = [_term(term) for term in one.terms]
    return lines if one.factor == 1 else [*lines, f"times {one.factor:f}"]


def _term(term: Term) -> str:
    match term:
        case Apiece():
            return f"{_amounts(term.image)} {'a step' if term.steps else 'each'}"
        case ByPixels(first=None):
            return f"{dollars(term.extra)} a MP"
        case ByPixels():
            return f"{dollars(term.first)} + {dollars(term.extra)} a MP"
        case ByTokens():
            return f"{dollars(term.image_out)} a million tokens"


def _amounts(table: Table) -> str:
    least, most = min(table.leaves()), max(table.leaves())
    return dollars(least) if least == most else f"{dollars(least)}-{dollars(most)}"


def size_in_bytes(amount: int) -> str:
    if amount < 1000:
        return f"{amount} bytes"
    return f"{amount / 1000:.0f} kB" if amount < 999_500 else f"{amount / 1_000_000:.1f} MB"


def pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"


def outcome(attempt: Attempt) -> str:
    """What came of an attempt, in a few words and the provider's own."""
    failure = attempt.failure
    if failure is None:
        return pictures(attempt.images)
    charge = {Charge.NONE: "", Charge.UNKNOWN: " (may have been billed)", Charge.BILLED: " (billed)"}[failure.charge]
    status = f" ({failure.status})" if failure.status is not None else ""
    return f"{failure.kind.value.replace('_', ' ')}{status}: {failure.message}{charge}"


def cost(attempt: Attempt) -> str:
    """What an attempt cost, and what it may have cost besides."""
    if attempt.cost == 0 and attempt.at_risk != 0:
        return "maybe " + dollars(attempt.at_risk) if attempt.at_risk is not None else "unknown"
    return dollars(attempt.cost)


# --- quotas ------------------------------------------------------------------------------------------------------


def quota(one: Quota) -> str:
    """A limit, and beneath it how it is counted."""
    if one.unit is Unit.CONCURRENT:
        return f"{_limit(one)}{_pool(one)}"
    ways = [one.shape.value]
    ways += [f"guard {one.guard:g} s"] if one.guard else []
    ways += ["429s count"] if one.counts_rejected else []
    return f"{_limit(one)}{_pool(one)}\n  {', '.join(ways)}"


def claim(one: Claim) -> str:
    """What an attempt takes of a limit."""
    amount = f"{one.amount / MEGAPIXEL:g}" if one.quota.unit is Unit.MEGAPIXELS else f"{one.amount:,}"
    return f"{amount} of {_limit(one.quota)}{_pool(one.quota)}"


def _limit(one: Quota) -> str:
    if one.unit is Unit.CONCURRENT:
        return f"{one.limit:,} at a time"
    amount = f"{one.limit / MEGAPIXEL:g}" if one.unit is Unit.MEGAPIXELS else f"{one.limit:,}"
    return f"{amount} {one.unit.value} a minute"


def _pool(one: Quota) -> str:
    return f" (pool {one.key.removeprefix('pool:').rpartition('/')[0]})" if one.key.startswith("pool:") else ""
