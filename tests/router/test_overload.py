"""Ten minutes at twice what the quotas allow, through the whole engine: nobody is lost, nothing is wasted."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import anyio
import pytest

from pixelrelay import QuotaExceededError, Router, _clock
from pixelrelay.testing import EmulatedDeployment, Fleet
from tests.router.scenes import SMALL, router_of

pytestmark = pytest.mark.anyio

MINUTES = 10.0
GUARD = 0.3
LATENCY = 6.0
LIMITS = {"high": 100, "medium": 30, "low": 15, "kontext": 6, "one": 6, "flex": 5}


def fleet_of(enforcement: str) -> Fleet:
    """The quotas of an Azure estate. One model, so that all can draw the same small picture, which is quick to draw;
    and one latency, so that it does not blur what the quotas do."""
    return Fleet(
        *(
            EmulatedDeployment(
                name,
                "azure-foundry",
                "FLUX.2-pro",
                requests_per_minute=limit,
                latency=LATENCY,
                enforcement=enforcement,
                counts_rejected=True,
            )
            for name, limit in LIMITS.items()
        )
    )


@dataclass
class Tally:
    served: list[tuple[float, float]] = field(default_factory=list)
    """When each served request was made, and when its pictures were there."""
    refused: list[float] = field(default_factory=list)
    """How long each refused request had been kept."""


async def offer(router: Router, a_minute: float, minutes: float, timeout: float = 90.0) -> Tally:
    """So many requests a minute, evenly, each with so many seconds of patience; what became of them."""
    tally = Tally()
    began = _clock.now()

    async def ask(number: int) -> None:
        asked = _clock.now()
        try:
            await router.generate("flux", f"picture {number}", size=SMALL, timeout=timeout)
        except QuotaExceededError:
            tally.refused.append(_clock.now() - asked)
        else:
            tally.served.append((asked - began, _clock.now() - began))

    async with anyio.create_task_group() as tasks:
        for number in range(int(a_minute * minutes)):
            tasks.start_soon(ask, number)
            await anyio.sleep(60 / a_minute)
    return tally


def reachable(minutes: float) -> float:
    """What the quotas allow in so long: each window is longer by the guard, which is what safety costs.

    Azure's slices of ten seconds, each a sixth rounded up, bind only where six of them hold less than the minute.
    """
    seconds = minutes * 60
    return sum(limit * seconds / (60 + GUARD) for limit in LIMITS.values())


@pytest.mark.parametrize(
    "enforcement",
    ["sliced", pytest.param("rolling", marks=pytest.mark.slow), pytest.param("fixed", marks=pytest.mark.slow)],
)
async def test_at_twice_its_quotas_a_fleet_is_fully_used_and_never_answers_429(
    enforcement: str, anyio_backend: tuple[str, object]
) -> None:
    if anyio_backend[0] == "trio" and enforcement == "sliced":
        return  # the others run on both loops
    fleet = fleet_of(enforcement)
    async with router_of(fleet, {**fleet.config("flux"), "guard": GUARD}, jitter=True) as router:
        tally = await offer(router, 2 * sum(LIMITS.values()), MINUTES)

    assert fleet.billed_in_all.rejected == 0
    in_time = [done for _, done in tally.served if LATENCY <= done <= MINUTES * 60 + LATENCY]
    assert len(in_time) >= 0.99 * reachable(MINUTES)
    assert len(tally.served) + len(tally.refused) == 2 * sum(LIMITS.values()) * MINUTES
    assert fleet.billed_in_all.pictures == len(tally.served)
    assert max(tally.refused) < 0.01, "who cannot be served in time is told at once"


async def test_those_who_wait_are_served_in_the_order_in_which_they_came() -> None:
    fleet = fleet_of("rolling")
    async with router_of(fleet) as router:
        tally = await offer(router, 2 * sum(LIMITS.values()), 2.0, timeout=600)
    assert not tally.refused
    in_order_asked = sorted(tally.served)
    done = [finished for _, finished in in_order_asked]
    assert all(later >= earlier - 0.01 for earlier, later in pairwise(done))


async def test_at_half_its_quotas_hardly_anybody_waits() -> None:
    fleet = fleet_of("sliced")
    async with router_of(fleet, jitter=True) as router:
        tally = await offer(router, 0.5 * sum(LIMITS.values()), 3.0)
    assert not tally.refused
    waits = [finished - asked - LATENCY for asked, finished in tally.served]
    assert sum(waits) / len(waits) < 1.0
