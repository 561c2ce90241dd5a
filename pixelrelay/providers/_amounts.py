"""Amounts of money as providers state them, kept to the last digit."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

EXACT = Context(prec=60)
"""The host program may have set a context of a few digits."""


def _no_flag(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a flag is no amount")
    return value


Amount = Annotated[Decimal, BeforeValidator(_no_flag), Field(ge=0)]
"""Dollars, or credits; of an answer that was read with ``exact``, as it stands there."""
