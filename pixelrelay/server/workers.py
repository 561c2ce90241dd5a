"""Several processes that serve from one socket: started, watched, told what their parent is told, and replaced."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.context import SpawnProcess
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

log = logging.getLogger("pixelrelay.server")

LOOK = 0.2
"""Seconds between two looks at the workers."""
REBIRTH = 1.0
"""Seconds between two starts of a worker at least, so that one that cannot start does not keep the machine busy."""
GRACE = 15.0
"""Seconds beyond the time to drain after which a worker that is still there is killed."""


def outlive_no_parent() -> None:
    """End this worker, drained, when its parent is gone, however that ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        ending = partial(_end_after, parent)
        threading.Thread(target=ending, name="pixelrelay-parent", daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


@dataclass(slots=True)
class Workers:
    """``count`` processes that each run ``work(socket)``; ``work`` is pickled.

    ``forget`` is called with the id of each that is gone while the others go on.
    """

    work: Callable[[socket.socket], None]
    listening: socket.socket
    count: int
    drain_timeout: float
    forget: Callable[[int], None]
    _running: list[SpawnProcess] = field(default_factory=list)
    _ending: bool = False
    _wake: threading.Event = field(default_factory=threading.Event)
    _born: float = 0.0

    def run(self) -> None:
        """Serve until a signal ends it, and all of them."""
        handlers: dict[signal.Signals, Any] = {
            signal.SIGTERM: self._end,
            signal.SIGINT: self._end,
            signal.SIGHUP: self._reload,
        }
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            while not self._ending:
                self._fill()
                self._wake.wait(LOOK)
            self._wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _fill(self) -> None:
        """Start what is missing."""
        for gone in [worker for worker in self._running if not worker.is_alive()]:
            log.error("worker %s ended with code %s; another takes its place", gone.pid, gone.exitcode)
            self._running.remove(gone)
            if gone.pid is not None:
                self.forget(gone.pid)
        if len(self._running) == self.count or (self._born and time.monotonic() - self._born < REBIRTH):
            return
        spawn = multiprocessing.get_context("spawn")
        # What is ignored stays so in a new process: a reload must not end one that does not listen for it yet.
        handler = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            while len(self._running) < self.count:
                worker = spawn.Process(target=self.work, args=(self.listening,))
                worker.start()
                self._running.append(worker)
        finally:
            signal.signal(signal.SIGHUP, handler)
        self._born = time.monotonic()

    def _end(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as handlers are called
        # Told again, the workers end at once.
        self._ending = True
        self._tell(signal.SIGTERM)
        self._wake.set()

    def _reload(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._tell(signal.SIGHUP)

    def _tell(self, number: signal.Signals) -> None:
        for worker in self._running:
            if worker.is_alive() and worker.pid is not None:
                os.kill(worker.pid, number)

    def _wait(self) -> None:
        ends = time.monotonic() + self.drain_timeout + GRACE
        for worker in self._running:
            worker.join(max(0.0, ends - time.monotonic()))
            if worker.is_alive():
                log.error("worker %s does not end and is killed", worker.pid)
                worker.kill()
                worker.join()
