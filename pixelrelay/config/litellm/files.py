"""A whole file of LiteLLM's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pixelrelay.config.litellm.budgets import Budgets, write_provider_budgets
from pixelrelay.config.litellm.entries import entries_of
from pixelrelay.config.litellm.groups import groups_of
from pixelrelay.config.litellm.ledger import Ledger, Page, Translation
from pixelrelay.config.litellm.meanings import GENERAL, SECTIONS, UNKNOWN
from pixelrelay.config.litellm.routing import write_rest, write_routing
from pixelrelay.config.litellm.sections import Routing, Settings, section

HOLDS_MODELS = "model_list"
MASTER_KEY = "LITELLM_MASTER_KEY"
"""The variable that holds the gateway's key where the file names none."""
READ = frozenset(
    {
        HOLDS_MODELS,
        "router_settings",
        "litellm_settings",
        "general_settings",
        "environment_variables",
        "credential_list",
    }
)


def translated(data: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Translation:
    """What ``data`` mean here. Nothing is raised: what is wrong is found, and what means nothing is remarked.

    ``environ`` is looked at for what has to be known at once, as which provider a model is of; secrets stay names of
    variables.
    """
    ledger = Ledger(environ)
    _read_variables(data.get("environment_variables"), ledger)
    entries = list(entries_of(data, ledger))
    groups = groups_of(entries, ledger)
    page = Page(ledger, ())
    ledger.places[("models",)] = (HOLDS_MODELS,)
    routing = Routing(
        router=section(data, "router_settings", ledger),
        litellm=section(data, "litellm_settings", ledger),
        ledger=ledger,
        page=page,
        groups=groups.data,
        absent=_names(data.get(HOLDS_MODELS)) - groups.data.keys(),
    )
    write_routing(routing)
    _write_budgets(routing, groups.budgets)
    write_rest(routing)
    _write_general(section(data, "general_settings", ledger), page)
    for key in (key for key in data if key not in READ):
        if key == "include":
            ledger.wrong((key,), "other files are not read along with this one; copy what they hold into it")
        else:
            ledger.remark((str(key),), SECTIONS.get(str(key), UNKNOWN))
    shared = {"pools": groups.pools, "budgets": groups.budgets.data}
    whole = {"models": groups.data, **{name: said for name, said in shared.items() if said}, **page.data}
    return Translation(whole, ledger.places, tuple(ledger.findings), tuple(ledger.remarks))


def _names(listed: Any) -> frozenset[str]:
    """The names of all groups, those that draw no pictures too."""
    items = listed if isinstance(listed, (list, tuple)) else ()
    names = (item.get("model_name") for item in items if isinstance(item, Mapping))
    return frozenset(name for name in names if isinstance(name, str))


def _read_variables(written: Any, ledger: Ledger) -> None:
    if written is None:
        return
    if not isinstance(written, Mapping):
        ledger.wrong(("environment_variables",), "must be a mapping of names to values")
        return
    for name, value in written.items():
        if isinstance(value, (Mapping, list, tuple)):
            ledger.wrong(("environment_variables", str(name)), "must be text")
        elif value is not None:
            ledger.own[str(name)] = str(Ledger(ledger.environ).said(value))


def _write_budgets(routing: Routing, budgets: Budgets) -> None:
    if (said := routing.router.get("provider_budget_config")) is not None:
        used = {one["provider"] for group in routing.groups.values() for one in group["deployments"]}
        write_provider_budgets(budgets, said, routing.router.place("provider_budget_config"), used)
    litellm = routing.litellm
    lasts = litellm.get("budget_duration"), litellm.place("budget_duration")
    if (dollars := litellm.get("max_budget")) is not None:
        budgets.add("all", (dollars, litellm.place("max_budget")), lasts)


def _write_general(settings: Settings, page: Page) -> None:
    """The key that opens everything is that of the gateway here; the rest is of LiteLLM's server."""
    server = Page(page.ledger, ("server",))
    key, there = settings.get("master_key"), settings.place("master_key")
    if key is not None:
        server.put("master_key", key, there)
    elif page.ledger.holds(MASTER_KEY):
        server.put("master_key", page.ledger.variable(MASTER_KEY), there)
    if server.data:
        page.data["server"] = server.data
    for name in settings.values:
        if name not in settings.read:
            page.ledger.remark(settings.place(name), GENERAL)
