"""Where to turn when a group cannot serve, and what groups are called besides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pixelrelay.config.litellm.ledger import Page
from pixelrelay.config.litellm.sections import Routing
from pixelrelay.config.problems import Loc

REST_OF_GROUPS = "*"
"""In ``fallbacks``, all groups that are not named there."""


def write_fallbacks(routing: Routing) -> None:
    for theirs, ours in (("fallbacks", "fallbacks"), ("content_policy_fallbacks", "content_rejected_fallbacks")):
        rules, there = {}, routing.router.place(theirs)
        if (said := routing.first(theirs)) is not None:
            there = said[1]
            rules = _rules(routing, *said)
        if theirs == "fallbacks" and (default := routing.first("default_fallbacks")) is not None:
            rules.setdefault(REST_OF_GROUPS, (default[0], default[1]))
        for group, (targets, where) in rules.items():
            _fall_back(routing, group, targets, where, ours, rules.keys())
        routing.ledger.places.setdefault((ours,), there)


def _rules(routing: Routing, said: Any, there: Loc) -> dict[str, tuple[Any, Loc]]:
    """By group, where to turn, and where that is said: a list of mappings with one group each."""
    if isinstance(said, Mapping):
        said = [said]
    if not isinstance(said, (list, tuple)):
        routing.ledger.wrong(there, 'must be a list, as [{"group": ["another"]}]')
        return {}
    found: dict[str, tuple[Any, Loc]] = {}
    for index, rule in enumerate(said):
        if not isinstance(rule, Mapping):
            routing.ledger.wrong((*there, index), 'must be a mapping, as {"group": ["another"]}')
            continue
        for group, targets in rule.items():
            found.setdefault(str(group), (targets, (*there, index, str(group))))
    return found


def _fall_back(routing: Routing, group: str, targets: Any, there: Loc, ours: str, ruled: Iterable[str]) -> None:
    chosen = (
        [name for name in routing.groups if name not in ruled] if group == REST_OF_GROUPS else [_home(routing, group)]
    )
    if isinstance(targets, str):
        targets = [targets]
    if not isinstance(targets, (list, tuple)):
        routing.ledger.wrong(there, "must be a list of groups")
        return
    if group != REST_OF_GROUPS and chosen[0] not in routing.groups:
        routing.ledger.remark(there, f"no group that draws pictures is named {group!r}")
        return
    read = [
        (index, name) for index, target in enumerate(targets) if (name := _target(routing, target, (*there, index)))
    ]
    for name in chosen:
        written: list[str] = []
        for index, target in read:
            if target != name and target not in written:
                place = ("models", name, ours, len(written))
                routing.ledger.places[place] = (*there, index) if group != REST_OF_GROUPS else there
                written.append(target)
        if written:
            routing.groups[name][ours] = written


def _target(routing: Routing, said: Any, there: Loc) -> str | None:
    """The group to turn to; ``None`` where it draws no pictures, or cannot be read."""
    name = said.get("model") if isinstance(said, Mapping) else said
    if isinstance(said, Mapping) and len(said) > 1:
        routing.ledger.remark(there, "another request cannot be made of the one that failed; only its model counts")
    if not isinstance(name, str):
        routing.ledger.wrong(there, "must be the name of a group")
        return None
    home = _home(routing, name)
    if home in routing.absent:
        routing.ledger.remark(there, f"{name!r} draws no pictures here")
        return None
    return home


def _home(routing: Routing, name: str) -> str:
    """The group itself, where its other name was given."""
    aliases = routing.router.values.get("model_group_alias")
    said = aliases.get(name) if isinstance(aliases, Mapping) else None
    target = said.get("model") if isinstance(said, Mapping) else said
    return target if isinstance(target, str) and name not in routing.groups else name


def write_aliases(routing: Routing) -> None:
    said = routing.router.get("model_group_alias")
    if said is None:
        return
    aliases = Page(routing.ledger, ("aliases",))
    there = routing.router.place("model_group_alias")
    for name, target in routing.mapping(said, there).items():
        group = target.get("model") if isinstance(target, Mapping) else target
        if isinstance(group, str) and group in routing.absent:
            routing.ledger.remark((*there, name), f"{group!r} draws no pictures here")
        elif name in routing.groups:
            routing.ledger.remark((*there, name), f"{name!r} is a group itself, which comes first")
        else:
            aliases.put(name, group, (*there, name))
    if aliases.data:
        routing.page.data["aliases"] = aliases.data
