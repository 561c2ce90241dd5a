"""pixelrelay's Router: a quota and a price for every deployment, counted in memory."""

from __future__ import annotations

from typing import Any

from benchmarks.contenders import clients
from pixelrelay import Router

NO_LIMIT = 100_000_000


def config(port: int, deployments: int, strategy: str = "least-busy") -> dict[str, Any]:
    entries = [
        {
            "name": f"d{number}",
            "provider": "openai",
            "model": clients.MODEL,
            "api_key": clients.KEY,
            "base_url": f"http://127.0.0.1:{port}/v1",
            "requests_per_minute": NO_LIMIT,  # never reached, always counted
            "price": {"image": 0.04},
        }
        for number in range(deployments)
    ]
    return {"models": {"images": {"strategy": strategy, "deployments": entries}}}


class PixelRelay:
    async def open(self, port: int, deployments: int) -> None:
        self._router = Router(config(port, deployments))

    async def close(self) -> None:
        await self._router.aclose()

    async def generate(self) -> object:
        return await self._router.generate(model="images", prompt=clients.PROMPT, n=1, size=clients.SIZE)

    async def edit(self, image: bytes) -> object:
        return await self._router.edit(model="images", prompt=clients.PROMPT, image=image)


if __name__ == "__main__":
    clients.serve(PixelRelay())
