"""LiteLLM's Router over deployments that fail: as it comes, or with what its documentation sets for reliability."""

from __future__ import annotations

import sys
from typing import Any

from benchmarks.contenders import clients, failing
from benchmarks.contenders.litellm_router import quiet_router

RECOMMENDED = {"num_retries": 2, "allowed_fails": 1, "cooldown_time": 30}


class LiteLLM:
    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings

    async def open(self, bases: list[str], timeout: float) -> None:
        deployments = [
            {
                "model_name": "images",
                "litellm_params": {"model": f"openai/{clients.MODEL}", "api_key": clients.KEY, "api_base": base},
                "model_info": {"id": f"d{number}"},
            }
            for number, base in enumerate(bases)
        ]
        self._router = quiet_router(model_list=deployments, timeout=timeout, **self._settings)

    async def close(self) -> None:
        self._router.discard()

    async def generate(self) -> object:
        return await self._router.aimage_generation(model="images", prompt=clients.PROMPT, n=1, size=clients.SIZE)


if __name__ == "__main__":
    failing.serve(LiteLLM(RECOMMENDED if "--recommended" in sys.argv else {}))
