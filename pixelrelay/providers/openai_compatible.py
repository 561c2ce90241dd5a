"""Any server that speaks OpenAI's Images API, and two that are known by name: Xinference and Nscale.

Facts as of 2026-11-21: of Xinference from its source and documents, of Nscale from its documents, which say little of
errors. Of other servers nothing is known, so that all that OpenAI's API has is passed on, and the options say what a
server does not know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, TypeAlias

from pixelrelay.images import ImageRequest, InputImage, Operation
from pixelrelay.outcomes import Failure, FailureKind
from pixelrelay.providers import _xinference
from pixelrelay.providers._compatible import (
    Compatible,
    CompatibleOptions,
    Dialect,
    as_json,
    listed,
)
from pixelrelay.providers._openai_failures import failure_of
from pixelrelay.providers._openai_images import COMMON, edit_parts
from pixelrelay.providers.base import ProviderOptions, Purpose, Reply, Send, Target
from pixelrelay.providers.capabilities import Capabilities, Sizes, row, table
from pixelrelay.providers.mapping import Table, data_url, to
from pixelrelay.providers.parameters import Parameter

# --- any server --------------------------------------------------------------------------------------------------

Field: TypeAlias = Literal[
    "n", "size", "quality", "background", "output_format", "output_compression", "response_format", "style", "seed",
    "user", "mask",
]  # fmt: skip


class OpenAICompatibleOptions(ProviderOptions):
    base_url: str
    """The server's address, with ``/v1`` where it has that: ``https://images.example/v1``."""
    edits: Literal["form", "json", "none"] = "form"
    """How it takes edits: as a form with files, as JSON with the images as ``data:`` URLs, or not at all."""
    image_field: str | None = None
    """What a form calls every input image; ``image`` for one and ``image[]`` for several when unset, as at OpenAI."""
    refuses: tuple[Field, ...] = ()
    """Fields of OpenAI's that it does not know: they are never sent, and requests that need one go elsewhere."""
    accepts: tuple[str, ...] = ()
    """Parameters of its own that it knows besides those that are common, such as ``steps`` or ``negative_prompt``."""


_EVERYTHING = replace(
    COMMON,
    quality=to("quality"),
    background=to("background"),
    output_format=to("output_format"),
    output_compression=to("output_compression"),
    response_format=to("response_format"),
    style=to("style"),
    seed=to("seed"),
    user=to("user"),
)


def _address(image: InputImage) -> Mapping[str, str]:
    return {"image_url": data_url(image)}


_EVERYTHING_AS_JSON = replace(
    _EVERYTHING,
    images=to("images", lambda images: [_address(image) for image in images]),
    mask=to("mask", _address),
)

_WITHOUT: Mapping[Field, Mapping[str, Any]] = {
    "n": {"max_images": 1},
    "size": {"sizes": Sizes()},
    "quality": {"qualities": frozenset()},
    "background": {"backgrounds": frozenset()},
    "output_format": {"formats": frozenset()},
    "output_compression": {"compression": False},
    "response_format": {},
    "style": {"styles": frozenset()},
    "seed": {"seed": False},
    "user": {},
    "mask": {"mask": False},
}
"""What a server cannot do that refuses a field."""


def _options(target: Target) -> OpenAICompatibleOptions:
    assert isinstance(target.options, OpenAICompatibleOptions)
    return target.options


def _any_words(request: ImageRequest, target: Target) -> Table:
    options = _options(target)
    inline = request.operation is Operation.EDIT and options.edits == "json"
    unsaid: dict[str, Any] = dict.fromkeys(options.refuses)
    return replace(_EVERYTHING_AS_JSON if inline else _EVERYTHING, **unsaid)


def _any_edit(request: ImageRequest, target: Target, words: Table) -> Send:
    options = _options(target)
    if options.edits == "json":
        return as_json(request, target, words)
    parts = edit_parts(request, words, target.model, options.image_field)
    return Send(Purpose.SUBMIT, "POST", f"{target.base_url}/images/edits", parts=parts)


def _any_row(model: str, options: OpenAICompatibleOptions) -> Capabilities:
    can = row(table("openai_compatible"), model)
    changes: dict[str, Any] = {}
    for name in options.refuses:
        changes |= _WITHOUT[name]
    if options.edits == "none":
        changes |= {"operations": frozenset({Operation.GENERATE}), "references": 0, "mask": False}
    if options.accepts:
        changes["parameters"] = {**can.parameters, **{name: Parameter() for name in options.accepts}}
    return can.model_copy(update=changes)


OPENAI_COMPATIBLE = Compatible(
    Dialect(
        name="openai-compatible",
        base_url=None,
        words=_any_words,
        edit=_any_edit,
        rows=_any_row,
        options=OpenAICompatibleOptions,
        requires_key=False,
    )
)


# --- Xinference --------------------------------------------------------------------------------------------------


class XinferenceOptions(CompatibleOptions):
    base_url: str | None = None
    """Where it runs; ``http://127.0.0.1:9997`` when unset. ``/v1`` is added where it is left off."""


XINFERENCE = Compatible(
    Dialect(
        name="xinference",
        base_url="http://127.0.0.1:9997/v1",
        path="/v1",
        words=_xinference.words,
        edit=_xinference.edit,
        rows=listed("xinference"),
        options=XinferenceOptions,
        requires_key=False,
        failure=_xinference.failure,
        lists_all=True,
    )
)


# --- Nscale ------------------------------------------------------------------------------------------------------

_CREDIT = re.compile(r"\b(credits?|balance|funds|payment|billing)\b", re.IGNORECASE)


def _nscale_failure(reply: Reply) -> Failure:
    """Nscale documents its 429 as one thing alone, insufficient credit; a full minute is told by silence on that."""
    failure = failure_of(reply)
    if failure.kind is FailureKind.RATE_LIMITED and _CREDIT.search(failure.message):
        return replace(failure, kind=FailureKind.OUT_OF_CREDIT, unit=None)
    return failure


NSCALE = Compatible(
    Dialect(
        name="nscale",
        base_url="https://inference.api.nscale.com/v1",
        # Base64 is all that it answers with, and it names no field to ask for it.
        words=lambda request, target: COMMON,  # noqa: ARG005 - others need them
        edit=None,
        rows=listed("nscale"),
        failure=_nscale_failure,
    )
)
