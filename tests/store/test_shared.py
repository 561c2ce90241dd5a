"""What several processes promise each other who share one server, and what is left on it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import anyio
import pytest
import redis

from pixelrelay import _clock
from pixelrelay.quotas import Claim, Quota, SeenLimit, Shape, Unit
from pixelrelay.store.base import Full, Offer, Probation, Report, Reservation, Ticket, Verdict
from pixelrelay.store.granted import Booked
from pixelrelay.store.health import HealthPolicy
from pixelrelay.store.mirror import FRESH, TOLD
from pixelrelay.store.shared import LostError, MovedError, Shared
from tests.store.direct import Server

pytestmark = pytest.mark.anyio

WELL, ILL = Report(Verdict.WELL), Report(Verdict.ILL)
LEASE = 20.0


def rate(key: str, limit: int, **spec: object) -> Quota:
    return Quota(key, Unit.REQUESTS, limit, **{"guard": 0.0, **spec})  # type: ignore[arg-type]


def slots(key: str, limit: int) -> Quota:
    return Quota(key, Unit.CONCURRENT, limit)


def offer(name: str, *quotas: Quota, amount: int = 1, expected: float = 0.0) -> Offer:
    return Offer(name, tuple(Claim(quota, amount) for quota in quotas), expected)


async def taken(store: Shared, *offers: Offer) -> Reservation:
    got = await store.reserve(offers)
    assert isinstance(got, Reservation), got
    return got


async def ticket(store: Shared, *offers: Offer, priority: int = 0) -> Ticket:
    got = await store.reserve(offers, patience=10_000, priority=priority)
    assert isinstance(got, Ticket), got
    return got


async def used(store: Shared, wanted: Offer) -> int:
    (quota,) = (await store.look([wanted])).deployments[wanted.deployment].quotas.values()
    return quota.used


async def used_of(store: Shared, wanted: Offer, key: str) -> int:
    return (await store.look([wanted])).deployments[wanted.deployment].quotas[key].used


async def tend_until(stores: Sequence[Shared], moment: float) -> None:
    """As processes do that are alive, whatever else they have to do."""
    while _clock.now() < moment:
        await anyio.sleep(min(LEASE / 4, moment - _clock.now()))
        for store in stores:
            await store.tend()


# --- one line for all ----------------------------------------------------------------------------------------------


async def test_those_who_wait_are_served_in_the_order_in_which_the_server_heard_of_them(server: Server) -> None:
    only, served = offer("east", rate("east", 1)), list[str]()
    stores = [server.join() for _ in range(3)]
    await taken(stores[0], only)
    async with anyio.create_task_group() as tasks:

        async def wait(name: str, store: Shared, place: Ticket) -> None:
            assert isinstance(await store.wait(place), Reservation)
            served.append(name)

        for number, priority in enumerate((0, 0, 0, 1, 0, 1)):
            store = stores[number % 3]
            tasks.start_soon(wait, f"{number}", store, await ticket(store, only, priority=priority))
    assert served == ["3", "5", "0", "1", "2", "4"]


async def test_what_one_process_gives_back_serves_one_who_waits_in_another_at_once(server: Server) -> None:
    here, there, only = server.join(), server.join(), offer("east", slots("east", 1), expected=100.0)
    held = await taken(here, only)
    place, began = await ticket(there, only), _clock.now()
    async with anyio.create_task_group() as tasks:

        async def finish() -> None:
            await anyio.sleep(3)
            await here.settle(held, WELL)

        tasks.start_soon(finish)
        got = await there.wait(place)
    assert isinstance(got, Reservation)
    assert _clock.now() - began == pytest.approx(3, abs=0.01)
    assert (await used(there, only), there.waiting) == (1, 0)


async def test_one_process_keeps_the_time_for_all_and_asks_no_more_than_once_a_second(server: Server) -> None:
    stores, only = [server.join() for _ in range(3)], offer("east", rate("east", 3))
    for _ in range(3):
        await taken(stores[0], only)
    async with anyio.create_task_group() as tasks:
        for store in stores:
            for _ in range(4):
                tasks.start_soon(store.wait, await ticket(store, only))
        server.steps.clear()
    assert server.steps.keys() == {"tend"}
    assert server.steps["tend"] <= 4 * 60 + 12


async def test_a_place_that_is_left_in_one_process_is_used_in_another(server: Server) -> None:
    here, there, only = server.join(), server.join(), offer("east", rate("east", 1))
    await taken(here, only)
    first, second = await ticket(here, only), await ticket(there, only)
    assert second.seconds == pytest.approx(120, abs=0.01)
    began = _clock.now()
    async with anyio.create_task_group() as tasks:

        async def leave() -> None:
            with anyio.move_on_after(20):
                await here.wait(first)

        tasks.start_soon(leave)
        assert isinstance(await there.wait(second), Reservation)
    assert _clock.now() - began == pytest.approx(60, abs=0.1)


async def test_a_grant_that_comes_while_its_caller_leaves_is_given_back(server: Server) -> None:
    here, there, only = server.join(), server.join(), offer("east", slots("east", 1))
    held = await taken(here, only)
    place, got = await ticket(there, only), list[Reservation | Full]()
    async with anyio.create_task_group() as tasks:

        async def wait() -> None:
            got.append(await there.wait(place))

        tasks.start_soon(wait)
        await anyio.sleep(1)
        await here.settle(held, WELL)  # it is granted, and nobody has woken up yet
        tasks.cancel_scope.cancel()
    assert await used(here, only) == len(got), "whoever did not leave has it; Trio lets him stay"


async def test_a_ticket_that_is_cancelled_is_no_place_any_more(server: Server) -> None:
    here, there, only = server.join(), server.join(), offer("east", slots("east", 1), expected=50.0)
    held = await taken(here, only)
    place = await ticket(here, only)
    behind = await ticket(there, only)
    await here.cancel(place)
    await here.settle(held, WELL)
    assert isinstance(await there.wait(behind), Reservation)


# --- what is known of the others -----------------------------------------------------------------------------------


async def test_a_probe_is_one_for_all_processes(server: Server) -> None:
    policy = HealthPolicy(cooldown=10)
    here, there = (server.join(health=policy, rng=Random(1)) for _ in range(2))
    only, spare = offer("east"), offer("west")
    for _ in range(3):
        await here.settle(await taken(here, only), ILL)
    assert (await taken(there, only, spare)).offer is spare
    assert there.state("east").probation is Probation.COOLING
    await anyio.sleep(13)
    assert there.state("east").probation is Probation.PROBING
    assert (await taken(there, only, spare)).probe
    assert (await taken(here, only, spare)).offer is spare


async def test_the_reply_to_a_reserve_tells_what_others_have_done_to_every_deployment_in_it(server: Server) -> None:
    here, there = server.join(), server.join()
    east, west = offer("east", rate("east", 5)), offer("west", rate("west", 5))
    held = await taken(here, east)
    await here.settle(held, Report(Verdict.SILENT, cooldown=24, rejected=frozenset(), seen_limits=(_limit(3),)))
    await taken(here, west)
    await taken(there, east, west)
    state = there.state("east")
    assert state.in_flight == 0
    assert state.cooling == pytest.approx(24, abs=0.01)
    assert (state.quotas["east"].limit, state.quotas["east"].learned, state.quotas["east"].stated) == (5, 3, 3)
    assert there.state("west").in_flight == 2
    assert there.utilisation("west") == pytest.approx(0.4)
    assert there.used("west") == 2
    await anyio.sleep(20)
    assert there.state("east").cooling == pytest.approx(4, abs=0.01)


def _limit(number: int) -> SeenLimit:
    return SeenLimit(Unit.REQUESTS, number)


async def test_every_process_knows_its_place_among_those_alive(server: Server) -> None:
    names = ["b", "c", "a"]
    stores = {name: server.join(name, lease=LEASE) for name in names}
    for store in stores.values():
        await store.join()
    for store in stores.values():
        await store.tend()
    assert [stores[name].processes for name in "abc"] == [(0, 3), (1, 3), (2, 3)]
    await stores["b"].leave()
    await stores["c"].tend()
    assert stores["c"].processes == (1, 2)
    assert set((await stores["a"].look([])).processes) == {"a", "c"}


async def test_to_look_changes_nothing(server: Server) -> None:
    store, only = server.join(), offer("east", rate("east", 5))
    sight = await store.look([only])
    assert sight.deployments["east"].quotas["east"].used == 0
    assert sight.processes == ()
    assert server.all_keys() == []


# --- leases --------------------------------------------------------------------------------------------------------


async def test_what_a_silent_process_held_is_free_after_its_lease_and_not_before(server: Server) -> None:
    dead, alive = server.join(lease=LEASE), server.join(lease=LEASE)
    quota, requests = slots("slots", 2), rate("requests", 10)
    only = offer("east", quota, requests, expected=500.0)
    await taken(dead, only)
    await taken(dead, only)
    await ticket(dead, only)
    server.kill(dead)
    began = _clock.now()
    place = await ticket(alive, only)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tend_until, [alive], began + 2 * LEASE)
        got = await alive.wait(place)
        assert isinstance(got, Reservation), "the dead one's place is free as well"
        assert LEASE <= _clock.now() - began <= LEASE * 1.25 + 1
    state = (await alive.look([only])).deployments["east"]
    assert state.in_flight == 1
    assert (state.quotas["slots"].used, state.quotas["requests"].used) == (1, 3), "what was sent was sent"
    assert alive.processes[1] == 1


async def test_a_process_that_tends_keeps_what_it_holds(server: Server) -> None:
    busy, other = server.join(lease=LEASE), server.join(lease=LEASE)
    only = offer("east", slots("east", 1), expected=500.0)
    await taken(busy, only)
    await tend_until([busy], _clock.now() + 10 * LEASE)
    assert isinstance(await other.reserve([only]), Full)


async def test_the_probe_of_a_dead_process_is_another_s(server: Server) -> None:
    policy = HealthPolicy(cooldown=5, longest=5)
    dead, alive = server.join(lease=LEASE, health=policy), server.join(lease=LEASE, health=policy)
    only = offer("east")
    for _ in range(3):
        await dead.settle(await taken(dead, only), ILL)
    await anyio.sleep(7)
    assert (await taken(dead, only)).probe
    server.kill(dead)
    assert isinstance(await alive.reserve([only]), Full)
    await tend_until([alive], _clock.now() + LEASE * 1.3)
    assert (await taken(alive, only)).probe


async def test_the_watch_passes_on_when_the_first_in_the_line_dies(server: Server) -> None:
    dead, alive, only = server.join(lease=LEASE), server.join(lease=LEASE), offer("east", rate("east", 1))
    await taken(alive, only)
    await ticket(dead, only)
    server.kill(dead)
    place, began = await ticket(alive, only), _clock.now()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tend_until, [alive], began + 70)
        assert isinstance(await alive.wait(place), Reservation)
        assert _clock.now() - began == pytest.approx(60, abs=0.1)


async def test_leaving_frees_everything_at_once(server: Server) -> None:
    here, there, only = server.join(), server.join(), offer("east", slots("east", 1), rate("rate", 5))
    await taken(here, only)
    await ticket(here, only)
    await here.leave()
    assert (await taken(there, only)).offer is only
    assert (await there.look([only])).deployments["east"].quotas["rate"].used == 2
    assert (await there.look([])).processes == (there._process,)


async def test_a_process_whose_lease_has_ended_takes_back_what_it_still_holds(server: Server) -> None:
    slow, other = server.join(lease=LEASE), server.join(lease=LEASE)
    only = offer("east", slots("slots", 3), rate("rate", 5), expected=500.0)
    held = await taken(slow, only)
    await anyio.sleep(LEASE + 1)
    await other.tend()
    assert (await other.look([only])).deployments["east"].in_flight == 0
    again = await taken(slow, only)
    state = (await other.look([only])).deployments["east"]
    assert (state.in_flight, state.quotas["slots"].used, state.quotas["rate"].used) == (2, 2, 2)
    await slow.settle(held, Report(Verdict.WELL, used={Unit.REQUESTS: 0}))
    state = (await other.look([only])).deployments["east"]
    assert (state.in_flight, state.quotas["slots"].used, state.quotas["rate"].used) == (1, 1, 1)
    await slow.settle(again, WELL)
    assert (await other.look([only])).deployments["east"].in_flight == 0


async def test_a_process_that_held_many_is_freed_in_parts(server: Server) -> None:
    dead, alive, only = server.join(lease=LEASE), server.join(lease=LEASE), offer("east", slots("east", 1000))
    for _ in range(300):
        await taken(dead, only)
    server.kill(dead)
    await anyio.sleep(LEASE + 1)
    left = []
    for _ in range(4):
        await alive.tend()
        left.append(await used(alive, only))
    assert left == [172, 44, 0, 0]


# --- what is looked at, and told -----------------------------------------------------------------------------------


def listening(server: Server) -> tuple[Shared, list[dict[str, Any]]]:
    """A process, and the answers that it gets."""
    answers = list[dict[str, Any]]()

    async def call(step: str, asked: str) -> dict[str, Any]:
        answers.append(server.call(step, asked))
        return answers[-1]

    return Shared(call, process="listening", clock=_clock.now, lease=1e9), answers


async def test_the_best_candidates_are_asked_after_only_when_they_were_not_told_of_for_a_while(server: Server) -> None:
    store, answers = listening(server)
    twenty = [offer(f"d{number}", rate(f"d{number}", 9)) for number in range(20)]
    told = []
    for seconds in (0, 0, FRESH / 2, FRESH):
        await anyio.sleep(seconds)
        await taken(store, *twenty)
        told.append(answers[-1]["told"])
    best = list(range(TOLD))
    assert told == [best, [0], [0], best]


async def test_what_others_take_is_known_a_moment_later(server: Server) -> None:
    here, there = server.join(), server.join()
    east, west = offer("east", rate("east", 9)), offer("west", rate("west", 9))
    await taken(here, east, west)
    await taken(there, west)
    await taken(here, east, west)
    assert here.in_flight("west") == 0
    await anyio.sleep(FRESH)
    await taken(here, east, west)
    assert here.in_flight("west") == 1


async def test_all_that_had_no_room_are_told_of_at_once(server: Server) -> None:
    store, answers = listening(server)
    other, full, last = server.join(), [offer(f"d{number}", rate(f"d{number}", 1)) for number in range(20)], offer("z")
    await taken(store, last)
    for each in full:
        await taken(other, each)
    held = await taken(store, *full, last, offer("never looked at"))
    assert (held.index, answers[-1]["told"]) == (20, list(range(21)))
    assert {store.utilisation(each.deployment) for each in full} == {1.0}


async def test_a_new_configuration_is_counted_by_as_soon_as_it_is_looked_at(server: Server) -> None:
    store, other = server.join(), server.join()
    east, west, wider = offer("east", rate("east", 1)), offer("west", rate("west", 1)), offer("west", rate("west", 2))
    await taken(other, west)
    assert (await taken(store, east, wider)).index == 0
    assert isinstance(await other.reserve([west]), Full)
    assert (await taken(store, east, wider)).index == 1


@pytest.mark.slow
async def test_what_is_given_back_costs_the_server_no_more_in_a_long_line_than_in_a_short_one(
    redis_client: redis.Redis,
) -> None:
    client: Any = redis_client
    crowd = [offer(f"d{number}", rate(f"d{number}", 30), slots(f"s{number}", 9), expected=9) for number in range(6)]

    async def cost(waiting: int) -> float:
        """Microseconds of the server's that it takes at the least, with so many in the line."""
        client.flushall()
        store, costs = Server(redis_client).join(), []
        held = [await taken(store, *crowd) for _ in range(6 * 9)]
        for _ in range(waiting):
            await ticket(store, *crowd)
        for each in held[:20]:
            client.config_resetstat()
            await store.cancel(each)
            costs.append(client.info("commandstats")["cmdstat_evalsha"]["usec"])
        assert store.waiting == waiting
        return float(min(costs))

    assert await cost(600) < 3 * await cost(30)


# --- answers that come late, or twice ------------------------------------------------------------------------------


async def test_a_reserve_that_is_carried_out_too_late_takes_nothing(server: Server) -> None:
    late = 0.0

    async def slow(step: str, asked: str) -> dict[str, Any]:
        if step == "reserve":
            first, offers = asked.split("\n", 1)
            what = json.loads(first)
            asked = json.dumps({**what, "now": what["now"] + late}) + "\n" + offers
        return server.call(step, asked)

    store = Shared(slow, process="slow", clock=_clock.now, timeout=0.25)
    only = offer("east", rate("east", 5))
    await taken(store, only)
    late = 0.3
    with pytest.raises(LostError):
        await store.reserve([only])
    assert await used(store, only) == 1
    late = 0.2
    await anyio.sleep(1)
    await taken(store, only)


async def test_nor_is_a_process_heard_that_has_given_up_telling_what_it_holds(server: Server) -> None:
    late = 0.0

    async def slow(step: str, asked: str) -> dict[str, Any]:
        what = json.loads(asked)
        return server.call(step, json.dumps({**what, "now": what["now"] + (late if step == "join" else 0.0)}))

    store = Shared(slow, process="slow", clock=_clock.now, timeout=0.25)
    only = offer("east", rate("east", 5))
    await store.look([only])
    await store.tend()
    late = 0.3
    elsewhere = [Booked("slow:a1", only, age=0.0, held=True)]
    with pytest.raises(LostError, match="late"):
        await store.join(elsewhere)
    assert await used(store, only) == 0
    late = 0.2
    await anyio.sleep(1)
    await store.join(elsewhere)
    assert await used(store, only) == 1


async def test_the_same_step_twice_changes_nothing_and_answers_the_same(server: Server) -> None:
    async def twice(step: str, asked: str) -> dict[str, Any]:
        first, second = server.call(step, asked), server.call(step, asked)
        answers = (
            {name: reply.get(name) for name in ("take", "probe", "ticket", "states")} for reply in (first, second)
        )
        assert len({json.dumps(answer) for answer in answers}) == 1
        return first

    store = Shared(twice, process="twice", clock=_clock.now, lease=1e9)
    only = offer("east", slots("slots", 1), Quota("images", Unit.IMAGES, 9), amount=1)
    held = await taken(store, only)
    place = await store.reserve([only], patience=100)
    assert isinstance(place, Ticket)
    await store.settle(held, Report(Verdict.WELL, used={Unit.IMAGES: 0}))
    state = (await store.look([only])).deployments["east"]
    assert (state.in_flight, state.quotas["slots"].used, state.quotas["images"].used) == (1, 1, 1)
    await store.cancel(place)
    state = (await store.look([only])).deployments["east"]
    assert (state.in_flight, state.quotas["slots"].used, state.quotas["images"].used) == (0, 0, 0)


async def test_what_was_granted_in_an_answer_that_nobody_got_is_given_back(server: Server) -> None:
    deaf = False

    async def lossy(step: str, asked: str) -> dict[str, Any]:
        reply = server.call(step, asked)
        if deaf:
            raise LostError("no answer")
        return reply

    store = Shared(lossy, process="deaf", clock=_clock.now, lease=1e9)
    only = offer("east", rate("east", 5))
    await taken(store, only)
    deaf = True
    for patience in (0, 100):
        with pytest.raises(LostError):
            await store.reserve([only], patience=patience)
    deaf = False
    await anyio.sleep(1)
    await store.tend()
    assert await used(store, only) == 1
    assert store._doubtful == {}


async def test_a_message_that_is_lost_is_made_up_for_by_the_next_tend(server: Server) -> None:
    here, there, only = server.join(), server.join(), offer("east", slots("east", 1), expected=100.0)
    held = await taken(here, only)
    place = await ticket(there, only)
    server.shared.pop(there._process)
    await here.settle(held, WELL)
    server.client.delete(server.key("in", there._process))
    server.shared[there._process] = there
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(there.tend)
        assert isinstance(await there.wait(place), Reservation)


# --- a server that has forgotten -----------------------------------------------------------------------------------


async def test_after_a_flush_what_was_used_and_what_is_held_counts_again(server: Server) -> None:
    stores = [server.join(lease=LEASE) for _ in range(2)]
    only = offer("east", rate("rate", 10), slots("slots", 10), expected=100.0)
    held, began = [await taken(store, only) for store in stores for _ in range(2)], _clock.now()
    await stores[0].settle(held[0], WELL)
    await tend_until(stores, began + 10)
    server.client.flushall()
    for store in stores:
        await store.tend()
    state = (await stores[0].look([only])).deployments["east"]
    assert (state.in_flight, state.quotas["rate"].used) == (3, 4)
    await tend_until(stores, began + 59)
    assert await used_of(stores[0], only, "rate") == 4
    assert await used_of(stores[0], only, "slots") == 3
    await tend_until(stores, began + 61)
    assert await used_of(stores[0], only, "rate") == 0
    for number in (1, 2, 3):
        await stores[number // 2].settle(held[number], WELL)
    assert (await stores[0].look([only])).deployments["east"].in_flight == 0


@pytest.mark.parametrize("shape", Shape)
async def test_a_flush_under_load_lets_nobody_through_who_would_not_have_been(server: Server, shape: Shape) -> None:
    """Whoever comes first after it tells of what he has seen all others use, until they have told of it themselves."""
    quota = Quota("images", Unit.IMAGES, 12, shape)
    only, stores = offer("east", quota), [server.join() for _ in range(3)]
    granted = list[float]()

    async def ask(store: Shared) -> None:
        if isinstance(await store.reserve([only]), Reservation):
            granted.append(_clock.now())

    rng, flushes = Random(3), (17.2, 65.2, 95.2)
    began, flushed = _clock.now(), 0
    for number in range(450):
        await _clock.sleep_until(began + number * 0.4)
        if any(abs(_clock.now() - began - flush) < 1e-3 for flush in flushes):
            for store in stores:  # all have seen lately how much is used
                await store.reserve([only])
            server.client.flushall()
            flushed += 1
        await ask(rng.choice(stores))
    assert flushed == len(flushes)
    for first in granted:
        span = [at for at in granted if first <= at < first + 60]
        assert len(span) <= 12 or shape is Shape.FIXED
    minutes = [int(at // 60) for at in granted]
    assert all(minutes.count(minute) <= 12 for minute in minutes)


async def test_slots_that_others_hold_are_held_after_a_flush_until_they_tell_or_are_known_to_be_dead(
    server: Server,
) -> None:
    here, there, dead = (server.join(lease=LEASE) for _ in range(3))
    only = offer("east", slots("east", 4), expected=500.0)
    for store in (here, there, dead, dead):
        await taken(store, only)
    await here.tend()
    assert isinstance(await here.reserve([only]), Full)
    server.client.flushall()
    server.kill(dead)
    assert isinstance(await here.reserve([only]), Full)
    await there.tend()
    assert isinstance(await there.reserve([only]), Full)
    await tend_until([here, there], _clock.now() + LEASE)
    await taken(here, only)
    await taken(there, only)
    assert isinstance(await here.reserve([only]), Full)


async def test_whoever_waits_when_the_server_forgets_has_to_ask_again(server: Server) -> None:
    here, there, only = server.join(), server.join(), offer("east", rate("east", 1))
    await taken(here, only)
    place = await ticket(there, only)
    async with anyio.create_task_group() as tasks:
        moved = list[bool]()

        async def wait() -> None:
            with pytest.raises(MovedError):
                await there.wait(place)
            moved.append(True)

        tasks.start_soon(wait)
        await anyio.sleep(0.5)
        server.client.flushall()
    assert moved == [True]
    assert there.waiting == 0
    with pytest.raises(MovedError):
        await there.wait(place)


async def test_to_join_twice_counts_nothing_twice(server: Server) -> None:
    store = server.join()
    rolling, fixed = (
        offer("east", rate("east", 9), slots("slots", 9)),
        offer("west", rate("west", 9, shape=Shape.FIXED)),
    )
    held = [await taken(store, each) for each in (rolling, fixed)]
    server.client.flushall()
    elsewhere = [
        Booked("elsewhere:1", rolling, 5.0, held=False),
        Booked(f"{store._process}:a2", rolling, 5.0, held=True),
        Booked(f"{store._process}:a3", fixed, 0.0, held=False),
    ]
    for _ in range(3):
        await store.join(elsewhere)
    sight = await store.look([rolling, fixed])
    east, west = sight.deployments["east"], sight.deployments["west"]
    assert (east.in_flight, east.quotas["east"].used, east.quotas["slots"].used) == (2, 3, 2)
    assert (west.in_flight, west.quotas["west"].used) == (1, 2)
    await store.settle(Reservation(f"{store._process}:a2", 0, rolling), Report(Verdict.WELL, used={Unit.REQUESTS: 0}))
    for each in held:
        await store.settle(each, WELL)
    east = (await store.look([rolling])).deployments["east"]
    assert (east.in_flight, east.quotas["east"].used, east.quotas["slots"].used) == (0, 2, 0)


async def test_nor_does_a_server_that_hears_the_same_twice(server: Server) -> None:
    async def twice(step: str, asked: str) -> dict[str, Any]:
        if step == "join":
            server.call(step, asked)
        return server.call(step, asked)

    store = Shared(twice, process="twice", clock=_clock.now, lease=1e9)
    wanted = [offer("east", rate("east", 9), slots("slots", 9)), offer("west", rate("west", 9, shape=Shape.FIXED))]
    for each in wanted:
        await store.settle(await taken(store, each), WELL)
        await taken(store, each)
    server.client.flushall()
    await store.join([Booked("elsewhere:1", each, 0.0, held=False) for each in wanted[:1]])
    sight = await store.look(wanted)
    east, west = sight.deployments["east"], sight.deployments["west"]
    assert (east.in_flight, east.quotas["east"].used, east.quotas["slots"].used) == (1, 3, 1)
    assert (west.in_flight, west.quotas["west"].used) == (1, 2)


async def test_many_bookings_are_told_in_several_calls(server: Server) -> None:
    store, only = server.join(), offer("east", rate("east", 10_000))
    for _ in range(700):
        await taken(store, only)
    server.client.flushall()
    server.steps.clear()
    await store.tend()
    assert server.steps["join"] == 3
    assert await used(store, only) == 700


async def test_everybody_is_woken_who_waits_for_a_store_that_is_given_up(server: Server) -> None:
    store, only = server.join(), offer("east", rate("east", 1))
    await taken(store, only)
    places = [await ticket(store, only) for _ in range(3)]
    async with anyio.create_task_group() as tasks:

        async def wait(place: Ticket) -> None:
            with pytest.raises(MovedError):
                await store.wait(place)

        for place in places:
            tasks.start_soon(wait, place)
        await anyio.sleep(0.5)
        store.abandon()
    await anyio.sleep(1)
    await store.tend()
    assert server.client.exists(server.key("line")) == 0


async def test_time_goes_on_from_where_it_was_when_the_server_s_clock_is_set_back(server: Server) -> None:
    ahead = 1000.0
    store = server.join(clock=lambda: _clock.now() + ahead)
    only = offer("east", rate("east", 1))
    await taken(store, only)
    await anyio.sleep(20)
    await store.tend()
    ahead = 0.0
    full = await store.reserve([only])
    assert isinstance(full, Full)
    assert full.seconds == pytest.approx(40, abs=0.01), "neither frozen until the clock has caught up, nor open again"
    await anyio.sleep(40)
    await taken(store, only)


# --- what is left on the server ------------------------------------------------------------------------------------


async def a_random_history(server: Server, seconds: float, seed: int) -> None:
    rng, stores = Random(seed), [server.join(lease=LEASE) for _ in range(3)]
    offers = [
        offer("east", rate("east/requests", 6), slots("east/slots", 3), expected=5.0),
        offer("west", Quota("pool:p/images", Unit.IMAGES, 9, Shape.SLICED), amount=2),
        offer("south", rate("south/requests", 3, shape=Shape.FIXED)),
        offer("north", Quota("pool:p/images", Unit.IMAGES, 9, Shape.SLICED)),
    ]

    async def request() -> None:
        store = rng.choice(stores)
        with anyio.move_on_after(rng.uniform(1, 60)):
            got = await store.reserve(
                rng.sample(offers, k=rng.randint(1, 4)), patience=rng.choice((0, 30, 300)), priority=rng.randint(0, 1)
            )
            if isinstance(got, Ticket):
                got = await store.wait(got)
            if isinstance(got, Reservation):
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(rng.uniform(0, 8))
                    verdict = rng.choice((Verdict.WELL, Verdict.WELL, Verdict.ILL, Verdict.SILENT))
                    rejected = rng.choice((None, None, None, frozenset[Unit]()))
                    await store.settle(got, Report(verdict, cooldown=rng.choice((0, 0, 3.0)), rejected=rejected))

    async with anyio.create_task_group() as tasks:
        began = _clock.now()
        tasks.start_soon(tend_until, stores, began + seconds + 90)
        while _clock.now() < began + seconds:
            tasks.start_soon(request)
            await anyio.sleep(rng.expovariate(1.0))


async def test_whatever_has_been_every_key_goes_away_by_itself(server: Server) -> None:
    await a_random_history(server, 120, seed=5)
    keys = server.all_keys()
    assert len(keys) > 10
    lives = {key: server.client.ttl(key) for key in keys}
    assert all(0 < seconds <= 86_400 for seconds in lives.values()), lives
    logs = [seconds for key, seconds in lives.items() if ":l:" in key]
    assert logs
    assert max(logs) <= 181


KEPT_WORDS = """
    meta procs line aims plan planned tag spec count odd sum first last at amount number version cooling slots seen
    clean step factor needed stepped plans odd minutes forgotten phantom restored ends in flight outcomes relapses told
    ill probe epoch base begun reap members upset looked foreseen waiting due alarm watch contested granted take true
    false dropped full moved null requests images concurrent megapixels rolling sliced paced fixed
    east west north south pool test written
"""


def words_kept(server: Server) -> set[str]:
    """Every word of three letters or more in any key or value."""
    client: Any = server.client
    readers: dict[bytes, Callable[[str], object]] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
    }
    kept = [(key, readers[client.type(key)](key)) for key in server.all_keys()]
    return set(re.findall(r"[A-Za-z]{3,}", str(kept)))


async def test_what_is_kept_names_quotas_deployments_and_processes_and_nothing_else(server: Server) -> None:
    kept = set[str]()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(a_random_history, server, 60, 6)
        for _ in range(30):
            await anyio.sleep(2)
            kept |= words_kept(server)
    assert kept <= set(KEPT_WORDS.split()), kept - set(KEPT_WORDS.split())


async def test_nothing_is_held_and_nobody_waits_when_all_is_over(server: Server) -> None:
    await a_random_history(server, 120, seed=7)
    left = {key.split(":")[2] for key in server.all_keys()}
    assert left <= {"meta", "procs", "q", "d", "l", "p", "t", "planned"}, (
        "no line, no waiters, nothing held, no messages"
    )


async def test_the_state_is_bounded_after_thousands_of_reservations(redis_client: redis.Redis) -> None:
    redis_client.flushall()
    server = Server(redis_client)
    store = server.join()
    offers = [offer(f"d{n}", rate(f"d{n}/requests", 100), slots(f"d{n}/slots", 50), expected=1.0) for n in range(3)]
    sizes = []
    for number in range(4_000):  # sixteen minutes
        await store.settle(await taken(store, offers[number % 3]), WELL)
        await anyio.sleep(0.25)
        if number % 800 == 799:
            sizes.append((len(server.all_keys()), server.client.zcard(server.key("l", "d0/requests"))))
    assert sizes == [sizes[0]] * 5
    assert sizes[0][1] <= 100
