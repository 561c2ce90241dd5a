"""Pictures of megabytes, as base64 in JSON, and a picture of 4 MB sent to be edited.

The measure is aiohttp that reads the body and leaves it as bytes. Memory is what the process grows by, for each request
and in proportion to its body, while several answers arrive that are kept until the last is there; of edits, while
several are sent from one picture that the caller holds."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks.contest import Stage
from benchmarks.environments import BARE_AIOHTTP, BARE_AIOHTTP_BYTES, LITELLM_ROUTER, OPENAI, PIXELRELAY
from benchmarks.measuring import Figures
from benchmarks.processes import Worker
from benchmarks.tables import P50, Column, compared

CONTENDERS = (BARE_AIOHTTP_BYTES, BARE_AIOHTTP, OPENAI, LITELLM_ROUTER, PIXELRELAY)
REFERENCE = BARE_AIOHTTP_BYTES.name
ANSWERS = {"1.5 MB": 1_500_000, "8 MB": 8_000_000}
EDITED = 4_000_000
SIDE_BY_SIDE = (1, 8)
ROUNDS = 5
SECONDS = 2.0
MEGABYTE = 1_000_000

CPU = Column("cpu_a_mb", "CPU a MB, ms", 1e3)
RATE = Column("mb_a_second", "MB a second")
PEAK = Column("peak_in_bodies", "peak a request, × the body")
KEPT = Column("kept_in_bodies", "kept a request, × the body")


def run(stage: Stage) -> None:
    upstream = stage.upstream()
    workers = stage.workers(*CONTENDERS, port=upstream.port)
    for name, size in ANSWERS.items():
        _play(stage, workers, f"Answers of {name}", upstream.behave(base64_bytes=size), "generate")
    upstream.behave()
    _play(stage, workers, "Edits of 4 MB", EDITED, "edit", image_bytes=EDITED)


def _play(stage: Stage, workers: dict[str, Worker], what: str, size: int, do: str, **arguments: Any) -> None:
    seconds = 0.2 if stage.quick else SECONDS
    for side_by_side in SIDE_BY_SIDE:
        title = f"{what}, {side_by_side} in flight"
        asked = {"side_by_side": side_by_side, "seconds": seconds, **arguments}
        players = {name: partial(_by_megabyte, worker, size, do, asked) for name, worker in workers.items()}
        stage.section.add(compared(title, stage.play(title, players, ROUNDS), REFERENCE, CPU, RATE, P50))
    title = f"{what}, memory of {SIDE_BY_SIDE[-1]} at once"
    asked = {"at_once": SIDE_BY_SIDE[-1], **arguments}
    players = {name: partial(_by_body, worker, size, asked) for name, worker in workers.items()}
    stage.section.add(compared(title, stage.play(title, players, ROUNDS), None, PEAK, KEPT))


def _by_megabyte(worker: Worker, size: int, do: str, asked: dict[str, Any]) -> Figures:
    figures = worker.ask(do, **asked)
    megabytes = size / MEGABYTE
    return {
        **figures,
        "cpu_a_mb": figures["cpu_a_request"] / megabytes,
        "mb_a_second": figures["a_second"] * megabytes,
    }


def _by_body(worker: Worker, size: int, asked: dict[str, Any]) -> Figures:
    figures = worker.ask("hold", **asked)
    return {"peak_in_bodies": figures["peak_each"] / size, "kept_in_bodies": figures["kept_each"] / size}
