"""The shared store on a real server: counted together while it answers, and done without while it does not."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio

from pixelrelay.quotas import Calendar, Claim, Quota, Unit
from pixelrelay.store.address import parse
from pixelrelay.store.base import (
    Asked,
    Full,
    Mode,
    ModeChange,
    Notice,
    Offer,
    Report,
    Reservation,
    StoreLostError,
    Ticket,
    Verdict,
)
from pixelrelay.store.link import Link
from pixelrelay.store.redis import RedisStore
from pixelrelay.store.shared import LostError
from pixelrelay.store.stock import HELD
from tests.servers import RedisServer, redis_server

WELL = Report(Verdict.WELL)
TIMEOUT = 0.25
BUSY_MACHINE = 1.0
"""Seconds by which a loop on a busy machine may be late."""
SOON = 10.0
"""Seconds within which something must have happened that takes a second at most."""

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


def a_minute(limit: int, deployment: str = "east") -> Offer:
    return Offer(deployment, (Claim(Quota(f"{deployment}/requests", Unit.REQUESTS, limit), 1),), expected=1.0)


def at_a_time(limit: int) -> Offer:
    return Offer("bfl", (Claim(Quota("bfl/concurrent", Unit.CONCURRENT, limit), 1),), expected=1.0)


@dataclass
class Fleet:
    """Some stores that share a server, and what they tell."""

    server: RedisServer
    stores: list[RedisStore] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def process(self, url: str | None = None, **options: object) -> RedisStore:
        store = RedisStore(url or self.server.url, timeout=TIMEOUT, **options)  # type: ignore[arg-type]  # as given
        store.listen(self.notices.append)
        self.stores.append(store)
        return store

    @property
    def modes(self) -> list[Mode]:
        return [notice.mode for notice in self.notices if isinstance(notice, ModeChange)]

    @property
    def errors(self) -> set[str]:
        return {notice.error for notice in self.notices if isinstance(notice, Asked) and notice.error}


@asynccontextmanager
async def fleet_of(server: RedisServer) -> AsyncIterator[Fleet]:
    fleet = Fleet(server)
    try:
        yield fleet
    finally:
        server.resume()
        for store in fleet.stores:
            await store.aclose()


async def take(store: RedisStore, offer: Offer) -> Reservation | None:
    got = await store.reserve([offer])
    return got if isinstance(got, Reservation) else None


async def taken(store: RedisStore, offer: Offer, tries: int) -> list[Reservation]:
    got = [await take(store, offer) for _ in range(tries)]
    return [each for each in got if each is not None]


async def until(come_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON):
        while not come_true():  # noqa: ASYNC110 - what a server does sets no event here
            await asyncio.sleep(0.01)


async def until_mode(store: RedisStore, *, degraded: bool) -> None:
    await until(lambda: store.degraded is degraded)


async def lose(server: RedisServer, how: str) -> None:
    with server.client() as client:
        match how:
            case "killed":
                server.kill()
            case "hanging":
                server.pause()
            case "read-only":
                client.replicaof("127.0.0.1", str(unused_port()))
            case "out of memory":
                client.config_set("maxmemory-policy", "noeviction")
                client.config_set("maxmemory", "1")


async def find(server: RedisServer, how: str) -> None:
    if how == "killed":
        server.restart()
    server.resume()
    with server.client() as client:
        client.replicaof("NO", "ONE")
        client.config_set("maxmemory", "0")


def unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


# --- together --------------------------------------------------------------------------------------------------------


async def test_processes_count_together(server: RedisServer) -> None:
    async with fleet_of(server) as fleet:
        one, other = fleet.process(), fleet.process()
        assert len(await taken(one, a_minute(5), 3)) == 3
        assert len(await taken(other, a_minute(5), 3)) == 2
        full = await one.reserve([a_minute(5)])
        assert isinstance(full, Full)
        assert full.seconds == pytest.approx(60, abs=1)
        assert one.state("east").quotas["east/requests"].used == 5
        assert one.in_flight("east") == 5, "the requests of all processes"
        assert not one.degraded
        assert fleet.modes == [Mode.SHARED, Mode.SHARED]


async def test_an_attempt_is_one_reserve_and_one_settle(server: RedisServer) -> None:
    async with fleet_of(server) as fleet:
        store = fleet.process()
        for held in await taken(store, a_minute(100), 50):
            await store.settle(held, WELL)
        await store.aclose()
        assert (store.calls["reserve"], store.calls["settle"]) == (50, 50)
        with server.client() as client:
            stats = client.info("commandstats")
        scripts = sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("eval", "evalsha"))
        unknown = 1  # the script itself, once
        assert scripts == store.calls.total() + unknown


async def test_settling_keeps_nobody_waiting(server: RedisServer) -> None:
    async with fleet_of(server) as fleet:
        store = fleet.process()
        held = await taken(store, at_a_time(2), 2)
        server.pause()
        loop = asyncio.get_running_loop()
        began = loop.time()
        for each in held:
            await store.settle(each, WELL)
        assert loop.time() - began < TIMEOUT / 2
        server.resume()
        await until(lambda: store.in_flight("bfl") == 0)


async def test_who_waits_in_one_process_is_served_by_what_another_gives_back(server: RedisServer) -> None:
    async with fleet_of(server) as fleet:
        one, other = fleet.process(), fleet.process()
        held = await take(one, at_a_time(1))
        assert held is not None
        ticket = await other.reserve([at_a_time(1)], patience=30)
        assert isinstance(ticket, Ticket)
        waiting = asyncio.create_task(other.wait(ticket))
        await asyncio.sleep(0)
        await one.settle(held, WELL)
        async with asyncio.timeout(SOON):
            got = await waiting
        assert isinstance(got, Reservation)


async def test_a_script_that_the_server_does_not_know_is_sent_again(server: RedisServer) -> None:
    async with fleet_of(server) as fleet:
        store = fleet.process()
        assert len(await taken(store, a_minute(10), 2)) == 2
        with server.client() as client:
            client.script_flush()
        got = await asyncio.gather(*(take(store, a_minute(10)) for _ in range(20)))
        assert sum(each is not None for each in got) == 8
        assert fleet.modes == [Mode.SHARED]


async def test_nothing_is_left_without_an_end(server: RedisServer) -> None:
    async with fleet_of(server) as fleet:
        one, other = fleet.process(), fleet.process()
        for held in await taken(one, a_minute(5), 4):
            await one.settle(held, Report(Verdict.ILL))
        await taken(other, at_a_time(2), 2)
        ticket = await one.reserve([at_a_time(2)], patience=30)
        assert isinstance(ticket, Ticket)
        await one.aclose()
        with server.client() as client:
            keys = client.keys("*")
            assert keys
            assert all(client.ttl(key) > 0 for key in keys)


# --- apart -----------------------------------------------------------------------------------------------------------

LOSSES = ["killed", "hanging", "read-only", "out of memory"]


@pytest.mark.parametrize("how", LOSSES)
async def test_a_lost_store_costs_one_timeout_and_each_goes_on_with_its_share(
    server: RedisServer, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with fleet_of(server) as fleet:
        one, other = fleet.process(), fleet.process()
        await taken(one, a_minute(100), 3)
        await taken(other, a_minute(100), 3)
        await one.reserve([a_minute(100)])
        await lose(server, how)
        loop = asyncio.get_running_loop()
        began = loop.time()
        mine = [await take(store, a_minute(40, "west")) for store in (one, other) for _ in range(50)]
        assert loop.time() - began < 2 * TIMEOUT + BUSY_MACHINE
        served = [held for held in mine if held is not None]
        assert len(served) == 40, "twenty each"
        # Of a server without memory each may yet get one answer: to a step whose first write needs none.
        assert sum(held.degraded for held in served) >= (38 if how == "out of memory" else 40)
        assert one.degraded
        assert {Mode.SHARE} < set(fleet.modes)
        for held in served:
            await (one if held.id.startswith(one._process) else other).settle(held, WELL)
        await find(server, how)
        for store in (one, other):
            await until_mode(store, degraded=False)
        assert await take(one, a_minute(40, "west")) is None, "what was spent meanwhile is booked"
        assert await take(other, a_minute(40, "west")) is None
        assert sum("away" in record.message for record in caplog.records) == 2
        assert sum("found again" in record.message for record in caplog.records) == 2


async def test_what_all_have_used_counts_against_the_shares(server: RedisServer) -> None:
    async with fleet_of(server) as fleet:
        one, other = fleet.process(), fleet.process()
        first = len(await taken(one, a_minute(20), 15))
        assert await take(other, a_minute(20)) is not None
        assert await take(one, a_minute(20)) is not None
        server.kill()
        later = len(await taken(one, a_minute(20), 20)) + len(await taken(other, a_minute(20), 20))
        assert first + 2 + later <= 20
        assert len(await taken(other, a_minute(20), 1)) == 0


def costing(dollars: int, cap: int, name: str = "daily") -> Offer:
    return Offer("east", ours=(Claim(budget(cap, name), dollars),))


def budget(cap: int, name: str = "daily") -> Quota:
    return Quota(f"budget:{name}", Unit.DOLLARS, cap, span=Calendar.MONTH, ours=True)


async def spent(store: RedisStore, cap: int) -> int:
    return (await store.look([], [budget(cap)])).budgets[budget(cap).key].used


async def test_a_lost_store_s_budgets_are_shared_out_and_what_was_spent_meanwhile_is_told_and_added(
    server: RedisServer,
) -> None:
    async with fleet_of(server) as fleet:
        one, other = fleet.process(), fleet.process()
        await taken(other, costing(10, 100), 2)
        await taken(one, costing(10, 100), 2)
        await other.reserve([costing(1000, 100)])  # so that it has heard of what the first has spent
        server.pause()
        mine, theirs = await taken(one, costing(10, 100), 9), await taken(other, costing(10, 100), 9)
        assert [len(mine), len(theirs)] == [3, 3], "a half of what was left for each"
        assert await take(one, costing(60, 100, "dear")) is None, "more than its part is passed by no call"
        for held in (*mine, *theirs):
            store = one if held in mine else other
            await store.settle(held, Report(Verdict.WELL, ours={Unit.DOLLARS: 7}))
        server.resume()
        for store in (one, other):
            await until_mode(store, degraded=False)
        assert await spent(one, 100) == 40 + 6 * 7


async def test_a_process_that_has_spent_nothing_yet_knows_what_the_others_have(server: RedisServer) -> None:
    async with fleet_of(server) as fleet:
        one, idle = fleet.process(), fleet.process()
        await take(idle, a_minute(10))
        await taken(one, costing(10, 100), 4)
        await idle.reserve([costing(1000, 100)])
        server.pause()
        assert len(await taken(idle, costing(10, 100), 9)) == 3


async def test_a_server_that_forgets_everything_is_told_what_was_spent(server: RedisServer) -> None:
    async with fleet_of(server) as fleet:
        one, other = fleet.process(), fleet.process()
        await taken(one, costing(10, 100), 4)
        await taken(other, costing(10, 100), 3)
        with server.client() as client:
            client.flushall()
        assert len(await taken(other, costing(10, 100), 9)) == 3
        assert await take(one, costing(10, 100)) is None


async def test_a_server_that_forgets_everything_is_told_again(server: RedisServer) -> None:
    async with fleet_of(server) as fleet:
        one, other = fleet.process(), fleet.process()
        await taken(one, a_minute(10), 4)
        await taken(other, a_minute(10), 4)
        held = await taken(one, at_a_time(3), 2)
        with server.client() as client:
            client.flushall()
        more = len(await taken(one, a_minute(10), 5)) + len(await taken(other, a_minute(10), 5))
        assert more <= 2
        assert len(await taken(other, at_a_time(3), 3)) <= 1, "what is held is known again"
        for each in held:
            await one.settle(each, WELL)
        assert Mode.SHARE not in fleet.modes
        ticket = await other.reserve([at_a_time(3)], patience=SOON)
        assert not isinstance(ticket, Full)
        assert isinstance(ticket, Reservation) or isinstance(await other.wait(ticket), Reservation)


async def test_a_store_that_is_not_there_at_first_is_found_later(server: RedisServer) -> None:
    async with fleet_of(server) as fleet:
        server.kill()
        store = fleet.process()
        assert len(await taken(store, a_minute(4), 6)) == 4
        assert store.degraded
        server.restart()
        await until_mode(store, degraded=False)
        assert await take(store, a_minute(4)) is None
        assert fleet.modes == [Mode.SHARE, Mode.SHARED]


async def test_closed_serves_nothing_without_the_store_and_says_why(server: RedisServer) -> None:
    async with fleet_of(server) as fleet:
        store = fleet.process(on_loss="closed")
        assert await take(store, a_minute(4))
        server.kill()
        with pytest.raises(StoreLostError, match="connection"):
            await take(store, a_minute(4))
        server.restart()
        await until_mode(store, degraded=False)
        assert await take(store, a_minute(4))


async def test_open_goes_on_with_the_whole_limits(server: RedisServer) -> None:
    async with fleet_of(server) as fleet:
        one, other = fleet.process(on_loss="open"), fleet.process(on_loss="open")
        await taken(one, a_minute(6), 1)
        await taken(other, a_minute(6), 1)
        server.kill()
        assert len(await taken(one, a_minute(6), 9)) == 5
        assert len(await taken(other, a_minute(6), 9)) == 5


async def test_who_waits_when_the_store_is_lost_waits_on_and_is_served(server: RedisServer) -> None:
    async with fleet_of(server) as fleet:
        store = fleet.process()
        held = await take(store, at_a_time(1))
        assert held is not None
        ticket = await store.reserve([at_a_time(1)], patience=60)
        assert isinstance(ticket, Ticket)
        waiting = asyncio.create_task(store.wait(ticket))
        await asyncio.sleep(0)
        server.kill()
        await until_mode_after_a_call(store)
        await store.settle(held, WELL)
        async with asyncio.timeout(SOON):
            got = await waiting
        assert isinstance(got, Reservation)
        assert got.degraded


async def until_mode_after_a_call(store: RedisStore) -> None:
    await take(store, a_minute(1, "elsewhere"))
    await until_mode(store, degraded=True)


async def test_who_waits_in_his_own_line_goes_over_to_the_shared_one_when_the_store_is_found(
    server: RedisServer,
) -> None:
    async with fleet_of(server) as fleet:
        store = fleet.process()
        await take(store, a_minute(1))
        server.kill()
        assert await take(store, at_a_time(1)) is not None
        ticket = await store.reserve([a_minute(1)], patience=100)
        assert isinstance(ticket, Ticket)
        waiting = asyncio.create_task(store.wait(ticket))
        server.restart()
        await until_mode(store, degraded=False)
        await until(lambda: store._shared.waiting == 1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_a_wrong_password_is_named_and_not_shown(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    with server.client() as client:
        client.config_set("requirepass", "right")
    try:
        async with fleet_of(server) as fleet:
            store = fleet.process(server.url.replace("redis://", "redis://:wr0ng@"))
            with caplog.at_level(logging.DEBUG):
                assert await take(store, a_minute(4)) is not None
            assert fleet.errors == {"refused"}
            assert "wr0ng" not in caplog.text
            assert "***" in caplog.text
    finally:
        server.kill()


async def test_a_server_that_accepts_and_never_answers_is_lost_as_well() -> None:
    with socket.socket() as hang:
        hang.bind(("127.0.0.1", 0))
        hang.listen()
        store = RedisStore(f"redis://127.0.0.1:{hang.getsockname()[1]}/0", timeout=TIMEOUT)
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await take(store, a_minute(1)) is not None
        assert loop.time() - began < TIMEOUT + BUSY_MACHINE
        await store.aclose()


# --- coming and going ------------------------------------------------------------------------------------------------


async def test_closing_settles_what_is_left_and_frees_what_is_held(server: RedisServer) -> None:
    async with fleet_of(server) as fleet:
        one, other = fleet.process(), fleet.process()
        held = await taken(one, at_a_time(4), 2)
        await one.settle(held[0], WELL)
        await one.aclose()
        assert len(await taken(other, at_a_time(4), 5)) == 4


async def test_nothing_is_opened_before_it_is_used() -> None:
    store = RedisStore(f"redis://127.0.0.1:{unused_port()}/0")
    assert store.state("east").in_flight == 0
    assert not store.degraded
    await store.aclose()


def test_on_trio_the_error_says_that_asyncio_is_needed() -> None:
    async def use() -> None:
        await RedisStore("redis://127.0.0.1:1/0").reserve([a_minute(1)])

    with pytest.raises(RuntimeError, match="asyncio"):
        trio.run(use)


def test_a_process_that_forks_before_it_is_used_has_two_names() -> None:
    store = RedisStore("redis://127.0.0.1:1/0")
    read, write = os.pipe()
    if not os.fork():
        os.write(write, store._process.encode())
        os._exit(0)
    os.wait()
    assert os.read(read, 200).decode() != store._process


# --- in batches ------------------------------------------------------------------------------------------------------


async def test_in_batches_the_server_is_asked_less_often_and_no_limit_is_passed(server: RedisServer) -> None:
    async with fleet_of(server) as fleet:
        one, other = fleet.process(batches=True), fleet.process(batches=True)
        big = a_minute(1200)
        served = 0
        while served < 1200:
            got = await asyncio.gather(*(take(store, big) for store in (one, other) for _ in range(10)))
            held = [each for each in got if each is not None]
            for each in held:
                await (one if each.id.startswith(one._process) else other).settle(each, WELL)
            served += len(held)
            if not held:
                await asyncio.sleep(0.05)  # until what the other keeps unused is given back
        assert served == 1200
        assert one.calls["reserve"] + other.calls["reserve"] < 900
        async with asyncio.timeout(SOON):
            while await take(one, big) is not None:
                served += 1
        assert served == 1200


async def test_what_was_taken_ahead_and_not_used_is_given_back(server: RedisServer) -> None:
    async with fleet_of(server) as fleet:
        one, other = fleet.process(batches=True), fleet.process(batches=True)
        big = a_minute(1200)
        for _ in range(15):
            await asyncio.gather(*(take(one, big) for _ in range(20)))
        left = 1200 - 300
        assert one.state("east").quotas["east/requests"].used > 300, "some are kept ahead"
        await asyncio.sleep(2 * HELD)
        assert len(await taken(other, big, left)) == left
        assert await take(one, big) is None


@pytest.mark.parametrize("away", [False, True])
async def test_settling_waits_for_nothing_even_where_the_server_hangs(server: RedisServer, away: bool) -> None:
    async with fleet_of(server) as fleet:
        one, other = fleet.process(), fleet.process()
        held = await take(one, at_a_time(1))
        assert held is not None
        if away:
            server.pause()
        with pytest.raises(StopIteration):
            one.settle(held, WELL).send(None)
        server.resume()
        await until(lambda: one.degraded is False)
        async with asyncio.timeout(SOON):
            while await take(other, at_a_time(1)) is None:  # noqa: ASYNC110 - another store sets no event here
                await asyncio.sleep(0.01)


# --- one connection -----------------------------------------------------------------------------------------------


async def test_what_nobody_waits_for_any_more_before_it_was_sent_is_not_asked_and_not_told(server: RedisServer) -> None:
    told: list[Asked] = []
    link = Link(parse(server.url), "pixelrelay", 5.0, told.append)
    await link.call("look", '{"process":"one","offers":[]}')
    told.clear()
    before = server.scripts_run()
    left = asyncio.create_task(link.call("look", '{"process":"one","offers":[]}'))
    await asyncio.sleep(0)
    left.cancel()
    stayed = link.call("look", '{"process":"one","offers":[]}')
    await asyncio.gather(left, stayed, return_exceptions=True)
    assert server.scripts_run() - before == len(told) == 1
    await link.aclose()


async def test_a_call_that_could_not_be_sent_in_time_is_told_with_what_went_wrong(server: RedisServer) -> None:
    told: list[Asked] = []
    link = Link(parse(server.url), "pixelrelay", 0.1, told.append)
    server.pause()
    with pytest.raises(LostError):
        await link.call("look", '{"process":"one","offers":[]}')
    assert [asked.error for asked in told] == ["timeout"]
    server.resume()
    await link.aclose()
