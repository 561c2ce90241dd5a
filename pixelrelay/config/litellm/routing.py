"""Strategies, attempts, times and health, as ``router_settings`` and ``litellm_settings`` have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pixelrelay.config.litellm.deployments import write_timeout
from pixelrelay.config.litellm.fallbacks import write_aliases, write_fallbacks
from pixelrelay.config.litellm.meanings import LITELLM, ROUTER, SELF_TUNED, STRATEGIES, UNKNOWN, USUAL_STRATEGY
from pixelrelay.config.litellm.sections import Routing
from pixelrelay.config.litellm.shared_store import write_store
from pixelrelay.config.models import HealthConfig, RelayConfig
from pixelrelay.config.problems import Loc, hint

ADAPTED = ("size", "quality")
"""What LiteLLM brings to what a model can do without being asked."""


def write_routing(routing: Routing) -> None:
    """All that the two sections say of routing."""
    _write_strategies(routing)
    write_fallbacks(routing)
    _write_attempts(routing)
    _write_times(routing)
    _write_health(routing)
    write_aliases(routing)
    write_store(routing)
    if (drop := routing.first("drop_params")) is not None:
        routing.page.put("drop_params", *drop)
    routing.page.data["adapt"] = list(ADAPTED)


def write_rest(routing: Routing) -> None:
    """What of the two sections says nothing here, and why."""
    for part, reasons in ((routing.router, ROUTER), (routing.litellm, LITELLM)):
        for key in part.values:
            if key not in part.read:
                routing.ledger.remark(part.place(key), reasons.get(key, UNKNOWN))


# --- strategies --------------------------------------------------------------------------------------------------


def _write_strategies(routing: Routing) -> None:
    """The one that is named; where none is, the usual one here, unless a group's deployments say weights or order."""
    ledger, router = routing.ledger, routing.router
    named = _strategy(routing, router.get("routing_strategy"), router.place("routing_strategy"))
    own = dict(_by_group(routing))
    for group, written in routing.groups.items():
        deployments = written["deployments"]
        strategy = own.get(group, named)
        if strategy == "weighted":
            _weigh(deployments)
        if len({repr(one.get("order")) for one in deployments}) > 1:
            strategy = "ordered"
        elif strategy is None and any("weight" in one for one in deployments):
            strategy = "weighted"
        if strategy is not None and strategy != USUAL_STRATEGY:
            routing.groups[group].update({"strategy": strategy})
            ledger.places[("models", group, "strategy")] = router.place("routing_strategy")


def _strategy(routing: Routing, said: Any, there: Loc) -> str | None:
    held = routing.ledger.actual(said, there)
    if held is None:
        return None
    if not isinstance(held, str):
        routing.ledger.wrong(there, "must be text")
        return None
    if held not in STRATEGIES:
        why = f"there is none of this name; {hint(held, STRATEGIES)} {USUAL_STRATEGY} takes its place"
        routing.ledger.remark(there, why)
    return STRATEGIES.get(held)


def _weigh(deployments: Iterable[dict[str, Any]]) -> None:
    """LiteLLM shuffles by requests a minute where no weight is given."""
    listed = list(deployments)
    rates = [one.get("requests_per_minute") for one in listed]
    if not any("weight" in one for one in listed) and all(isinstance(rate, int) and rate > 0 for rate in rates):
        for one, rate in zip(listed, rates, strict=True):
            one["weight"] = rate


def _by_group(routing: Routing) -> Iterator[tuple[str, str | None]]:
    """What ``routing_groups`` says of single groups."""
    listed = routing.router.get("routing_groups")
    if listed is not None and not isinstance(listed, (list, tuple)):
        routing.ledger.wrong(routing.router.place("routing_groups"), "must be a list")
        return
    for index, raw in enumerate(listed or ()):
        there = routing.router.place("routing_groups", index)
        match raw:
            case {"models": [*models], "routing_strategy": str(name)}:
                strategy = _strategy(routing, name, (*there, "routing_strategy"))
                yield from ((model, strategy) for model in models if isinstance(model, str))
            case _:
                routing.ledger.wrong(there, "must have models and a routing_strategy")


# --- attempts, times, health -------------------------------------------------------------------------------------


def _write_attempts(routing: Routing) -> None:
    """Theirs are retries of each group, ours attempts in all."""
    retries = routing.whole(routing.first("num_retries"))
    if retries is not None:
        legs = 1 + max((len(group.get("fallbacks", ())) for group in routing.groups.values()), default=0)
        routing.page.data["max_attempts"] = (retries + 1) * legs
    if (policy := routing.router.get("retry_policy")) is not None:
        _write_policy(routing, routing.page.data, policy, routing.router.place("retry_policy"))
    if (policies := routing.router.get("model_group_retry_policy")) is not None:
        there = routing.router.place("model_group_retry_policy")
        for group, policy in routing.mapping(policies, there).items():
            if group in routing.groups:
                _write_policy(routing, routing.groups[group], policy, (*there, group))
            elif group not in routing.absent:
                routing.ledger.remark((*there, group), f"no group that draws pictures is named {group!r}")


def _write_policy(routing: Routing, page: dict[str, Any], said: Any, there: Loc) -> None:
    """After a timeout a further attempt may buy a picture twice, and that can be forbidden; the rest is a table."""
    for key, value in routing.mapping(said, there).items():
        retries = routing.whole((value, (*there, key))) if value is not None else None
        if key == "TimeoutErrorRetries" and retries is not None:
            page["on_ambiguous"] = "rebuy" if retries else "fail"
        elif value is not None:
            routing.ledger.remark((*there, key), SELF_TUNED)


def _write_times(routing: Routing) -> None:
    """Both their timeouts are for one call, the router's outranking the other; a deadline here spans all calls."""
    router, litellm = routing.router, routing.litellm
    said = next(
        (
            (value, part.place(key))
            for part, key in ((router, "timeout"), (litellm, "request_timeout"))
            if (value := part.get(key)) is not None
        ),
        None,
    )
    if said is not None:
        write_timeout(routing.page, *said)
    calls = [one.get("timeouts", {}).get("total") for group in routing.groups.values() for one in group["deployments"]]
    if said is not None:
        calls.append(routing.ledger.actual(*said))
    longest = max((call for call in calls if isinstance(call, (int, float)) and not isinstance(call, bool)), default=0)
    if longest > RelayConfig.model_fields["deadline"].default:
        routing.page.data["deadline"] = longest


def _write_health(routing: Routing) -> None:
    fails = routing.whole(routing.first("allowed_fails"))
    cooldown = routing.first("cooldown_time")
    health: dict[str, Any] = {}
    usual = HealthConfig()
    if fails is not None:
        health = {"consecutive": fails + 1, "failed": fails + 1}
        if fails + 1 > usual.of:
            health["of"] = fails + 1
    if cooldown is not None:
        value, there = cooldown
        held = routing.ledger.actual(value, there)
        if held == 0 and not isinstance(held, bool):
            routing.ledger.remark(there, ROUTER["disable_cooldowns"])
        else:
            health["cooldown"] = routing.ledger.said(value)
            if isinstance(held, (int, float)) and held > usual.longest:
                health["longest"] = held
            routing.ledger.places[("health", "cooldown")] = there
    if health:
        routing.page.data["health"] = health
        routing.ledger.places.setdefault(("health",), routing.router.place("allowed_fails"))
