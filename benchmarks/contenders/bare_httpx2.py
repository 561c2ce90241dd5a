"""httpx2 alone, the maintained successor of httpx, with a pool that is not limited."""

from __future__ import annotations

import httpx2

from benchmarks.contenders import clients


class BareHttpx2:
    async def open(self, port: int, deployments: int) -> None:  # noqa: ARG002 - there is nothing to choose from
        self._client = httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}/v1/images",
            headers={"authorization": f"Bearer {clients.KEY}"},
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None),
            timeout=clients.LONGEST,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def generate(self) -> object:
        body = {"model": clients.MODEL, "prompt": clients.PROMPT, "n": 1, "size": clients.SIZE}
        return _read(await self._client.post("/generations", json=body))

    async def edit(self, image: bytes) -> object:
        form = {"model": clients.MODEL, "prompt": clients.PROMPT}
        return _read(await self._client.post("/edits", data=form, files={"image": ("image.png", image, "image/png")}))


def _read(response: httpx2.Response) -> object:
    response.raise_for_status()
    return response.json()


if __name__ == "__main__":
    clients.serve(BareHttpx2())
