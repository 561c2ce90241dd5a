"""One process of a fleet with LiteLLM's Router: ``python -m benchmarks.contenders.litellm_fleet ORDER``.

It is told what to do, and tells what it did, as the workers of pixelrelay's fleets (``tests.fleet.worker``) do.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.contenders.litellm_router import quiet_router
from benchmarks.contenders.working import own_output
from tests.fleet.offering import carry_out
from tests.fleet.orders import ABANDONED, SERVED, Load, Order, Request, Summary

NOWHERE = "http://127.0.0.1:9"


class Worker:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._size = order.config["size"]
        self._router: Any = quiet_router(**order.config["router"])
        self._requests: list[Request] = []

    async def run(self) -> Summary:
        await self._warmed()
        if time.monotonic() > self._order.begins:
            raise SystemExit("it was not ready when the first request came")
        await carry_out(self._order, self._ask)
        return Summary(pid=os.getpid(), requests=self._requests)

    async def _warmed(self) -> None:
        """Have it import what it calls with, by a call to where nobody listens."""
        models = [
            {**each, "litellm_params": {**each["litellm_params"], "api_base": NOWHERE}}
            for each in self._order.config["router"]["model_list"]
        ]
        router = quiet_router(model_list=models, num_retries=0, timeout=1.0)
        with suppress(Exception):
            await router.aimage_generation(model="flux", prompt="nothing", size=self._size)

    async def _ask(self, load: Load, number: int) -> None:
        asked, outcome = time.monotonic(), ABANDONED
        try:
            prompt = f"picture {number} of worker {self._order.part}"
            await self._router.aimage_generation(model=load.group, prompt=prompt, size=self._size, n=1)
            outcome = SERVED
        except Exception as error:
            outcome = type(error).__name__
        finally:
            self._requests.append(Request(load.group, asked, time.monotonic(), outcome))


async def main(order: Order) -> Summary:
    # Made in the loop that it runs in, where it begins to write to Redis.
    return await Worker(order).run()


if __name__ == "__main__":
    output = own_output()
    summary = asyncio.run(main(Order.read(Path(sys.argv[1]).read_text())))
    output.write(f"{summary.line()}\n")
    output.flush()
