"""Entries of one name as one group: the names of its deployments, its strategy, and what a ``*`` stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from pixelrelay.config.litellm.budgets import Budgets, write_deployment_budget
from pixelrelay.config.litellm.deployments import write_deployment
from pixelrelay.config.litellm.dialects import Named
from pixelrelay.config.litellm.entries import Entry
from pixelrelay.config.litellm.ledger import Ledger, Page
from pixelrelay.config.models import LIMITS
from pixelrelay.config.problems import Loc
from pixelrelay.providers import registry

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._/@+-]+")


@dataclass(slots=True)
class Groups:
    """The groups that a list of entries comes to."""

    ledger: Ledger
    data: dict[str, dict[str, Any]] = field(default_factory=dict)
    """As under ``models``."""
    pools: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What the deployments share that one entry with a ``*`` stands for."""
    budgets: Budgets = field(init=False)
    taken: set[str] = field(default_factory=set)
    """Names of groups and deployments."""

    def __post_init__(self) -> None:
        self.budgets = Budgets(self.ledger)

    def add(self, entry: Entry, pool: str | None = None) -> None:
        """Append the deployment of ``entry``; with ``pool`` its limits are those of the pool."""
        deployments = self.data.setdefault(entry.group, {"deployments": []})["deployments"]
        loc: Loc = ("models", entry.group, "deployments", len(deployments))
        places = self.ledger.places
        places.setdefault(("models", entry.group), (*entry.loc, "model_name"))
        places.setdefault(("models", entry.group, "deployments"), entry.loc)
        places[loc] = (*entry.loc, "litellm_params")
        places[(*loc, "name")] = (*entry.loc, "model_info", "id")
        page = Page(self.ledger, loc)
        page.data["name"] = self._name(entry, len(deployments) + 1)
        write_deployment(entry, page)
        if pool is not None:
            self._share(page, pool)
        else:
            write_deployment_budget(self.budgets, page.data["name"], entry.params, (*entry.loc, "litellm_params"))
        deployments.append(page.data)

    def _name(self, entry: Entry, number: int) -> str:
        """Its ``id``, or that of the group and a number; another number where that is a name already."""
        own = entry.info.get("id")
        if own is not None and (name := str(own)) not in self.taken:
            self.taken.add(name)
            return name
        if own is not None:
            reason = "is the name of another deployment, or of a group; this one is called by its group and a number"
            self.ledger.remark((*entry.loc, "model_info", "id"), reason)
        stem = _NOT_IN_NAMES.sub("-", entry.group).strip("-") or "deployment"
        name = next(name for at in count(number) if (name := f"{stem}-{at}") not in self.taken)
        self.taken.add(name)
        return name

    def _share(self, page: Page, pool: str) -> None:
        limits = {key: page.data.pop(key) for key in LIMITS if key in page.data}
        if limits:
            self.pools[pool] = limits
            page.data["pools"] = [pool]
            for key in limits:
                self.ledger.places[("pools", pool, key)] = self.ledger.places[(*page.loc, key)]


def groups_of(entries: Iterable[Entry], ledger: Ledger) -> Groups:
    """The groups of ``entries``, those with a ``*`` in their name as groups for the models that it may stand for."""
    listed = list(entries)
    named = {entry.group for entry in listed if "*" not in entry.group}
    ids = {str(entry.info["id"]) for entry in listed if entry.info.get("id") is not None}
    groups = Groups(ledger, taken=set(named))
    # A name that is written out outranks any pattern, and the first pattern the others.
    for entry in (entry for entry in listed if "*" not in entry.group):
        groups.add(_fixed(entry, ledger))
    for entry in (entry for entry in listed if "*" in entry.group):
        pool = next(name for at in count(1) if (name := f"any-{at}") not in {*groups.pools, *ids})
        for one in _spread(entry, ledger, named):
            groups.taken.add(one.group)
            groups.add(one, pool)
    return groups


def _fixed(entry: Entry, ledger: Ledger) -> Entry:
    if "*" in entry.found.model:
        ledger.wrong(entry.place("model"), "has a * where model_name has none: it stands for no model")
    return entry


def _spread(entry: Entry, ledger: Ledger, named: AbstractSet[str]) -> Iterator[Entry]:
    """``entry`` for each model that is known of its provider, and that no entry names."""
    where = (*entry.loc, "model_name")
    if entry.group.count("*") > 1 or entry.found.model.count("*") > 1:
        ledger.wrong(where, "has more than one *, and so stands for no model that could be told")
        return
    pattern = re.compile(re.escape(entry.found.model).replace(r"\*", "(.+)"))
    models = _known(entry.found) if "*" in entry.found.model else {}
    found = [(model, match[1]) for model in models if (match := pattern.fullmatch(model))]
    if not found:
        ledger.wrong(where, "stands for no model that is known; name the model that is meant")
        return
    if "max_budget" in entry.params:
        ledger.remark(entry.place("max_budget"), "a budget is of one deployment, and this stands for several")
    ledger.remark(where, "is a group for each of the models that are known of its provider, and for no others")
    for model, stands_for in found:
        group = entry.group.replace("*", stands_for)
        if group not in named:
            own = {key: value for key, value in entry.info.items() if key != "id"}
            yield replace(entry, group=group, found=replace(entry.found, model=model), info=own)


def _known(found: Named) -> Mapping[str, object]:
    """The models of a provider that can draw still."""
    rows = registry.models(found.dialect.provider)
    return {name: can for name, can in rows.items() if can.operations and "*" not in name}
