"""Budgets of LiteLLM's: of a deployment, of a provider, or of everything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from pixelrelay.config.litellm.dialects import DIALECTS
from pixelrelay.config.litellm.ledger import Ledger, Page
from pixelrelay.config.problems import Loc

YEAR = "366d"
"""The longest window there is, for a budget that LiteLLM never resets."""

_MONTH = re.compile(r"1\s*mo(nth)?|30d", re.IGNORECASE)
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._/@+-]+")


@dataclass(slots=True)
class Budgets:
    """The budgets that a file comes to, by name."""

    ledger: Ledger
    data: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, name: str, dollars: tuple[Any, Loc], lasts: tuple[Any, Loc] | None, **about: str) -> None:
        """A cap of so many dollars for so long. What has no known price is served, as by LiteLLM."""
        page = Page(self.ledger, ("budgets", name))
        page.put("dollars", *dollars)
        held = self.ledger.actual(*lasts) if lasts is not None and lasts[0] is not None else None
        if lasts is None or held is None:
            page.data["rolling"] = YEAR
            self.ledger.remark(
                dollars[1], "a budget is of a span of time; where none is given it is the longest, 366 days"
            )
        elif isinstance(held, str) and _MONTH.fullmatch(held.strip()):
            page.put("window", "month", lasts[1])
        else:
            page.put("rolling", *lasts)
        self.data[name] = {**page.data, **about, "unpriced": "allow"}
        self.ledger.places[("budgets", name)] = dollars[1]


def write_deployment_budget(budgets: Budgets, deployment: str, params: Mapping[str, Any], place: Loc) -> None:
    """What ``litellm_params`` says of one deployment."""
    if params.get("max_budget") is not None:
        lasts = params.get("budget_duration"), (*place, "budget_duration")
        name = _NOT_IN_NAMES.sub("-", deployment)
        budgets.add(f"deployment/{name}", (params["max_budget"], (*place, "max_budget")), lasts, deployment=deployment)


def write_provider_budgets(budgets: Budgets, said: Any, there: Loc, used: AbstractSet[str]) -> None:
    """``provider_budget_config``: by LiteLLM's name of a provider, a limit and a time.

    ``used`` are the providers that deployments have.
    """
    if not isinstance(said, Mapping):
        budgets.ledger.wrong(there, "must be a mapping of providers to limits")
        return
    for prefix, limit in said.items():
        place = (*there, str(prefix))
        match limit:
            case {"budget_limit": dollars}:
                dialect = DIALECTS.get(str(prefix))
                if dialect is None or dialect.provider not in used:
                    budgets.ledger.remark(place, "no deployment here is of this provider")
                    continue
                lasts = limit.get("time_period"), (*place, "time_period")
                budgets.add(
                    f"provider/{dialect.provider}",
                    (dollars, (*place, "budget_limit")),
                    lasts,
                    provider=dialect.provider,
                )
            case _:
                budgets.ledger.wrong(place, "must have a budget_limit and a time_period")
