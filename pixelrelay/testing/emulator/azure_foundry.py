"""FLUX on Azure Foundry: the provider's own route for all four models, and the image API for the two older ones.

From Microsoft's page on FLUX (March 2026) and what clients of the service published up to November 2026. Bodies of
422 and of moderation are not published; here they have the shapes that Black Forest Labs gives them.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pixelrelay import _clock
from pixelrelay.testing.emulator.answers import RefusalError
from pixelrelay.testing.emulator.azure_openai import AzureApi, azure_error
from pixelrelay.testing.emulator.base import Order, Visit, World
from pixelrelay.testing.emulator.deployment import EmulatedDeployment
from pixelrelay.testing.emulator.faults import JOB_FAULTS, FaultKind, Stage
from pixelrelay.testing.emulator.flux_orders import order_of, read_body
from pixelrelay.testing.emulator.foundry_bodies import (
    FoundryBody,
    FoundryFlux2,
    FoundryFlux2Flex,
    FoundryFlux11,
    FoundryKontext,
)
from pixelrelay.testing.emulator.openai_models import ModelRules, Prices
from pixelrelay.testing.emulator.openai_orders import Asked, Dialect, invalid, read_edit, read_generation
from pixelrelay.testing.emulator.pictures import UndecodableError
from pixelrelay.testing.emulator.shelf import Shelf, delivery_address

LINK_LIFETIME = 3600.0
"""Seconds; Microsoft does not say how long an address lives."""


@dataclass(frozen=True, slots=True)
class _Model:
    path: str
    body: type[FoundryBody]
    price: Decimal
    per_megapixel: bool = False
    image_api: frozenset[str] = frozenset()
    """What it does on the image API."""


MODELS: Mapping[str, _Model] = {
    "FLUX.2-pro": _Model("flux-2-pro", FoundryFlux2, Decimal("0.04")),
    "FLUX.2-flex": _Model("flux-2-flex", FoundryFlux2Flex, Decimal("0.05"), per_megapixel=True),
    "FLUX.1-Kontext-pro": _Model(
        "flux-kontext-pro", FoundryKontext, Decimal("0.04"), image_api=frozenset({"generate", "edit"})
    ),
    "FLUX-1.1-pro": _Model("flux-pro-1.1", FoundryFlux11, Decimal("0.04"), image_api=frozenset({"generate"})),
}
_NO_TOKENS = Prices(Decimal(0), Decimal(0), Decimal(0))
_IMAGE_API_RULES = ModelRules(False, ("standard",), frozenset(), _NO_TOKENS, references=1)


class AzureFoundryApi(AzureApi):
    disguises: ClassVar[frozenset[str]] = frozenset({"Request Moderated", "content_filter"})
    unknown_faults: ClassVar[frozenset[FaultKind]] = JOB_FAULTS - {FaultKind.EXPIRED_SAMPLE} | {FaultKind.OUT_OF_CREDIT}
    tier = "AIServices S0"

    @classmethod
    def models(cls) -> Collection[str]:
        return MODELS

    def __init__(self, deployment: EmulatedDeployment, world: World) -> None:
        if deployment.model not in MODELS:
            raise ValueError(f"{deployment.name}: Foundry has no {deployment.model!r}; it has {', '.join(MODELS)}")
        self._model = MODELS[deployment.model]
        self._shelf = Shelf(deployment.api_key, "/blobs", LINK_LIFETIME)
        super().__init__(deployment, world)

    def routes(self) -> list[BaseRoute]:
        image_api = "/openai/deployments/{deployment}/images"
        ask = self.endpoint(Stage.ASK, "ask", self._models)
        download = self.endpoint(Stage.DOWNLOAD, "download", self._download, authorised=False)
        return [
            Route(
                "/providers/blackforestlabs/v1/{path}",
                self.endpoint(Stage.SUBMIT, "generate", self._native),
                methods=["POST"],
            ),
            Route(
                f"{image_api}/generations", self.endpoint(Stage.SUBMIT, "generate", self._generate), methods=["POST"]
            ),
            Route(f"{image_api}/edits", self.endpoint(Stage.SUBMIT, "edit", self._edit), methods=["POST"]),
            Route("/openai/models", ask, methods=["GET"]),
            Route("/openai/v1/models", ask, methods=["GET"]),
            Route("/blobs/{name}/{file}", download, methods=["GET"]),
        ]

    # --- the provider's own route --------------------------------------------------------------------------------

    async def _native(self, visit: Visit) -> Response:
        self._check_call(visit)
        if visit.request.path_params["path"] != self._model.path:
            raise self.no_such_path()
        body = read_body(self._model.body, await visit.request.body())
        if body.model != self.deployment.azure_deployment:
            raise self.refusal(FaultKind.NOT_FOUND, None)
        visit.entry.operation = "edit" if body.pictures else "generate"
        try:
            order = order_of(body)
        except UndecodableError:
            detail = {"loc": ["body", "input_image"], "msg": "Invalid or corrupted image input", "type": "value_error"}
            raise RefusalError(422, {"detail": [detail]}) from None
        pictures = await self._draw(visit, order)
        data = [{"b64_json": base64.b64encode(picture).decode()} for picture in pictures]
        return JSONResponse({"created": int(_clock.wall()), "data": data})

    # --- the image API -------------------------------------------------------------------------------------------

    async def _generate(self, visit: Visit) -> Response:
        self._check_image_api(visit, "generate")
        return await self._linked(visit, await read_generation(visit.request, self._dialect()))

    async def _edit(self, visit: Visit) -> Response:
        self._check_image_api(visit, "edit")
        return await self._linked(visit, await read_edit(visit.request, self._dialect()))

    def _check_image_api(self, visit: Visit, operation: str) -> None:
        self._check_call(visit)
        if visit.request.path_params["deployment"] != self.deployment.azure_deployment:
            raise self.refusal(FaultKind.NOT_FOUND, None)
        if operation not in self._model.image_api:
            raise azure_error(400, "OperationNotSupported", f"{operation} is not supported by this model.")

    def _dialect(self) -> Dialect:
        def rules(model: str | None) -> ModelRules:
            if model not in {None, self.deployment.azure_deployment}:
                raise self.refusal(FaultKind.NOT_FOUND, None)
            return _IMAGE_API_RULES

        return Dialect(rules, formats=("png", "jpeg"), input_types=("image/jpeg", "image/png"), json_edits=False)

    async def _linked(self, visit: Visit, asked: Asked) -> Response:
        if asked.order.n != 1 or asked.order.mask is not None:
            what = "n" if asked.order.n != 1 else "mask"
            raise invalid(f"Unsupported value for '{what}'.", what, "invalid_value")
        pictures = await self._draw(visit, asked.order)
        now = self.world.clock.now()
        expired = visit.fault is not None and visit.fault.kind is FaultKind.EXPIRED_SAMPLE
        link = self._shelf.put(visit.entry.request_id, pictures[0], asked.order.encoding.format, now, expired)
        url = f"{delivery_address(visit.request)}{link}"
        return JSONResponse({"created": int(_clock.wall()), "data": [{"url": url}]})

    async def _download(self, visit: Visit) -> Response:
        return self._shelf.get(visit.request, self.world.clock.now())

    # --- both ----------------------------------------------------------------------------------------------------

    async def _draw(self, visit: Visit, order: Order) -> list[bytes]:
        visit.entry.prompt, visit.entry.size = order.prompt, order.size
        megapixels = order.size[0] * order.size[1] / Decimal(1024 * 1024) if self._model.per_megapixel else Decimal(1)
        return await self.draw(visit, order, self._model.price * megapixels)

    def _check_call(self, visit: Visit) -> None:
        if "content-length" not in visit.request.headers:
            raise azure_error(400, "no_content_length_header", "The request has no Content-Length header.")
        if "api-version" not in visit.request.query_params:
            raise self.no_such_path()

    async def _models(self, visit: Visit) -> Response:
        if "/v1/" not in visit.request.url.path and "api-version" not in visit.request.query_params:
            raise self.no_such_path()
        return JSONResponse({"object": "list", "data": [{"id": self.deployment.model, "object": "model"}]})

    def moderation(self, stage: FaultKind, visit: Visit) -> RefusalError:
        if visit.fault is not None and visit.fault.disguise == "content_filter":
            return azure_error(400, "content_filter", "The request was rejected by the content filter.")
        output = stage is FaultKind.MODERATED_OUTPUT
        body = {
            "id": visit.entry.request_id,
            "status": "Content Moderated" if output else "Request Moderated",
            "result": None,
            "details": {"Moderation Reasons": ["Safety Filter"]},
        }
        return RefusalError(400, body)
