"""What a row of capabilities offers, asked for whole: rows and dialects have to agree on it."""

from __future__ import annotations

from typing import Any

from pixelrelay.images import ImageRequest, Operation, Size
from pixelrelay.providers.capabilities import Capabilities
from pixelrelay.providers.parameters import Parameter
from tests.providers.exchanges import png

EXAMPLES: dict[str, Any] = {"text": "fog", "number": 0.3, "whole": 5, "flag": True}


def everything(can: Capabilities, operation: Operation) -> ImageRequest:
    """A request for all that ``can`` offers at once."""
    edits = operation is Operation.EDIT
    sizes = can.sizes_for(operation).exact
    return ImageRequest(
        operation,
        "a lighthouse at dusk",
        size=Size(*map(int, sizes[0].split("x"))) if sizes else None,
        output_format=min(can.formats),
        style=min(can.styles, default=None),
        seed=7 if can.seed else None,
        images=tuple(png(f"{number}.png") for number in range(can.references if edits else 0)),
        mask=png("mask.png") if can.mask and edits else None,
        parameters={name: example(parameter) for name, parameter in can.parameters_for(operation).items()},
    )


def example(parameter: Parameter) -> Any:
    """A value that ``parameter`` may hold."""
    if parameter.choices:
        return parameter.choices[0]
    value = EXAMPLES[parameter.type or "text"]
    return max(value, parameter.min) if isinstance(value, int | float) and parameter.min is not None else value
