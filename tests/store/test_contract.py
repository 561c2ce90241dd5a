"""What every store promises: who is served, when, and what is given back.

In the memory of one process, and shared, with the script run by a Redis in Python and by a real one.
"""

from __future__ import annotations

from math import inf

import anyio
import pytest

from pixelrelay import _clock
from pixelrelay.quotas import Claim, Quota, Shape, Unit
from pixelrelay.store.base import Full, Offer, Probation, Report, Reservation, Ticket, Verdict
from pixelrelay.store.health import HealthPolicy
from tests.store.contract import AnyStore, MakeStore

pytestmark = pytest.mark.anyio

WELL = Report(Verdict.WELL)
ILL = Report(Verdict.ILL)


def rate(key: str, limit: int, **spec: object) -> Quota:
    return Quota(key, Unit.REQUESTS, limit, **{"guard": 0.0, **spec})  # type: ignore[arg-type]


def slots(key: str, limit: int) -> Quota:
    return Quota(key, Unit.CONCURRENT, limit)


def offer(name: str, *quotas: Quota, amount: int = 1, expected: float = 0.0) -> Offer:
    return Offer(name, tuple(Claim(quota, amount) for quota in quotas), expected)


async def taken(store: AnyStore, *offers: Offer, panic: bool = False) -> Reservation:
    got = await store.reserve(offers, panic=panic)
    assert isinstance(got, Reservation), got
    return got


async def test_the_first_offer_with_room_is_taken_whole(make_store: MakeStore) -> None:
    store = make_store()
    east, west = offer("east", rate("east", 1)), offer("west", rate("west", 1))
    assert (await taken(store, east, west)).offer is east
    assert (await taken(store, east, west)).offer is west


async def test_nothing_is_taken_of_an_offer_of_which_one_quota_is_full(make_store: MakeStore) -> None:
    store, pool, own = make_store(), rate("pool:p", 1), rate("east", 5)
    await taken(store, offer("other", pool))
    assert isinstance(await store.reserve([offer("east", own, pool)]), Full)
    for _ in range(5):
        await taken(store, offer("east", own))


async def test_a_full_store_says_exactly_when_the_next_place_is_free(make_store: MakeStore) -> None:
    store, only = make_store(), offer("east", rate("east", 2))
    await taken(store, only)
    await anyio.sleep(10)
    await taken(store, only)
    await anyio.sleep(5)
    full = await store.reserve([only])
    assert isinstance(full, Full)
    assert full.seconds == pytest.approx(45, abs=0.01)


async def test_an_offer_larger_than_its_quota_will_never_be_free(make_store: MakeStore) -> None:
    assert await make_store().reserve([offer("east", rate("east", 2), amount=3)], patience=1e9) == Full(None)


async def test_a_ticket_becomes_a_reservation_at_the_time_it_named(make_store: MakeStore) -> None:
    store, only = make_store(), offer("east", rate("east", 1))
    await taken(store, only)
    began = _clock.now()
    ticket = await store.reserve([only], patience=100)
    assert isinstance(ticket, Ticket)
    assert ticket.seconds == pytest.approx(60, abs=0.01)
    assert isinstance(await store.wait(ticket), Reservation)
    assert _clock.now() - began == pytest.approx(60, abs=0.1)


async def test_no_place_is_kept_for_one_who_would_not_wait_so_long(make_store: MakeStore) -> None:
    store, only = make_store(), offer("east", rate("east", 1))
    await taken(store, only)
    assert isinstance(await store.reserve([only], patience=59), Full)


async def test_no_place_is_kept_for_an_attempt_that_could_not_end_in_time(make_store: MakeStore) -> None:
    store, only = make_store(), Offer("east", offer("east", rate("east", 1)).claims, least=30)
    await taken(store, only)
    assert isinstance(await store.reserve([only], patience=100, within=89), Full)
    assert isinstance(await store.reserve([only], patience=100, within=91), Ticket)


async def served_in_order(store: AnyStore, offers: list[tuple[str, Offer, int]]) -> list[tuple[str, float]]:
    """Who was served, and when, of those who asked in this order."""
    served: list[tuple[str, float]] = []
    began = _clock.now()

    async def ask(name: str, wanted: Offer, priority: int) -> None:
        got = await store.reserve([wanted], patience=10_000, priority=priority)
        if isinstance(got, Ticket):
            got = await store.wait(got)
        assert isinstance(got, Reservation)
        served.append((name, round(_clock.now() - began)))
        await store.settle(got, WELL)

    async with anyio.create_task_group() as tasks:
        for name, wanted, priority in offers:
            tasks.start_soon(ask, name, wanted, priority)
            await anyio.sleep(0.001)
    return sorted(served, key=lambda who_when: who_when[1])


async def test_those_who_wait_are_served_first_come_first_served(make_store: MakeStore) -> None:
    only = offer("east", rate("east", 2))
    asked = [(str(number), only, 0) for number in range(7)]
    served = await served_in_order(make_store(), asked)
    assert served == [("0", 0), ("1", 0), ("2", 60), ("3", 60), ("4", 120), ("5", 120), ("6", 180)]


async def test_a_higher_priority_goes_first_and_the_others_keep_their_order(make_store: MakeStore) -> None:
    only = offer("east", rate("east", 1))
    asked = [("first", only, 0), ("second", only, 0), ("third", only, 0), ("urgent", only, 1)]
    served = await served_in_order(make_store(), asked)
    assert served == [("first", 0), ("urgent", 60), ("second", 120), ("third", 180)]


async def test_one_who_needs_much_is_not_starved_by_many_who_need_little(make_store: MakeStore) -> None:
    quota = rate("east", 4)
    little, much = offer("east", quota), offer("east", quota, amount=4)
    asked = [("a", little, 0), ("much", much, 0), *((name, little, 0) for name in "bcd")]
    served = await served_in_order(make_store(), asked)
    assert served[:2] == [("a", 0), ("much", 60)]
    assert {when for _, when in served[2:]} == {120}


async def test_a_cancelled_wait_gives_its_place_to_the_next(make_store: MakeStore) -> None:
    store, only = make_store(), offer("east", rate("east", 1))
    await taken(store, only)
    first = await store.reserve([only], patience=1000)
    second = await store.reserve([only], patience=1000)
    assert isinstance(first, Ticket)
    assert isinstance(second, Ticket)
    assert second.seconds == pytest.approx(120, abs=0.01)
    began = _clock.now()
    async with anyio.create_task_group() as tasks:

        async def leave() -> None:
            with anyio.move_on_after(20):
                await store.wait(first)

        tasks.start_soon(leave)
        assert isinstance(await store.wait(second), Reservation)
    assert _clock.now() - began == pytest.approx(60, abs=0.1)


async def test_a_cancelled_reservation_leaves_its_quota_as_it_was(make_store: MakeStore) -> None:
    store, only = make_store(), offer("east", rate("east", 1), slots("slots", 1))
    await store.cancel(await taken(store, only))
    await taken(store, only)


async def test_one_who_waits_takes_whatever_is_free_first(make_store: MakeStore) -> None:
    """The forecast names the rate quota; a slot that is given back sooner serves him sooner."""
    store = make_store()
    east, west = offer("east", rate("east", 1)), offer("west", slots("west", 1), expected=500)
    await taken(store, east)
    busy = await taken(store, west)
    ticket = await store.reserve([east, west], patience=1000)
    assert isinstance(ticket, Ticket)
    assert ticket.seconds == pytest.approx(60, abs=0.01)
    began = _clock.now()
    async with anyio.create_task_group() as tasks:

        async def finish() -> None:
            await anyio.sleep(7)
            await store.settle(busy, WELL)

        tasks.start_soon(finish)
        got = await store.wait(ticket)
    assert isinstance(got, Reservation)
    assert got.offer is west
    assert _clock.now() - began == pytest.approx(7, abs=0.1)


async def test_what_was_not_used_is_given_back_and_settling_again_changes_nothing(make_store: MakeStore) -> None:
    store, quota = make_store(), Quota("images", Unit.IMAGES, 10, guard=0.0)
    held = await taken(store, offer("east", quota, amount=10))
    await store.settle(held, Report(Verdict.WELL, used={Unit.IMAGES: 7}))
    await store.settle(held, Report(Verdict.WELL, used={Unit.IMAGES: 0}))
    await taken(store, offer("east", quota, amount=3))
    assert isinstance(await store.reserve([offer("east", quota)]), Full)


async def test_using_more_than_was_reserved_puts_the_quota_into_debt(make_store: MakeStore) -> None:
    store, quota = make_store(), Quota("images", Unit.IMAGES, 4, guard=0.0)
    await store.settle(await taken(store, offer("east", quota)), Report(Verdict.WELL, used={Unit.IMAGES: 6}))
    full = await store.reserve([offer("east", quota)])
    assert isinstance(full, Full)
    assert full.seconds == pytest.approx(60, abs=0.01)


async def test_a_named_pool_is_one_quota_whoever_draws_on_it(make_store: MakeStore) -> None:
    store, pool = make_store(), rate("pool:contoso", 2)
    await taken(store, offer("east", pool))
    await taken(store, offer("west", pool))
    assert isinstance(await store.reserve([offer("east", pool), offer("west", pool)]), Full)


async def test_a_429_cools_every_deployment_that_shares_the_quota_it_is_about(make_store: MakeStore) -> None:
    store, pool = make_store(), rate("pool:contoso", 10)
    held = await taken(store, offer("east", pool))
    await store.settle(held, Report(Verdict.SILENT, cooldown=24, rejected=frozenset({Unit.REQUESTS})))
    full = await store.reserve([offer("west", pool)])
    assert isinstance(full, Full)
    assert full.seconds == pytest.approx(24, abs=0.01)


async def test_a_429_makes_a_quota_stricter_and_successes_bring_it_back(make_store: MakeStore) -> None:
    store, quota = make_store(), rate("east", 100, shape=Shape.PACED)
    changes: list[int | None] = []
    store.listen(lambda change: changes.append(change.learned))
    held = await taken(store, offer("east", quota))
    await store.settle(held, Report(Verdict.SILENT, rejected=frozenset()))
    assert store.state("east").quotas["east"].learned == 90
    for _ in range(140):
        await anyio.sleep(1)
        await store.settle(await taken(store, offer("east", quota)), WELL)
    assert store.state("east").quotas["east"].learned == 100
    assert changes[0] == 90
    assert changes[-1] == 100


async def test_a_limit_that_the_provider_states_lowers_the_configured_one_and_never_raises_it(
    make_store: MakeStore,
) -> None:
    from pixelrelay.quotas import SeenLimit

    store, quota = make_store(), rate("east", 10)
    for stated, admitted in ((6, 6), (50, 10)):
        held = await taken(store, offer("east", quota))
        await store.settle(held, Report(Verdict.WELL, seen_limits=(SeenLimit(Unit.REQUESTS, stated),)))
        state = store.state("east").quotas["east"]
        assert (state.limit, state.learned) == (10, admitted)


async def test_a_429_on_slots_learns_how_many_there_are(make_store: MakeStore) -> None:
    store, quota = make_store(), slots("bfl", 24)
    held = [await taken(store, offer("bfl", quota)) for _ in range(7)]
    await store.settle(held[6], Report(Verdict.SILENT, rejected=frozenset({Unit.CONCURRENT})))
    assert store.state("bfl").quotas["bfl"].learned == 6
    assert isinstance(await store.reserve([offer("bfl", quota)]), Full)


async def ill(store: AnyStore, wanted: Offer, times: int = 3) -> None:
    for _ in range(times):
        await store.settle(await taken(store, wanted), ILL)


async def test_three_failures_in_a_row_cool_a_deployment_and_one_probe_finds_out(make_store: MakeStore) -> None:
    store, only = make_store(), offer("east")
    await ill(store, only)
    spare = offer("west")
    state = store.state("east")
    assert state.probation is Probation.COOLING
    assert 24 <= state.cooling <= 36
    assert (await taken(store, only, spare)).offer is spare
    await anyio.sleep(37)
    probe = await taken(store, only, spare)
    assert probe.offer is only
    assert probe.probe
    assert (await taken(store, only, spare)).offer is spare, "one probe at a time"
    await store.settle(probe, WELL)
    assert not (await taken(store, only, spare)).probe


async def test_a_failed_probe_cools_for_twice_as_long(make_store: MakeStore) -> None:
    store, only, spare = make_store(), offer("east"), offer("west")
    await ill(store, only)
    await anyio.sleep(37)
    await store.settle(await taken(store, only, spare), ILL)
    assert 48 <= store.state("east").cooling <= 72


@pytest.mark.parametrize(("first", "then"), [(4.0, 8.0), (1000.0, 1000.0)])  # the longest is 600 s
async def test_a_deployment_may_have_a_first_cooldown_of_its_own(
    make_store: MakeStore, first: float, then: float
) -> None:
    store, only, spare = make_store(), offer("east"), offer("west")
    own = Report(Verdict.ILL, first_cooldown=first)
    for _ in range(3):
        await store.settle(await taken(store, only), own)
        await store.settle(await taken(store, spare), ILL)
    assert 0.8 * first <= store.state("east").cooling <= 1.2 * first
    assert 24 <= store.state("west").cooling <= 36
    await anyio.sleep(1.2 * first + 1)
    await store.settle(await taken(store, only), own)
    assert 0.8 * then <= store.state("east").cooling <= 1.2 * then


async def test_five_failures_of_the_last_ten_are_enough(make_store: MakeStore) -> None:
    store, only = make_store(), offer("east")
    for verdict in (ILL, WELL, ILL, WELL, ILL, WELL, ILL, WELL):
        await store.settle(await taken(store, only), verdict)
    assert store.state("east").probation is Probation.WELL
    await store.settle(await taken(store, only), ILL)
    assert store.state("east").probation is Probation.COOLING


async def test_when_all_are_ill_the_soonest_is_probed_at_once_and_alone(make_store: MakeStore) -> None:
    store = make_store(health=HealthPolicy(cooldown=100))
    east, west = offer("east"), offer("west")
    await ill(store, east)
    await anyio.sleep(10)
    await ill(store, west)
    assert isinstance(await store.reserve([west, east]), Full)
    probe = await taken(store, west, east, panic=True)
    assert probe.offer is min((east, west), key=lambda o: store.state(o.deployment).cooling) or probe.probe
    assert isinstance(await store.reserve([west, east], panic=True), Full)


async def test_a_time_that_a_provider_named_is_obeyed_even_when_all_are_cooling(make_store: MakeStore) -> None:
    store, only = make_store(), offer("east")
    held = await taken(store, only)
    await store.settle(held, Report(Verdict.ILL, cooldown=300))
    full = await store.reserve([only])
    assert isinstance(full, Full)
    assert full.seconds == pytest.approx(300, abs=0.01)
    await anyio.sleep(301)
    assert (await taken(store, only)).probe


async def test_a_probe_that_is_cancelled_leaves_the_place_of_the_probe_free(make_store: MakeStore) -> None:
    store, only = make_store(), offer("east")
    await ill(store, only)
    await anyio.sleep(37)
    await store.cancel(await taken(store, only))
    assert (await taken(store, only)).probe


async def test_limits_that_are_configured_anew_keep_what_was_counted(make_store: MakeStore) -> None:
    store = make_store()
    for _ in range(3):
        await taken(store, offer("east", rate("east", 3)))
    await taken(store, offer("east", rate("east", 4)))
    assert isinstance(await store.reserve([offer("east", rate("east", 4))]), Full)


async def test_in_flight_is_what_has_not_been_settled(make_store: MakeStore) -> None:
    store, only = make_store(), offer("east")
    held = [await taken(store, only) for _ in range(3)]
    await store.settle(held[0], WELL)
    assert store.state("east").in_flight == 2
    assert store.state("nobody").in_flight == 0


async def test_what_is_known_is_as_old_as_when_it_was_told(make_store: MakeStore) -> None:
    store, only = make_store(), offer("east", rate("east", 60))
    assert store.state("east").age == inf
    held = await taken(store, only)
    await anyio.sleep(0.5)
    await store.settle(held, WELL)
    assert store.state("east").age == store.state("east").quotas["east"].age == 0


async def test_a_fixed_minute_is_counted_by_the_wall_clock_and_safe_at_its_turn(make_store: MakeStore) -> None:
    store, quota = make_store(), rate("east", 2, shape=Shape.FIXED, guard=1.0)
    granted: list[float] = []
    for _ in range(12):
        got = await store.reserve([offer("east", quota)], patience=1000)
        if isinstance(got, Ticket):
            got = await store.wait(got)
        assert isinstance(got, Reservation)
        granted.append(_clock.now())
    for late in (0.0, 0.9):
        minutes = [int((at + late) // 60) for at in granted]
        assert all(minutes.count(minute) <= 2 for minute in minutes)
    assert granted[-1] - granted[0] < 6 * 60 + 5
