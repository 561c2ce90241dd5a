"""What a process keeps of its spending while it is apart: little, and told once."""

from __future__ import annotations

from random import Random

import anyio
import pytest

from pixelrelay.quotas import Calendar, Claim, Quota, Unit
from pixelrelay.store.apart import KEPT, Apart
from pixelrelay.store.base import Offer, Report, Reservation, Verdict

pytestmark = pytest.mark.anyio

DAILY = Quota("budget:daily", Unit.DOLLARS, 10_000, span=Calendar.DAY, ours=True)
OWN = Quota("east/requests", Unit.REQUESTS, 10_000)
COSTING = Offer("east", (Claim(OWN, 1),), ours=(Claim(DAILY, 10),))


async def spend(apart: Apart, dollars: int) -> None:
    held = await apart.reserve([COSTING], patience=0.0, within=60.0, priority=0, panic=False)
    assert isinstance(held, Reservation)
    await apart.settle(held, Report(Verdict.WELL, ours={Unit.DOLLARS: dollars}))


def told_of(apart: Apart) -> int:
    return sum(claim.amount for booked in apart.untold() for claim in booked.offer.ours)


async def test_what_is_older_than_a_minute_is_added_up_and_told_as_one() -> None:
    apart = Apart("p", "share", None, Random(1))
    for _ in range(50):
        await spend(apart, 3)
    await anyio.sleep(KEPT)
    await spend(apart, 5)

    assert told_of(apart) == 155
    assert len(apart.untold()) <= 3, "one for each hour, and the last"
    old, *_ = (booked for booked in apart.untold() if not booked.offer.claims)
    assert not old.held
    assert old.age >= KEPT


async def test_what_was_told_is_told_no_more() -> None:
    apart = Apart("p", "share", None, Random(1))
    await spend(apart, 3)
    await anyio.sleep(KEPT)
    apart.told(apart.untold())
    assert apart.untold() == []
    await spend(apart, 4)
    assert told_of(apart) == 4


async def test_nothing_is_added_to_what_may_have_been_heard() -> None:
    """Who hears the same id twice counts it once."""
    apart = Apart("p", "share", None, Random(1))
    await spend(apart, 3)
    await anyio.sleep(KEPT)
    (heard,) = apart.untold()
    apart.doubt()
    await spend(apart, 4)
    await anyio.sleep(KEPT)
    first, *later = apart.untold()
    assert (first.id, first.offer) == (heard.id, heard.offer)
    assert sum(claim.amount for each in later for claim in each.offer.ours) == 4


async def test_where_nothing_was_spent_of_a_budget_nothing_is_kept() -> None:
    apart = Apart("p", "share", None, Random(1))
    for _ in range(50):
        await spend(apart, 0)
    await anyio.sleep(KEPT)
    assert apart.untold() == []
