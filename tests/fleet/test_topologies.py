"""The same small run on every way to keep the shared store: quotas are held to the last call, and used to it."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pixelrelay import PixelRelayError, Router
from pixelrelay.events import Event, StoreAsked, StoreModeChanged
from pixelrelay.store.scripts import SCRIPT
from pixelrelay.testing import Fleet, emulated_fleet
from tests.fleet.accounts import SIZE, Account, config_of
from tests.fleet.figures import say
from tests.fleet.machine import Machine
from tests.fleet.orders import SERVED
from tests.servers import RedisCluster, RedisServer, redis_cluster, redis_server, sentinel_pair, until

pytestmark = pytest.mark.anyio

PREFIX = "pixelrelay"
ACCOUNTS = [
    Account("minute", "rolling", 90, latency=0.05),
    Account("slices", "sliced", 60, latency=0.05),
    Account("slots", "slots", 3, latency=0.3),
]
UNCERTAIN = 3
"""Calls that a failover may lose or count twice: those that were under way between a process and the old master."""
SLICE = 10
"""What a sliced limit of 60 serves in the first ten seconds."""
TIMEOUT = 4.0
"""Seconds for each request: too few for any window to open again."""
PATIENT = 3.0
"""Seconds to wait for a server that is not to be lost, on a machine that has others to run."""
EXPECTED = {SERVED, "QuotaExceededError", "DeadlineExceededError"}
"""How a request may end: one that gets a slot at the last moment may be cut off, its job being polled now and then."""


@pytest.fixture
def anyio_backend() -> str:
    """The providers are on sockets, so time is the world's."""
    return "asyncio"


@dataclass
class Pair:
    """Two routers with stores of their own, what became of their requests, and what their stores told."""

    routers: list[Router] = field(default_factory=list)
    outcomes: list[Counter[str]] = field(default_factory=lambda: [Counter(), Counter()])
    modes: list[tuple[str, str]] = field(default_factory=list)
    mode: dict[int, str] = field(default_factory=dict)
    """Of each router, at present."""
    errors: Counter[str] = field(default_factory=Counter)
    reserving: list[float] = field(default_factory=list)

    def observe(self, number: int, event: Event) -> None:
        match event:
            case StoreModeChanged(mode, reason):
                self.modes.append((mode, reason))
                self.mode[number] = mode
            case StoreAsked(step, seconds, error):
                self.errors.update([error] if error else [])
                self.reserving += [seconds] if step == "reserve" else []

    async def ask(self, number: int, timeout: float = TIMEOUT) -> None:
        try:
            router = self.routers[number % 2]
            await router.generate("pictures", f"picture {number}", size=SIZE, timeout=timeout)
        except PixelRelayError as error:
            self.outcomes[number % 2][type(error).__name__] += 1
        else:
            self.outcomes[number % 2][SERVED] += 1

    async def ask_for(self, count: int, timeout: float = TIMEOUT) -> None:
        """So many requests, by turns, a hundred a second."""
        asked = []
        for number in range(count):
            asked.append(asyncio.create_task(self.ask(number, timeout)))
            await asyncio.sleep(0.01)
        await asyncio.gather(*asked)


@asynccontextmanager
async def pair_on(url: str, fleet: Fleet, **settings: Any) -> AsyncIterator[Pair]:
    addresses = {entry["name"]: entry for entry in fleet.entries()}
    config = config_of(
        {"pictures": ACCOUNTS}, addresses, store=url, store_prefix=PREFIX, on_store_loss="share", **settings
    )
    pair = Pair()
    try:
        for number in range(2):
            pair.routers.append(Router.from_config(config, observers=[partial(pair.observe, number)]))
        yield pair
    finally:
        for router in pair.routers:
            await router.aclose()


def calls(fleet: Fleet) -> Counter[tuple[str, int | None]]:
    """How often each deployment answered with which status."""
    return Counter((r.deployment, r.status) for r in fleet.requests if r.operation == "generate")


def overdrawn(answered: Counter[tuple[str, int | None]], pair: Pair) -> int:
    """Calls too many. A provider draws on for a caller who has left, so whoever left excuses one on the slots."""
    left = sum(counted["DeadlineExceededError"] for counted in pair.outcomes)
    rates = sum(count for (name, status), count in answered.items() if status == 429 and name != "slots")
    return rates + max(0, answered["slots", 429] - left)


@dataclass(frozen=True, slots=True)
class Topology:
    name: str
    opened: Callable[[ExitStack], tuple[str, RedisServer | RedisCluster]]
    """The address, and the server that it leads to."""

    def __str__(self) -> str:
        return self.name


def on_one(url: Callable[[RedisServer], str], **options: Any) -> Callable[[ExitStack], tuple[str, RedisServer]]:
    def opened(stack: ExitStack) -> tuple[str, RedisServer]:
        server = stack.enter_context(redis_server(**options))
        return url(server), server

    return opened


def on_cluster(stack: ExitStack) -> tuple[str, RedisCluster]:
    cluster = stack.enter_context(redis_cluster())
    return cluster.url, cluster


def documented_user() -> str:
    """The user with the least rights, as the documentation makes it."""
    page = (Path(__file__).parents[2] / "docs" / "redis.md").read_text()
    written = re.search(r"ACL SETUSER (pixelrelay on >PASSWORD .*?)```", page, re.DOTALL)
    assert written is not None
    return f"user {' '.join(written[1].split())}"


def needed() -> set[str]:
    """The commands of the script, and those that run it and wait for messages."""
    scripted = re.findall(r"\bcall\(\s*['\"](\w+)['\"]", SCRIPT)
    return {"evalsha", "eval", "blpop", *(name.lower() for name in scripted)}


TOPOLOGIES = [
    Topology("one server", on_one(lambda server: server.url)),
    Topology("a Unix socket", on_one(lambda server: server.unix_url)),
    Topology("TLS", on_one(lambda server: server.url, tls=True)),
    Topology("a password", on_one(lambda server: server.url, password="p@ss/word")),
    Topology(
        "a user with the least rights",
        on_one(lambda server: server.url_of("pixelrelay", "PASSWORD"), users=[documented_user()]),
    ),
    Topology("a cluster of three", on_cluster),
]


def test_the_documented_user_may_do_what_the_store_does_and_nothing_else() -> None:
    assert set(re.findall(r"\+([a-z]+)", documented_user())) == needed()


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with emulated_fleet(*(account.emulated() for account in ACCOUNTS)) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("topology", TOPOLOGIES, ids=str)
async def test_two_routers_share_quotas_to_the_last_call(topology: Topology, fleet: Fleet, machine: Machine) -> None:
    with ExitStack() as stack:
        url, server = topology.opened(stack)
        async with pair_on(url, fleet, store_timeout=PATIENT) as pair:
            await pair.ask_for(300)
        commands = used_commands(server)
        refused = denied(server) if isinstance(server, RedisServer) else []
        nodes = [server] if isinstance(server, RedisServer) else server.nodes
        keys = [len(_keys(node)) for node in nodes]
    answered = calls(fleet)
    told = say(
        f"two routers on {topology}",
        [
            f"calls: {dict(answered)}",
            f"requests: {[dict(each) for each in pair.outcomes]}",
            f"modes {pair.modes}, errors {dict(pair.errors)}",
            f"a reserve took {1000 * sorted(pair.reserving)[len(pair.reserving) // 2]:.1f} ms in the middle",
            f"commands: {' '.join(sorted(commands))}",
            *([f"rights: {documented_user()}"] if "rights" in topology.name else []),
        ],
    )

    with machine.excusing():
        assert overdrawn(answered, pair) == 0, told
        assert answered["minute", 200] == 90, told
        assert answered["slices", 200] == SLICE, told
        assert all(counted[SERVED] > 0 for counted in pair.outcomes), told
        assert set(pair.outcomes[0] + pair.outcomes[1]) <= EXPECTED, told
        assert not pair.errors, told
        assert {mode for mode, _ in pair.modes} == {"shared"}, told
        assert not refused, f"{told}\n{refused}"
        assert sum(count > 0 for count in keys) == 1, "one prefix is one slot of a cluster"


@pytest.mark.slow
async def test_a_failover_by_sentinel_fails_no_request_and_forgets_no_call(fleet: Fleet, machine: Machine) -> None:
    with sentinel_pair() as sentinels:
        async with pair_on(sentinels.url, fleet) as pair:
            await pair.ask_for(60)
            # Replication is asynchronous: what was written in the last moment may be lost, and is told again.
            sentinels.master.kill()
            killed = time.monotonic()
            during = asyncio.create_task(pair.ask_for(150, timeout=8.0))
            await asyncio.to_thread(sentinels.until_failed_over)
            named = time.monotonic()
            await asyncio.to_thread(until, lambda: set(pair.mode.values()) == {"shared"}, "both have found it", 10.0)
            found = time.monotonic()
            await during
            await pair.ask_for(100)
            found_at = sentinels.current
    answered = calls(fleet)
    told = say(
        "a failover by Sentinel",
        [
            f"a new master was named after {named - killed:.2f} s and found {found - named:.2f} s later",
            f"calls: {dict(answered)}",
            f"requests: {[dict(each) for each in pair.outcomes]}",
            f"modes {pair.modes}, errors {dict(pair.errors)}",
        ],
    )

    with machine.excusing():
        assert found_at is sentinels.replica
        assert "share" in {mode for mode, _ in pair.modes}, told
        assert overdrawn(answered, pair) <= UNCERTAIN, told
        assert 90 - UNCERTAIN <= answered["minute", 200] <= 90, told
        assert set(pair.outcomes[0] + pair.outcomes[1]) <= EXPECTED, told
        assert found - named < 3.0, told


def used_commands(server: RedisServer | RedisCluster) -> set[str]:
    """All that was asked of it, beside this test's own question."""
    nodes = [server] if isinstance(server, RedisServer) else server.nodes
    stats = [name for node in nodes for name in node.info("commandstats")]
    return {name.removeprefix("cmdstat_") for name in stats} - {"info", "ping"}


def denied(server: RedisServer) -> list[Any]:
    with server.client() as client:
        return list(client.acl_log())


def _keys(server: RedisServer) -> list[str]:
    with server.client() as client:
        return [str(key) for key in client.keys("*")]
