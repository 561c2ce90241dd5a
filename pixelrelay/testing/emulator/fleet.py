"""A fleet of emulated deployments: on sockets from a thread, on sockets in one's own loop, or in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from random import Random
from typing import Any

from pixelrelay.testing.emulator.base import EmulatedApi, World
from pixelrelay.testing.emulator.deployment import EmulatedDeployment
from pixelrelay.testing.emulator.faults import Fault, FaultKind
from pixelrelay.testing.emulator.memory import MemoryEngine
from pixelrelay.testing.emulator.meter import Billed, RequestRecord
from pixelrelay.testing.emulator.providers import EMULATED
from pixelrelay.testing.emulator.shelf import IN_MEMORY
from pixelrelay.testing.emulator.sockets import ServerThread, Sockets


class Fleet:
    """Some emulated deployments, what they were asked and what they billed."""

    def __init__(self, *deployments: EmulatedDeployment, seed: int = 0) -> None:
        self.deployments = deployments
        self._world = World(seed=seed)
        self._apis = {each.name: EMULATED[each.provider].api()(each, self._world) for each in deployments}
        if len(self._apis) < len(deployments):
            raise ValueError("two deployments of the fleet have the same name")
        self._down: set[str] = set()
        self._engines: list[MemoryEngine] = []
        self._sockets: Sockets | None = None
        self._thread: ServerThread | None = None

    # --- where it is ---------------------------------------------------------------------------------------------

    def url(self, name: str) -> str:
        """Scheme, host and port of a deployment; of its host in memory while the fleet is on no socket."""
        self._known(name)
        return self._sockets.url(name) if self._sockets is not None else f"http://{name}{IN_MEMORY}"

    def engine(self, *, jitter: bool = False) -> MemoryEngine:
        """An ``Engine`` for the transport that reaches the fleet in memory, by asyncio or Trio.

        With ``jitter`` each call takes between 20 and 250 ms to be counted, drawn by the fleet's seed.
        """
        engine = MemoryEngine(self._apis, self._down, jitter, Random(f"{self._world.seed}/{len(self._engines)}"))
        self._engines.append(engine)
        return engine

    def entries(self, *names: str) -> list[dict[str, Any]]:
        """The deployments (all, or those named) as a configuration lists them."""
        chosen = names or tuple(self._apis)
        return [self._entry(self._known(name).deployment) for name in chosen]

    def config(self, group: str = "images", **settings: Any) -> dict[str, Any]:
        """A whole configuration with all deployments in one group; ``settings`` are further keys of the group."""
        return {"models": {group: {**settings, "deployments": self.entries()}}}

    # --- what it did ---------------------------------------------------------------------------------------------

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """Every request that arrived, in order."""
        return self._world.meter.requests()

    @property
    def billed(self) -> dict[str, Billed]:
        """The bill of each deployment."""
        return {name: self._world.meter.billed(name) for name in self._apis}

    @property
    def billed_in_all(self) -> Billed:
        return sum(self.billed.values(), Billed())

    # --- what befalls it -----------------------------------------------------------------------------------------

    def kill(self, name: str) -> None:
        """Refuse connections to a deployment, and reset those that are open. What it is drawing it draws and bills."""
        self._known(name)
        self._down.add(name)
        for engine in self._engines:
            engine.reset(name)
        self._on_sockets(lambda sockets: sockets.kill(name))

    def revive(self, name: str) -> None:
        """Let it be reached again, at the same address."""
        self._known(name)
        self._down.discard(name)
        self._on_sockets(lambda sockets: sockets.revive(name))

    def fault(self, name: str, fault: Fault) -> None:
        """Let something go wrong from now on. Its times and counts are the fleet's, as in ``EmulatedDeployment``."""
        api = self._known(name)
        api.check(fault)
        api.faults.add(fault)
        if fault.kind is FaultKind.REFUSED and fault.lasts:
            self._on_sockets(lambda sockets: sockets.watch(name, fault))

    def heal(self, name: str) -> None:
        """Let nothing more go wrong with a deployment."""
        self._known(name).faults.clear()
        self.revive(name)

    # --- serving -------------------------------------------------------------------------------------------------

    def on_sockets(self) -> Sockets:
        """Take a port for each deployment; ``off_sockets`` gives them up."""
        if self._sockets is not None:
            raise RuntimeError("the fleet is being served already")
        self._sockets = Sockets(self._apis)
        return self._sockets

    def off_sockets(self) -> None:
        self._sockets = self._thread = None

    def served_by(self, thread: ServerThread) -> None:
        self._thread = thread

    def _on_sockets(self, work: Callable[[Sockets], None]) -> None:
        sockets = self._sockets
        if sockets is None:
            return
        if self._thread is not None:
            self._thread.call(lambda: work(sockets))
        else:
            work(sockets)

    def _known(self, name: str) -> EmulatedApi:
        if name not in self._apis:
            raise ValueError(f"no deployment of the fleet is named {name!r}; there are {', '.join(self._apis)}")
        return self._apis[name]

    def _entry(self, deployment: EmulatedDeployment) -> dict[str, Any]:
        url = self.url(deployment.name)
        entry: dict[str, Any] = {
            "name": deployment.name,
            "provider": deployment.provider,
            "model": deployment.model,
            **EMULATED[deployment.provider].entry(deployment, url),
        }
        for limit in ("requests_per_minute", "images_per_minute", "concurrent"):
            if (value := getattr(deployment, limit)) is not None:
                entry[limit] = value
        return entry


@contextmanager
def emulated_fleet(*deployments: EmulatedDeployment, seed: int = 0, speed: float = 1.0) -> Iterator[Fleet]:
    """A fleet on loopback sockets, served from a thread until the block ends.

    Its clock runs ``speed`` times as fast as the world's: at 60 a minute's quota refills in a second.
    """
    fleet = Fleet(*deployments, seed=seed)
    thread = ServerThread(fleet.on_sockets(), speed)
    thread.start()
    fleet.served_by(thread)
    try:
        yield fleet
    finally:
        thread.stop()
        fleet.off_sockets()


@asynccontextmanager
async def serving(fleet: Fleet) -> AsyncIterator[Fleet]:
    """``fleet`` on loopback sockets, served by the running asyncio loop and by its clock until the block ends."""
    sockets = fleet.on_sockets()
    try:
        await sockets.start()
        yield fleet
    finally:
        await sockets.stop()
        fleet.off_sockets()
