"""What Google's two front doors share: error bodies, moderation that looks like a success, and headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, ClassVar

from pixelrelay.testing.emulator.answers import RefusalError
from pixelrelay.testing.emulator.base import SynchronousApi, Visit
from pixelrelay.testing.emulator.faults import Fault, FaultKind, RetryAfter
from pixelrelay.testing.emulator.quotas import Rejection

RPC = "type.googleapis.com/google.rpc."

PROMPT_REASONS = frozenset({"SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY"})
PICTURE_REASONS = frozenset({"SAFETY", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "NO_IMAGE"})
WORDS_ALONE = "STOP"
"""The disguise of a model that answers in words, as if nothing were wrong."""


def status_error(
    code: int, status: str, message: str, details: Sequence[Mapping[str, Any]] = (), **beside: Any
) -> RefusalError:
    """A ``google.rpc.Status`` under its HTTP status."""
    error: dict[str, Any] = {"code": code, "message": message, "status": status, **beside}
    return RefusalError(code, {"error": {**error, "details": list(details)} if details else error})


def invalid(message: str = "Request contains an invalid argument.") -> RefusalError:
    return status_error(400, "INVALID_ARGUMENT", message)


def error_info(reason: str, domain: str = "googleapis.com", **metadata: str) -> Mapping[str, Any]:
    return {"@type": f"{RPC}ErrorInfo", "reason": reason, "domain": domain, "metadata": metadata}


def retry_info(seconds: float | None, form: RetryAfter | None = None) -> list[Mapping[str, Any]]:
    """No detail where no time is named, or in the message alone."""
    if seconds is None or form is RetryAfter.TEXT:
        return []
    return [{"@type": f"{RPC}RetryInfo", "retryDelay": f"{ceil(seconds)}s"}]


def seconds_of(rejection: Rejection | None, fault: Fault | None) -> float | None:
    if rejection is not None:
        return rejection.retry_after
    return fault.retry_after if fault is not None else None


class GoogleApi(SynchronousApi):
    """A front door of Google's that speaks ``generateContent``."""

    disguises: ClassVar[frozenset[str]] = PROMPT_REASONS | PICTURE_REASONS | {WORDS_ALONE}

    def refusal(self, kind: FaultKind, fault: Fault | None) -> RefusalError:
        match kind:
            case FaultKind.BAD_GATEWAY:
                return RefusalError(502, "<html><title>Error 502 (Server Error)!!1</title></html>")
            case FaultKind.UNAVAILABLE:
                message = (
                    "This model is currently experiencing high demand. Spikes in demand are usually temporary. "
                    "Please try again later."
                )
                seconds, form = (fault.retry_after, fault.form) if fault is not None else (None, None)
                return status_error(503, "UNAVAILABLE", message, retry_info(seconds, form))
            case _:
                return status_error(500, "INTERNAL", "An internal error has occurred. Please retry.")

    def no_such_path(self) -> RefusalError:
        return RefusalError(404, "<html><title>Error 404 (Not Found)!!1</title></html>")

    def moderation(self, stage: FaultKind, visit: Visit) -> RefusalError:
        """Told as a success. What it cost in tokens is told, and not billed here."""
        disguise = visit.fault.disguise if visit.fault is not None else None
        tokens = {"promptTokenCount": 8, "totalTokenCount": 8}
        if stage is FaultKind.MODERATED_INPUT:
            reason = disguise if disguise in PROMPT_REASONS else "PROHIBITED_CONTENT"
            return self._in_a_success({"promptFeedback": {"blockReason": reason}, "usageMetadata": tokens}, visit)
        if disguise == WORDS_ALONE:
            candidate = {
                "content": {"role": "model", "parts": [{"text": "I would rather not draw that."}]},
                "finishReason": "STOP",
            }
        else:
            candidate = {
                "content": {"parts": None},
                "finishReason": disguise if disguise in PICTURE_REASONS else "IMAGE_SAFETY",
                "finishMessage": "Unable to show the generated image.",
            }
        return self._in_a_success({"candidates": [{**candidate, "index": 0}], "usageMetadata": tokens}, visit)

    def _in_a_success(self, answer: dict[str, Any], visit: Visit) -> RefusalError:
        return RefusalError(200, {**answer, "responseId": visit.entry.request_id})

    def new_request_id(self) -> str:
        return f"{self.rng.getrandbits(96):024x}"

    def headers(self, visit: Visit) -> Mapping[str, str]:  # noqa: ARG002 - the same for all
        return {"server": "scaffolding on HTTPServer2", "vary": "Origin"}
