"""One process that serves: it listens, reloads, drains and ends."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import ceil

import uvicorn

from pixelrelay import _clock
from pixelrelay.config import RelayConfig
from pixelrelay.errors import ConfigError
from pixelrelay.router import Router
from pixelrelay.server.gateway import Gateway
from pixelrelay.server.heap import Heap
from pixelrelay.server.loopback import is_loopback
from pixelrelay.server.protocol import protocol_of
from pixelrelay.server.shared import Shared

log = logging.getLogger("pixelrelay.server")

BACKLOG = 2048
KEEP_ALIVE = 75
"""Seconds that an idle connection is kept: longer than proxies in front keep theirs, so that they close first."""
SWEEP = 60.0
"""Seconds between two looks for files that have expired."""
LEAN = 10.0
"""Seconds between two looks at what memory could be given back."""
SETTLING = 5.0
"""Seconds for requests that were cut off to settle."""


class NotServableError(Exception):
    """What was asked for cannot be served like that; the text says what would help."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What is to be served, and where."""

    config: RelayConfig
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    reload: Callable[[], RelayConfig] | None = None
    """Reads the configuration again; ``None`` where there is no file to read."""
    shared: Shared | None = None
    """For several workers."""


def check(launch: Launch) -> None:
    """Raises ``NotServableError`` for what would be unsafe, or would count wrongly."""
    if not launch.config.server.has_keys and not is_loopback(launch.host):
        raise NotServableError(
            f"without keys everybody who reaches {launch.host} could draw at your cost; name one in the configuration "
            "(server.master_key, or server.keys; pixelrelay keys new makes one), or listen on 127.0.0.1"
        )
    if launch.workers > 1 and launch.config.store is None:
        raise NotServableError(
            f"{launch.workers} workers without a shared store would each use the whole of every quota; name one in "
            "the configuration (store: redis://HOST:6379/0), or serve with one worker"
        )


def listen(launch: Launch) -> socket.socket:
    """The socket to serve from. Raises ``OSError`` where it cannot be had."""
    family = socket.AF_INET6 if ":" in launch.host else socket.AF_INET
    # With the protocol named, asyncio knows to switch Nagle's algorithm off on what is accepted.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((launch.host, launch.port))
        listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def address_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(launch: Launch, listening: socket.socket) -> None:
    """Serve from ``listening`` until a signal ends it."""
    config = uvicorn.Config(_nothing, log_config=None)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(launch, listening))


async def _serve(launch: Launch, listening: socket.socket) -> None:
    async with Router(launch.config) as router:
        gateway = Gateway(router, shared=launch.shared)
        settings = router.config.server
        server = _Server(
            uvicorn.Config(
                gateway,
                http=protocol_of(settings.header_timeout),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=ceil(settings.drain_timeout),
                backlog=BACKLOG,
            )
        )
        # What is there now stays; to look through it again and again would hold everybody up for a tenth of a second.
        gc.collect()
        gc.freeze()
        process = _Process(launch, router, gateway, server)
        own = {asyncio.create_task(each) for each in (_sweep(gateway), _stay_lean())}
        try:
            async with gateway.answering_siblings():
                with process.signals():
                    if launch.workers > 1:
                        process.reload()  # what was told to the others before this one listened
                    await server.serve(sockets=[listening])
            await _settled(server, own)
        finally:
            for task in own:
                task.cancel()
            await gateway.aclose()


class _Server(uvicorn.Server):
    """uvicorn's, which leaves signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(slots=True)
class _Process:
    """What signals do."""

    launch: Launch
    router: Router
    gateway: Gateway
    server: _Server

    @contextmanager
    def signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        handlers = {signal.SIGTERM: self.drain, signal.SIGINT: self.drain, signal.SIGHUP: self.reload}
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)

    def drain(self) -> None:
        """Say that nothing further is wanted, then stop listening; told a second time, end at once."""
        if self.gateway.draining:
            self.server.should_exit = self.server.force_exit = True
            return
        self.gateway.draining = True
        log.info("draining: %d requests are under way", self.gateway.in_flight.requests)
        notice = self.router.config.server.drain_notice
        asyncio.get_running_loop().call_later(notice, partial(setattr, self.server, "should_exit", True))

    def reload(self) -> None:
        """Serve new requests by the configuration as it is written now."""
        if self.launch.reload is None:
            log.warning("there is no configuration to read again")
            return
        try:
            self.router.reload(self.launch.reload())
        except ConfigError as error:
            log.error("the configuration is kept as it was: %s", error)
        except OSError as error:
            log.error("the configuration is kept as it was: it cannot be read: %s", error.strerror or error)
        else:
            log.info("the configuration was read again")


async def _sweep(gateway: Gateway) -> None:
    while True:
        await _clock.sleep(SWEEP)
        try:
            await gateway.shelf.tidy()
        except OSError as error:
            log.error("files that expired could not be deleted: %s", error.strerror or error)


async def _stay_lean() -> None:
    heap = Heap.of_this_process()
    while heap is not None:
        await _clock.sleep(LEAN)
        heap.tidy()


async def _settled(server: _Server, own: set[asyncio.Task[None]]) -> None:
    """Wait for requests that were cut off, and what they left in the background, to give back what they held."""
    for task in list(server.server_state.tasks):
        task.cancel()
    left = asyncio.all_tasks() - {asyncio.current_task(), *own}
    if left:
        await asyncio.wait(left, timeout=SETTLING)


async def _nothing(scope: object, receive: object, send: object) -> None:
    """Stands for an app where only a server's choice of loop is asked for."""
