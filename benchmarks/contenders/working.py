"""How a contender works: it reads a job a line from standard input, as JSON, and writes a line of figures for each.

It lives as long as the benchmark, so that rounds of several contenders alternate and none is paid for starting.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import TextIO, TypeAlias

from benchmarks.measuring import Figures

Jobs: TypeAlias = Mapping[str, Callable[..., Awaitable[Figures]]]


def work(jobs: Jobs, *, on_uvloop: bool = False) -> None:
    """Until standard input ends. The loop is asyncio's own unless told otherwise."""
    _allow_many_connections()
    answers = own_output()
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if on_uvloop:
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_work(jobs, lambda answer: print(json.dumps(answer), file=answers)))


def own_output() -> TextIO:
    """Standard output as it was: what libraries print goes to standard error from now on."""
    own = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return own


def _allow_many_connections() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _work(jobs: Jobs, tell: Callable[[Mapping[str, object]], None]) -> None:
    while line := await asyncio.to_thread(sys.stdin.readline):
        job = json.loads(line)
        try:
            tell(await jobs[job.pop("do")](**job))
        except Exception as error:
            traceback.print_exc()
            tell({"error": f"{type(error).__name__}: {error}"})
