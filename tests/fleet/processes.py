"""Starting the processes of a fleet, hearing what they have to say, and ending them for sure."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tests.fleet.accounts import Account
from tests.fleet.orders import Order, Summary
from tests.servers import Process, until

WORKER = (sys.executable, "-m", "tests.fleet.worker")
READY_WITHIN = 60.0
"""Seconds within which a process on a busy machine must have begun."""
ENDS_WITHIN = 60.0
"""Seconds after its time within which it must have told what it did."""
STARTING = 4.0
"""Seconds that are left to workers to be ready before the first request comes."""


class Arrival(NamedTuple):
    """One call, as its provider saw it. Moments are ``time.monotonic``."""

    deployment: str
    at: float
    status: int | None
    """``None`` while it was not answered."""
    let_in: float | None
    drawn: float | None


@dataclass(frozen=True, slots=True)
class Providers:
    """The emulated providers, on sockets of another process."""

    process: Process
    addresses: Mapping[str, Mapping[str, Any]]
    """How each account is reached, as a configuration lists it."""
    _asked: list[None] = field(default_factory=list)

    def arrivals(self) -> list[Arrival]:
        """All calls so far, in order."""
        stdin = self.process.stdin
        stdin.write(b"\n")
        stdin.flush()
        self._asked.append(None)
        return [Arrival(*each) for each in json.loads(_line(self.process, len(self._asked)))]


@contextmanager
def providers_of(accounts: Sequence[Account]) -> Iterator[Providers]:
    with TemporaryDirectory(prefix="providers-") as name:
        folder = Path(name)
        (folder / "accounts").write_text(json.dumps([asdict(account) for account in accounts]))
        process = Process([sys.executable, "-m", "tests.fleet.providers", str(folder / "accounts")], folder)
        try:
            process.start()
            yield Providers(process, json.loads(_line(process, 0)))
        finally:
            process.kill()


@dataclass(frozen=True, slots=True)
class RunningWorker:
    """One worker, at work."""

    order: Order
    process: Process

    def kill(self) -> None:
        """As a crash: it settles nothing and tells nothing."""
        self.process.kill()

    def summary(self) -> Summary:
        """What it did, once it has ended."""
        order = self.order
        _line(self.process, 0, within=order.seconds + order.grace + READY_WITHIN + ENDS_WITHIN)
        return Summary.read(_line(self.process, 0))


@contextmanager
def workers_of(orders: Sequence[Order], command: Sequence[str] = WORKER) -> Iterator[Sequence[RunningWorker]]:
    """One worker for each of the orders, all started at once. ``command`` is told where its order is written."""
    with TemporaryDirectory(prefix="workers-") as name:
        workers: list[RunningWorker] = []
        try:
            for number, order in enumerate(orders):
                folder = Path(name) / str(number)
                folder.mkdir()
                (folder / "order").write_text(order.written())
                process = Process([*command, str(folder / "order")], folder)
                process.start()
                workers.append(RunningWorker(order, process))
            yield workers
        finally:
            for worker in workers:
                worker.kill()


def _line(process: Process, number: int, within: float = READY_WITHIN) -> str:
    """What the process says in its line of that number, from 0, as soon as it has said it."""
    said = process.folder / "out"

    def whole() -> bool:
        if len(lines()) > number + 1:
            return True
        if process.has_ended and len(lines()) <= number + 1:
            raise RuntimeError(f"{' '.join(process.command)} ended:\n{(process.folder / 'log').read_text()}")
        return False

    def lines() -> list[str]:
        return said.read_text().split("\n")

    until(whole, f"{' '.join(process.command)} says its line {number}", within)
    return lines()[number]
