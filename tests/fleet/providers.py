"""The emulated providers of a fleet, in a process of their own: ``python -m tests.fleet.providers ACCOUNTS``.

Its first line says where each account is reached. Each line that it reads is answered by all calls that arrived so
far; it ends when there is nothing more to read. Its fixed minutes are those of the wall clock, as everybody's.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from pixelrelay.quotas import WINDOW
from pixelrelay.testing import Fleet, RequestRecord, serving
from tests.fleet.accounts import Account

SUBMISSIONS = ("generate", "edit")

Told: TypeAlias = tuple[str, float, int | None, float | None, float | None]
"""A call as it is told: its deployment, when it arrived, its status, when it was let in, and when it was drawn."""


class MinuteLoop(asyncio.SelectorEventLoop):
    """Its clock is set ahead, once, so that what counts minutes by it turns them with the wall clock."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead

    def turn_minutes_with_the_wall(self, began: float) -> None:
        """From now on what began to count at ``began`` is, in each minute, as far as the wall clock is."""
        self.ahead += (time.time() - (self.time() - began)) % WINDOW


async def serve(accounts: list[Account]) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, MinuteLoop)
    fleet = Fleet(*(account.emulated() for account in accounts))
    began = loop.time()
    async with serving(fleet):
        loop.turn_minutes_with_the_wall(began)
        say({entry["name"]: entry for entry in fleet.entries()})
        while await asyncio.to_thread(sys.stdin.readline):
            # Moments are told as every process of this machine reads them.
            shift = began - loop.ahead
            say(list(told(fleet.requests, shift)))


def say(what: Any) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


def told(requests: tuple[RequestRecord, ...], shift: float) -> Iterator[Told]:
    for request in requests:
        if request.operation in SUBMISSIONS:
            marks = {mark: at + shift for mark, at in request.phases}
            yield request.deployment, request.time + shift, request.status, marks.get("admitted"), marks.get("drawn")


def main() -> None:
    written: list[dict[str, Any]] = json.loads(Path(sys.argv[1]).read_text())
    with asyncio.Runner(loop_factory=MinuteLoop) as runner:
        runner.run(serve([Account(**each) for each in written]))


if __name__ == "__main__":
    main()
