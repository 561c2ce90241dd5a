"""``router_settings`` and ``litellm_settings``: strategies, fallbacks, attempts, timeouts and the shared store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from pixelrelay.config.litellm.deployments import write_timeout
from pixelrelay.config.litellm.ledger import Ledger, Page
from pixelrelay.config.litellm.meanings import LITELLM, ROUTER, SELF_TUNED, STRATEGIES, UNKNOWN, USUAL_STRATEGY
from pixelrelay.config.models import HealthConfig, RelayConfig
from pixelrelay.config.problems import Loc, hint, path_of

ADAPTED = ("size", "quality")
"""What LiteLLM brings to what a model can do without being asked."""
REST_OF_GROUPS = "*"
"""In ``fallbacks``, all groups that are not named there."""


@dataclass(slots=True)
class Settings:
    """One section of settings; what was asked for is left out of what is told as having no meaning."""

    name: str
    values: Mapping[str, Any] = field(repr=False)
    read: set[str] = field(default_factory=set)

    def get(self, key: str) -> Any:
        self.read.add(key)
        return self.values.get(key)

    def place(self, *path: str | int) -> Loc:
        return (self.name, *path)


def section(data: Mapping[str, Any], name: str, ledger: Ledger) -> Settings:
    written = data.get(name)
    if written is not None and not isinstance(written, Mapping):
        ledger.wrong((name,), "must be a mapping of keys to values")
        written = None
    return Settings(name, {str(key): value for key, value in (written or {}).items()})


@dataclass(slots=True)
class Routing:
    """The two sections, of which the first outranks the second, on their way into a configuration."""

    router: Settings
    litellm: Settings
    ledger: Ledger
    page: Page
    """The whole file."""
    groups: Mapping[str, dict[str, Any]]
    absent: frozenset[str] = frozenset()
    """Groups that their file has and that have no deployment here."""

    def first(self, key: str) -> tuple[Any, Loc] | None:
        """What either section says of ``key``."""
        said = [(part.get(key), part.place(key)) for part in (self.router, self.litellm)]
        return next(((value, place) for value, place in said if value is not None), None)

    def whole(self, said: tuple[Any, Loc] | None) -> int | None:
        """A whole number, 0 or more, that has to be reckoned with."""
        if said is None or (held := self.ledger.actual(*said)) is None:
            return None
        if isinstance(held, str) and held.isdecimal():
            held = int(held)
        if not isinstance(held, int) or isinstance(held, bool) or not 0 <= held <= 1_000_000:
            self.ledger.wrong(said[1], "must be a whole number, 0 or more")
            return None
        return held

    def mapping(self, said: Any, there: Loc) -> Mapping[str, Any]:
        if isinstance(said, Mapping):
            return {str(key): value for key, value in said.items()}
        self.ledger.wrong(there, "must be a mapping of keys to values")
        return {}


def write_routing(routing: Routing) -> None:
    """All that the two sections say; then what of them says nothing here."""
    _write_strategies(routing)
    _write_fallbacks(routing)
    _write_attempts(routing)
    _write_times(routing)
    _write_health(routing)
    _write_aliases(routing)
    write_store(routing)
    if (drop := routing.first("drop_params")) is not None:
        routing.page.put("drop_params", *drop)
    routing.page.data["adapt"] = list(ADAPTED)
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


# --- fallbacks ---------------------------------------------------------------------------------------------------


def _write_fallbacks(routing: Routing) -> None:
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


def _write_aliases(routing: Routing) -> None:
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


# --- the shared store --------------------------------------------------------------------------------------------


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
            ledger.wrong(places[key], f"must be text or a number ({path_of(places[key])})")
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
