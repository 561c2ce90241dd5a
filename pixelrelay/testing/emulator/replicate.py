"""Replicate: predictions that are created, asked after and fetched, as documented and observed in 2026.

Not emulated: ``Prefer: wait``, web hooks, streams, files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from datetime import UTC, datetime
from math import ceil
from typing import Any, ClassVar

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pixelrelay import _clock
from pixelrelay.testing.emulator.answers import RefusalError, stay_away
from pixelrelay.testing.emulator.base import Visit
from pixelrelay.testing.emulator.faults import Fault, FaultKind, Stage
from pixelrelay.testing.emulator.jobs import Job, JobsApi, Wanted
from pixelrelay.testing.emulator.pictures import UndecodableError
from pixelrelay.testing.emulator.quotas import Rejection
from pixelrelay.testing.emulator.replicate_models import INPUTS
from pixelrelay.testing.emulator.shelf import own_address

HOUR = 3600.0
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_NAMED = re.compile(r"([\w.-]+/[\w.-]+):[0-9a-f]{64}")


class ReplicateApi(JobsApi):
    picture_lifetime: ClassVar[float] = HOUR

    @classmethod
    def models(cls) -> Collection[str]:
        return INPUTS

    def routes(self) -> list[BaseRoute]:
        create = self.endpoint(Stage.SUBMIT, "generate", self._create)
        return [
            self.download_route(),
            Route("/v1/models/{owner}/{name}/predictions", create, methods=["POST"]),
            Route("/v1/predictions", create, methods=["POST"]),
            Route("/v1/predictions/{id}", self.endpoint(Stage.POLL, "poll", self._get), methods=["GET"]),
            Route("/v1/models/{owner}/{name}", self.endpoint(Stage.ASK, "ask", self._model), methods=["GET"]),
            Route("/v1/account", self.endpoint(Stage.ASK, "ask", self._account), methods=["GET"]),
        ]

    # --- predictions ---------------------------------------------------------------------------------------------

    async def _create(self, visit: Visit) -> Response:
        body = _json(await visit.request.body())
        given = body.get("input")
        if not isinstance(given, dict):
            raise _problem(422, "Input validation failed", "- input: input is required")
        model = self._named(visit.request, body)
        patience = _seconds(visit.request.headers.get("cancel-after"))
        job = self.accept(visit, _wanted(model, given, patience))
        return JSONResponse(self._told(job, visit.request), 201)

    def _named(self, request: Request, body: dict[str, Any]) -> str:
        """The model that the path or the body names."""
        if "owner" in request.path_params:
            name = f"{request.path_params['owner']}/{request.path_params['name']}"
            if name not in INPUTS:
                raise self.refusal(FaultKind.NOT_FOUND, None)
            return name
        found = _NAMED.fullmatch(str(body.get("version")))
        if found is None or found[1] not in INPUTS:
            text = "The specified version does not exist (or perhaps you don't have permission to use it?)"
            raise _problem(422, "Invalid version or not permitted", text)
        return found[1]

    async def _get(self, visit: Visit) -> Response:
        job = self.known(visit, str(visit.request.path_params["id"]))
        if job is None:
            raise self.refusal(FaultKind.NOT_FOUND, None)
        return JSONResponse(self._told(job, visit.request))

    def _told(self, job: Job, request: Request) -> dict[str, Any]:
        own = f"{own_address(request)}/v1/predictions/{job.id}"
        status, error = _end_of(job) if job.ended is not None else ("processing" if job.begun else "starting", None)
        output: Any = self.addresses_of(job, request) or None
        if output is not None and not INPUTS[job.model].listed:
            output = output[0]
        return {
            "id": job.id,
            "model": job.model,
            "version": "hidden",
            "input": {"prompt": job.prompt},
            "output": output,
            "error": error,
            "status": status,
            "data_removed": False,
            "created_at": datetime.fromtimestamp(_clock.wall(), UTC).isoformat(),
            "urls": {"get": own, "cancel": f"{own}/cancel"},
        }

    # --- free questions ------------------------------------------------------------------------------------------

    async def _model(self, visit: Visit) -> Response:
        owner, name = (str(visit.request.path_params[part]) for part in ("owner", "name"))
        if f"{owner}/{name}" not in INPUTS:
            raise self.refusal(FaultKind.NOT_FOUND, None)
        return JSONResponse({"owner": owner, "name": name, "visibility": "public"})

    async def _account(self, visit: Visit) -> Response:  # noqa: ARG002 - there is one
        return JSONResponse({"type": "organization", "username": self.deployment.name, "name": self.deployment.name})

    # --- refusals ------------------------------------------------------------------------------------------------

    def authorise(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.deployment.api_key}":
            raise self.refusal(FaultKind.UNAUTHORISED, None)

    def refusal(self, kind: FaultKind, fault: Fault | None) -> RefusalError:
        match kind:
            case FaultKind.UNAUTHORISED:
                return _problem(401, "Unauthenticated", "You did not pass a valid authentication token")
            case FaultKind.NOT_FOUND:
                return _problem(404, "Not found", "The requested resource could not be found.")
            case FaultKind.OUT_OF_CREDIT:
                text = "You have insufficient credit to run this model. Go to https://replicate.com/account/billing#billing"
                return _problem(402, "Insufficient credit", text)
            case FaultKind.BAD_GATEWAY:
                return RefusalError(502, "<html><head><title>502 Bad Gateway</title></head></html>")
            case FaultKind.UNAVAILABLE:
                headers = stay_away(fault.retry_after, fault.form) if fault is not None else {}
                return _problem(503, "Service unavailable", "Please try again later", headers)
            case _:
                return _problem(500, "Internal server error", "Something went wrong")

    def rate_limited(self, limit: str, rejection: Rejection | None, fault: Fault | None) -> RefusalError:  # noqa: ARG002
        """The time is told in the text alone, unless a fault says otherwise."""
        seconds = rejection.retry_after if rejection is not None else fault.retry_after if fault is not None else None
        resets = f" Your rate limit resets in ~{ceil(seconds)}s." if seconds is not None else ""
        headers = stay_away(seconds, fault.form) if fault is not None else {}
        return RefusalError(429, {"detail": f"Request was throttled.{resets}", "status": 429}, headers)

    def no_such_path(self) -> RefusalError:
        return _problem(404, "Not found", "The requested resource could not be found.")

    def new_request_id(self) -> str:
        return f"{self.rng.getrandbits(130):026x}"[:26]


def _end_of(job: Job) -> tuple[str, str | None]:
    if job.verdict is FaultKind.MODERATED_INPUT:
        return "failed", "The input or output was flagged as sensitive. Please try again with different inputs. (E005)"
    if job.verdict is not None:
        return "failed", "NSFW content detected. Try running it again, or try a different prompt."
    if job.complaint is not None:
        return "failed", str(job.complaint)
    if job.gave_up:
        return "canceled", None
    return ("failed", "Prediction failed: the model crashed (E1000)") if job.failed else ("succeeded", None)


def _wanted(model: str, given: dict[str, Any], patience: float | None) -> Wanted:
    """What an input asks for; raises Replicate's 422 where it does not fit the model's schema."""
    try:
        wish = INPUTS[model].model_validate_json(json.dumps(given), strict=True)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        fields = [".".join(["input", *map(str, each["loc"])]) for each in problems]
        detail = "\n".join(f"- {name}: {each['msg']}" for name, each in zip(fields, problems, strict=True))
        invalid = [
            {"type": each["type"], "field": name, "description": each["msg"]}
            for name, each in zip(fields, problems, strict=True)
        ]
        raise RefusalError(
            422, {"title": "Input validation failed", "detail": detail, "status": 422, "invalid_fields": invalid}
        ) from None
    try:
        order = wish.order()
    except UndecodableError as error:
        return Wanted(model, wish.prompt, complaint=f"Invalid image: {error}", patience=patience)
    return Wanted(model, wish.prompt, order, wish.price(order), getattr(wish, "seed", None), patience=patience)


def _json(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise _problem(400, "Bad request", "The body is not a JSON object")
    return body


def _seconds(text: str | None) -> float | None:
    """``1m30s``; raises Replicate's 422 for what it could not read."""
    if text is None:
        return None
    found = _DURATION.fullmatch(text)
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    total = hours * 3600 + minutes * 60 + seconds
    if total < 5:
        raise _problem(422, "Invalid header", "Cancel-After must be a duration of at least 5 seconds")
    return float(total)


def _problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> RefusalError:
    return RefusalError(status, {"title": title, "detail": detail, "status": status}, headers)
