"""Who would serve a request, leg by leg."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from pixelrelay.cli.stages import OrderedLeg, Prospect, Stage
from pixelrelay.cli.views.failed import details_table
from pixelrelay.cli.views.tables import table
from pixelrelay.cli.views.words import claim, dollars
from pixelrelay.images import ImageRequest
from pixelrelay.router.candidates import Candidate

FOLDS = frozenset({"provider, model", "takes"})


def explained_view(model: str, found: Prospect) -> RenderableType:
    """Every leg with its candidates in order; then who cannot serve, and why."""
    shown: list[RenderableType] = []
    for at, stage in enumerate(found.stages):
        shown += _stage(model, stage, after=at > 0)
    if not shown:
        shown += [Text("no deployment can serve this request", "bold red"), Text()]
    if found.unfit:
        shown += [Text("left out", "bold"), Text(), details_table(list(_unfit(found).items()))]
    else:
        shown.pop()  # the empty line at the end
    return Group(*shown)


def _stage(model: str, stage: Stage, *, after: bool) -> list[RenderableType]:
    shown: list[RenderableType] = []
    if stage.calls > 1:
        why = "for what is missing then" if after else f"{model} cannot draw them all in one call"
        shown += [Text(f"{why}: {stage.calls} calls side by side, a picture each", "bold"), Text()]
    for leg in stage.legs:
        role = "" if leg.name == model else "then "
        shown += _leg(f"{role}{leg.name}", leg, stage)
    for leg in stage.moderated:
        shown += _leg(f"{leg.name}, only after moderation has refused", leg, stage)
    return shown


def _leg(title: str, leg: OrderedLeg, stage: Stage) -> list[RenderableType]:
    shown = table("", "deployment", "provider, model", "estimate", "takes", right=frozenset({""}), folds=FOLDS)
    for number, candidate in enumerate(leg.candidates, 1):
        shown.add_row(
            str(number),
            candidate.name,
            f"{candidate.deployment.provider.name}\n{candidate.deployment.target.model}",
            _price(candidate, stage),
            "\n".join((*_claims(candidate, stage.request), *candidate.fit(stage.request).adaptations))
            or "no quota is known",
        )
    return [Text.assemble((title, "bold"), f", strategy {leg.strategy}"), Text(), shown, Text()]


def _price(candidate: Candidate, stage: Stage) -> str:
    dollar = candidate.estimate(stage.request)
    if dollar is not None:
        return dollars(dollar) + (" each" if stage.calls > 1 else "")
    if candidate.deployment.price is None:
        return "no price"
    return "needs a size" if candidate.fit(stage.request).request.size is None else "not in its price"


def _claims(candidate: Candidate, request: ImageRequest) -> list[str]:
    return [claim(one) for one in candidate.claims(candidate.fit(request).request)]


def _unfit(found: Prospect) -> dict[str, str]:
    return {name: "; ".join(reasons) for name, reasons in found.unfit.items()}


def explained_json(found: Prospect) -> str:
    """The same for programs."""
    told = {
        "stages": [
            {
                "calls": stage.calls,
                "pictures_a_call": stage.request.n,
                "legs": _legs_json(stage.legs, stage),
                "after_moderation": _legs_json(stage.moderated, stage),
            }
            for stage in found.stages
        ],
        "left_out": {name: list(reasons) for name, reasons in found.unfit.items()},
    }
    return json.dumps(told, indent=2, ensure_ascii=False)


def _legs_json(legs: Sequence[OrderedLeg], stage: Stage) -> list[dict[str, Any]]:
    return [
        {
            "group": leg.name,
            "strategy": leg.strategy,
            "candidates": [_candidate_json(candidate, stage.request) for candidate in leg.candidates],
        }
        for leg in legs
    ]


def _candidate_json(candidate: Candidate, request: ImageRequest) -> dict[str, Any]:
    fit = candidate.fit(request)
    dollar = candidate.estimate(request)
    return {
        "deployment": candidate.name,
        "provider": candidate.deployment.provider.name,
        "model": candidate.deployment.target.model,
        "estimate": None if dollar is None else str(dollar),
        "adaptations": list(fit.adaptations),
        "claims": [
            {
                "quota": one.quota.key,
                "unit": one.quota.unit.value,
                "amount": one.amount,
                "limit": one.quota.limit,
            }
            for one in candidate.claims(fit.request)
        ],
    }
