"""Together's Images API: sizes as width and height, and edits as generations whose body names input images.

Facts as of 2026-11-21, from Together's API description, its reference and its list of models (October 2026). How a
model is told its size and its input images follows from its row of capabilities.
"""

from __future__ import annotations

import re
from dataclasses import replace

from pixelrelay.images import ImageRequest, InputImage, Size
from pixelrelay.outcomes import Failure, FailureKind
from pixelrelay.providers._compatible import Compatible, Dialect, as_generation, listed
from pixelrelay.providers._openai_failures import failure_of
from pixelrelay.providers.base import Reply, Target
from pixelrelay.providers.capabilities import Capabilities
from pixelrelay.providers.mapping import Fields, Table, data_url, to
from pixelrelay.quotas import Unit

_ROWS = listed("together")


def _in_pixels(size: Size) -> Fields:
    return {"width": size.width, "height": size.height}


def _one(images: tuple[InputImage, ...]) -> str:
    return data_url(images[0])


def _all(images: tuple[InputImage, ...]) -> list[str]:
    return [data_url(image) for image in images]


def _as_told(response_format: str) -> str:
    return "url" if response_format == "url" else "base64"


_WORDS = Table(
    n=to("n"),
    size=_in_pixels,
    output_format=to("output_format"),
    # Said even where the caller did not mind: an address would cost a download.
    response_format=to("response_format", _as_told),
    seed=to("seed"),
    images=to("reference_images", _all),
)


def _words(request: ImageRequest, target: Target) -> Table:  # noqa: ARG001 - others need it
    can: Capabilities = _ROWS(target.model, target.options)
    words = _WORDS
    if can.references == 1:
        words = replace(words, images=to("image_url", _one))
    if can.sizes.ratio_pixels is not None:
        words = replace(words, size=to("aspect_ratio", can.sizes.as_told))
    return words


_MODERATED = re.compile(r"\bnsfw\b|content (policy|moderation)|safety (checker|system|filter)|moderated", re.IGNORECASE)
_A_MINUTE = re.compile(r"(queries|requests) per minute", re.IGNORECASE)


def _failure(reply: Reply) -> Failure:
    """How Together words moderation is not published, so that it is known by any of the usual words."""
    failure = failure_of(reply)
    if reply.status in {400, 403, 422} and _MODERATED.search(failure.message):
        return replace(failure, kind=FailureKind.CONTENT_REJECTED)
    if failure.kind is FailureKind.RATE_LIMITED and _A_MINUTE.search(failure.message):
        return replace(failure, unit=Unit.REQUESTS)
    return failure


TOGETHER = Compatible(
    Dialect(
        name="together",
        base_url="https://api.together.ai/v1",
        words=_words,
        edit=as_generation,
        rows=_ROWS,
        failure=_failure,
    )
)
