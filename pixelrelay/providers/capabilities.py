"""What a model can do, as data; and what a request asks that it cannot.

Rows stand in a TOML file beside each adapter, under the provider's own model names::

    ["gpt-image-2"]
    operations = ["generate", "edit"]
    max_images = 10
    references = 16
    mask = true
    sizes = { multiple = 16, max_edge = 3840, max_ratio = 3.0, min_pixels = 655360, max_pixels = 8294400 }

Every name in a row is a field of ``Capabilities``; ``"*"`` is the row of models that the file does not know. How
``parameters`` are written, ``parameters.py`` says.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from math import gcd, log, sqrt
from typing import Literal, NamedTuple

from pydantic import Field, TypeAdapter

from pixelrelay.images import ImageRequest, Operation, Size
from pixelrelay.providers.parameters import Parameter, Parameters, Row


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
    told: Literal["pixels", "ratio"] = "pixels"
    """What the model is told of a size; with ``ratio_pixels`` always a ratio."""

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
        if self.ratios:
            drawn_sizes = {drawn_at(Size(*_terms(ratio)), pixels, self.ratio_multiple) for ratio in self.ratios}
            return None if size in drawn_sizes else f"size {size}: it draws the ratios {', '.join(self.ratios)}"
        ratio = ratio_of(size)
        if max(size) > min(size) * self.max_ratio:
            return f"size {size}: it draws ratios up to {self.max_ratio:g}:1"
        drawn = drawn_at(size, pixels, self.ratio_multiple)
        return None if drawn == size else f"size {size}: it draws the ratio {ratio} at {drawn}"

    def nearest(self, size: Size) -> Size | None:
        """Of what can be drawn, what is nearest to ``size``: in shape before pixels. ``None`` if nothing is near.

        A size that can be drawn is its own nearest.
        """
        if self.objection(size) is None:
            return size
        near = (candidate for candidate in self._near(size) if self.objection(candidate) is None)
        return min(near, key=lambda candidate: _distance(candidate, size), default=None)

    def as_told(self, size: Size) -> str:
        """What the model hears of a ``size`` that it draws: pixels, or a ratio in lowest terms.

        Where the pixels are rounded to a grid, it is the listed ratio that comes nearest.
        """
        if self.told == "pixels" and self.ratio_pixels is None:
            return str(size)
        return nearest_ratio(size, self.ratios) if self.ratios else ratio_of(size)

    def _near(self, size: Size) -> Iterator[Size]:
        """Sizes worth looking at; not each of them can be drawn."""
        yield from (_parsed(text) for text in self.exact)
        if self.ratio_pixels is not None:
            shapes = [Size(*_terms(ratio)) for ratio in self.ratios] or [_within(size, self.max_ratio)]
            for shape in shapes:
                yield drawn_at(shape, self.ratio_pixels, self.ratio_multiple)
        elif self.multiple is not None:
            yield from self._on_grid(size, self.multiple)

    def _on_grid(self, size: Size, multiple: int) -> Iterator[Size]:
        """``size`` brought within the rules one after the other, and its neighbours on the grid."""
        width, height = _within(size, self.max_ratio)
        scale = 1.0
        if width * height > self.max_pixels:
            scale = sqrt(self.max_pixels / (width * height))
        if width * height < self.min_pixels:
            scale = sqrt(self.min_pixels / (width * height))
        scale = max(scale, self.min_edge / min(width, height))
        scale = min(scale, self.max_edge / max(width, height))
        columns, rows = int(width * scale // multiple), int(height * scale // multiple)
        yield from (
            Size((columns + right) * multiple, (rows + down) * multiple)
            for right in range(-1, 3)
            for down in range(-1, 3)
            if columns + right > 0 and rows + down > 0
        )


def _parsed(text: str) -> Size:
    width, _, height = text.partition("x")
    return Size(int(width), int(height))


def _terms(ratio: str) -> tuple[int, int]:
    width, _, height = ratio.partition(":")
    return int(width), int(height)


def _within(size: Size, max_ratio: float) -> Size:
    """``size``, or the widest or tallest of about as many pixels that ``max_ratio`` allows."""
    long, short = max(size), min(size)
    if long <= short * max_ratio:
        return size
    long, short = int(sqrt(size.pixels * max_ratio)), max(1, int(sqrt(size.pixels / max_ratio)))
    return Size(long, short) if size.width > size.height else Size(short, long)


def _distance(candidate: Size, size: Size) -> tuple[float, float]:
    """How far apart two sizes are in shape, to a hundredth, and then in pixels; both as logarithms."""
    shape = abs(log(candidate.width * size.height / (candidate.height * size.width)))
    return round(shape, 2), abs(log(candidate.pixels / size.pixels))


def nearest_ratio(size: Size, ratios: Sequence[str]) -> str:
    """Of ``ratios`` (``16:9`` …) the one nearest in shape to ``size``."""
    return min(ratios, key=lambda ratio: _distance(Size(*_terms(ratio)), size)[0])


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
    least_references: int = 1
    """Input images that an edit does nothing without."""
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
    max_seed: int | None = None
    """The largest, where the provider names one."""
    parameters: Parameters = Field(default={})
    """Parameters of this provider's own that the model knows."""
    edit_parameters: Parameters | None = None
    """Where an edit knows other parameters than a generation."""
    one_of: tuple[str, ...] = ()
    """Fields of a request, or parameters, without any of which it does nothing; one that is 0 or empty says nothing."""
    input_types: frozenset[str] = frozenset({"image/png", "image/jpeg", "image/webp"})
    max_input_bytes: int = 50_000_000
    """Of each input image."""
    max_prompt: int | None = None
    """Characters; ``None`` where the provider names no limit, or counts tokens."""
    free_names: bool = False
    """Whether models are named by whoever runs the server, so that no list of them can be complete."""
    retires: date | None = None
    """The day the provider switches it off, where announced."""
    replaced_by: str | None = None

    def sizes_for(self, operation: Operation) -> Sizes:
        """What it draws when it does ``operation``."""
        return self.edit_sizes if operation is Operation.EDIT and self.edit_sizes is not None else self.sizes

    def parameters_for(self, operation: Operation) -> Mapping[str, Parameter]:
        """The provider's own parameters that it knows when it does ``operation``."""
        edits = operation is Operation.EDIT and self.edit_parameters is not None
        return self.edit_parameters or {} if edits else self.parameters


class Objection(NamedTuple):
    """One thing that a request asks and a model cannot do."""

    field: str
    """The field of the request, or the name of a provider's own parameter, that asks it."""
    why: str


def lacks(can: Capabilities, request: ImageRequest, images: int = 1) -> tuple[str, ...]:
    """What ``request``, for ``images`` pictures in one call, asks that a model cannot do; empty if it fits."""
    return tuple(objection.why for objection in objections(can, request, images))


def objections(can: Capabilities, request: ImageRequest, images: int = 1) -> Iterator[Objection]:
    """The same, each with the field that asks it."""
    if request.operation not in can.operations:
        yield Objection("operation", f"cannot {request.operation.value}")
    if images > can.max_images:
        yield Objection("n", f"n={images}: at most {can.max_images} in one call")
    yield from _input_objections(can, request)
    sizes = can.sizes_for(request.operation)
    if request.size is not None and (objection := sizes.objection(request.size)):
        yield Objection("size", objection)
    yield from _choice_objections(can, request)
    if request.seed is not None and not can.seed:
        yield Objection("seed", "seed: it takes none")
    elif request.seed is not None and can.max_seed is not None and request.seed > can.max_seed:
        yield Objection("seed", f"seed {request.seed}: at most {can.max_seed}")
    if can.max_prompt is not None and len(request.prompt) > can.max_prompt:
        yield Objection("prompt", f"prompt of {len(request.prompt)} characters: at most {can.max_prompt}")
    yield from _parameter_objections(can, request)


def _choice_objections(can: Capabilities, request: ImageRequest) -> Iterator[Objection]:
    chosen = (("quality", can.qualities), ("background", can.backgrounds), ("style", can.styles))
    for name, known in chosen:
        value = getattr(request, name)
        if value is not None and value not in known and (value != "auto" or name == "style"):
            yield _not_among(name, value, known)
    if request.output_format is not None and request.output_format not in can.formats:
        yield _not_among("output_format", request.output_format, can.formats)
    transparent = request.background == "transparent"
    if transparent and request.output_format not in {None} | can.transparent_formats:
        yield Objection("background", f"background 'transparent' with output_format {request.output_format!r}")
    if request.output_compression is not None and not can.compression:
        yield Objection("output_compression", "output_compression: it takes none")


def _parameter_objections(can: Capabilities, request: ImageRequest) -> Iterator[Objection]:
    known = can.parameters_for(request.operation)
    for name in sorted(request.parameters.keys() - known.keys()):
        yield Objection(name, f"parameter {name!r}: unknown to it")
    for name, parameter in known.items():
        if name in request.parameters:
            if (why := parameter.objection(request.parameters[name])) is not None:
                yield Objection(name, f"parameter {name!r}: {why}")
        elif parameter.required and name not in request.extra_body:
            yield Objection(name, f"parameter {name!r}: it needs one")
    if can.one_of and not any(_said(request, name) for name in can.one_of):
        wanted = "it needs one of them" if len(can.one_of) > 1 else "it needs one"
        yield Objection(can.one_of[0], f"{', '.join(can.one_of)}: {wanted}")


def _said(request: ImageRequest, name: str) -> bool:
    return bool(getattr(request, name, None) or request.parameters.get(name) or request.extra_body.get(name))


def _input_objections(can: Capabilities, request: ImageRequest) -> Iterator[Objection]:
    if len(request.images) > can.references:
        yield Objection("image", f"{len(request.images)} input images: at most {can.references}")
    if request.operation is Operation.EDIT and len(request.images) < can.least_references:
        yield Objection("image", f"{len(request.images)} input images: at least {can.least_references}")
    if request.mask is not None and not can.mask:
        yield Objection("mask", "mask: it takes none")
    if can.mask_required and request.operation is Operation.EDIT and request.mask is None:
        yield Objection("mask", "mask: it needs one")
    for image in request.images:
        if image.media_type not in can.input_types:
            known = ", ".join(sorted(can.input_types))
            yield Objection("image", f"{image.filename}: {image.media_type} is not among {known}")
        if len(image.data) > can.max_input_bytes:
            size = f"{len(image.data)} bytes, at most {can.max_input_bytes}"
            yield Objection("image", f"{image.filename}: {size}")


def _not_among(name: str, value: str, known: frozenset[str]) -> Objection:
    return Objection(
        name, f"{name} {value!r}: " + (f"it knows {', '.join(sorted(known))}" if known else "it takes none")
    )


_ROWS: TypeAdapter[dict[str, Capabilities]] = TypeAdapter(dict[str, Capabilities])


@cache
def table(provider_module: str) -> Mapping[str, Capabilities]:
    """The rows beside an adapter: ``openai`` reads ``providers/openai.toml``."""
    return _ROWS.validate_python(tomllib.loads(_file(provider_module).read_text("utf-8")))


def has_table(provider_module: str) -> bool:
    """Whether there is such a file."""
    return _file(provider_module).is_file()


def _file(provider_module: str) -> Traversable:
    return resources.files("pixelrelay.providers").joinpath(f"{provider_module}.toml")


def row(rows: Mapping[str, Capabilities], model: str) -> Capabilities:
    """The row of ``model``: by its name, without a dated suffix (``-2026-04-21``), or of ``"*"``."""
    if model in rows:
        return rows[model]
    stem, dash, day = model.rpartition("-")
    undated = "-".join(model.split("-")[:-3]) if dash and day.isdigit() and stem.count("-") >= 2 else model
    return rows.get(undated, rows["*"])
