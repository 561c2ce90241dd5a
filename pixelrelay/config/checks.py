"""What no value can tell by itself: whether names exist, and whether providers accept what was written for them.

It looks at the data before the models do, so that one report holds the mistakes of both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from pixelrelay.config.drafts import Draft, Judgement, Lookup, drafts_of, judged, mapping, text, texts
from pixelrelay.config.origin import Written
from pixelrelay.config.problems import Finding, Loc, hint, path_of
from pixelrelay.config.server import key_texts
from pixelrelay.config.store import secret_texts
from pixelrelay.providers import registry


@dataclass(frozen=True, slots=True)
class Reading:
    """What a configuration is read with, besides its data."""

    lookup: Lookup = registry.provider
    names: Callable[[], Iterable[str]] = registry.provider_names
    source: str = "the configuration"
    findings: tuple[Finding, ...] = ()
    """What was wrong before the data were looked at."""
    missing: AbstractSet[Loc] = frozenset()
    """Where a value is missing, and why was said already."""
    hidden: AbstractSet[str] = field(default=frozenset(), repr=False)
    """Texts that must not be shown."""
    written: Written = field(default_factory=Written)
    """What the data were made from, where they are not themselves what people wrote."""


@dataclass(frozen=True, slots=True)
class Prepared:
    data: Any
    """As it was, but with each deployment's options as its provider's own model."""
    findings: Sequence[Finding] = ()
    secrets: AbstractSet[str] = field(default=frozenset(), repr=False)


def prepared(data: Any, common: AbstractSet[str], reading: Reading) -> Prepared:
    """``data`` ready for the models, and what is wrong with it that they cannot see.

    ``common`` are the keys that every deployment knows.
    """
    written = mapping(data) or {}
    groups = mapping(written.get("models"))
    if groups is None:
        return Prepared(data)
    by_group = {name: tuple(drafts_of(name, group, common)) for name, group in groups.items()}
    drafts = [draft for members in by_group.values() for draft in members]
    names = tuple(reading.names())
    judgements = {draft.loc: judged(draft, reading.lookup, names, common) for draft in drafts}
    findings = [
        *_name_findings(drafts, groups.keys()),
        *_pool_findings(drafts, mapping(written.get("pools")) or {}),
        *_budget_findings(drafts, groups.keys(), mapping(written.get("budgets")) or {}),
        *_fallback_findings(by_group, groups),
        *_key_findings(by_group, groups, mapping(written.get("server")) or {}),
        *_alias_findings(by_group, groups, mapping(written.get("aliases")) or {}),
        *(finding for judgement in judgements.values() for finding in judgement.findings),
    ]
    ready = {name: _rebuilt(group, by_group[name], judgements) for name, group in groups.items()}
    secrets = frozenset(secret for judgement in judgements.values() for secret in judgement.secrets)
    hidden = secrets | secret_texts(written.get("store")) | key_texts(written.get("server"))
    return Prepared({**written, "models": ready}, findings, hidden)


def _rebuilt(group: Any, drafts: Iterable[Draft], judgements: Mapping[Loc, Judgement]) -> Any:
    """``group`` with what could be read of its deployments in place, and the rest as it was."""
    written = mapping(group) or {}
    if not isinstance(written.get("deployments"), (list, tuple)):
        return group
    deployments = list(written["deployments"])
    for draft in drafts:
        deployments[draft.index] = {"options": judgements[draft.loc].options or {}, **draft.common}
    return {**written, "deployments": deployments}


def _name_findings(drafts: Iterable[Draft], groups: AbstractSet[str]) -> Iterator[Finding]:
    first: dict[str, Loc] = {}
    for draft in drafts:
        if (name := draft.name) is None:
            continue
        loc = (*draft.loc, "name")
        if name in groups:
            yield Finding(loc, f"{name!r} is the name of a model group; a deployment needs one of its own")
        if name in first:
            yield Finding(loc, f"{name!r} is the name of {path_of(first[name])} already")
        first.setdefault(name, draft.loc)


def _pool_findings(drafts: Iterable[Draft], pools: Mapping[str, Any]) -> Iterator[Finding]:
    for draft in drafts:
        for index, pool in texts(draft.common.get("pools")):
            if pool not in pools:
                yield Finding((*draft.loc, "pools", index), f"no pool is named {pool!r}; {hint(pool, pools)}")


def _budget_findings(
    drafts: Sequence[Draft], groups: AbstractSet[str], budgets: Mapping[str, Any]
) -> Iterator[Finding]:
    known: Mapping[str, AbstractSet[str]] = {
        "deployment": {draft.name for draft in drafts if draft.name},
        "group": groups,
        "provider": {name for draft in drafts if (name := text(draft.common.get("provider")))},
        "tag": {tag for draft in drafts for _, tag in texts(draft.common.get("tags"))},
    }
    for budget, written in budgets.items():
        for scope, names in known.items():
            name = text((mapping(written) or {}).get(scope))
            if name is not None and name not in names:
                whose = {"provider": "no deployment has the provider", "tag": "no deployment carries the tag"}
                said = whose.get(scope, f"no {scope} is named")
                yield Finding(("budgets", budget, scope), f"{said} {name!r}; {hint(name, names)}")


def _fallback_findings(by_group: Mapping[str, Sequence[Draft]], groups: Mapping[str, Any]) -> Iterator[Finding]:
    own = {group: {draft.name for draft in drafts if draft.name} for group, drafts in by_group.items()}
    known = set(groups).union(*own.values())
    for group, written in groups.items():
        for key in ("fallbacks", "content_rejected_fallbacks"):
            before: set[str] = set()
            for index, name in texts((mapping(written) or {}).get(key)):
                loc = ("models", group, key, index)
                if name not in known:
                    meant = hint(name, known - {group} - own[group])
                    yield Finding(loc, f"no group or deployment is named {name!r}; {meant}")
                elif name == group:
                    yield Finding(loc, f"{name!r} is this group itself")
                elif name in own[group] and key == "fallbacks":
                    # After moderation it does make sense: the others of the group are not asked then.
                    yield Finding(loc, f"{name!r} is a deployment of this group already")
                elif name in before:
                    yield Finding(loc, f"{name!r} is named twice")
                before.add(name)


def _key_findings(
    by_group: Mapping[str, Sequence[Draft]], groups: Mapping[str, Any], server: Mapping[str, Any]
) -> Iterator[Finding]:
    known = set(groups) | {draft.name for drafts in by_group.values() for draft in drafts if draft.name}
    for key, written in (mapping(server.get("keys")) or {}).items():
        for index, name in texts((mapping(written) or {}).get("groups")):
            if name not in known:
                loc = ("server", "keys", key, "groups", index)
                yield Finding(loc, f"no group or deployment is named {name!r}; {hint(name, known)}")


def _alias_findings(
    by_group: Mapping[str, Sequence[Draft]], groups: Mapping[str, Any], aliases: Mapping[str, Any]
) -> Iterator[Finding]:
    known = set(groups).union(draft.name for drafts in by_group.values() for draft in drafts if draft.name)
    for alias, name in aliases.items():
        if alias in known:
            yield Finding(("aliases", alias), f"{alias!r} is the name of a group or deployment already")
        if isinstance(name, str) and name not in known:
            yield Finding(("aliases", alias), f"no group or deployment is named {name!r}; {hint(name, known)}")
