"""What every store promises of budgets: a window that never holds more than its cap, and what is counted in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from pixelrelay import _clock
from pixelrelay.quotas import Calendar, Claim, Quota, Span, Unit
from pixelrelay.store.base import BudgetState, Full, Offer, Report, Reservation, Shortage, Ticket, Verdict
from pixelrelay.store.budgets import begin_of, part_at
from pixelrelay.store.granted import Booked
from pixelrelay.store.memory import MemoryStore
from pixelrelay.store.rules import WHOLE, Portion
from pixelrelay.store.shared import LostError, Shared
from tests.store.contract import AnyStore, MakeStore
from tests.store.direct import Server

pytestmark = pytest.mark.anyio

WELL = Report(Verdict.WELL)
HOUR, DAY = 3600.0, 86_400.0


def budget(cap: int, span: Span = Calendar.DAY, name: str = "daily", *, personal: bool = False) -> Quota:
    return Quota(f"budget:{name}", Unit.DOLLARS, cap, span=span, ours=True, personal=personal)


def rate(key: str, limit: int) -> Quota:
    return Quota(key, Unit.REQUESTS, limit, guard=0.0)


def offer(name: str, dollars: int, *budgets: Quota, of: Quota | None = None) -> Offer:
    claims = (Claim(of, 1),) if of is not None else ()
    return Offer(name, claims, ours=tuple(Claim(quota, dollars) for quota in budgets))


def cost(dollars: int) -> Report:
    return Report(Verdict.WELL, ours={Unit.DOLLARS: dollars})


async def taken(store: AnyStore, *offers: Offer) -> Reservation:
    got = await store.reserve(offers)
    assert isinstance(got, Reservation), got
    return got


async def full(store: AnyStore, *offers: Offer, patience: float = 0.0) -> Full:
    got = await store.reserve(offers, patience=patience)
    assert isinstance(got, Full), got
    return got


async def state(store: AnyStore, quota: Quota) -> BudgetState:
    return (await store.look([], [quota])).budgets[quota.key]


# --- taking --------------------------------------------------------------------------------------------------------


async def test_a_budget_holds_what_is_reserved_of_it_and_says_when_it_is_full(make_store: MakeStore) -> None:
    store, daily = make_store(), budget(100)
    for _ in range(3):
        await taken(store, offer("east", 30, daily))

    got = await full(store, offer("east", 30, daily))

    assert got.shortage == Shortage(daily, 30, 90)
    assert got.seconds == pytest.approx(DAY - _clock.now() % DAY, abs=0.01)
    await taken(store, offer("east", 10, daily))


async def test_what_is_too_dear_is_passed_over_and_what_fits_is_taken(make_store: MakeStore) -> None:
    store, daily = make_store(), budget(100)
    await taken(store, offer("east", 80, daily))
    assert (await taken(store, offer("dear", 30, daily), offer("cheap", 10, daily))).index == 1


async def test_nothing_is_taken_of_a_quota_or_a_budget_where_another_budget_is_full(make_store: MakeStore) -> None:
    store, one, other, own = make_store(), budget(100), budget(10, name="small"), rate("east", 2)
    for _ in range(5):
        await full(store, offer("east", 20, one, other, of=own))
    assert (await state(store, one)).used == 0
    for _ in range(2):
        await taken(store, offer("east", 20, one, of=own))


async def test_a_budget_that_is_full_is_not_named_where_a_quota_takes_longer(make_store: MakeStore) -> None:
    store, rolling, own = make_store(), budget(100, span=60), Quota("east", Unit.CONCURRENT, 1)
    await taken(store, Offer("east", (Claim(own, 1),), 500.0, ours=(Claim(rolling, 100),)))
    assert (await full(store, offer("east", 50, rolling, of=own))).shortage is None


async def test_what_costs_more_than_the_whole_budget_will_never_be_bought(make_store: MakeStore) -> None:
    store, daily = make_store(), budget(100)
    assert await full(store, offer("east", 101, daily), patience=1e9) == Full(None, Shortage(daily, 101, 0))


async def test_nobody_waits_for_the_turn_of_the_day_who_has_not_the_time(make_store: MakeStore) -> None:
    store, daily = make_store(), budget(100)
    await taken(store, offer("east", 100, daily))
    assert (await full(store, offer("east", 1, daily), patience=180.0)).shortage == Shortage(daily, 1, 100)


async def test_who_has_the_time_is_served_when_the_window_turns(make_store: MakeStore) -> None:
    store, hourly = make_store(), budget(100, Calendar.HOUR)
    await taken(store, offer("east", 100, hourly))
    await anyio.sleep(HOUR - _clock.now() % HOUR - 20)
    place = await store.reserve([offer("east", 60, hourly)], patience=180.0)
    assert isinstance(place, Ticket)
    assert place.seconds == pytest.approx(20, abs=0.01)
    assert isinstance(await store.wait(place), Reservation)
    assert _clock.now() % HOUR == pytest.approx(0, abs=0.1)


async def test_what_one_user_spends_is_nothing_to_another(make_store: MakeStore) -> None:
    store = make_store()
    anna, bert = (budget(50, name=f"each:{who}", personal=True) for who in ("anna", "bert"))
    await taken(store, offer("east", 50, anna))
    await full(store, offer("east", 10, anna))
    await taken(store, offer("east", 50, bert))


async def test_what_nobody_has_a_price_for_reserves_nothing_and_needs_room_all_the_same(make_store: MakeStore) -> None:
    store, daily = make_store(), budget(100)
    held = await taken(store, offer("east", 0, daily))
    await taken(store, offer("east", 99, daily))
    await taken(store, offer("east", 0, daily))
    await taken(store, offer("east", 1, daily))
    assert (await full(store, offer("east", 0, daily))).shortage == Shortage(daily, 0, 100)

    await store.settle(held, cost(7))
    assert (await state(store, daily)).used == 107, "what it cost became known"


# --- giving back ---------------------------------------------------------------------------------------------------


async def test_what_was_spent_takes_the_place_of_what_was_reserved(make_store: MakeStore) -> None:
    store, daily = make_store(), budget(100)
    held = [await taken(store, offer("east", 30, daily)) for _ in range(3)]
    now = await state(store, daily)
    assert (now.used, now.reserved) == (90, 90)

    await store.settle(held[0], cost(12))
    await store.settle(held[1], WELL)
    await store.cancel(held[2])
    await store.settle(held[0], cost(0))  # settling again changes nothing

    now = await state(store, daily)
    assert (now.used, now.reserved) == (42, 0)
    assert now.frees == pytest.approx(DAY - _clock.now() % DAY, abs=0.01)
    await taken(store, offer("east", 58, daily))


async def test_more_may_be_spent_than_was_reserved_and_nothing_is_free_until_time_has_paid_for_it(
    make_store: MakeStore,
) -> None:
    store, rolling = make_store(), budget(100, span=600)
    held = await taken(store, offer("east", 60, rolling))
    await store.settle(held, cost(130))
    await anyio.sleep(100)

    got = await full(store, offer("east", 1, rolling))

    assert (await state(store, rolling)).used == 130
    assert got.seconds is not None
    assert 499 <= got.seconds <= 511
    await anyio.sleep(got.seconds)
    await taken(store, offer("east", 100, rolling))


async def test_a_429_teaches_a_limit_of_our_own_nothing(make_store: MakeStore) -> None:
    store, daily = make_store(), budget(100)
    ours = Quota("key:k/requests", Unit.REQUESTS, 2, guard=0.0, ours=True)
    own = rate("east", 1000)
    offered = Offer("east", (Claim(own, 1),), ours=(Claim(daily, 10), Claim(ours, 1)))
    held = await taken(store, offered)
    nothing = {Unit.DOLLARS: 0, Unit.REQUESTS: 0}
    await store.settle(held, Report(Verdict.SILENT, ours=nothing, cooldown=20.0, rejected=frozenset()))

    assert store.state("east").cooling == pytest.approx(20, abs=0.01), "its account's quota cools"
    elsewhere = Offer("west", ours=offered.ours)
    for _ in range(2):
        await taken(store, elsewhere)
    await full(store, elsewhere)


async def test_a_429_of_a_deployment_without_quotas_cools_the_deployment_whatever_budgets_there_are(
    make_store: MakeStore,
) -> None:
    store, daily = make_store(), budget(100)
    held = await taken(store, offer("east", 10, daily))
    await store.settle(held, Report(Verdict.SILENT, cooldown=20.0, rejected=frozenset()))
    assert store.state("east").cooling == pytest.approx(20, abs=0.01)
    await taken(store, offer("west", 10, daily))


# --- windows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("span", "begins", "turns"),
    [
        (Calendar.HOUR, "2026-11-28T10:59:50", "2026-11-28T11:00:00"),
        (Calendar.DAY, "2026-12-31T23:59:50", "2027-01-01T00:00:00"),
        (Calendar.MONTH, "2028-02-28T23:59:50", "2028-03-01T00:00:00"),
        (Calendar.MONTH, "2027-02-28T23:59:50", "2027-03-01T00:00:00"),
        (Calendar.MONTH, "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
        (Calendar.MONTH, "2100-02-28T12:00:00", "2100-03-01T00:00:00"),
    ],
)
async def test_a_window_of_the_calendar_turns_in_utc(server: Server, span: Span, begins: str, turns: str) -> None:
    wall = datetime.fromisoformat(begins).replace(tzinfo=UTC).timestamp() - _clock.now()
    stores: list[AnyStore] = [
        MemoryStore(wall=lambda: _clock.now() + wall),
        server.join(clock=lambda: _clock.now() + wall),
    ]
    left = datetime.fromisoformat(turns).replace(tzinfo=UTC).timestamp() - wall - _clock.now()
    quota = budget(100, span)
    for store in stores:
        await taken(store, offer("east", 100, quota))
        got = await full(store, offer("east", 1, quota))
        assert got.seconds == pytest.approx(left, abs=0.01)
    await anyio.sleep(left - 0.001)
    for store in stores:
        await full(store, offer("east", 1, quota))
    await anyio.sleep(0.002)
    for store in stores:
        await taken(store, offer("east", 100, quota))
        assert (await state(store, quota)).used == 100


def test_months_are_counted_as_the_calendar_has_them() -> None:
    for year in range(1970, 2110):
        for month in range(1, 13):
            moment = datetime(year, month, 1, tzinfo=UTC).timestamp()
            part = part_at(Calendar.MONTH, moment)
            assert begin_of(Calendar.MONTH, part) == moment
            assert part_at(Calendar.MONTH, moment - 1) == part - 1


async def test_another_cap_holds_at_once_and_what_was_spent_stays(make_store: MakeStore) -> None:
    store = make_store()
    await taken(store, offer("east", 80, budget(100)))
    await full(store, offer("east", 30, budget(100)))
    await taken(store, offer("east", 30, budget(110)))
    await full(store, offer("east", 1, budget(50)))


async def test_what_was_spent_in_one_window_is_carried_into_another_kind_of_window(make_store: MakeStore) -> None:
    store = make_store()
    held = await taken(store, offer("east", 80, budget(100)))
    await full(store, offer("east", 30, budget(100, span=600)))
    await store.settle(held, cost(0))
    assert (await state(store, budget(100, span=600))).used == 80, "too much is held rather than too little"


# --- what is kept --------------------------------------------------------------------------------------------------


async def test_the_counter_of_a_user_goes_when_its_window_is_over() -> None:
    store = MemoryStore(wall=_clock.now)
    for number in range(200):
        await taken(store, offer("east", 1, budget(50, 600, f"each:{number}", personal=True)))
    assert len(store.used()) == 200
    await anyio.sleep(700)
    for number in range(100):
        await taken(store, offer("east", 1, budget(50, 600, f"each:late-{number}", personal=True)))
    assert len(store.used()) == 100


async def test_a_user_s_counter_stays_while_an_attempt_may_yet_cost_something() -> None:
    store, anna = MemoryStore(wall=_clock.now), budget(50, 600, "each:anna", personal=True)
    held = await taken(store, offer("east", 0, anna))
    for number in range(20):
        await taken(store, offer("east", 1, budget(50, 600, f"each:{number}", personal=True)))
    await store.settle(held, cost(20))
    assert store.budget(anna).used == 20


async def test_keys_of_budgets_end_with_their_windows(server: Server) -> None:
    store = server.join()
    spans: tuple[tuple[Span, float], ...] = (
        (Calendar.HOUR, HOUR - _clock.now() % HOUR),
        (600, 610.0),
        (Calendar.MONTH, 31 * DAY),
    )
    for span, most in spans:
        quota = budget(50, span, f"of:{span}")
        await taken(store, offer("east", 1, quota))
        left = server.client.ttl(server.key("q", quota.key))
        assert isinstance(left, int)
        assert most - 12 - (2 * DAY if span is Calendar.MONTH else 0) < left - 60 < most + 2, span


# --- several processes, and what is lost ---------------------------------------------------------------------------


async def test_what_a_dead_process_had_reserved_counts_as_spent(server: Server) -> None:
    here, there, daily = server.join(lease=20.0), server.join(lease=20.0), budget(100)
    await taken(here, offer("east", 60, daily))
    server.kill(here)
    for _ in range(6):
        await anyio.sleep(5)
        await there.tend()
    now = await state(there, daily)
    assert (now.used, now.reserved) == (60, 0)


async def test_a_process_that_is_idle_hears_of_what_the_others_spend(server: Server) -> None:
    here, there, daily = server.join(lease=20.0), server.join(lease=20.0), budget(100)
    for store in (here, there):
        await taken(store, offer("east", 10, daily))
    await taken(here, offer("east", 30, daily))
    await anyio.sleep(5)
    assert there.budget(daily).used == 20
    assert there.budget(daily).age == pytest.approx(5, abs=0.1)
    assert there.state("east").age == pytest.approx(5, abs=0.1)
    await there.tend()
    assert (there.budget(daily).used, there.budget(daily).age) == (50, 0)


async def test_what_was_told_of_a_window_that_has_turned_counts_no_more(server: Server) -> None:
    store, hourly = server.join(), budget(100, Calendar.HOUR)
    await taken(store, offer("east", 10, hourly))
    assert store.budget(hourly).used == 10
    await anyio.sleep(HOUR + 1)
    assert store.budget(hourly) == BudgetState()


async def test_a_fleet_that_was_idle_until_its_state_expired_has_spent_what_it_had_spent(server: Server) -> None:
    daily = budget(100, Calendar.MONTH)
    held = await taken(server.join(), offer("east", 60, daily))
    server.client.delete(server.key("meta"))
    server.shared.clear()

    store = server.join()
    now = await state(store, daily)
    assert (now.used, now.reserved) == (60, 0)
    await full(store, offer("east", 50, daily))
    await store.settle(held, cost(0))
    assert (await state(store, daily)).used == 60, "nobody knows what was held"


async def test_after_a_flush_the_most_that_anybody_saw_of_a_budget_counts(server: Server) -> None:
    here, there, daily = server.join(), server.join(), budget(100)
    anna = budget(50, name="each:anna", personal=True)
    await taken(here, offer("east", 10, daily))
    held = await taken(there, offer("east", 40, daily, anna))
    await taken(here, offer("east", 5, daily))
    server.client.flushall()

    await taken(here, offer("east", 1, daily))
    assert (await state(here, daily)).used == 56
    await there.tend()
    now = await state(there, daily)
    assert (now.used, now.reserved) == (56, 56)
    assert (await state(there, anna)).used == 40
    await there.settle(held, cost(30))
    assert (await state(here, daily)).used == 46
    assert (await state(here, anna)).used == 30


async def test_after_a_flush_what_two_have_seen_of_one_spend_counts_once_beside_what_is_spent_since(
    server: Server,
) -> None:
    here, there, daily = server.join(), server.join(), budget(100)
    await taken(here, offer("east", 10, daily))
    await taken(there, offer("east", 40, daily))
    server.client.flushall()
    await taken(here, offer("east", 1, daily))
    await there.tend()
    assert (await state(there, daily)).used == 51


async def test_what_has_left_a_rolling_window_does_not_come_back_with_a_flush(server: Server) -> None:
    store, rolling = server.join(), budget(100, 600)
    await taken(store, offer("east", 90, rolling))
    await anyio.sleep(1300)
    server.client.flushall()
    await taken(store, offer("east", 100, rolling))


async def test_what_others_had_spent_is_not_forgotten_with_their_minute() -> None:
    store, daily = MemoryStore(wall=_clock.now), budget(100)
    await taken(store, offer("east", 5, daily))
    store.split(Portion(0, 2), {daily.key: 30})
    store.forget_others()
    await taken(store, offer("east", 15, daily))
    await full(store, offer("east", 1, daily))
    store.split(WHOLE)
    await taken(store, offer("east", 80, daily))


async def test_what_was_seen_in_a_window_that_has_turned_is_not_told_after_a_flush(server: Server) -> None:
    store, hourly = server.join(), budget(100, Calendar.HOUR)
    await taken(store, offer("east", 90, hourly))
    await anyio.sleep(HOUR + 1)
    server.client.flushall()
    await taken(store, offer("east", 100, hourly))


async def test_what_was_spent_elsewhere_is_added_once_however_often_it_is_told(server: Server) -> None:
    store, daily = server.join(), budget(100)
    await anyio.sleep(HOUR)
    await taken(store, offer("east", 10, daily))
    over = Booked("p1:a1", offer("east", 20, daily), age=400.0, held=False)
    running = Booked("p1:a2", offer("east", 30, daily), age=1.0, held=True)
    for _ in range(3):
        await store.join([over, running])
    now = await state(store, daily)
    assert (now.used, now.reserved) == (60, 40)
    await store.settle(Reservation("p1:a2", 0, running.offer), cost(25))
    assert (await state(store, daily)).used == 55


@pytest.mark.parametrize("spent", [0, 7, 12])
async def test_what_ended_after_a_server_that_could_not_answer_was_told_of_it_counts_as_it_ended(
    server: Server, spent: int
) -> None:
    daily, minutely, slot = budget(100), rate("minutely", 5), Quota("slots", Unit.CONCURRENT, 1)
    claims = (Claim(minutely, 1), Claim(slot, 1))
    drawn = replace(offer("east", 10, daily), claims=claims)
    unanswered = True

    async def unanswering(step: str, asked: str) -> dict[str, Any]:
        answer = server.call(step, asked)
        if step == "join" and unanswered:
            raise LostError("connection reset")
        return answer

    store = Shared(unanswering, process="p1", clock=_clock.now, lease=1e9)
    await anyio.sleep(HOUR)
    await store.look([drawn])
    with pytest.raises(LostError):
        await store.join([Booked("p1:a1", drawn, age=1.0, held=True)])
    sight = await store.look([drawn], [daily])
    assert (sight.deployments["east"].in_flight, sight.budgets[daily.key].used) == (1, 10)
    unanswered = False
    ended = replace(drawn, claims=claims if spent else (), ours=(Claim(daily, spent),) if spent else ())
    await store.join([Booked("p1:a1", ended, age=2.0, held=False)])
    sight = await store.look([drawn], [daily])
    east = sight.deployments["east"]
    assert (east.in_flight, east.quotas["slots"].used, east.quotas["minutely"].used) == (0, 0, 1 if spent else 0)
    assert (sight.budgets[daily.key].used, sight.budgets[daily.key].reserved) == (spent, 0)
