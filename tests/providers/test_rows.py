"""Every row of every provider: what a parameter may not hold is refused by its name, and what it may is not."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, nan
from typing import Any

import pytest

from pixelrelay.images import Operation
from pixelrelay.providers import registry
from pixelrelay.providers.capabilities import Capabilities, lacks
from pixelrelay.providers.parameters import Parameter
from tests.providers.exchanges import drawing, editing
from tests.wishes import sample

MISTAKEN: dict[str, tuple[Any, ...]] = {
    "text": (7, True, ["a"]),
    "ratio": ("16x9", "0:1", "wide", 1.78),
    "number": ("7", True, nan, inf, -inf, [1]),
    "whole": ("7", True, 2.5, nan, inf, -inf),
    "flag": ("off", 1, 0),
    "list": ("a", {"a": 1}),
    "mapping": ("a", ["a"]),
}
"""What is of another type."""

ROWS = [
    pytest.param(can, operation, id=f"{provider} {model} {operation.value}")
    for provider in registry.BUILT_IN
    for model, can in registry.models(provider).items()
    for operation in sorted(can.operations, key=lambda each: each.value)
    if can.parameters_for(operation)
]


def just_outside(parameter: Parameter) -> Iterator[Any]:
    """Values that are almost allowed, and such as never are."""
    if parameter.type is not None:
        yield from MISTAKEN[parameter.type]
    if parameter.choices:
        yield from (f"{parameter.choices[0]}?", True, 0.123, None)
    if parameter.min is not None:
        yield parameter.min - 1
    if parameter.max is not None:
        yield parameter.max + 1
    if parameter.min is not None and parameter.max is not None and parameter.type == "number":
        yield from (parameter.min - 0.001, parameter.max + 0.001)
    if parameter.multiple is not None:
        yield (parameter.min or 0) + parameter.multiple - 1
    if parameter.max_ratio is not None:
        yield from (f"{int(parameter.max_ratio * 100) + 1}:100", f"100:{int(parameter.max_ratio * 100) + 1}")


def told(can: Capabilities, operation: Operation, name: str, value: Any) -> list[str]:
    """What is said of that parameter."""
    asked = drawing if operation is Operation.GENERATE else editing
    return [why for why in lacks(can, asked(parameters={name: value})) if why.startswith(f"parameter {name!r}:")]


@pytest.mark.parametrize(("can", "operation"), ROWS)
def test_a_value_just_outside_of_what_a_parameter_may_hold_is_refused_by_its_name(
    can: Capabilities, operation: Operation
) -> None:
    for name, parameter in can.parameters_for(operation).items():
        accepted = [value for value in just_outside(parameter) if len(told(can, operation, name, value)) != 1]
        assert (name, accepted) == (name, [])


@pytest.mark.parametrize(("can", "operation"), ROWS)
def test_what_a_parameter_may_hold_is_not_refused(can: Capabilities, operation: Operation) -> None:
    for name, parameter in can.parameters_for(operation).items():
        edges = [edge for edge in (parameter.min, parameter.max) if edge is not None]
        for value in (*parameter.choices, *edges, sample(parameter, name)):
            assert told(can, operation, name, value) == []


@pytest.mark.parametrize("provider", registry.BUILT_IN)
def test_the_row_of_a_known_model_says_of_each_parameter_what_it_may_hold(provider: str) -> None:
    known = {model: can for model, can in registry.models(provider).items() if "*" not in model}
    untold = {
        name
        for can in known.values()
        for operation in can.operations
        for name, parameter in can.parameters_for(operation).items()
        if parameter.type is None and not parameter.choices
    }

    assert untold == set()
