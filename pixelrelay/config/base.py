"""What all models of the configuration have in common: how values are read, and what names may be."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from pixelrelay.providers.base import ProviderOptions

SizedT = TypeVar("SizedT", bound=Sized)

# Pydantic takes true for 1, and YAML takes a bare "on" or "yes" for true.


def number(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticCustomError("float_type", "must be a number")
    return value


def not_empty(value: SizedT) -> SizedT:
    # Not by min_length, which counts the items that are in order, and calls a list of mistakes empty.
    if not value:
        raise ValueError("is empty")
    return value


def mapping_of_options(value: Any) -> Any:
    if isinstance(value, (Mapping, ProviderOptions)):
        return value
    raise PydanticCustomError("mapping_type", "must be a mapping")


GroupName: TypeAlias = Annotated[str, StringConstraints(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/@+:-]*$")]
# Without a colon: quotas of pools are counted under "pool:…".
Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/@+-]*$")]
Positive: TypeAlias = Annotated[float, Field(gt=0), BeforeValidator(number)]
NotNegative: TypeAlias = Annotated[float, Field(ge=0), BeforeValidator(number)]
AtLeastOne: TypeAlias = Annotated[int, Field(gt=0), BeforeValidator(number)]
Ambiguous: TypeAlias = Literal["rebuy", "fail"]
StoreTimeout: TypeAlias = Annotated[float, Field(gt=0, le=10), BeforeValidator(number)]


STRICT = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)
"""Of every model that people write: an unknown key is a mistake, and no value is shown in what is said of it."""
