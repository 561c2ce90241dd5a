"""LiteLLM's choice of a deployment: what its Router does before each call, and nothing of what it does after it."""

from __future__ import annotations

from benchmarks.contenders.litellm_router import Router, model_list
from benchmarks.contenders.working import work
from benchmarks.measuring import Figures, timed

NOWHERE = 9


class Picks:
    def __init__(self) -> None:
        self._routers: dict[str, Router] = {}

    async def open(self, deployments: int, strategies: list[str]) -> Figures:
        for strategy in strategies:
            router = Router(
                model_list=model_list(NOWHERE, deployments), routing_strategy=strategy, num_retries=0, set_verbose=False
            )
            self._routers[strategy] = router
            for _ in range(5):
                await self._once(router)
        return {}

    async def pick(self, strategy: str, seconds: float) -> Figures:
        router = self._routers[strategy]
        return await timed(lambda: self._once(router), 1, seconds)

    async def _once(self, router: Router) -> None:
        # As its aimage_generation asks for one.
        await router.async_get_available_deployment(
            model="images", request_kwargs={"metadata": {}}, messages=[{"role": "user", "content": "prompt"}]
        )


if __name__ == "__main__":
    picks = Picks()
    work({"open": picks.open, "pick": picks.pick})
