"""One live document out of those of several workers of one gateway.

What each has done adds up. How the fleet stands is no sum: workers that count in one store are told the same, one
sooner than another, so the latest to be told is believed. Those who count by themselves, because the store is away,
add to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from math import fsum, inf
from statistics import fmean
from typing import Any, TypeAlias

from pixelrelay.cost.exact import total
from pixelrelay.server.latest import KEPT, MINUTE, dollars
from pixelrelay.server.live import SHARED

Told: TypeAlias = Mapping[str, Any]
"""A document, or a part of one."""
Views: TypeAlias = Sequence[tuple[Told, Told]]
"""What several documents tell of one thing, each behind the document that it stands in; the latest first."""

CONDITIONS = ("well", "waiting", "ill", "cooling")
"""Of a deployment; the worst last."""


def together(documents: Iterable[Told]) -> dict[str, Any]:
    """The document of all these workers, whatever their order; of a single one, its own.

    What is configured is told as the latest has it: while a reload goes round, workers may differ.
    """
    latest, *others = known = sorted(documents, key=_recency, reverse=True)
    if not others:
        return dict(latest)
    return {
        "at": latest["at"],
        "uptime": max(document["uptime"] for document in known),
        "draining": all(document["draining"] for document in known),
        "workers": sorted(_all(known, "workers"), key=lambda worker: worker["process"]),
        "silent": sum(document["silent"] for document in known),
        "in_flight": sum(document["in_flight"] for document in known),
        "minute": _minute([document["minute"] for document in known]),
        "store": _store([document["store"] for document in known]),
        "spend": _spend(document["spend"] for document in known),
        "budgets": [_budget(views) for views in _each([(one, one["budgets"]) for one in known], _name)],
        "groups": [_group(views) for views in _each([(one, one["groups"]) for one in known], _name)],
        "requests": sorted(_all(known, "requests"), key=lambda request: request["at"], reverse=True)[:KEPT],
    }


# --- what is done --------------------------------------------------------------------------------------------------


def _minute(told: Sequence[Told]) -> dict[str, Any]:
    """Second by second: one that was read a second sooner ends a second sooner."""
    latest = max(minute["second"] for minute in told)
    counts = {}
    for what in ("served", "failed"):
        counts[what] = [0] * MINUTE
        for minute in told:
            late = latest - minute["second"]
            for at, count in enumerate(minute[what][late:]):
                counts[what][at] += count
    return {"second": latest, **counts}


def _spend(told: Iterable[Told]) -> dict[str, Any]:
    spends = list(told)
    return {
        "known": _sum(spend["known"] for spend in spends),
        "at_risk": _sum(spend["at_risk"] for spend in spends),
        "unpriced": sum(spend["unpriced"] for spend in spends),
    }


def _sum(amounts: Iterable[str]) -> str | None:
    return dollars(total(map(Decimal, amounts)))


# --- how it stands -------------------------------------------------------------------------------------------------


def _store(told: Sequence[Told]) -> dict[str, Any]:
    """As it is for those whom it is away for, if there are any."""
    first = next((store for store in told if store["degraded"]), told[0])
    # Each was told with its latest change of mode, and may not have heard of those that came since.
    processes = max((store["processes"] for store in told if store["processes"] is not None), default=None)
    return {"mode": first["mode"], "degraded": first["degraded"], "processes": processes}


def _group(views: Views) -> dict[str, Any]:
    _, latest = views[0]
    return {
        **latest,
        "spend": _spend(group["spend"] for _, group in views),
        "deployments": [_deployment(each) for each in _each([(one, g["deployments"]) for one, g in views], _name)],
    }


def _deployment(views: Views) -> dict[str, Any]:
    _, latest = views[0]
    counted = _counted(views)
    worst = max(counted, key=lambda view: (CONDITIONS.index(view["state"]), view["cooling"]))
    latencies = [view["latency"] for _, view in views if view["latency"] is not None]
    return {
        **latest,
        "state": worst["state"],
        "cooling": worst["cooling"],
        "age": _youngest(views),
        "in_flight": sum(view["in_flight"] for view in counted),
        "latency": round(fmean(latencies), 3) if latencies else None,
        "quotas": [_quota(each) for each in _each([(one, view["quotas"]) for one, view in views], _limited)],
        "spend": _spend(view["spend"] for _, view in views),
    }


def _quota(views: Views) -> dict[str, Any]:
    _, latest = views[0]
    counted = _counted(views)
    added = {what: round(fsum(view[what] for view in counted), 3) for what in ("used", "learned")}
    return {**latest, **added, "age": _youngest(views)}


def _budget(views: Views) -> dict[str, Any]:
    _, latest = views[0]
    counted = _counted(views)
    added = {what: _sum(view[what] for view in counted) for what in ("used", "reserved")}
    at_least = any(view["at_least"] for _, view in views)
    return {**latest, **added, "at_least": at_least, "age": _youngest(views)}


def _counted(views: Views) -> list[Told]:
    """Those that add up to the whole: of workers that count together the one told last, and each that counts alone."""
    shared = [(one, view) for one, view in views if one["store"]["mode"] == SHARED]
    alone = [view for one, view in views if one["store"]["mode"] != SHARED]
    return [*([max(shared, key=_told_at)[1]] if shared else []), *alone]


def _told_at(view: tuple[Told, Told]) -> float:
    document, told = view
    return -inf if told["age"] is None else document["at"] - told["age"]


def _youngest(views: Views) -> float | None:
    return min((view["age"] for _, view in views if view["age"] is not None), default=None)


# --- what belongs together -----------------------------------------------------------------------------------------


def _recency(document: Told) -> tuple[float, int]:
    return document["at"], document["workers"][0]["process"]


def _all(documents: Iterable[Told], what: str) -> list[Any]:
    return [each for document in documents for each in document[what]]


def _each(told: Iterable[tuple[Told, Iterable[Told]]], key: Callable[[Told], object]) -> Iterator[Views]:
    """The views of each thing that one of the documents knows; those of the latest come first, in its order."""
    views: dict[object, list[tuple[Told, Told]]] = {}
    for document, things in told:
        for thing in things:
            views.setdefault(key(thing), []).append((document, thing))
    yield from views.values()


def _name(told: Told) -> object:
    return told["name"]


def _limited(quota: Told) -> object:
    return quota["pool"], quota["unit"]
