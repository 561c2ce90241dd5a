"""What every model can do, what it costs, and when it goes."""

from __future__ import annotations

import pytest

from pixelrelay.providers import registry
from pixelrelay.providers.overview import known_models
from tests.cli.desk import Desk, words


def test_every_model_of_every_provider_is_listed(desk: Desk) -> None:
    told = desk.told("models")

    assert {one["provider"] for one in told} == set(registry.provider_names())
    assert len(told) == sum(len(known_models(name)) for name in registry.provider_names())


def test_a_row_tells_all_that_is_known(desk: Desk) -> None:
    (dall_e,) = [one for one in desk.told("models", "--provider", "openai") if one["model"] == "dall-e-3"]
    (flux,) = [one for one in desk.told("models", "--provider", "azure-foundry") if one["model"] == "FLUX.2-flex"]

    assert (dall_e["retires"], dall_e["replaced_by"], dall_e["dollars"]) == ("2026-05-12", "gpt-image-2", None)
    assert set(flux["operations"]) == {"generate", "edit"}
    assert (flux["references"], flux["seed"], flux["dollars"]) == (10, True, "0.05")


@pytest.mark.parametrize(
    ("features", "models"),
    [
        ("mask", {"flux-pro-1.0-fill", "erase-v1"}),
        ("edit,seed,mask", {"flux-pro-1.0-fill", "erase-v1"}),
        ("mask, generate", set()),
        ("n", set()),
    ],
)
def test_models_are_chosen_by_what_they_can(desk: Desk, features: str, models: set[str]) -> None:
    ran = desk.run("models", "--provider", "black-forest-labs", "--can", features)

    assert ran.exit_code == (0 if models else 1)
    assert all(model in ran.stdout for model in models)
    assert models or "no model that is known can do that" in ran.stdout


def test_n_is_more_than_one_picture_a_call(desk: Desk) -> None:
    told = desk.told("models", "--can", "n", "--provider", "openai")

    assert {one["max_images"] for one in told} == {10}


def test_the_table_tells_what_takes_the_place_of_what_goes(desk: Desk) -> None:
    desk.width = 160

    shown = words(desk.run("models", "--provider", "openai").stdout)

    assert "openai dall-e-3 generate unknown 2026-05-12, gpt-image-2 instead" in shown
    assert "openai gpt-image-2 generate, edit, mask, references 16, n 10, transparent $0.2108" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--provider", "opneai"], 1, "did you mean 'openai'?"),
        (["--can", "dance"], 2, "dance: there are generate, edit"),
    ],
)
def test_what_is_asked_for_wrongly_is_told(desk: Desk, arguments: list[str], code: int, said: str) -> None:
    ran = desk.run("models", *arguments)

    assert ran.exit_code == code
    assert said in words(ran.output)
