"""Fireworks: pictures as the body of an answer, and FLUX.1 Kontext by jobs, as its reference describes them in 2026.

How its refusals are worded is not published.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pixelrelay import _clock
from pixelrelay.testing.emulator.answers import RefusalError, stay_away
from pixelrelay.testing.emulator.base import Order, SynchronousApi, Visit, World
from pixelrelay.testing.emulator.deployment import EmulatedDeployment
from pixelrelay.testing.emulator.faults import Fault, FaultKind, Stage
from pixelrelay.testing.emulator.flux_bodies import MEGAPIXEL, WideRatio, ratio_of, scaled
from pixelrelay.testing.emulator.inputs import picture_at
from pixelrelay.testing.emulator.pictures import MEDIA_TYPES, Encoding, Size, UndecodableError
from pixelrelay.testing.emulator.quotas import Rejection
from pixelrelay.testing.emulator.shelf import Shelf, delivery_address

ACCOUNT = "/inference/v1/{family}/accounts/fireworks/models/{model}"
LIFETIME = 600.0
"""Seconds for which the address of a job's picture leads to it."""

# Dollars a step, and the steps where nothing is said; or dollars a picture.
_BY_STEP: Mapping[str, tuple[Decimal, int]] = {
    "flux-1-schnell-fp8": (Decimal("0.00035"), 4),
    "flux-1-dev-fp8": (Decimal("0.0005"), 28),
    "stable-diffusion-xl-1024-v1-0": (Decimal("0.00013"), 30),
}
_BY_PICTURE: Mapping[str, Decimal] = {"flux-kontext-pro": Decimal("0.04"), "flux-kontext-max": Decimal("0.08")}

Ratio: TypeAlias = Literal["1:1", "21:9", "16:9", "3:2", "5:4", "4:5", "2:3", "9:16", "9:21", "4:3", "3:4"]
Steps: TypeAlias = Annotated[int, Field(ge=1, le=50)]


class _Body(BaseModel, ABC):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    prompt: Annotated[str, Field(min_length=1)]
    seed: int | None = None

    @abstractmethod
    def size(self) -> Size: ...

    @property
    def steps_taken(self) -> int | None:
        return None


class _Flux(_Body):
    aspect_ratio: Ratio = "1:1"
    guidance_scale: float | None = None
    num_inference_steps: Steps | None = None

    def size(self) -> Size:
        return scaled(ratio_of(self.aspect_ratio) or (1, 1), MEGAPIXEL, 32)

    @property
    def steps_taken(self) -> int | None:
        return self.num_inference_steps


class _Older(_Body):
    width: Annotated[int, Field(ge=256, le=2048, multiple_of=8)] = 1024
    height: Annotated[int, Field(ge=256, le=2048, multiple_of=8)] = 1024
    cfg_scale: float | None = None
    sampler: str | None = None
    steps: Steps | None = None
    samples: Literal[1] | None = None
    safety_check: bool | None = None
    negative_prompt: str | None = None

    def size(self) -> Size:
        return self.width, self.height

    @property
    def steps_taken(self) -> int | None:
        return self.steps


class _Kontext(_Body):
    input_image: str | None = None
    aspect_ratio: WideRatio | None = None
    output_format: Literal["jpeg", "png"] = "jpeg"
    prompt_upsampling: bool | None = None
    safety_tolerance: Annotated[int, Field(ge=0, le=6)] = 2

    def size(self) -> Size:
        return scaled(ratio_of(self.aspect_ratio or "1:1") or (1, 1), MEGAPIXEL, 32)


class _Asking(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    id: str


@dataclass(slots=True)
class _Job:
    name: str
    seed: int | None
    fault: FaultKind | None
    status: str = "Pending"
    sample: str | None = None
    details: dict[str, Any] | None = None


class FireworksApi(SynchronousApi):
    unknown_faults: ClassVar[frozenset[FaultKind]] = frozenset()

    @classmethod
    def models(cls) -> Collection[str]:
        return [*_BY_STEP, *_BY_PICTURE]

    def __init__(self, deployment: EmulatedDeployment, world: World) -> None:
        self._jobs: dict[str, _Job] = {}
        super().__init__(deployment, world)
        self._shelf = Shelf(deployment.api_key, "/results", LIFETIME)

    def routes(self) -> list[BaseRoute]:
        workflow, older = (ACCOUNT.replace("{family}", family) for family in ("workflows", "image_generation"))
        flux = self.endpoint(Stage.SUBMIT, "generate", lambda visit: self._at_once(visit, _Flux))
        sdxl = self.endpoint(Stage.SUBMIT, "generate", lambda visit: self._at_once(visit, _Older))
        download = self.endpoint(Stage.DOWNLOAD, "download", self._download, authorised=False)
        return [
            Route(f"{workflow}/text_to_image", flux, methods=["POST"]),
            Route(f"{workflow}/get_result", self.endpoint(Stage.POLL, "poll", self._poll), methods=["POST"]),
            Route(workflow, self.endpoint(Stage.SUBMIT, "generate", self._submit), methods=["POST"]),
            Route(older, sdxl, methods=["POST"]),
            Route("/inference/v1/models", self.endpoint(Stage.ASK, "ask", self._models), methods=["GET"]),
            Route("/results/{name}/{file}", download, methods=["GET"]),
        ]

    # --- a picture in the answer ---------------------------------------------------------------------------------

    async def _at_once(self, visit: Visit, model: type[_Body]) -> Response:
        body = await self._body(visit.request, model)
        accepted = visit.request.headers.get("accept", "")
        format_ = {"image/png": "png", "image/jpeg": "jpeg"}.get(accepted)
        if format_ is None:
            raise _refusal(400, f"Accept {accepted!r} is neither image/png nor image/jpeg")
        order = self._order(visit, body, format_)
        seed = str(body.seed or self.rng.getrandbits(31))
        (picture,) = await self.draw(visit, order, self._dollars(body))
        return Response(picture, 200, {"seed": seed, "finish-reason": "SUCCESS"}, MEDIA_TYPES[format_])

    async def _body(self, request: Request, model: type[_Body]) -> _Body:
        if self.deployment.model.rpartition("/")[2] != request.path_params["model"]:
            raise self.refusal(FaultKind.NOT_FOUND, None)
        raw = await request.body()
        try:
            return model.model_validate_json(raw, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise _refusal(400, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None

    def _order(self, visit: Visit, body: _Body, format_: str) -> Order:
        given = getattr(body, "input_image", None)
        try:
            pictures = (picture_at(given),) if given else ()
        except UndecodableError as error:
            raise _refusal(422, f"input_image: {error}") from None
        visit.entry.operation = "edit" if pictures else "generate"
        order = Order(
            prompt=body.prompt,
            size=body.size(),
            steps=body.steps_taken,
            encoding=Encoding(format_, 90),
            images=pictures,
        )
        visit.entry.prompt, visit.entry.size = order.prompt, order.size
        return order

    def _dollars(self, body: _Body) -> Decimal:
        name = self.deployment.model.rpartition("/")[2]
        if name in _BY_PICTURE:
            return _BY_PICTURE[name]
        price, steps = _BY_STEP.get(name, _BY_STEP["stable-diffusion-xl-1024-v1-0"])
        return price * (body.steps_taken or steps)

    # --- jobs ----------------------------------------------------------------------------------------------------

    async def _submit(self, visit: Visit) -> Response:
        body = await self._body(visit.request, _Kontext)
        assert isinstance(body, _Kontext)
        order = self._order(visit, body, body.output_format)
        if order.images and body.safety_tolerance > 2:
            raise _refusal(422, "safety_tolerance: at most 2 with an input image")
        self.admit(visit)
        fault = visit.fault.kind if visit.fault is not None else None
        job = _Job(self.new_uuid(), body.seed, fault)
        self._jobs[job.name] = job
        self.world.background.spawn(lambda: self._run(job, visit, order, self._dollars(body)))
        return JSONResponse({"request_id": job.name})

    async def _run(self, job: _Job, visit: Visit, order: Order, dollars: Decimal) -> None:
        """Draw, whoever still listens; the slot is free when the job has ended."""
        try:
            verdict = self.verdict(order, visit)
            if verdict is not FaultKind.MODERATED_INPUT:
                await _clock.sleep(self.law.seconds(self.rng, order.size))
            if verdict is not None:
                job.status = "Content Moderated" if verdict is FaultKind.MODERATED_OUTPUT else "Request Moderated"
            elif job.fault is FaultKind.FAILED_JOB:
                job.status, job.details = "Error", {"error": "Task failed"}
            else:
                (picture,) = self.drawn(visit, order, dollars)
                expired = job.fault is FaultKind.EXPIRED_SAMPLE
                now = self.world.clock.now()
                job.sample = self._shelf.put(job.name, picture, order.encoding.format, now, expired)
                job.status = "Ready"
        finally:
            self.account.leave()

    async def _poll(self, visit: Visit) -> Response:
        try:
            name = _Asking.model_validate_json(await visit.request.body(), strict=True).id
        except ValidationError:
            raise _refusal(400, "id: Field required") from None
        job = self._jobs.get(name)
        if job is None or FaultKind.LOST_JOB in {job.fault, visit.fault.kind if visit.fault is not None else None}:
            return JSONResponse(_told(name, "Task not found"))
        result = {"sample": f"{delivery_address(visit.request)}{job.sample}", "seed": job.seed} if job.sample else None
        return JSONResponse({**_told(name, job.status), "result": result, "details": job.details})

    async def _download(self, visit: Visit) -> Response:
        return self._shelf.get(visit.request, self.world.clock.now())

    async def _models(self, visit: Visit) -> Response:  # noqa: ARG002 - asks for nothing in particular
        return JSONResponse({"object": "list", "data": [{"id": "accounts/fireworks/models/a-chat-model"}]})

    # --- refusals ------------------------------------------------------------------------------------------------

    def authorise(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.deployment.api_key}":
            raise self.refusal(FaultKind.UNAUTHORISED, None)

    def refusal(self, kind: FaultKind, fault: Fault | None) -> RefusalError:
        match kind:
            case FaultKind.UNAUTHORISED:
                return RefusalError(401, {"error": "unauthorized"})
            case FaultKind.NOT_FOUND:
                return _refusal(404, "Model not found, inaccessible, and/or not deployed", "NOT_FOUND")
            case FaultKind.OUT_OF_CREDIT:
                return _refusal(412, "Account is suspended, possibly due to failure to pay past invoices.")
            case FaultKind.BAD_GATEWAY:
                return RefusalError(502, "<html><head><title>502 Bad Gateway</title></head></html>")
            case FaultKind.UNAVAILABLE:
                headers = stay_away(fault.retry_after, fault.form) if fault is not None else {}
                return _refusal(503, "Service unavailable", headers=headers)
            case _:
                return _refusal(500, "internal error")

    def rate_limited(self, limit: str, rejection: Rejection | None, fault: Fault | None) -> RefusalError:
        seconds = rejection.retry_after if rejection is not None else fault.retry_after if fault is not None else None
        headers = stay_away(seconds, fault.form if fault is not None else None)
        return _refusal(429, f"Too many {limit}", headers=headers)

    def moderation(self, stage: FaultKind, visit: Visit) -> RefusalError:  # noqa: ARG002 - both are told alike
        """A success whose picture is of no use."""
        headers = {"finish-reason": "CONTENT_FILTERED"}
        return RefusalError(
            200, {"id": visit.entry.request_id, "base64": [], "finishReason": "CONTENT_FILTERED"}, headers
        )

    def no_such_path(self) -> RefusalError:
        return _refusal(404, "Path not found")

    def new_request_id(self) -> str:
        return self.new_uuid()

    def headers(self, visit: Visit) -> Mapping[str, str]:
        return {"x-request-id": visit.entry.request_id}


def _refusal(
    status: int, message: str, code: str = "invalid_request_error", headers: Mapping[str, str] | None = None
) -> RefusalError:
    error = {"object": "error", "type": "invalid_request_error", "code": code, "message": message}
    return RefusalError(status, {"error": error}, headers)


def _told(name: str, status: str) -> dict[str, Any]:
    return {"id": name, "status": status, "result": None, "progress": None, "details": None}
