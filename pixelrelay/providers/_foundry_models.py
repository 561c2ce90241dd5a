"""The FLUX models of Microsoft Foundry: path, fields, routes and requests a minute of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from pixelrelay.images import Operation
from pixelrelay.providers._flux import as_ratio, in_pixels, numbered
from pixelrelay.providers.mapping import Table, to

Tier: TypeAlias = Literal["low", "medium", "high"]


_PIXELS = Table(size=in_pixels, seed=to("seed"), output_format=to("output_format"), images=numbered)
_RATIO = replace(_PIXELS, size=as_ratio)


@dataclass(frozen=True, slots=True)
class Model:
    """One model as Foundry serves it."""

    path: str
    """At the end of the provider route; not the model's id, nor made from it by a rule."""
    words: Table
    """Of the provider route's body."""
    image_route: frozenset[Operation]
    """What the image route does of it, if anything."""
    requests_a_minute: Mapping[Tier | None, int]
    """By tier; under ``None`` where the model has none. From Microsoft's how-to, March 2026."""
    counts: bool = False
    """Whether the body says how many pictures there shall be, which is one."""


_BOTH = frozenset(Operation)
_NEITHER: frozenset[Operation] = frozenset()

MODELS: Mapping[str, Model] = {
    "FLUX.2-pro": Model("flux-2-pro", _PIXELS, _NEITHER, {"low": 15, "medium": 30, "high": 100}, counts=True),
    "FLUX.2-flex": Model("flux-2-flex", _PIXELS, _NEITHER, {"low": 5, "medium": 10, "high": 25}, counts=True),
    "FLUX.1-Kontext-pro": Model("flux-kontext-pro", _RATIO, _BOTH, {None: 6}),
    "FLUX-1.1-pro": Model("flux-pro-1.1", _PIXELS, frozenset({Operation.GENERATE}), {None: 6}),
}
"""By Microsoft's id."""

_IDS = {name.casefold(): model_id for model_id, model in MODELS.items() for name in (model_id, model.path)}


def canonical(model: str) -> str:
    """Microsoft's id of ``model``, however it is capitalised, or named by its path; itself where it is not known."""
    return _IDS.get(model.casefold(), model)


def model_of(model: str) -> Model:
    """The model by name; a newer one is looked for as FLUX.2 is found, ``FLUX.2-pro`` at ``flux-2-pro``."""
    known = MODELS.get(canonical(model))
    return known or Model(model.lower().replace(".", "-"), _PIXELS, _BOTH, {})
