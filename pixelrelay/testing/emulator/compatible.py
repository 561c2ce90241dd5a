"""Servers that speak (nearly) OpenAI's Images API: one API, and a row for each that says where it differs.

What they are known to do stands in ``compatible_bodies`` and ``compatible_words``. Not emulated: streams, uploaded
files, and addresses of input images other than ``data:``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

from PIL import Image
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pixelrelay import _clock
from pixelrelay.testing.emulator import compatible_words as words
from pixelrelay.testing.emulator.answers import RefusalError, stay_away
from pixelrelay.testing.emulator.base import Order, SynchronousApi, Visit, World
from pixelrelay.testing.emulator.compatible_bodies import (
    AnyGeneration,
    AnyJsonEdit,
    Body,
    NscaleGeneration,
    TogetherGeneration,
    XaiEdit,
    XaiGeneration,
    XinferenceEdit,
    XinferenceGeneration,
    XinferenceVariation,
)
from pixelrelay.testing.emulator.compatible_prices import free, nscale, together, xai
from pixelrelay.testing.emulator.deployment import EmulatedDeployment
from pixelrelay.testing.emulator.faults import Fault, FaultKind, Stage
from pixelrelay.testing.emulator.inputs import seen_through
from pixelrelay.testing.emulator.openai_orders import read_form
from pixelrelay.testing.emulator.pictures import MEDIA_TYPES, UndecodableError, decode
from pixelrelay.testing.emulator.quotas import Rejection
from pixelrelay.testing.emulator.shelf import Shelf, delivery_address

Prices: TypeAlias = Callable[[Body, Order], Decimal]
LIFETIME = 3600.0
"""Seconds for which the address of a picture leads to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """One path for edits: by JSON, by forms, or by either."""

    json: type[Body] | None = None
    form: type[Body] | None = None
    images: frozenset[str] = frozenset({"image", "image[]"})
    mask: str | None = None
    """What a form calls the mask; ``None`` where there is none."""
    white_is_drawn: bool = False
    """How masks are read; else as OpenAI's are, whose transparent pixels are drawn anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where one server differs."""

    generation: type[Body]
    edits: Mapping[str, Edits] = field(default_factory=dict)
    """By their paths below ``/v1``."""
    words: words.Words
    prices: Prices = free
    open_to_all: bool = False
    moderates: bool = True
    addresses: bool = True
    """Whether it can give addresses; else there are bytes alone."""
    models: str = "/v1/models"
    card: Callable[[str], Any] = lambda model: {"object": "list", "data": [{"id": model, "object": "model"}]}
    beside: Callable[[Decimal], Mapping[str, Any]] = lambda dollars: {}  # noqa: ARG005 - xAI tells them
    """What an answer holds besides, given what the call cost."""


def _told_in_ticks(dollars: Decimal) -> Mapping[str, Any]:
    return {"usage": {"cost_in_usd_ticks": int(dollars * 10**10)}}


SERVERS: Mapping[str, Server] = {
    "openai-compatible": Server(
        generation=AnyGeneration,
        edits={"/images/edits": Edits(json=AnyJsonEdit, form=AnyGeneration, mask="mask")},
        words=words.ANY,
    ),
    "xinference": Server(
        generation=XinferenceGeneration,
        edits={
            "/images/edits": Edits(form=XinferenceEdit, images=frozenset({"image", "image[]", "images", "images[]"})),
            "/images/variations": Edits(form=XinferenceVariation, images=frozenset({"image"})),
            "/images/inpainting": Edits(
                form=XinferenceVariation, images=frozenset({"image"}), mask="mask_image", white_is_drawn=True
            ),
        },
        words=words.XINFERENCE,
        open_to_all=True,
        moderates=False,
    ),
    "nscale": Server(generation=NscaleGeneration, words=words.NSCALE, prices=nscale, moderates=False, addresses=False),
    "together": Server(
        generation=TogetherGeneration,
        words=words.TOGETHER,
        prices=together,
        card=lambda model: [{"id": model, "object": "model", "type": "image"}],
    ),
    "xai": Server(
        generation=XaiGeneration,
        edits={"/images/edits": Edits(json=XaiEdit)},
        words=words.XAI,
        prices=xai,
        models="/v1/image-generation-models",
        card=lambda model: {"models": [{"id": model, "aliases": []}]},
        beside=_told_in_ticks,
    ),
}


class CompatibleApi(SynchronousApi):
    def __init__(self, deployment: EmulatedDeployment, world: World) -> None:
        self.server = SERVERS[deployment.provider]
        super().__init__(deployment, world)
        self._shelf = Shelf(deployment.api_key, "/files", LIFETIME)

    def routes(self) -> list[BaseRoute]:
        generate = self.endpoint(Stage.SUBMIT, "generate", self._generate)
        download = self.endpoint(Stage.DOWNLOAD, "download", self._download, authorised=False)
        edits = [
            Route(f"/v1{path}", self.endpoint(Stage.SUBMIT, "edit", self._editing(how)), methods=["POST"])
            for path, how in self.server.edits.items()
        ]
        return [
            Route("/v1/images/generations", generate, methods=["POST"]),
            *edits,
            Route(self.server.models, self.endpoint(Stage.ASK, "ask", self._models), methods=["GET"]),
            Route("/files/{name}/{file}", download, methods=["GET"]),
        ]

    # --- drawing -------------------------------------------------------------------------------------------------

    async def _generate(self, visit: Visit) -> Response:
        self._require_type(visit.request, "application/json")
        body = self._body(self.server.generation, await visit.request.body())
        order = self._order(body)
        visit.entry.operation = "edit" if order.images else "generate"
        return await self._drawn(visit, body, order)

    def _editing(self, how: Edits) -> Callable[[Visit], Any]:
        async def edit(visit: Visit) -> Response:
            if how.json is not None and (how.form is None or _type_of(visit.request) == "application/json"):
                self._require_type(visit.request, "application/json")
                body = self._body(how.json, await visit.request.body())
                order = self._order(body)
            else:
                body, order = await self._from_form(visit.request, how)
            if not order.images:
                raise self.server.words.bad("At least one image file is required", "image")
            return await self._drawn(visit, body, order)

        return edit

    async def _drawn(self, visit: Visit, body: Body, order: Order) -> Response:
        if body.model != self.deployment.model:
            raise self.refusal(FaultKind.NOT_FOUND, None)
        visit.entry.prompt, visit.entry.size = order.prompt, order.size
        dollars = self.server.prices(body, order)
        pictures = await self.draw(visit, order, dollars)
        data = [self._item(visit, body, order, picture, index) for index, picture in enumerate(pictures)]
        return JSONResponse({"created": int(_clock.wall()), "data": data, **self.server.beside(dollars)})

    def _item(self, visit: Visit, body: Body, order: Order, picture: bytes, index: int) -> dict[str, Any]:
        item: dict[str, Any] = {"b64_json": base64.b64encode(picture).decode()}
        if self.server.addresses and body.wants_url:
            name = f"{visit.entry.request_id}-{index}"
            address = self._shelf.put(name, picture, order.encoding.format, self.world.clock.now())
            item = {"url": f"{delivery_address(visit.request)}{address}"}
        match self.deployment.provider:
            case "xinference":
                # Its address would be a path on its own disk.
                url = f"/root/.xinference/image/{index}.jpg" if body.wants_url else None
                return {"url": url, "b64_json": None if body.wants_url else item["b64_json"]}
            case "together":
                return {"index": index, "type": "url" if "url" in item else "b64_json", **item}
            case "xai":
                return {**item, "mime_type": "image/jpeg", "revised_prompt": "", "respect_moderation": True}
            case _:
                return item

    async def _download(self, visit: Visit) -> Response:
        return self._shelf.get(visit.request, self.world.clock.now())

    async def _models(self, visit: Visit) -> Response:  # noqa: ARG002 - asks for nothing in particular
        return JSONResponse(self.server.card(self.deployment.model))

    # --- reading -------------------------------------------------------------------------------------------------

    def _body(self, model: type[Body], raw: bytes | Mapping[str, str]) -> Body:
        try:
            if isinstance(raw, bytes):
                return model.model_validate_json(raw, strict=True)
            return model.model_validate(raw)
        except (ValidationError, json.JSONDecodeError) as error:
            first = error.errors(include_url=False)[0] if isinstance(error, ValidationError) else None
            param = ".".join(str(step) for step in first["loc"]) if first else None
            message = f"{param}: {first['msg']}" if first else str(error)
            raise self.server.words.bad(message, param) from None

    def _order(self, body: Body, pictures: tuple[Image.Image, ...] = (), mask: Image.Image | None = None) -> Order:
        try:
            return body.order(pictures, mask)
        except UndecodableError as error:
            raise self.server.words.bad(f"cannot identify image file: {error}", "image") from None

    async def _from_form(self, request: Request, how: Edits) -> tuple[Body, Order]:
        self._require_type(request, "multipart/form-data")
        form = await read_form(request)
        try:
            texts, pictures, mask = self._sorted_out(form, how)
        finally:
            await form.close()
        if how.white_is_drawn:
            if mask is None:
                missing = {"loc": ["body", how.mask], "msg": "Field required", "type": "missing"}
                raise RefusalError(422, {"detail": [missing]})
            mask = seen_through(mask, white=True)
        assert how.form is not None
        body = self._body(how.form, texts)
        return body, self._order(body, tuple(pictures), mask)

    def _sorted_out(self, form: FormData, how: Edits) -> tuple[dict[str, str], list[Image.Image], Image.Image | None]:
        texts: dict[str, str] = {}
        pictures: list[Image.Image] = []
        mask: Image.Image | None = None
        for name, value in form.multi_items():
            if isinstance(value, str):
                if name in texts:
                    raise self.server.words.bad(f"{name} is given twice", name)
                texts[name] = value
            elif name == how.mask:
                mask = self._uploaded(name, value)
            elif name in how.images:
                pictures.append(self._uploaded(name, value))
            else:
                raise self.server.words.bad(f"unknown file {name}", name)
        return texts, pictures, mask

    def _uploaded(self, name: str, file: UploadFile) -> Image.Image:
        if file.content_type not in MEDIA_TYPES.values():
            raise self.server.words.bad(f"{name}: {file.content_type} is no picture", name)
        try:
            return decode(file.file.read())
        except UndecodableError as error:
            raise self.server.words.bad(f"cannot identify image file: {error}", name) from None

    def _require_type(self, request: Request, expected: str) -> None:
        if _type_of(request) != expected:
            raise RefusalError(415, self.server.words.bad(f"expected {expected}").body)

    # --- refusals ------------------------------------------------------------------------------------------------

    def authorise(self, request: Request) -> None:
        if not self.server.open_to_all and request.headers.get("authorization") != f"Bearer {self.deployment.api_key}":
            raise self.refusal(FaultKind.UNAUTHORISED, None)

    def refusal(self, kind: FaultKind, fault: Fault | None) -> RefusalError:
        if kind is FaultKind.BAD_GATEWAY:
            return RefusalError(502, "<html><head><title>502 Bad Gateway</title></head></html>")
        headers = (
            stay_away(fault.retry_after, fault.form) if fault is not None and kind is FaultKind.UNAVAILABLE else {}
        )
        return self.server.words.refusal(kind, headers)

    def rate_limited(self, limit: str, rejection: Rejection | None, fault: Fault | None) -> RefusalError:
        seconds = rejection.retry_after if rejection is not None else fault.retry_after if fault is not None else None
        headers = stay_away(seconds, fault.form if fault is not None else None)
        many = str(rejection.limit) if rejection is not None else "9.0"
        return self.server.words.full(
            self.deployment.model, f"{many} {limit}" if limit != "requests" else many, headers
        )

    def verdict(self, order: Order, visit: Visit) -> FaultKind | None:
        return super().verdict(order, visit) if self.server.moderates else None

    def moderation(self, stage: FaultKind, visit: Visit) -> RefusalError:  # noqa: ARG002 - others name the request
        if self.deployment.provider == "xai" and stage is FaultKind.MODERATED_OUTPUT:
            kept_back = {"b64_json": "", "mime_type": "image/jpeg", "revised_prompt": "", "respect_moderation": False}
            body = {"created": int(_clock.wall()), "data": [kept_back], **_told_in_ticks(Decimal(0))}
            return RefusalError(200, body)
        return self.server.words.refusal(stage)

    def no_such_path(self) -> RefusalError:
        return RefusalError(404, self.server.words.envelope(words.Said(404, "Not Found"), None))

    def new_request_id(self) -> str:
        return self.new_uuid()

    def headers(self, visit: Visit) -> Mapping[str, str]:
        return {"x-request-id": visit.entry.request_id}


def _type_of(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
