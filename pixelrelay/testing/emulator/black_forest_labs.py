"""The API of Black Forest Labs: tasks that are submitted, polled and fetched, as documented and observed in 2026.

Submissions that bring no readable picture are accepted, and the poll tells that the task failed, as the service does.
The body of its 429 is not published.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pixelrelay import _clock
from pixelrelay.testing.emulator.answers import RefusalError, stay_away
from pixelrelay.testing.emulator.base import EmulatedApi, Order, Visit, World
from pixelrelay.testing.emulator.deployment import EmulatedDeployment
from pixelrelay.testing.emulator.faults import Fault, FaultKind, Stage, moderated
from pixelrelay.testing.emulator.flux_bodies import BODIES, Body
from pixelrelay.testing.emulator.flux_orders import Megapixels, order_of, read_body
from pixelrelay.testing.emulator.latency import typical
from pixelrelay.testing.emulator.pictures import UndecodableError
from pixelrelay.testing.emulator.quotas import Rejection
from pixelrelay.testing.emulator.shelf import Shelf, delivery_address, own_address

SAMPLE_LIFETIME = 600.0
FLUX3_SAMPLE_LIFETIME = 3600.0
TASK_LIFETIME = 3600.0
"""Seconds after its end for which a task is known."""

# Credits (cents): the first megapixel, each further one and each of input; or for the picture whatever its size.
_BY_MEGAPIXEL: Mapping[str, tuple[Decimal, Decimal]] = {
    "flux-2-klein-4b": (Decimal("1.4"), Decimal("0.1")),
    "flux-2-klein-9b": (Decimal("1.5"), Decimal("0.2")),
    "flux-2-klein-9b-preview": (Decimal("1.5"), Decimal("0.2")),
    "flux-2-pro": (Decimal(3), Decimal("1.5")),
    "flux-2-pro-preview": (Decimal(3), Decimal("1.5")),
    "flux-2-flex": (Decimal(5), Decimal(5)),
    "flux-2-max": (Decimal(7), Decimal(3)),
}
_BY_PICTURE: Mapping[str, Decimal] = {
    "flux-kontext-pro": Decimal(4),
    "flux-kontext-max": Decimal(8),
    "flux-pro-1.1": Decimal(4),
    "flux-pro-1.1-ultra": Decimal(6),
    "flux-pro-1.0-fill": Decimal(5),
    "flux-pro-1.0-expand": Decimal(5),
    "flux-dev": Decimal("2.5"),
    "flux-3-image": Decimal(6),
    "flux-tools/erase-v1": Decimal(3),
    "flux-tools/outpainting-v1": Decimal(20),
}


@dataclass(slots=True)
class _Task:
    """One job, from its submission until it is forgotten."""

    id: str
    model: str
    prompt: str
    seed: int | None
    fault: FaultKind | None
    order: Order | None
    """``None`` where the input could not be read, and once it is drawn."""
    credits: Decimal
    started: float
    seconds: float
    status: str = "Pending"
    sample: str | None = None
    details: dict[str, Any] | None = None
    ended: float | None = None
    http_status: int = 200


class BlackForestLabsApi(EmulatedApi):
    unknown_faults: ClassVar[frozenset[FaultKind]] = frozenset()

    @classmethod
    def models(cls) -> Collection[str]:
        return [path.rpartition("/")[2] for path in BODIES]

    def __init__(self, deployment: EmulatedDeployment, world: World) -> None:
        self._tasks: dict[str, _Task] = {}
        super().__init__(deployment, world)
        self._shelf = Shelf(deployment.api_key, "/results", SAMPLE_LIFETIME)
        self._long_shelf = Shelf(deployment.api_key, "/results-3", FLUX3_SAMPLE_LIFETIME)

    def routes(self) -> list[BaseRoute]:
        download = self.endpoint(Stage.DOWNLOAD, "download", self._download, authorised=False)
        return [
            Route("/v1/get_result", self.endpoint(Stage.POLL, "poll", self._poll), methods=["GET"]),
            Route("/v1/credits", self.endpoint(Stage.ASK, "ask", self._credits), methods=["GET"]),
            Route("/v1/{model:path}", self.endpoint(Stage.SUBMIT, "generate", self._submit), methods=["POST"]),
            Route("/results/{name}/{file}", download, methods=["GET"]),
            Route("/results-3/{name}/{file}", download, methods=["GET"]),
        ]

    # --- submitting ----------------------------------------------------------------------------------------------

    async def _submit(self, visit: Visit) -> Response:
        model = str(visit.request.path_params["model"])
        if model not in BODIES:
            raise self.refusal(FaultKind.NOT_FOUND, None)
        body = read_body(BODIES[model], await visit.request.body())
        visit.entry.operation = "edit" if body.pictures else "generate"
        task = self._accepted(visit, model, body)
        self.world.background.spawn(lambda: self._run(task, visit))
        answer: dict[str, Any] = {
            "id": task.id,
            "polling_url": f"{own_address(visit.request)}/v1/get_result?id={task.id}",
        }
        if model.startswith("flux-2"):
            megapixels = Megapixels.of(task.order) if task.order is not None else Megapixels(0.0, 0.0)
            answer |= {
                "cost": float(task.credits),
                "input_mp": megapixels.input,
                "output_mp": megapixels.output,
            }
        return JSONResponse(answer)

    def _accepted(self, visit: Visit, model: str, body: Body) -> _Task:
        visit.entry.prompt = body.prompt
        try:
            order: Order | None = order_of(body)
        except UndecodableError:
            order = None
        self.admit(visit)
        now = self.world.clock.now()
        self._forget(now)
        price = _credits(model, order, body) if self.deployment.price is None else self.deployment.price * 100
        seed: int | None = getattr(body, "seed", None)
        fault = visit.fault.kind if visit.fault is not None else None
        seconds = self._duration(model, order)
        task = _Task(self.new_uuid(), model, body.prompt, seed, fault, order, price, now, seconds)
        if order is not None:
            visit.entry.size = order.size
        self._tasks[task.id] = task
        return task

    def _duration(self, model: str, order: Order | None) -> float:
        law = self.law if self.deployment.latency is not None else typical(model)
        return law.seconds(self.rng, order.size, None, order.steps) if order is not None else min(1.0, law.median)

    def _forget(self, now: float) -> None:
        old = [task.id for task in self._tasks.values() if task.ended is not None and task.ended + TASK_LIFETIME < now]
        for each in old:
            del self._tasks[each]

    # --- drawing -------------------------------------------------------------------------------------------------

    async def _run(self, task: _Task, visit: Visit) -> None:
        """Draw, whoever still listens; the slot is free when the task has ended."""
        try:
            verdict = moderated(task.prompt, visit.fault)
            if verdict is not FaultKind.MODERATED_INPUT:
                await _clock.sleep(task.seconds)
            self._end(task, visit, verdict)
        finally:
            task.ended, task.order = self.world.clock.now(), None
            self.account.leave()

    def _end(self, task: _Task, visit: Visit, verdict: FaultKind | None) -> None:
        if verdict is not None:
            output = verdict is FaultKind.MODERATED_OUTPUT
            task.status = "Content Moderated" if output else "Request Moderated"
            task.details = {"Moderation Reasons": ["Safety Filter" if output else "Derivative Works Filter"]}
        elif task.order is None:
            task.status, task.http_status = "Error", 422
            task.details = {"error": "Invalid or corrupted image input"}
        elif task.fault is FaultKind.FAILED_JOB:
            task.status, task.details = "Error", {"error": "Task failed"}
        else:
            picture = self.drawn(visit, task.order, task.credits / 100)[0]
            shelf = self._long_shelf if task.model == "flux-3-image" else self._shelf
            expired = task.fault is FaultKind.EXPIRED_SAMPLE
            format_ = task.order.encoding.format
            task.sample = shelf.put(task.id, picture, format_, self.world.clock.now(), expired)
            task.status = "Ready"

    # --- polling and fetching ------------------------------------------------------------------------------------

    async def _poll(self, visit: Visit) -> Response:
        name = visit.request.query_params.get("id")
        if name is None:
            detail = {"loc": ["query", "id"], "msg": "Field required", "type": "missing"}
            raise RefusalError(422, {"detail": [detail]})
        task = self._tasks.get(name)
        if task is None or FaultKind.LOST_JOB in {task.fault, visit.fault.kind if visit.fault is not None else None}:
            return JSONResponse(_result(name, "Task not found"), 404)
        visit.entry.prompt = task.prompt
        answer = _result(task.id, task.status)
        match task.status:
            case "Pending":
                running = self.world.clock.now() - task.started
                answer["progress"] = round(min(0.99, running / task.seconds), 2) if task.seconds else 0.0
            case "Ready":
                answer |= {"result": self._sample(task, visit.request), "cost": float(task.credits)}
            case _:
                answer["details"] = task.details
        return JSONResponse(answer, task.http_status)

    def _sample(self, task: _Task, request: Request) -> dict[str, Any]:
        ended = task.ended if task.ended is not None else self.world.clock.now()
        began = _clock.wall() - (self.world.clock.now() - task.started)
        return {
            "sample": f"{delivery_address(request)}{task.sample}",
            "prompt": task.prompt,
            "seed": task.seed if task.seed is not None else int(task.id[:8], 16),
            "start_time": began,
            "end_time": began + ended - task.started,
            "duration": ended - task.started,
        }

    async def _download(self, visit: Visit) -> Response:
        shelf = self._long_shelf if visit.request.url.path.startswith("/results-3/") else self._shelf
        return shelf.get(visit.request, self.world.clock.now())

    async def _credits(self, visit: Visit) -> Response:  # noqa: ARG002 - there is one account
        credit = self.deployment.credit
        left = Decimal(100) if credit is None else credit - self.world.meter.spent(self.deployment.name)
        return JSONResponse({"credits": float(max(Decimal(0), left) * 100)})

    # --- refusals ------------------------------------------------------------------------------------------------

    def authorise(self, request: Request) -> None:
        if request.headers.get("x-key") != self.deployment.api_key:
            raise self.refusal(FaultKind.UNAUTHORISED, None)

    def refusal(self, kind: FaultKind, fault: Fault | None) -> RefusalError:
        match kind:
            case FaultKind.UNAUTHORISED:
                return _detail(403, "Not authenticated")
            case FaultKind.NOT_FOUND:
                return _detail(404, "Not Found")
            case FaultKind.OUT_OF_CREDIT:
                return _detail(402, "Insufficient credits")
            case FaultKind.BAD_GATEWAY:
                return RefusalError(502, "<html><head><title>502 Bad Gateway</title></head></html>")
            case FaultKind.UNAVAILABLE:
                headers = stay_away(fault.retry_after, fault.form) if fault is not None else {}
                return _detail(503, "Service temporarily unavailable", headers)
            case _:
                return _detail(500, "Internal Server Error")

    def rate_limited(self, limit: str, rejection: Rejection | None, fault: Fault | None) -> RefusalError:
        if limit == "concurrent":
            # Which task will end first nobody knows, so no time is named.
            return _detail(429, "Rate limit exceeded: too many active tasks")
        seconds = rejection.retry_after if rejection is not None else fault.retry_after if fault is not None else None
        wait = f", retry after {ceil(seconds)} seconds" if seconds is not None else ""
        headers = stay_away(seconds, fault.form) if fault is not None else stay_away(seconds)
        return _detail(429, f"Rate limit exceeded{wait}", headers)

    def no_such_path(self) -> RefusalError:
        return _detail(404, "Not Found")

    def new_request_id(self) -> str:
        return self.new_uuid()


def _credits(model: str, order: Order | None, body: Body) -> Decimal:
    """Megapixels are counted whole, each begun one; the service does not say how it rounds."""
    if getattr(body, "mode", None) == "fast":
        return Decimal("4.5")
    if model in _BY_PICTURE or order is None:
        return _BY_PICTURE.get(model, Decimal(0))
    first, further = _BY_MEGAPIXEL[model]
    megapixels = Megapixels.of(order)
    return first + further * (ceil(max(1.0, megapixels.output)) - 1 + ceil(megapixels.input))


def _detail(status: int, text: str, headers: Mapping[str, str] | None = None) -> RefusalError:
    return RefusalError(status, {"detail": text}, headers)


def _result(name: str, status: str) -> dict[str, Any]:
    return {"id": name, "status": status, "result": None, "progress": None, "details": None, "preview": None}
