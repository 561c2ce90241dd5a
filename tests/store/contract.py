"""The stores that one contract holds for, each made on the clock of the running loop."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Protocol, TypeAlias

import pytest
import redis

from pixelrelay import _clock
from pixelrelay.store.health import HealthPolicy
from pixelrelay.store.memory import MemoryStore
from pixelrelay.store.shared import Shared
from tests.store.direct import Server, in_python, real_server

AnyStore: TypeAlias = MemoryStore | Shared


class MakeStore(Protocol):
    def __call__(self, *, health: HealthPolicy | None = None, rng: Random | None = None) -> AnyStore: ...


def in_memory(*, health: HealthPolicy | None = None, rng: Random | None = None) -> MemoryStore:
    """On a wall clock that shows the loop's time, as the shared ones are in tests."""
    return MemoryStore(health=health, rng=rng, wall=_clock.now)


@pytest.fixture(scope="session")
def redis_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    with real_server(tmp_path_factory.mktemp("redis")) as client:
        yield client


@pytest.fixture(params=["fakeredis", "redis"])
def server(request: pytest.FixtureRequest) -> Server:
    return server_of(request.param, request)


def server_of(kind: str, request: pytest.FixtureRequest) -> Server:
    if kind == "fakeredis":
        return in_python()
    client: redis.Redis = request.getfixturevalue("redis_client")
    client.flushall()
    return Server(client)


@pytest.fixture(params=["memory", "fakeredis", "redis"])
def make_store(request: pytest.FixtureRequest) -> MakeStore:
    if request.param == "memory":
        return in_memory
    return server_of(request.param, request).join
