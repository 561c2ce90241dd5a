"""What slow tests have measured, for those who read along: ``pytest -s``, or the report of one that failed."""

from __future__ import annotations

import sys
from collections.abc import Iterable


def say(title: str, lines: Iterable[str]) -> str:
    """Write the figures, and return them for an assertion's message."""
    text = "\n".join(["", f"--- {title}", *(f"    {line}" for line in lines)])
    sys.stdout.write(f"{text}\n")
    return text
