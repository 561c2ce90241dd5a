"""Xinference's words: what its pipelines take is one field of JSON text, and each way to edit has a path of its own.

Facts from its source (v3.2, August 2026). ``/images/edits`` is the path of OpenAI's clients, and takes neither a seed
nor anything of a pipeline's; it draws with a strength of 0.75. ``/images/variations`` and ``/images/inpainting`` take
all, and are asked where something is said that the first does not hear, or where there is a mask.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pixelrelay.errors import ProviderError
from pixelrelay.images import ImageRequest, Operation
from pixelrelay.outcomes import Failure, FailureKind
from pixelrelay.providers._compatible import as_form
from pixelrelay.providers._masks import black_and_white
from pixelrelay.providers._openai_failures import failure_of
from pixelrelay.providers._openai_images import COMMON, json_body
from pixelrelay.providers.base import Purpose, Reply, Send, Target
from pixelrelay.providers.mapping import Table, file, files, form
from pixelrelay.quotas import Unit

_FIELDS_OF_FORMS = frozenset({"negative_prompt"})
"""What forms have a field for. Within ``kwargs`` it would be given twice, which is an error of the server's."""


def words(request: ImageRequest, target: Target) -> Table:  # noqa: ARG001 - others need it
    own = dict(request.parameters)
    beside = {name: own.pop(name) for name in _FIELDS_OF_FORMS & own.keys()} if _edits(request) else {}
    if request.seed is not None:
        own["seed"] = request.seed
    said = {**beside, **({"kwargs": json.dumps(own)} if own else {})}

    def rule(value: Any) -> Mapping[str, Any]:  # noqa: ARG001 - seed and parameters are one field
        return said

    # An address would be a path on the server's own disk.
    return replace(COMMON, response_format=lambda _: {"response_format": "b64_json"}, seed=rule, parameters=rule)


def edit(request: ImageRequest, target: Target, words: Table) -> Send:
    """Raises ``ProviderError``, at no cost, for several images with a mask: it is drawn on one alone."""
    if request.mask is None and request.seed is None and not request.parameters:
        return as_form(request, target, words)
    fields = form(json_body(request, words, target.model))
    if request.mask is None:
        parts = (*fields, *files("image", request.images))
        return Send(Purpose.SUBMIT, "POST", f"{target.base_url}/images/variations", parts=parts)
    if len(request.images) > 1:
        raise ProviderError(Failure(FailureKind.INVALID, "not sent: with a mask it takes one image alone"))
    # Its pipelines draw anew what is white.
    parts = (*fields, *files("image", request.images), file("mask_image", black_and_white(request.mask)))
    return Send(Purpose.SUBMIT, "POST", f"{target.base_url}/images/inpainting", parts=parts)


def _edits(request: ImageRequest) -> bool:
    return request.operation is Operation.EDIT


_NO_MODEL = re.compile(r"model not found|no available image models|unknown model", re.IGNORECASE)
_UNFIT = re.compile(
    r"does not support|cannot accept|validation error|divisible by|unexpected keyword|multiple values for keyword"
    r"|JSONDecodeError|Expecting (value|property name)|invalid literal|Unknown sampler|cannot identify image",
    re.IGNORECASE,
)


def failure(reply: Reply) -> Failure:
    """What an unsuccessful answer means: 500 tells whatever its pipelines raise, bad requests among them, as text."""
    found = failure_of(reply)
    if reply.status in {400, 500} and _NO_MODEL.search(found.message):
        return replace(found, kind=FailureKind.NOT_FOUND)
    if reply.status == 500 and _UNFIT.search(found.message):
        return replace(found, kind=FailureKind.INVALID)
    if found.kind is FailureKind.RATE_LIMITED and "request limit" in found.message.lower():
        return replace(found, unit=Unit.CONCURRENT)  # of the model, set when it was launched
    return found
