"""What the options of a command ask for, as the router takes it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import typer

from pixelrelay.images import NOTHING, ImageRequest, InputImage, Operation
from pixelrelay.router import Router
from pixelrelay.router.inputs import make_request
from pixelrelay.router.strategies import StrategyName

UNNAMED = frozenset({"style", "user", "output_compression", "extra_body"})
"""What a request may say and no option does: ``--param`` takes it beside what only providers know."""
PICTURE = ("n", "size", "quality", "background", "output_format", "seed", "adapt", "drop_params")
WAY = ("timeout", "strategy", "tags", "region", "fallbacks")
OPTIONS: Mapping[str, str] = {
    "output_format": "--format",
    "tags": "--tag",
    "fallbacks": "--fallback",
    "n": "-n",
    "drop_params": "--drop",
}
"""The options that are not called by the router's name for the same thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One request, and how it is to be served."""

    operation: Operation
    prompt: str = field(repr=False)
    n: int = 1
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    seed: int | None = None
    adapt: tuple[str, ...] = ()
    drop_params: tuple[str, ...] | bool = False
    timeout: float | None = None
    strategy: StrategyName | None = None
    tags: tuple[str, ...] = ()
    region: str | None = None
    fallbacks: tuple[str, ...] | None = None
    """``()`` for none at all; ``None`` for those of the configuration."""
    further: Mapping[str, Any] = field(default=NOTHING)
    """By ``--param``."""

    @property
    def about_the_picture(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in PICTURE}

    @property
    def about_the_way(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in WAY}

    @property
    def arguments(self) -> dict[str, Any]:
        """For ``Router.generate`` and ``Router.edit``."""
        return {**self.about_the_picture, **self.about_the_way, **self.further}

    def request(self, images: tuple[InputImage, ...] = (), mask: InputImage | None = None) -> ImageRequest:
        """As the router would make it. Raises ``InvalidRequestError`` with all that is wrong."""
        named = {name: value for name, value in self.further.items() if name in UNNAMED}
        own = {name: value for name, value in self.further.items() if name not in UNNAMED and value is not None}
        given = {**self.about_the_picture, **named, "parameters": own, "images": images, "mask": mask}
        return make_request(self.operation, self.prompt, given)


def chain_of(fallbacks: Iterable[str] | None, none_at_all: bool) -> tuple[str, ...] | None:
    """What ``--fallback`` and ``--no-fallbacks`` say together."""
    named = tuple(fallbacks or ())
    if named and none_at_all:
        raise typer.BadParameter("--fallback and --no-fallbacks contradict each other", param_hint="--no-fallbacks")
    return () if none_at_all else named or None


def dropped(names: Iterable[str] | None) -> tuple[str, ...] | bool:
    """What ``--drop`` says; ``all`` for anything that only adorns."""
    given = tuple(names or ())
    return True if "all" in given else given or False


def parameters_of(texts: Iterable[str] | None) -> dict[str, Any]:
    """``guidance=3.5`` as a number, ``aspect_ratio=16:9`` as text: JSON where it is JSON, else text as it stands."""
    return dict(_parameter(text) for text in texts or ())


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise typer.BadParameter(f"{text!r} is not of the form KEY=VALUE, as guidance=3.5", param_hint="--param")
    name = name.strip()
    if name in _taken():
        option = OPTIONS.get(name, f"--{name}")
        instead = f"it has an option of its own: {option}" if name in (*PICTURE, *WAY) else "it cannot be set here"
        raise typer.BadParameter(f"{name}: {instead}", param_hint="--param")
    return name, _value(value)


def _value(text: str) -> Any:
    def not_json(constant: str) -> Any:
        raise ValueError(constant)

    try:
        return json.loads(text, parse_constant=not_json)
    except ValueError:
        return text


@cache
def _taken() -> frozenset[str]:
    """What a call names itself, so that it cannot be a provider's parameter."""
    named = inspect.signature(Router.edit).parameters.keys() | inspect.signature(Router.generate).parameters.keys()
    return frozenset(named) - UNNAMED - {"parameters"}
