"""How long each part of an attempt may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Durations in seconds; the request's deadline cuts all of them short."""

    connect: float = 5.0
    """For name, connection and TLS together, and for a free connection of the pool."""
    first_byte: float = 180.0
    """From the last byte sent to the first of the answer, and between any two reads after it."""
    total: float = 600.0
    """For the whole attempt: submitting, polling and downloading."""
