"""The headers of an answer: where it came from, what it cost, what is left of the group, and when to come back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import ceil

from pixelrelay import _clock
from pixelrelay.cost.exact import EXACT, total
from pixelrelay.outcomes import Attempt, Route
from pixelrelay.quotas import Quota, Unit
from pixelrelay.router import Router
from pixelrelay.router.candidates import Group
from pixelrelay.server.fields import HEADER
from pixelrelay.server.refusals import Refusal
from pixelrelay.store.base import QuotaState

POOL = "pool:"
"""How the keys of quotas begin that several deployments share."""
LONGEST = 2000
"""Characters of a header."""
_SANE_ID = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(slots=True)
class Told:
    """What answers to one request say of themselves, whatever becomes of it."""

    request_id: str
    client_id: str | None = None
    model: str | None = None
    degraded: bool = False
    limits: Mapping[str, str] = field(default_factory=dict)

    def headers(self) -> dict[str, str]:
        own = {"x-request-id": self.request_id, **self.limits}
        if self.client_id is not None:
            own["x-client-request-id"] = self.client_id
        return own


def sane_id(given: str | None) -> str | None:
    """A caller's own name of a request, if it can be echoed."""
    return given if given is not None and _SANE_ID.fullmatch(given) else None


def route_headers(route: Route) -> dict[str, str]:
    """How a request was served."""
    headers = {
        "deployment": route.deployment,
        "provider": route.provider,
        "attempts": str(len(route.attempts)),
        "waited-ms": _milliseconds(route.waited),
        "degraded": _flag(route.degraded),
    }
    if route.fallbacks:
        headers["fallbacks"] = ", ".join(route.fallbacks)
    if route.adaptations:
        headers["adaptations"] = "; ".join(route.adaptations)
    if route.cost is not None:
        headers["cost-usd"] = _dollars(route.cost)
    if route.at_risk:
        headers["at-risk-usd"] = _dollars(route.at_risk)
    return {HEADER + name: _plain(value) for name, value in headers.items()}


def refusal_headers(refusal: Refusal, *, degraded: bool = False) -> dict[str, str]:
    """How a request failed, and whether and when to try again."""
    headers = {"x-should-retry": _flag(refusal.may_retry), **refusal.headers}
    if refusal.retry_after is not None and refusal.retry_after < 1e9:
        headers["retry-after"] = str(ceil(refusal.retry_after))
        headers["retry-after-ms"] = _milliseconds(refusal.retry_after)
    if refusal.model is None:
        return headers
    attempts = refusal.attempts
    told = {"attempts": str(len(attempts)), "degraded": _flag(degraded)}
    told["waited-ms"] = _milliseconds(sum(attempt.waited for attempt in attempts))
    if attempts:
        told |= {"deployment": attempts[-1].deployment, "provider": attempts[-1].provider}
        told |= _spent(attempts)
    if fallbacks := dict.fromkeys(a.group for a in attempts if a.group != refusal.model):
        told["fallbacks"] = ", ".join(fallbacks)
    return headers | {HEADER + name: _plain(value) for name, value in told.items()}


def _spent(attempts: Iterable[Attempt]) -> dict[str, str]:
    """What was billed, and what may have been; left out where nobody knows."""
    cost = total(attempt.cost for attempt in attempts)
    at_risk = total(attempt.at_risk for attempt in attempts)
    told = {} if cost is None else {"cost-usd": _dollars(cost)}
    return told | ({"at-risk-usd": _dollars(at_risk)} if at_risk else {})


def limit_headers(router: Router, model: str) -> dict[str, str]:
    """What the group may do in a minute and what is left of it, where every deployment of it has such a limit."""
    group = router.groups.get(model)
    headers: dict[str, str] = {}
    units = [(unit, name) for unit, name in _TOLD if group is not None and _is_limited(group, unit)]
    if group is None or not units:
        return headers
    states = [(candidate.deployment.quotas, router.state(candidate.name).quotas) for candidate in group.candidates]
    for unit, name in units:
        rooms = [_room(quotas, state, unit) for quotas, state in states]
        limit, left = (_in_all(rooms, which) for which in (0, 1))
        headers[f"x-ratelimit-limit-{name}"] = str(limit)
        headers[f"x-ratelimit-remaining-{name}"] = str(left)
    return headers


def _is_limited(group: Group, unit: Unit) -> bool:
    return all(any(quota.unit is unit for quota in each.deployment.quotas) for each in group.candidates)


_TOLD = ((Unit.REQUESTS, "requests"), (Unit.IMAGES, "images"))
LARGE = 32
LATELY = 1.0
"""Seconds."""


@dataclass(slots=True)
class GroupLimits:
    """``limit_headers`` of all groups; of a large one, which takes longer to add up than a call, up to a second old."""

    router: Router
    _known: dict[str, tuple[Group, float, Mapping[str, str]]] = field(default_factory=dict)
    """Of large groups, when they were added up and to what."""

    def headers(self, model: str) -> Mapping[str, str]:
        group, now = self.router.groups.get(model), _clock.now()
        if group is None or len(group.candidates) < LARGE:
            return limit_headers(self.router, model)
        known = self._known.get(model)
        if known is None or known[0] is not group or now - known[1] > LATELY:
            known = self._known[model] = group, now, limit_headers(self.router, model)
        return known[2]


@dataclass(frozen=True, slots=True)
class _Room:
    """A deployment's limits in one unit, by their keys: each limit, and what is left of it."""

    own: Mapping[str, tuple[int, int]]
    pools: Mapping[str, tuple[int, int]]


def _room(quotas: Iterable[Quota], states: Mapping[str, QuotaState], unit: Unit) -> _Room:
    own: dict[str, tuple[int, int]] = {}
    pools: dict[str, tuple[int, int]] = {}
    for quota in quotas:
        if quota.unit is unit:
            state = states.get(quota.key)
            room = (state.learned, max(0, state.learned - state.used)) if state else (quota.limit, quota.limit)
            (pools if quota.key.startswith(POOL) else own)[quota.key] = room
    return _Room(own, pools)


def _in_all(rooms: Sequence[_Room], which: int) -> int:
    """Of several deployments together; those that share a pool have no more than it."""
    alone, shared, most = 0, Counter[str](), dict[str, int]()
    for room in rooms:
        own = min((amounts[which] for amounts in room.own.values()), default=None)
        if not room.pools:
            alone += own or 0
            continue
        pool = min(room.pools, key=lambda key: room.pools[key][which])
        most[pool] = room.pools[pool][which]
        shared[pool] += most[pool] if own is None else own
    return alone + sum(min(most[pool], members) for pool, members in shared.items())


def _dollars(amount: Decimal) -> str:
    return format(amount.normalize(EXACT), "f")


def _milliseconds(seconds: float) -> str:
    return str(ceil(max(0.0, seconds) * 1000))


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _plain(value: str) -> str:
    """As a header can carry it."""
    text = value.replace("→", "->").encode("ascii", "backslashreplace").decode("ascii")
    return re.sub(r"[\x00-\x1f\x7f]", " ", text)[:LONGEST].strip()
