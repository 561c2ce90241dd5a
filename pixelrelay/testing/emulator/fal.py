"""fal: a queue that takes any request, and tells of what was wrong with it when its result is asked for.

As documented, and observed by others, in 2026. More requests than an account may run at a time wait in the queue.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import ceil
from typing import Any, ClassVar

import anyio
from PIL import Image
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pixelrelay.testing.emulator.answers import RefusalError, stay_away
from pixelrelay.testing.emulator.base import Visit, World
from pixelrelay.testing.emulator.deployment import EmulatedDeployment
from pixelrelay.testing.emulator.fal_endpoints import BODIES
from pixelrelay.testing.emulator.faults import Fault, FaultKind, Stage
from pixelrelay.testing.emulator.jobs import Job, JobsApi, Wanted
from pixelrelay.testing.emulator.pictures import MEDIA_TYPES, UndecodableError, encode
from pixelrelay.testing.emulator.quotas import Rejection
from pixelrelay.testing.emulator.shelf import own_address

DOCS = "https://docs.fal.ai/errors#"
WEEK = 7 * 86_400.0


class FalApi(JobsApi):
    picture_lifetime: ClassVar[float] = WEEK

    @classmethod
    def models(cls) -> Collection[str]:
        return BODIES

    def __init__(self, deployment: EmulatedDeployment, world: World) -> None:
        super().__init__(deployment, world)
        self.account.slots = None
        self._runners = anyio.Semaphore(deployment.concurrent) if deployment.concurrent is not None else None

    def routes(self) -> list[BaseRoute]:
        status = self.endpoint(Stage.POLL, "poll", self._status)
        result = self.endpoint(Stage.POLL, "poll", self._result)
        return [
            self.download_route(),
            Route("/v1/models/pricing", self.endpoint(Stage.ASK, "ask", self._prices), methods=["GET"]),
            Route("/{owner}/{app}/requests/{id}/status", status, methods=["GET"]),
            Route("/{owner}/{app}/requests/{id}", result, methods=["GET"]),
            Route("/{model:path}", self.endpoint(Stage.SUBMIT, "generate", self._submit), methods=["POST"]),
        ]

    # --- the queue -----------------------------------------------------------------------------------------------

    async def _submit(self, visit: Visit) -> Response:
        model = str(visit.request.path_params["model"])
        app = _app_of(model)
        if not any(_app_of(known) == app for known in BODIES):
            raise _detail(404, f"Application '{app.rpartition('/')[2]}' not found")
        job = self.accept(visit, _wanted(model, await visit.request.body()))
        return JSONResponse({**_addresses(job, visit.request), "status": "IN_QUEUE", "queue_position": 0})

    async def turn(self) -> None:
        if self._runners is not None:
            await self._runners.acquire()

    def leave(self) -> None:
        super().leave()
        if self._runners is not None:
            self._runners.release()

    def moderate(self, job: Job, verdict: FaultKind, wanted: Wanted, visit: Visit) -> None:
        super().moderate(job, verdict, wanted, visit)
        order = wanted.order
        if order is not None and verdict is FaultKind.MODERATED_OUTPUT and BODIES[job.model].blackens:
            self.world.meter.bill(visit.entry, order.n, wanted.dollars)
            self.shelve(job, [encode(Image.new("RGB", order.size), order.encoding)] * order.n)

    # --- asking after a request ----------------------------------------------------------------------------------

    def _job(self, visit: Visit) -> Job:
        job = self.known(visit, str(visit.request.path_params["id"]))
        if job is None:
            raise _detail(404, "Request not found")
        return job

    async def _status(self, visit: Visit) -> Response:
        job = self._job(visit)
        answer = {**_addresses(job, visit.request), "logs": None}
        if job.ended is None:
            waiting = {"status": "IN_PROGRESS"} if job.begun else {"status": "IN_QUEUE", "queue_position": 0}
            return JSONResponse({**answer, **waiting}, 202)
        if job.failed:
            answer |= {"error": "Runner disconnected", "error_type": "runner_disconnected"}
        return JSONResponse({**answer, "status": "COMPLETED", "metrics": {"inference_time": job.seconds}})

    async def _result(self, visit: Visit) -> Response:
        job = self._job(visit)
        if job.ended is None:
            raise _detail(400, "Request is still in progress")
        if job.failed:
            body = {"detail": "Runner disconnected", "error_type": "runner_disconnected"}
            raise RefusalError(503, body, {"x-fal-error-type": "runner_disconnected"})
        if job.complaint is not None:
            raise job.complaint
        if job.verdict is not None and not job.pictures:
            where = ["body", "prompt"] if job.verdict is FaultKind.MODERATED_INPUT else ["body"]
            text = "The content could not be processed because it was flagged by a content checker."
            raise _problems([_problem("content_policy_violation", text, where)])
        return JSONResponse(self._drawn(job, visit.request))

    def _drawn(self, job: Job, request: Request) -> dict[str, Any]:
        width, height = job.size or (None, None)
        images = [
            {
                "url": address,
                "content_type": MEDIA_TYPES[job.format],
                "file_name": f"{job.id}.{job.format}",
                "width": width,
                "height": height,
            }
            for address in self.addresses_of(job, request)
        ]
        return {
            "images": images,
            "timings": {"inference": job.seconds},
            "seed": job.seed,
            "has_nsfw_concepts": [job.verdict is not None] * len(images),
            "prompt": job.prompt,
        }

    async def _prices(self, visit: Visit) -> Response:
        asked = visit.request.query_params.get("endpoint_id", "").split(",")
        prices = [
            {"endpoint_id": id_, "unit_price": float(BODIES[id_].picture), "unit": "images", "currency": "USD"}
            for id_ in asked
            if id_ in BODIES
        ]
        return JSONResponse({"prices": prices, "next_cursor": None, "has_more": False})

    # --- refusals ------------------------------------------------------------------------------------------------

    def authorise(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Key {self.deployment.api_key}":
            raise self.refusal(FaultKind.UNAUTHORISED, None)

    def refusal(self, kind: FaultKind, fault: Fault | None) -> RefusalError:
        match kind:
            case FaultKind.UNAUTHORISED:
                return _detail(401, "No user found for Key ID and Secret")
            case FaultKind.NOT_FOUND:
                return _detail(404, "Application not found")
            case FaultKind.OUT_OF_CREDIT:
                reason = "Exhausted balance. Top up your balance at fal.ai/dashboard/billing."
                return _detail(403, f"User is locked. Reason: {reason}")
            case FaultKind.BAD_GATEWAY:
                return RefusalError(502, "<html><head><title>502 Bad Gateway</title></head></html>")
            case FaultKind.UNAVAILABLE:
                headers = stay_away(fault.retry_after, fault.form) if fault is not None else {}
                return _detail(503, "Service temporarily unavailable", headers)
            case _:
                return _detail(500, "Internal Server Error")

    def rate_limited(self, limit: str, rejection: Rejection | None, fault: Fault | None) -> RefusalError:  # noqa: ARG002
        seconds = rejection.retry_after if rejection is not None else fault.retry_after if fault is not None else None
        wait = f", retry after {ceil(seconds)} seconds" if seconds is not None else ""
        headers = stay_away(seconds, fault.form if fault is not None else None)
        return _detail(429, f"Rate limit exceeded{wait}", headers)

    def no_such_path(self) -> RefusalError:
        return _detail(404, "Not Found")

    def new_request_id(self) -> str:
        return self.new_uuid()


def _wanted(model: str, raw: bytes) -> Wanted:
    """What a body asks for; the queue takes it whatever it says, and the model complains."""
    if model not in BODIES:
        return Wanted(model, "", complaint=_detail(404, f"Path /{model.split('/', 2)[-1]} not found"))
    try:
        body = BODIES[model].model_validate_json(raw, strict=True)
    except ValidationError as error:
        problems = [
            _problem(each["type"], each["msg"], ["body", *each["loc"]])
            for each in error.errors(include_url=False, include_input=False)
        ]
        return Wanted(model, "", complaint=_problems(problems))
    try:
        order = body.order()
    except UndecodableError:
        text = "Failed to load the image. Please ensure the image file is not corrupted and is in a supported format."
        complaint = _problems([_problem("image_load_error", text, ["body", body.picture_field])])
        return Wanted(model, body.words, complaint=complaint)
    return Wanted(model, body.words, order, body.price(order), getattr(body, "seed", None))


def _app_of(model: str) -> str:
    return "/".join(model.split("/")[:2])


def _addresses(job: Job, request: Request) -> dict[str, Any]:
    """Owner and app alone stand in them, whatever the endpoint."""
    own = f"{own_address(request)}/{_app_of(job.model)}/requests/{job.id}"
    return {"request_id": job.id, "response_url": own, "status_url": f"{own}/status", "cancel_url": f"{own}/cancel"}


def _detail(status: int, text: str, headers: dict[str, str] | None = None) -> RefusalError:
    return RefusalError(status, {"detail": text}, headers)


def _problem(type_: str, text: str, where: Sequence[str | int]) -> dict[str, Any]:
    return {"loc": list(where), "msg": text, "type": type_, "url": f"{DOCS}{type_}"}


def _problems(problems: list[dict[str, Any]]) -> RefusalError:
    return RefusalError(422, {"detail": problems}, {"x-fal-retryable": "false"})
