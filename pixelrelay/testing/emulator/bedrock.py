"""Amazon Bedrock's InvokeModel for image models, as AWS documents it and callers met it in 2026.

Every signature is computed anew from what arrived, so that a body, a path or a date that was not signed is refused.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pixelrelay import _clock
from pixelrelay.testing.emulator.answers import RefusalError
from pixelrelay.testing.emulator.base import SynchronousApi, Visit
from pixelrelay.testing.emulator.bedrock_bodies import MODELS, RETIRED, Body, Model, UnfitError
from pixelrelay.testing.emulator.faults import Fault, FaultKind, Stage
from pixelrelay.testing.emulator.providers import ACCESS_KEY_ID, AWS_REGION
from pixelrelay.testing.emulator.quotas import Rejection

LARGEST_BODY = 25_000_000
SKEW = 300.0
"""Seconds that a signature may be older or younger than the clock says."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)


class BedrockApi(SynchronousApi):
    disguises: ClassVar[frozenset[str]] = frozenset({"ValidationException"})

    @classmethod
    def models(cls) -> Collection[str]:
        return [f"us.{name}" if model.profiled else name for name, model in MODELS.items()]

    def routes(self) -> list[BaseRoute]:
        invoke = self.endpoint(Stage.SUBMIT, "generate", self._invoke)
        return [Route("/model/{model:path}/invoke", invoke, methods=["POST"])]

    async def _invoke(self, visit: Visit) -> Response:
        raw = await visit.request.body()
        self._check_signature(visit.request, raw)
        model = self._model(str(visit.request.path_params["model"]))
        if len(raw) > LARGEST_BODY:
            raise RefusalError(413, {"message": "Request Entity Too Large"})
        if visit.request.headers.get("content-type") != "application/json":
            raise _validation("The provided Content Type is invalid or not supported for this model")
        body = _read(model, raw)
        try:
            order = model.order(body)
        except UnfitError as error:
            raise _validation(json.dumps({"detail": str(error)})) from None
        visit.entry.operation = "edit" if {"image", "init_image"} & body.model_fields_set else "generate"
        visit.entry.prompt, visit.entry.size = order.prompt, order.size
        (picture,) = await self.draw(visit, order, model.dollars)
        seed = getattr(body, "seed", 0) or self.rng.randrange(1, 4_294_967_295)
        encoded = base64.b64encode(picture).decode()
        return JSONResponse({"seeds": [seed], "finish_reasons": [None], "images": [encoded]})

    def _model(self, name: str) -> Model:
        base = name.rpartition("/")[2].removeprefix("us.")
        if base in RETIRED:
            raise self.refusal(FaultKind.NOT_FOUND, None)
        if base not in MODELS:
            raise _validation("The provided model identifier is invalid.")
        model = MODELS[base]
        if model.profiled and base == name:
            raise _validation(
                f"Invocation of model ID {name} with on-demand throughput isn\u2019t supported. Retry your request "
                "with the ID or ARN of an inference profile that contains this model."
            )
        return model

    # --- who is asking -------------------------------------------------------------------------------------------

    def authorise(self, request: Request) -> None:
        """By the key as bearer, or by a signature with the key as secret, which is looked at with the body."""
        given = request.headers.get("authorization", "")
        if given == f"Bearer {self.deployment.api_key}":
            return
        if given.startswith("Bearer ") or not given:
            raise RefusalError(403, {"Message": "Authentication failed: Please make sure your API Key is valid."})
        found = _AUTHORIZATION.fullmatch(given)
        if found is None:
            raise _denied("IncompleteSignatureException", "Authorization header requires 'Signature' parameter.")
        key, day, region, service, names, _ = found.groups()
        if key != ACCESS_KEY_ID or "x-amz-security-token" in request.headers:
            raise self.refusal(FaultKind.UNAUTHORISED, None)
        _check_scope(day, request.headers.get("x-amz-date", ""), region, service, names.split(";"))

    def _check_signature(self, request: Request, raw: bytes) -> None:
        found = _AUTHORIZATION.fullmatch(request.headers["authorization"])
        if found is not None and not hmac.compare_digest(found[6], self._signature(request, raw, found[5].split(";"))):
            raise _denied(
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
                "Access Key and signing method. Consult the service documentation for details.",
            )

    def _signature(self, request: Request, raw: bytes, names: list[str]) -> str:
        """Over what arrived: the path as it was encoded, the headers that are said to be signed, the body."""
        query = f"?{request.url.query}" if request.url.query else ""
        seen = AWSRequest(
            method=request.method,
            url=f"{request.url.scheme}://{request.headers['host']}{request.scope['raw_path'].decode()}{query}",
            headers={name: value for name, value in request.headers.items() if name in names},
            data=raw,
        )
        seen.context["timestamp"] = request.headers["x-amz-date"]
        signer = _Signer(Credentials(ACCESS_KEY_ID, self.deployment.api_key), "bedrock", AWS_REGION)
        return str(signer.signature(signer.string_to_sign(seen, signer.canonical_request(seen)), seen))

    # --- refusals ------------------------------------------------------------------------------------------------

    def refusal(self, kind: FaultKind, fault: Fault | None) -> RefusalError:  # noqa: ARG002 - it says no time
        match kind:
            case FaultKind.UNAUTHORISED:
                text = "The security token included in the request is invalid."
                return _denied("UnrecognizedClientException", text)
            case FaultKind.NOT_FOUND:
                text = (
                    "This model version has reached the end of its life. Please refer to the AWS documentation for "
                    "more details."
                )
                return _error(404, "ResourceNotFoundException", text)
            case FaultKind.OUT_OF_CREDIT:
                return _error(400, "ServiceQuotaExceededException", "Your request exceeds the service quota.")
            case FaultKind.BAD_GATEWAY:
                return RefusalError(502, "<html><head><title>502 Bad Gateway</title></head></html>")
            case FaultKind.UNAVAILABLE:
                return _error(503, "ServiceUnavailableException", "Bedrock is unable to process your request.")
            case _:
                text = "The system encountered an unexpected error during processing. Try your request again."
                return _error(500, "InternalServerException", text)

    def rate_limited(self, limit: str, rejection: Rejection | None, fault: Fault | None) -> RefusalError:  # noqa: ARG002
        """Without a time to stay away: AWS names none."""
        return _error(429, "ThrottlingException", "Too many requests, please wait before trying again.")

    def moderation(self, stage: FaultKind, visit: Visit) -> RefusalError:
        if visit.fault is not None and visit.fault.disguise == "ValidationException":
            return _validation(
                "This request has been blocked by our content filters. Please adjust your text prompt to submit a new "
                "request."
            )
        what = "output image" if stage is FaultKind.MODERATED_OUTPUT else "prompt"
        return RefusalError(200, {"finish_reasons": [f"Filter reason: {what}"]})

    def no_such_path(self) -> RefusalError:
        return _error(404, "UnknownOperationException", "")

    def new_request_id(self) -> str:
        return self.new_uuid()

    def headers(self, visit: Visit) -> Mapping[str, str]:
        return {"x-amzn-requestid": visit.entry.request_id}


class _Signer(SigV4Auth):
    """Signs what the client says it signed, and nothing else."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        headers = HTTPHeaders()
        for name, value in request.headers.items():
            headers[name.lower()] = value
        return headers


def _check_scope(day: str, moment: str, region: str, service: str, names: list[str]) -> None:
    if (region, service) != (AWS_REGION, "bedrock"):
        text = f"Credential should be scoped to a valid region, not '{region}', and to service 'bedrock'."
        raise _denied("InvalidSignatureException", text)
    if not {"host", "x-amz-date"} <= set(names):
        raise _denied("IncompleteSignatureException", "'Host' and 'X-Amz-Date' must be signed headers.")
    try:
        then = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise _denied("IncompleteSignatureException", "Date must be in ISO-8601 'basic format'.") from None
    if not moment.startswith(day) or abs(then - _clock.wall()) > SKEW:
        raise _denied("InvalidSignatureException", f"Signature expired: {moment} is not within five minutes.")


def _read(model: Model, raw: bytes) -> Body:
    try:
        return model.body.model_validate_json(raw, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(step) for step in first["loc"])
        known = ", ".join(model.body.model_fields)
        if first["type"] == "extra_forbidden":
            text = f"Invalid field '{name}' in request. Available fields are: {known}"
        elif first["type"] == "missing":
            text = f"Missing required field: '{name}'. Available fields are: {known}"
        else:
            text = f"{name}: {first['msg']}"
        raise _validation(json.dumps({"detail": text})) from None


def _validation(text: str) -> RefusalError:
    return _error(400, "ValidationException", text)


def _denied(kind: str, text: str) -> RefusalError:
    return _error(403, kind, text)


def _error(status: int, kind: str, text: str) -> RefusalError:
    where = f"{kind}:http://internal.amazon.com/coral/com.amazon.bedrock/"
    body: dict[str, Any] = {"message": text}
    return RefusalError(status, body, {"x-amzn-errortype": where})
