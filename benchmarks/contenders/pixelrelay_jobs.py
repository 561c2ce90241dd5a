"""pixelrelay's Router over three accounts that take jobs, emulated on sockets from a thread of the same process."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.contenders import clients
from benchmarks.contenders.failing import served, warmed
from benchmarks.contenders.working import work
from benchmarks.measuring import Figures
from pixelrelay import Router
from pixelrelay.testing import Billed, EmulatedDeployment, Fault, FaultKind, Fleet, emulated_fleet

NAMES = ("d0", "d1", "bad")
SIZE = "64x64"


class Picks:
    def __init__(self, fleet: Fleet, timeout: float) -> None:
        config = fleet.config()
        config["timeouts"] = {"connect": timeout, "first_byte": timeout, "total": timeout}
        self.fleet = fleet
        self._router = Router(config)

    async def open(self, bases: list[str], timeout: float) -> None:
        """Nothing is left to open."""

    async def close(self) -> None:
        await self._router.aclose()

    async def generate(self) -> object:
        return await self._router.generate(model="images", prompt=clients.PROMPT, size=SIZE)


class Jobs:
    """What the benchmark asks for. Pictures are counted by the bill of the emulated accounts."""

    def __init__(self, leaving: ExitStack) -> None:
        self._leaving = leaving
        self._picks: Picks | None = None

    async def open(self, delay: float, timeout: float) -> Figures:
        if self._picks is not None:
            await self._picks.close()
            self._leaving.pop_all().close()
        accounts = (EmulatedDeployment(name, "black-forest-labs", "flux-2-pro", latency=delay) for name in NAMES)
        self._picks = Picks(self._leaving.enter_context(emulated_fleet(*accounts)), timeout)
        await warmed(self._picks)
        return {}

    async def serve(self, requests: int, a_second: float, loses: bool) -> Figures:
        assert self._picks is not None
        fleet = self._picks.fleet
        before = fleet.billed
        if loses:
            fleet.fault("bad", Fault(FaultKind.LOST_JOB))
        figures = await served(self._picks, requests, a_second)
        drawn, bad = (since(before, fleet.billed, *names) for names in (NAMES, ("bad",)))
        return {**figures, "drawn": drawn.pictures, "bad": bad.requests}


def since(before: dict[str, Billed], now: dict[str, Billed], *names: str) -> Billed:
    gone, come = (sum((bills[name] for name in names), Billed()) for bills in (before, now))
    return Billed(come.pictures - gone.pictures, come.dollars - gone.dollars, come.requests - gone.requests)


if __name__ == "__main__":
    with ExitStack() as leaving:
        jobs = Jobs(leaving)
        work({"open": jobs.open, "serve": jobs.serve})
