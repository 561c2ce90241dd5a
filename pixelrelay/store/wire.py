"""How offers and reports are written for the shared store's scripts, and how their answers are read.

A pick pays for this each time, so what does not change, the claims of a deployment, is written once and kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from json import dumps
from typing import Any

from pixelrelay.quotas import Calendar, Claim, Quota
from pixelrelay.store.base import Change, Offer, Probation, Report
from pixelrelay.store.health import HealthPolicy

KEPT = 4096
"""Claims kept written; callers choose sizes, so there is no end of different ones."""


def spec_text(quota: Quota) -> str:
    counts = int(quota.counts_rejected)
    text = f"{quota.unit.value}|{quota.limit}|{quota.shape.value}|{counts}|{quota.guard!r}"
    if quota.span is not None:
        return f"{text}|{quota.span.value if isinstance(quota.span, Calendar) else quota.span}"
    return f"{text}|ours" if quota.ours else text


def claims_text(claims: Sequence[Claim]) -> str:
    return dumps([[claim.quota.key, spec_text(claim.quota), claim.amount] for claim in claims], separators=(",", ":"))


def seconds_text(seconds: float) -> str:
    """As JSON, where endless is ``null``."""
    return "null" if seconds == float("inf") else repr(float(seconds))


class Writer:
    """Writes offers. Claims are known again by being the same object, which the router's are."""

    def __init__(self) -> None:
        self._written: dict[tuple[str, int], tuple[Sequence[Claim], str]] = {}

    def named(self, deployment: str, claims: Sequence[Claim]) -> str:
        """The deployment and its claims, without the closing bracket."""
        key = deployment, id(claims)
        known = self._written.get(key)
        if known is None:
            if len(self._written) >= KEPT:
                self._written.clear()
            text = f"[{dumps(deployment)},{claims_text(claims)}"
            known = self._written[key] = claims, text  # the claims too: no other object may take their place
        return known[1]

    def offers(self, offers: Sequence[Offer]) -> list[str]:
        named = self.named
        return [
            f"{named(o.deployment, o.claims)},{float(o.expected)!r},{float(o.least)!r}{_ours(o.ours)}]" for o in offers
        ]

    def named_whole(self, offer: Offer) -> str:
        """An offer of which nothing but the deployment and all claims is told."""
        return f"{self.named(offer.deployment, offer.claims)},0,0{_ours(offer.ours)}]"


def _ours(claims: Sequence[Claim]) -> str:
    return f",{claims_text(claims)}" if claims else ""


def report_text(id_: str, offer: str, report: Report, spread: float) -> str:
    """``offer`` as ``Writer.named_whole`` has written it."""
    parts: dict[str, Any] = {
        "id": id_,
        "verdict": report.verdict.value,
        "cooldown": report.cooldown,
        "grows": report.grows,
        "spread": spread,
    }
    if report.used:
        parts["used"] = {unit.value: amount for unit, amount in report.used.items()}
    if report.ours:
        parts["ours"] = {unit.value: amount for unit, amount in report.ours.items()}
    if report.rejected is not None:
        parts["rejected"] = [unit.value for unit in report.rejected]
    if report.first_cooldown is not None:
        parts["first"] = report.first_cooldown
    if report.seen_limits:
        parts["seen"] = [[seen.unit.value, seen.limit] for seen in report.seen_limits]
    return f'{dumps(parts)[:-1]},"offer":{offer}}}'


def health_text(policy: HealthPolicy) -> str:
    names = ("consecutive", "of", "failed", "cooldown", "longest", "settled")
    return dumps({name: getattr(policy, name) for name in names})


def change_of(told: Mapping[str, Any]) -> Change:
    if "quota" in told:
        return Change(told["deployment"], quota=told["quota"], limit=told["limit"], learned=told["learned"])
    return Change(told["deployment"], probation=Probation(told["probation"]), cooling=told["cooling"])
