"""The models of the providers, and what each can do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.text import Text

from pixelrelay.cli.comparing import SQUARE
from pixelrelay.cli.views.tables import table
from pixelrelay.cli.views.words import dollars, exact
from pixelrelay.cost.listed import listed
from pixelrelay.cost.prices import estimate
from pixelrelay.images import ImageRequest, Operation
from pixelrelay.providers.capabilities import Capabilities
from pixelrelay.providers.overview import COUNTED, FEATURES


@dataclass(frozen=True, slots=True)
class Known:
    """One model of one provider; ``*`` stands for any."""

    provider: str
    model: str
    can: Capabilities

    @property
    def dollars(self) -> Decimal | None:
        """What a square of a megapixel costs at most, or whatever it draws; ``None`` where nobody knows."""
        if not self.can.operations:
            return None  # it has been switched off
        operation = min(self.can.operations, key=lambda one: one is not Operation.GENERATE)
        size = SQUARE if self.can.sizes_for(operation).objection(SQUARE) is None else None
        return estimate(listed(self.provider, self.model), ImageRequest(operation, "a picture", size=size))


def models_view(found: Sequence[Known], today: date) -> RenderableType:
    """A line for each."""
    if not found:
        return Group(Text("no model that is known can do that", "bold red"))
    shown = table("provider", "model", "can", "1024x1024", "switched off", right=frozenset({"1024x1024"}), folds=FOLDS)
    for one in found:
        gone = one.can.retires is not None and one.can.retires <= today
        shown.add_row(
            one.provider,
            "any" if one.model == "*" else one.model,
            ", ".join(_abilities(one.can)),
            dollars(one.dollars),
            _retirement(one.can),
            style="dim" if gone else None,
        )
    return shown


FOLDS = frozenset({"model", "can", "switched off"})


def models_json(found: Sequence[Known]) -> str:
    """The same for programs, with every field of what they can do; amounts are texts, so that they stay exact."""
    told = [
        {
            "provider": one.provider,
            "model": one.model,
            **one.can.model_dump(mode="json", exclude={"retires", "replaced_by"}),
            "retires": one.can.retires.isoformat() if one.can.retires else None,
            "replaced_by": one.can.replaced_by,
            "dollars": exact(one.dollars),
        }
        for one in found
    ]
    return json.dumps(told, indent=2, ensure_ascii=False)


def _abilities(can: Capabilities) -> list[str]:
    """``generate``, ``references 16`` …; of what every model has one of, no more is said."""
    counts = {name: int(able(can)) for name, able in FEATURES.items()}
    return [
        f"{name} {count}" if name in COUNTED else name
        for name, count in counts.items()
        if count > (1 if name == "n" else 0)
    ]


def _retirement(can: Capabilities) -> str:
    if can.retires is None:
        return ""
    return f"{can.retires}, {can.replaced_by} instead" if can.replaced_by else str(can.retires)
