"""Recraft's API as its guide and its description have it in 2026. Of errors it publishes two; the others are likely.

Not emulated: forms in place of JSON, SVG as input, styles that are made, variations, exploring, prompt enhancement.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Collection, Mapping
from decimal import Decimal
from functools import partial
from math import ceil
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pixelrelay import _clock
from pixelrelay.testing.emulator.answers import RefusalError
from pixelrelay.testing.emulator.base import SynchronousApi, Visit, World
from pixelrelay.testing.emulator.deployment import EmulatedDeployment
from pixelrelay.testing.emulator.faults import Fault, FaultKind, Stage
from pixelrelay.testing.emulator.quotas import Rejection
from pixelrelay.testing.emulator.recraft_models import EVERY_WAY, MODELS, SERVICES
from pixelrelay.testing.emulator.recraft_orders import Asked, read_edit, read_generation, read_process
from pixelrelay.testing.emulator.shelf import Shelf, delivery_address

LIFETIME = 86_400.0
"""Seconds for which the address of a picture is good."""

Read = Callable[[Request], Awaitable[Asked]]


class RecraftApi(SynchronousApi):
    @classmethod
    def models(cls) -> Collection[str]:
        return [*MODELS, *SERVICES]

    def __init__(self, deployment: EmulatedDeployment, world: World) -> None:
        super().__init__(deployment, world)
        self._shelf = Shelf(deployment.api_key, "/results", LIFETIME)

    def routes(self) -> list[BaseRoute]:
        download = self.endpoint(Stage.DOWNLOAD, "download", self._download, authorised=False)
        return [
            self._submission("generations", "generate", read_generation, "data"),
            *(self._submission(name, "edit", partial(read_edit, endpoint=name), "data") for name in sorted(EVERY_WAY)),
            *(self._submission(name, "edit", partial(read_process, endpoint=name), "image") for name in SERVICES),
            Route("/v1/users/me", self.endpoint(Stage.ASK, "ask", self._user), methods=["GET"]),
            Route("/results/{name}/{file}", download, methods=["GET"]),
        ]

    def _submission(self, name: str, operation: str, read: Read, under: str) -> Route:
        async def serve(visit: Visit) -> Response:
            return await self._answered(visit, await read(visit.request), under)

        return Route(f"/v1/images/{name}", self.endpoint(Stage.SUBMIT, operation, serve), methods=["POST"])

    async def _answered(self, visit: Visit, asked: Asked, under: str) -> Response:
        order = asked.order
        visit.entry.prompt, visit.entry.size = order.prompt, order.size
        pictures = await self.draw(visit, order, Decimal(asked.units * order.n) / 1000)
        images = [self._image(visit, picture, asked) for picture in pictures]
        answer = {"created": int(_clock.wall()), "credits": _units(visit.entry.dollars)}
        return JSONResponse({**answer, under: images if under == "data" else images[0]})

    def _image(self, visit: Visit, picture: bytes, asked: Asked) -> dict[str, Any]:
        name = self.new_uuid()
        if asked.inline:
            return {"image_id": name, "b64_json": base64.b64encode(picture).decode()}
        path = self._shelf.put(name, picture, asked.order.encoding.format, self.world.clock.now())
        return {"image_id": name, "url": f"{delivery_address(visit.request)}{path}"}

    async def _download(self, visit: Visit) -> Response:
        return self._shelf.get(visit.request, self.world.clock.now())

    async def _user(self, visit: Visit) -> Response:  # noqa: ARG002 - there is one account
        credit = self.deployment.credit
        left = Decimal(100) if credit is None else credit - self.world.meter.spent(self.deployment.name)
        units = _units(max(Decimal(0), left))
        return JSONResponse({"id": self.new_uuid(), "email": "somebody@example.com", "credits": units})

    # --- refusals ------------------------------------------------------------------------------------------------

    def authorise(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.deployment.api_key}":
            raise self.refusal(FaultKind.UNAUTHORISED, None)

    def refusal(self, kind: FaultKind, fault: Fault | None) -> RefusalError:
        match kind:
            case FaultKind.UNAUTHORISED:
                return _plain(401, "request unauthorized")
            case FaultKind.NOT_FOUND:
                return RefusalError(
                    400, {"code": "invalid_request_parameter", "message": f"unknown model: {self.deployment.model}"}
                )
            case FaultKind.OUT_OF_CREDIT:
                return RefusalError(402, {"code": "payment_required", "message": "not enough API units"})
            case FaultKind.BAD_GATEWAY:
                return RefusalError(502, "<html><head><title>502 Bad Gateway</title></head></html>")
            case FaultKind.UNAVAILABLE:
                seconds = fault.retry_after if fault is not None else None
                headers = {"retry-after": str(ceil(seconds))} if seconds is not None else {}
                return _plain(503, "service unavailable", headers)
            case _:
                return _plain(500, "internal server error")

    def rate_limited(self, limit: str, rejection: Rejection | None, fault: Fault | None) -> RefusalError:  # noqa: ARG002 - says no time
        counted = "5 requests per second" if limit == "requests" else "100 images per minute"
        return RefusalError(429, {"code": "too_many_requests", "message": f"rate limit exceeded: {counted}"})

    def moderation(self, stage: FaultKind, visit: Visit) -> RefusalError:  # noqa: ARG002 - one word for all
        what = "the image" if stage is FaultKind.MODERATED_OUTPUT else "the prompt"
        return RefusalError(400, {"code": "invalid_request", "message": f"{what} was rejected by content moderation"})

    def no_such_path(self) -> RefusalError:
        return _plain(404, "404 page not found")

    def new_request_id(self) -> str:
        return self.new_uuid()

    def headers(self, visit: Visit) -> Mapping[str, str]:
        return {"x-recraft-requestid": visit.entry.request_id}


def _units(dollars: Decimal) -> int | float:
    """Whole ones, as all of Recraft's own prices come to."""
    units = dollars * 1000
    return int(units) if units == int(units) else float(units)


def _plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> RefusalError:
    return RefusalError(status, text, {"content-type": "text/plain; charset=utf-8", **(headers or {})})
