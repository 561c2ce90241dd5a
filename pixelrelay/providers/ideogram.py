"""Ideogram: one request, one reply that names the pictures' addresses, which expire.

Facts as of 2026-11-21, from Ideogram's API description, its reference and page of prices, and what clients send.
It tells of moderation by a 422, of the prompt and the input, and by ``is_image_safe: false`` in place of a picture.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import SecretStr

from pixelrelay.errors import ProviderError
from pixelrelay.images import Generation, Image, ImageRequest, Size
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers._addresses import checked_url, host_of
from pixelrelay.providers._ideogram_endpoints import endpoint_of
from pixelrelay.providers._jobs import fetched
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
from pixelrelay.providers.capabilities import Capabilities, table
from pixelrelay.providers.failures import failure_from, request_id
from pixelrelay.quotas import Shape, Unit

API = "https://api.ideogram.ai"

IN_FLIGHT = 10
"""Requests of an account at a time, unless Ideogram has agreed to more."""


class IdeogramOptions(ProviderOptions):
    base_url: str | None = None
    """In place of Ideogram's API: a gateway, an emulator. Its host alone is sent the key."""


class Ideogram:
    name = "ideogram"
    options: type[ProviderOptions] = IdeogramOptions
    requires_key = True

    def target(self, model: str, api_key: SecretStr | None, options: IdeogramOptions) -> Target:
        base = checked_url(options.base_url, "base_url") if options.base_url is not None else API
        return Target(
            base_url=base,
            model=model.strip("/"),
            credential=ApiKey("api-key", api_key) if api_key is not None else None,
            trusted_hosts=(host_of(base),),
            options=options,
        )

    def capabilities(self, model: str, options: Any) -> Capabilities:  # noqa: ARG002 - the model decides alone
        known = table("ideogram")
        return known.get(model.strip("/"), known["*"])

    def terms(self, model: str, options: Any) -> Terms:  # noqa: ARG002 - all are counted alike
        return Terms(shape=Shape.ROLLING, limits={Unit.CONCURRENT: IN_FLIGHT})

    def generate(self, request: ImageRequest, target: Target) -> Exchange:
        return _exchange(request, target)

    def edit(self, request: ImageRequest, target: Target) -> Exchange:
        return _exchange(request, target)

    def ask(self, target: Target) -> Question:
        """Asks for the account's own models; it proves key and host, and says nothing of the model."""
        reply = yield Send(Purpose.ASK, "GET", f"{target.base_url}/models")
        if not reply.ok:
            raise ProviderError(refusal(reply))
        return f"the key is good; {target.model} was not tried"


# --- pictures ----------------------------------------------------------------------------------------------------


class _Picture(Answer):
    url: Beside[str] = None
    is_image_safe: Beside[bool] = None
    prompt: Beside[str] = None
    resolution: Beside[str] = None
    upscaled_resolution: Beside[str] = None
    seed: Beside[int] = None

    @property
    def size(self) -> Size | None:
        found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", self.upscaled_resolution or self.resolution or "")
        return Size(int(found[1]), int(found[2])) if found else None


class _Answered(Answer):
    data: tuple[Beside[_Picture], ...]
    generation_id: Beside[str] = None


def submission(request: ImageRequest, target: Target) -> Send:
    """Input images need a form; all else is JSON, in which nothing is left to be guessed."""
    endpoint = endpoint_of(target.model)
    url = f"{target.base_url}/{endpoint.path}"
    if request.images:
        return Send(Purpose.SUBMIT, "POST", url, parts=endpoint.parts(request))
    return Send(Purpose.SUBMIT, "POST", url, json=endpoint.body(request))


def _exchange(request: ImageRequest, target: Target) -> Exchange:
    reply = yield submission(request, target)
    if not reply.ok:
        raise ProviderError(refusal(reply))
    return (yield from _pictures(reply, request))


def _pictures(reply: Reply, request: ImageRequest) -> Exchange:
    answer = read(reply, _Answered)
    pictures = [picture for picture in answer.data if picture is not None]
    shown = [picture for picture in pictures if picture.url and picture.is_image_safe is not False]
    if not shown and any(picture.is_image_safe is False for picture in pictures):
        # What is billed are the pictures that are returned; whether one that is withheld counts nobody says.
        message = "the picture did not pass Ideogram's safety checks"
        raise ProviderError(
            Failure(FailureKind.CONTENT_REJECTED, message, charge=Charge.UNKNOWN, status=reply.status, code="unsafe")
        )
    images = tuple(
        Image(
            url=picture.url,
            seed=picture.seed,
            revised_prompt=picture.prompt if picture.prompt != request.prompt else None,
        )
        for picture in shown
    )
    named = answer.generation_id or request_id(reply.headers)
    got = yield from fetched(images, named, wants_url=request.wants_url)
    return Generation(got, size=shown[0].size, provider_request_id=named)


# --- failures ----------------------------------------------------------------------------------------------------

REASONS: Mapping[str, FailureKind] = {
    "insufficient_funds": FailureKind.OUT_OF_CREDIT,
    "subscription_required": FailureKind.OUT_OF_CREDIT,
    "priority_credit_required": FailureKind.OUT_OF_CREDIT,
    "feature_limit": FailureKind.OUT_OF_CREDIT,
    "daily_limit": FailureKind.RATE_LIMITED,
    "inflight_limit": FailureKind.RATE_LIMITED,
}


class _Refused(Answer):
    reject_reason: Beside[str] = None


def refusal(reply: Reply) -> Failure:
    """Why nothing was drawn. A 422 is moderation and nothing else; what is invalid is a 400."""
    failure = failure_from(reply, {})
    try:
        reason = _Refused.model_validate_json(reply.body).reject_reason
    except ValueError:
        reason = None
    if reason is not None and reason in REASONS:
        failure = replace(failure, kind=REASONS[reason], code=reason)
    if reply.status == 422:
        return replace(failure, kind=FailureKind.CONTENT_REJECTED)
    if failure.kind is FailureKind.RATE_LIMITED and reason != "daily_limit":
        return replace(failure, unit=Unit.CONCURRENT)
    return failure
