"""Whoever has the configuration of a fleet can see how its quotas stand, now and as they change."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from io import StringIO
from itertools import islice
from typing import Any

import anyio
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from rich.console import Console

from pixelrelay.cli.quotas import ADVICE, PATIENT, watch_on
from pixelrelay.cli.standing import Standing, offers_of
from pixelrelay.config import Budget, RelayConfig, load
from pixelrelay.quotas import Claim, SeenLimit, Unit
from pixelrelay.store.base import (
    DeploymentState,
    QuotaState,
    Report,
    Reservation,
    Store,
    StoreLostError,
    Verdict,
)
from pixelrelay.store.opening import open_store
from tests.cli.desk import Desk, words
from tests.cli.fleets import fleet, foundry, members, standing
from tests.cli.test_processes import WITHOUT
from tests.servers import RedisServer, redis_server, until

# --- looking again -------------------------------------------------------------------------------------------------


def screen(**further: Any) -> Console:
    return Console(file=StringIO(), width=100, height=24, markup=False, highlight=False, color_system=None, **further)


def looks(*seen: int | StoreLostError) -> Callable[[], Awaitable[Standing]]:
    """Sees so many requests used, one after the other, and the last ever after."""
    rest = list(seen)

    async def look() -> Standing:
        found = rest.pop(0) if len(rest) > 1 else rest[0]
        if isinstance(found, StoreLostError):
            raise found
        quotas = {"east/requests": QuotaState(Unit.REQUESTS, found, 100, 100)}
        return standing(fleet(foundry("east")), "web", east=DeploymentState(quotas=quotas))

    return look


LOST = StoreLostError("redis://cache:6379/0 (prefix pixelrelay): timeout: no answer within 0.25 s", 0.0)


@pytest.mark.anyio
async def test_each_second_it_looks_again() -> None:
    console = screen()
    with anyio.move_on_after(2.5):
        await watch_on(looks(1, 2, 3, 4), console)

    assert isinstance(console.file, StringIO)
    assert re.findall(r"(\d) of 100", console.file.getvalue()) == ["1", "2", "3"]


@pytest.mark.anyio
async def test_a_store_that_is_lost_while_one_looks_leaves_what_was_seen_last_and_says_so() -> None:
    console = screen()
    with anyio.move_on_after(3.5):
        await watch_on(looks(1, LOST, LOST, 4), console)

    assert isinstance(console.file, StringIO)
    shown = console.file.getvalue()
    assert re.findall(r"(\d) of 100", shown) == ["1", "1", "1", "4"]
    assert words(shown).count("lost sight of it: redis://cache:6379/0 (prefix pixelrelay): timeout: no answer") == 2


@pytest.mark.anyio
async def test_a_store_that_cannot_be_reached_from_the_start_is_an_error() -> None:
    with pytest.raises(StoreLostError):
        await watch_on(looks(LOST, 1), screen())


@pytest.mark.anyio
async def test_on_a_terminal_one_view_takes_the_place_of_the_other_and_the_last_stays() -> None:
    console = screen(force_terminal=True)
    with anyio.move_on_after(1.5):
        await watch_on(looks(1, 2), console)

    assert isinstance(console.file, StringIO)
    shown = console.file.getvalue()
    assert shown.index("1 of 100") < shown.index("\x1b[1A") < shown.index("2 of 100")
    assert shown.endswith("\x1b[?25h"), "the cursor is shown again"


# --- the command ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [{}, {"store": "memory"}])
@pytest.mark.parametrize("further", [[], ["--json"], ["--watch"]])
def test_a_store_in_memory_cannot_be_looked_into_and_what_to_write_is_told(
    desk: Desk, written: dict[str, str], further: list[str]
) -> None:
    desk.write({**{key: value for key, value in fleet(foundry("east")).items() if key != "store"}, **written})

    ran = desk.run("quotas", *further)

    assert ran.exit_code == 2
    assert ran.stdout == ""
    assert ran.stderr == (
        "error: pixelrelay.yaml keeps its quotas in memory: what is used of them is known to the process that runs "
        "by it alone\n\n"
        "hint: to share quotas between processes, and to see them from here, write `store: redis://HOST:6379/0`\n"
        "hint: within a process, Router.state(deployment) tells the same\n"
    )


def test_json_is_printed_once(desk: Desk) -> None:
    desk.write(fleet(foundry("east")))

    ran = desk.run("quotas", "--json", "--watch")

    assert ran.exit_code == 2
    assert "--json prints one object, once" in ran.stderr


def test_what_is_wrong_with_the_address_is_told_as_everywhere(desk: Desk) -> None:
    desk.write(fleet(foundry("east")) | {"store": "redis:/cache"})

    ran = desk.run("quotas")

    assert ran.exit_code == 1
    assert ran.stderr == "error: pixelrelay.yaml: store: two slashes follow redis: as in redis://HOST:6379/0\n"


@pytest.mark.parametrize("further", [["--once"], ["--watch"], ["--json"]])
def test_a_store_that_does_not_answer_is_told_with_its_address_and_what_would_help(
    desk: Desk, further: list[str]
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        desk.write(fleet(foundry("east")) | {"store": f"redis://:open-sesame@127.0.0.1:{port}/0"})

        ran = desk.run("quotas", *further)

    assert ran.exit_code == 1, ran.output
    assert isinstance(ran.exception, SystemExit), "and no traceback"
    assert ran.stdout == ""
    assert ran.stderr.startswith(f"error: redis://:***@127.0.0.1:{port}/0 (prefix pixelrelay): connection: ")
    assert f"hint: {ADVICE['connection']}" in ran.stderr
    assert "open-sesame" not in ran.output


def test_without_the_client_for_redis_the_extra_is_named(desk: Desk) -> None:
    desk.write(fleet(foundry("east")))

    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(package="redis"), "quotas"],
        cwd=desk.directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert ran.returncode == 2
    assert ran.stderr == (
        "error: a store in Redis needs 'redis', which is not installed: pip install 'pixelrelay[redis]'\n"
    )


def test_check_shows_the_store_without_its_password(desk: Desk) -> None:
    desk.write(fleet(foundry("east"), store_prefix="pictures", on_store_loss="open"))

    shown = words(desk.run("check").stdout)
    assert "shared in redis://router:***@cache:6379/0 by all with the prefix pictures (when lost: open)" in shown
    assert desk.told("check")["store"] == "redis://router:***@cache:6379/0"


# --- with a server -------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


@dataclass(slots=True)
class Router:
    """Another process, as far as the store can tell."""

    portal: BlockingPortal
    store: Store
    config: RelayConfig

    def take(self, name: str, ours: tuple[Claim, ...] = ()) -> Reservation:
        (offer,) = [one for one in offers_of(members(self.config)) if one.deployment == name]
        got = self.portal.call(self.store.reserve, [replace(offer, ours=ours)])
        assert isinstance(got, Reservation)
        return got

    def settle(self, held: Reservation, report: Report) -> None:
        self.portal.call(self.store.settle, held, report)


@contextmanager
def router(data: dict[str, Any]) -> Iterator[Router]:
    config = load({**data, "store_timeout": 5}, environ={})  # so that a busy machine is not taken for a lost store
    with start_blocking_portal() as portal:
        store = open_store(config)
        try:
            yield Router(portal, store, config)
        finally:
            portal.call(store.aclose)


@contextmanager
def terminal(desk: Desk, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], str]]]:
    """The command on a terminal, and what has been written there so far."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    command = [sys.executable, "-m", "pixelrelay", *arguments]
    running = subprocess.Popen(command, cwd=desk.directory, env=environ, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = bytearray()

    def screen() -> str:
        with suppress(OSError):  # what a terminal says whose other end is closed
            while select.select([ours], [], [], 0)[0] and (read := os.read(ours, 65536)):
                seen.extend(read)
        return seen.decode(errors="replace")

    try:
        yield running, screen
    finally:
        running.kill()
        running.wait(10)
        os.close(ours)


def test_what_the_processes_of_a_fleet_use_is_seen_from_outside(desk: Desk, server: RedisServer) -> None:
    data = fleet(
        foundry("east", pools=["contoso"]), foundry("west", pools=["contoso"]), pools={"contoso": {"concurrent": 8}}
    )
    desk.write(data := {**data, "store": server.url})

    with router(data) as one, router(data) as other:
        held = [one.take("east"), other.take("east"), other.take("west")]
        told = desk.told("quotas")
        shown = words(desk.run("quotas").stdout)
        one.settle(
            held[0],
            Report(
                Verdict.SILENT,
                rejected=frozenset({Unit.REQUESTS}),
                seen_limits=(SeenLimit(Unit.REQUESTS, 60),),
                cooldown=30,
            ),
        )
        until(lambda: desk.told("quotas")["deployments"][0]["state"] == "told", "the settlement is seen")
        after = desk.told("quotas")

    east, west = told["deployments"]
    assert (east["in_flight"], east["quotas"][0]["used"]) == (2, 2)
    assert (west["in_flight"], west["quotas"][0]["used"]) == (1, 1)
    assert told["pools"][0]["quotas"][0]["used"] == 3
    assert len(told["processes"]) == 2
    assert "shared by 2 processes" in shown
    assert "east 2 of 100 requests a minute 2 well" in shown.replace("┄", "").replace("━", "").replace("  ", " ")
    (requests,) = after["deployments"][0]["quotas"]
    assert (requests["learned"], requests["stated"]) == (60, 60)
    assert requests["lessons"] == ["Azure says 60, not 100"]
    assert 25 < after["deployments"][0]["cooling"] <= 30


def test_what_the_fleet_has_spent_is_seen_from_outside(desk: Desk, server: RedisServer) -> None:
    data = fleet(foundry("east"), budgets={"daily": {"dollars": 5, "window": "day"}}) | {"store": server.url}
    desk.write(data)
    daily = Budget("daily", load(data, environ={}).budgets["daily"]).quota()

    with router(data) as one:
        one.take("east", ours=(Claim(daily, 1_250_000),))
        (told,) = desk.told("quotas")["budgets"]
        shown = words(desk.run("quotas").stdout)

    assert (told["used"], told["reserved"], told["dollars"]) == ("1.250000", "1.250000", "5")
    assert "$1.25 of $5.00 a day $1.25 everything" in shown


def test_looking_books_nothing_and_creates_nothing(desk: Desk, server: RedisServer) -> None:
    desk.write(fleet(foundry("east", pools=["all"]), pools={"all": {"concurrent": 2}}) | {"store": server.url})

    assert desk.told("quotas")["processes"] == []
    assert desk.run("quotas", "--once").exit_code == 0
    with server.client() as client:
        assert client.dbsize() == 0


@pytest.mark.parametrize("who", [":open-barley@", "router:open-barley@", ""])
def test_who_is_not_let_in_is_told_so_and_no_password_is_shown(desk: Desk, who: str) -> None:
    with redis_server(password="open-sesame") as server:
        right = fleet(foundry("east")) | {"store": server.url}
        desk.write(right | {"store": server.url.replace(":open-sesame@", who)})

        ran = desk.run("quotas")

        assert ran.exit_code == 1
        assert f"hint: {ADVICE['refused']}" in ran.stderr
        assert "open-" not in ran.output
        desk.write(right)
        assert desk.run("quotas").exit_code == 0


@pytest.mark.parametrize("tls", [False, True])
def test_a_store_can_be_looked_at_by_every_way_to_it(desk: Desk, tls: bool) -> None:
    with redis_server(tls=tls) as server:
        for url in (server.url, server.unix_url):
            desk.write(fleet(foundry("east")) | {"store": url})
            assert "0 of 100 requests a minute" in desk.run("quotas").stdout


@pytest.mark.parametrize("url", ["redis://127.0.0.1:{}/99", "redis+sentinel://127.0.0.1:{}/fleet"])
def test_an_address_of_another_kind_of_server_is_told_with_what_would_help(
    desk: Desk, server: RedisServer, url: str
) -> None:
    desk.write(fleet(foundry("east")) | {"store": url.format(server.port)})

    ran = desk.process("quotas")

    assert ran.returncode == 1
    assert f"hint: {ADVICE['script']}" in ran.stderr


@pytest.mark.parametrize("wanted", [0.01, 3.5])
def test_a_store_that_hangs_is_given_up_after_longer_than_those_wait_who_serve(
    desk: Desk, server: RedisServer, wanted: float
) -> None:
    desk.write(fleet(foundry("east"), store_timeout=wanted) | {"store": server.url})
    assert desk.run("quotas").exit_code == 0
    server.pause()

    ran = desk.run("quotas")

    assert ran.exit_code == 1
    assert f"error: redis://127.0.0.1:{server.port}/0 (prefix pixelrelay): timeout: " in ran.stderr
    assert f"within {max(PATIENT, wanted):g} s" in ran.stderr
    assert f"hint: {ADVICE['timeout']}" in ran.stderr


def test_on_a_terminal_it_follows_what_happens_until_it_is_interrupted(desk: Desk, server: RedisServer) -> None:
    desk.write(data := fleet(foundry("east")) | {"store": server.url})

    with terminal(desk, "quotas") as (running, screen), router(data) as one:
        until(lambda: "0 of 100 requests" in screen(), "the first view")
        one.take("east")
        until(lambda: "1 of 100 requests" in screen(), "the next one")
        server.kill()
        until(lambda: "lost sight of it: redis://127.0.0.1" in screen(), "the loss is shown")
        server.restart()
        until(lambda: "shared by" in screen().rpartition("lost sight of it")[2], "it is found again")
        running.send_signal(signal.SIGINT)

        assert running.wait(20) == 0
        assert "Traceback" not in screen()


def test_once_on_a_terminal_is_once(desk: Desk, server: RedisServer) -> None:
    desk.write(fleet(foundry("east")) | {"store": server.url})

    with terminal(desk, "quotas", "--once") as (running, screen):
        assert running.wait(20) == 0
        assert screen().count("0 of 100 requests") == 1


def test_where_there_is_no_terminal_it_follows_if_it_is_told_to(desk: Desk, server: RedisServer) -> None:
    desk.write(fleet(foundry("east")) | {"store": server.url})

    running = desk.started("quotas", "--watch")
    assert running.stdout is not None
    seen = [line for line in islice(running.stdout, 16) if "0 of 100 requests" in line]
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=20)

    assert len(seen) > 1
    assert running.returncode == 0
    assert errors == ""
