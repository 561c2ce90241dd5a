"""From OpenAI's parameters to a provider's own: one table for each dialect, and one engine that reads them all.

A table says what becomes of each parameter, as a rule from its value to fields of the body::

    TABLE = Table(
        prompt=to("prompt"),
        size=to("aspect_ratio", ratio_of),
        seed=to("generationConfig.seed"),
        parameters=under("generationConfig"),
    )
    body = TABLE.body(request, {"model": target.model})

A parameter without a rule is never said: the model's row of capabilities makes the deployment unfit for it, so the
row and the table have to agree, and one test compares them for every provider.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from pixelrelay.images import NOTHING, ImageRequest, InputImage, Size
from pixelrelay.providers.base import Part

ValueT = TypeVar("ValueT")
Fields: TypeAlias = Mapping[str, Any]
Rule: TypeAlias = Callable[[ValueT], Fields]
"""What is said of one value. No fields: nothing."""


def to(path: str, change: Callable[[Any], Any] | None = None) -> Rule[Any]:
    """The value under ``path``, whose steps are parted by dots, as it is or as ``change`` makes it."""
    steps = path.split(".")

    def rule(value: Any) -> Fields:
        said = value if change is None else change(value)
        for step in reversed(steps):
            said = {step: said}
        fields: Fields = said
        return fields

    return rule


def under(path: str = "") -> Rule[Fields]:
    """A provider's own parameters by their own names, below ``path``; at the top where there is none."""
    return to(path) if path else dict


def named(rules: Mapping[str, Rule[Any]]) -> Rule[Fields]:
    """A provider's own parameters, each by the rule of its name; at the top, as it is, where it has none."""

    def rule(parameters: Fields) -> Fields:
        return merged(*(rules.get(name, to(name))(value) for name, value in parameters.items()))

    return rule


_PROMPT, _AT_THE_TOP = to("prompt"), under()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One dialect's words for what OpenAI's parameters mean. Without a rule a parameter is not said."""

    prompt: Rule[str] | None = _PROMPT
    n: Rule[int] | None = None
    size: Rule[Size] | None = None
    quality: Rule[str] | None = None
    background: Rule[str] | None = None
    output_format: Rule[str] | None = None
    output_compression: Rule[int] | None = None
    response_format: Rule[str] | None = None
    """Told ``url`` or ``b64_json`` in every request, for an API whose own choice would be left to chance."""
    style: Rule[str] | None = None
    seed: Rule[int] | None = None
    user: Rule[str] | None = None
    partial_images: Rule[int] | None = None
    """How an answer by server-sent events is asked for, with so many partial images."""
    images: Rule[tuple[InputImage, ...]] | None = None
    """For bodies that hold input images as text; those of a form are added by the adapter."""
    mask: Rule[InputImage] | None = None
    parameters: Rule[Fields] = _AT_THE_TOP
    """Where the provider's own parameters stand."""

    def body(self, request: ImageRequest, first: Fields = NOTHING) -> dict[str, Any]:
        """``first``, what the rules say of ``request``, its own parameters, and last its ``extra_body``.

        Where two of them hold a mapping under one name, it is merged; else the later value stands.
        """
        said = (rule(value) for rule, value in self._said(request) if rule is not None and value is not None)
        own = self.parameters(request.parameters) if request.parameters else {}
        return merged(first, *said, own, request.extra_body)

    def _said(self, request: ImageRequest) -> Iterator[tuple[Rule[Any] | None, Any]]:
        yield self.prompt, request.prompt
        yield self.n, request.n
        yield self.size, request.size
        yield self.quality, _chosen(request.quality)
        yield self.background, _chosen(request.background)
        yield self.output_format, request.output_format
        yield self.output_compression, request.output_compression
        yield self.response_format, "url" if request.wants_url else "b64_json"
        yield self.style, request.style
        yield self.seed, request.seed
        yield self.user, request.user
        yield self.partial_images, request.partial_images or None
        yield self.images, request.images or None
        yield self.mask, request.mask


def _chosen(value: str | None) -> str | None:
    """``auto`` leaves the choice to the provider, as if nothing had been said."""
    return None if value == "auto" else value


def merged(*parts: Fields) -> dict[str, Any]:
    """One mapping of all ``parts``, merged level by level; of two plain values the later stands."""
    whole: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            before = whole.get(name)
            both = isinstance(before, Mapping) and isinstance(value, Mapping)
            whole[name] = merged(before, value) if both else value  # type: ignore[arg-type]  # both are mappings
    return whole


def form(fields: Fields) -> tuple[Part, ...]:
    """``fields`` as the parts of a form: ``svg[model]`` within a mapping, ``name[]`` for each of a list."""
    return tuple(part for name, value in fields.items() for part in _text_parts(name, value))


def files(field: str, images: tuple[InputImage, ...]) -> tuple[Part, ...]:
    """A part for each input image, all of one name."""
    return tuple(file(field, image) for image in images)


def file(field: str, image: InputImage) -> Part:
    """One input image as a part of a form."""
    return Part(field, image.data, image.filename, image.media_type)


def data_url(image: InputImage) -> str:
    """The whole image as a ``data:`` URL."""
    return f"data:{image.media_type};base64,{image.base64}"


def _text_parts(name: str, value: Any) -> Iterator[Part]:
    match value:
        case None:
            return
        case str():
            yield Part(name, value)
        case Mapping():
            for key, inner in value.items():
                yield from _text_parts(f"{name}[{key}]", inner)
        case list() | tuple():
            for inner in value:
                yield from _text_parts(f"{name}[]", inner)
        case _:
            yield Part(name, json.dumps(value))
