"""Azure OpenAI's image deployments, on the dated and on the v1 paths, as documented in November 2026.

Not emulated: streaming.
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
from pixelrelay.testing.emulator.faults import JOB_FAULTS, Fault, FaultKind, Stage
from pixelrelay.testing.emulator.openai_models import MODELS, ModelRules, dollars, rules_of, undated, usage
from pixelrelay.testing.emulator.openai_orders import (
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

OLDEST_VERSION = "2025-04-01"
"""Of the dated api-versions that know GPT image models."""
V1_VERSIONS = frozenset({None, "preview", "v1", "latest"})
SAFE: Mapping[str, Any] = {
    name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")
}


class AzureApi(SynchronousApi):
    """What all of Azure's front doors share: keys, error bodies, headers."""

    unknown_faults: ClassVar[frozenset[FaultKind]] = JOB_FAULTS | {FaultKind.OUT_OF_CREDIT}
    tier = "OpenAI S0"

    def authorise(self, request: Request) -> None:
        key = request.headers.get("api-key")
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        tokens = {self.deployment.api_key, self.deployment.entra_token} - {None}
        if key != self.deployment.api_key and not (key is None and kind == "Bearer" and token in tokens):
            raise self.refusal(FaultKind.UNAUTHORISED, None)

    def refusal(self, kind: FaultKind, fault: Fault | None) -> RefusalError:
        match kind:
            case FaultKind.UNAUTHORISED:
                message = (
                    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid "
                    "key for an active subscription and use a correct regional API endpoint for your resource."
                )
                return azure_error(401, "401", message)
            case FaultKind.NOT_FOUND:
                message = (
                    "The API deployment for this resource does not exist. If you created the deployment within the "
                    "last 5 minutes, please wait a moment and try again."
                )
                return azure_error(404, "DeploymentNotFound", message)
            case FaultKind.BAD_GATEWAY:
                return RefusalError(502, "<html><head><title>502 Bad Gateway</title></head></html>")
            case FaultKind.UNAVAILABLE:
                headers = stay_away(fault.retry_after, fault.form) if fault is not None else {}
                message = "The service is temporarily unable to process your request. Please try again later."
                return azure_error(503, "ServiceUnavailable", message, headers)
            case _:
                return azure_error(500, "InternalServerError", "The server had an error while processing your request.")

    def rate_limited(self, limit: str, rejection: Rejection | None, fault: Fault | None) -> RefusalError:  # noqa: ARG002
        seconds = rejection.retry_after if rejection is not None else fault.retry_after if fault is not None else None
        wait = f" Please retry after {ceil(seconds)} seconds." if seconds is not None else ""
        name = self.deployment.azure_deployment
        message = (
            f"Your requests to {name} for {self.deployment.model} in {self.deployment.region} have exceeded the call "
            f"rate limit for your current {self.tier} pricing tier.{wait} "
            "To increase your default rate limit, visit: https://aka.ms/oai/quotaincrease."
        )
        return azure_error(429, "RateLimitReached", message, stay_away(seconds, fault.form if fault else None))

    def no_such_path(self) -> RefusalError:
        return azure_error(404, "404", "Resource not found")

    def new_request_id(self) -> str:
        return self.new_uuid()

    def headers(self, visit: Visit) -> Mapping[str, str]:
        now = self.world.clock.now()
        headers = {
            "apim-request-id": visit.entry.request_id,
            "x-ms-region": self.deployment.region,
            "x-content-type-options": "nosniff",
            "strict-transport-security": "max-age=31536000; includeSubDomains; preload",
        }
        if requests := self.account.limits.get("requests"):
            headers["x-ratelimit-limit-requests"] = str(requests.limit)
            headers["x-ratelimit-remaining-requests"] = str(requests.remaining(now))
            headers["x-ratelimit-reset-requests"] = str(ceil(requests.reset(now)))
        return headers


class AzureOpenAIApi(AzureApi):
    disguises: ClassVar[frozenset[str]] = frozenset(
        {"moderation_blocked", "contentFilter", "content_policy_violation", "content_filter"}
    )

    @classmethod
    def models(cls) -> Collection[str]:
        return MODELS

    def routes(self) -> list[BaseRoute]:
        dated = "/openai/deployments/{deployment}/images"
        generate = self.endpoint(Stage.SUBMIT, "generate", self._generate)
        edit = self.endpoint(Stage.SUBMIT, "edit", self._edit)
        ask = self.endpoint(Stage.ASK, "ask", self._models)
        return [
            Route(f"{dated}/generations", generate, methods=["POST"]),
            Route(f"{dated}/edits", edit, methods=["POST"]),
            Route("/openai/v1/images/generations", generate, methods=["POST"]),
            Route("/openai/v1/images/edits", edit, methods=["POST"]),
            Route("/openai/v1/models", ask, methods=["GET"]),
            Route("/openai/models", ask, methods=["GET"]),
        ]

    async def _generate(self, visit: Visit) -> Response:
        self._check_version(visit.request)
        return await self._draw(visit, await read_generation(visit.request, self._dialect(visit.request)))

    async def _edit(self, visit: Visit) -> Response:
        self._check_version(visit.request)
        return await self._draw(visit, await read_edit(visit.request, self._dialect(visit.request)))

    async def _draw(self, visit: Visit, asked: Asked) -> Response:
        visit.entry.prompt, visit.entry.size = asked.order.prompt, asked.order.size
        tokens = usage(asked.rules, asked.order, asked.partial_images)
        price = dollars(asked.rules, tokens)
        if asked.stream:
            return await stream(self, visit, asked, tokens, price)
        pictures = await self.draw(visit, asked.order, price)
        data = [{"b64_json": base64.b64encode(each).decode(), "content_filter_results": SAFE} for each in pictures]
        return JSONResponse({**shared_answer(asked, int(_clock.wall())), "data": data, "usage": tokens})

    async def _models(self, visit: Visit) -> Response:
        on_v1 = "/v1/" in visit.request.url.path
        if not on_v1 and "api-version" not in visit.request.query_params:
            raise self.no_such_path()
        return JSONResponse({"object": "list", "data": [{"id": self.deployment.model, "object": "model"}]})

    def _check_version(self, request: Request) -> None:
        version = request.query_params.get("api-version")
        dated = "deployment" in request.path_params
        known = version is not None and version[:10] >= OLDEST_VERSION if dated else version in V1_VERSIONS
        if not known:
            raise self.no_such_path()
        if dated and request.path_params["deployment"] != self.deployment.azure_deployment:
            raise self.refusal(FaultKind.NOT_FOUND, None)

    def _dialect(self, request: Request) -> Dialect:
        dated = "deployment" in request.path_params

        def rules(model: str | None) -> ModelRules:
            known = rules_of(self.deployment.model)
            if known is None:
                # A retired model: the deployment is still listed, and no longer works.
                raise self.refusal(FaultKind.NOT_FOUND, None)
            self._check_model(model, dated)
            return known

        return Dialect(
            rules,
            formats=("png", "jpeg"),
            input_types=("image/jpeg", "image/png"),
            json_edits=False,
            default_quality="high" if undated(self.deployment.model) == "gpt-image-1.5" else "medium",
        )

    def _check_model(self, model: str | None, dated: bool) -> None:
        if dated:
            # With gpt-image-2 a model in the body breaks the call; older ones ignore it, and the documents send it.
            if model is not None and undated(self.deployment.model) == "gpt-image-2":
                raise invalid("Unknown parameter: 'model'.", "model", "unknown_parameter")
        elif model is None:
            raise invalid("Missing required parameter: 'model'.", "model", "missing_required_parameter")
        elif model != self.deployment.azure_deployment:
            raise self.refusal(FaultKind.NOT_FOUND, None)

    def moderation(self, stage: FaultKind, visit: Visit) -> RefusalError:
        output = stage is FaultKind.MODERATED_OUTPUT
        match visit.fault.disguise if visit.fault is not None else None:
            case "contentFilter":
                what = "Generated image was filtered" if output else "Your task failed"
                message = f"{what} as a result of our safety system."
                error: dict[str, Any] = {"code": "contentFilter", "message": message}
                return RefusalError(400, {"created": int(_clock.wall()), "error": error})
            case "content_policy_violation":
                error = {
                    "code": "content_policy_violation",
                    "inner_error": {
                        "code": "ResponsibleAIPolicyViolation",
                        "content_filter_results": {"violence": {"filtered": True, "severity": "low"}},
                    },
                    "message": "Your request was rejected as a result of our safety system.",
                    "type": "invalid_request_error",
                }
            case "content_filter":
                error = _content_filter()
            case _:
                message = (
                    "Your request was rejected by the safety system. If you believe this is an error, contact us at "
                    f"Azure support ticket and include the request ID {visit.entry.request_id}. "
                    "safety_violations=[violence]."
                )
                error = {"message": message, "type": USER_ERROR, "param": None, "code": "moderation_blocked"}
        return RefusalError(400, {"error": error})


def azure_error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> RefusalError:
    return RefusalError(status, {"error": {"code": code, "message": message}}, headers)


def _content_filter() -> dict[str, Any]:
    return {
        "message": (
            "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
            "Please modify your prompt and retry."
        ),
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {**SAFE, "sexual": {"filtered": True, "severity": "high"}},
        },
    }
