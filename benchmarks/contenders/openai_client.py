"""OpenAI's own client, as it comes, except that nothing is tried twice."""

from __future__ import annotations

from openai import AsyncOpenAI

from benchmarks.contenders import clients


class OpenAIClient:
    async def open(self, port: int, deployments: int) -> None:  # noqa: ARG002 - there is nothing to choose from
        self._client = AsyncOpenAI(
            base_url=f"http://127.0.0.1:{port}/v1", api_key=clients.KEY, max_retries=0, timeout=clients.LONGEST
        )

    async def close(self) -> None:
        await self._client.close()

    async def generate(self) -> object:
        return await self._client.images.generate(model=clients.MODEL, prompt=clients.PROMPT, n=1, size=clients.SIZE)

    async def edit(self, image: bytes) -> object:
        return await self._client.images.edit(
            model=clients.MODEL, prompt=clients.PROMPT, image=("image.png", image, "image/png")
        )


if __name__ == "__main__":
    clients.serve(OpenAIClient())
