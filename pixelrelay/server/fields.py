"""What the fields of a request are called and hold, whether they come as JSON, as a form or as headers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from pixelrelay.errors import InvalidRequestError, Problem

Reader: TypeAlias = Callable[[str, Any], Any]
"""A field's name and what was given for it, as what the router takes. ``InvalidRequestError`` if it is none."""

HEADER = "x-pixelrelay-"
"""How the headers begin that say what fields of ``WAY`` say."""
LONGEST_NUMBER = 400
"""Characters of a number in a form or a header."""
HIGHEST_RANK = 1_000_000
DEEPEST = 8
"""Levels of ``a[b][c]`` in the name of a form's field."""


def _wrong(name: str, message: str) -> InvalidRequestError:
    return InvalidRequestError([Problem(name, message)])


def text(name: str, given: Any) -> str:
    if not isinstance(given, str):
        raise _wrong(name, f"must be text, not {_kind(given)}")
    return given


def whole(name: str, given: Any) -> int:
    value = _from_text(given) if isinstance(given, str) else given
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(name, f"must be a whole number, not {_kind(given)}")
    return value


def seconds(name: str, given: Any) -> float:
    value = _from_text(given) if isinstance(given, str) else given
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1e9:
        raise _wrong(name, f"must be a positive number of seconds, not {_kind(given)}")
    return float(value)


def retries(name: str, given: Any) -> int:
    """As the router counts them: all attempts, the first among them."""
    value = whole(name, given)
    if not 0 <= value <= 100:
        raise _wrong(name, f"{value} is not from 0 to 100")
    return value + 1


def rank(name: str, given: Any) -> int:
    value = whole(name, given)
    if abs(value) > HIGHEST_RANK:
        raise _wrong(name, f"must be from -{HIGHEST_RANK} to {HIGHEST_RANK}")
    return value


def flag(name: str, given: Any) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    value = known.get(given.strip().lower()) if isinstance(given, str) else given
    if not isinstance(value, bool):
        raise _wrong(name, f"must be true or false, not {_kind(given)}")
    return value


def names(name: str, given: Any) -> tuple[str, ...]:
    """A list of names; in a form or a header also one text, parted by commas."""
    listed = [one.strip() for one in given.split(",")] if isinstance(given, str) else given
    if not isinstance(listed, Sequence) or not all(isinstance(one, str) for one in listed):
        raise _wrong(name, f"must be a list of names, not {_kind(given)}")
    return tuple(one for one in listed if one)


def names_or_flag(name: str, given: Any) -> tuple[str, ...] | bool:
    if isinstance(given, bool) or (isinstance(given, str) and given.strip().lower() in {"true", "false"}):
        return flag(name, given)
    return names(name, given)


PICTURE: Mapping[str, Reader] = {
    "n": whole,
    "size": text,
    "quality": text,
    "background": text,
    "output_format": text,
    "output_compression": whole,
    "response_format": text,
    "style": text,
    "seed": whole,
    "user": text,
}
"""What is to be drawn, besides ``model``, ``prompt`` and the images: arguments of the router by the same names."""

WAY: Mapping[str, Reader] = {
    "timeout": seconds,
    "num_retries": retries,
    "tags": names,
    "region": text,
    "strategy": text,
    "priority": rank,
    "fallbacks": names,
    "disable_fallbacks": flag,
    "adapt": names,
    "drop_params": names_or_flag,
}
"""How it is to be served; each also as a header, ``x-pixelrelay-num-retries`` and so on, over which the body wins."""

STREAM: Mapping[str, Reader] = {"stream": flag, "partial_images": whole}

OURS: Mapping[str, Reader] = {"model": text, "prompt": text, **PICTURE, **WAY, **STREAM}
"""Every field that means something here. Others are parameters of a provider's own."""

CLOSED = frozenset({"extra_headers", "extra_body", "heartbeat", "limits", "max_attempts"})
"""Arguments of the router that are not the caller's to give, or are called otherwise."""


def read_fields(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Those that mean something here, read; and the parameters of providers. What is null is as if left out.

    Raises one ``InvalidRequestError`` with all that is wrong.
    """
    ours: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in given.items():
        if value is None:
            continue
        if name in CLOSED or not name.isidentifier():
            problems.append(Problem(name[:64], "is no field of a request"))
        elif name in OURS:
            try:
                ours[name] = OURS[name](name, value)
            except InvalidRequestError as error:
                problems += error.problems
        else:
            parameters[name] = value
    if problems:
        raise InvalidRequestError(problems)
    return ours, parameters


def header_fields(headers: Mapping[str, str]) -> dict[str, Any]:
    """What ``x-pixelrelay-…`` headers say, by the names of the fields."""
    found = {name: headers.get(HEADER + name.replace("_", "-")) for name in WAY}
    return {name: value for name, value in found.items() if value is not None}


def form_fields(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The fields of a form as JSON would have them: ``tags[]`` as a list, ``svg[model]`` as a mapping.

    What is not one of ours is a number, a flag or a list where it reads as one: a form has texts alone.
    """
    fields: dict[str, Any] = {}
    for key, written in pairs:
        name, *steps = re.findall(r"[^\[\]]+|\[\]|\[[^\[\]]*\]", key) or [key]
        if len(steps) > DEEPEST:
            raise _wrong(name[:64], "is nested too deeply")
        value = written if name in OURS and not steps else _from_text(written)
        _put(fields, name, [step[1:-1] for step in steps], value if name not in OURS else written)
    return fields


def _put(fields: dict[str, Any], name: str, steps: list[str], value: Any) -> None:
    """``value`` under ``name`` and, below it, under ``steps``; an empty step adds to a list."""
    if not steps:
        if name in fields:
            raise _wrong(name[:64], "is given twice")
        fields[name] = value
        return
    step, *rest = steps
    inner = fields.setdefault(name, {} if step else [])
    if not step and isinstance(inner, list) and not rest:
        inner.append(value)
    elif step and isinstance(inner, dict):
        _put(inner, step, rest, value)
    else:
        raise _wrong(name[:64], "is given in two ways")


def _from_text(written: str) -> Any:
    """What a text stands for where it is JSON, and else the text."""
    if len(written) > LONGEST_NUMBER and not written.startswith(("{", "[")):
        return written
    try:
        return parse(written)
    except ValueError:
        return written


def parse(written: str | bytes) -> Any:
    """JSON as its standard has it. ``ValueError`` for anything else, and for what is nested too deeply."""
    try:
        value = json.loads(written, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _kind(value: Any) -> str:
    match value:
        case str():
            return "this text"
        case bool():
            return str(value).lower()
        case int() | float():
            return "a number"
        case None:
            return "nothing"
        case Mapping():
            return "an object"
        case _:
            return "a list"
