"""Of any file of LiteLLM's: it loads, or all that is wrong with it is told; and converted it says the same."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pixelrelay.config import load
from pixelrelay.config.litellm import translated
from pixelrelay.config.litellm.converting import yaml_of
from pixelrelay.config.litellm.dialects import DIALECTS
from pixelrelay.config.litellm.meanings import LITELLM, PARAMS, ROUTER, STRATEGIES
from pixelrelay.errors import ConfigError, Problem
from tests.config.test_litellm import AZURE, FOUNDRY, KEYED, LISTED, entry, theirs

ENVIRON = {
    "OPENAI_API_KEY": "sk-openai-0123456789",
    "AZURE_KEY": "azure-key-0123456789",
    "REDIS_PASSWORD": "p/@ss word",
    "MODEL": "openai/gpt-image-2",
    "RPM": "6",
}

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-3, 2000)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.sampled_from(["", "images", "true", "a b", "os.environ/RPM", "os.environ/NOT_SET", "${", "*", "sk-1", "0.5"])
)
anything = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "images", "*"]), inner, max_size=2)
    ),
    max_leaves=4,
)
models = (
    st.builds(
        "{}/{}".format,
        st.sampled_from([*DIALECTS, "anthropic"]),
        st.sampled_from(["gpt-image-2", "flux-2-pro", "FLUX.2-pro", "*", "", "us-east-1/amazon.nova-canvas-v1:0"]),
    )
    | st.sampled_from(["gpt-image-2", "gpt-4o", "os.environ/MODEL", "imagen-4.0-generate-001"])
    | anything
)
params = st.fixed_dictionaries(
    {"model": models},
    optional={
        **dict.fromkeys(
            [
                "api_key", "api_version", "rpm", "tpm", "weight", "order", "tags", "timeout", "max_parallel_requests",
                "extra_headers", "extra_body", "drop_params", "output_cost_per_image", "input_cost_per_pixel",
                "input_cost_per_token", "output_cost_per_token", "vertex_credentials", "quality", "size", "n",
                "max_budget", "budget_duration",
                "custom_llm_provider", "organization", "base_model", "region_name", "aws_access_key_id",
                *list(PARAMS)[:3],
            ],
            anything,
        ),
        "api_base": st.sampled_from(["https://a.example", "http://[", "127.0.0.1"]) | anything,
    },
)  # fmt: skip
entries = st.fixed_dictionaries(
    {},
    optional={
        "model_name": st.sampled_from(["images", "flux", "a-1", "openai/*", "*", "b ad"]) | anything,
        "litellm_params": params | anything,
        "model_info": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(["id", "mode", "base_model", "input_cost_per_image", "note"], anything)
        )
        | anything,
    },
)
router = st.dictionaries(
    st.sampled_from(
        [
            "routing_strategy", "fallbacks", "default_fallbacks", "content_policy_fallbacks", "num_retries", "timeout",
            "retry_policy", "model_group_retry_policy", "allowed_fails", "cooldown_time", "model_group_alias",
            "redis_host", "redis_port", "redis_password", "redis_url", "redis_ssl", "routing_groups",
            "provider_budget_config", *list(ROUTER)[:3],
        ]
    ),
    anything | st.sampled_from(list(STRATEGIES)),
    max_size=5,
)  # fmt: skip
litellm = st.dictionaries(
    st.sampled_from(["drop_params", "num_retries", "request_timeout", "fallbacks", "cache_params", *list(LITELLM)[:3]]),
    anything,
    max_size=3,
)
files = st.fixed_dictionaries(
    {"model_list": st.lists(entries, max_size=3) | anything},
    optional={
        "router_settings": router | anything,
        "litellm_settings": litellm | anything,
        "general_settings": anything,
        "environment_variables": st.dictionaries(st.sampled_from(["RPM", "OPENAI_API_KEY"]), anything) | anything,
        "credential_list": anything,
        "include": anything,
        "mcp_servers": anything,
    },
)


def problems_of(data: dict[str, Any]) -> tuple[Problem, ...]:
    """What is wrong; nothing where it loads, and then it loads to the same when it was converted."""
    try:
        config = load(data, environ=ENVIRON)
    except ConfigError as error:
        return error.problems
    converted = yaml_of(translated(data, ENVIRON), "config.yaml")
    assert load(yaml.safe_load(converted), environ=ENVIRON) == config
    return ()


@settings(max_examples=300, deadline=None)
@example({"model_list": [entry(order=[])]})
@given(files)
def test_any_file_loads_or_tells_with_its_paths_what_is_wrong(data: dict[str, Any]) -> None:
    assert all(problem.path.partition("[")[0].partition(".")[0] in data for problem in problems_of(data))


sound = st.fixed_dictionaries(
    {
        "model_list": st.lists(
            st.builds(
                entry,
                st.sampled_from(["images", "flux", "images-1"]),
                st.none() | st.fixed_dictionaries({}, optional={"id": st.sampled_from(["x", "flux", 3])}),
                model=st.sampled_from(["openai/gpt-image-2", "os.environ/MODEL", "fal_ai/fal-ai/flux/schnell"]),
                rpm=st.none() | st.sampled_from([6, 100, "os.environ/RPM"]),
                weight=st.none() | st.sampled_from([0, 1, 0.5]),
                order=st.none() | st.integers(1, 2),
                timeout=st.none() | st.sampled_from([30, 300.5]),
                output_cost_per_image=st.none() | st.sampled_from([0, 0.04]),
                drop_params=st.none() | st.booleans(),
            ),
            min_size=1,
            max_size=4,
        ),
        "router_settings": st.fixed_dictionaries(
            {},
            optional={
                "routing_strategy": st.sampled_from([*STRATEGIES, "lar1"]),
                "fallbacks": st.just([{"flux": ["images"]}, {"*": ["flux"]}]),
                "num_retries": st.integers(0, 5),
                "allowed_fails": st.integers(0, 30),
                "cooldown_time": st.sampled_from([0, 5, 3600]),
                "timeout": st.sampled_from([30, 900]),
            },
        ),
    }
)


@settings(max_examples=100, deadline=None)
@given(sound)
def test_any_file_in_order_loads(data: dict[str, Any]) -> None:
    named = {item["model_name"] for item in data["model_list"]}
    if "fallbacks" in data["router_settings"] and not {"images", "flux"} <= named:
        del data["router_settings"]["fallbacks"]
    assert problems_of(data) == ()


EXAMPLES: dict[str, dict[str, Any]] = {
    "one": theirs(),
    "azure in two regions": theirs(
        entry(model="azure/gpt-image-2", rpm=6, **AZURE),
        entry(model="azure/pictures", weight=2, **{**AZURE, "api_base": "https://west.openai.azure.com"}),
        router_settings={"routing_strategy": "simple-shuffle", "num_retries": 3, "timeout": 30},
    ),
    "flux with fallbacks": theirs(
        entry("flux", model="azure_ai/flux.2-pro", api_version="preview", tags=["eu"], **FOUNDRY),
        entry("bfl", model="black_forest_labs/flux-2-pro", max_parallel_requests=24, **KEYED),
        entry("gpt", {"id": "gpt-eu", "output_cost_per_image": 0.04}),
        router_settings={"fallbacks": [{"flux": ["bfl", "gpt"]}], "content_policy_fallbacks": [{"flux": ["gpt"]}]},
    ),
    "a shared store": theirs(
        router_settings={
            "redis_host": "cache.example",
            "redis_port": 6379,
            "redis_password": "os.environ/REDIS_PASSWORD",
            "model_group_alias": {"pictures": "images"},
            "allowed_fails": 2,
            "cooldown_time": 12.5,
        }
    ),
    "any model of OpenAI": theirs(entry("openai/*", model="openai/*", rpm=50)),
    "all that litellm may be told": theirs(
        entry(timeout=300, extra_headers={"x": "y"}, extra_body={"a": [1, {"b": None}]}, quality="low"),
        litellm_settings={"drop_params": True, "request_timeout": 600, "callbacks": ["langfuse"], "num_retries": 2},
        general_settings={"master_key": "sk-1234"},
        environment_variables={"OPENAI_API_BASE": "https://eu.api.openai.com/v1"},
    ),
    "a model in a variable": theirs(
        {"model_name": "images", "litellm_params": {**LISTED, "model": "os.environ/MODEL"}}
    ),
}


@pytest.mark.parametrize("data", EXAMPLES.values(), ids=EXAMPLES)
def test_what_was_converted_loads_to_the_same(data: dict[str, Any]) -> None:
    converted = yaml_of(translated(data, ENVIRON), "config.yaml")
    again = load(yaml.safe_load(converted), environ=ENVIRON)

    assert again == load(data, environ=ENVIRON)
    assert not again.origin.remarks
    assert "sk-openai" not in converted
