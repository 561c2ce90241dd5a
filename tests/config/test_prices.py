"""Whose price a deployment has: the configuration's, else its provider's list where that provider is the one asked."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from pixelrelay.config import ResolvedDeployment, load, resolve
from pixelrelay.cost.listed import listed
from pixelrelay.cost.prices import Price, estimate
from tests.cost.calls import asked

KEY = "key-0123456789"


def deployment(provider: str, model: str, **further: Any) -> ResolvedDeployment:
    entry = {"name": "one", "provider": provider, "model": model, "api_key": KEY, **further}
    return resolve(load({"models": {"group": {"deployments": [entry]}}}, environ={}))["group"][0]


def priced_at(provider: str, model: str, **further: Any) -> Price | None:
    return deployment(provider, model, **further).price


def test_a_deployment_at_its_providers_own_address_has_the_price_of_the_list() -> None:
    price = priced_at("openai", "gpt-image-2")

    assert price is not None
    assert price == listed("openai", "gpt-image-2")
    assert price.source.startswith("https://")
    assert price.day is not None


@pytest.mark.parametrize(
    ("provider", "further", "known"),
    [
        ("openai", {"data_residency": "eu"}, True),
        ("openai", {"base_url": "https://eu.api.openai.com/v1"}, True),
        ("openai", {"base_url": "https://openai.example/v1"}, False),
        ("openai", {"base_url": "http://127.0.0.1:8000/v1"}, False),
        ("openai", {"base_url": "https://api.openai.com.example/v1"}, False),
        ("black-forest-labs", {"base_url": "https://api.us1.bfl.ai"}, True),
        ("black-forest-labs", {"base_url": "https://flux.example"}, False),
        ("azure-openai", {"endpoint": "https://contoso.openai.azure.com"}, True),
        ("azure-openai", {"endpoint": "https://gateway.contoso.example"}, False),
    ],
)
def test_what_another_server_charges_for_the_same_names_nobody_knows(
    provider: str, further: dict[str, Any], known: bool
) -> None:
    model = "flux-2-pro" if provider == "black-forest-labs" else "gpt-image-2"

    assert (priced_at(provider, model, **further) is not None) is known


def test_on_azure_it_is_the_model_that_has_a_price_and_not_what_it_is_deployed_as() -> None:
    where = {"endpoint": "https://contoso.services.ai.azure.com", "azure_deployment": "pictures"}

    assert priced_at("azure-foundry", "FLUX.2-flex", **where) == listed("azure-foundry", "FLUX.2-flex")
    assert priced_at("azure-openai", "gpt-image-2", **where) == listed("azure-openai", "gpt-image-2")
    assert priced_at("azure-foundry", "pictures", **where) is None


def test_what_the_configuration_says_outranks_the_list() -> None:
    price = priced_at("openai", "gpt-image-2", price={"image": 0.05, "source": "invoice", "day": "2026-11-01"})

    assert estimate(price, asked("1024x1024")) == Decimal("0.05")
    assert price is not None
    assert (price.source, price.day) == ("invoice", date(2026, 11, 1))


def test_a_factor_alone_is_of_the_lists_price() -> None:
    full, reduced = priced_at("openai", "gpt-image-2"), priced_at("openai", "gpt-image-2", price={"factor": 0.85})
    request = asked("1024x1024", quality="high")

    assert estimate(full, request) is not None
    assert estimate(reduced, request) == estimate(full, request) * Decimal("0.85")  # type: ignore[operator]  # not None
    assert reduced is not None
    assert full is not None
    assert reduced.source == full.source
    assert (
        priced_at("azure-foundry", "FLUX.2-pro", endpoint="https://a.services.ai.azure.com", price={"factor": 2})
        is None
    )


def test_another_server_may_be_said_to_charge_as_a_list_does() -> None:
    mirror = {"base_url": "https://openai.example/v1"}
    price = priced_at("openai", "drawer", **mirror, price={"like": "openai/gpt-image-2", "factor": "1.1"})

    full = estimate(listed("openai", "gpt-image-2"), asked("1024x1024"))
    assert full is not None
    assert estimate(price, asked("1024x1024")) == full * Decimal("1.1")


EVERY_FORM: list[tuple[dict[str, Any], str]] = [
    ({"image": 0.04}, "0.04"),
    ({"image": {"by": ["quality", "size"], "high": {"1024x1024": 0.2, "*": 0.3}, "low": {"*": 0.01}}}, "0.2"),
    ({"image": {"by": "size", "1K": 0.04, "2K": 0.08}}, "0.04"),
    ({"image": 4, "unit": 0.01}, "0.04"),
    ({"image": 0.02, "input_image": 0.002}, "0.022"),
    ({"megapixel": 0.03}, "0.03145728"),
    ({"megapixel": {"first": 0.03, "extra": 0.015, "input": 0.015, "round_up": True, "pixels": 1048576}}, "0.045"),
    ({"image": 0.01, "megapixel": 0.03}, "0.04145728"),
    ({"image": 0.001, "steps": {"parameter": "steps", "unsaid": 30}}, "0.03"),
    ({"tokens": {"image_out": 30, "text_in": 5, "image_in": 8, "drawn": 1000, "inputs": 500}}, "0.034445"),
    ({"tokens": {"image_out": 30, "patches": {"low": 16, "high": 96}}}, "0.21072"),
    ({"image": 0.04, "factor": 0.5}, "0.02"),
]


@pytest.mark.parametrize(("price", "dollars"), EVERY_FORM)
def test_every_form_of_a_price_can_be_written_in_a_configuration(price: dict[str, Any], dollars: str) -> None:
    found = priced_at("openai", "gpt-image-2", price=price)

    assert estimate(found, asked("1024x1024", 1, "1024x1024", quality="high")) == Decimal(dollars)
