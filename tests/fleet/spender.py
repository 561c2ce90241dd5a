"""A process that draws until its budget is used up: ``python -m tests.fleet.spender URL CONFIG SEED``.

It says in one line what it is known to have spent, what may have been spent besides, and how its requests ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from random import Random

from pixelrelay import BudgetExceededError, PixelRelayError, Router
from pixelrelay._transport.transport import Transport
from pixelrelay.testing import EmulatedDeployment, Fault, FaultKind, Fleet

SIDE_BY_SIDE = 6
ENOUGH = 5
"""Refusals in a row after which one stops asking."""
AGAIN = 0.3
"""Seconds after a refusal: others may give back what they had reserved."""


async def spend(config: dict[str, object], seed: int) -> dict[str, object]:
    broken = Fault(FaultKind.RESET_BEFORE_ANSWER, rate=0.1)
    down = Fault(FaultKind.UNAVAILABLE, rate=0.2)
    fleet = Fleet(
        EmulatedDeployment(
            "dear", "azure-foundry", "FLUX.2-pro", latency=0.02, requests_per_minute=10**6, faults=(broken,)
        ),
        EmulatedDeployment(
            "cheap", "azure-foundry", "FLUX.2-pro", latency=0.01, requests_per_minute=10**6, faults=(down,)
        ),
    )
    prices = {"dear": "0.07", "cheap": "0.03"}
    entries = [
        {**entry, "requests_per_minute": 10**6, "shape": "rolling", "price": {"image": prices[entry["name"]]}}
        for entry in fleet.entries()
    ]
    rng, ended = Random(seed), Counter[str]()
    router = Router(
        {"models": {"flux": {"deployments": entries}}, "health": {"consecutive": 10, "failed": 10}, **config},
        transport=Transport(fleet.engine(), rng=rng),
        rng=rng,
    )

    async def draw() -> None:
        refused = 0
        while refused < ENOUGH:
            try:
                await router.generate("flux", "a lighthouse", size="64x64", user=f"user-{rng.randrange(3)}")
                ended["served"] += 1
                refused = 0
            except BudgetExceededError:
                refused += 1
                await asyncio.sleep(AGAIN)
            except PixelRelayError as error:
                ended[type(error).__name__] += 1

    async with router, asyncio.TaskGroup() as tasks:
        for _ in range(SIDE_BY_SIDE):
            tasks.create_task(draw())
    total = router.spend().total
    return {"known": str(total.known), "at_risk": str(total.at_risk), "ended": ended}


if __name__ == "__main__":
    url, path, number = sys.argv[1:]
    told = asyncio.run(spend({**json.loads(Path(path).read_text()), "store": url}, int(number)))
    sys.stdout.write(json.dumps(told) + "\n")
