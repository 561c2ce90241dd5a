"""What a model can do, as data; and what a request asks that it cannot.

Rows stand in a TOML file beside each adapter, under the provider's own model names::

    ["gpt-image-2"]
    operations = ["generate", "edit"]
    max_images = 10
    references = 16
    mask = true
    sizes = { multiple = 16, max_edge = 3840, max_ratio = 3.0, min_pixels = 655360, max_pixels = 8294400 }

Every name in a row is a field of ``Capabilities``; ``"*"`` is the row of models that the file does not know.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from importlib import resources
from math import gcd, sqrt
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, TypeAdapter

from pixelrelay.images import ImageRequest, Operation, Size


class Row(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


class Sizes(Row):
    """Which sizes a model draws to the pixel. Empty: it draws none on demand."""

    exact: tuple[str, ...] = ()
    """``1024x1024`` …: these, whatever the rules below say."""
    multiple: int | None = None
    """Both edges are multiples of it. Without it, only ``exact`` and ``ratio_pixels`` count."""
    min_edge: int = 1
    max_edge: int = 1_000_000
    min_pixels: int = 1
    max_pixels: int = 1_000_000_000_000
    max_ratio: float = 1_000_000.0
    """Of the long edge to the short one."""
    ratio_pixels: int | None = None
    """The model is told a ratio and draws about so many pixels; edges are multiples of ``ratio_multiple``."""
    ratio_multiple: int = 32
    ratios: tuple[str, ...] = ()
    """``16:9`` …, where only these are taken; empty for any within ``max_ratio``."""

    def objection(self, size: Size) -> str | None:
        """Why ``size`` cannot be drawn; ``None`` if it can."""
        if str(size) in self.exact:
            return None
        if self.ratio_pixels is not None:
            return self._ratio_objection(size, self.ratio_pixels)
        if self.multiple is None:
            return f"size {size}: it draws {', '.join(self.exact) or 'no size on demand'}"
        long, short = max(size), min(size)
        broken = [
            rule
            for holds, rule in (
                (size.width % self.multiple == size.height % self.multiple == 0, f"multiples of {self.multiple}"),
                (short >= self.min_edge, f"edges of at least {self.min_edge}"),
                (long <= self.max_edge, f"edges of at most {self.max_edge}"),
                (long <= short * self.max_ratio, f"ratios up to {self.max_ratio:g}:1"),
                (size.pixels >= self.min_pixels, f"at least {self.min_pixels} pixels"),
                (size.pixels <= self.max_pixels, f"at most {self.max_pixels} pixels"),
            )
            if not holds
        ]
        return f"size {size}: it draws {' and '.join(broken)}" if broken else None

    def _ratio_objection(self, size: Size, pixels: int) -> str | None:
        ratio = ratio_of(size)
        if self.ratios and ratio not in self.ratios:
            return f"size {size}: it draws the ratios {', '.join(self.ratios)}"
        if max(size) > min(size) * self.max_ratio:
            return f"size {size}: it draws ratios up to {self.max_ratio:g}:1"
        drawn = drawn_at(size, pixels, self.ratio_multiple)
        return None if drawn == size else f"size {size}: it draws the ratio {ratio} at {drawn}"


def ratio_of(size: Size) -> str:
    """The aspect ratio in lowest terms: ``16:9``."""
    common = gcd(size.width, size.height)
    return f"{size.width // common}:{size.height // common}"


def drawn_at(ratio: Size, pixels: int, multiple: int) -> Size:
    """The size of about ``pixels`` pixels nearest to the shape of ``ratio``, on a grid of ``multiple``."""
    width = sqrt(pixels * ratio.width / ratio.height)
    height = sqrt(pixels * ratio.height / ratio.width)
    return Size(
        max(1, round(width / multiple)) * multiple,
        max(1, round(height / multiple)) * multiple,
    )


class Capabilities(Row):
    """What one model can do. What is not named here it cannot do."""

    operations: frozenset[Operation]
    max_images: int = 1
    """Pictures one call can bring."""
    references: int = 0
    """Input images at most."""
    mask: bool = False
    mask_required: bool = False
    sizes: Sizes = Sizes()
    edit_sizes: Sizes | None = None
    """Where an edit draws other sizes than a generation."""
    qualities: frozenset[str] = frozenset()
    backgrounds: frozenset[str] = frozenset({"opaque"})
    formats: frozenset[str] = frozenset({"png"})
    transparent_formats: frozenset[str] = frozenset({"png", "webp"})
    styles: frozenset[str] = frozenset()
    compression: bool = False
    """Whether ``output_compression`` is understood, for jpeg and webp."""
    seed: bool = False
    parameters: frozenset[str] = frozenset()
    """Parameters of this provider's own that the model knows."""
    edit_parameters: frozenset[str] | None = None
    """Where an edit knows other parameters than a generation."""
    input_types: frozenset[str] = frozenset({"image/png", "image/jpeg", "image/webp"})
    max_input_bytes: int = 50_000_000
    """Of each input image."""
    max_prompt: int | None = None
    """Characters; ``None`` where the provider names no limit, or counts tokens."""
    retires: date | None = None
    """The day the provider switches it off, where announced."""
    replaced_by: str | None = None


ANY_CHOICE = frozenset({None, "auto"})


def lacks(can: Capabilities, request: ImageRequest, images: int = 1) -> tuple[str, ...]:
    """What ``request``, for ``images`` pictures in one call, asks that a model cannot do; empty if it fits."""
    return tuple(_objections(can, request, images))


def _objections(can: Capabilities, request: ImageRequest, images: int) -> Iterator[str]:
    if request.operation not in can.operations:
        yield f"cannot {request.operation.value}"
    if images > can.max_images:
        yield f"n={images}: at most {can.max_images} in one call"
    yield from _input_objections(can, request)
    sizes = can.edit_sizes if request.operation is Operation.EDIT and can.edit_sizes else can.sizes
    if request.size is not None and (objection := sizes.objection(request.size)):
        yield objection
    if request.quality not in ANY_CHOICE | can.qualities:
        yield _not_among("quality", request.quality, can.qualities)
    if request.background not in ANY_CHOICE | can.backgrounds:
        yield _not_among("background", request.background, can.backgrounds)
    if request.style is not None and request.style not in can.styles:
        yield _not_among("style", request.style, can.styles)
    yield from _format_objections(can, request)
    if request.seed is not None and not can.seed:
        yield "seed: it takes none"
    if can.max_prompt is not None and len(request.prompt) > can.max_prompt:
        yield f"prompt of {len(request.prompt)} characters: at most {can.max_prompt}"
    known = can.parameters
    if request.operation is Operation.EDIT and can.edit_parameters is not None:
        known = can.edit_parameters
    for name in sorted(request.parameters.keys() - known):
        yield f"parameter {name!r}: unknown to it"


def _input_objections(can: Capabilities, request: ImageRequest) -> Iterator[str]:
    if len(request.images) > can.references:
        yield f"{len(request.images)} input images: at most {can.references}"
    if request.mask is not None and not can.mask:
        yield "mask: it takes none"
    if can.mask_required and request.operation is Operation.EDIT and request.mask is None:
        yield "mask: it needs one"
    for image in request.images:
        if image.media_type not in can.input_types:
            yield f"{image.filename}: {image.media_type} is not among {', '.join(sorted(can.input_types))}"
        if len(image.data) > can.max_input_bytes:
            yield f"{image.filename}: {len(image.data)} bytes, at most {can.max_input_bytes}"


def _format_objections(can: Capabilities, request: ImageRequest) -> Iterator[str]:
    if request.output_format is not None and request.output_format not in can.formats:
        yield _not_among("output_format", request.output_format, can.formats)
    transparent = request.background == "transparent"
    if transparent and request.output_format not in {None} | can.transparent_formats:
        yield f"background 'transparent' with output_format {request.output_format!r}"
    if request.output_compression is not None and not can.compression:
        yield "output_compression: it takes none"


def _not_among(name: str, value: str | None, known: frozenset[str]) -> str:
    return f"{name} {value!r}: " + (f"it knows {', '.join(sorted(known))}" if known else "it takes none")


_ROWS: TypeAdapter[dict[str, Capabilities]] = TypeAdapter(dict[str, Capabilities])


@cache
def table(provider_module: str) -> Mapping[str, Capabilities]:
    """The rows beside an adapter: ``openai`` reads ``providers/openai.toml``."""
    text = resources.files("pixelrelay.providers").joinpath(f"{provider_module}.toml").read_text("utf-8")
    return _ROWS.validate_python(tomllib.loads(text))


def row(rows: Mapping[str, Capabilities], model: str) -> Capabilities:
    """The row of ``model``: by its name, without a dated suffix (``-2026-04-21``), or of ``"*"``."""
    if model in rows:
        return rows[model]
    stem, dash, day = model.rpartition("-")
    undated = "-".join(model.split("-")[:-3]) if dash and day.isdigit() and stem.count("-") >= 2 else model
    return rows.get(undated, rows["*"])
