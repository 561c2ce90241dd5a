"""Where a configuration comes from, so that what is said of it names the places that people wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pixelrelay.config.problems import Finding, Loc
from pixelrelay.errors import Problem
from pixelrelay.images import NOTHING


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that a configuration was made from. Whatever the origins, configurations that say the same are equal."""

    places: Mapping[Loc, Loc] = field(default=NOTHING, compare=False)
    """Where in that file stands what a part of the configuration was made from; empty where it is the file itself."""
    words: Mapping[str, str] = field(default=NOTHING, compare=False)
    """What keys are called there."""
    remarks: tuple[Problem, ...] = field(default=(), compare=False)
    """What of the file has no meaning here, or another one, and why."""

    def place(self, loc: Loc) -> Loc:
        """The place in the file of what stands at ``loc`` here."""
        if not self.places:
            return loc
        for cut in range(len(loc), 0, -1):
            if (known := self.places.get(loc[:cut])) is not None:
                return (*known, *(self.words.get(str(step), step) for step in loc[cut:]))
        return loc

    def placed(self, finding: Finding) -> Finding:
        return Finding(self.place(finding.loc), finding.message)


@dataclass(frozen=True, slots=True)
class Written:
    """What people wrote, in whatever words, and what of it became a configuration."""

    data: Any = field(default=None, repr=False)
    """As it stands in the file; ``None`` where the configuration is the file itself."""
    origin: Origin = field(default_factory=Origin)


def is_litellm(data: Any) -> bool:
    """Whether ``data`` are a configuration of LiteLLM's, and not one of this package."""
    return isinstance(data, Mapping) and "model_list" in data and "models" not in data
