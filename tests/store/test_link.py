"""One connection to the shared store: what it asks, and what it tells of that."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from pixelrelay.store.address import parse
from pixelrelay.store.base import Asked
from pixelrelay.store.link import Link
from pixelrelay.store.shared import LostError
from tests.servers import RedisServer, redis_server

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


def scripts_run(server: RedisServer) -> int:
    ran = server.info("commandstats")
    return sum(stats["calls"] for name, stats in ran.items() if name in {"cmdstat_evalsha", "cmdstat_eval"})


async def test_what_nobody_waits_for_any_more_before_it_was_sent_is_not_asked_and_not_told(server: RedisServer) -> None:
    told: list[Asked] = []
    link = Link(parse(server.url), "pixelrelay", 5.0, told.append)
    await link.call("look", '{"process":"one","offers":[]}')
    told.clear()
    before = scripts_run(server)
    left = asyncio.create_task(link.call("look", '{"process":"one","offers":[]}'))
    await asyncio.sleep(0)
    left.cancel()
    stayed = link.call("look", '{"process":"one","offers":[]}')
    await asyncio.gather(left, stayed, return_exceptions=True)
    assert scripts_run(server) - before == len(told) == 1
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
