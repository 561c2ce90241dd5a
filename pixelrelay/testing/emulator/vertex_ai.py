"""Vertex AI's API for pictures, as documents and captured answers describe it in November 2026.

Imagen draws here still, although Google announced its end. One project is known, and one token: the deployment's
``api_key``, which in express mode is an API key. Not emulated: streams, the exchange of keys for tokens.
"""

from __future__ import annotations

import base64
from collections.abc import Collection
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pixelrelay.testing.emulator.answers import RefusalError
from pixelrelay.testing.emulator.base import Visit
from pixelrelay.testing.emulator.faults import Fault, FaultKind, Stage
from pixelrelay.testing.emulator.gemini_answers import answered
from pixelrelay.testing.emulator.gemini_models import MODELS, ModelRules, text_tokens
from pixelrelay.testing.emulator.gemini_orders import CloudBody, Content, Message, asked_in, read_message
from pixelrelay.testing.emulator.google import GoogleApi, error_info, retry_info, seconds_of, status_error
from pixelrelay.testing.emulator.imagen_orders import MODELS as IMAGEN
from pixelrelay.testing.emulator.imagen_orders import Body, ImagenRules, order_of
from pixelrelay.testing.emulator.pictures import MEDIA_TYPES
from pixelrelay.testing.emulator.quotas import Rejection

PROJECT = "emulated"
SERVICE = "aiplatform.googleapis.com"
_WIDE = frozenset({"global", "us", "eu"})
_MODELS = "/publishers/google/models/{model}"
_PLACED = "/v1/projects/{project}/locations/{location}"
_NO_REASON = "none"
"""The disguise of pictures that Imagen leaves out without a word."""


class Counted(Message):
    contents: list[Content]


class VertexAIApi(GoogleApi):
    disguises: ClassVar[frozenset[str]] = GoogleApi.disguises | {_NO_REASON}

    @classmethod
    def models(cls) -> Collection[str]:
        return [*MODELS, *IMAGEN]

    def routes(self) -> list[BaseRoute]:
        generate = self.endpoint(Stage.SUBMIT, "generate", self._generate)
        predict = self.endpoint(Stage.SUBMIT, "generate", self._predict)
        count = self.endpoint(Stage.ASK, "ask", self._count)
        return [
            Route(f"{_PLACED}{_MODELS}:generateContent", generate, methods=["POST"]),
            Route(f"{_PLACED}{_MODELS}:predict", predict, methods=["POST"]),
            Route(f"{_PLACED}{_MODELS}:countTokens", count, methods=["POST"]),
            Route(f"/v1{_MODELS}:generateContent", generate, methods=["POST"]),
            Route(f"/v1{_MODELS}:countTokens", count, methods=["POST"]),
            Route(f"/v1{_MODELS}", self.endpoint(Stage.ASK, "ask", self._model), methods=["GET"]),
        ]

    async def _generate(self, visit: Visit) -> Response:
        rules = self._rules(visit.request)
        asked = asked_in(read_message(await visit.request.body(), CloudBody), rules)
        answer = await answered(self, visit, _model_of(visit.request), rules, asked)
        answer["usageMetadata"]["trafficType"] = "ON_DEMAND"
        return JSONResponse(answer)

    async def _predict(self, visit: Visit) -> Response:
        rules = self._imagen_rules(visit.request)
        body: Body = read_message(await visit.request.body(), Body)
        order = order_of(body, rules)
        visit.entry.operation = "edit" if order.images else "generate"
        visit.entry.prompt, visit.entry.size = order.prompt, order.size
        visit.request.state.tells_reasons = body.parameters.include_rai_reason
        pictures = await self.draw(visit, order, rules.price * order.n)
        media_type = MEDIA_TYPES[order.encoding.format]
        drawn = [{"mimeType": media_type, "bytesBase64Encoded": base64.b64encode(each).decode()} for each in pictures]
        return JSONResponse({"predictions": drawn})

    async def _count(self, visit: Visit) -> Response:
        self._rules(visit.request)
        counted: Counted = read_message(await visit.request.body(), Counted)
        texts = (part.text or "" for content in counted.contents for part in content.parts)
        return JSONResponse({"totalTokens": sum(map(text_tokens, texts))})

    async def _model(self, visit: Visit) -> Response:
        name = _model_of(visit.request)
        if name not in MODELS and name not in IMAGEN:
            raise self._no_model(visit.request)
        return JSONResponse({"name": f"publishers/google/models/{name}", "launchStage": "GA"})

    # --- which model, and where ------------------------------------------------------------------------------------

    def _rules(self, request: Request) -> ModelRules:
        rules = MODELS.get(_model_of(request))
        location = request.path_params.get("location", "global")
        if rules is None or (rules.global_only and location not in _WIDE):
            raise self._no_model(request)
        return rules

    def _imagen_rules(self, request: Request) -> ImagenRules:
        rules = IMAGEN.get(_model_of(request))
        if rules is None or request.path_params["location"] == "global":
            raise self._no_model(request)
        return rules

    def _no_model(self, request: Request) -> RefusalError:
        location = request.path_params.get("location", "global")
        return _missing(_model_of(request), str(location))

    # --- refusals ------------------------------------------------------------------------------------------------

    def authorise(self, request: Request) -> None:
        key = request.headers.get("x-goog-api-key")
        if "project" not in request.path_params and key == self.deployment.api_key:
            return
        if key is not None:
            message = (
                "API keys are not supported by this API. Expected OAuth2 access token or other authentication "
                "credentials that assert a principal. See https://cloud.google.com/docs/authentication"
            )
            raise status_error(401, "UNAUTHENTICATED", message, [error_info("CREDENTIALS_MISSING", service=SERVICE)])
        if request.headers.get("authorization") != f"Bearer {self.deployment.api_key}":
            raise self.refusal(FaultKind.UNAUTHORISED, None)
        if request.path_params.get("project", PROJECT) != PROJECT:
            message = f"Permission 'aiplatform.endpoints.predict' denied on resource '//{SERVICE}{request.url.path}'"
            raise status_error(
                403,
                "PERMISSION_DENIED",
                f"{message} (or it may not exist).",
                [error_info("IAM_PERMISSION_DENIED", SERVICE)],
            )

    def refusal(self, kind: FaultKind, fault: Fault | None) -> RefusalError:
        match kind:
            case FaultKind.UNAUTHORISED:
                message = (
                    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or "
                    "other valid authentication credential."
                )
                info = error_info("ACCESS_TOKEN_EXPIRED", service=SERVICE)
                return status_error(401, "UNAUTHENTICATED", message, [info])
            case FaultKind.NOT_FOUND:
                return _missing(self.deployment.model, "global")
            case FaultKind.OUT_OF_CREDIT:
                message = "This API method requires billing to be enabled."
                info = error_info("BILLING_DISABLED", service=SERVICE, consumer=f"projects/{PROJECT}")
                return status_error(403, "PERMISSION_DENIED", message, [info])
            case _:
                return super().refusal(kind, fault)

    def rate_limited(self, limit: str, rejection: Rejection | None, fault: Fault | None) -> RefusalError:  # noqa: ARG002
        """Vertex AI names no time; a fault may, for those who want to see one honoured."""
        model = self.deployment.model
        beside: dict[str, Any] = {}
        if model in IMAGEN:
            message = (
                f"Quota exceeded for {SERVICE}/online_prediction_requests_per_base_model with base model: "
                f"{model.removesuffix('-001')}. Please submit a quota increase request."
            )
        else:
            message = (
                "Resource exhausted. Please try again later. Please refer to "
                "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details."
            )
            beside["errors"] = [{"message": message, "domain": "global", "reason": "rateLimitExceeded"}]
        seconds, form = (seconds_of(None, fault), fault.form) if fault is not None else (None, None)
        return status_error(429, "RESOURCE_EXHAUSTED", message, retry_info(seconds, form), **beside)

    def moderation(self, stage: FaultKind, visit: Visit) -> RefusalError:
        if not visit.request.url.path.endswith(":predict"):
            return super().moderation(stage, visit)
        if stage is FaultKind.MODERATED_INPUT:
            message = (
                "Image generation failed with the following error: The prompt could not be submitted. Your current "
                "safety filter threshold prohibited one or more words in this prompt. If you think this was an error, "
                "send feedback. Support codes: 61493863"
            )
            return status_error(400, "INVALID_ARGUMENT", message)
        silent = visit.fault is not None and visit.fault.disguise == _NO_REASON
        if silent or not visit.request.state.tells_reasons:
            return RefusalError(200, {})
        reason = (
            "Unable to show generated images. All images were filtered out because they violated Google's Responsible "
            "AI practices. Support codes: 56562880"
        )
        return RefusalError(200, {"predictions": [{"raiFilteredReason": reason}]})


def _model_of(request: Request) -> str:
    return str(request.path_params["model"])


def _missing(model: str, location: str) -> RefusalError:
    message = (
        f"Publisher Model `projects/{PROJECT}/locations/{location}/publishers/google/models/{model}` was not found or "
        "your project does not have access to it. Please ensure you are using a valid model version."
    )
    return status_error(404, "NOT_FOUND", message)
