"""LiteLLM's choice of a deployment: what its Router does before each call, and nothing of what it does after it."""

from __future__ import annotations

from typing import Any

from benchmarks.contenders.litellm_router import model_list, router_of
from benchmarks.contenders.working import work
from benchmarks.measuring import Figures, timed

NOWHERE = 9


class Picks:
    def __init__(self) -> None:
        self._routers: dict[str, Any] = {}

    async def open(self, deployments: int, strategies: list[str]) -> Figures:
        for strategy in strategies:
            router = self._routers[strategy] = router_of(model_list(NOWHERE, deployments), strategy)
            for _ in range(5):
                await self._once(router)
        return {}

    async def pick(self, strategy: str, seconds: float) -> Figures:
        router = self._routers[strategy]
        return await timed(lambda: self._once(router), 1, seconds)

    async def _once(self, router: Any) -> None:
        # As its aimage_generation asks for one.
        await router.async_get_available_deployment(
            model="images", request_kwargs={"metadata": {}}, messages=[{"role": "user", "content": "prompt"}]
        )


if __name__ == "__main__":
    picks = Picks()
    work({"open": picks.open, "pick": picks.pick})
