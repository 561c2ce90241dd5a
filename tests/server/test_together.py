"""What the live page shows of several workers: their documents made one, and how they hand them to each other."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelrelay import _clock
from pixelrelay.server.latest import KEPT, MINUTE
from pixelrelay.server.siblings import PATIENCE, Siblings, socket_of
from pixelrelay.server.together import together

BOTH_LOOPS = pytest.mark.anyio


# --- documents -----------------------------------------------------------------------------------------------------


def document(process: int = 1, *, at: float = 1000.0, mode: str = "shared", **parts: Any) -> dict[str, Any]:
    """Of a worker that has done nothing."""
    return {
        "at": at,
        "uptime": 10.0,
        "draining": False,
        "workers": [{"process": process, "uptime": 10.0, "draining": False, "degraded": mode != "shared"}],
        "silent": 0,
        "in_flight": 0,
        "minute": minute(),
        "store": {"mode": mode, "degraded": mode != "shared", "processes": None},
        "spend": spend(),
        "budgets": [],
        "groups": [],
        "requests": [],
        **parts,
    }


def minute(second: int = 500, served: Sequence[int] = (), failed: Sequence[int] = ()) -> dict[str, Any]:
    """Which ends with these."""
    fill = {"served": served, "failed": failed}
    return {"second": second, **{what: [0] * (MINUTE - len(last)) + list(last) for what, last in fill.items()}}


def spend(known: str = "0", at_risk: str = "0", unpriced: int = 0) -> dict[str, Any]:
    return {"known": known, "at_risk": at_risk, "unpriced": unpriced}


def group(*deployments: dict[str, Any], name: str = "flux", **parts: Any) -> dict[str, Any]:
    more = {"strategy": "least-busy", "fallbacks": [], "spend": spend(), **parts}
    return {"name": name, **more, "deployments": list(deployments)}


def deployment(name: str = "east", **parts: Any) -> dict[str, Any]:
    return {
        "name": name,
        "provider": "azure-foundry",
        "model": "FLUX.2-pro",
        "region": None,
        "tags": [],
        "state": "well",
        "cooling": 0.0,
        "age": None,
        "in_flight": 0,
        "latency": None,
        "quotas": [],
        "spend": spend(),
        **parts,
    }


def quota(used: float, age: float | None = 0.0, learned: float = 60.0, pool: str | None = None) -> dict[str, Any]:
    return {"unit": "requests", "pool": pool, "used": used, "limit": 60.0, "learned": learned, "age": age}


def budget(used: str, age: float | None = 0.0, *, at_least: bool = False) -> dict[str, Any]:
    more = {"window": "a day", "reserved": "0", "cap": "5", "at_least": at_least, "age": age}
    return {"name": "all", "used": used, **more}


def of_one(told: dict[str, Any]) -> dict[str, Any]:
    """The only deployment of a document."""
    [[only]] = [each["deployments"] for each in told["groups"]]
    found: dict[str, Any] = only
    return found


def east(process: int, *, mode: str = "shared", at: float = 1000.0, **parts: Any) -> dict[str, Any]:
    """A document that tells this of one deployment."""
    return document(process, mode=mode, at=at, groups=[group(deployment(**parts))])


# --- what is done --------------------------------------------------------------------------------------------------


def test_what_each_worker_has_under_way_and_has_spent_adds_up_to_the_last_digit() -> None:
    dear = "123456789012345678.1234567890123456789"
    one = document(1, in_flight=2, spend=spend(dear, "0.04", 1))
    other = document(2, in_flight=3, spend=spend("0.0000000000000000001", "0.1", 2))

    told = together([one, other])

    assert told["in_flight"] == 5
    assert told["spend"] == spend("123456789012345678.123456789012345679", "0.14", 3)


def test_what_deployments_and_groups_cost_adds_up_as_well() -> None:
    documents = [
        document(1, groups=[group(deployment(spend=spend("0.1")), spend=spend("0.3", unpriced=1))]),
        document(2, groups=[group(deployment(spend=spend("0.2")), spend=spend("0.6", "0.04"))]),
    ]
    told = together(documents)

    assert told["groups"][0]["spend"] == spend("0.9", "0.04", 1)
    assert of_one(told)["spend"] == spend("0.3")


def test_the_last_minute_is_added_up_second_by_second_also_where_one_was_read_a_second_sooner() -> None:
    sooner = document(1, minute=minute(500, served=[1, 2], failed=[0, 7]))
    later = document(2, minute=minute(501, served=[10, 20, 30], failed=[1, 1, 1]))

    assert together([sooner, later])["minute"] == minute(501, served=[11, 22, 30], failed=[1, 8, 1])


def test_what_ended_a_minute_before_the_latest_is_left_out() -> None:
    hung = document(1, minute=minute(500, served=[1] * MINUTE))
    latest = document(2, minute=minute(500 + MINUTE, served=[1]))

    assert together([hung, latest])["minute"] == minute(500 + MINUTE, served=[1])


def test_the_latest_requests_of_all_are_told_and_no_more_than_of_one() -> None:
    requests = [{"id": f"pr_{at}", "at": 1000.0 - at, "outcome": None} for at in range(KEPT + 10)]
    documents = [document(1, requests=requests[::2]), document(2, requests=requests[1::2])]

    assert together(documents)["requests"] == requests[:KEPT]


def test_a_gateway_drains_when_all_its_workers_do() -> None:
    staying, leaving = document(1), document(2, draining=True)

    assert together([staying, leaving])["draining"] is False
    assert together([leaving, {**staying, "draining": True}])["draining"] is True
    assert [worker["process"] for worker in together([leaving, staying])["workers"]] == [1, 2]


# --- how it stands -------------------------------------------------------------------------------------------------


def test_of_workers_that_count_together_the_one_that_was_told_last_knows_how_it_stands() -> None:
    stale = east(1, state="cooling", cooling=20.0, in_flight=7, age=9.0, quotas=[quota(40, 9.0)])
    fresh = east(2, state="well", in_flight=2, age=0.5, quotas=[quota(12, 0.5, learned=30)])
    never = east(3)

    told = of_one(together([stale, fresh, never]))

    assert (told["state"], told["cooling"], told["in_flight"], told["age"]) == ("well", 0.0, 2, 0.5)
    assert told["quotas"] == [quota(12, 0.5, learned=30)]


def test_an_age_is_counted_from_when_it_was_told() -> None:
    asked_first = east(1, at=990.0, age=0.0, in_flight=1)
    asked_last = east(2, at=1000.0, age=9.0, in_flight=2)

    assert of_one(together([asked_first, asked_last]))["in_flight"] == 2


def test_those_who_count_by_themselves_add_to_it_and_their_worst_news_is_told() -> None:
    ours: dict[str, Any] = {"age": 0.0, "quotas": [quota(10, learned=20)], "in_flight": 1}
    documents = [
        east(1, age=1.0, in_flight=2, quotas=[quota(20, 1.0, learned=60)]),
        east(2, mode="share", **ours),
        east(3, mode="share", **{**ours, "state": "ill"}),
    ]
    merged = together(documents)

    assert merged["store"] == {"mode": "share", "degraded": True, "processes": None}
    told = of_one(merged)
    assert (told["state"], told["in_flight"]) == ("ill", 4)
    assert [(one["used"], one["learned"], one["limit"]) for one in told["quotas"]] == [(40, 100, 60)]


def test_budgets_are_told_as_the_latest_to_hear_of_them_knows_and_may_hold_more_where_one_says_so() -> None:
    documents = [
        document(1, budgets=[budget("1.25", 5.0, at_least=True)]),
        document(2, budgets=[budget("2.5", 1.0)]),
        document(3, budgets=[budget("0", None)]),
    ]
    assert together(documents)["budgets"] == [budget("2.5", 1.0, at_least=True)]


def test_budgets_of_those_who_count_by_themselves_add_up() -> None:
    documents = [document(process, mode="share", budgets=[budget("0.1")]) for process in (1, 2, 3)]

    assert together(documents)["budgets"] == [budget("0.3")]


def test_latency_is_the_average_of_those_who_know_it() -> None:
    documents = [east(process, latency=latency) for process, latency in enumerate((2.0, None, 3.0))]

    assert of_one(together(documents))["latency"] == 2.5


def test_the_most_that_was_heard_of_is_how_many_processes_share_the_store() -> None:
    stores = [{"mode": "shared", "degraded": False, "processes": known} for known in (2, None, 3)]

    assert together(document(at, store=store) for at, store in enumerate(stores))["store"] == stores[2]


def test_while_a_reload_goes_round_the_latest_says_what_is_configured_and_nothing_is_lost() -> None:
    before = document(1, at=1000.0, groups=[group(deployment("gone", spend=spend("1"))), group(name="old")])
    after = document(2, at=1000.1, groups=[group(deployment("new"), strategy="cost")])

    told = together([before, after])

    assert [one["name"] for one in told["groups"]] == ["flux", "old"]
    assert told["groups"][0]["strategy"] == "cost"
    assert [one["name"] for one in told["groups"][0]["deployments"]] == ["new", "gone"]


# --- whatever they tell --------------------------------------------------------------------------------------------

money = st.decimals(min_value=0, max_value=10**9, places=9).map(lambda amount: format(amount, "f"))
spends = st.builds(spend, money, money, st.integers(0, 9))
ages = st.none() | st.floats(0, 30).map(lambda age: round(age, 3))
states = st.sampled_from(["well", "waiting", "ill", "cooling"])
quotas = st.builds(quota, st.integers(0, 90), ages, st.integers(1, 60), st.sampled_from([None, "account"]))
deployments = st.builds(
    deployment,
    st.sampled_from(["east", "west"]),
    state=states,
    cooling=st.floats(0, 60),
    age=ages,
    in_flight=st.integers(0, 9),
    latency=st.none() | st.floats(0, 60),
    quotas=st.lists(quotas, max_size=2, unique_by=lambda one: one["pool"]),
    spend=spends,
)
groups = st.builds(
    lambda name, members, paid: group(*members, name=name, spend=paid),
    st.sampled_from(["flux", "spare"]),
    st.lists(deployments, max_size=2, unique_by=lambda one: one["name"]),
    spends,
)
requests = st.builds(lambda at, name: {"id": name, "at": at}, st.integers(900, 1000), st.uuids().map(str))


@st.composite
def fleets(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The documents of some workers."""
    counts = st.lists(st.integers(0, 9), min_size=MINUTE, max_size=MINUTE)
    return [
        document(
            process,
            at=draw(st.integers(990, 1000)),
            mode=draw(st.sampled_from(["shared", "share"])),
            in_flight=draw(st.integers(0, 99)),
            minute=minute(draw(st.integers(500, 503)), draw(counts), draw(counts)),
            spend=draw(spends),
            groups=draw(st.lists(groups, max_size=2, unique_by=lambda one: one["name"])),
            requests=sorted(draw(st.lists(requests, max_size=40)), key=lambda one: -one["at"]),
        )
        for process in range(draw(st.integers(1, 4)))
    ]


@given(fleets(), st.randoms(use_true_random=False))
def test_it_makes_no_difference_who_is_asked_first(documents: list[dict[str, Any]], rng: random.Random) -> None:
    shuffled = rng.sample(documents, k=len(documents))

    assert together(shuffled) == together(documents)


@given(fleets())
def test_of_one_alone_its_own_document_is_told(documents: list[dict[str, Any]]) -> None:
    assert together(documents[:1]) == documents[0]


@given(fleets())
def test_no_cent_no_request_and_no_deployment_is_lost_or_told_twice(documents: list[dict[str, Any]]) -> None:
    told = together(documents)

    def paid(one: dict[str, Any]) -> Iterator[tuple[str, Decimal]]:
        yield "", Decimal(one["spend"]["known"])
        for each in one["groups"]:
            yield each["name"], Decimal(each["spend"]["known"])
            for member in each["deployments"]:
                yield f"{each['name']}/{member['name']}", Decimal(member["spend"]["known"])

    sums: dict[str, Decimal] = {}
    for name, amount in (pair for one in documents for pair in paid(one)):
        sums[name] = sums.get(name, Decimal(0)) + amount
    assert list(paid(told)) == [(name, sums[name]) for name, _ in paid(told)]
    assert set(dict(paid(told))) == set(sums)

    kept = [request["id"] for request in told["requests"]]
    assert len(set(kept)) == len(kept) == min(KEPT, sum(len(one["requests"]) for one in documents))
    assert [one["at"] for one in told["requests"]] == sorted((one["at"] for one in told["requests"]), reverse=True)


# --- who is asked --------------------------------------------------------------------------------------------------


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A directory whose path is short enough for a socket's."""
    with TemporaryDirectory() as directory:
        yield Path(directory)


def left(sockets: Path) -> list[Path]:
    return list(sockets.iterdir())


def telling(name: str) -> bytes:
    return json.dumps({"name": name}).encode()


@BOTH_LOOPS
async def test_workers_have_each_others_documents_and_not_their_own(sockets: Path) -> None:
    async with AsyncExitStack() as open_:
        for process in (1, 2, 3):
            answering = Siblings(sockets, process).answering(partial(telling, f"of {process}"))
            await open_.enter_async_context(answering)
        told, silent = await Siblings(sockets, 2).documents()

    assert sorted(one["name"] for one in told) == ["of 1", "of 3"]
    assert silent == 0
    assert left(sockets) == []


@BOTH_LOOPS
async def test_a_large_document_arrives_whole(sockets: Path) -> None:
    large = "x" * 5_000_000
    async with Siblings(sockets, 1).answering(lambda: telling(large)):
        told, _ = await Siblings(sockets, 2).documents()

    assert told == [{"name": large}]


@BOTH_LOOPS
async def test_one_that_hangs_delays_nothing_beyond_the_patience_and_is_counted(sockets: Path) -> None:
    async with (
        await anyio.create_unix_listener(socket_of(sockets, 1)),  # nobody accepts
        Siblings(sockets, 2).answering(lambda: telling("of 2")),
    ):
        began = _clock.now()
        told, silent = await Siblings(sockets, 3).documents()

    assert told == [{"name": "of 2"}]
    assert silent == 1
    assert _clock.now() - began < PATIENCE + 1.0


@BOTH_LOOPS
async def test_what_is_left_of_one_that_was_killed_is_no_worker(sockets: Path) -> None:
    listener = await anyio.create_unix_listener(socket_of(sockets, 1))
    await listener.aclose()

    assert left(sockets) == [socket_of(sockets, 1)]
    assert await Siblings(sockets, 2).documents() == ([], 0)


@BOTH_LOOPS
async def test_one_that_breaks_off_is_silent_and_breaks_nothing(sockets: Path) -> None:
    def broken() -> bytes:
        raise ValueError("it cannot be told")

    async with (
        Siblings(sockets, 1).answering(broken),
        Siblings(sockets, 2).answering(lambda: b'{"name": "of'),
        Siblings(sockets, 3).answering(lambda: telling("of 3")),
    ):
        for _ in range(2):  # and can be asked again
            assert await Siblings(sockets, 4).documents() == ([{"name": "of 3"}], 2)


@BOTH_LOOPS
async def test_without_a_place_for_its_socket_a_worker_serves_all_the_same(sockets: Path) -> None:
    async with Siblings(sockets / "gone", 1).answering(lambda: telling("of 1")):
        assert await Siblings(sockets / "gone", 2).documents() == ([], 0)


@BOTH_LOOPS
async def test_nobody_else_may_ask(sockets: Path) -> None:
    async with Siblings(sockets, 1).answering(lambda: telling("of 1")):
        assert socket_of(sockets, 1).stat().st_mode & 0o077 == 0
