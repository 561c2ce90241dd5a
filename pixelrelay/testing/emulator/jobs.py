"""What emulated APIs share that take jobs: from a job's acceptance to the addresses of its pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pixelrelay import _clock
from pixelrelay.testing.emulator.base import EmulatedApi, Order, Visit, World
from pixelrelay.testing.emulator.deployment import EmulatedDeployment
from pixelrelay.testing.emulator.faults import FaultKind, Stage, moderated
from pixelrelay.testing.emulator.latency import typical
from pixelrelay.testing.emulator.pictures import Size
from pixelrelay.testing.emulator.shelf import Shelf, delivery_address

JOB_LIFETIME = 3600.0
"""Seconds after its end for which a job is known."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a submission asks for, as its dialect read it."""

    model: str
    prompt: str
    order: Order | None = None
    """``None`` where the input cannot be read."""
    dollars: Decimal = Decimal(0)
    seed: int | None = None
    complaint: Any = None
    """What is wrong with the input, in the provider's words."""
    patience: float | None = None
    """Seconds after which the job gives up by itself."""


@dataclass(slots=True)
class Job:
    """One job, from its acceptance until it is forgotten."""

    id: str
    model: str
    prompt: str
    seed: int
    complaint: Any
    fault: FaultKind | None
    seconds: float
    size: Size | None = None
    format: str = ""
    begun: bool = False
    ended: float | None = None
    verdict: FaultKind | None = None
    """How moderation ended it."""
    gave_up: bool = False
    pictures: list[str] = field(default_factory=list)
    """Path and query of each."""

    @property
    def failed(self) -> bool:
        """Whether its machine broke down."""
        return self.fault is FaultKind.FAILED_JOB


class JobsApi(EmulatedApi):
    """An API that names a job at once and draws it in its own time, whoever still listens."""

    unknown_faults: ClassVar[frozenset[FaultKind]] = frozenset()
    picture_lifetime: ClassVar[float]
    """Seconds for which the address of a picture is good."""

    def __init__(self, deployment: EmulatedDeployment, world: World) -> None:
        self._jobs: dict[str, Job] = {}
        super().__init__(deployment, world)
        self._shelf = Shelf(deployment.api_key, "/results", self.picture_lifetime)

    def download_route(self) -> Route:
        endpoint = self.endpoint(Stage.DOWNLOAD, "download", self._download, authorised=False)
        return Route("/results/{name}/{file}", endpoint, methods=["GET"])

    # --- for the dialect -----------------------------------------------------------------------------------------

    def accept(self, visit: Visit, wanted: Wanted) -> Job:
        """Take a job up, and begin it when its turn comes."""
        order = wanted.order
        visit.entry.prompt = wanted.prompt
        if order is not None:
            visit.entry.operation, visit.entry.size = "edit" if order.images else "generate", order.size
        self.admit(visit, order.n if order is not None else 1)
        self._forget(self.world.clock.now())
        job = Job(
            id=self.new_request_id(),
            model=wanted.model,
            prompt=wanted.prompt,
            seed=wanted.seed if wanted.seed is not None else self.rng.getrandbits(31),
            complaint=wanted.complaint,
            fault=visit.fault.kind if visit.fault is not None else None,
            seconds=self._duration(wanted),
            size=order.size if order is not None else None,
            format=order.encoding.format if order is not None else "",
        )
        self._jobs[job.id] = job
        self.world.background.spawn(lambda: self._run(job, wanted, visit))
        return job

    def known(self, visit: Visit, name: str) -> Job | None:
        """The job called ``name``, unless it is lost."""
        job = self._jobs.get(name)
        struck = visit.fault is not None and visit.fault.kind is FaultKind.LOST_JOB
        if job is None or struck or job.fault is FaultKind.LOST_JOB:
            return None
        visit.entry.prompt = job.prompt
        return job

    def addresses_of(self, job: Job, request: Request) -> list[str]:
        return [f"{delivery_address(request)}{path}" for path in job.pictures]

    async def turn(self) -> None:
        """Wait until the account lets the next job run."""

    def leave(self) -> None:
        """Let another job run in its place."""
        self.account.leave()

    def moderate(self, job: Job, verdict: FaultKind, wanted: Wanted, visit: Visit) -> None:  # noqa: ARG002
        """End a job that moderation refuses."""
        job.verdict = verdict

    # --- drawing -------------------------------------------------------------------------------------------------

    def _duration(self, wanted: Wanted) -> float:
        law = self.law if self.deployment.latency is not None else typical(wanted.model)
        order = wanted.order
        if order is None:
            return min(1.0, law.median)
        return law.seconds(self.rng, order.size, order.quality, order.steps, order.n)

    def _forget(self, now: float) -> None:
        old = [job.id for job in self._jobs.values() if job.ended is not None and job.ended + JOB_LIFETIME < now]
        for each in old:
            del self._jobs[each]

    async def _run(self, job: Job, wanted: Wanted, visit: Visit) -> None:
        await self.turn()
        job.begun = True
        try:
            verdict = moderated(job.prompt, visit.fault)
            if verdict is not FaultKind.MODERATED_INPUT:
                await _clock.sleep(min(job.seconds, wanted.patience or job.seconds))
            job.gave_up = wanted.patience is not None and wanted.patience < job.seconds
            if verdict is not None:
                self.moderate(job, verdict, wanted, visit)
            elif wanted.order is not None and not job.failed and not job.gave_up:
                self.shelve(job, self.drawn(visit, wanted.order, wanted.dollars))
        finally:
            job.ended = self.world.clock.now()
            self.leave()

    def shelve(self, job: Job, pictures: Iterable[bytes]) -> None:
        """Put pictures where they can be fetched."""
        expired, now = job.fault is FaultKind.EXPIRED_SAMPLE, self.world.clock.now()
        for number, picture in enumerate(pictures):
            job.pictures.append(self._shelf.put(f"{job.id}-{number}", picture, job.format, now, expired))

    async def _download(self, visit: Visit) -> Response:
        return self._shelf.get(visit.request, self.world.clock.now())
