"""OpenAI's Images API, as its documents, its SDK and captured answers describe it in November 2026.

Not emulated: ``gif`` and ``svg`` output, ``markup`` overlays, uploaded files, variations (the model is retired).
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from math import ceil
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pixelrelay import _clock
from pixelrelay.testing.emulator.answers import RefusalError, stay_away
from pixelrelay.testing.emulator.base import SynchronousApi, Visit
from pixelrelay.testing.emulator.faults import Fault, FaultKind, Stage
from pixelrelay.testing.emulator.openai_models import MODELS, RETIRED, ModelRules, dollars, rules_of, undated, usage
from pixelrelay.testing.emulator.openai_orders import (
    INVALID_REQUEST,
    USER_ERROR,
    Asked,
    Dialect,
    invalid,
    read_edit,
    read_generation,
    shared_answer,
)
from pixelrelay.testing.emulator.openai_streams import stream
from pixelrelay.testing.emulator.quotas import Rejection


class OpenAIApi(SynchronousApi):
    disguises: ClassVar[frozenset[str]] = frozenset({"moderation_blocked", "content_policy_violation"})

    @classmethod
    def models(cls) -> Collection[str]:
        return MODELS

    def routes(self) -> list[BaseRoute]:
        generate = self.endpoint(Stage.SUBMIT, "generate", self._generate)
        edit = self.endpoint(Stage.SUBMIT, "edit", self._edit)
        return [
            Route("/v1/images/generations", generate, methods=["POST"]),
            Route("/v1/images/edits", edit, methods=["POST"]),
            Route("/v1/models", self.endpoint(Stage.ASK, "ask", self._models), methods=["GET"]),
            Route("/v1/models/{model}", self.endpoint(Stage.ASK, "ask", self._model), methods=["GET"]),
        ]

    async def _generate(self, visit: Visit) -> Response:
        dialect = Dialect(lambda model: self._rules(model, otherwise="dall-e-2"))
        return await self._draw(visit, await read_generation(visit.request, dialect))

    async def _edit(self, visit: Visit) -> Response:
        dialect = Dialect(lambda model: self._rules(model, otherwise="gpt-image-1.5"))
        return await self._draw(visit, await read_edit(visit.request, dialect))

    async def _draw(self, visit: Visit, asked: Asked) -> Response:
        visit.entry.prompt, visit.entry.size = asked.order.prompt, asked.order.size
        tokens = usage(asked.rules, asked.order, asked.partial_images)
        price = dollars(asked.rules, tokens)
        if asked.stream:
            return await stream(self, visit, asked, tokens, price)
        began = _clock.now()
        pictures = await self.draw(visit, asked.order, price)
        headers = {"openai-processing-ms": str(ceil((_clock.now() - began) * 1000))}
        data = [{"b64_json": base64.b64encode(picture).decode()} for picture in pictures]
        answer = {**shared_answer(asked, int(_clock.wall())), "data": data, "usage": tokens}
        if asked.safety_identifier:
            answer["safety_identifier"] = asked.safety_identifier
        return JSONResponse(answer, 200, headers)

    def _rules(self, model: str | None, otherwise: str) -> ModelRules:
        name = model or otherwise
        if undated(name) in RETIRED:
            raise invalid(f"The model '{name}' does not exist.", "model", "invalid_value", USER_ERROR)
        rules = rules_of(name)
        if rules is None:
            raise self._no_model(name)
        return rules

    # --- free questions ------------------------------------------------------------------------------------------

    async def _models(self, visit: Visit) -> Response:  # noqa: ARG002 - asks for nothing in particular
        return JSONResponse({"object": "list", "data": [_model_card(model) for model in MODELS]})

    async def _model(self, visit: Visit) -> Response:
        name = str(visit.request.path_params["model"])
        if rules_of(name) is None:
            raise self._no_model(name)
        return JSONResponse(_model_card(name))

    # --- refusals ------------------------------------------------------------------------------------------------

    def authorise(self, request: Request) -> None:
        given = request.headers.get("authorization")
        if given is None:
            message = "You didn't provide an API key. You need to provide your API key in an Authorization header."
            raise RefusalError(401, _error(message, INVALID_REQUEST, None))
        if given != f"Bearer {self.deployment.api_key}":
            raise self.refusal(FaultKind.UNAUTHORISED, None)

    def refusal(self, kind: FaultKind, fault: Fault | None) -> RefusalError:
        match kind:
            case FaultKind.UNAUTHORISED:
                where = "You can find your API key at https://platform.openai.com/account/api-keys."
                message = f"Incorrect API key provided: sk-…. {where}"
                return RefusalError(401, _error(message, INVALID_REQUEST, "invalid_api_key"))
            case FaultKind.NOT_FOUND:
                return self._no_model(self.deployment.model)
            case FaultKind.OUT_OF_CREDIT:
                message = "You exceeded your current quota, please check your plan and billing details."
                return RefusalError(429, _error(message, "insufficient_quota", "insufficient_quota"))
            case FaultKind.BAD_GATEWAY:
                return RefusalError(502, "<html><head><title>502 Bad Gateway</title></head></html>")
            case FaultKind.UNAVAILABLE:
                message = "The engine is currently overloaded, please try again later"
                headers = stay_away(fault.retry_after, fault.form) if fault is not None else {}
                return RefusalError(503, _error(message, "server_error", None), headers)
            case _:
                message = "The server had an error while processing your request. Sorry about that!"
                return RefusalError(500, _error(message, "server_error", "server_error"))

    def rate_limited(self, limit: str, rejection: Rejection | None, fault: Fault | None) -> RefusalError:
        measure = "images per minute (IPM)" if limit == "images" else "requests per min (RPM)"
        counts = f": Limit {rejection.limit}, Used {rejection.used}, Requested {rejection.asked}" if rejection else ""
        seconds = rejection.retry_after if rejection is not None else fault.retry_after if fault is not None else None
        wait = f" Please try again in {_go_duration(seconds)}." if seconds is not None else ""
        message = (
            f"Rate limit reached for {self.deployment.model} (for limit gpt-image) in organization org-emulated "
            f"on {measure}{counts}.{wait} Visit https://platform.openai.com/account/rate-limits to learn more."
        )
        headers = stay_away(seconds, fault.form if fault is not None else None)
        return RefusalError(429, _error(message, "requests", "rate_limit_exceeded"), headers)

    def moderation(self, stage: FaultKind, visit: Visit) -> RefusalError:
        if visit.fault is not None and visit.fault.disguise == "content_policy_violation":
            message = "Your request was rejected as a result of our safety system."
            return RefusalError(400, _error(message, INVALID_REQUEST, "content_policy_violation"))
        message = (
            "Your request was rejected by the safety system. If you believe this is an error, contact us at "
            f"help.openai.com and include the request ID {visit.entry.request_id}."
        )
        output = stage is FaultKind.MODERATED_OUTPUT
        body = _error(f"{message} safety_violations=[sexual]." if output else message, USER_ERROR, "moderation_blocked")
        body["error"]["moderation_details"] = {
            "moderation_stage": "output" if output else "input",
            "categories": ["sexual" if output else "other"],
        }
        return RefusalError(400, body)

    def no_such_path(self) -> RefusalError:
        return RefusalError(404, _error("Invalid URL", INVALID_REQUEST, None))

    def _no_model(self, name: str) -> RefusalError:
        message = f"The model `{name}` does not exist or you do not have access to it."
        return RefusalError(404, _error(message, INVALID_REQUEST, "model_not_found"))

    # --- headers -------------------------------------------------------------------------------------------------

    def new_request_id(self) -> str:
        return f"req_{self.rng.getrandbits(128):032x}"

    def headers(self, visit: Visit) -> Mapping[str, str]:
        now = self.world.clock.now()
        headers = {
            "x-request-id": visit.entry.request_id,
            "openai-version": "2020-10-01",
            "openai-organization": "org-emulated",
        }
        for name, limit in self.account.limits.items():
            headers[f"x-ratelimit-limit-{name}"] = str(limit.limit)
            headers[f"x-ratelimit-remaining-{name}"] = str(limit.remaining(now))
            headers[f"x-ratelimit-reset-{name}"] = _go_duration(limit.reset(now))
        return headers


def _error(message: str, kind: str, code: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _model_card(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1776729600, "owned_by": "openai"}


def _go_duration(seconds: float) -> str:
    """``120ms``, ``12s``, ``1m30s``."""
    milliseconds = ceil(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    text = f"{rest / 1000:g}s"
    return f"{minutes}m{text}" if minutes else text
