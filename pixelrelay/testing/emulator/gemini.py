"""Google AI Studio's API for pictures, as documents and captured answers describe it in November 2026.

Imagen is gone from it, and ``predict`` answers 404 for any model. Not emulated: streams, batches, ``interactions``.
"""

from __future__ import annotations

from collections.abc import Collection
from math import ceil
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pixelrelay.testing.emulator.answers import RefusalError
from pixelrelay.testing.emulator.base import Visit
from pixelrelay.testing.emulator.faults import Fault, FaultKind, RetryAfter, Stage
from pixelrelay.testing.emulator.gemini_answers import answered, as_jpeg
from pixelrelay.testing.emulator.gemini_models import MODELS, ModelRules
from pixelrelay.testing.emulator.gemini_orders import Body, asked_in, read_message
from pixelrelay.testing.emulator.google import RPC, GoogleApi, error_info, retry_info, seconds_of, status_error
from pixelrelay.testing.emulator.quotas import Rejection

SERVICE = "generativelanguage.googleapis.com"
_QUOTAS = {"requests": ("generate_requests_per_model", "Requests"), "images": ("generate_images_per_model", "Images")}


class GeminiApi(GoogleApi):
    @classmethod
    def models(cls) -> Collection[str]:
        return MODELS

    def routes(self) -> list[BaseRoute]:
        models, ask = "/v1beta/models", self.endpoint(Stage.ASK, "ask", self._model)
        return [
            Route(
                f"{models}/{{model}}:generateContent",
                self.endpoint(Stage.SUBMIT, "generate", self._generate),
                methods=["POST"],
            ),
            Route(
                f"{models}/{{model}}:predict", self.endpoint(Stage.SUBMIT, "generate", self._predict), methods=["POST"]
            ),
            Route(models, self.endpoint(Stage.ASK, "ask", self._models), methods=["GET"]),
            Route(f"{models}/{{model}}", ask, methods=["GET"]),
        ]

    async def _generate(self, visit: Visit) -> Response:
        model = str(visit.request.path_params["model"])
        rules = self._rules(model)
        asked = asked_in(read_message(await visit.request.body(), Body), rules)
        if rules.thoughts and visit.entry.number % 2 == 0:
            asked = as_jpeg(asked)
        return JSONResponse(await answered(self, visit, model, rules, asked))

    async def _predict(self, visit: Visit) -> Response:
        raise _no_model(str(visit.request.path_params["model"]), "predict")

    def _rules(self, model: str) -> ModelRules:
        if model not in MODELS:
            raise _no_model(model, "generateContent")
        return MODELS[model]

    # --- free questions ------------------------------------------------------------------------------------------

    async def _models(self, visit: Visit) -> Response:  # noqa: ARG002 - asks for nothing in particular
        return JSONResponse({"models": [_card(model) for model in MODELS]})

    async def _model(self, visit: Visit) -> Response:
        model = str(visit.request.path_params["model"])
        self._rules(model)
        return JSONResponse(_card(model))

    # --- refusals ------------------------------------------------------------------------------------------------

    def authorise(self, request: Request) -> None:
        given = request.headers.get("x-goog-api-key") or request.query_params.get("key")
        if given is None:
            message = (
                "Method doesn't allow unregistered callers (callers without established identity). Please use API Key "
                "or other form of API consumer identity to call this API."
            )
            raise status_error(403, "PERMISSION_DENIED", message)
        if given != self.deployment.api_key:
            raise self.refusal(FaultKind.UNAUTHORISED, None)

    def refusal(self, kind: FaultKind, fault: Fault | None) -> RefusalError:
        match kind:
            case FaultKind.UNAUTHORISED:
                message = "API key not valid. Please pass a valid API key."
                return status_error(400, "INVALID_ARGUMENT", message, [error_info("API_KEY_INVALID", service=SERVICE)])
            case FaultKind.NOT_FOUND:
                return _no_model(self.deployment.model, "generateContent")
            case FaultKind.OUT_OF_CREDIT:
                message = (
                    "Your prepayment credits are depleted. Please go to AI Studio at https://ai.studio/projects to "
                    "manage your project and billing."
                )
                return status_error(429, "RESOURCE_EXHAUSTED", message)
            case _:
                return super().refusal(kind, fault)

    def rate_limited(self, limit: str, rejection: Rejection | None, fault: Fault | None) -> RefusalError:
        seconds = seconds_of(rejection, fault)
        if seconds is None:
            return status_error(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).")
        metric, name = _QUOTAS.get(limit, _QUOTAS["requests"])
        stated = f", limit: {rejection.limit}" if rejection is not None else ""
        form = fault.form if fault is not None else None
        message = (
            "You exceeded your current quota, please check your plan and billing details. \n* Quota exceeded for "
            f"metric: {SERVICE}/{metric}{stated}, model: {self.deployment.model}\n"
            f"Please retry in {ceil(seconds * 1000) / 1000}s."
        )
        violation = {"quotaMetric": f"{SERVICE}/{metric}", "quotaId": f"Generate{name}PerMinutePerProjectPerModel"}
        quota = [] if form is RetryAfter.TEXT else [{"@type": f"{RPC}QuotaFailure", "violations": [violation]}]
        return status_error(429, "RESOURCE_EXHAUSTED", message, [*quota, *retry_info(seconds, form)])


def _no_model(model: str, method: str) -> RefusalError:
    message = (
        f"models/{model} is not found for API version v1beta, or is not supported for {method}. Call ListModels to see "
        "the list of available models and their supported methods."
    )
    return status_error(404, "NOT_FOUND", message)


def _card(model: str) -> dict[str, Any]:
    return {"name": f"models/{model}", "supportedGenerationMethods": ["generateContent", "countTokens"]}
