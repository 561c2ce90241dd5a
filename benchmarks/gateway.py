"""Gateways before an upstream that answers at once, called by a client in a process of its own.

They share the cores of the machine: requests a second are those of gateway, client and upstream together, and a gateway
that is slow has more of the machine for itself. The CPU of a gateway is its own alone, that of all its processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.contenders.gateways import GATEWAYS, PATH, Gateway, Started
from benchmarks.contest import Stage
from benchmarks.environments import LOAD, NotHereError
from benchmarks.measuring import Figures
from benchmarks.processes import ContenderError, Server, Worker, free_port
from benchmarks.tables import P50, P99, Column, compared

REFERENCE = GATEWAYS[0].name
ANSWERS = {"1 kB": 800, "1.5 MB": 1_500_000}
SIDE_BY_SIDE = (1, 32, 128)
ROUNDS = 3
SECONDS = 4.0
STARTS_WITHIN = 90.0
AT_REST = 15.0
"""Seconds, in which a gateway may give memory back."""
WARM_UP = 2.0
SETTLES = 0.5
"""Seconds that a gateway has, after the last answer, for what it does behind it."""

START = Column("start", "start to ready, s")
FIRST = Column("first", "first answer, ms", 1e3)
RSS = Column("rss", "memory, MB", 1e-6)
CPU = Column("cpu_a_thousand", "CPU for 1,000 answers, s")
RATE = Column("answered_a_second", "answers a second")
FAILED = Column("failed_share", "failed, %", 100.0)


@dataclass(slots=True)
class Running:
    server: Server
    started: Started
    port: int


def run(stage: Stage) -> None:
    upstream = stage.upstream()
    client = stage.start(Worker, "client", LOAD.command())
    starts = {one.name: partial(_start, stage, one, upstream.port) for one in _wanted(stage)}
    running: dict[str, Running] = {}
    rounds = stage.play("start", _timed(starts, running, client), ROUNDS)
    stage.section.add(compared("Start", rounds, REFERENCE, START, FIRST))
    for one in GATEWAYS:
        if one.name in running:
            stage.section.settings[one.name] = one.settings
    _rest(stage, running, "At rest")
    for served in running.values():
        _load(client, served, 8, 1, 0.2 if stage.quick else WARM_UP)
    for answer, size in ANSWERS.items():
        upstream.behave(base64_bytes=size)
        for side_by_side in SIDE_BY_SIDE:
            seconds = 0.3 if stage.quick else SECONDS
            load = {name: partial(_load, client, one, side_by_side, size, seconds) for name, one in running.items()}
            title = f"Answers of {answer}, {side_by_side} in flight"
            stage.section.add(
                compared(title, stage.play(title, load, ROUNDS), REFERENCE, CPU, RATE, P50, P99, FAILED, RSS)
            )
    _rest(stage, running, "At rest after all this")


def _wanted(stage: Stage) -> list[Gateway]:
    return [one for one in GATEWAYS if one.is_cheap or not stage.quick]


def _timed(
    starts: Mapping[str, Callable[[], tuple[Running, float]]], running: dict[str, Running], client: Worker
) -> dict[str, Callable[[], Figures]]:
    """Starting each anew; ``running`` holds those that were started last."""

    def again(name: str) -> Figures:
        if before := running.pop(name, None):
            before.server.end()
        started, took = starts[name]()
        first = _load(client, started, 1, 1, 0.0)
        running[name] = started
        return {"start": took, "first": first["p50"]}

    return {name: partial(again, name) for name in starts}


def _start(stage: Stage, gateway: Gateway, upstream: int) -> tuple[Running, float]:
    folder = Path(stage.folder) / gateway.name.replace(" ", "-")
    folder.mkdir(exist_ok=True)
    port = free_port()
    try:
        how = gateway.start(folder, port, upstream)
    except NotHereError as error:
        raise ContenderError(str(error)) from error
    server = stage.start(Server, gateway.name, how.command, how.environ)
    return Running(server, how, port), server.wait_until_it_answers(port, gateway.ready, STARTS_WITHIN)


def _rest(stage: Stage, running: Mapping[str, Running], title: str) -> None:
    time.sleep(0.0 if stage.quick else AT_REST)
    resident = {name: partial(_resident, one) for name, one in running.items()}
    stage.section.add(compared(title, stage.play(title, resident, 1), REFERENCE, RSS))


def _resident(running: Running) -> Figures:
    return {"rss": running.server.usage().rss}


def _load(client: Worker, running: Running, side_by_side: int, at_least: int, seconds: float) -> Figures:
    before = running.server.usage().cpu
    figures = client.ask(
        "load",
        url=f"http://127.0.0.1:{running.port}{PATH}",
        model=running.started.model,
        headers=dict(running.started.headers),
        side_by_side=side_by_side,
        seconds=seconds,
        at_least=at_least,
    )
    time.sleep(SETTLES)
    used = running.server.usage()
    answered = figures["requests"] - figures["failed"]
    return {
        **figures,
        "cpu_a_thousand": (used.cpu - before) / answered * 1000,
        "answered_a_second": answered / figures["wall"],
        "failed_share": figures["failed"] / figures["requests"],
        "rss": used.rss,
    }
