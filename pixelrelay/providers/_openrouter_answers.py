"""What OpenRouter answers: pictures of either route, tokens, and what a call cost, to the last digit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from pixelrelay.errors import ProviderError
from pixelrelay.images import Generation, Image, ImageRequest
from pixelrelay.outcomes import Charge, Failure, FailureKind, Usage
from pixelrelay.providers._amounts import EXACT, Amount
from pixelrelay.providers._cutting import Base64
from pixelrelay.providers._openrouter_failures import failure_within, refusal
from pixelrelay.providers._pictures import Held, those_of
from pixelrelay.providers.base import Answer, Beside, Exchange, Reply, read
from pixelrelay.providers.failures import request_id

WITHHELD = frozenset(
    {
        "BLOCKLIST",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "IMAGE_SAFETY",
        "PROHIBITED_CONTENT",
        "RECITATION",
        "SAFETY",
        "SPII",
    }
)
"""Why Google's models end without a picture that may not be shown, by ``native_finish_reason``."""


class _CostDetails(Answer):
    upstream_inference_cost: Beside[Amount] = None


class _Spread(Answer):
    image_tokens: Beside[int] = None


class _Tokens(Answer):
    prompt_tokens: Beside[int] = None
    completion_tokens: Beside[int] = None
    total_tokens: Beside[int] = None
    completion_tokens_details: Beside[_Spread] = None
    cost: Beside[Amount] = None
    is_byok: Beside[bool] = None
    cost_details: Beside[_CostDetails] = None

    @property
    def dollars(self) -> Decimal | None:
        """What the call cost; with a key of one's own at the provider, what that provider bills and the fee for it."""
        if self.cost is None or not self.is_byok:
            return self.cost
        upstream = self.cost_details.upstream_inference_cost if self.cost_details is not None else None
        return None if upstream is None else EXACT.add(self.cost, upstream)

    @property
    def usage(self) -> Usage | None:
        if self.prompt_tokens is None or self.completion_tokens is None:
            return None
        drawn = self.completion_tokens_details.image_tokens if self.completion_tokens_details is not None else None
        total = self.total_tokens if self.total_tokens is not None else self.prompt_tokens + self.completion_tokens
        details = (
            {} if drawn is None else {"image_tokens": drawn, "text_tokens": max(0, self.completion_tokens - drawn)}
        )
        return Usage(self.prompt_tokens, self.completion_tokens, total, output_tokens_details=details)

    @property
    def charge(self) -> Charge:
        """Of a call that brought no picture."""
        if self.dollars is None:
            return Charge.UNKNOWN
        return Charge.BILLED if self.dollars else Charge.NONE


class _Item(Answer):
    b64_json: Base64 | None = None
    url: str | None = None
    media_type: Beside[str] = None
    revised_prompt: Beside[str] = None


class _ImageUrl(Answer):
    url: str


class _Shown(Answer):
    image_url: _ImageUrl


class _Message(Answer):
    images: Beside[tuple[Beside[_Shown], ...]] = None


class _Choice(Answer):
    message: Beside[_Message] = None
    finish_reason: Beside[str] = None
    native_finish_reason: Beside[str] = None
    error: Any = None


class _Answered(Answer):
    """Of either route; ``error`` may stand in an answer whose status says that it succeeded."""

    id: Beside[str] = None
    error: Any = None
    usage: Beside[_Tokens] = None
    data: Beside[tuple[Beside[_Item], ...]] = None
    choices: Beside[tuple[Beside[_Choice], ...]] = None

    @property
    def listed(self) -> list[Held]:
        """The pictures of the images route."""
        return [
            Held(item.b64_json, item.url, item.media_type, item.revised_prompt)
            for item in self.data or ()
            if item is not None
        ]

    @property
    def shown(self) -> list[Held]:
        """The pictures within messages."""
        messages = [choice.message for choice in self.choices or () if choice is not None]
        images = [image for message in messages if message is not None for image in message.images or ()]
        return [Held(url=image.image_url.url) for image in images if image is not None]


def of_images(reply: Reply, request: ImageRequest) -> Exchange:
    """The pictures in an answer of the images route, or why there are none."""
    answer = _answered(reply, all_or_nothing=True)
    images = yield from those_of(answer.listed, wants_url=request.wants_url)
    if images:
        return _generation(answer, reply, images)
    raise _without_picture(answer, reply, FailureKind.UNUSABLE, "the answer holds no picture")


def of_chat(reply: Reply, request: ImageRequest) -> Exchange:
    """The pictures in an answer of the chat route, or why there are none: a model may also answer in words."""
    answer = _answered(reply, all_or_nothing=False)
    images = yield from those_of(answer.shown, wants_url=request.wants_url)
    if images:
        return _generation(answer, reply, images)
    for choice in answer.choices or ():
        if choice is None:
            continue
        if choice.error is not None:
            raise ProviderError(_named(failure_within(reply, choice.error, charge=_charge(answer)), answer, reply))
        if choice.finish_reason == "content_filter" or choice.native_finish_reason in WITHHELD:
            why = choice.native_finish_reason or choice.finish_reason
            raise _without_picture(answer, reply, FailureKind.CONTENT_REJECTED, f"no picture: {why}")
    # What it wrote is not repeated: it may quote the prompt.
    raise _without_picture(answer, reply, FailureKind.UNUSABLE, "the model answered in words, without a picture")


def _answered(reply: Reply, *, all_or_nothing: bool) -> _Answered:
    if not reply.ok:
        raise ProviderError(refusal(reply, all_or_nothing=all_or_nothing))
    answer = read(reply, _Answered, exact=True)
    if answer.error is not None and not answer.listed and not answer.shown:
        charge = Charge.NONE if all_or_nothing else _charge(answer)
        raise ProviderError(_named(failure_within(reply, answer.error, charge=charge), answer, reply))
    return answer


def _generation(answer: _Answered, reply: Reply, images: tuple[Image, ...]) -> Generation:
    tokens = answer.usage
    return Generation(
        images=images,
        usage=tokens.usage if tokens is not None else None,
        cost=tokens.dollars if tokens is not None else None,
        provider_request_id=_id(answer, reply),
    )


def _without_picture(answer: _Answered, reply: Reply, kind: FailureKind, message: str) -> ProviderError:
    failure = Failure(kind, message, charge=_charge(answer), status=reply.status)
    return ProviderError(_named(failure, answer, reply))


def _charge(answer: _Answered) -> Charge:
    return answer.usage.charge if answer.usage is not None else Charge.UNKNOWN


def _named(failure: Failure, answer: _Answered, reply: Reply) -> Failure:
    return replace(failure, provider_request_id=_id(answer, reply))


def _id(answer: _Answered, reply: Reply) -> str | None:
    """The generation's name, by which its record can be asked for."""
    return request_id(reply.headers) or answer.id
