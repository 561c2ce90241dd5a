"""What a parameter of a provider's own may hold, as data; and why a value is none that it may.

In a row of capabilities they are a list of names, or a table that says more::

    parameters = { guidance = { type = "number", min = 1.5, max = 10 }, raw = { type = "flag" }, mood = {} }
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator


class Row(BaseModel):
    """The base of all that stands in the files of rows."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


class Parameter(Row):
    """What a parameter of a provider's own may hold; what is not named here, anything."""

    type: Literal["text", "ratio", "number", "whole", "flag", "list", "mapping"] | None = None
    choices: tuple[str | int | float, ...] = ()
    min: float | None = None
    max: float | None = None
    multiple: int | None = None
    max_ratio: float | None = None
    """Of a ratio (``16:9``): the long edge to the short one, at most."""
    required: bool = False
    """Whether the model does nothing without it."""

    @model_validator(mode="after")
    def _can_be_compared(self) -> Self:
        bounds = {self.min, self.max, self.multiple} - {None}
        if bounds and self.type not in {"number", "whole"}:
            raise ValueError("only numbers have min, max or multiple")
        if self.max_ratio is not None and self.type != "ratio":
            raise ValueError("only ratios have max_ratio")
        return self

    def objection(self, value: Any) -> str | None:
        """Why ``value`` cannot be said; ``None`` if it can."""
        if self.type is not None and not _IS[self.type](value):
            return f"{_shown(value)} is no {_NAMES[self.type]}"
        if self.choices and not any(type(value) is type(choice) and value == choice for choice in self.choices):
            return f"{_shown(value)} is none of {', '.join(map(str, self.choices))}"
        if self.min is not None and value < self.min:
            return f"{_shown(value)} is below {self.min:g}"
        if self.max is not None and value > self.max:
            return f"{_shown(value)} is above {self.max:g}"
        if self.multiple is not None and value % self.multiple:
            return f"{_shown(value)} is no multiple of {self.multiple}"
        if self.max_ratio is not None and _elongation(value) > self.max_ratio:
            return f"{_shown(value)} is wider or taller than {self.max_ratio:g}:1"
        return None


def _by_name(written: Any) -> Any:
    """A list of names as a table in which nothing is said of any."""
    return {name: {} for name in written} if isinstance(written, list | tuple | set | frozenset) else written


Parameters: TypeAlias = Annotated[dict[str, Parameter], BeforeValidator(_by_name)]


def _is_number(value: Any) -> bool:
    """Infinity and what is no number by its own name are none: nobody can be sent them."""
    return _is_whole(value) or (isinstance(value, float) and isfinite(value))


def _is_whole(value: Any) -> bool:
    # Whole numbers may be larger than any float, so that they are never made one.
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())


_RATIO = re.compile(r"[1-9]\d{0,4}:[1-9]\d{0,4}")


def _elongation(ratio: str) -> float:
    edges = [int(edge) for edge in ratio.split(":")]
    return max(edges) / min(edges)


_IS: Mapping[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "ratio": lambda value: isinstance(value, str) and _RATIO.fullmatch(value) is not None,
    "number": _is_number,
    "whole": _is_whole,
    "flag": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list | tuple),
    "mapping": lambda value: isinstance(value, Mapping),
}
_NAMES = {
    "text": "text",
    "ratio": "ratio as 16:9",
    "number": "number",
    "whole": "whole number",
    "flag": "flag (true or false)",
    "list": "list",
    "mapping": "mapping",
}


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
