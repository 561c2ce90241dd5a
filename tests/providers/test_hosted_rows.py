"""fal, Replicate and Ideogram: what a row allows is said to the model, and what it does not allow is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from pixelrelay.images import ImageRequest, InputImage, Operation, Size
from pixelrelay.providers.capabilities import Capabilities, Sizes, lacks, table
from pixelrelay.providers.registry import provider
from tests.providers.exchanges import drawing, editing, sent

PROVIDERS = ("fal", "replicate", "ideogram")
MASK = InputImage(b"\x89PNG, its header without alpha", "image/png", "mask.png")


def body(name: str, model: str, request: ImageRequest) -> Any:
    """What is sent, as one value that can be compared."""
    adapter = provider(name)
    target = adapter.target(model, SecretStr("key"), adapter.options())
    edits = request.operation is Operation.EDIT
    send = sent(adapter.edit(request, target) if edits else adapter.generate(request, target))
    return send.json if send.json is not None else send.parts


def a_size(sizes: Sizes) -> Size | None:
    """One that is drawn, and not the first that comes to mind."""
    return next(
        (size for wish in ((1312, 736), (2048, 1536), (1024, 1024)) if (size := sizes.nearest(Size(*wish)))), None
    )


def plain(can: Capabilities, operation: Operation) -> ImageRequest:
    """The least that fits: with a mask where the model needs one, and a size."""
    needed: dict[str, Any] = {"size": Size(1536, 512)} if "size" in can.one_of else {}
    if operation is Operation.GENERATE:
        return drawing(**needed)
    return editing(mask=MASK if can.mask_required else None, **needed)


def allowed_wishes(can: Capabilities, operation: Operation) -> Iterator[tuple[str, Any]]:
    """Each thing that the row allows to be asked."""
    if (size := a_size(can.sizes_for(operation))) is not None:
        yield "size", size
    if can.max_images > 1:
        yield "n", can.max_images
    for field, known in (("quality", can.qualities), ("style", can.styles), ("output_format", can.formats)):
        yield from ((field, value) for value in sorted(known))
    yield from (("background", value) for value in sorted(can.backgrounds - {"opaque"}))
    if can.seed:
        yield "seed", 7
    if can.compression:
        yield "output_compression", 60
    if can.mask and operation is Operation.EDIT and not can.mask_required:
        yield "mask", MASK
    for name, parameter in can.parameters_for(operation).items():
        value = parameter.choices[-1] if parameter.choices else _SAMPLES.get(parameter.type or "", "some")
        yield "parameters", {name: parameter.min if value is None else value}


_SAMPLES: dict[str, Any] = {
    "flag": True,
    "ratio": "3:2",
    "list": ["x"],
    "mapping": {"name": "x"},
    "number": None,
    "whole": None,
}

ALWAYS_SO = {
    ("ideogram", "output_format", "png"),
    ("ideogram", "background", "transparent"),
    ("replicate", "output_format", "webp"),
}
"""What some of their models do without being told: they draw nothing else."""

ROWS = [
    pytest.param(name, model, operation, id=f"{name} {model} {operation.value}")
    for name in PROVIDERS
    for model, can in table(name).items()
    for operation in sorted(can.operations, key=lambda each: each.value)
    if model != "*"
]


@pytest.mark.parametrize(("name", "model", "operation"), ROWS)
def test_what_a_row_allows_changes_what_is_sent(name: str, model: str, operation: Operation) -> None:
    can = table(name)[model]
    request = plain(can, operation)
    assert lacks(can, request) == ()
    before = body(name, model, request)

    unsaid = []
    for field, value in allowed_wishes(can, operation):
        asked = replace(request, **{field: value})
        assert lacks(can, asked, asked.n) == ()
        if body(name, model, asked) == before:
            unsaid.append((name, field, value))

    assert set(unsaid) <= ALWAYS_SO


@pytest.mark.parametrize(("name", "model", "operation"), ROWS)
def test_what_a_row_does_not_allow_is_not_sent(name: str, model: str, operation: Operation) -> None:
    can = table(name)[model]
    request = plain(can, operation)
    before = body(name, model, request)

    wishes: tuple[tuple[str, Any, bool], ...] = (
        ("seed", 7, can.seed),
        ("quality", "low", bool(can.qualities)),
        ("style", "DESIGN", bool(can.styles)),
        ("output_compression", 60, can.compression),
    )
    for field, value, allowed in wishes:
        if not allowed:
            assert body(name, model, replace(request, **{field: value})) == before, field


@pytest.mark.parametrize("name", PROVIDERS)
def test_no_choice_of_a_row_is_refused_by_its_own_type(name: str) -> None:
    for can in table(name).values():
        for parameter in can.parameters.values():
            assert all(parameter.objection(choice) is None for choice in parameter.choices)
