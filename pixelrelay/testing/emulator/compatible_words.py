"""How the servers of OpenAI's Images API that are not OpenAI's say no: one row of words for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from pixelrelay.testing.emulator.answers import RefusalError
from pixelrelay.testing.emulator.faults import FaultKind


class Said(NamedTuple):
    """One refusal: its status, its message, and the ``type`` and ``code`` of those that have them."""

    status: int
    message: str
    type: str = "invalid_request_error"
    code: str | None = None


Envelope: TypeAlias = Callable[[Said, str | None], Mapping[str, Any]]
"""The body of a refusal; the second argument is the parameter that it is about."""


@dataclass(frozen=True, slots=True)
class Words:
    """What one server says."""

    envelope: Envelope
    said: Mapping[FaultKind, Said]
    """For what is not here, what it says when it is broken."""
    invalid: Said
    """Of a body that it does not take, with the reason in place of the message."""
    throttled: str
    """The message of a full quota. ``{model}`` and ``{limit}`` are filled in."""

    def refusal(self, kind: FaultKind, headers: Mapping[str, str] | None = None) -> RefusalError:
        said = self.said.get(kind, self.said[FaultKind.SERVER_ERROR])
        return RefusalError(said.status, self.envelope(said, None), headers)

    def bad(self, message: str, param: str | None = None) -> RefusalError:
        said = self.invalid._replace(message=message)
        return RefusalError(said.status, self.envelope(said, param))

    def full(self, model: str, limit: str, headers: Mapping[str, str]) -> RefusalError:
        said = Said(429, self.throttled.format(model=model, limit=limit), "rate_limit")
        return RefusalError(429, self.envelope(said, None), headers)


def _as_openai(said: Said, param: str | None) -> Mapping[str, Any]:
    return {"error": {"message": said.message, "type": said.type, "param": param, "code": said.code}}


def _as_together(said: Said, param: str | None) -> Mapping[str, Any]:
    return {"id": "oEmulated", **_as_openai(said, param)}


def _as_fastapi(said: Said, param: str | None) -> Mapping[str, Any]:  # noqa: ARG001 - it names none
    return {"detail": said.message}


def _as_xai(said: Said, param: str | None) -> Mapping[str, Any]:  # noqa: ARG001 - it names none
    return {"code": said.type, "error": said.message}


ANY = Words(
    _as_openai,
    {
        FaultKind.UNAUTHORISED: Said(401, "Incorrect API key provided.", code="invalid_api_key"),
        FaultKind.NOT_FOUND: Said(404, "The model does not exist.", code="model_not_found"),
        FaultKind.OUT_OF_CREDIT: Said(402, "The balance is used up.", "billing"),
        FaultKind.UNAVAILABLE: Said(503, "The server is busy, try again later.", "server_error"),
        FaultKind.SERVER_ERROR: Said(500, "Internal server error", "server_error"),
        FaultKind.MODERATED_INPUT: Said(400, "The prompt was rejected.", code="content_policy_violation"),
        FaultKind.MODERATED_OUTPUT: Said(400, "The picture was rejected.", code="content_policy_violation"),
    },
    Said(400, "", code="unknown_parameter"),
    "Rate limit reached for {model}: {limit} per minute.",
)

# Without accounts, credit or moderation.
XINFERENCE = Words(
    _as_fastapi,
    {
        FaultKind.UNAUTHORISED: Said(401, "Could not validate credentials"),
        FaultKind.NOT_FOUND: Said(404, "Model not found in the model list, uid: sd3"),
        FaultKind.UNAVAILABLE: Said(503, "Model is loading, please retry later: sd3"),
        FaultKind.SERVER_ERROR: Said(500, "[address=0.0.0.0:34567, pid=99] CUDA out of memory."),
    },
    Said(500, ""),
    "[address=0.0.0.0:34567, pid=99] Rate limit reached for the model. Request limit 2 for the model: {model}",
)

# 429 is documented as insufficient credit alone, and has to serve for a full minute too.
NSCALE = Words(
    _as_openai,
    {
        FaultKind.UNAUTHORISED: Said(401, "Invalid service token", "authentication_error"),
        FaultKind.NOT_FOUND: Said(404, "Model not found or unavailable", "not_found"),
        FaultKind.OUT_OF_CREDIT: Said(429, "Insufficient credit", "insufficient_credit"),
        FaultKind.UNAVAILABLE: Said(503, "Service temporarily unavailable", "server_error"),
        FaultKind.SERVER_ERROR: Said(500, "Internal error", "server_error"),
    },
    Said(400, ""),
    "Too many requests",
)

TOGETHER = Words(
    _as_together,
    {
        FaultKind.UNAUTHORISED: Said(401, "Invalid API key provided.", code="invalid_api_key"),
        FaultKind.NOT_FOUND: Said(404, "Unable to access model.", code="model_not_available"),
        FaultKind.OUT_OF_CREDIT: Said(402, "You have reached your spending limit.", "credit_limit"),
        FaultKind.UNAVAILABLE: Said(503, "The engine is currently overloaded", "server_error"),
        FaultKind.SERVER_ERROR: Said(500, "Internal server error", "server_error"),
        FaultKind.MODERATED_INPUT: Said(422, "The prompt may contain NSFW content."),
        FaultKind.MODERATED_OUTPUT: Said(422, "NSFW content was detected in the generated image."),
    },
    Said(400, ""),
    "You have reached the rate limit specific to this model {model}. "
    "The maximum rate limit for this model is {limit} queries per minute.",
)

_INVALID, _FORBIDDEN = "Client specified an invalid argument", "The caller does not have permission"
# A moderated picture is a success without one, which the API itself tells.
XAI = Words(
    _as_xai,
    {
        FaultKind.UNAUTHORISED: Said(400, "Incorrect API key provided: xa***23.", _INVALID),
        FaultKind.NOT_FOUND: Said(404, "The model does not exist.", "Some requested entity was not found"),
        FaultKind.OUT_OF_CREDIT: Said(403, "Your team has used all available credits.", _FORBIDDEN),
        FaultKind.UNAVAILABLE: Said(503, "Service temporarily unavailable", "The service is unavailable"),
        FaultKind.SERVER_ERROR: Said(500, "Internal error", "Internal error"),
        FaultKind.MODERATED_INPUT: Said(400, "Generated image rejected by content moderation", _INVALID),
    },
    Said(422, "", _INVALID),
    "Too many requests for {model}",
)
