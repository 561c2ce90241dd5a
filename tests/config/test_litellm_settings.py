"""LiteLLM's settings of routing: what they mean here."""

from __future__ import annotations

from typing import Any

import pytest

from pixelrelay.config import RelayConfig
from pixelrelay.quotas import Calendar
from tests.config.test_litellm import ENVIRON, entry, loaded, mistakes, remarks, theirs


def routed(*entries: dict[str, Any], **router: Any) -> RelayConfig:
    return loaded(theirs(*entries, router_settings=router))


@pytest.mark.parametrize(
    ("theirs_is", "ours"),
    [
        ("simple-shuffle", "weighted"),
        ("least-busy", "least-busy"),
        ("usage-based-routing", "usage"),
        ("usage-based-routing-v2", "usage"),
        ("latency-based-routing", "latency"),
        ("cost-based-routing", "cost"),
    ],
)
def test_strategies_are_known_by_their_names(theirs_is: str, ours: str) -> None:
    assert routed(routing_strategy=theirs_is).models["images"].strategy == ours


def test_where_no_strategy_is_named_weights_and_orders_say_it() -> None:
    config = routed(
        entry("plain"),
        entry("weighed", weight=2),
        entry("weighed"),
        entry("ordered", order=1),
        entry("ordered", order=2),
    )
    assert {name: group.strategy for name, group in config.models.items()} == {
        "plain": "least-busy",
        "weighed": "weighted",
        "ordered": "ordered",
    }


def test_a_shuffle_without_weights_is_by_requests_a_minute() -> None:
    config = routed(entry(rpm=6), entry(rpm=100), routing_strategy="simple-shuffle")

    assert [one.weight for one in config.models["images"].deployments] == [6, 100]


def test_a_strategy_that_is_not_here_is_told() -> None:
    data = theirs(router_settings={"routing_strategy": "lar1"})

    assert loaded(data).models["images"].strategy == "least-busy"
    assert remarks(data)[0].startswith("router_settings.routing_strategy: there is none of this name;")


def test_single_groups_may_have_strategies_of_their_own() -> None:
    groups = [{"group_name": "x", "models": ["b"], "routing_strategy": "cost-based-routing"}]
    config = routed(entry("a"), entry("b"), routing_strategy="least-busy", routing_groups=groups)

    assert [group.strategy for group in config.models.values()] == ["least-busy", "cost"]


def test_fallbacks_are_kept_for_failures_and_for_moderation() -> None:
    config = routed(
        entry("a"),
        entry("b"),
        entry("c"),
        fallbacks=[{"a": ["b", {"model": "c"}]}],
        default_fallbacks=["c"],
        content_policy_fallbacks=[{"*": ["b"]}],
    )
    assert {name: group.fallbacks for name, group in config.models.items()} == {"a": ("b", "c"), "b": ("c",), "c": ()}
    assert config.models["a"].content_rejected_fallbacks == ("b",)
    assert config.models["b"].content_rejected_fallbacks == ()


def test_fallbacks_to_what_draws_nothing_are_left_out_and_told() -> None:
    data = theirs(
        entry("a"),
        entry("chat", model="openai/gpt-4o"),
        router_settings={"fallbacks": [{"a": ["chat"]}, {"chat": ["a"]}]},
    )
    assert loaded(data).models["a"].fallbacks == ()
    assert remarks(data)[1:] == [
        "router_settings.fallbacks[0].a[0]: 'chat' draws no pictures here",
        "router_settings.fallbacks[1].chat: no group that draws pictures is named 'chat'",
    ]


def test_the_settings_of_the_router_outrank_those_of_litellm() -> None:
    config = loaded(
        theirs(
            entry("a"),
            entry("b"),
            router_settings={"num_retries": 1, "timeout": 30},
            litellm_settings={
                "num_retries": 5,
                "request_timeout": 900,
                "fallbacks": [{"a": ["b"]}],
                "drop_params": True,
            },
        )
    )
    assert config.max_attempts == 4, "of each of two groups one, and one retry"
    assert (config.timeouts.total, config.deadline) == (30, 180)
    assert config.models["a"].fallbacks == ("b",)
    assert config.drop_params is True
    assert config.adapt == ("size", "quality")


def test_a_call_that_may_take_longer_than_a_request_lengthens_it() -> None:
    assert routed(entry(timeout=300), timeout=60).deadline == 300


def test_failures_that_are_allowed_come_before_the_one_that_is_not() -> None:
    health = routed(allowed_fails=12, cooldown_time=900).health

    assert (health.consecutive, health.failed, health.of) == (13, 13, 13)
    assert (health.cooldown, health.longest) == (900, 900)


def test_no_retries_after_a_timeout_means_that_nothing_is_bought_twice() -> None:
    data = theirs(
        entry("a"),
        entry("b"),
        router_settings={
            "retry_policy": {"TimeoutErrorRetries": 0, "RateLimitErrorRetries": 3},
            "model_group_retry_policy": {"b": {"TimeoutErrorRetries": 2}},
        },
    )
    config = loaded(data)
    assert (config.on_ambiguous, config.models["b"].on_ambiguous) == ("fail", "rebuy")
    assert remarks(data) == [
        "router_settings.retry_policy.RateLimitErrorRetries: what follows each failure is one table here, which "
        "docs/errors.md shows"
    ]


def test_aliases_are_further_names_of_groups() -> None:
    aliases = {"pictures": "images", "hidden": {"model": "images", "hidden": True}}

    assert routed(model_group_alias=aliases).aliases == {"pictures": "images", "hidden": "images"}
    assert mistakes(theirs(router_settings={"model_group_alias": {"pictures": "imges"}})) == [
        "router_settings.model_group_alias.pictures: no group or deployment is named 'imges'; did you mean 'images'?"
    ]


@pytest.mark.parametrize(
    ("settings", "store"),
    [
        ({"router_settings": {"redis_url": "redis://cache.example:6380/1"}}, "redis://cache.example:6380/1"),
        (
            {
                "router_settings": {
                    "redis_host": "os.environ/HOST",
                    "redis_port": 6380,
                    "redis_password": "os.environ/PW",
                }
            },
            "redis://:p%2F%40ss@cache.example:6380/0",
        ),
        (
            {"router_settings": {"redis_host": "h", "redis_password": "a b/c", "redis_ssl": True}},
            "rediss://:a%20b%2Fc@h:6379/0",
        ),
        (
            {"litellm_settings": {"cache": True, "cache_params": {"type": "redis", "host": "h", "port": "6380"}}},
            "redis://h:6380/0",
        ),
        ({"litellm_settings": {"cache": True, "cache_params": {"type": "s3"}}}, None),
    ],
)
def test_the_shared_store_is_the_routers_redis(settings: dict[str, Any], store: str | None) -> None:
    config = loaded(theirs(**settings), {**ENVIRON, "HOST": "cache.example", "PW": "p/@ss"})

    assert config.store_url == store
    assert "p/@ss" not in repr(config)


def test_nothing_is_silently_ignored() -> None:
    sections = {
        "router_settings": {"enable_pre_call_checks": True, "context_window_fallbacks": [{"a": ["b"]}], "odd": 1},
        "litellm_settings": {"callbacks": ["prometheus"], "cache": True},
        "general_settings": {"database_url": "x"},
        "guardrails": [],
        "never_heard_of": 1,
    }
    assert sorted(remark.partition(": ")[0] for remark in remarks(theirs(**sections))) == [
        "general_settings.database_url",
        "guardrails",
        "litellm_settings.cache",
        "litellm_settings.callbacks",
        "never_heard_of",
        "router_settings.context_window_fallbacks",
        "router_settings.enable_pre_call_checks",
        "router_settings.odd",
    ]


def test_budgets_are_of_a_deployment_a_provider_or_of_everything() -> None:
    data = theirs(
        entry(max_budget=10, budget_duration="7d"),
        router_settings={
            "provider_budget_config": {
                "openai": {"budget_limit": 100, "time_period": "1mo"},
                "xai": {"budget_limit": 5, "time_period": "1d"},
            }
        },
        litellm_settings={"max_budget": 500},
    )
    budgets = loaded(data).budgets

    assert {name: (float(one.dollars), one.span, one.unpriced) for name, one in budgets.items()} == {
        "deployment/images-1": (10, 604_800, "allow"),
        "provider/openai": (100, Calendar.MONTH, "allow"),
        "all": (500, 366 * 86_400, "allow"),
    }
    assert (budgets["deployment/images-1"].deployment, budgets["provider/openai"].provider) == ("images-1", "openai")
    assert remarks(data) == [
        "router_settings.provider_budget_config.xai: no deployment here is of this provider",
        "litellm_settings.max_budget: a budget is of a span of time; where none is given it is the longest, 366 days",
    ]
    assert mistakes(theirs(entry(max_budget=10, budget_duration="soon"))) == [
        "model_list[0].litellm_params.budget_duration: must be whole seconds, or a number and one of s, m, h, d, as 24h"
    ]


def test_the_master_key_is_that_of_the_gateway() -> None:
    given = theirs(general_settings={"master_key": "os.environ/MASTER", "database_url": "x"})
    config = loaded(given, {**ENVIRON, "MASTER": "sk-1234"})
    by_environment = loaded(theirs(), {**ENVIRON, "LITELLM_MASTER_KEY": "sk-5678"})

    assert config.server.master_key is not None
    assert config.server.master_key.get_secret_value() == "sk-1234"
    assert by_environment.server.master_key is not None
    assert by_environment.server.master_key.get_secret_value() == "sk-5678"
    assert [problem.path for problem in config.origin.remarks] == ["general_settings.database_url"]
