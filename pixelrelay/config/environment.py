"""What the environment puts into a configuration: ``${NAME}``, ``${NAME:-default}`` and ``os.environ/NAME``.

``${NAME@url}`` is a variable as it stands in an address, where ``/``, ``@`` and the like have a meaning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from pixelrelay.config.problems import Finding, Loc


class Missing:
    """Stands where a variable was not set, so that nothing else is said about the same place."""


MISSING = Missing()

# "$${" is how one writes "${" itself. A default reaches to the first closing brace.
_REFERENCE = re.compile(
    r"""\$ (?: (?P<escape>\$) (?=\{)
             | \{ (?P<name>[A-Za-z_][A-Za-z0-9_]*) (?: (?P<encoded>@url) | :- (?P<default>[^}]*) )? \}
             | (?P<malformed>\{) )""",
    re.VERBOSE,
)
_WHOLE = re.compile(r"os\.environ/(?P<name>[A-Za-z_][A-Za-z0-9_]*)")


@dataclass(slots=True)
class Filling:
    """Fills in variables, and remembers what was missing and what must not be shown."""

    environ: Mapping[str, str]
    findings: list[Finding] = field(default_factory=list)
    missing: set[Loc] = field(default_factory=set)
    values: set[str] = field(default_factory=set, repr=False)
    """What the variables held."""

    def fill(self, data: Any, loc: Loc = ()) -> Any:
        """``data`` with every reference in its texts replaced, and ``MISSING`` where that cannot be done."""
        match data:
            case str():
                return self._text(data, loc)
            case Mapping():
                return {key: self.fill(value, (*loc, str(key))) for key, value in data.items()}
            case list() | tuple():
                return [self.fill(value, (*loc, index)) for index, value in enumerate(data)]
            case _:
                return data

    def _text(self, text: str, loc: Loc) -> str | Missing:
        before = len(self.findings)
        if whole := _WHOLE.fullmatch(text):
            filled = self._value(whole["name"], None, loc)
        else:
            filled = _REFERENCE.sub(lambda found: self._replacement(found, loc), text)
        if len(self.findings) == before:
            return filled
        self.missing.add(loc)
        return MISSING

    def _replacement(self, found: re.Match[str], loc: Loc) -> str:
        if found["escape"]:
            return "$"
        if found["malformed"]:
            forms = "${NAME} or ${NAME:-default}"
            self.findings.append(Finding(loc, f"a variable is written {forms}, and $${{ stands for ${{ itself"))
            return ""
        value = self._value(found["name"], found["default"], loc)
        if not found["encoded"]:
            return value
        self.values.add(encoded := quote(value, safe=""))
        return encoded

    def _value(self, name: str, default: str | None, loc: Loc) -> str:
        value = self.environ.get(name, "")
        if value:
            self.values.add(value)
            return value
        if default is not None:
            return default
        why = "is empty" if name in self.environ else "is not set"
        self.findings.append(Finding(loc, f"the environment variable {name} {why}"))
        return ""
