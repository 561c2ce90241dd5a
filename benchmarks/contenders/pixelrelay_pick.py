"""pixelrelay's choice of a deployment, from request to settlement, without the call itself.

There is no public way to have a choice without a call, so this reaches into the engine, in one place.
"""

from __future__ import annotations

from random import Random

from benchmarks.contenders import clients
from benchmarks.contenders.pixelrelay_router import config
from benchmarks.contenders.working import work
from benchmarks.measuring import Figures, timed
from pixelrelay import Router, _clock
from pixelrelay.images import ImageRequest, Operation, Size
from pixelrelay.quotas import Unit
from pixelrelay.router.decide import Ask, Policy, Story, decide
from pixelrelay.router.engine import Call, Journal
from pixelrelay.router.plan import plan
from pixelrelay.store.base import Full, Report, Verdict

SQUARE = Size(1024, 1024)
USED = {Unit.IMAGES: 1}
WELL = Report(Verdict.WELL, used=USED, ours=USED)
NOWHERE = 9


class Picks:
    def __init__(self) -> None:
        self._routers: dict[str, Router] = {}
        self._request = ImageRequest(Operation.GENERATE, clients.PROMPT, size=SQUARE)

    async def open(self, deployments: int, strategies: list[str]) -> Figures:
        rng = Random(1)
        self._policy = Policy(deadline=_clock.now() + 1e6)
        for strategy in strategies:
            router = self._routers[strategy] = Router(config(NOWHERE, deployments, strategy), rng=rng)
            for candidate in router.groups["images"].candidates:
                candidate.latency.completed(rng.uniform(5, 15), SQUARE, 1)
            for _ in range(20):
                await self._once(router)
        return {}

    async def pick(self, strategy: str, seconds: float) -> Figures:
        router = self._routers[strategy]
        return await timed(lambda: self._once(router), 1, seconds)

    async def _once(self, router: Router) -> None:
        made = plan(router._fleet, self._request, "images", images=1)
        step = decide(Story(made, self._policy), _clock.now(), 0.5)
        assert isinstance(step, Ask)
        taken = await router._engine._reserve(self._request, step, Call(self._policy), Journal("pick", 0.0))
        assert not isinstance(taken, Full)
        await router._store.settle(taken[1], WELL)


if __name__ == "__main__":
    picks = Picks()
    work({"open": picks.open, "pick": picks.pick})
