"""The reference says what the models say, and its example is one."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from pixelrelay import config as public
from pixelrelay.config import DeploymentConfig, load, resolve
from pixelrelay.config.reference import SECTIONS, reference
from pixelrelay.cost.terms import ByPixels
from pixelrelay.providers import registry
from pixelrelay.quotas import Unit

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_on_disk_is_the_one_that_is_made() -> None:
    made = "python -m pixelrelay.config.reference > docs/configuration.md"
    assert PAGE.read_text("utf-8") == reference(), f"make it anew: {made}"


@pytest.mark.parametrize("model", [model for _, model in SECTIONS])
def test_every_key_is_there_with_what_it_means(model: type) -> None:
    page = reference()
    for name in getattr(model, "model_fields", {}):
        assert name == "options" or re.search(rf"^\| `{name}` \| [\w`].+ \| .*\| [A-Z].+ \|$", page, re.MULTILINE), name


def test_the_example_on_the_page_works(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", reference(), re.DOTALL)
    path = tmp_path / "relay.yaml"
    path.write_text(example, "utf-8")
    groups = resolve(load(path, environ={"AZURE_KEY": "a" * 32, "BFL_API_KEY": "b" * 32}))

    eastus, kontext = groups["flux"]
    assert eastus.price is not None
    assert eastus.price.terms == (ByPixels(Decimal("0.03")),)
    assert {quota.unit: quota.limit for quota in eastus.quotas} == {Unit.REQUESTS: 100}
    assert {quota.unit: quota.limit for quota in kontext.quotas} == {Unit.REQUESTS: 6}
    assert "pool:bfl-account/concurrent" in [quota.key for quota in groups["flux-bfl"][0].quotas]


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_no_provider_has_an_option_that_every_deployment_has(name: str) -> None:
    common = DeploymentConfig.model_fields.keys()

    assert registry.provider(name).options.model_fields.keys().isdisjoint(common)


def test_the_public_names_are_sorted_and_there() -> None:
    assert public.__all__ == sorted(public.__all__)
    assert all(hasattr(public, name) for name in public.__all__)
