"""The processes of a benchmark, real ones: what they are asked, what they use, and that they end."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from benchmarks.processes import Child, ContenderError, Worker

Start: TypeAlias = Callable[[str], Worker]

WORKER = """
import asyncio, sys
from benchmarks.contenders.working import work

async def double(number): return {"twice": 2 * number}
async def fail(): raise ValueError("not today")
async def sleep(): await asyncio.sleep(60)
async def chatter(): print("a library has something to say"); return {}
async def leave(): print("last words", file=sys.stderr, flush=True); __import__("os")._exit(3)

work({"double": double, "fail": fail, "sleep": sleep, "chatter": chatter, "leave": leave})
"""
BUSY = "sum(range(12_000_000))"
FAMILY = f"""
import subprocess, sys, time
subprocess.run([sys.executable, "-c", "{BUSY}"])
lives = subprocess.Popen([sys.executable, "-c", "import time; {BUSY}; time.sleep(60)"])
time.sleep(60)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Child] = []

    def begin(script: str) -> Worker:
        child = Worker("one", [sys.executable, "-c", script], tmp_path / f"{len(started)}.log", {})
        started.append(child)
        return child

    yield begin
    for child in started:
        child.end()


def test_a_worker_answers_one_job_after_the_other(start: Start) -> None:
    worker = start(WORKER)
    assert [worker.ask("double", number=number) for number in (2, 3)] == [{"twice": 4}, {"twice": 6}]


def test_what_libraries_print_does_not_stand_between_the_figures(start: Start) -> None:
    assert start(WORKER).ask("chatter") == {}


def test_jobs_may_be_given_ahead_and_are_answered_in_their_order(start: Start) -> None:
    worker = start(WORKER)
    worker.send("double", number=1)
    worker.send("double", number=2)
    assert [worker.answer(), worker.answer()] == [{"twice": 2}, {"twice": 4}]


def test_a_job_that_fails_says_why_and_the_next_is_done(start: Start) -> None:
    worker = start(WORKER)
    with pytest.raises(ContenderError, match="ValueError: not today"):
        worker.ask("fail")
    assert worker.ask("double", number=2) == {"twice": 4}


def test_nobody_is_waited_for_longer_than_was_said(start: Start) -> None:
    with pytest.raises(ContenderError, match=r"no answer within 0\.5 s"):
        start(WORKER).ask("sleep", within=0.5)


def test_who_has_ended_is_quoted(start: Start) -> None:
    with pytest.raises(ContenderError, match="it has ended: last words"):
        start(WORKER).ask("leave")


def test_usage_is_that_of_children_too_and_all_of_them_end(start: Start) -> None:
    family = start(FAMILY)
    alone = os.times()
    sum(range(12_000_000))
    expected = os.times().user - alone.user
    until = time.monotonic() + 60
    while family.usage().cpu < 1.5 * expected:  # more than one of the two can have used
        assert time.monotonic() < until
        time.sleep(0.05)
    assert family.usage().rss > 10_000_000
    family.end()
    assert family.has_ended
    assert family.usage().rss == 0
