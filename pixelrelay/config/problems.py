"""One report of all that is wrong: where, in plain words, with the closest known name, and never a value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pixelrelay.errors import Problem

Loc: TypeAlias = tuple[str | int, ...]
"""The keys and indices that lead to a value, from the top."""

SHORTEST_SECRET = 8
"""Characters. What is shorter keeps nothing safe, and to blot it out would maim the words around it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, before it is written out."""

    loc: Loc
    message: str


def report(findings: Iterable[Finding], data: Any, hidden: Iterable[str] = ()) -> tuple[Problem, ...]:
    """Each finding once, in the order of the file, with every text in ``hidden`` blotted out."""
    secrets = sorted((text for text in hidden if len(text) >= SHORTEST_SECRET), key=len, reverse=True)
    ordered = sorted(dict.fromkeys(findings), key=lambda finding: _place(data, finding.loc))
    return tuple(Problem(path_of(finding.loc), _blotted(finding.message, secrets)) for finding in ordered)


def path_of(loc: Loc) -> str:
    """``models.flux.deployments[1].tier``."""
    path = ""
    for step in loc:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def closest(word: str, known: Iterable[str]) -> str | None:
    """The one of ``known`` that was probably meant; ``None`` if none is near."""
    by_lower_case = {name.lower().replace("-", "_"): name for name in known}
    found = get_close_matches(word.lower().replace("-", "_"), by_lower_case, n=1)
    return by_lower_case[found[0]] if found else None


def hint(word: str, known: Iterable[str]) -> str:
    """How a message about an unknown ``word`` goes on."""
    names = sorted(map(str, known))
    if near := closest(word, names):
        return f"did you mean {near!r}?"
    return f"known here: {', '.join(names)}" if names else "none is known here"


def unknown_key(loc: Loc, known: Iterable[str]) -> Finding:
    return Finding(loc, f"unknown key; {hint(str(loc[-1]), known)}")


def findings_of(error: ValidationError, root: type[BaseModel], at: Loc = ()) -> Iterator[Finding]:
    """What pydantic found wrong with a ``root`` that stands at ``at``."""
    for detail in error.errors(include_url=False):
        loc = detail["loc"]
        if detail["type"] == "extra_forbidden":
            yield unknown_key((*at, *loc), _keys_at(root, loc[:-1]))
        elif loc and loc[-1] == "[key]":
            yield Finding((*at, *loc[:-1]), f"the name {_words(detail)}")
        elif detail["type"] == "value_error":
            yield placed((*at, *loc), str(detail["ctx"]["error"]), _keys_at(root, loc))
        else:
            yield Finding((*at, *loc), _words(detail))


def placed(loc: Loc, message: str, keys: Iterable[str]) -> Finding:
    """A finding at ``loc``, or at the one of ``keys`` there that ``message`` begins with: ``endpoint: …``."""
    key, colon, rest = message.partition(": ")
    return Finding((*loc, key), rest) if colon and key in set(keys) else Finding(loc, message)


# --- in plain words ----------------------------------------------------------------------------------------------

_NAME = re.compile(r"\^\[A-Za-z0-9\]\[A-Za-z0-9(?P<further>.*)-\]\*\$")
"""The patterns of names, which are better described than shown."""

_WANTED: Mapping[str, str] = {
    "bool": "true or false",
    "date": "a day, as 2026-11-21",
    "decimal": "a number",
    "dict": "a mapping of keys to values",
    "finite": "a finite number",
    "float": "a number",
    "frozen": "a list",
    "int": "a whole number",
    "list": "a list",
    "mapping": "a mapping of keys to values",
    "model": "a mapping of keys to values",
    "set": "a list",
    "string": "text",
    "tuple": "a list",
}


def _words(detail: ErrorDetails) -> str:
    """What is wrong with one value, without the value."""
    kind, context, given = detail["type"], detail.get("ctx", {}), detail["input"]
    match kind:
        case "missing":
            return "is missing"
        case "greater_than":
            return f"must be greater than {context['gt']:g}"
        case "greater_than_equal":
            return f"must be at least {context['ge']:g}"
        case "less_than_equal":
            return f"must be at most {context['le']:g}"
        case "too_short":
            return "is empty" if context["min_length"] == 1 else f"must hold at least {context['min_length']}"
        case "string_too_short":
            return "is empty"
        case "string_pattern_mismatch":
            return _pattern(context["pattern"])
        case "int_from_float" | "finite_number":
            return f"must be {_WANTED[kind.partition('_')[0]]}"
        case "literal_error" | "enum":
            return _choice(str(context["expected"]), given)
        case _:
            wanted = _WANTED.get(kind.partition("_")[0])
            quotes = " (put it in quotes)" if wanted == "text" and isinstance(given, (bool, int, float)) else ""
            return f"must be {wanted}, not {_kind(given)}{quotes}" if wanted else detail["msg"]


def _pattern(pattern: str) -> str:
    if name := _NAME.fullmatch(pattern):
        return f"must begin with a letter or digit, and hold only letters, digits and any of {name['further']}-"
    return f"must match {pattern}"


def _choice(expected: str, given: Any) -> str:
    known = re.findall(r"'([^']*)'", expected)
    near = closest(given, known) if isinstance(given, str) else None
    # In alphabetical order: two Literals of the same values are one to Python, so which order it keeps is chance.
    *others, last = sorted(known)
    choices = f"{', '.join(map(repr, others))} or {last!r}" if others else repr(last)
    return f"must be {choices}" + (f"; did you mean {near!r}?" if near else "")


def _kind(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case int() | float():
            return "a number"
        case str():
            return "text" if value.strip() else "nothing"
        case Mapping():
            return "a mapping"
        case Sequence() | set() | frozenset():
            return "a list"
        case _:
            return f"a {type(value).__name__}"


def _blotted(message: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        message = message.replace(secret, "***")
    return message


# --- where -------------------------------------------------------------------------------------------------------


def _place(data: Any, loc: Loc) -> tuple[int, ...]:
    """Where ``loc`` stands in the file, as something to sort by; what is missing comes after its neighbours."""
    place = []
    for step in loc:
        if isinstance(data, BaseModel):
            data = dict(data)
        if isinstance(data, Mapping):
            keys = list(data)
            place.append(keys.index(step) if step in data else len(keys))
            data = data.get(step)
        elif isinstance(data, Sequence) and isinstance(step, int) and step < len(data):
            place.append(step)
            data = data[step]
        else:
            place.append(0)
    return tuple(place)


def _keys_at(root: Any, loc: Loc) -> tuple[str, ...]:
    """The keys that the model at ``loc`` below ``root`` knows."""
    for step in loc:
        root = _inside(root, step)
    found = _model(root)
    return tuple(found.model_fields) if found else ()


def _inside(annotation: Any, step: str | int) -> Any:
    if found := _model(annotation):
        field = found.model_fields.get(str(step))
        return field.annotation if field else None
    arguments = [part for part in get_args(annotation) if part is not NoneType]
    if get_origin(annotation) in {Union, UnionType}:
        return next((inner for part in arguments if (inner := _inside(part, step)) is not None), None)
    return arguments[1] if get_origin(annotation) is dict else arguments[0] if arguments else None


def _model(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation stands for, or that it allows beside ``None``."""
    if get_origin(annotation) in {Union, UnionType}:
        return next((found for part in get_args(annotation) if (found := _model(part))), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
