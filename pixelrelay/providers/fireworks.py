"""Fireworks: FLUX.1 and older models answer with the picture itself, FLUX.1 Kontext by a job that is polled.

Facts as of 2026-11-21, from Fireworks' reference and what clients of it send. Its errors are not described; they are
read in whatever shape they come.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import SecretStr

from pixelrelay.errors import ProviderError
from pixelrelay.images import Generation, Image, ImageRequest
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers._addresses import checked_url, host_of
from pixelrelay.providers._compatible import CompatibleOptions
from pixelrelay.providers._fireworks_endpoints import Endpoint, capabilities_of, endpoint_of
from pixelrelay.providers._flux_jobs import Task, follow
from pixelrelay.providers._pictures import apart, media_type_in, media_type_of
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
from pixelrelay.providers.capabilities import Capabilities
from pixelrelay.providers.failures import failure_from, request_id


class Fireworks:
    name = "fireworks"
    options: type[ProviderOptions] = CompatibleOptions
    requires_key = True

    def target(self, model: str, api_key: SecretStr | None, options: CompatibleOptions) -> Target:
        if api_key is None:
            raise ValueError("api_key: Fireworks needs one")
        given = options.base_url or "https://api.fireworks.ai/inference/v1"
        base_url = checked_url(given, "base_url")
        return Target(base_url, model, ApiKey("authorization", api_key, "Bearer"), (host_of(base_url),), options)

    def capabilities(self, model: str, options: Any) -> Capabilities:  # noqa: ARG002 - the model decides alone
        return capabilities_of(model)

    def terms(self, model: str, options: Any) -> Terms:  # noqa: ARG002 - others need them
        """Limits grow with use and differ by account, so that none is assumed."""
        return Terms()

    def generate(self, request: ImageRequest, target: Target) -> Exchange:
        return _exchange(request, target)

    def edit(self, request: ImageRequest, target: Target) -> Exchange:
        return _exchange(request, target)

    def ask(self, target: Target) -> Question:
        """Asks which models there are, which proves key and host; of image models it says nothing."""
        reply = yield Send(Purpose.ASK, "GET", f"{target.base_url}/models")
        if not reply.ok:
            raise ProviderError(refusal(reply))
        return f"the key is good; {target.model} was not tried"


def _exchange(request: ImageRequest, target: Target) -> Exchange:
    endpoint = endpoint_of(target.model)
    return _job(request, target, endpoint) if endpoint.asks_for_jobs else _picture(request, target, endpoint)


def _submission(request: ImageRequest, target: Target, endpoint: Endpoint, accept: str) -> Send:
    url = f"{target.base_url}/{endpoint.path}"
    return Send(Purpose.SUBMIT, "POST", url, {"accept": accept}, json=endpoint.words.body(request))


# --- a picture in the answer -------------------------------------------------------------------------------------


class _AsJson(Answer):
    base64: tuple[Beside[str], ...] = ()
    finish_reason: Beside[str] = None
    finishReason: Beside[str] = None  # noqa: N815 - theirs
    seed: Beside[int] = None


def _picture(request: ImageRequest, target: Target, endpoint: Endpoint) -> Exchange:
    reply = yield _submission(request, target, endpoint, f"image/{request.output_format or 'png'}")
    if not reply.ok:
        raise ProviderError(refusal(reply))
    found = request_id(reply.headers)
    if _is_json(reply):
        answer = read(reply, _AsJson)
        finish, seed = answer.finishReason or answer.finish_reason, answer.seed
        images = tuple(_inline(text, seed) for text in answer.base64 if text)
    else:
        finish, seed = reply.headers.get("finish-reason"), _whole(reply.headers.get("seed"))
        images = (_whole_body(reply, seed),) if reply.body else ()
    if finish is not None and finish.upper() == "CONTENT_FILTERED":
        # What comes with it is black, and nothing says whether it is billed.
        raise ProviderError(_withheld(reply, FailureKind.CONTENT_REJECTED, "the picture was filtered", Charge.UNKNOWN))
    if not images:
        raise ProviderError(_withheld(reply, FailureKind.UNUSABLE, "the answer holds no picture", Charge.BILLED))
    return Generation(images, provider_request_id=found)


def _is_json(reply: Reply) -> bool:
    return reply.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _inline(text: str, seed: int | None) -> Image:
    _, encoded = apart(text)
    return Image(encoded=encoded, media_type=media_type_of(encoded), seed=seed)


def _whole_body(reply: Reply, seed: int | None) -> Image:
    return Image(data=reply.body, media_type=media_type_in(reply.body), seed=seed)


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isdecimal() else None


def _withheld(reply: Reply, kind: FailureKind, message: str, charge: Charge) -> Failure:
    return Failure(kind, message, charge=charge, status=reply.status, provider_request_id=request_id(reply.headers))


# --- a job -------------------------------------------------------------------------------------------------------


class _Accepted(Answer):
    request_id: str


def _job(request: ImageRequest, target: Target, endpoint: Endpoint) -> Exchange:
    reply = yield _submission(request, target, endpoint, "application/json")
    if not reply.ok:
        raise ProviderError(refusal(reply))
    name = read(reply, _Accepted).request_id
    url = f"{target.base_url}/{endpoint.path}/get_result"
    poll = Send(Purpose.POLL, "POST", url, json={"id": name}, job=name)
    return (yield from follow(Task(id=name), wants_url=request.wants_url, poll=poll))


# --- failures ----------------------------------------------------------------------------------------------------


def refusal(reply: Reply) -> Failure:
    """What an error answer means. 412 is an account that is suspended, as a rule for what it has not paid."""
    failure = failure_from(reply, {})
    return replace(failure, kind=FailureKind.OUT_OF_CREDIT) if reply.status == 412 else failure
