"""The emulated APIs on loopback sockets, one port each, served by uvicorn's protocol in an asyncio loop."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, TypeVar

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from pixelrelay import _clock
from pixelrelay.testing.clocks import FastLoop
from pixelrelay.testing.emulator.answers import ABORT
from pixelrelay.testing.emulator.base import EmulatedApi
from pixelrelay.testing.emulator.faults import Fault

HOST = "127.0.0.1"
BACKLOG = 2048
A_DAY = 86_400
ResultT = TypeVar("ResultT")


class _Protocol(H11Protocol):
    """Tells the app how to reset its connection, and keeps quiet."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.logger = logging.getLogger("pixelrelay.emulator")
        self.access_log = False
        self.app = self._resettable(self.config.loaded_app)

    def _resettable(self, app: ASGIApp) -> Any:
        async def resettable(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[ABORT] = self.reset
            try:
                await app(scope, receive, send)
            except asyncio.CancelledError:
                # Only the end of the emulator cancels an app, and by then its connection is gone.
                return

        return resettable

    def reset(self, refused: bool = False) -> None:  # noqa: ARG002 - too late to refuse what was accepted
        """Close the connection with a RST, so that nobody takes it for an orderly end."""
        accepted = self.transport.get_extra_info("socket")
        if accepted is not None and not self.transport.is_closing():
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class _Port:
    """One deployment's port. It is kept for as long as the fleet runs, also while nobody listens on it."""

    def __init__(self, api: EmulatedApi) -> None:
        self._config = Config(
            api,
            http=_Protocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            proxy_headers=False,
            # A client's pool must not race with the server over who closes first.
            timeout_keep_alive=A_DAY,
        )
        self._config.load()
        self._state = ServerState()
        self._socket = _bound(0)
        self._server: asyncio.Server | None = None
        self.number: int = self._socket.getsockname()[1]

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        make = partial(_Protocol, self._config, self._state, {}, loop)
        self._server = await loop.create_server(make, sock=self._socket, backlog=BACKLOG)

    def queue(self) -> None:
        """Let the kernel take connections at once; ``listen`` serves them."""
        self._socket.listen(BACKLOG)

    def close(self) -> None:
        """Refuse connections from here on, and reset those that are open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._socket.close()
        for connection in list(self._state.connections):
            if isinstance(connection, _Protocol):
                connection.reset()

    def keep(self) -> None:
        """Hold on to the number without listening."""
        self._socket = _bound(self.number)

    async def end(self) -> None:
        self.close()
        for _ in range(3):
            await asyncio.sleep(0)
        tasks = list(self._state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _bound(number: int) -> socket.socket:
    # With the protocol named, asyncio knows to switch Nagle's algorithm off on what is accepted.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((HOST, number))
    return bound


class Sockets:
    """All ports of a fleet, served in the running asyncio loop. Its methods are called from there."""

    def __init__(self, apis: Mapping[str, EmulatedApi]) -> None:
        self._apis = apis
        self._ports = {name: _Port(api) for name, api in apis.items()}
        self._down: set[str] = set()
        self._opening: set[asyncio.Task[None]] = set()

    def url(self, name: str) -> str:
        return f"http://{HOST}:{self._ports[name].number}"

    async def start(self) -> None:
        for name, api in self._apis.items():
            api.world.clock.now()
            await self._ports[name].listen()
            for fault in api.faults.refusals():
                self.watch(name, fault)

    async def stop(self) -> None:
        for api in self._apis.values():
            api.world.background.cancel()
        for task in self._opening:
            task.cancel()
        for port in self._ports.values():
            await port.end()

    def kill(self, name: str) -> None:
        if name not in self._down:
            self._down.add(name)
            self._ports[name].close()
            self._ports[name].keep()

    def revive(self, name: str) -> None:
        if name in self._down:
            self._down.discard(name)
            self._ports[name].queue()
            opening = asyncio.get_running_loop().create_task(self._ports[name].listen())
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)

    def watch(self, name: str, fault: Fault) -> None:
        """Close and open the port when ``fault`` begins and ends."""
        clock = self._apis[name].world.clock

        async def watched() -> None:
            await _clock.sleep(fault.since - clock.now())
            self.kill(name)
            await _clock.sleep(fault.until - clock.now())
            self.revive(name)

        if fault.since <= clock.now() < fault.until:
            self.kill(name)
        self._apis[name].world.background.spawn(watched)


class ServerThread:
    """Serves a fleet from a thread with a loop of its own."""

    def __init__(self, sockets: Sockets, speed: float) -> None:
        self._sockets = sockets
        self._speed = speed
        self._started = threading.Event()
        self._ended: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="emulated-fleet", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def call(self, work: Callable[[], ResultT]) -> ResultT:
        """Run ``work`` on the server's loop, and return what it returns."""
        if threading.current_thread() is self._thread or self._loop is None:
            return work()

        async def called() -> ResultT:
            return work()

        return self._await(called())

    def stop(self) -> None:
        if self._loop is not None and self._ended is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def _await(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=self._new_loop) as runner:
                runner.run(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._started.set()

    def _new_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.SelectorEventLoop() if self._speed == 1.0 else FastLoop(self._speed)

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        try:
            await self._sockets.start()
            self._started.set()
            await self._ended.wait()
        finally:
            await self._sockets.stop()
