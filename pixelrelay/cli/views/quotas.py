"""What a fleet shares in three tables: of the deployments, of the pools, and of the budgets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pixelrelay.cli.standing import Condition, Fill, Member, Pool, Purse, Standing
from pixelrelay.cli.views.tables import table
from pixelrelay.cli.views.words import MEGAPIXEL, claim, dollars, seconds
from pixelrelay.quotas import Claim, Unit
from pixelrelay.store.base import Mode

LONG_BAR, ROOMY = 10, 100
"""Characters of a quota's bar, and the columns from which there is room for one."""
NAMES = 8
"""The most names of processes that are shown; programs are told all."""
AROUND = 14
"""Lines of a terminal that are for neither deployments nor pools, where not all of them can be shown."""
BESIDE_BUDGETS = 3
"""Further lines, where there are any."""
NARROWEST = (7, 26, 9, 16)
"""Characters of the columns, where names are so long that not all have the room they want."""

PROVIDERS: Mapping[str, str] = {
    "azure-foundry": "Azure",
    "azure-openai": "Azure",
    "bedrock": "Amazon Bedrock",
    "black-forest-labs": "Black Forest Labs",
    "fal": "fal",
    "fireworks": "Fireworks",
    "gemini": "Google AI Studio",
    "ideogram": "Ideogram",
    "nscale": "Nscale",
    "openai": "OpenAI",
    "openai-compatible": "the server",
    "openrouter": "OpenRouter",
    "recraft": "Recraft",
    "replicate": "Replicate",
    "stability": "Stability AI",
    "together": "Together",
    "vertex-ai": "Vertex AI",
    "xai": "xAI",
    "xinference": "Xinference",
}
"""As one speaks of them; one that is not among them is called as it is written."""
ON_LOSS: Mapping[str, str] = {
    "share": "if it is lost, each goes on with its share",
    "closed": "if it is lost, nothing is served",
    "open": "if it is lost, each goes on with the whole limits",
}
NEARLY = 0.95
"""The share from which on a limit counts as used up."""
_COLOURS: Mapping[Condition, str] = {
    Condition.WELL: "green",
    Condition.TOLD: "yellow",
    Condition.ILL: "red",
    Condition.PROBING: "yellow",
}


def quotas_view(standing: Standing, width: int, *, lines: int | None = None, lost: str | None = None) -> RenderableType:
    """The fleet as it stands, for ``width`` columns; in about so many ``lines``, those first that are in need.

    ``lost`` says why this is no longer how it stands.
    """
    length = LONG_BAR if width >= ROOMY else 0
    shown: list[RenderableType] = [_head(standing)]
    if lost is not None:
        shown.append(Text(f"lost sight of it: {lost}", "bold red"))
    members = _fitting(standing, lines)
    shown += [Text(), _deployments(members, length)]
    if left_out := len(standing.members) - len(members):
        shown.append(Text(f"and {left_out} more, less used than these; all of them with --once", "dim"))
    if standing.pools:
        shown += [Text(), _pools(standing.pools, length)]
    if standing.budgets:
        shown += [Text(), _budgets(standing.budgets, length)]
    return Group(*shown)


def _head(standing: Standing) -> Text:
    names = standing.processes
    count = "1 process" if len(names) == 1 else f"{len(names)} processes" if names else "no process at present"
    text = Text.assemble((standing.address, "bold"), f", prefix {standing.prefix}: shared by {count}")
    text.append(f"; {ON_LOSS[standing.on_loss]}", "dim")
    if names:
        more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
        text.append(f"\n{', '.join(names[:NAMES])}{more}", "dim")
    return text


def _fitting(standing: Standing, lines: int | None) -> Sequence[Member]:
    """All, where there is room for them; else those that are not well, and those nearest to their limits."""
    if lines is None:
        return standing.members
    below = len(standing.budgets) + (BESIDE_BUDGETS if standing.budgets else 0)
    room = lines - AROUND - below - sum(_height(pool.fills) for pool in standing.pools)
    if sum(_height(one.fills) for one in standing.members) <= room:
        return standing.members
    first: list[Member] = []
    for member in sorted(standing.members, key=lambda one: (one.condition is Condition.WELL, -one.share)):
        room -= _height(member.fills)
        if first and room < 0:
            break
        first.append(member)
    return first


def _height(fills: Sequence[Fill]) -> int:
    return max(1, sum(1 + len(list(lessons(fill))) for fill in fills))


def _deployments(members: Iterable[Member], length: int) -> RenderableType:
    shown = _table("deployment", "used", "in flight", "state")
    for one in members:
        used = _used(one.fills, length) or Text("as its pool says" if one.pools else "no limit is known", "dim")
        shown.add_row(one.name, used, str(one.in_flight), Text(_state(one), _COLOURS[one.condition]))
    return shown


def _pools(pools: Iterable[Pool], length: int) -> RenderableType:
    shown = _table("pool", "used", "in flight", "drawn on by")
    for one in pools:
        shown.add_row(one.name, _used(one.fills, length), str(one.in_flight), ", ".join(one.members) or "nobody")
    return shown


def _budgets(budgets: Iterable[Purse], length: int) -> RenderableType:
    shown = table("budget", "used", "reserved", "of", right=frozenset({"reserved"}), folds=frozenset({"used", "of"}))
    for column, at_least in zip(shown.columns, NARROWEST, strict=True):
        column.min_width = at_least
    for one in budgets:
        reserved = dollars(one.standing.reserved) if one.standing else ""
        shown.add_row(one.name, _spent(one, length), reserved, one.of)
    return shown


def _spent(one: Purse, length: int) -> Text:
    cap = f"{dollars(one.cap)} {one.window}"
    state = one.standing
    if state is None:
        return Text(f"{cap} for each", "dim")
    share = float(state.used / one.cap)
    words = f"{'at least ' if state.at_least else ''}{dollars(state.used)} of {cap}"
    if state.frees is not None and share >= NEARLY:
        words += f", frees in {timedelta(seconds=round(state.frees))}"
    return _bar(words, share, length)


def _table(*columns: str) -> Table:
    shown = table(*columns, right=frozenset({"in flight"}), folds=frozenset(columns) - {"in flight"})
    for column, at_least in zip(shown.columns, NARROWEST, strict=True):
        column.min_width = at_least
    return shown


def _state(one: Member) -> str:
    if one.condition in {Condition.TOLD, Condition.ILL}:
        return f"{one.condition.value}, {seconds(one.cooling)} left"
    return str(one.condition.value)


def _used(fills: Sequence[Fill], length: int) -> RenderableType | None:
    lines: list[RenderableType] = []
    for fill in fills:
        lines.append(_line(fill, length))
        lines += (Padding(Text(lesson, "yellow"), (0, 0, 0, 2), expand=False) for lesson in lessons(fill))
    return Group(*lines) if lines else None


def _line(fill: Fill, length: int) -> Text:
    # Without its key, which would say again whose it is.
    return _bar(claim(Claim(replace(fill.quota, key="", limit=fill.learned), fill.used)), fill.share, length)


def _bar(words: str, share: float, length: int) -> Text:
    colour = "green" if share < 0.6 else "yellow" if share < NEARLY else "magenta"
    if not length:
        return Text(words, colour)
    full = round(min(1.0, share) * length)
    return Text.assemble(("━" * full, colour), ("┄" * (length - full), "bright_black"), f" {words}")


def lessons(fill: Fill) -> Iterator[str]:
    """Why a limit is not the one that is configured."""

    def amount(limit: int) -> str:
        return f"{limit / MEGAPIXEL:g}" if fill.quota.unit is Unit.MEGAPIXELS else f"{limit:,}"

    if fill.counted != fill.quota.limit:
        yield f"the fleet counts by {amount(fill.counted)}, this configuration says {amount(fill.quota.limit)}"
    parts, known = [], fill.counted
    if fill.stated is not None and fill.stated < known:
        known = fill.stated
        parts.append(f"{_speaker(fill)} says {amount(known)}")
    if fill.learned < known:
        parts.append(f"429s taught {amount(fill.learned)}")
    if parts:
        yield ", ".join([*parts, f"{'you wrote' if fill.written else 'not'} {amount(fill.counted)}"])


def _speaker(fill: Fill) -> str:
    return " or ".join(dict.fromkeys(PROVIDERS.get(name, name) for name in fill.providers)) or "the provider"


def quotas_json(standing: Standing) -> str:
    """The same for programs."""
    told = {
        "store": standing.address,
        "prefix": standing.prefix,
        "mode": Mode.SHARED.value,
        "on_store_loss": standing.on_loss,
        "processes": list(standing.processes),
        "deployments": [_member_json(one) for one in standing.members],
        "pools": [
            {
                "name": one.name,
                "in_flight": one.in_flight,
                "deployments": list(one.members),
                "quotas": [_fill_json(fill) for fill in one.fills],
            }
            for one in standing.pools
        ],
        "budgets": [_budget_json(one) for one in standing.budgets],
    }
    return json.dumps(told, indent=2, ensure_ascii=False)


def _member_json(one: Member) -> dict[str, Any]:
    return {
        "name": one.name,
        "group": one.group,
        "provider": one.provider,
        "state": one.condition.value,
        "cooling": round(one.cooling, 3),
        "in_flight": one.in_flight,
        "pools": list(one.pools),
        "quotas": [_fill_json(fill) for fill in one.fills],
    }


def _budget_json(one: Purse) -> dict[str, Any]:
    told: dict[str, Any] = {"name": one.name, "of": one.of, "dollars": str(one.cap), "window": one.window}
    if one.standing is not None:
        state = one.standing
        told |= {"used": str(state.used), "reserved": str(state.reserved), "at_least": state.at_least}
        told["frees"] = None if state.frees is None else round(state.frees, 3)
    return told


def _fill_json(fill: Fill) -> dict[str, Any]:
    return {
        "key": fill.quota.key,
        "unit": fill.quota.unit.value,
        "used": fill.used,
        "limit": fill.quota.limit,
        "counted": fill.counted,
        "learned": fill.learned,
        "stated": fill.stated,
        "lessons": list(lessons(fill)),
    }
