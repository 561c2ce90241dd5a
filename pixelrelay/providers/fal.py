"""fal: requests wait in its queue, are asked after where its answer says, and leave pictures at addresses.

Facts as of 2026-11-21, from fal's documentation, the types and sources of its clients, and what others saw of it.
Of the calls that fail the documentation says that those of 5xx are never billed, and that a 422 may be.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from pixelrelay.errors import ProviderError
from pixelrelay.images import Generation, Image, ImageRequest, Operation, Size
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers._addresses import checked_url, host_of
from pixelrelay.providers._fal_endpoints import EDITORS, endpoint_of
from pixelrelay.providers._jobs import Word, at, fetched, nowhere, polled, word_without_a_job
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
from pixelrelay.providers.failures import failure_from
from pixelrelay.quotas import Shape

QUEUE = "https://queue.fal.run"
PLATFORM = "https://api.fal.ai"
OWN_HOSTS = (".fal.run", "api.fal.ai")


class FalOptions(ProviderOptions):
    base_url: str | None = None
    """In place of fal's queue: a gateway, an emulator. Its host alone is sent the key."""


class Fal:
    name = "fal"
    options: type[ProviderOptions] = FalOptions
    requires_key = True

    def target(self, model: str, api_key: SecretStr | None, options: FalOptions) -> Target:
        base = checked_url(options.base_url, "base_url") if options.base_url is not None else QUEUE
        host = host_of(base)
        return Target(
            base_url=base,
            model=model.strip("/"),
            credential=ApiKey("authorization", api_key, "Key") if api_key is not None else None,
            trusted_hosts=OWN_HOSTS if host.endswith(".fal.run") else (host,),
            options=options,
        )

    def capabilities(self, model: str, options: Any) -> Capabilities:  # noqa: ARG002 - the model decides alone
        """A model that edits elsewhere than it draws is known by either id; by the latter it edits alone."""
        name = model.strip("/")
        if name in EDITORS:
            known = row(table("fal"), EDITORS[name].id)
            return known.model_copy(update={"operations": frozenset({Operation.EDIT})})
        return row(table("fal"), name)

    def terms(self, model: str, options: Any) -> Terms:  # noqa: ARG002 - all are counted alike
        """How many requests run at a time depends on what the account has bought (2 to 40), so none is assumed.

        More are not refused: they wait in the queue.
        """
        return Terms(shape=Shape.ROLLING)

    def generate(self, request: ImageRequest, target: Target) -> Exchange:
        return _exchange(request, target, edits=False)

    def edit(self, request: ImageRequest, target: Target) -> Exchange:
        return _exchange(request, target, edits=True)

    def ask(self, target: Target) -> Question:
        """What the model costs; fal tells it to those alone who have a key."""
        platform = PLATFORM if target.base_url == QUEUE else target.base_url
        reply = yield Send(
            Purpose.ASK, "GET", f"{platform}/v1/models/pricing?endpoint_id={quote(target.model, safe='')}"
        )
        if not reply.ok:
            raise ProviderError(refusal(reply))
        prices = [price for price in read(reply, _Prices).prices if price.endpoint_id == target.model]
        if not prices:
            raise ProviderError(Failure(FailureKind.NOT_FOUND, f"fal names no price of {target.model}"))
        return f"{target.model} is available, at {prices[0]}"


class _Price(Answer):
    endpoint_id: str
    unit_price: float
    unit: str
    currency: str = "USD"

    def __str__(self) -> str:
        return f"{self.unit_price:g} {self.currency} for a unit of {self.unit}"


class _Prices(Answer):
    prices: tuple[_Price, ...] = ()


# --- from a submission to the pictures ---------------------------------------------------------------------------


class _Queued(Answer):
    request_id: str
    status_url: Beside[str] = None
    response_url: Beside[str] = None


class _Status(Answer):
    status: str
    error: Beside[str] = None
    error_type: Beside[str] = None

    @property
    def failed(self) -> bool:
        return bool(self.error or self.error_type)


def _exchange(request: ImageRequest, target: Target, *, edits: bool) -> Exchange:
    endpoint = endpoint_of(target.model)
    body = endpoint.body(request)
    url = f"{target.base_url}/{endpoint.id_for(request, edits=edits)}"
    reply = yield Send(Purpose.SUBMIT, "POST", url, json=body)
    if not reply.ok:
        raise ProviderError(refusal(reply))
    job = read(reply, _Queued)
    result = yield from _result(job)
    images = _shown(result, request, job.request_id, checked=body.get("enable_safety_checker") is not False)
    pictures = yield from fetched(images, job.request_id, wants_url=request.wants_url)
    return Generation(pictures, size=result.size, provider_request_id=job.request_id)


def _result(job: _Queued) -> Generator[Send, Reply, _Result]:
    """What the job brought, asked for at the addresses that its acceptance named, which are not to be built."""
    if job.status_url is None or job.response_url is None:
        raise nowhere(job.request_id)
    status = yield from polled(Send(Purpose.POLL, "GET", job.status_url, job=job.request_id), _look)
    asking = Send(Purpose.POLL, "GET", job.response_url, job=job.request_id, ended=True)
    return (yield from polled(asking, lambda reply: _end(reply, status)))


_ENDED = frozenset({"COMPLETED", "FAILED", "ERROR", "CANCELED", "CANCELLED"})
"""The first is the documented one, of jobs that failed as well."""


def _look(reply: Reply) -> _Status | Word:
    status = _status_in(reply)
    if status is None:
        return word_without_a_job(reply)
    return status if status.status.upper() in _ENDED else Word.RUNNING


def _status_in(reply: Reply) -> _Status | None:
    try:
        return _Status.model_validate_json(reply.body)
    except ValueError:
        return None


def _end(reply: Reply, status: _Status) -> _Result | Word:
    """The result, or its failure; an error of 5xx that nobody put a name to may be the queue's own, and pass."""
    if reply.ok:
        return read(reply, _Result)
    complaint = _complaint_in(reply)
    if reply.status >= 500 and not (status.failed or complaint.types):
        return Word.SILENT
    if "still in progress" in str(complaint.detail).lower():
        return Word.RUNNING
    if reply.status in {401, 403, 404, 408} and not (status.failed or _NO_PATH.search(str(complaint.detail))):
        return word_without_a_job(reply)
    raise ProviderError(_failure(reply, complaint, status.error_type))


# --- pictures ----------------------------------------------------------------------------------------------------


class _Picture(Answer):
    url: str
    content_type: Beside[str] = None
    width: Beside[int] = None
    height: Beside[int] = None


class _Result(Answer):
    images: Beside[tuple[Beside[_Picture], ...]] = None
    image: Beside[_Picture] = None
    seed: Beside[int] = None
    prompt: Beside[str] = None
    has_nsfw_concepts: Beside[tuple[bool, ...]] = None

    @property
    def pictures(self) -> tuple[_Picture | None, ...]:
        return self.images or (self.image,)

    @property
    def size(self) -> Size | None:
        first = next((picture for picture in self.pictures if picture is not None), None)
        return Size(first.width, first.height) if first and first.width and first.height else None


def _shown(result: _Result, request: ImageRequest, job: str, *, checked: bool) -> tuple[Image, ...]:
    """The pictures that the safety checker let pass. In place of the others fal delivers black ones, and bills them."""
    marks = (result.has_nsfw_concepts or ()) if checked else ()
    marked = [number < len(marks) and marks[number] for number in range(len(result.pictures))]
    if any(marked) and all(marked):
        message = "the safety checker blacked out the picture"
        failure = Failure(FailureKind.CONTENT_REJECTED, message, charge=Charge.BILLED, code="has_nsfw_concepts")
        raise ProviderError(replace(failure, provider_request_id=job, job=job))
    revised = result.prompt if result.prompt != request.prompt else None
    return tuple(
        replace(
            at(picture.url),
            media_type=picture.content_type or at(picture.url).media_type,
            seed=result.seed,
            revised_prompt=revised or None,
        )
        for picture, black in zip(result.pictures, marked, strict=True)
        if picture is not None and not black
    )


# --- failures ----------------------------------------------------------------------------------------------------

CODES: Mapping[str, FailureKind] = {
    "content_policy_violation": FailureKind.CONTENT_REJECTED,
    "no_media_generated": FailureKind.UNUSABLE,
    "generation_timeout": FailureKind.TIMEOUT,
    "downstream_service_error": FailureKind.OVERLOADED,
    "downstream_service_unavailable": FailureKind.OVERLOADED,
    "internal_server_error": FailureKind.OVERLOADED,
    "request_timeout": FailureKind.TIMEOUT,
    "startup_timeout": FailureKind.OVERLOADED,
    "runner_scheduling_failure": FailureKind.OVERLOADED,
    "runner_connection_timeout": FailureKind.OVERLOADED,
    "runner_disconnected": FailureKind.OVERLOADED,
    "runner_connection_refused": FailureKind.OVERLOADED,
    "runner_connection_error": FailureKind.OVERLOADED,
    "runner_incomplete_response": FailureKind.OVERLOADED,
    "runner_server_error": FailureKind.OVERLOADED,
    "internal_error": FailureKind.OVERLOADED,
    "client_disconnected": FailureKind.OVERLOADED,
    "client_cancelled": FailureKind.OVERLOADED,
}

_NO_CREDIT = re.compile(r"exhausted balance|user is locked", re.IGNORECASE)

_NO_PATH = re.compile(r"^path .* not found", re.IGNORECASE)
"""Said by the app of an endpoint that it does not have: the queue takes requests for any."""

_FOUND_LATE = frozenset({FailureKind.CONTENT_REJECTED, FailureKind.UNUSABLE})
"""What may be found only once a picture has been drawn; other faults of a request are found before."""


class _Complaint(Answer):
    """An error, of the model (a list of problems, each with a type) or of the platform (a text, and a type beside)."""

    detail: Any = None
    error_type: Beside[str] = None

    @property
    def types(self) -> tuple[str, ...]:
        problems = self.detail if isinstance(self.detail, list) else []
        named = (problem.get("type") for problem in problems if isinstance(problem, dict))
        return tuple(type_ for type_ in (self.error_type, *named) if isinstance(type_, str))


def _complaint_in(reply: Reply) -> _Complaint:
    header = reply.headers.get("x-fal-error-type")
    try:
        complaint = _Complaint.model_validate_json(reply.body)
    except ValueError:
        return _Complaint(error_type=header)
    return complaint if complaint.error_type else complaint.model_copy(update={"error_type": header})


def _failure(reply: Reply, complaint: _Complaint, error_type: str | None = None) -> Failure:
    """How a job ended, or why it was not taken up."""
    types = (*complaint.types, *((error_type,) if error_type else ()))
    kinds = [CODES[type_] for type_ in types if type_ in CODES]
    failure = failure_from(reply, {})
    if kinds:
        moderated = FailureKind.CONTENT_REJECTED in kinds
        failure = replace(failure, kind=FailureKind.CONTENT_REJECTED if moderated else kinds[0])
    charge = Charge.UNKNOWN if failure.kind in _FOUND_LATE and reply.status < 500 else Charge.NONE
    return replace(failure, charge=charge, code=types[0] if types else failure.code)


def refusal(reply: Reply) -> Failure:
    """Why a request was not taken up. What a 429 is about fal does not say: its queue takes what cannot run yet."""
    complaint = _complaint_in(reply)
    failure = _failure(reply, complaint)
    if reply.status == 403 and _NO_CREDIT.search(str(complaint.detail)):
        return replace(failure, kind=FailureKind.OUT_OF_CREDIT)
    # Whether the queue had taken it up before its gateway gave up, nobody knows.
    return replace(failure, charge=failure_from(reply, {}).charge) if reply.status >= 500 else failure
