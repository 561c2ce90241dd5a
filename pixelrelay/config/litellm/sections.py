"""``router_settings`` and ``litellm_settings`` on their way into a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pixelrelay.config.litellm.ledger import Ledger, Page
from pixelrelay.config.problems import Loc


@dataclass(slots=True)
class Settings:
    """One section of settings; what was asked for is left out of what is told as having no meaning."""

    name: str
    values: Mapping[str, Any] = field(repr=False)
    read: set[str] = field(default_factory=set)

    def get(self, key: str) -> Any:
        self.read.add(key)
        return self.values.get(key)

    def place(self, *path: str | int) -> Loc:
        return (self.name, *path)


def section(data: Mapping[str, Any], name: str, ledger: Ledger) -> Settings:
    written = data.get(name)
    if written is not None and not isinstance(written, Mapping):
        ledger.wrong((name,), "must be a mapping of keys to values")
        written = None
    return Settings(name, {str(key): value for key, value in (written or {}).items()})


@dataclass(slots=True)
class Routing:
    """The two sections, of which the first outranks the second, on their way into a configuration."""

    router: Settings
    litellm: Settings
    ledger: Ledger
    page: Page
    """The whole file."""
    groups: Mapping[str, dict[str, Any]]
    absent: frozenset[str] = frozenset()
    """Groups that their file has and that have no deployment here."""

    def first(self, key: str) -> tuple[Any, Loc] | None:
        """What either section says of ``key``."""
        said = [(part.get(key), part.place(key)) for part in (self.router, self.litellm)]
        return next(((value, place) for value, place in said if value is not None), None)

    def whole(self, said: tuple[Any, Loc] | None) -> int | None:
        """A whole number, 0 or more, that has to be reckoned with."""
        if said is None or (held := self.ledger.actual(*said)) is None:
            return None
        if isinstance(held, str) and held.isdecimal():
            held = int(held)
        if not isinstance(held, int) or isinstance(held, bool) or not 0 <= held <= 1_000_000:
            self.ledger.wrong(said[1], "must be a whole number, 0 or more")
            return None
        return held

    def mapping(self, said: Any, there: Loc) -> Mapping[str, Any]:
        if isinstance(said, Mapping):
            return {str(key): value for key, value in said.items()}
        self.ledger.wrong(there, "must be a mapping of keys to values")
        return {}
