"""What comes of a file of LiteLLM's: data as they are written here, and for each part where it was said there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pixelrelay.config.litellm.meanings import THEIRS
from pixelrelay.config.origin import Origin
from pixelrelay.config.problems import Finding, Loc, path_of
from pixelrelay.errors import Problem

_VARIABLE = re.compile(r"os\.environ/(?P<name>[A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Translation:
    """A file of LiteLLM's in the words of this package."""

    data: Mapping[str, Any] = field(repr=False)
    """As a configuration is written here, its secrets still ``${NAME}`` where theirs were variables."""
    places: Mapping[Loc, Loc]
    """Where in their file stands what a part of ``data`` was made from."""
    findings: tuple[Finding, ...] = ()
    """What is wrong with it, at its places in their file."""
    remarks: tuple[Finding, ...] = ()
    """What has no meaning here, or another one, and why."""

    @property
    def origin(self) -> Origin:
        """What leads back to their file."""
        remarks = tuple(dict.fromkeys(Problem(path_of(one.loc), one.message) for one in self.remarks))
        return Origin(self.places, THEIRS, remarks)


@dataclass(slots=True)
class Ledger:
    """A translation under way."""

    environ: Mapping[str, str] = field(repr=False)
    own: dict[str, str] = field(default_factory=dict, repr=False)
    """The file's own ``environment_variables``, which outrank those that are there."""
    places: dict[Loc, Loc] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    remarks: list[Finding] = field(default_factory=list)

    def wrong(self, loc: Loc, message: str) -> None:
        self.findings.append(Finding(loc, message))

    def remark(self, loc: Loc, message: str) -> None:
        self.remarks.append(Finding(loc, message))

    def said(self, value: Any) -> Any:
        """``value`` as it is written here: a variable in the form that may stand anywhere, all else as it was."""
        match value:
            case str():
                found = _VARIABLE.fullmatch(value)
                return self.variable(found["name"]) if found else value
            case Mapping():
                return {str(key): self.said(inner) for key, inner in value.items()}
            case list() | tuple():
                return [self.said(inner) for inner in value]
            case _:
                return value

    def variable(self, name: str) -> str:
        """What leads to the value of a variable: its name, or what the file itself says that it holds."""
        return self.own.get(name, f"${{{name}}}")

    def holds(self, name: str) -> bool:
        """Whether a variable has a value."""
        return bool(self.own.get(name) or self.environ.get(name))

    def actual(self, value: Any, loc: Loc) -> Any:
        """``value``, or what its variable holds, where that must be known at once; if unset ``None``, and a finding."""
        found = _VARIABLE.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            return value
        name = found["name"]
        held = self.environ.get(name, "") if name not in self.own else self.own[name]
        if inner := re.fullmatch(r"\$\{(\w+)\}", held):
            held = self.environ.get(inner[1], "")
        if not held:
            self.wrong(loc, f"the environment variable {name} is {'empty' if name in self.environ else 'not set'}")
            return None
        return held


@dataclass(slots=True)
class Page:
    """A mapping of this package being written, from one or several places of theirs."""

    ledger: Ledger
    loc: Loc
    """Where it will stand here."""
    data: dict[str, Any] = field(default_factory=dict, repr=False)

    def put(self, key: str, value: Any, there: Loc) -> None:
        """Write what stands ``there`` in their file."""
        self.data[key] = self.ledger.said(value)
        self.ledger.places[(*self.loc, key)] = there
