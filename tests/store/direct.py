"""The shared store's script, asked without a network, inside the coroutine: so it works on loops whose time jumps.

A ``Server`` is a real Redis or one in Python, and knows the processes that use it: after each call it hands each of
them the messages that were left for it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import fakeredis
import pytest
import redis

from pixelrelay import _clock
from pixelrelay.store.health import HealthPolicy
from pixelrelay.store.scripts import SCHEMA, SCRIPT, SHA, inbox
from pixelrelay.store.shared import LostError, Shared

BASE = "{test}"


class Server:
    """A server, by a client that blocks, and the processes that share it."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self.shared: dict[str, Shared] = {}
        self.steps: Counter[str] = Counter()
        self._names = count(1)
        client.script_load(SCRIPT)

    def join(
        self,
        name: str | None = None,
        *,
        health: HealthPolicy | None = None,
        rng: Random | None = None,
        clock: Callable[[], float] = _clock.now,
        lease: float = 1e9,
        timeout: float = 0.25,
    ) -> Shared:
        """A new process, whose time is the loop's. Its lease never ends, unless it is given one."""
        name = name or f"p{next(self._names)}"

        async def call(step: str, asked: str) -> dict[str, Any]:
            if name not in self.shared:
                raise LostError(f"{name} is dead")
            return self.call(step, asked)

        shared = Shared(call, process=name, health=health, rng=rng, clock=clock, lease=lease, timeout=timeout)
        self.shared[name] = shared
        return shared

    def call(self, step: str, asked: str) -> dict[str, Any]:
        self.steps[step] += 1
        try:
            answer = self.client.evalsha(SHA, 1, BASE, step, asked)
        except redis.exceptions.NoScriptError:
            answer = self.client.eval(SCRIPT, 1, BASE, step, asked)
        self.deliver()
        reply: dict[str, Any] = json.loads(answer)
        return reply

    def kill(self, shared: Shared) -> None:
        """Nothing of what this process asks reaches the server any more."""
        self.shared = {name: each for name, each in self.shared.items() if each is not shared}

    def deliver(self) -> None:
        for name, shared in list(self.shared.items()):
            while message := self.client.lpop(inbox(BASE, name)):
                shared.hear(json.loads(message))  # type: ignore[arg-type]

    def all_keys(self) -> list[str]:
        return sorted(key.decode() for key in self.client.scan_iter())

    def key(self, kind: str, name: str = "") -> str:
        return f"{BASE}:{SCHEMA}:{kind}" + (f":{name}" if name else "")


def in_python() -> Server:
    return Server(fakeredis.FakeRedis(server=fakeredis.FakeServer()))


@contextmanager
def real_server(folder: Path) -> Iterator[redis.Redis]:
    """A real server that keeps nothing, on a socket in ``folder``."""
    binary = shutil.which("redis-server")
    if binary is None:
        if os.environ.get("PIXELRELAY_REQUIRE_REDIS"):
            pytest.fail("redis-server is not on PATH, and PIXELRELAY_REQUIRE_REDIS is set")
        pytest.skip("redis-server is not on PATH")
    path = folder / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL) as process:
        try:
            client = redis.Redis(unix_socket_path=str(path))
            _until_it_answers(client)
            yield client
            client.close()
        finally:
            process.terminate()


def _until_it_answers(client: redis.Redis) -> None:
    for _ in range(500):
        try:
            client.ping()
        except redis.exceptions.ConnectionError:
            time.sleep(0.01)
        else:
            return
    raise AssertionError("redis-server does not answer")
