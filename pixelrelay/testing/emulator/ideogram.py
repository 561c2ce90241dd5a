"""Ideogram's API, as its description and reference tell it in October 2026.

Pictures come from addresses that run out. How long they last is not published; here it is an hour. Any custom model
is there. Not emulated: jobs that run on (``async``, web hooks), reference images.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from PIL import Image
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pixelrelay import _clock
from pixelrelay.testing.emulator.answers import RefusalError, stay_away
from pixelrelay.testing.emulator.base import Order, SynchronousApi, Visit, World
from pixelrelay.testing.emulator.deployment import EmulatedDeployment
from pixelrelay.testing.emulator.faults import Fault, FaultKind, Stage
from pixelrelay.testing.emulator.ideogram_forms import ENDPOINTS, Brought, Endpoint, Fields, value_of
from pixelrelay.testing.emulator.inputs import form_of, transparent_where
from pixelrelay.testing.emulator.pictures import Encoding, UndecodableError, decode
from pixelrelay.testing.emulator.quotas import Rejection
from pixelrelay.testing.emulator.shelf import Shelf, delivery_address

HOUR = 3600.0
LARGEST_FILE = 10_000_000
TYPES = frozenset({"image/jpeg", "image/png", "image/webp"})


class IdeogramApi(SynchronousApi):
    @classmethod
    def models(cls) -> Collection[str]:
        return [endpoint.model for endpoint in ENDPOINTS.values()]

    def __init__(self, deployment: EmulatedDeployment, world: World) -> None:
        super().__init__(deployment, world)
        self._shelf = Shelf(deployment.api_key, "/results", HOUR)

    def routes(self) -> list[BaseRoute]:
        draw = self.endpoint(Stage.SUBMIT, "generate", self._draw)
        download = self.endpoint(Stage.DOWNLOAD, "download", self._download, authorised=False)
        return [
            Route("/results/{name}/{file}", download, methods=["GET"]),
            Route("/models", self.endpoint(Stage.ASK, "ask", self._models), methods=["GET"]),
            *(Route(f"/{path}", draw, methods=["POST"]) for path in ENDPOINTS),
        ]

    # --- drawing -------------------------------------------------------------------------------------------------

    async def _draw(self, visit: Visit) -> Response:
        path = visit.request.url.path.strip("/")
        endpoint = ENDPOINTS[path]
        brought = await _brought(visit.request, endpoint)
        fields = _checked(endpoint, brought)
        order = _order(fields, brought)
        visit.entry.operation = "edit" if order.images else "generate"
        visit.entry.prompt, visit.entry.size = order.prompt, order.size
        seed = getattr(fields, "seed", None)
        told = {
            "prompt": order.prompt,
            "resolution": f"{order.size[0]}x{order.size[1]}",
            "seed": seed if seed is not None else self.rng.getrandbits(31),
        }
        try:
            pictures = await self.draw(visit, order, fields.picture * order.n)
        except _UnsafeError:
            data = [{**told, "url": None, "is_image_safe": False}] * order.n
        else:
            data = [
                {**told, "url": self._shelved(visit, number, picture), "is_image_safe": True}
                for number, picture in enumerate(pictures)
            ]
        created = datetime.fromtimestamp(_clock.wall(), UTC).isoformat()
        second = {"generation_id": visit.entry.request_id, "seed": told["seed"]} if path.startswith("v2/") else {}
        return JSONResponse({**second, "created": created, "data": data})

    def _shelved(self, visit: Visit, number: int, picture: bytes) -> str:
        name = f"{visit.entry.request_id}-{number}"
        path = self._shelf.put(name, picture, "png", self.world.clock.now())
        return f"{delivery_address(visit.request)}{path}"

    async def _download(self, visit: Visit) -> Response:
        return self._shelf.get(visit.request, self.world.clock.now())

    async def _models(self, visit: Visit) -> Response:  # noqa: ARG002 - the account has none of its own
        return JSONResponse({"models": []})

    # --- refusals ------------------------------------------------------------------------------------------------

    def authorise(self, request: Request) -> None:
        if request.headers.get("api-key") != self.deployment.api_key:
            raise self.refusal(FaultKind.UNAUTHORISED, None)

    def moderation(self, stage: FaultKind, visit: Visit) -> RefusalError:  # noqa: ARG002 - all are told alike
        if stage is FaultKind.MODERATED_OUTPUT:
            return _UnsafeError()
        return _error(422, "Prompt provided failed safety check due to the inclusion of prohibited content.")

    def refusal(self, kind: FaultKind, fault: Fault | None) -> RefusalError:
        match kind:
            case FaultKind.UNAUTHORISED:
                return _error(401, "Not authorized to generate an image.")
            case FaultKind.NOT_FOUND:
                return _error(404, "Not found")
            case FaultKind.OUT_OF_CREDIT:
                return RefusalError(402, {"error": "Insufficient funds.", "reject_reason": "insufficient_funds"})
            case FaultKind.BAD_GATEWAY:
                return RefusalError(502, "<html><head><title>502 Bad Gateway</title></head></html>")
            case FaultKind.UNAVAILABLE:
                headers = stay_away(fault.retry_after, fault.form) if fault is not None else {}
                return _error(503, "Image generation service temporarily unavailable.", headers)
            case _:
                return _error(500, "Internal server error.")

    def rate_limited(self, limit: str, rejection: Rejection | None, fault: Fault | None) -> RefusalError:
        if limit == "concurrent" and rejection is not None:
            body = {
                "error": "You have too many generations in progress.",
                "reject_reason": "inflight_limit",
                "max_inflight_requests": rejection.limit,
            }
            return RefusalError(429, body)
        seconds = rejection.retry_after if rejection is not None else fault.retry_after if fault is not None else None
        return _error(429, "Too many requests.", stay_away(seconds, fault.form if fault is not None else None))

    def no_such_path(self) -> RefusalError:
        return _error(404, "Not found")

    def new_request_id(self) -> str:
        return self.new_uuid()


class _UnsafeError(RefusalError):
    """A picture that is withheld in an answer that says success."""

    def __init__(self) -> None:
        super().__init__(200, {})


def _error(status: int, text: str, headers: Mapping[str, str] | None = None) -> RefusalError:
    return RefusalError(status, {"error": text}, headers)


# --- what a request brings ---------------------------------------------------------------------------------------


async def _brought(request: Request, endpoint: Endpoint) -> Brought:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _from_form(request, endpoint)
    if kind != "application/json":
        raise _error(415, f"Unsupported content type: {kind or 'none'}")
    if endpoint.required:
        raise _error(400, f"Missing file: {min(endpoint.required)}")
    try:
        body = await request.json()
    except ValueError:
        raise _error(400, "The request body is not valid JSON") from None
    if not isinstance(body, dict):
        raise _error(400, "The request body is not an object")
    return Brought(body)


async def _from_form(request: Request, endpoint: Endpoint) -> Brought:
    try:
        form = await form_of(request)
    except MultiPartException as error:
        raise _error(400, error.message) from None
    brought = Brought()
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            _add_file(brought, name, value, endpoint)
        elif name in endpoint.fields.lists:
            brought.texts.setdefault(name, []).append(value)
        elif name in brought.texts:
            raise _error(400, f"{name} was given twice")
        else:
            brought.texts[name] = value_of(endpoint.fields, name, value)
    missing = endpoint.required - {name for name, _ in form.multi_items()}
    if missing:
        raise _error(400, f"Missing file: {min(missing)}")
    return brought


def _add_file(brought: Brought, name: str, file: UploadFile, endpoint: Endpoint) -> None:
    picture = _picture(name, file)
    if name == "mask" and endpoint.masked:
        brought.mask = picture
    elif name == endpoint.files and len(brought.pictures) < endpoint.most:
        brought.pictures.append(picture)
    else:
        raise _error(400, f"Unexpected file: {name}")


def _picture(name: str, file: UploadFile) -> Image.Image:
    data = file.file.read()
    file.file.close()
    if file.content_type not in TYPES or not file.filename:
        raise _error(400, f"{name}: only JPEG, WebP and PNG files are supported")
    if len(data) > LARGEST_FILE:
        raise _error(400, f"{name}: larger than 10MB")
    try:
        return decode(data)
    except UndecodableError:
        raise _error(400, f"{name}: the file is no image") from None


def _checked(endpoint: Endpoint, brought: Brought) -> Fields:
    """The fields, each as text where they came by form."""
    try:
        fields = endpoint.fields.model_validate(brought.texts)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise _error(400, f"{where}: {first['msg']}") from None
    if endpoint.fields.sizes and fields.asked_size is not None and fields.asked_size not in endpoint.fields.sizes:
        raise _error(400, f"resolution: {fields.asked_size} is not supported")
    if fields.asked_size is not None and getattr(fields, "aspect_ratio", None) is not None:
        raise _error(400, "resolution and aspect_ratio cannot be used together")
    prompts = (getattr(fields, "text_prompt", None), getattr(fields, "json_prompt", None))
    if hasattr(fields, "text_prompt") and (prompts[0] is None) == (prompts[1] is None):
        raise _error(400, "exactly one of text_prompt and json_prompt must be given")
    if brought.mask is not None and fields.asked_size is not None:
        raise _error(400, "size cannot be set with a mask")
    return fields


def _order(fields: Fields, brought: Brought) -> Order:
    """What is to be drawn. Black is drawn anew in a mask."""
    first = brought.pictures[0] if brought.pictures else None
    mask = None
    if brought.mask is not None:
        if first is None:
            raise _error(400, "a mask needs an image")
        try:
            mask = transparent_where(brought.mask, first, white=False)
        except UndecodableError as error:
            raise _error(400, str(error)) from None
    speed: Any = getattr(fields, "rendering_speed", None)
    return Order(
        prompt=fields.words or "{}",
        size=fields.size(first.size if first is not None else None),
        n=fields.count,
        quality={"TURBO": "low", "FLASH": "low", "QUALITY": "high"}.get(speed, "medium"),
        transparent=fields.transparent,
        encoding=Encoding("png"),
        images=tuple(brought.pictures),
        mask=mask,
    )
