"""The Redis of LiteLLM's router as the shared store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pixelrelay.config.litellm.meanings import LITELLM
from pixelrelay.config.litellm.sections import Routing
from pixelrelay.config.problems import Loc


def write_store(routing: Routing) -> None:
    """The Redis of the router; where it has none, that of the cache, which LiteLLM's router uses as well."""
    router = routing.router
    own = {key: router.get(f"redis_{key}") for key in ("url", "host", "port", "password", "username", "db", "ssl")}
    if own["url"] is not None or own["host"] is not None:
        _write_redis(routing, own, {key: router.place(f"redis_{key}") for key in own})
        return
    cache, there = routing.litellm.get("cache_params"), routing.litellm.place("cache_params")
    if cache is None:
        return
    given = routing.mapping(cache, there)
    cached = {key: given.get(key) for key in own}
    if given.get("type", "redis") == "redis" and (cached["url"] is not None or cached["host"] is not None):
        _write_redis(routing, cached, {key: (*there, key) for key in own})
    for key in (key for key in given if key not in {*own, "type"}):
        routing.ledger.remark((*there, key), LITELLM["cache"])


def _write_redis(routing: Routing, given: Mapping[str, Any], places: Mapping[str, Loc]) -> None:
    ledger = routing.ledger
    if given["url"] is not None:
        routing.page.put("store", given["url"], places["url"])
        return
    for key in ("host", "port", "password", "username", "db"):
        if isinstance(given[key], (Mapping, list, tuple, bool)):
            ledger.wrong(places[key], "must be text or a number")
            return
    scheme = "rediss" if given["ssl"] in (True, "true", "True") else "redis"
    user, password = _quoted(ledger.said(given["username"])), _quoted(ledger.said(given["password"]))
    who = f"{user}:{password}@" if user or password else ""
    port = ledger.said(given["port"]) if given["port"] is not None else 6379
    db = ledger.said(given["db"]) if given["db"] is not None else 0
    routing.page.data["store"] = f"{scheme}://{who}{ledger.said(given['host'])}:{port}/{db}"
    ledger.places[("store",)] = places["host"]


def _quoted(said: Any) -> str:
    """As it stands in an address; a variable is left to be encoded when it is filled in."""
    text = "" if said is None else str(said)
    if text.startswith("${") and text.endswith("}"):
        return f"{text[:-1]}@url}}"
    return quote(text, safe="")
