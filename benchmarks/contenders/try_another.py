"""What people write before they look for a router: try the deployments in any order until one answers."""

from __future__ import annotations

import random

import aiohttp

from benchmarks.contenders import clients, failing


class NobodyError(Exception):
    """All have been tried."""


class TryAnother:
    async def open(self, bases: list[str], timeout: float) -> None:
        self._bases = bases
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            headers={"authorization": f"Bearer {clients.KEY}"},
            # To the moment, as the others: aiohttp would make whole seconds of those from 5 on.
            timeout=aiohttp.ClientTimeout(total=timeout, ceil_threshold=2 * timeout),
        )

    async def close(self) -> None:
        await self._session.close()

    async def generate(self) -> object:
        body = {"model": clients.MODEL, "prompt": clients.PROMPT, "n": 1, "size": clients.SIZE}
        for base in random.sample(self._bases, len(self._bases)):
            try:
                async with self._session.post(f"{base}/images/generations", json=body) as response:
                    response.raise_for_status()
                    return await response.json()
            except (aiohttp.ClientError, TimeoutError):
                continue
        raise NobodyError


if __name__ == "__main__":
    failing.serve(TryAnother())
