"""A contest: the same job for everybody, in turn (A B A B …), and what each needed in proportion to one of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, TypeVar

from benchmarks.environments import Contender, NotHereError
from benchmarks.measuring import Figures
from benchmarks.processes import Child, ContenderError, Worker
from benchmarks.tables import Section

AnyChild = TypeVar("AnyChild", bound=Child)
Entered = TypeVar("Entered")
STARTS_WITHIN = 120.0


@dataclass(frozen=True, slots=True)
class Spread:
    """What several rounds brought."""

    least: float
    median: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        known = list(values)
        return cls(min(known), median(known), max(known))


@dataclass(slots=True)
class Rounds:
    """The figures of each contender, a round each, and why some have none."""

    figures: dict[str, list[Figures]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def spread(self, contender: str, figure: str) -> Spread:
        return Spread.of(figures[figure] for figures in self.figures[contender])

    def ratio(self, contender: str, reference: str, figure: str) -> Spread:
        """Of each round by itself, so that what slowed both in one round falls out."""
        pairs = zip(self.figures[contender], self.figures[reference], strict=False)
        return Spread.of(its[figure] / others[figure] for its, others in pairs)


def interleaved(players: Mapping[str, Callable[[], Figures]], rounds: int) -> Rounds:
    """Everybody in turn, so many times. Who fails once plays no further, and the others go on."""
    played = Rounds(figures={name: [] for name in players})
    for _ in range(rounds):
        for name, play in players.items():
            if name not in played.failed:
                try:
                    played.figures[name].append(play())
                except ContenderError as error:
                    played.failed[name] = str(error)
                    del played.figures[name]
    return played


class Upstream:
    """What they all call, in a process of its own."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.port = self.listen()

    def listen(self) -> int:
        """A further port of the same upstream."""
        return int(self._worker.ask("listen")["port"])

    def refuse(self, port: int) -> None:
        """From now on, whoever calls there."""
        self._worker.ask("refuse", port=port)

    def behave(
        self,
        *,
        base64_bytes: int = 800,
        delay: float = 0.0,
        fault: str | None = None,
        deployment: str | None = None,
    ) -> int:
        """From now on, of one deployment or of all without a behaviour of their own. The bytes of one answer."""
        told = self._worker.ask("behave", base64_bytes=base64_bytes, delay=delay, fault=fault, deployment=deployment)
        return int(told["answer_bytes"])

    def count(self) -> Figures:
        """Since the last count: ``calls``, pictures ``drawn``, ``most_in_flight``, bytes ``received``, calls to each
        named deployment."""
        return self._worker.ask("count")


class Stage:
    """Where one benchmark runs. All that was started on it ends with it."""

    def __init__(self, section: Section, *, quick: bool, rounds: int | None = None) -> None:
        """``rounds`` is how often each plays at most."""
        self.section = section
        self._most = 1 if quick else rounds
        self.quick = quick
        self._leaving = ExitStack()
        self.folder: Path
        self._started = 0

    def __enter__(self) -> Stage:
        self.folder = Path(self._leaving.enter_context(TemporaryDirectory(prefix="pixelrelay-bench-")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.close()

    def enter(self, context: AbstractContextManager[Entered]) -> Entered:
        """Something else that ends with the stage."""
        return self._leaving.enter_context(context)

    def upstream(self) -> Upstream:
        command = [sys.executable, "-m", "benchmarks.upstream"]
        return Upstream(self.start(Worker, "upstream", command))

    def start(
        self, kind: type[AnyChild], name: str, command: list[str], environ: Mapping[str, str] | None = None
    ) -> AnyChild:
        """A process that ends with the stage, if not before."""
        self._started += 1
        child = kind(name, command, self.folder / f"{self._started}.log", environ or {})
        self._leaving.callback(child.end)
        return child

    def workers(self, *contenders: Contender, job: str = "open", **arguments: Any) -> dict[str, Worker]:
        """Those of them that are here, and have done their first job. Of the others the section says why not."""
        ready = {}
        for contender in contenders:
            if self.quick and not contender.is_cheap:
                continue
            try:
                worker = self.start(Worker, contender.name, contender.command())
                worker.ask(job, STARTS_WITHIN, **arguments)
            except (NotHereError, ContenderError) as error:
                self.section.missing[contender.name] = str(error)
                continue
            self.section.settings[contender.name] = contender.settings
            ready[contender.name] = worker
        return ready

    def play(self, title: str, players: Mapping[str, Callable[[], Figures]], rounds: int) -> Rounds:
        """The rounds of one case; who fails is named in the section."""
        print(f"  {title}", file=sys.stderr, flush=True)
        played = interleaved(players, rounds if self._most is None else min(rounds, self._most))
        for name, why in played.failed.items():
            self.section.missing[f"{name} at {title}"] = why
        return played
