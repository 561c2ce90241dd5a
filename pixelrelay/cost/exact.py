"""The one context in which money is reckoned, and the one way to add it up."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal

EXACT = Context(prec=60)
"""The host program may have set a context of a few digits; in this one nothing is rounded that people pay."""


def total(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """All of them together; ``None`` if one of them is not known."""
    whole = Decimal(0)
    for amount in amounts:
        if amount is None:
            return None
        whole = EXACT.add(whole, amount)
    return whole
