"""A whole file of LiteLLM's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pixelrelay.config.litellm.entries import entries_of
from pixelrelay.config.litellm.groups import groups_of
from pixelrelay.config.litellm.ledger import Ledger, Page, Translation
from pixelrelay.config.litellm.meanings import GENERAL, SECTIONS, UNKNOWN
from pixelrelay.config.litellm.routing import write_routing
from pixelrelay.config.litellm.sections import Routing, section

HOLDS_MODELS = "model_list"
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
    _write_general(data, ledger)
    for key in (key for key in data if key not in READ):
        if key == "include":
            ledger.wrong((key,), "other files are not read along with this one; copy what they hold into it")
        else:
            ledger.remark((str(key),), SECTIONS.get(str(key), UNKNOWN))
    whole = {"models": groups.data, **({"pools": groups.pools} if groups.pools else {}), **page.data}
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


def _write_general(data: Mapping[str, Any], ledger: Ledger) -> None:
    settings = section(data, "general_settings", ledger)
    for key in settings.values:
        ledger.remark(settings.place(key), GENERAL)
