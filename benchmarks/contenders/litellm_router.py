"""LiteLLM's Router, as its documentation has it for production: no debug output, nothing tried twice."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("LITELLM_LOG", "ERROR")
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # the list of prices that it brings, not a download

from litellm import Router

from benchmarks.contenders import clients


def model_list(port: int, deployments: int) -> list[dict[str, Any]]:
    return [
        {
            "model_name": "images",
            "litellm_params": {
                "model": f"openai/{clients.MODEL}",
                "api_key": clients.KEY,
                "api_base": f"http://127.0.0.1:{port}/v1",
                "rpm": 100_000_000,
            },
            "model_info": {"id": f"d{number}"},
        }
        for number in range(deployments)
    ]


def router_of(deployments: list[dict[str, Any]], strategy: str = "simple-shuffle") -> Any:
    return quiet_router(model_list=deployments, routing_strategy=strategy, num_retries=0, timeout=clients.LONGEST)


def quiet_router(**settings: Any) -> Any:
    """LiteLLM's Router with these settings, and all others as they come."""
    return Router(set_verbose=False, **settings)


class LiteLLM:
    async def open(self, port: int, deployments: int) -> None:
        self._router = router_of(model_list(port, deployments))

    async def close(self) -> None:
        self._router.discard()

    async def generate(self) -> object:
        return await self._router.aimage_generation(model="images", prompt=clients.PROMPT, n=1, size=clients.SIZE)

    async def edit(self, image: bytes) -> object:
        return await self._router.aimage_edit(model="images", prompt=clients.PROMPT, image=image)


if __name__ == "__main__":
    clients.serve(LiteLLM())
