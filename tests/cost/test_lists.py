"""The lists of published prices: each row says where and when it was read, and models are found by all their names."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from pydantic import SecretStr, ValidationError

from pixelrelay.cost import listed as lists
from pixelrelay.cost.listed import listed, price_like, price_list
from pixelrelay.cost.prices import Price, estimate
from pixelrelay.images import Operation
from pixelrelay.providers import registry
from tests.cost.calls import asked

ROWS = [
    pytest.param(name, model, price, id=f"{name}/{model}")
    for name in lists.providers()
    if (prices := price_list(name)) is not None
    for model, price in prices.prices.items()
]
REGISTERED = [name for name in lists.providers() if name in registry.provider_names()]


def test_there_are_lists_of_all_that_publish_one() -> None:
    assert {"openai", "azure-openai", "azure-foundry", "black-forest-labs", "gemini", "stability"} <= set(
        lists.providers()
    )


@pytest.mark.parametrize(("provider", "model", "price"), ROWS)
def test_every_row_says_where_and_when_it_was_read_and_what_a_picture_costs(
    provider: str, model: str, price: Price
) -> None:
    assert len(price.source) > 5, (provider, model)
    assert price.day is not None
    assert date(2026, 1, 1) < price.day <= date(2026, 12, 31)
    cost = estimate(price, asked("1024x1024")) or estimate(price, asked())
    assert cost is not None
    assert Decimal("0.0005") < cost < 1


@pytest.mark.parametrize("provider", REGISTERED)
def test_every_model_of_a_list_is_one_that_its_provider_is_known_to_have(provider: str) -> None:
    prices = price_list(provider)
    assert prices is not None
    known = {model.casefold() for model in registry.models(provider)}

    assert {model.casefold() for model in prices.prices} <= known


@pytest.mark.parametrize("provider", REGISTERED)
def test_a_deployment_at_its_providers_own_address_is_at_a_host_of_the_list(provider: str) -> None:
    prices, known = price_list(provider), registry.provider(provider)
    assert prices is not None
    options = known.options.model_validate(LEAST_OPTIONS.get(provider, {}))
    target = known.target(next(iter(prices.prices)), SecretStr("key-0123456789"), options)
    host = target.base_url.partition("//")[2].partition("/")[0]

    assert prices.holds_at(host)
    assert not prices.holds_at("127.0.0.1")
    assert not prices.holds_at(f"{host}.example")


LEAST_OPTIONS = {
    "azure-foundry": {"endpoint": "https://contoso.services.ai.azure.com"},
    "azure-openai": {"endpoint": "https://contoso.openai.azure.com"},
    "bedrock": {"aws_region": "us-west-2"},
}
"""Of providers that need to be told where they are."""


@pytest.mark.parametrize(
    ("provider", "model", "same"),
    [
        ("openai", "gpt-image-2-2026-04-21", "gpt-image-2"),
        ("openai", "chatgpt-image-latest", "gpt-image-1.5"),
        ("azure-openai", "gpt-image-2-2026-04-21", "gpt-image-2"),
        ("azure-foundry", "flux.2-FLEX", "FLUX.2-flex"),
        ("azure-foundry", "flux-2-flex", "FLUX.2-flex"),
        ("black-forest-labs", "/v1/flux-2-pro", "flux-2-pro"),
        ("bedrock", "us.stability.stable-image-inpaint-v1:0", "stability.stable-image-inpaint-v1:0"),
        (
            "bedrock",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.stability.stable-outpaint-v1:0",
            "stability.stable-outpaint-v1:0",
        ),
        ("gemini", "models/gemini-3-pro-image", "gemini-3-pro-image"),
        ("fireworks", "accounts/fireworks/models/flux-1-dev-fp8", "flux-1-dev-fp8"),
        ("replicate", f"black-forest-labs/flux-dev:{'a1' * 32}", "black-forest-labs/flux-dev"),
    ],
)
def test_a_model_is_found_by_its_snapshot_its_profile_and_its_path(provider: str, model: str, same: str) -> None:
    assert listed(provider, model) is not None
    assert listed(provider, model) is listed(provider, same)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-image-9"),
        ("openai", "gpt-image"),
        ("openrouter", "google/gemini-3-pro-image:free"),
        ("openrouter", "somebody/gpt-image-2"),
        ("azure-foundry", "FLUX.2-pro"),
        ("crayon", "oil"),
        ("../prices/openai", "gpt-image-2"),
    ],
)
def test_what_no_list_knows_has_no_price(provider: str, model: str) -> None:
    assert listed(provider, model) is None


def test_a_row_may_be_that_of_another_list_read_elsewhere() -> None:
    there, here = listed("openai", "gpt-image-2"), listed("azure-openai", "gpt-image-2")
    assert there is not None
    assert here is not None

    assert here.terms == there.terms
    assert here.source != there.source
    assert price_like("openai/gpt-image-2") is there


def test_hosts_are_whole_names_or_ends_of_names() -> None:
    bfl, openai = price_list("black-forest-labs"), price_list("openai")
    assert bfl is not None
    assert openai is not None

    assert bfl.holds_at("api.eu.bfl.ai")
    assert not bfl.holds_at("bfl.ai.example")
    assert openai.holds_at("eu.api.openai.com")
    assert not openai.holds_at("notapi.openai.com.example")


def test_a_list_that_names_no_price_or_no_day_is_refused() -> None:
    with pytest.raises(ValidationError, match="day"):
        lists.ListFile.model_validate({"source": "a page", "hosts": ["a.example"], "models": {"oil": {"image": 1}}})


def test_an_edit_that_a_price_cannot_know_is_unknown() -> None:
    price = listed("ideogram", "ideogram-v3")
    request = asked(parameters={"character_reference_images": ["a picture"]})

    assert request.operation is Operation.GENERATE
    assert estimate(price, request) is None
