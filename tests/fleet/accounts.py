"""The accounts that the fleet's tests share out: how each is enforced, how it is configured, and what it can serve."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any, Literal, TypeAlias

from pixelrelay.quotas import WINDOW
from pixelrelay.testing import EmulatedDeployment

GUARD = 0.3
"""Seconds added to each window, which is the configuration's default."""
SLICE = 10.0
SIZE = "64x64"
"""Of all pictures: nothing here depends on them."""

Kind: TypeAlias = Literal["rolling", "fixed", "sliced", "slots"]


@dataclass(frozen=True, slots=True)
class Account:
    """One deployment and its only limit, which its provider holds as the configuration says that it does."""

    name: str
    kind: Kind
    limit: int
    """Calls a minute; of ``slots``, tasks at a time."""
    latency: float = 1.0
    provider: str = "azure-foundry"
    """Unless it is of ``slots``, which are those of Black Forest Labs."""
    model: str = "FLUX.2-pro"

    @property
    def limits(self) -> Mapping[str, Any]:
        return {"concurrent" if self.kind == "slots" else "requests_per_minute": self.limit}

    def emulated(self) -> EmulatedDeployment:
        if self.kind == "slots":
            return EmulatedDeployment(
                self.name, "black-forest-labs", "flux-2-pro", latency=self.latency, concurrent=self.limit
            )
        return EmulatedDeployment(
            self.name,
            self.provider,
            self.model,
            latency=self.latency,
            enforcement=self.kind,
            requests_per_minute=self.limit,
        )

    def entry(self, address: Mapping[str, Any]) -> dict[str, Any]:
        """As the configuration lists it; ``address`` is what the emulator says of itself."""
        return {**address, **self.limits, **({} if self.kind == "slots" else {"shape": self.kind})}

    @property
    def a_minute(self) -> float:
        """The calls a minute that can be had without ever trusting to luck.

        A call is counted up to ``GUARD`` later than another that was sent with it. So a limit of L in W seconds is
        safe only as L in W + GUARD, where each call waits for the L-th before it to be that old: 15 in 60.3 s of a
        sliced limit of 15, as its three in 10.3 s would be more; 5 in 10.3 s of one of 30; of one of 100 both bind, 17
        in 10.3 s and 100 in 60.3 s. A fixed minute is used whole, as soon as it has begun and the guard is over.
        """
        return len(self._sent(100 * WINDOW)) / 100

    def whole(self, begins: float, ends: float) -> tuple[float, float]:
        """The last span within the given one that holds a whole number of the windows that bind.

        All windows being full, it holds as many calls wherever in a window it begins. Moments are ``time.monotonic``.
        """
        if self.kind == "fixed":
            minutes = [edge - time.time() + time.monotonic() for edge in _minutes(begins, ends)]
            return minutes[0], minutes[-1]
        slice_binds = self.kind == "sliced" and ceil(self.limit / 6) / (SLICE + GUARD) < self.limit / (WINDOW + GUARD)
        period = (SLICE if slice_binds else WINDOW) + GUARD
        return ends - (ends - begins) // period * period, ends

    def _sent(self, until: float) -> Sequence[float]:
        if self.kind == "fixed":
            return [minute * WINDOW + GUARD for minute in range(int(until // WINDOW)) for _ in range(self.limit)]
        windows = [(WINDOW + GUARD, self.limit)]
        if self.kind == "sliced":
            windows.append((SLICE + GUARD, ceil(self.limit * SLICE / WINDOW)))
        sent: list[float] = []
        while True:
            moment = max([0.0, *(sent[-most] + span for span, most in windows if len(sent) >= most)])
            if moment >= until:
                return sent
            sent.append(moment)


def _minutes(begins: float, ends: float) -> Sequence[float]:
    """The turns of the wall clock's minute between two moments of ``time.monotonic``."""
    ahead = time.time() - time.monotonic()
    first, last = ceil((begins + ahead) / WINDOW), floor((ends + ahead) / WINDOW)
    return [minute * WINDOW for minute in range(first, last + 1)]


def config_of(
    groups: Mapping[str, Sequence[Account]], addresses: Mapping[str, Mapping[str, Any]], **settings: Any
) -> dict[str, Any]:
    """A configuration with all ``groups``; ``settings`` stand beside them, ``store`` for one."""
    models = {
        name: {"deployments": [account.entry(addresses[account.name]) for account in accounts]}
        for name, accounts in groups.items()
    }
    return {"models": models, "guard": GUARD, **settings}
