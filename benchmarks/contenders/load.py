"""Who calls the gateways: bare aiohttp in a process of its own, whose work is not counted."""

from __future__ import annotations

import aiohttp

from benchmarks.contenders import clients
from benchmarks.contenders.working import work
from benchmarks.measuring import Figures, timed


class WrongAnswerError(Exception):
    """A gateway answered with something else than the picture."""


class Load:
    def __init__(self) -> None:
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def load(
        self, url: str, model: str, headers: dict[str, str], side_by_side: int, seconds: float, at_least: int
    ) -> Figures:
        """So many callers, each on a connection that it keeps. An answer has at least so many bytes, which are read."""
        if url not in self._sessions:
            timeout = aiohttp.ClientTimeout(total=clients.LONGEST)
            self._sessions[url] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout)
        session = self._sessions[url]
        body = {"model": model, "prompt": clients.PROMPT, "n": 1, "size": clients.SIZE}

        async def one() -> None:
            async with session.post(url, json=body, headers=headers) as response:
                answer = await response.read()
            if response.status != 200 or len(answer) < at_least:
                raise WrongAnswerError(
                    f"{response.status}, {len(answer)} bytes: {answer[:200].decode(errors='replace')}"
                )

        return await timed(one, side_by_side, seconds)


if __name__ == "__main__":
    work({"load": Load().load}, on_uvloop=True)
