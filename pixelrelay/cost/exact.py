"""The one context in which money is reckoned."""

from __future__ import annotations

from decimal import Context

EXACT = Context(prec=60)
"""The host program may have set a context of a few digits; in this one nothing is rounded that people pay."""
