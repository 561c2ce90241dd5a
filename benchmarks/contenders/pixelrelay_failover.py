"""pixelrelay's Router over deployments that fail: as it comes, but for the timeout that all are given."""

from __future__ import annotations

from benchmarks.contenders import clients, failing
from pixelrelay import Router


class PixelRelay:
    async def open(self, bases: list[str], timeout: float) -> None:
        deployments = [
            {
                "name": f"d{number}",
                "provider": "openai",
                "model": clients.MODEL,
                "api_key": clients.KEY,
                "base_url": base,
                "price": {"image": 0.04},
            }
            for number, base in enumerate(bases)
        ]
        times = {"connect": timeout, "first_byte": timeout, "total": timeout}
        self._router = Router({"models": {"images": {"deployments": deployments}}, "timeouts": times})

    async def close(self) -> None:
        await self._router.aclose()

    async def generate(self) -> object:
        return await self._router.generate(model="images", prompt=clients.PROMPT, n=1, size=clients.SIZE)


if __name__ == "__main__":
    failing.serve(PixelRelay())
