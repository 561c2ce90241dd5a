"""The processes of a benchmark: they end with it, and what they use of the machine is read from ``/proc`` (Linux)."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measuring import Figures

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
ROOT = Path(__file__).parent.parent
ENDS_WITHIN = 5.0


class ContenderError(Exception):
    """A contender could not do what it was asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its children have used so far."""

    cpu: float
    """Seconds, user and system, in steps of a clock tick (10 ms): measure over many requests."""
    rss: int
    """Bytes now; what two of them share counts twice."""


class Child:
    """A process in a session of its own, so that it can be ended, and measured, with all that it starts."""

    is_asked = False
    """Whether it answers on standard output. Otherwise what it writes there goes to its log."""

    def __init__(self, name: str, command: Sequence[str], log: Path, environ: Mapping[str, str]) -> None:
        self.name = name
        self._log = log
        with log.open("wb") as writing:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if self.is_asked else writing,
                stderr=writing,
                cwd=ROOT,
                env={**os.environ, **environ},
                start_new_session=True,
                bufsize=0,
            )

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def usage(self) -> Usage:
        cpu, rss = 0, 0
        for fields in _session(self._process.pid):
            cpu += sum(int(field) for field in fields[11:15])  # utime, stime, and those of children that have ended
            rss += int(fields[21])
        return Usage(cpu / TICKS, rss * PAGE)

    def end(self) -> None:
        """Ask it to end, with its children, and end them if they do not."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            until = time.monotonic() + ENDS_WITHIN
            _signal_all(self._process.pid, number)
            while time.monotonic() < until:
                self._process.poll()
                if not any(True for _ in _session(self._process.pid)):
                    break
                time.sleep(0.02)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def failed(self, what: str) -> ContenderError:
        """An error that ends with the last line the process had to say."""
        said = self._log.read_text(errors="replace").strip().splitlines()
        return ContenderError(f"{what}{f': {said[-1].strip()[:200]}' if said else ''}")


class Server(Child):
    """One that answers on a port of this machine."""

    def wait_until_it_answers(self, port: int, path: str, within: float) -> float:
        """Seconds from now until a GET of ``path`` is answered with a status below 500."""
        began = time.monotonic()
        while time.monotonic() - began < within:
            if self.has_ended:
                raise self.failed("it ended while it started")
            if _answers(port, path):
                return time.monotonic() - began
            time.sleep(0.01)
        raise self.failed(f"it did not answer within {within:g} s")


class Worker(Child):
    """A contender that reads a job a line, as JSON, and answers each with a line of figures."""

    is_asked = True

    def __init__(self, name: str, command: Sequence[str], log: Path, environ: Mapping[str, str]) -> None:
        super().__init__(name, command, log, environ)
        self._read = b""

    def ask(self, do: str, within: float = 120.0, **arguments: Any) -> Figures:
        """What ``do`` brought. ``ContenderError`` if it failed, or took longer than ``within`` seconds."""
        self.send(do, **arguments)
        return self.answer(within)

    def send(self, do: str, **arguments: Any) -> None:
        """Give it a job without waiting, so that several workers may be at work at a time."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        except BrokenPipeError:
            raise self.failed("it has ended") from None

    def answer(self, within: float = 120.0) -> Figures:
        """The figures of the job it was sent first of those not answered yet."""
        answer = json.loads(self._line(within))
        if "error" in answer:
            raise ContenderError(str(answer["error"])[:300])
        return dict(answer)

    def _line(self, within: float) -> bytes:
        assert self._process.stdout is not None
        until = time.monotonic() + within
        while b"\n" not in self._read:
            if not select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
                raise self.failed(f"no answer within {within:g} s")
            piece = os.read(self._process.stdout.fileno(), 65536)
            if not piece:
                raise self.failed("it has ended")
            self._read += piece
        line, _, self._read = self._read.partition(b"\n")
        return line


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _session(leader: int) -> Iterator[list[str]]:
    """The fields of ``/proc/PID/stat`` from the third on (see proc(5)), of each process that lives in the session."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[3]) == leader and fields[0] != "Z":
                yield fields


def _signal_all(leader: int, number: signal.Signals) -> None:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getsid(int(entry.name)) == leader:
                    os.kill(int(entry.name), number)
            except ProcessLookupError:
                continue


def _answers(port: int, path: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            connection.settimeout(5.0)
            connection.sendall(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n".encode())
            status = connection.recv(64).split(b" ")
    except OSError:
        return False
    return len(status) > 1 and status[1].isdigit() and int(status[1]) < 500
