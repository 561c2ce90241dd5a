"""Each mistake is told with its path, in plain words, and all of them at once."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from pydantic import SecretStr

from pixelrelay.config import DeploymentConfig, GroupConfig, PoolConfig, RelayConfig
from pixelrelay.errors import ConfigError
from tests.config.shop import crayon, easel, flux, loaded, mistakes

FIRST = "models.flux.deployments[0]"


def without(name: str, deployment: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in deployment.items() if key != name}


@pytest.mark.parametrize(
    ("deployment", "line"),
    [
        (easel(teir="high"), "teir: unknown key; did you mean 'tier'?"),
        (easel(api_keys="x"), "api_keys: unknown key; did you mean 'api_key'?"),
        (easel(options={"teir": "high"}), "options.teir: unknown key; did you mean 'tier'?"),
        (easel(options=["tier"]), "options: must be a mapping of keys to values, not a list"),
        (easel(tier="hihg"), "tier: must be 'high' or 'low'; did you mean 'high'?"),
        (easel(tier=3), "tier: must be 'high' or 'low'"),
        (without("endpoint", easel()), "endpoint: is missing"),
        (easel(endpoint="ftp://easel.example"), "endpoint: must begin with https://, not 'ftp://easel.example'"),
        (easel(model="tempera", tier="low"), "tier: tempera has no tiers"),
        (easel(provider="eassel"), "provider: no provider is named 'eassel'; did you mean 'easel'?"),
        (crayon(provider="zzz"), "provider: no provider is named 'zzz'; known here: crayon, easel"),
        (without("provider", crayon()), "provider: is missing"),
        (without("model", crayon()), "model: is missing"),
        (crayon(model=""), "model: is empty"),
        (without("api_key", easel()), 'api_key: is missing: easel needs one (or token), best as "${NAME}"'),
        (easel(api_key="  "), 'api_key: is missing: easel needs one (or token), best as "${NAME}"'),
        (easel(api_key=12345678), "api_key: must be text, not a number (put it in quotes)"),
        (crayon(requests_per_minute=0), "requests_per_minute: must be greater than 0"),
        (crayon(images_per_minute=-5), "images_per_minute: must be greater than 0"),
        (crayon(megapixels_per_minute=0.0), "megapixels_per_minute: must be greater than 0"),
        (crayon(concurrent=-1), "concurrent: must be greater than 0"),
        (crayon(concurrent=1.5), "concurrent: must be a whole number"),
        (crayon(concurrent=True), "concurrent: must be a number, not true"),
        (crayon(concurrent="many"), "concurrent: must be a whole number, not text"),
        (crayon(megapixels_per_minute=float("nan")), "megapixels_per_minute: must be a finite number"),
        (crayon(weight=0), "weight: must be greater than 0"),
        (crayon(guard=-0.1), "guard: must be at least 0"),
        (crayon(shape="rollin"), "shape: must be 'fixed', 'paced', 'rolling' or 'sliced'; did you mean 'rolling'?"),
        (crayon(counts_rejected="sometimes"), "counts_rejected: must be true or false, not text"),
        (crayon(region=False), "region: must be text, not false (put it in quotes)"),
        (crayon(tags="fast"), "tags: must be a list, not text"),
        (crayon(pools=["contoso"]), "pools[0]: no pool is named 'contoso'; none is known here"),
        (crayon(price=0.04), "price: must be a mapping of keys to values, not a number"),
        (
            crayon(price={}),
            "price: names no price: give image, megapixel, tokens, like or factor; an image at 0 means free",
        ),
        (crayon(price={"image": -1}), "price.image: must be at least 0"),
        (crayon(price={"image": "dear"}), "price.image: must be a number, not text"),
        (
            crayon(price={"picture": 1}),
            "price.picture: unknown key; known here: day, factor, image, input_image, like, megapixel, source, steps, "
            "tokens, unit",
        ),
        (crayon(price={"megapixel": "dear"}), "price.megapixel.extra: must be a number, not text"),
        (
            crayon(price={"megapixel": {"frist": 1, "extra": 1}}),
            "price.megapixel.frist: unknown key; did you mean 'first'?",
        ),
        (crayon(price={"image": {"low": 1}}), 'price.image: a table says what it goes by: by: ["quality", "size"]'),
        (
            crayon(price={"image": {"by": "quality", "low": "dear"}}),
            "price.image: each amount of a table is a number, 0 or more",
        ),
        (
            crayon(price={"like": "openai/gpt-image-9"}),
            "price.like: no list has a price of 'openai/gpt-image-9'; write it as openai/gpt-image-2",
        ),
        (
            crayon(price={"like": "openai/gpt-image-2", "image": 1}),
            "price.like: says the whole price; give nothing else of it but a factor",
        ),
        (crayon(price={"factor": 0}), "price.factor: must be greater than 0"),
        (crayon(price={"image": 1, "day": "soon"}), "price.day: must be a day, as 2026-11-21, not text"),
        (crayon(timeouts={"conect": 3}), "timeouts.conect: unknown key; did you mean 'connect'?"),
        (crayon(timeouts={"total": 0}), "timeouts.total: must be greater than 0"),
        (
            crayon(name="pool:x"),
            "name: must begin with a letter or digit, and hold only letters, digits and any of ._/@+-",
        ),
        (crayon(name="flux"), "name: 'flux' is the name of a model group; a deployment needs one of its own"),
    ],
)
def test_a_mistake_in_a_deployment_is_told_at_its_key(deployment: dict[str, Any], line: str) -> None:
    assert mistakes(flux(deployment)) == [f"{FIRST}.{line}"]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"modles": {}}, "modles: unknown key; did you mean 'models'?"),
        ({"store": "sqlite"}, "store: must be memory, or an address as redis://HOST:6379/0"),
        ({"deadline": 0}, "deadline: must be greater than 0"),
        ({"deadline": None}, "deadline: must be a number, not nothing"),
        ({"on_ambiguous": "buy"}, "on_ambiguous: must be 'fail' or 'rebuy'; did you mean 'rebuy'?"),
        ({"timeouts": 5}, "timeouts: must be a mapping of keys to values, not a number"),
        ({"retry_budget": {"share": -1}}, "retry_budget.share: must be at least 0"),
        ({"health": {"failed": 11}}, "health.failed: 11 of the last 10 outcomes can never fail"),
        ({"health": {"consecutive": 12}}, "health.consecutive: 12 of the last 10 outcomes can never fail"),
        ({"health": {"longest": 1}}, "health.longest: must be at least as long as cooldown"),
        (
            {"pools": {"contoso": {"shape": "paced"}}},
            "pools.contoso: limits nothing: give at least one of "
            "requests_per_minute, images_per_minute, megapixels_per_minute, concurrent",
        ),
        ({"models": {}}, "models: is empty"),
        ({"models": ["flux"]}, "models: must be a mapping of keys to values, not a list"),
        ({"models": {"flux": {"deployments": []}}}, "models.flux.deployments: is empty"),
        ({"models": {"flux": {}}}, "models.flux.deployments: is missing"),
        ({"models": {"flux": None}}, "models.flux: must be a mapping of keys to values, not nothing"),
        ({"models": {"flux": {"deployments": "red"}}}, "models.flux.deployments: must be a list, not text"),
        (
            {"models": {"flux": {"deployments": ["red"]}}},
            f"{FIRST}: must be a mapping of keys to values, not text",
        ),
    ],
)
def test_a_mistake_elsewhere_is_told_at_its_key(changes: dict[str, Any], line: str) -> None:
    assert mistakes({**flux(), **changes}) == [line]


@pytest.mark.parametrize("key", ["fallbacks", "content_rejected_fallbacks"])
@pytest.mark.parametrize(
    ("names", "line"),
    [
        (["flux-bfI"], "[0]: no group or deployment is named 'flux-bfI'; did you mean 'flux-bfl'?"),
        (["flux"], "[0]: 'flux' is this group itself"),
        (["blue", "flux-bfl", "blue"], "[2]: 'blue' is named twice"),
        ("flux-bfl", ": must be a list, not text"),
    ],
)
def test_a_fallback_that_leads_nowhere_is_told(key: str, names: Any, line: str) -> None:
    groups = {"flux": {"deployments": [crayon()], key: names}, "flux-bfl": {"deployments": [crayon("blue")]}}

    assert mistakes({"models": groups}) == [f"models.flux.{key}{line}"]


def test_a_deployment_of_the_group_itself_can_follow_moderation_and_nothing_else() -> None:
    deployments = [crayon("red"), crayon("blue")]

    assert mistakes({"models": {"flux": {"deployments": deployments, "content_rejected_fallbacks": ["blue"]}}}) == []
    assert mistakes({"models": {"flux": {"deployments": deployments, "fallbacks": ["blue"]}}}) == [
        "models.flux.fallbacks[0]: 'blue' is a deployment of this group already"
    ]


def test_groups_may_fall_back_on_each_other_and_on_single_deployments() -> None:
    flux = {"deployments": [crayon("red")], "fallbacks": ["gpt", "blue"]}
    gpt = {"deployments": [crayon("blue"), crayon("green")], "fallbacks": ["flux"]}

    assert mistakes({"models": {"flux": flux, "gpt": gpt}}) == []


def test_a_name_belongs_to_one_deployment_of_the_whole_file() -> None:
    groups = {"flux": {"deployments": [crayon("red")]}, "gpt": {"deployments": [crayon("blue"), crayon("red")]}}

    assert mistakes({"models": groups}) == [
        "models.gpt.deployments[1].name: 'red' is the name of models.flux.deployments[0] already"
    ]


def test_a_name_that_is_a_number_is_told_apart_from_text() -> None:
    assert mistakes({"models": {3: {"deployments": [crayon()]}}}) == [
        "models[3]: the name must be text, not a number (put it in quotes)"
    ]


def test_all_mistakes_are_listed_in_the_order_of_the_file() -> None:
    east = easel(endpoint="http://easel.example", teir="high", requests_per_minute=0)
    west = {"name": "east", "provider": "easel", "model": "oil", "concurrent": "many"}

    assert mistakes(
        {
            "deadlin": 3,
            "models": {
                "flux": {"strategy": "least_busy", "fallbacks": ["gtp"], "deployments": [east, west]},
                "gpt": {"deployments": []},
            },
            "store": "sqlite",
        }
    ) == [
        "deadlin: unknown key; did you mean 'deadline'?",
        "models.flux.strategy: must be 'cost', 'latency', 'least-busy', 'ordered', 'usage' or 'weighted'; "
        "did you mean 'least-busy'?",
        "models.flux.fallbacks[0]: no group or deployment is named 'gtp'; did you mean 'gpt'?",
        "models.flux.deployments[0].endpoint: must begin with https://, not 'http://easel.example'",
        "models.flux.deployments[0].teir: unknown key; did you mean 'tier'?",
        "models.flux.deployments[0].requests_per_minute: must be greater than 0",
        "models.flux.deployments[1].name: 'east' is the name of models.flux.deployments[0] already",
        "models.flux.deployments[1].concurrent: must be a whole number, not text",
        "models.flux.deployments[1].endpoint: is missing",
        'models.flux.deployments[1].api_key: is missing: easel needs one (or token), best as "${NAME}"',
        "models.gpt.deployments: is empty",
        "store: must be memory, or an address as redis://HOST:6379/0",
    ]


def test_a_missing_key_does_not_hide_what_else_the_provider_objects_to() -> None:
    written = without("api_key", easel(endpoint="http://easel.example", model="tempera", tier="low"))

    assert sorted(mistakes(flux(written))) == [
        f'{FIRST}.api_key: is missing: easel needs one (or token), best as "${{NAME}}"',
        f"{FIRST}.endpoint: must begin with https://, not 'http://easel.example'",
        f"{FIRST}.tier: tempera has no tiers",
    ]


def test_an_option_may_stand_in_for_the_key() -> None:
    written = without("api_key", easel(token="token-of-east"))

    assert mistakes(flux(written)) == []


@pytest.mark.parametrize("data", [{"models": 1}, {}, {"models": {"flux": 7}}, {"models": {"flux": {"deployments": 7}}}])
def test_data_of_any_shape_bring_a_report_and_nothing_else(data: Any) -> None:
    assert mistakes(data)


def test_a_report_says_where_it_comes_from_and_survives_pickling() -> None:
    with pytest.raises(ConfigError) as raised:
        loaded({"models": {}, "deadline": -1})

    assert str(pickle.loads(pickle.dumps(raised.value))) == (  # noqa: S301 - our own
        "the configuration: 2 problems\n  models: is empty\n  deadline: must be greater than 0"
    )


def test_keyword_arguments_are_checked_as_a_file_is() -> None:
    openai = DeploymentConfig(name="openai", provider="openai", model="gpt-image-2", options={"projct": "x"})
    groups = {"gpt": GroupConfig(deployments=(openai,), fallbacks=("gtp",))}

    with pytest.raises(ConfigError) as raised:
        RelayConfig(models=groups, pools={"contoso": PoolConfig(concurrent=3)})

    assert [str(problem) for problem in raised.value.problems] == [
        "models.gpt.fallbacks[0]: no group or deployment is named 'gtp'; none is known here",
        'models.gpt.deployments[0].api_key: is missing: openai needs one, best as "${NAME}"',
        "models.gpt.deployments[0].options.projct: unknown key; did you mean 'project'?",
    ]


def test_what_keyword_arguments_build_is_what_a_file_says() -> None:
    options = {"project": "lighthouse"}
    openai = DeploymentConfig(
        name="openai", provider="openai", model="gpt-image-2", api_key=SecretStr("key-1234"), options=options
    )
    built = RelayConfig(models={"gpt": GroupConfig(deployments=(openai,), patience=2)}, deadline=60)

    written = {"name": "openai", "provider": "openai", "model": "gpt-image-2", "api_key": "key-1234", **options}
    assert built == RelayConfig.model_validate(
        {"models": {"gpt": {"deployments": [written], "patience": 2}}, "deadline": 60}
    )
    assert RelayConfig.model_validate(built) is built


def test_a_deployment_built_from_keywords_keeps_what_only_its_provider_knows() -> None:
    written = easel(token="token-of-east", options={"tier": "high"})
    built = DeploymentConfig.model_validate(written)

    assert built.options == {"endpoint": "https://easel.example", "token": "token-of-east", "tier": "high"}
    assert "token-of-east" not in repr(built)
    assert mistakes({"models": {"flux": {"deployments": [built]}}}) == []
    with pytest.raises(ValueError, match="options must be a mapping"):
        DeploymentConfig.model_validate({**written, "options": 3})


def test_another_name_stands_for_one_that_exists_and_is_none_already() -> None:
    assert mistakes(flux(crayon(), aliases={"pictures": "flx", "red": "flux", "also": "red"})) == [
        "aliases.pictures: no group or deployment is named 'flx'; did you mean 'flux'?",
        "aliases.red: 'red' is the name of a group or deployment already",
    ]
