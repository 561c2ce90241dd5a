"""Fifty thousand requests leave nothing behind."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable

import anyio
import pytest

from pixelrelay import Router
from pixelrelay._transport.engine import CutError, NotSentError, Outgoing
from pixelrelay._transport.transport import Transport
from pixelrelay.errors import PixelRelayError
from pixelrelay.providers.base import Reply
from pixelrelay.store.memory import MemoryStore

pytestmark = pytest.mark.anyio

LANES = 16
"""So few that the windows of the quotas are full after the first fifth of the requests, and stay so."""

ANSWER = Reply(200, {"content-type": "application/json"}, json.dumps({"data": [{"b64_json": "iVBORw0KGgo="}]}).encode())
FULL = Reply(429, {"retry-after": "2"}, b'{"error": {"code": "RateLimitReached", "message": "full"}}')


class Upstream:
    """Answers at once, and now and then as no provider should."""

    def __init__(self) -> None:
        self.calls = 0

    async def send(self, outgoing: Outgoing, on_sent: Callable[[], None]) -> Reply:  # noqa: ARG002
        self.calls += 1
        await anyio.sleep(0.5)
        if self.calls % 97 == 0:
            raise NotSentError("refused")
        on_sent()
        if self.calls % 193 == 0:
            raise CutError("reset")
        return FULL if self.calls % 61 == 0 else ANSWER

    async def aclose(self) -> None:
        """Nothing to close."""


def configuration() -> dict[str, object]:
    deployments = [
        {
            "name": f"east-{number}",
            "provider": "azure-foundry",
            "model": "FLUX.2-pro",
            "endpoint": "https://contoso.services.ai.azure.com",
            "api_key": "a-key-of-twenty-letters",
            "requests_per_minute": 3000,
            "concurrent": 40,
        }
        for number in range(5)
    ]
    return {"models": {"flux": {"deployments": deployments}}, "retry_budget": {"floor": 10_000}}


async def asked(router: Router, times: int, first: int) -> None:
    """``times`` requests, sixteen at a time; every twentieth caller leaves in the middle."""

    async def worker(numbers: range) -> None:
        for number in numbers:
            with anyio.move_on_after(0.2 if number % 20 == 0 else 600):
                try:
                    await router.generate(f"flux{'' if number % 50 else '!'}", f"picture {number}", user=str(number))
                except PixelRelayError:
                    continue

    async with anyio.create_task_group() as tasks:
        for lane in range(LANES):
            tasks.start_soon(worker, range(first + lane, first + times, LANES))


def held() -> int:
    """Blocks of memory that Python has handed out; counting them is free, tracing them is not."""
    gc.collect()
    return sys.getallocatedblocks()


@pytest.mark.parametrize("requests", [pytest.param(10_000, id="10k"), pytest.param(50_000, marks=pytest.mark.slow)])
async def test_memory_is_flat_after_many_requests(requests: int, anyio_backend: tuple[str, object]) -> None:
    if anyio_backend[0] == "trio":
        return  # the engine is the same; twice the time would show nothing more
    store = MemoryStore()
    async with Router(configuration(), store=store, transport=Transport(Upstream())) as router:
        await asked(router, requests // 5, 0)
        before = held()
        await asked(router, requests * 4 // 5, requests // 5)
        assert held() - before < 2_000, "fewer than a block for every four requests, whatever they are"
        assert all(router.state(f"east-{number}").in_flight == 0 for number in range(5))
        assert store.waiting == 0
