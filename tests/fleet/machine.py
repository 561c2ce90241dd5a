"""What the machine itself does meanwhile: a busy one lets nobody run for longer than any guard or timeout provides for.

A process that only sleeps notes when it was woken late. What the others were too late for then is no fault of theirs.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.servers import Process

NAP = 0.01
NOTED = 0.05
"""Seconds by which it must have been late to be worth a line."""
EXCUSING = 0.2
"""Seconds of a pause from which on a call may be later than its guard, or an answer than its timeout."""


@dataclass(frozen=True, slots=True)
class Machine:
    process: Process

    def longest_pause(self) -> float:
        """Seconds."""
        noted = (self.process.folder / "out").read_text().split()
        return max((float(seconds) for seconds in noted), default=0.0)

    @contextmanager
    def excusing(self) -> Iterator[None]:
        """Assertions that only a machine which pauses may fail: the test is then told to be of no use here."""
        try:
            yield
        except AssertionError as failed:
            pause = self.longest_pause()
            if pause < EXCUSING:
                raise
            pytest.xfail(f"nobody could run here for {pause:.2f} s, so that {str(failed).strip() or 'it failed'}")


@contextmanager
def watched_machine() -> Iterator[Machine]:
    with TemporaryDirectory(prefix="machine-") as folder:
        process = Process([sys.executable, "-m", "tests.fleet.machine"], Path(folder))
        try:
            process.start()
            yield Machine(process)
        finally:
            process.kill()


def after_all_others(pid: int = 0) -> None:
    """Let a process, by default this one, run only when nobody else wants to."""
    os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))


def main() -> None:
    last = time.monotonic()
    while True:
        time.sleep(NAP)
        now = time.monotonic()
        if now - last - NAP > NOTED:
            sys.stdout.write(f"{now - last - NAP:.3f}\n")
            sys.stdout.flush()
        last = now


if __name__ == "__main__":
    main()
