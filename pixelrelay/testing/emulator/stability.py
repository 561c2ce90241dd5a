"""The API of Stability AI (v2beta), as its reference and published answers describe it in 2026.

A picture that is filtered comes blurred, in an answer that succeeds; here it is not billed. The key is locked out for a
minute once its quota was exceeded.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, get_args

from PIL import Image
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pixelrelay import _clock
from pixelrelay.testing.emulator.answers import RefusalError, stay_away
from pixelrelay.testing.emulator.base import Order, SynchronousApi, Visit, World
from pixelrelay.testing.emulator.deployment import EmulatedDeployment
from pixelrelay.testing.emulator.faults import Fault, FaultKind, Stage, moderated
from pixelrelay.testing.emulator.openai_orders import read_form
from pixelrelay.testing.emulator.pictures import MEDIA_TYPES, Encoding, UndecodableError, decode, encode
from pixelrelay.testing.emulator.quotas import Rejection
from pixelrelay.testing.emulator.stability_forms import SERVICES, Form, Model, Service, UnfitError

LARGEST_BODY = 10 * 1024 * 1024
LOCKED_OUT = 60.0


class _FilteredError(RefusalError):
    """The picture was drawn, and may not be shown."""


@dataclass(slots=True)
class _Job:
    """One picture of an asynchronous service."""

    form: Form
    fault: FaultKind | None
    picture: bytes | None = None
    refusal: RefusalError | None = None


class StabilityApi(SynchronousApi):
    unknown_faults: ClassVar[frozenset[FaultKind]] = frozenset({FaultKind.FAILED_JOB, FaultKind.EXPIRED_SAMPLE})

    @classmethod
    def models(cls) -> Collection[str]:
        services = [path.rpartition("/")[2] for path in SERVICES]
        return [name for name in (*services, *get_args(Model)) if name != "sd3"]

    def __init__(self, deployment: EmulatedDeployment, world: World) -> None:
        self._jobs: dict[str, _Job] = {}
        self._locked_until = 0.0
        super().__init__(deployment, world)

    def routes(self) -> list[BaseRoute]:
        submit = self.endpoint(Stage.SUBMIT, "generate", self._submit)
        return [
            Route("/v2beta/stable-image/{kind}/{name}", submit, methods=["POST"]),
            Route("/v2beta/results/{id}", self.endpoint(Stage.POLL, "poll", self._poll), methods=["GET"]),
            Route("/v1/user/balance", self.endpoint(Stage.ASK, "ask", self._balance), methods=["GET"]),
        ]

    # --- drawing -------------------------------------------------------------------------------------------------

    async def _submit(self, visit: Visit) -> Response:
        service = SERVICES.get("{kind}/{name}".format(**visit.request.path_params))
        if service is None:
            raise self.no_such_path()
        form, order = await self._read(visit, service)
        visit.entry.prompt, visit.entry.size = order.prompt, order.size
        if service.job:
            return self._begun(visit, form, order, service.dollars(form))
        try:
            (picture,) = await self.draw(visit, order, service.dollars(form))
        except _FilteredError:
            return _answer(visit.request, form, _blurred(form), "image", "CONTENT_FILTERED")
        return _answer(visit.request, form, picture, "image")

    async def _read(self, visit: Visit, service: Service) -> tuple[Form, Order]:
        request = visit.request
        if request.headers.get("content-type", "").partition(";")[0] != "multipart/form-data":
            raise self._bad("content-type: must be multipart/form-data")
        if request.headers.get("accept", "") not in {"image/*", "application/json", "*/*"}:
            raise self._bad("accept: must be image/* or application/json")
        if len(await request.body()) > LARGEST_BODY:
            raise self._error(413, "payload_too_large", "body: payloads cannot be larger than 10MiB in size")
        try:
            parts = await read_form(request)
        except RefusalError:
            raise self._bad("body: is not a form") from None
        try:
            texts, files = self._sorted_out(parts, service)
            visit.entry.operation = "edit" if files else "generate"
            form = service.form.model_validate(texts)
            return form, service.order(form, files)
        except ValidationError as error:
            raise self._bad(_complaint(error.errors(include_url=False)[0])) from None
        except UnfitError as error:
            raise self._bad(str(error)) from None
        finally:
            await parts.close()

    def _sorted_out(self, parts: FormData, service: Service) -> tuple[dict[str, str], dict[str, Image.Image]]:
        texts: dict[str, str] = {}
        files: dict[str, Image.Image] = {}
        for name, value in parts.multi_items():
            known = name in service.required or name in service.optional
            if name in texts or name in files:
                raise UnfitError(f"{name}: must be given once")
            if isinstance(value, str) != known:
                if isinstance(value, str):
                    texts[name] = value
                else:
                    files[name] = _picture(name, value.file.read(), service)
            elif known:
                raise UnfitError(f"{name}: must be a file")
            else:
                raise UnfitError(f"{name}: is not allowed")
        if missing := [name for name in service.required if name not in files]:
            raise UnfitError(f"{missing[0]}: is required")
        # The first of the files is the one that is changed.
        return texts, {name: files[name] for name in (*service.required, *service.optional) if name in files}

    def admit(self, visit: Visit, images: int = 1) -> None:
        now = self.world.clock.now()
        if now < self._locked_until:
            raise self.rate_limited("requests", Rejection(0, 0, 1, self._locked_until - now), None)
        try:
            super().admit(visit, images)
        except RefusalError as refusal:
            if refusal.status == 429:
                self._locked_until = now + LOCKED_OUT
            raise

    # --- jobs ----------------------------------------------------------------------------------------------------

    def _begun(self, visit: Visit, form: Form, order: Order, dollars: Decimal) -> Response:
        self.admit(visit)
        name = f"{self.rng.getrandbits(256):064x}"
        self._jobs[name] = job = _Job(form, visit.fault.kind if visit.fault is not None else None)
        self.world.background.spawn(lambda: self._run(job, visit, order, dollars))
        return JSONResponse({"id": name})

    async def _run(self, job: _Job, visit: Visit, order: Order, dollars: Decimal) -> None:
        try:
            verdict = moderated(order.prompt, visit.fault)
            if verdict is not FaultKind.MODERATED_INPUT:
                await _clock.sleep(self.law.seconds(self.rng, order.size))
            if verdict is not None:
                job.refusal = self.moderation(verdict, visit)
            else:
                (job.picture,) = self.drawn(visit, order, dollars)
        finally:
            self.account.leave()

    async def _poll(self, visit: Visit) -> Response:
        job = self._jobs.get(name := str(visit.request.path_params["id"]))
        struck = visit.fault.kind if visit.fault is not None else None
        if job is None or FaultKind.LOST_JOB in {job.fault, struck}:
            raise self._error(404, "not_found", "The requested resource could not be found.")
        if isinstance(job.refusal, _FilteredError):
            return _answer(visit.request, job.form, _blurred(job.form), "result", "CONTENT_FILTERED")
        if job.refusal is not None:
            raise job.refusal
        if job.picture is None:
            return JSONResponse({"id": name, "status": "in-progress"}, 202)
        return _answer(visit.request, job.form, job.picture, "result")

    async def _balance(self, visit: Visit) -> Response:  # noqa: ARG002 - there is one account
        credit = self.deployment.credit
        left = Decimal(100) if credit is None else credit - self.world.meter.spent(self.deployment.name)
        return JSONResponse({"credits": float(max(Decimal(0), left) * 100)})

    # --- refusals ------------------------------------------------------------------------------------------------

    def authorise(self, request: Request) -> None:
        given = request.headers.get("authorization")
        if given is None:
            body = {"id": self.new_uuid(), "name": "unauthorized", "message": "missing authorization header"}
            raise RefusalError(401, body)
        if given != f"Bearer {self.deployment.api_key}":
            raise self.refusal(FaultKind.UNAUTHORISED, None)

    def refusal(self, kind: FaultKind, fault: Fault | None) -> RefusalError:
        match kind:
            case FaultKind.UNAUTHORISED:
                return self._error(401, "unauthorized", "authorization: invalid or missing header value")
            case FaultKind.NOT_FOUND:
                return self.no_such_path()
            case FaultKind.OUT_OF_CREDIT:
                text = (
                    "You lack sufficient credits to make this request. Please purchase more credits at "
                    "https://platform.stability.ai/account/credits and try again."
                )
                return self._error(402, "payment_required", text)
            case FaultKind.BAD_GATEWAY:
                return RefusalError(502, "<html><head><title>502 Bad Gateway</title></head></html>")
            case FaultKind.UNAVAILABLE:
                headers = stay_away(fault.retry_after, fault.form) if fault is not None else {}
                return RefusalError(503, "<html><head><title>503</title></head></html>", headers)
            case _:
                text = "An unexpected server error has occurred, please try again later."
                return self._error(500, "internal_error", text)

    def rate_limited(self, limit: str, rejection: Rejection | None, fault: Fault | None) -> RefusalError:  # noqa: ARG002
        text = (
            "You have exceeded the rate limit of 150 requests within a 10 second period, and have been timed out for "
            "60 seconds."
        )
        refusal = self._error(429, "rate_limit_exceeded", text)
        refusal.headers |= stay_away(fault.retry_after, fault.form) if fault is not None else {}
        return refusal

    def moderation(self, stage: FaultKind, visit: Visit) -> RefusalError:  # noqa: ARG002 - the same for every visit
        if stage is FaultKind.MODERATED_OUTPUT:
            return _FilteredError(200, {})
        text = (
            "Your request was flagged by our content moderation system, as a result your request was denied and you "
            "were not charged."
        )
        return self._error(403, "content_moderation", text)

    def no_such_path(self) -> RefusalError:
        return self._error(404, "not_found", "The requested resource could not be found.")

    def _bad(self, text: str) -> RefusalError:
        return self._error(400, "bad_request", text)

    def _error(self, status: int, name: str, text: str) -> RefusalError:
        return RefusalError(status, {"id": self.new_request_id(), "name": name, "errors": [text]})

    def new_request_id(self) -> str:
        return f"{self.rng.getrandbits(128):032x}"

    def headers(self, visit: Visit) -> Mapping[str, str]:
        return {"x-request-id": visit.entry.request_id}


def _picture(name: str, data: bytes, service: Service) -> Image.Image:
    try:
        picture = decode(data)
    except UndecodableError:
        raise UnfitError(f"{name}: could not be decoded, please check that it is a png, jpeg or webp") from None
    if picture.width * picture.height > service.largest:
        raise UnfitError(f"{name}: unsupported dimensions - must be at most {service.largest:,} pixels")
    if min(picture.size) < service.least_edge:
        raise UnfitError(f"{name}: unsupported dimensions - each side must be at least {service.least_edge} pixels")
    return picture


def _complaint(error: ErrorDetails) -> str:
    name = ".".join(str(step) for step in error["loc"])
    match error["type"]:
        case "missing":
            return f"{name}: is required"
        case "extra_forbidden":
            return f"{name}: is not allowed"
        case _:
            return f"{name}: {error['msg'].removeprefix('Input ')}"


def _blurred(form: Form) -> bytes:
    return encode(Image.new("RGB", (64, 64), (128, 128, 128)), Encoding(form.output_format))


def _answer(request: Request, form: Form, picture: bytes, key: str, reason: str = "SUCCESS") -> Response:
    """As JSON or as bare bytes, by what the request accepts."""
    seed = getattr(form, "seed", 0) or int.from_bytes(picture[-8:-4], "big") % 4_294_967_294
    if request.headers["accept"] == "application/json":
        encoded = base64.b64encode(picture).decode()
        return JSONResponse({key: encoded, "seed": seed, "finish_reason": reason})
    headers = {"finish-reason": reason, "seed": str(seed)}
    return Response(picture, 200, headers, MEDIA_TYPES[form.output_format])
