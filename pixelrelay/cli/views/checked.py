"""A configuration in a few tables, or all that is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from pixelrelay.cli.live import Answered
from pixelrelay.cli.views.failed import warnings_view
from pixelrelay.cli.views.tables import table
from pixelrelay.cli.views.words import price, quota, seconds
from pixelrelay.config import GroupConfig, RelayConfig, ResolvedDeployment
from pixelrelay.errors import ConfigError, Problem

Resolved = Mapping[str, Sequence[ResolvedDeployment]]


def problems_view(error: ConfigError) -> Text:
    """A line for each problem, the path first; then how many there are."""
    text = Text()
    for problem in error.problems:
        if problem.path:
            text.append(problem.path, "bold").append(": ")
        text.append(f"{problem.message}\n")
    return text.append(f"{error.source}: {_count(len(error.problems), 'problem')}", "bold red")


def problems_json(error: ConfigError) -> str:
    return _json({"ok": False, "source": error.source, "problems": [_problem(problem) for problem in error.problems]})


def checked_view(source: str, config: RelayConfig, resolved: Resolved, warnings: Sequence[Problem]) -> RenderableType:
    """The groups with their deployments, the limits as they will be counted, and what one had better know."""
    deployments = sum(len(members) for members in resolved.values())
    counts = f"{_count(len(resolved), 'group')}, {_count(deployments, 'deployment')}"
    shown: list[RenderableType] = [Text.assemble((f"{source}: ", "bold"), ("ok", "bold green"), f", {counts}"), Text()]
    for name, members in resolved.items():
        shown += [_group_line(name, config.models[name]), Text(), _deployments(members), Text()]
    shown.append(_whole(config))
    if unpriced := [member.name for members in resolved.values() for member in members if member.price is None]:
        shown += [Text(), Text(f"no known price: {', '.join(unpriced)}", "yellow")]
    if warnings:
        shown += [Text(), warnings_view(warnings)]
    return Group(*shown)


def _group_line(name: str, group: GroupConfig) -> Text:
    text = Text.assemble((name, "bold"), f", strategy {group.strategy}")
    if group.fallbacks:
        text.append(f", fallbacks {', '.join(group.fallbacks)}")
    if group.content_rejected_fallbacks:
        text.append(f", after moderation to {', '.join(group.content_rejected_fallbacks)}")
    return text


def _deployments(members: Sequence[ResolvedDeployment]) -> RenderableType:
    shown = table("deployment", "provider, model", "price", "limits", folds=frozenset({"provider, model", "limits"}))
    for member in members:
        labels = [f"region {member.region}"] if member.region else []
        labels += [f"tag {tag}" for tag in sorted(member.tags)]
        shown.add_row(
            Text("\n").join([Text(member.name), *(Text(label, "dim") for label in labels)]),
            f"{member.provider.name}\n{member.target.model}",
            "\n".join(price(member.price)),
            "\n".join(quota(one) for one in member.quotas) or "none",
        )
    return shown


def _whole(config: RelayConfig) -> Text:
    again = "one more attempt" if config.on_ambiguous == "rebuy" else "no further attempt"
    return Text(
        f"deadline {seconds(config.deadline)}; quotas {_store(config)}; "
        f"after what may have been billed, {again}; at most {config.max_attempts} attempts a picture",
        "dim",
    )


def _store(config: RelayConfig) -> str:
    if config.store is None:
        return "kept in memory"
    # As text, an address has no password in it.
    return f"shared in {config.store} by all with the prefix {config.store_prefix} (when lost: {config.on_store_loss})"


def live_view(answers: Sequence[Answered]) -> RenderableType:
    """What each deployment said, and how long it took."""
    shown = table("deployment", "provider", "took", "answer", right=frozenset({"took"}), folds=frozenset({"answer"}))
    for one in answers:
        said = Text(one.answer, "green") if one.failure is None else Text(_failure(one), "red")
        shown.add_row(one.deployment, one.provider, seconds(one.seconds), said)
    failed = sum(1 for one in answers if one.failure is not None)
    verdict = Text(f"{failed} of {len(answers)} failed", "bold red") if failed else Text("all answered", "bold green")
    return Group(Text(), shown, Text(), verdict)


def _failure(one: Answered) -> str:
    assert one.failure is not None
    status = f" ({one.failure.status})" if one.failure.status is not None else ""
    return f"{one.failure.kind.value.replace('_', ' ')}{status}: {one.failure.message}"


def checked_json(
    config: RelayConfig, resolved: Resolved, warnings: Sequence[Problem], answers: Sequence[Answered] | None
) -> str:
    """The same for programs; ``live`` only where it was asked for."""
    told: dict[str, Any] = {
        "ok": not any(one.failure for one in answers or ()),
        "store": "memory" if config.store is None else str(config.store),
        "groups": {name: _group_json(config.models[name], members) for name, members in resolved.items()},
        "warnings": [_problem(problem) for problem in warnings],
    }
    if answers is not None:
        told["live"] = [
            {
                "deployment": one.deployment,
                "ok": one.failure is None,
                "seconds": round(one.seconds, 3),
                "said": _failure(one) if one.failure else one.answer,
            }
            for one in answers
        ]
    return _json(told)


def _group_json(group: GroupConfig, members: Sequence[ResolvedDeployment]) -> dict[str, Any]:
    return {
        "strategy": group.strategy,
        "fallbacks": list(group.fallbacks),
        "content_rejected_fallbacks": list(group.content_rejected_fallbacks),
        "deployments": [_deployment_json(member) for member in members],
    }


def _deployment_json(member: ResolvedDeployment) -> dict[str, Any]:
    known = member.price
    return {
        "name": member.name,
        "provider": member.provider.name,
        "model": member.target.model,
        "region": member.region,
        "tags": sorted(member.tags),
        "price": None if known is None else {"said": price(known), "source": known.source, "day": _day(known.day)},
        "quotas": [
            {
                "key": one.key,
                "unit": one.unit.value,
                "limit": one.limit,
                "shape": one.shape.value,
                "guard": one.guard,
                "counts_rejected": one.counts_rejected,
            }
            for one in member.quotas
        ],
    }


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _problem(problem: Problem) -> dict[str, str]:
    return {"path": problem.path, "message": problem.message}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _json(told: Any) -> str:
    return json.dumps(told, indent=2, ensure_ascii=False)
