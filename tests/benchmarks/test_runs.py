"""Benchmarks as people run them, in their quick version."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.processes import ROOT

COMMAND = [sys.executable, "-m", "benchmarks", "--quick"]


def started_by(session: int) -> list[int]:
    """Processes whose environment carries the mark of the run, wherever they have moved since."""
    mark = f"BENCH_TEST={session}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except (FileNotFoundError, PermissionError, ProcessLookupError):
                continue
    return found


def running(*names: str, mark: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *names],
        cwd=ROOT,
        env={**os.environ, "BENCH_TEST": str(mark)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_a_quick_run_measures_all_who_are_there_and_writes_what_it_shows(tmp_path: Path) -> None:
    written = tmp_path / "results.md"
    with running("pick", "call", "--output", str(written)) as run:
        said, _ = run.communicate(timeout=120)
    assert run.returncode == 0, said
    results = written.read_text()
    assert [line for line in results.splitlines() if line.startswith("## ")] == ["## pick", "## call"]
    for contender in ("pixelrelay", "bare aiohttp", "OpenAI's client"):
        assert f"| {contender} |" in results
    assert "Not measured here" not in results


def test_a_name_that_is_none_is_refused_before_anything_starts() -> None:
    with running("fast") as run:
        said, _ = run.communicate(timeout=20)
    assert run.returncode == 2
    assert "there is no benchmark 'fast', only pick, call" in said


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_nothing_that_a_run_started_outlives_it(how: signal.Signals) -> None:
    mark = time.monotonic_ns()
    with running("call", mark=mark) as run:
        until = time.monotonic() + 60
        while len(started_by(mark)) < 3:  # itself, the upstream, a contender
            assert run.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        run.send_signal(how)
        run.communicate(timeout=30)
    assert run.returncode != 0
    assert started_by(mark) == []
