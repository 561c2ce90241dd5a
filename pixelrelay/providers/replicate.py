"""Replicate: predictions are created, asked after, and leave their pictures at addresses that live an hour.

Facts as of 2026-11-21, from Replicate's API description, its documentation and pages of models, and what others saw.
A prediction is created without ``Prefer: wait``: that would hold the answer back until the pictures are drawn, and a
connection that breaks meanwhile would take the prediction's name with it. As it is the name comes at once, and nothing
that befalls a later poll loses what was paid for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import Field, SecretStr

from pixelrelay.errors import ProviderError
from pixelrelay.images import Generation, Image, ImageRequest
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers._addresses import checked_url, host_of
from pixelrelay.providers._jobs import Word, at, fetched, polled, word_without_a_job
from pixelrelay.providers._replicate_models import words_of
from pixelrelay.providers.base import (
    Answer,
    ApiKey,
    Beside,
    Exchange,
    ProviderOptions,
    Purpose,
    Question,
    Reply,
    Send,
    Target,
    Terms,
    read,
)
from pixelrelay.providers.capabilities import Capabilities, row, table
from pixelrelay.providers.failures import failure_from, plain
from pixelrelay.quotas import Shape, Unit

API = "https://api.replicate.com/v1"

CREATIONS_A_MINUTE = 600
"""Of an account in good standing; one that has less than five dollars left is held to six."""

_VERSION = re.compile(r"[0-9a-f]{64}")


class ReplicateOptions(ProviderOptions):
    base_url: str | None = None
    """In place of Replicate's API: a gateway, an emulator. Its host alone is sent the key."""
    cancel_after: str | None = Field(default=None, pattern=r"^(\d+h)?(\d+m)?(\d+s)?$", min_length=2)
    """``30s``, ``1m``: when Replicate is to give up a prediction, after five seconds at least; never when unset."""


class Replicate:
    name = "replicate"
    options: type[ProviderOptions] = ReplicateOptions
    requires_key = True

    def target(self, model: str, api_key: SecretStr | None, options: ReplicateOptions) -> Target:
        base = checked_url(options.base_url, "base_url") if options.base_url is not None else API
        return Target(
            base_url=base,
            model=_checked_name(model),
            credential=ApiKey("authorization", api_key, "Bearer") if api_key is not None else None,
            trusted_hosts=(host_of(base),),
            options=options,
        )

    def capabilities(self, model: str, options: Any) -> Capabilities:  # noqa: ARG002 - the model decides alone
        return row(table("replicate"), model.partition(":")[0])

    def terms(self, model: str, options: Any) -> Terms:  # noqa: ARG002 - all are counted alike
        return Terms(shape=Shape.ROLLING, limits={Unit.REQUESTS: CREATIONS_A_MINUTE})

    def generate(self, request: ImageRequest, target: Target) -> Exchange:
        return _exchange(request, target)

    def edit(self, request: ImageRequest, target: Target) -> Exchange:
        return _exchange(request, target)

    def ask(self, target: Target) -> Question:
        """Asks after the model or deployment; of a version that is named alone, after the account."""
        name = target.model.partition(":")[0]
        bare = _VERSION.fullmatch(name) is not None
        path = "account" if bare else name if name.startswith("deployments/") else f"models/{name}"
        reply = yield Send(Purpose.ASK, "GET", f"{target.base_url}/{path}")
        if not reply.ok:
            raise ProviderError(refusal(reply))
        return "the key is good; the version was not tried" if bare else f"{name} is available"


def _checked_name(model: str) -> str:
    name = model.strip("/")
    path, colon, version = name.partition(":")
    parts = path.removeprefix("deployments/").split("/")
    if _VERSION.fullmatch(name) or (len(parts) == 2 and all(parts) and (not colon or _VERSION.fullmatch(version))):
        return name
    raise ValueError(
        f"model: {model!r} is none of Replicate's names; write owner/name, owner/name:version, or a version's 64 digits"
    )


# --- from a creation to the pictures -----------------------------------------------------------------------------


class _Addresses(Answer):
    get: Beside[str] = None


class _Prediction(Answer):
    id: str
    status: str
    output: Any = None
    error: Any = None
    urls: Beside[_Addresses] = None


def _exchange(request: ImageRequest, target: Target) -> Exchange:
    reply = yield submission(request, target)
    if not reply.ok:
        raise ProviderError(refusal(reply))
    job = read(reply, _Prediction)
    asking = Send(Purpose.POLL, "GET", _address_of(job, target), job=job.id)
    done = job if job.status == "succeeded" else (yield from polled(asking, _look))
    images = yield from fetched(_images(done.output), job.id, wants_url=request.wants_url)
    return Generation(images, provider_request_id=job.id)


def submission(request: ImageRequest, target: Target) -> Send:
    options = target.options
    assert isinstance(options, ReplicateOptions)
    headers = {"cancel-after": options.cancel_after} if options.cancel_after is not None else {}
    name, colon, _ = target.model.partition(":")
    body = words_of(name).body(request, {"input": {}})
    if colon or _VERSION.fullmatch(name):
        url, body = f"{target.base_url}/predictions", {"version": target.model, **body}
    elif name.startswith("deployments/"):
        url = f"{target.base_url}/{name}/predictions"
    else:
        url = f"{target.base_url}/models/{name}/predictions"
    return Send(Purpose.SUBMIT, "POST", url, headers, json=body)


def _address_of(job: _Prediction, target: Target) -> str:
    named = job.urls.get if job.urls is not None else None
    return named or f"{target.base_url}/predictions/{job.id}"


def _look(reply: Reply) -> _Prediction | Word:
    try:
        seen = _Prediction.model_validate_json(reply.body)
    except ValueError:
        return word_without_a_job(reply)
    if seen.status in _ENDS:
        raise ProviderError(_ended(seen, reply))
    return seen if seen.status == "succeeded" else Word.RUNNING


def _images(output: Any) -> tuple[Image, ...]:
    """What a model has put out: one address, several, or an object that holds some."""
    return tuple(at(address) for address in _addresses_in(output))


def _addresses_in(output: Any) -> Iterator[str]:
    match output:
        case str():
            if output.startswith(("https://", "http://", "data:")):
                yield output
        case list():
            for item in output:
                yield from _addresses_in(item)
        case dict():
            for item in output.values():
                yield from _addresses_in(item)


# --- failures ----------------------------------------------------------------------------------------------------

_ENDS = frozenset({"failed", "canceled", "aborted"})

_MODERATED = re.compile(
    r"\bnsfw\b|\bE005\b|flagged as (?:sensitive|unsafe|inappropriate)|content (?:policy|moderation)|safety (?:system|"
    r"filter|checker)|moderation_blocked|\bsensitive content\b",
    re.IGNORECASE,
)
_BAD_INPUT = re.compile(r"\bE006\b|\binvalid (?:input|image|mask)\b|input was invalid", re.IGNORECASE)
_NEVER_BEGAN = re.compile(r"\bE6716\b")
_CODE = re.compile(r"\bE\d{3,4}\b")


def _ended(seen: _Prediction, reply: Reply) -> Failure:
    """How a prediction ended. One that was canceled was running, and is paid; one that was aborted never ran.

    Of one that failed Replicate does not say what it costs: time on its machines is paid whatever comes of it, and a
    model that is paid by the picture may be free then.
    """
    said = plain(seen.error if isinstance(seen.error, str) else "")
    message = ": ".join(filter(None, (seen.status, said)))
    code = found[0] if (found := _CODE.search(said)) else seen.status
    if seen.status == "aborted":
        kind, charge = FailureKind.OVERLOADED, Charge.NONE
    elif seen.status == "canceled":
        kind, charge = FailureKind.TIMEOUT, Charge.BILLED
    elif _MODERATED.search(said):
        kind, charge = FailureKind.CONTENT_REJECTED, Charge.UNKNOWN
    elif _BAD_INPUT.search(said):
        kind, charge = FailureKind.INVALID, Charge.UNKNOWN
    else:
        kind, charge = FailureKind.OVERLOADED, Charge.NONE if _NEVER_BEGAN.search(said) else Charge.UNKNOWN
    return Failure(kind, message, charge=charge, status=reply.status, code=code)


_RESETS = re.compile(r"resets in ~?(\d+(?:\.\d+)?)s")


class _Complaint(Answer):
    title: Beside[str] = None
    detail: Beside[str] = None
    retry_after: Beside[float] = None


def refusal(reply: Reply) -> Failure:
    """Why a prediction was not created. A 429 speaks of creations a minute: Replicate counts nothing else."""
    failure, told = failure_from(reply, {}), _complaint_in(reply)
    if failure.kind is FailureKind.INVALID and (told.title or "").startswith("Invalid version"):
        return replace(failure, kind=FailureKind.NOT_FOUND)
    if failure.kind is not FailureKind.RATE_LIMITED:
        return failure
    named = _RESETS.search(told.detail or "")
    seconds = failure.retry_after or told.retry_after or (float(named[1]) if named else None)
    return replace(failure, unit=Unit.REQUESTS, retry_after=seconds)


def _complaint_in(reply: Reply) -> _Complaint:
    try:
        return _Complaint.model_validate_json(reply.body)
    except ValueError:
        return _Complaint()
