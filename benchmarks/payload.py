"""Pictures of megabytes, as base64 in JSON, and a picture of 4 MB sent to be edited.

The measure is aiohttp that reads the body and leaves it as bytes. Memory is what the process grows by, for each request
and in proportion to its body, while several answers arrive that are kept until the last is there; of edits, while
several are sent from one picture that the caller holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from benchmarks.contest import Stage, Upstream
from benchmarks.environments import BARE_AIOHTTP, BARE_AIOHTTP_BYTES, LITELLM_ROUTER, OPENAI, PIXELRELAY
from benchmarks.measuring import Figures
from benchmarks.processes import ContenderError, Worker
from benchmarks.tables import P50, Column, compared

CONTENDERS = (BARE_AIOHTTP_BYTES, BARE_AIOHTTP, OPENAI, LITELLM_ROUTER, PIXELRELAY)
REFERENCE = BARE_AIOHTTP_BYTES.name
ANSWERS = {"1.5 MB": 1_500_000, "8 MB": 8_000_000}
EDITED = 4_000_000
SIDE_BY_SIDE = (1, 8)
ROUNDS = 5
SECONDS = 2.0
MEGABYTE = 1_000_000

Players: TypeAlias = Mapping[str, Callable[..., Figures]]

CPU = Column("cpu_a_mb", "CPU a MB, ms", 1e3)
RATE = Column("mb_a_second", "MB a second")
PEAK = Column("peak_in_bodies", "peak a request, × the body")
KEPT = Column("kept_in_bodies", "kept a request, × the body")


def run(stage: Stage) -> None:
    upstream = stage.upstream()
    workers = stage.workers(*CONTENDERS, port=upstream.port)
    for name, size in ANSWERS.items():
        moved = upstream.behave(base64_bytes=size)
        moving = {who: partial(_by_megabyte, worker, moved, "generate") for who, worker in workers.items()}
        holding = {who: partial(_by_body, worker, moved) for who, worker in workers.items()}
        _play(stage, f"Answers of {name}", moving, holding, (PEAK, KEPT))
    upstream.behave()
    moving = {who: partial(_sent, upstream, worker) for who, worker in workers.items()}
    holding = {who: partial(_by_body, worker, EDITED) for who, worker in workers.items()}
    _play(stage, "Edits of 4 MB", moving, holding, (PEAK,), image_bytes=EDITED)


def _play(
    stage: Stage, what: str, moving: Players, holding: Players, memory: Sequence[Column], **arguments: Any
) -> None:
    """How quickly each moves the bytes, and how much memory it needs for them."""
    seconds = 0.2 if stage.quick else SECONDS
    for side_by_side in SIDE_BY_SIDE:
        title = f"{what}, {side_by_side} in flight"
        players = _asked(moving, side_by_side=side_by_side, seconds=seconds, **arguments)
        stage.section.add(compared(title, stage.play(title, players, ROUNDS), REFERENCE, CPU, RATE, P50))
    title = f"{what}, memory of {SIDE_BY_SIDE[-1]} at once"
    players = _asked(holding, at_once=SIDE_BY_SIDE[-1], **arguments)
    stage.section.add(compared(title, stage.play(title, players, ROUNDS), None, *memory))


def _asked(players: Players, **arguments: Any) -> Players:
    return {who: partial(play, **arguments) for who, play in players.items()}


def _sent(upstream: Upstream, worker: Worker, **asked: Any) -> Figures:
    """Edits, of which the upstream saw every byte."""
    upstream.count()
    figures = _by_megabyte(worker, EDITED, "edit", **asked)
    if (received := upstream.count()["received"]) < EDITED * figures["requests"]:
        raise ContenderError(f"only {received:,.0f} bytes were sent in {figures['requests']:g} edits")
    return figures


def _by_megabyte(worker: Worker, size: int, do: str, **asked: Any) -> Figures:
    figures = worker.ask(do, **asked)
    megabytes = size / MEGABYTE
    return {
        **figures,
        "cpu_a_mb": figures["cpu_a_request"] / megabytes,
        "mb_a_second": figures["a_second"] * megabytes,
    }


def _by_body(worker: Worker, size: int, **asked: Any) -> Figures:
    figures = worker.ask("hold", **asked)
    return {"peak_in_bodies": figures["peak_each"] / size, "kept_in_bodies": figures["kept_each"] / size}
