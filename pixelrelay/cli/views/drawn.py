"""A request that was served: its attempts, its files, its price."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pixelrelay.cli.files import Saved
from pixelrelay.cli.views.tables import table
from pixelrelay.cli.views.words import cost, dollars, outcome, seconds, size_in_bytes
from pixelrelay.images import Images
from pixelrelay.outcomes import Attempt, Route, Usage


def drawn_view(route: Route) -> RenderableType:
    """The way a request took, and what it came to."""
    return Group(attempts_table(route.attempts), Text(), _total(route))


def attempts_table(attempts: Sequence[Attempt]) -> Table:
    """Every attempt in its order."""
    shown = table("", "deployment", "provider", "outcome", "took", "cost", right=RIGHT, folds=frozenset({"outcome"}))
    for number, attempt in enumerate(attempts, 1):
        style = "green" if attempt.succeeded else "red"
        shown.add_row(
            str(number),
            attempt.deployment,
            attempt.provider,
            Text(outcome(attempt), style=style),
            seconds(attempt.duration),
            cost(attempt),
        )
    return shown


RIGHT = frozenset({"", "took", "cost"})


def _total(route: Route) -> Text:
    waited = f", {seconds(route.waited)} of it waiting for quota" if route.waited >= 0.05 else ""
    fallbacks = f", by fallback to {', '.join(route.fallbacks)}," if route.fallbacks else ""
    text = Text.assemble(
        ("served ", "bold"), f"from {route.group}{fallbacks} in {seconds(route.duration)}{waited}; ", _paid(route)
    )
    if route.adaptations:
        text.append(f"\nadapted: {'; '.join(route.adaptations)}")
    if route.degraded:
        text.append("\nthe shared store was away: quotas were counted by this process alone", "yellow")
    return text


def _paid(route: Route) -> str:
    paid = f"cost {dollars(route.cost)}"
    if route.cost is None:
        paid = "the cost is unknown: nobody has a price for it"
    if route.at_risk is None:
        return f"{paid}; failed attempts may have cost more"
    return f"{paid}, and at most {dollars(route.at_risk)} for failed attempts" if route.at_risk else paid


def files_view(files: Sequence[Saved]) -> Text:
    """A line for each file, the path first."""
    text = Text()
    for at, saved in enumerate(files):
        facts = [saved.media_type, size_in_bytes(saved.size_bytes)]
        if saved.size is not None:
            facts.insert(0, str(saved.size))
        if len({each.image.deployment for each in files}) > 1:
            facts.append(f"by {saved.image.deployment}")
        text.append("\n" if at else "").append(str(saved.path), "bold green").append(f"  {', '.join(facts)}", "dim")
    return text


def drawn_json(images: Images | None, files: Sequence[Saved]) -> str:
    """The same for programs. Without ``images`` only the files are told: those paid before the rest failed."""
    told: dict[str, Any] = {"files": [_file(saved) for saved in files]}
    if images is not None:
        told["created"] = images.created
        told["route"] = TypeAdapter(Route).dump_python(images.route, mode="json")
        told["usage"] = TypeAdapter(Usage | None).dump_python(images.usage, mode="json")
    return json.dumps(told, indent=2, ensure_ascii=False)


def _file(saved: Saved) -> dict[str, Any]:
    return {
        "path": str(saved.path),
        "media_type": saved.media_type,
        "size": str(saved.size) if saved.size else None,
        "size_bytes": saved.size_bytes,
        "deployment": saved.image.deployment,
        "seed": saved.image.seed,
        "revised_prompt": saved.image.revised_prompt,
    }
