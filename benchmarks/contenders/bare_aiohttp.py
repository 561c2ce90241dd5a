"""aiohttp alone: a POST, the body read whole; parsed as JSON in its second form, as any client has to."""

from __future__ import annotations

import json
import sys

import aiohttp

from benchmarks.contenders import clients


class BareAiohttp:
    def __init__(self, *, parses: bool) -> None:
        self._parses = parses

    async def open(self, port: int, deployments: int) -> None:  # noqa: ARG002 - there is nothing to choose from
        self._base = f"http://127.0.0.1:{port}/v1/images"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            headers={"authorization": f"Bearer {clients.KEY}"},
            timeout=aiohttp.ClientTimeout(total=clients.LONGEST),
        )

    async def close(self) -> None:
        await self._session.close()

    async def generate(self) -> object:
        body = {"model": clients.MODEL, "prompt": clients.PROMPT, "n": 1, "size": clients.SIZE}
        async with self._session.post(f"{self._base}/generations", json=body) as response:
            return await self._read(response)

    async def edit(self, image: bytes) -> object:
        form = aiohttp.FormData({"model": clients.MODEL, "prompt": clients.PROMPT})
        form.add_field("image", image, filename="image.png", content_type="image/png")
        async with self._session.post(f"{self._base}/edits", data=form) as response:
            return await self._read(response)

    async def _read(self, response: aiohttp.ClientResponse) -> object:
        response.raise_for_status()
        body = await response.read()
        return json.loads(body) if self._parses else body


if __name__ == "__main__":
    clients.serve(BareAiohttp(parses="--bytes" not in sys.argv))
