"""The FLUX models of Microsoft Foundry: path, fields, routes and requests a minute of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

from pydantic import ConfigDict

from pixelrelay.images import Operation, Size
from pixelrelay.providers import _flux
from pixelrelay.providers._flux import AspectRatio, Drawing, Schema, as_ratio, in_pixels

Tier: TypeAlias = Literal["low", "medium", "high"]


class _Named(Schema):
    model: str


class Flux2Pro(_Named, _flux.Flux2):
    output_format: Literal["jpeg", "png"] | None = None
    aspect_ratio: AspectRatio = "1:1"
    num_images: Literal[1] = 1


class Flux2Flex(_Named, _flux.Flux2Flex):
    output_format: Literal["jpeg", "png"] | None = None
    aspect_ratio: AspectRatio = "1:1"
    num_images: Literal[1] = 1


class Kontext(_Named, _flux.Kontext):
    output_format: Literal["jpeg", "png"] | None = None


class Pro11(_Named, _flux.Pro11):
    output_format: Literal["jpeg", "png"] | None = None


class Unknown(_Named, Drawing):
    """Of a model that this table does not know: what is given is passed on, and Microsoft is the judge."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="allow")


@dataclass(frozen=True, slots=True)
class Model:
    """One model as Foundry serves it."""

    path: str
    """At the end of the provider route; not the model's id, nor made from it by a rule."""
    schema: type[Schema]
    """Of the provider route's body, input images left out."""
    size: Callable[[Size], Mapping[str, Any]]
    image_route: frozenset[Operation]
    """What the image route does of it, if anything."""
    requests_a_minute: Mapping[Tier | None, int]
    """By tier; under ``None`` where the model has none. From Microsoft's how-to, March 2026."""


_BOTH = frozenset(Operation)
_NEITHER: frozenset[Operation] = frozenset()

MODELS: Mapping[str, Model] = {
    "FLUX.2-pro": Model("flux-2-pro", Flux2Pro, in_pixels, _NEITHER, {"low": 15, "medium": 30, "high": 100}),
    "FLUX.2-flex": Model("flux-2-flex", Flux2Flex, in_pixels, _NEITHER, {"low": 5, "medium": 10, "high": 25}),
    "FLUX.1-Kontext-pro": Model("flux-kontext-pro", Kontext, as_ratio, _BOTH, {None: 6}),
    "FLUX-1.1-pro": Model("flux-pro-1.1", Pro11, in_pixels, frozenset({Operation.GENERATE}), {None: 6}),
}
"""By Microsoft's id."""

_IDS = {name.casefold(): model_id for model_id, model in MODELS.items() for name in (model_id, model.path)}


def canonical(model: str) -> str:
    """Microsoft's id of ``model``, however it is capitalised, or named by its path; itself where it is not known."""
    return _IDS.get(model.casefold(), model)


def model_of(model: str) -> Model:
    """The model by name; a newer one is looked for as FLUX.2 is found, ``FLUX.2-pro`` at ``flux-2-pro``."""
    known = MODELS.get(canonical(model))
    return known or Model(model.lower().replace(".", "-"), Unknown, in_pixels, _BOTH, {})
