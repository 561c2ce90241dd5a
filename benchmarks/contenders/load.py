"""Who calls the gateways: bare aiohttp in a process of its own, whose work is not counted."""

from __future__ import annotations

import aiohttp

from benchmarks.contenders import clients
from benchmarks.contenders.working import work
from benchmarks.measuring import Figures, timed


class WrongAnswerError(Exception):
    """A gateway answered with something else than the picture."""


async def load(
    url: str, model: str, headers: dict[str, str], side_by_side: int, seconds: float, at_least: int
) -> Figures:
    """So many callers, each on a connection that it keeps for the round. An answer has at least so many bytes.

    A call that fails is counted (``failed``), and its caller goes on; if all fail, the last says why.
    """
    body = {"model": model, "prompt": clients.PROMPT, "n": 1, "size": clients.SIZE}
    # Not kept from round to round: gateways close what was idle for so long as the others take.
    connector, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=clients.LONGEST)
    failures: list[Exception] = []
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def one() -> None:
            try:
                await answered()
            except (aiohttp.ClientError, TimeoutError, WrongAnswerError) as error:
                failures.append(error)

        async def answered() -> None:
            async with session.post(url, json=body, headers=headers) as response:
                answer = await response.read()
            if response.status != 200 or len(answer) < at_least:
                said = answer[:200].decode(errors="replace")
                raise WrongAnswerError(f"{response.status}, {len(answer)} bytes: {said}")

        figures = await timed(one, side_by_side, seconds)
    if len(failures) == figures["requests"]:
        raise failures[-1]
    return {**figures, "failed": len(failures)}


if __name__ == "__main__":
    work({"load": load}, on_uvloop=True)
