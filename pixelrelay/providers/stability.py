"""Stability AI's own API (v2beta): a form for each service, and one picture in the answer or at the end of a job.

Facts as of 2026-11-21, from Stability's reference and price page (July 2026) and answers that others have published.
The texts of some 400s, whether a filtered picture is charged, and the key of a job's picture are not published: the
first are read by their ``name`` alone, the second is said to be unknown, and for the third both names are taken.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import replace
from typing import Any

from pydantic import Field, SecretStr

from pixelrelay._inline import Inline
from pixelrelay.errors import ProviderError
from pixelrelay.images import Generation, Image, ImageRequest
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers._addresses import checked_url, host_of
from pixelrelay.providers._cutting import Base64
from pixelrelay.providers._masks import black_and_white
from pixelrelay.providers._pictures import format_of
from pixelrelay.providers._stability_services import STRENGTH, WITHOUT_PROMPT, WORDS, Service
from pixelrelay.providers.base import (
    Answer,
    ApiKey,
    Beside,
    Exchange,
    Part,
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
from pixelrelay.providers.failures import failure_from, request_id
from pixelrelay.providers.mapping import file, form, to
from pixelrelay.quotas import Shape, Unit

HOME = "https://api.stability.ai"

ASKED_FOR = {"accept": "application/json"}
"""Else the picture comes as bare bytes, and why it was kept in a header alone."""

REQUESTS_PER_MINUTE = 900
"""Of a key. What is published is 150 in 10 seconds, which is what 900 in slices of a sixth of a minute come to."""

TIMED_OUT = 60.0
"""Seconds for which a key is locked out that has sent more."""

POLL_EVERY = 10.0
PATIENCE = 3
"""Polls in a row that may tell nothing of the job."""

CODES = {
    "content_moderation": FailureKind.CONTENT_REJECTED,
    "payment_required": FailureKind.OUT_OF_CREDIT,
    "unauthorized": FailureKind.UNAUTHORISED,
    "rate_limit_exceeded": FailureKind.RATE_LIMITED,
    "payload_too_large": FailureKind.INVALID,
    "invalid_language": FailureKind.INVALID,
}

_MODERATED = re.compile(r"content moderation|moderation system|public figure", re.IGNORECASE)

_BACKGROUND = replace(WORDS, prompt=to("background_prompt"), size=None, style=None)
_RELIT = ("subject_image", "background_reference", "light_reference")

_FROM_WORDS = (
    Service(path="generate/ultra", redrawing={}),
    Service(path="generate/core"),
)
_EDITS = (
    Service(path="edit/erase", words=WITHOUT_PROMPT),
    Service(path="edit/inpaint"),
    Service(path="edit/outpaint"),
    Service(path="edit/search-and-replace"),
    Service(path="edit/search-and-recolor"),
    Service(path="edit/remove-background", words=WITHOUT_PROMPT),
    Service(path="edit/replace-background-and-relight", words=_BACKGROUND, pictures=_RELIT),
    Service(path="control/sketch"),
    Service(path="control/structure"),
    Service(path="control/style"),
    Service(path="control/style-transfer", pictures=("init_image", "style_image")),
    Service(path="upscale/fast", words=WITHOUT_PROMPT),
    Service(path="upscale/conservative"),
    Service(path="upscale/creative"),
)
SERVICES = {service.path.rpartition("/")[2]: service for service in (*_FROM_WORDS, *_EDITS)}
"""By the last part of their path, which is the model's name. The Stable Diffusion models share one path."""


class StabilityOptions(ProviderOptions):
    base_url: str | None = None
    """Another host that speaks this API: a gateway, an emulator. It alone is sent the key."""
    strength: float = Field(default=STRENGTH, ge=0, le=1)
    """How far `ultra` and the Stable Diffusion models depart from an input image (0 not at all, 1 wholly) where a call
    does not say."""


class Stability:
    name = "stability"
    options: type[ProviderOptions] = StabilityOptions
    requires_key = True

    def target(self, model: str, api_key: SecretStr | None, options: StabilityOptions) -> Target:
        base = HOME if options.base_url is None else checked_url(options.base_url, "base_url").removesuffix("/v2beta")
        credential = ApiKey("authorization", api_key, "Bearer") if api_key is not None else None
        return Target(base, model, credential, (host_of(base),), options)

    def capabilities(self, model: str, options: Any) -> Capabilities:  # noqa: ARG002 - the model decides alone
        return row(table("stability"), name_of(model))

    def terms(self, model: str, options: Any) -> Terms:  # noqa: ARG002 - the same for every model
        return Terms(shape=Shape.SLICED, limits={Unit.REQUESTS: REQUESTS_PER_MINUTE})

    def generate(self, request: ImageRequest, target: Target) -> Exchange:
        return _exchange(request, target)

    def edit(self, request: ImageRequest, target: Target) -> Exchange:
        return _exchange(request, target)

    def ask(self, target: Target) -> Question:
        """How many credits are left; it proves key and host, and says nothing of the model."""
        reply = yield Send(Purpose.ASK, "GET", f"{target.base_url}/v1/user/balance", ASKED_FOR)
        if not reply.ok:
            raise ProviderError(failure_of(reply))
        return f"{read(reply, _Balance).credits:g} credits"


class _Balance(Answer):
    credits: float


# --- what is asked -----------------------------------------------------------------------------------------------


def name_of(model: str) -> str:
    """The last part of a path, however much of it is written: ``fast``, ``upscale/fast``, ``stable-image-core``."""
    name = model.strip("/").rpartition("/")[2].removeprefix("stable-image-")
    return "sd3.5-large" if name == "sd3" else name


def service_of(model: str) -> Service:
    """Where ``model`` is. One that is not known is looked for where its name says, or among the drawing ones."""
    name = name_of(model)
    if name in SERVICES:
        return SERVICES[name]
    if name.startswith("sd3"):
        # Named always: else the endpoint would draw with the large one, at its price.
        return Service(path="generate/sd3", first={"model": name}, redrawing={"mode": "image-to-image"})
    path = model.strip("/").removeprefix("v2beta/").removeprefix("stable-image/")
    return Service(path=path if "/" in path else f"generate/{name}")


def submission(request: ImageRequest, target: Target) -> Send:
    service, options = service_of(target.model), target.options
    assert isinstance(options, StabilityOptions)
    fields = form(service.body(request, options.strength))
    url = f"{target.base_url}/v2beta/stable-image/{service.path}"
    return Send(Purpose.SUBMIT, "POST", url, ASKED_FOR, parts=(*fields, *_files(service, request)))


def _files(service: Service, request: ImageRequest) -> tuple[Part, ...]:
    pictures = tuple(file(name, image) for name, image in zip(service.pictures, request.images, strict=False))
    mask = (file("mask", black_and_white(request.mask)),) if request.mask is not None else ()
    return (*pictures, *mask)


# --- what comes back ---------------------------------------------------------------------------------------------


class _Answered(Answer):
    """A picture, or the name of the job that draws it."""

    image: Beside[Base64] = None
    result: Beside[Base64] = None
    """The same of a job."""
    seed: Beside[int] = None
    finish_reason: Beside[str] = None
    id: Beside[str] = None
    status: Beside[str] = None

    @property
    def picture(self) -> str | Inline | None:
        return self.image or self.result


def _exchange(request: ImageRequest, target: Target) -> Exchange:
    reply = yield submission(request, target)
    if not reply.ok:
        raise ProviderError(failure_of(reply))
    answer, call = read(reply, _Answered), request_id(reply.headers)
    if answer.picture is None and answer.id is not None:
        return _generation(*(yield from _finished(answer.id, target)), call or answer.id)
    return _generation(reply, answer, call)


def _finished(job: str, target: Target) -> Generator[Send, Reply, tuple[Reply, _Answered]]:
    poll = Send(Purpose.POLL, "GET", f"{target.base_url}/v2beta/results/{job}", ASKED_FOR, job=job, every=POLL_EVERY)
    silent = 0
    while True:
        reply = yield poll
        if reply.ok:
            answer = read(reply, _Answered) if reply.status != 202 else _Answered(status="in-progress")
            if answer.status != "in-progress":
                return reply, answer
            silent = 0
            continue
        failure = replace(failure_of(reply), job=job)
        if failure.kind is FailureKind.CONTENT_REJECTED:
            raise ProviderError(failure)
        silent += 1
        if silent == PATIENCE:
            raise ProviderError(_lost(failure))


def _lost(failure: Failure) -> Failure:
    refused = failure.kind is FailureKind.UNAUTHORISED
    return replace(
        failure,
        kind=FailureKind.UNAUTHORISED if refused else FailureKind.JOB_LOST,
        message=f"the provider no longer tells of the job, after {PATIENCE} polls: {failure.message}",
        charge=Charge.UNKNOWN,
    )


def _generation(reply: Reply, answer: _Answered, call: str | None) -> Generation:
    picture, reason = answer.picture, answer.finish_reason
    if reason == "CONTENT_FILTERED":
        # What stands in its place is the picture, blurred.
        raise ProviderError(
            _kept(FailureKind.CONTENT_REJECTED, Charge.UNKNOWN, "the picture was filtered", reply, call)
        )
    if picture is None:
        said = "the answer holds no picture" + (f": {reason}" if reason and reason != "SUCCESS" else "")
        raise ProviderError(_kept(FailureKind.UNUSABLE, Charge.BILLED, said, reply, call))
    kind = format_of(picture)
    image = Image(encoded=picture, media_type=f"image/{kind}" if kind else None, seed=answer.seed)
    return Generation((image,), output_format=kind, provider_request_id=call)


def _kept(kind: FailureKind, charge: Charge, said: str, reply: Reply, call: str | None) -> Failure:
    return Failure(kind, said, charge=charge, status=reply.status, provider_request_id=call)


def failure_of(reply: Reply) -> Failure:
    """What an error answer means, by its ``name`` first. Failures are not charged, moderation among them."""
    failure = failure_from(reply, CODES)
    if reply.status in {400, 403, 422} and _MODERATED.search(failure.message):
        return replace(failure, kind=FailureKind.CONTENT_REJECTED)
    if failure.kind is FailureKind.RATE_LIMITED:
        away = max(failure.retry_after or 0.0, TIMED_OUT)
        return replace(failure, unit=Unit.REQUESTS, retry_after=away)
    return failure
