"""OpenRouter's two ways to a picture, as its OpenAPI document and captured answers describe them in 2026.

Not emulated: streams (a model without them answers whole), keys of one's own at a provider, and what a model writes.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from decimal import Decimal
from math import ceil
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pixelrelay import _clock
from pixelrelay.testing.emulator.answers import RefusalError
from pixelrelay.testing.emulator.base import SynchronousApi, Visit
from pixelrelay.testing.emulator.faults import Fault, FaultKind, Stage
from pixelrelay.testing.emulator.openrouter_models import MODELS
from pixelrelay.testing.emulator.openrouter_orders import Asked, error, read_chat, read_images
from pixelrelay.testing.emulator.pictures import MEDIA_TYPES
from pixelrelay.testing.emulator.quotas import Rejection


class OpenRouterApi(SynchronousApi):
    disguises: ClassVar[frozenset[str]] = frozenset({"content_policy_violation", "refusal"})

    @classmethod
    def models(cls) -> Collection[str]:
        return MODELS

    def routes(self) -> list[BaseRoute]:
        endpoints = self.endpoint(Stage.ASK, "ask", self._endpoints, authorised=False)
        return [
            Route("/api/v1/images", self.endpoint(Stage.SUBMIT, "generate", self._images), methods=["POST"]),
            Route("/api/v1/chat/completions", self.endpoint(Stage.SUBMIT, "generate", self._chat), methods=["POST"]),
            Route("/api/v1/key", self.endpoint(Stage.ASK, "ask", self._key), methods=["GET"]),
            Route("/api/v1/images/models/{author}/{slug}/endpoints", endpoints, methods=["GET"]),
            Route("/api/v1/models/{author}/{slug}/endpoints", endpoints, methods=["GET"]),
        ]

    async def _images(self, visit: Visit) -> Response:
        asked = await read_images(visit.request)
        pictures, usage = await self._drawn(visit, asked)
        media_type = MEDIA_TYPES[asked.order.encoding.format]
        data = [{"b64_json": each, "media_type": media_type} for each in pictures]
        return JSONResponse({"created": int(_clock.wall()), "data": data, "usage": usage})

    async def _chat(self, visit: Visit) -> Response:
        asked = await read_chat(visit.request)
        try:
            pictures, usage = await self._drawn(visit, asked)
        except _WithheldError:
            choice = _choice([], "content_filter", "IMAGE_SAFETY")
            usage = {"prompt_tokens": 8, "completion_tokens": 0, "total_tokens": 8, "cost": 0}
        else:
            media_type = MEDIA_TYPES[asked.order.encoding.format]
            choice = _choice([f"data:{media_type};base64,{each}" for each in pictures], "stop", "STOP")
        return JSONResponse(
            {
                "id": visit.entry.request_id,
                "provider": "Emulated",
                "model": asked.name,
                "object": "chat.completion",
                "created": int(_clock.wall()),
                "choices": [choice],
                "usage": usage,
            }
        )

    async def _drawn(self, visit: Visit, asked: Asked) -> tuple[list[str], dict[str, Any]]:
        order = asked.order
        visit.entry.prompt, visit.entry.size = order.prompt, order.size
        visit.entry.operation = "edit" if order.images else "generate"
        pictures = await self.draw(visit, order, asked.model.dollars(asked.tier, order.n))
        prompt, completion = ceil(len(order.prompt) / 4), asked.model.tokens * order.n
        usage = {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "cost": float(visit.entry.dollars),
            "is_byok": False,
            "cost_details": {"upstream_inference_cost": float(visit.entry.dollars)},
            "completion_tokens_details": {"image_tokens": completion},
        }
        return [base64.b64encode(picture).decode() for picture in pictures], usage

    # --- free questions ------------------------------------------------------------------------------------------

    async def _key(self, visit: Visit) -> Response:  # noqa: ARG002 - there is one account
        credit, spent = self.deployment.credit, self.world.meter.spent(self.deployment.name)
        left = None if credit is None else float(max(Decimal(0), credit - spent))
        return JSONResponse(
            {
                "data": {
                    "label": "sk-or-v1-emu...ted",
                    "limit": None if credit is None else float(credit),
                    "limit_remaining": left,
                    "usage": float(spent),
                    "is_free_tier": False,
                }
            }
        )

    async def _endpoints(self, visit: Visit) -> Response:
        params = visit.request.path_params
        name = f"{params['author']}/{params['slug']}"
        if name not in MODELS:
            raise error(404, f"No endpoints found for {name}.")
        return JSONResponse({"id": name, "endpoints": [{"provider_name": "Emulated", "provider_slug": "emulated"}]})

    # --- refusals ------------------------------------------------------------------------------------------------

    def authorise(self, request: Request) -> None:
        given = request.headers.get("authorization")
        if given is None:
            raise error(401, "Missing Authentication header")
        if given != f"Bearer {self.deployment.api_key}":
            raise self.refusal(FaultKind.UNAUTHORISED, None)

    def refusal(self, kind: FaultKind, fault: Fault | None) -> RefusalError:
        match kind:
            case FaultKind.UNAUTHORISED:
                return error(401, "User not found.")
            case FaultKind.NOT_FOUND:
                return error(404, f"No endpoints found for {self.deployment.model}.")
            case FaultKind.OUT_OF_CREDIT:
                message = "Insufficient credits. Add more using https://openrouter.ai/settings/credits"
                return error(402, message, {"limit_source": "openrouter_credits"})
            case FaultKind.BAD_GATEWAY:
                return RefusalError(502, "<html><head><title>502 Bad Gateway</title></head></html>")
            case FaultKind.UNAVAILABLE:
                seconds = fault.retry_after if fault is not None else None
                headers = {"retry_after": str(ceil(seconds))} if seconds is not None else {}
                return error(503, "No provider available", {"error_type": "provider_overloaded"}, **headers)
            case _:
                return error(500, "Internal Server Error")

    def rate_limited(self, limit: str, rejection: Rejection | None, fault: Fault | None) -> RefusalError:
        seconds = rejection.retry_after if rejection is not None else fault.retry_after if fault is not None else None
        headers = {"retry_after": str(ceil(seconds))} if seconds is not None else {}
        if limit == "concurrent":
            message = "This request would exceed your available credits given your current in-flight requests."
            source = {"limit_source": "openrouter_in_flight_budget", "reason": "in_flight_budget_exhausted"}
            return error(402, message, source, **headers)
        return error(429, "Rate limit exceeded", {"error_type": "rate_limit_exceeded"}, **headers)

    def moderation(self, stage: FaultKind, visit: Visit) -> RefusalError:
        disguise = visit.fault.disguise if visit.fault is not None else None
        if disguise is not None:
            raw = {"error": {"message": "The request was refused."}}
            metadata = {"provider_name": "Emulated", "raw": raw, "error_type": disguise}
            return error(400, "Provider returned error", metadata)
        if stage is FaultKind.MODERATED_OUTPUT and visit.request.url.path.endswith("/chat/completions"):
            return _WithheldError()
        if stage is FaultKind.MODERATED_OUTPUT:
            metadata = {"provider_name": "Emulated", "error_type": "content_policy_violation"}
            return error(400, "Provider returned error", metadata)
        message = f'{self.deployment.model} requires moderation. Your input was flagged for "violence".'
        flagged = {"reasons": ["violence"], "flagged_input": (visit.entry.prompt or "")[:100]}
        return error(403, message, {**flagged, "provider_name": "Emulated", "model_slug": self.deployment.model})

    def no_such_path(self) -> RefusalError:
        return RefusalError(404, "<!DOCTYPE html><html><title>Not Found</title></html>")

    def new_request_id(self) -> str:
        return f"gen-{self.rng.getrandbits(64):016x}"

    def headers(self, visit: Visit) -> Mapping[str, str]:
        return {"x-generation-id": visit.entry.request_id}


class _WithheldError(RefusalError):
    """A picture that may not be shown, which a chat tells of with a 200."""

    def __init__(self) -> None:
        super().__init__(200, {})


def _choice(urls: list[str], finish_reason: str, native: str) -> dict[str, Any]:
    images = [{"type": "image_url", "index": index, "image_url": {"url": url}} for index, url in enumerate(urls)]
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    if images:
        message["images"] = images
    return {"index": 0, "finish_reason": finish_reason, "native_finish_reason": native, "message": message}
