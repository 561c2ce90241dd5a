"""LiteLLM's ``config.yaml`` is read as it is: what its keys mean here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from pixelrelay.config import DeploymentConfig, PriceConfig, RelayConfig, load, warnings_of
from pixelrelay.errors import ConfigError

TODAY = date(2026, 4, 1)
ENVIRON: Mapping[str, str] = {"OPENAI_API_KEY": "sk-openai-0123456789", "AZURE_KEY": "azure-key-0123456789"}
LISTED: dict[str, Any] = {"model": "openai/gpt-image-2", "api_key": "os.environ/OPENAI_API_KEY"}


def entry(name: str = "images", info: Mapping[str, Any] | None = None, **params: Any) -> dict[str, Any]:
    """One of ``model_list``, by default OpenAI's."""
    listed = {"model_name": name, "litellm_params": {**LISTED, **params}}
    return listed if info is None else {**listed, "model_info": dict(info)}


def theirs(*entries: Any, **sections: Any) -> dict[str, Any]:
    return {"model_list": list(entries or [entry()]), **sections}


def loaded(data: Any, environ: Mapping[str, str] = ENVIRON) -> RelayConfig:
    return load(data, environ=environ)


def only(data: Any, environ: Mapping[str, str] = ENVIRON) -> DeploymentConfig:
    """The one deployment that ``data`` come to."""
    (group,) = loaded(data, environ).models.values()
    (deployment,) = group.deployments
    return deployment


def remarks(data: Any, environ: Mapping[str, str] = ENVIRON) -> list[str]:
    """What is said to mean nothing, with its place."""
    return [str(problem) for problem in loaded(data, environ).origin.remarks]


def mistakes(data: Any, environ: Mapping[str, str] = ENVIRON) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        loaded(data, environ)
    return [str(problem) for problem in raised.value.problems]


def said(deployment: DeploymentConfig) -> dict[str, Any]:
    """Provider, model and what was said to the provider alone, secrets as ``***``."""
    options = deployment.options
    assert not isinstance(options, Mapping)
    dumped = {key: str(value) for key, value in options.model_dump(exclude_unset=True).items()}
    return {"provider": deployment.provider, "model": deployment.model, **dumped}


AZURE: dict[str, Any] = {"api_base": "https://east.openai.azure.com", "api_key": "os.environ/AZURE_KEY"}
FOUNDRY: dict[str, Any] = {"api_base": "https://east.services.ai.azure.com", "api_key": "os.environ/AZURE_KEY"}
KEYED: dict[str, Any] = {"api_key": "a-key-of-nobody"}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"model": "gpt-image-2"}, {"provider": "openai", "model": "gpt-image-2"}),
        ({"model": "dall-e-3"}, {"provider": "openai", "model": "dall-e-3"}),
        (
            {"model": "openai/gpt-image-2", "organization": "org-1", "api_base": "https://eu.api.openai.com/v1"},
            {
                "provider": "openai",
                "model": "gpt-image-2",
                "organization": "org-1",
                "base_url": "https://eu.api.openai.com/v1",
            },
        ),
        (
            {"model": "openai/my-sdxl", "api_base": "https://gpu.example/v1"},
            {"provider": "openai-compatible", "model": "my-sdxl", "base_url": "https://gpu.example/v1"},
        ),
        (
            {"model": "azure/gpt-image-2", **AZURE},
            {"provider": "azure-openai", "model": "gpt-image-2", "endpoint": "https://east.openai.azure.com"},
        ),
        (
            {
                "model": "azure/pictures",
                "base_model": "azure/gpt-image-2",
                "api_version": "2025-04-01-preview",
                **AZURE,
            },
            {
                "provider": "azure-openai",
                "model": "gpt-image-2",
                "azure_deployment": "pictures",
                "endpoint": "https://east.openai.azure.com",
                "api_version": "2025-04-01-preview",
            },
        ),
        (
            {"model": "azure_ai/FLUX.1-Kontext-pro", **FOUNDRY},
            {
                "provider": "azure-foundry",
                "model": "FLUX.1-Kontext-pro",
                "endpoint": "https://east.services.ai.azure.com",
            },
        ),
        (
            {"model": "azure_ai/FLUX-1.1-pro", **FOUNDRY},
            {"provider": "azure-foundry", "model": "FLUX-1.1-pro", "endpoint": "https://east.services.ai.azure.com"},
        ),
        (
            {"model": "azure_ai/flux.2-pro", "api_version": "preview", **FOUNDRY},
            {
                "provider": "azure-foundry",
                "model": "flux.2-pro",
                "endpoint": "https://east.services.ai.azure.com",
                "api_version": "preview",
            },
        ),
        (
            {"model": "azure_ai/gpt-image-2", **FOUNDRY},
            {"provider": "azure-openai", "model": "gpt-image-2", "endpoint": "https://east.services.ai.azure.com"},
        ),
        (
            {"model": "black_forest_labs/flux-kontext-pro", **KEYED},
            {"provider": "black-forest-labs", "model": "flux-kontext-pro"},
        ),
        (
            {"model": "gemini/gemini-3-pro-image", **KEYED},
            {"provider": "gemini", "model": "gemini-3-pro-image"},
        ),
        (
            {
                "model": "vertex_ai/imagen-4.0-generate-001",
                "vertex_project": "my-project",
                "vertex_location": "europe-west1",
                "vertex_credentials": "/etc/key.json",
                "api_key": None,
            },
            {
                "provider": "vertex-ai",
                "model": "imagen-4.0-generate-001",
                "project": "my-project",
                "location": "europe-west1",
                "credentials_file": "/etc/key.json",
            },
        ),
        (
            {"model": "vertex_ai/imagegeneration@006", "vertex_ai_project": "my-project", "api_key": None},
            {
                "provider": "vertex-ai",
                "model": "imagegeneration@006",
                "project": "my-project",
                "location": "us-central1",
            },
        ),
        (
            {
                "model": "bedrock/stability.sd3-5-large-v1:0",
                "aws_region_name": "us-east-1",
                "aws_access_key_id": "AKIDEXAMPLE",
                "aws_secret_access_key": "a-secret-of-nobody",
                "api_key": None,
            },
            {
                "provider": "bedrock",
                "model": "stability.sd3-5-large-v1:0",
                "aws_region": "us-east-1",
                "aws_access_key_id": "**********",
                "aws_secret_access_key": "**********",
            },
        ),
        (
            {"model": "bedrock/eu-west-1/amazon.nova-canvas-v1:0", "aws_profile_name": "pictures", "api_key": None},
            {
                "provider": "bedrock",
                "model": "amazon.nova-canvas-v1:0",
                "aws_region": "eu-west-1",
                "profile": "pictures",
            },
        ),
        (
            {"model": "openrouter/google/gemini-2.5-flash-image", **KEYED},
            {"provider": "openrouter", "model": "google/gemini-2.5-flash-image"},
        ),
        ({"model": "recraft/recraftv3", **KEYED}, {"provider": "recraft", "model": "recraftv3"}),
        ({"model": "stability/sd3.5-large", **KEYED}, {"provider": "stability", "model": "sd3.5-large"}),
        (
            {"model": "xinference/sd3.5", "api_base": "http://127.0.0.1:9997/v1", "api_key": None},
            {"provider": "xinference", "model": "sd3.5", "base_url": "http://127.0.0.1:9997/v1"},
        ),
        (
            {"model": "nscale/black-forest-labs/FLUX.1-schnell", **KEYED},
            {"provider": "nscale", "model": "black-forest-labs/FLUX.1-schnell"},
        ),
        (
            {"model": "together_ai/black-forest-labs/FLUX.1-schnell", **KEYED},
            {"provider": "together", "model": "black-forest-labs/FLUX.1-schnell"},
        ),
        (
            {"model": "fireworks_ai/accounts/fireworks/models/flux-kontext-pro", **KEYED},
            {"provider": "fireworks", "model": "accounts/fireworks/models/flux-kontext-pro"},
        ),
        (
            {"model": "xai/grok-imagine-image-quality", **KEYED},
            {"provider": "xai", "model": "grok-imagine-image-quality"},
        ),
        ({"model": "fal_ai/fal-ai/flux/schnell", **KEYED}, {"provider": "fal", "model": "fal-ai/flux/schnell"}),
        (
            {"model": "replicate/black-forest-labs/flux-schnell", **KEYED},
            {"provider": "replicate", "model": "black-forest-labs/flux-schnell"},
        ),
        (
            {"model": "a-model", "custom_llm_provider": "hosted_vllm", "api_base": "https://gpu.example/v1"},
            {"provider": "openai-compatible", "model": "a-model", "base_url": "https://gpu.example/v1"},
        ),
        (
            {"model": "litellm_proxy/a-group", "api_base": "http://127.0.0.1:4000", **KEYED},
            {"provider": "openai-compatible", "model": "a-group", "base_url": "http://127.0.0.1:4000"},
        ),
        (
            {"model": "vertex_ai/imagen-3.0-capability-001", "vertex_project": "my-project", "api_key": None},
            {
                "provider": "vertex-ai",
                "model": "imagen-3.0-capability-001",
                "project": "my-project",
                "location": "us-central1",
            },
        ),
    ],
    ids=lambda value: value["model"] if "provider" not in value else "",
)
def test_each_prefix_is_a_provider_here(params: dict[str, Any], expected: dict[str, Any]) -> None:
    assert said(only(theirs(entry(**params)))) == expected


def test_a_file_is_known_by_its_model_list(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(theirs(entry("a"), entry("b"))))

    assert list(loaded(path).models) == ["a", "b"]


def test_a_key_that_is_left_out_is_looked_for_where_litellm_looks() -> None:
    bare = theirs({"model_name": "bfl", "litellm_params": {"model": "black_forest_labs/flux-2-pro"}})
    environ = {"BLACK_FOREST_LABS_API_KEY": "key-of-bfl-0123456789", "BFL_API_BASE": "https://api.eu.bfl.ai"}
    deployment = only(bare, environ)

    assert deployment.api_key is not None
    assert deployment.api_key.get_secret_value() == "key-of-bfl-0123456789"
    assert said(deployment)["base_url"] == "https://api.eu.bfl.ai"
    assert mistakes(bare, {}) == [
        "model_list[0].litellm_params.api_key: the environment variable BFL_API_KEY is not set"
    ]


def test_the_files_own_variables_outrank_those_that_are_there() -> None:
    data = theirs(
        environment_variables={"OPENAI_API_KEY": "os.environ/REAL", "OPENAI_API_BASE": "https://a.example/v1"}
    )
    deployment = only(data, {"REAL": "the-real-key-0123", **ENVIRON})

    assert deployment.api_key is not None
    assert deployment.api_key.get_secret_value() == "the-real-key-0123"
    assert said(deployment)["base_url"] == "https://a.example/v1"


def test_limits_labels_and_what_goes_along_are_kept() -> None:
    deployment = only(
        theirs(
            entry(
                rpm="os.environ/RPM",
                max_parallel_requests=3,
                tags=["free"],
                timeout=90,
                extra_headers={"x-team": "art"},
                extra_body={"moderation": "low"},
                drop_params="true",
                quality="low",
                weight=2,
            )
        ),
        {**ENVIRON, "RPM": "15"},
    )

    assert (deployment.requests_per_minute, deployment.concurrent, deployment.tags) == (15, 3, ("free",))
    assert deployment.timeouts is not None
    assert (deployment.timeouts.first_byte, deployment.timeouts.total) == (90, 90)
    assert (deployment.extra_headers, deployment.extra_body) == ({"x-team": "art"}, {"moderation": "low"})
    assert (deployment.drop_params, deployment.defaults, deployment.weight) == (True, {"quality": "low"}, 2)


def test_how_long_one_deployment_cools_is_kept_and_that_none_does_is_told() -> None:
    assert only(theirs(entry(cooldown_time=7.5))).cooldown == 7.5

    data = theirs(entry(cooldown_time=0))
    assert only(data).cooldown is None
    assert remarks(data) == [
        "model_list[0].litellm_params.cooldown_time: "
        "a deployment that fails again and again is always left alone for a while"
    ]


def test_parameters_of_the_model_that_stand_beside_its_settings_go_with_every_call() -> None:
    data = theirs(entry(model="black_forest_labs/flux-2-pro", safety_tolerance=2, no_such=1))

    assert only(data).defaults == {"safety_tolerance": 2}
    assert remarks(data) == [
        "model_list[0].litellm_params.no_such: is no setting, and no parameter of the model that is known"
    ]


def test_a_named_credential_brings_what_the_entry_leaves_out() -> None:
    data = theirs(
        entry(model="azure/gpt-image-2", litellm_credential_name="east", api_key=None),
        credential_list=[{"credential_name": "east", "credential_values": AZURE}],
    )
    assert said(only(data))["endpoint"] == "https://east.openai.azure.com"


@pytest.mark.parametrize(
    ("params", "info", "price"),
    [
        ({"output_cost_per_image": 0.04}, {}, {"image": 0.04}),
        ({}, {"input_cost_per_image": 0.05}, {"image": 0.05}),
        ({"input_cost_per_pixel": 4e-08}, {}, {"megapixel": 0.04}),
        ({"output_cost_per_image": 0}, {}, {"image": 0}),
        (
            {"output_cost_per_image_token": 0.00004, "input_cost_per_token": 0.000005},
            {"input_cost_per_image_token": "1e-05"},
            {"tokens": {"image_out": 40, "text_in": 5, "image_in": 10}},
        ),
    ],
)
def test_prices_are_kept(params: dict[str, Any], info: dict[str, Any], price: dict[str, Any]) -> None:
    assert only(theirs(entry(info=info, **params))).price == PriceConfig(**price)


def test_a_price_beside_the_one_that_counts_is_told() -> None:
    data = theirs(entry(output_cost_per_image=0.04, input_cost_per_pixel=4e-08, info={"input_cost_per_token": 1e-06}))

    assert remarks(data) == [
        "model_list[0].model_info.input_cost_per_token: the price is that of output_cost_per_image",
        "model_list[0].litellm_params.input_cost_per_pixel: the price is that of output_cost_per_image",
    ]


def test_entries_of_one_name_are_one_group_with_names_that_stay() -> None:
    config = loaded(
        theirs(entry("a"), entry("b"), entry("a", {"id": "mine"}), entry("a"), entry("a-1"), entry("b", {"id": 7}))
    )
    names = {group: [one.name for one in written.deployments] for group, written in config.models.items()}

    assert names == {"a": ["a-2", "mine", "a-3"], "b": ["b-1", "7"], "a-1": ["a-1-1"]}


def test_a_star_stands_for_the_models_that_are_known_and_their_limits_are_one() -> None:
    config = loaded(theirs(entry("gpt-image-2", {"id": "own"}), entry("*", model="openai/*", rpm=100)))

    assert config.models["gpt-image-2"].deployments[0].name == "own"
    assert {"dall-e-3", "gpt-image-1.5"} <= config.models.keys()
    assert all(one.pools == ("any-1",) for one in config.models["gpt-image-1.5"].deployments)
    assert config.pools["any-1"].requests_per_minute == 100


def test_models_that_draw_nothing_are_left_out_and_told() -> None:
    data = theirs(
        entry(),
        entry("chat", model="openai/gpt-4o"),
        entry("claude", model="anthropic/claude-opus"),
        entry("embed", {"mode": "embedding"}, model="azure/of-any-name", **AZURE),
        entry("odd", {"mode": "image_generation"}, model="openai/gpt-4o"),
    )
    assert list(loaded(data).models) == ["images", "odd"]
    assert remarks(data) == [
        "model_list[1].litellm_params.model: 'openai/gpt-4o' draws no pictures, by its name; mode: image_generation in "
        "model_info says otherwise",
        "model_list[2].litellm_params.model: 'anthropic/claude-opus' is of no provider that draws pictures here",
        "model_list[3].litellm_params.model: 'azure/of-any-name' draws no pictures, by mode embedding",
    ]
    assert mistakes(theirs(entry("chat", model="openai/gpt-4o"))) == [
        "model_list: holds no model that draws pictures and can be asked from here"
    ]


def test_what_means_nothing_is_told_with_the_other_warnings() -> None:
    warnings = warnings_of(loaded(theirs(entry(tpm=1000), general_settings={"database_url": "postgres://"})), TODAY)

    assert [warning.path for warning in warnings] == [
        "model_list[0].litellm_params.tpm",
        "general_settings.database_url",
    ]


def test_warnings_of_what_was_read_name_the_place_in_their_file() -> None:
    (warning,) = warnings_of(loaded(theirs(entry(model="openai/gpt-image-99"))), TODAY)

    assert warning.path == "model_list[0].litellm_params.model"


def test_mistakes_are_told_at_their_place_in_their_file() -> None:
    wrong: dict[str, Any] = {"rpm": 0, "max_parallel_requests": "many", "timeout": -1, "api_base": "ftp://x"}
    data = theirs(
        entry(**wrong),
        {"model_name": "no-params"},
        {"litellm_params": LISTED},
        "nothing",
        entry("azure", model="azure/pictures"),
        router_settings={"fallbacks": [{"images": ["azre"]}], "num_retries": "few", "cooldown_time": -3},
    )
    assert mistakes(data) == [
        "model_list[0].litellm_params.rpm: must be greater than 0",
        "model_list[0].litellm_params.max_parallel_requests: must be a whole number, not text",
        "model_list[0].litellm_params.timeout: must be greater than 0",
        "model_list[0].litellm_params.api_base: an address that begins with https:// is needed, not 'ftp://x'",
        "model_list[1].litellm_params: is missing",
        "model_list[2].model_name: is missing",
        "model_list[3]: must be a mapping with model_name and litellm_params",
        "model_list[4].litellm_params.api_base: the environment variable AZURE_API_BASE is not set",
        "router_settings.fallbacks[0].images[0]: no group or deployment is named 'azre'; did you mean 'azure'?",
        "router_settings.num_retries: must be a whole number, 0 or more",
        "router_settings.cooldown_time: must be greater than 0",
    ]


def test_no_key_is_shown_in_what_is_told() -> None:
    secret = "sk-very-secret-0123456789"
    told = mistakes(theirs(entry(api_key=secret, rpm=-1), general_settings={"master_key": secret}))

    assert told
    assert secret not in "".join(told)
