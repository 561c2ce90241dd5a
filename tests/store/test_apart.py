"""What a process keeps of its spending while it is apart: little, and told once."""

from __future__ import annotations

from random import Random

import anyio
import pytest

from pixelrelay import _clock
from pixelrelay.quotas import Calendar, Claim, Quota, Shape, Unit
from pixelrelay.store.apart import KEPT, Apart
from pixelrelay.store.base import Offer, Report, Reservation, Verdict
from pixelrelay.store.rules import Portion

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


SLICED = Quota("slices/requests", Unit.REQUESTS, 60, shape=Shape.SLICED, guard=0.0)
PACED = Quota("paces/requests", Unit.REQUESTS, 60, shape=Shape.PACED, guard=0.0)


def of(quota: Quota) -> Offer:
    return Offer(quota.key.partition("/")[0], (Claim(quota, 1),))


async def more(apart: Apart, offer: Offer) -> int:
    """How many are granted at once until there is no more room."""
    granted = 0
    while isinstance(await apart.reserve([offer], patience=0.0, within=60.0, priority=0, panic=False), Reservation):
        granted += 1
    return granted


@pytest.mark.parametrize("before", [(0, 0, 0), (0, 7, 7), (3, 3, 3)])
@pytest.mark.parametrize("in_this_slice", [(7, 0, 1), (10, 0, 0), (3, 3, 3), (0, 0, 5)])
async def test_processes_that_lose_the_store_pass_no_slice_together_whoever_used_it(
    before: tuple[int, ...], in_this_slice: tuple[int, ...]
) -> None:
    fleet = [Apart(f"p{number}", "share", None, Random(1)) for number in range(3)]

    def grant(counts: tuple[int, ...]) -> None:
        for apart, count in zip(fleet, counts, strict=True):
            for number in range(count):
                apart.memory.adopt(Reservation(f"{_clock.now()}{id(apart)}{number}", 0, of(SLICED)))

    for apart in fleet:
        apart.memory.learn_of([SLICED])
    grant(before)
    await anyio.sleep(15)
    grant(in_this_slice)
    used = sum(before) + sum(in_this_slice)
    for number, apart in enumerate(fleet):
        apart.part(Portion(number, 3), lambda _: used)

    assert sum(in_this_slice) + sum([await more(apart, of(SLICED)) for apart in fleet]) <= 10


async def test_a_process_that_loses_the_store_leaves_the_pace_to_who_may_have_called_just_now() -> None:
    apart = Apart("p", "share", None, Random(1))
    apart.memory.learn_of([PACED])
    apart.part(Portion(0, 3), lambda _: 1)

    assert await more(apart, of(PACED)) == 0
