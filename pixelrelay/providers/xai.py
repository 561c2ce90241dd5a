"""xAI's Grok Imagine: OpenAI's Images API with ratios in place of sizes, edits as JSON, and silence on moderation.

Facts as of 2026-11-21, from xAI's documents and what clients and resellers saw. A picture that moderation keeps back is
told by ``respect_moderation`` in a success, or by a success without pictures; a refusal comes in three shapes, and a
wrong key is a 400. What a call cost is told in its answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from math import log
from typing import Any

from pydantic import ValidationError

from pixelrelay.errors import ProviderError
from pixelrelay.images import ImageRequest, InputImage, Size
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers._compatible import Compatible, Dialect, as_json, listed
from pixelrelay.providers._openai_failures import failure_of
from pixelrelay.providers._openai_images import generation
from pixelrelay.providers.base import Answer, Beside, Exchange, Reply, Target, Terms
from pixelrelay.providers.mapping import Fields, Table, data_url, to
from pixelrelay.quotas import Shape, Unit

# --- what is asked -----------------------------------------------------------------------------------------------

_RATIOS: Mapping[str, tuple[str, ...]] = {
    "1:1": ("1024x1024",),
    "3:4": ("896x1280", "864x1152"),
    "4:3": ("1280x896", "1152x864"),
    "9:16": ("768x1408", "720x1280"),
    "16:9": ("1408x768", "1280x720"),
    "2:3": ("864x1296",),
    "3:2": ("1296x864",),
    "9:19.5": ("576x1248",),
    "19.5:9": ("1248x576",),
    "9:20": ("576x1280",),
    "20:9": ("1280x576",),
    "1:2": ("704x1408",),
    "2:1": ("1408x704",),
}
"""The sizes that are drawn at ``1k``, by the first generation and by 2.0; at ``2k`` each edge is twice as long."""

_TOLD = {size: ratio for ratio, sizes in _RATIOS.items() for size in sizes}
_LARGE = 1_500_000
"""Pixels from which a size is of ``2k``."""


def _shape(size: Size) -> Fields:
    large = size.pixels > _LARGE
    base = Size(size.width // 2, size.height // 2) if large else size
    return {"aspect_ratio": _TOLD.get(str(base)) or _nearest(size), "resolution": "2k" if large else "1k"}


def _nearest(size: Size) -> str:
    """For a model whose sizes are not known."""

    def distance(ratio: str) -> float:
        width, _, height = ratio.partition(":")
        return abs(log(size.width / size.height * float(height) / float(width)))

    return min(_RATIOS, key=distance)


def _inputs(images: tuple[InputImage, ...]) -> Fields:
    addresses = [{"url": data_url(image), "type": "image_url"} for image in images]
    return {"image": addresses[0]} if len(addresses) == 1 else {"images": addresses}


_WORDS = Table(
    n=to("n"),
    size=_shape,
    quality=to("quality"),
    # Said even where the caller did not mind: an address would cost a download.
    response_format=to("response_format"),
    user=to("user"),
    images=_inputs,
)


def _words(request: ImageRequest, target: Target) -> Table:  # noqa: ARG001 - others need them
    return _WORDS


# --- what comes back ---------------------------------------------------------------------------------------------

_TICKS_A_DOLLAR = 10**10


class _Bill(Answer):
    cost_in_usd_ticks: int


class _Told(Answer):
    data: tuple[Any, ...] | None = None
    usage: Beside[_Bill] = None


def _pictures(reply: Reply, request: ImageRequest) -> Exchange:
    """As any answer, with what it cost; none at all is moderation's doing, and has been paid for if that is told."""
    told = _told(reply)
    cost = Decimal(told.usage.cost_in_usd_ticks) / _TICKS_A_DOLLAR if told.usage is not None else None
    try:
        found = yield from generation(reply, request)
    except ProviderError as error:
        failure = error.failure
        if failure.kind is not FailureKind.CONTENT_REJECTED and told.data == ():
            message = "no picture came: it was kept back by moderation"
            failure = replace(failure, kind=FailureKind.CONTENT_REJECTED, message=message, charge=Charge.UNKNOWN)
        if failure.kind is FailureKind.CONTENT_REJECTED and cost is not None:
            failure = replace(failure, charge=Charge.BILLED if cost else Charge.NONE)
        raise ProviderError(failure) from None
    return replace(found, cost=cost)


def _told(reply: Reply) -> _Told:
    try:
        return _Told.model_validate_json(reply.body)
    except ValidationError:
        return _Told()


_MEANINGS = (
    (
        re.compile(r"incorrect api key|invalid api key|key is (blocked|disabled)", re.IGNORECASE),
        FailureKind.UNAUTHORISED,
    ),
    (re.compile(r"content moderation|usage guidelines|safety_check", re.IGNORECASE), FailureKind.CONTENT_REJECTED),
    (re.compile(r"\bcredits\b|spending limit", re.IGNORECASE), FailureKind.OUT_OF_CREDIT),
)
"""What a message means whatever its status: xAI answers with 400 and 403 to several things."""


def _failure(reply: Reply) -> Failure:
    failure = failure_of(reply)
    if reply.status not in {400, 401, 403, 422, 429}:
        return failure
    kind = next((kind for pattern, kind in _MEANINGS if pattern.search(failure.message)), failure.kind)
    return replace(failure, kind=kind, unit=failure.unit if kind is FailureKind.RATE_LIMITED else None)


XAI = Compatible(
    Dialect(
        name="xai",
        base_url="https://api.x.ai/v1",
        words=_words,
        edit=as_json,
        rows=listed("xai"),
        # Five requests a second.
        terms=Terms(shape=Shape.PACED, limits={Unit.REQUESTS: 300}),
        failure=_failure,
        pictures=_pictures,
        models="/image-generation-models",
    )
)
