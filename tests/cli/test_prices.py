"""What a picture costs, at every model that is known or at the deployments of a fleet."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.cli.desk import Desk, words

KEY = "key-0123456789"


def entry(name: str, model: str = "gpt-image-2", **further: Any) -> dict[str, Any]:
    return {"name": name, "provider": "openai", "model": model, "api_key": KEY, **further}


FLEET = {
    "models": {
        "gpt": {
            "deployments": [
                entry("dear", price={"image": 0.08}),
                entry("listed"),
                entry("mirror", base_url="https://mirror.example"),
            ]
        },
        "flux": {
            "deployments": [
                {"name": "bfl", "provider": "black-forest-labs", "model": "flux-2-pro", "api_key": KEY},
                {"name": "old", "provider": "black-forest-labs", "model": "flux-dev", "api_key": KEY},
            ]
        },
    }
}


def offers(told: Any) -> list[tuple[str, str | None]]:
    return [(one["deployment"] or f"{one['provider']}/{one['model']}", one["dollars"]) for one in told["offers"]]


def test_without_a_configuration_all_models_that_can_draw_it_are_compared_the_cheapest_first(desk: Desk) -> None:
    told = desk.told("prices", "--provider", "black-forest-labs", "--size", "2048x2048")

    found = dict(offers(told))
    assert list(found) == sorted(found, key=lambda name: Decimal(found[name] or 0))
    assert found["black-forest-labs/flux-2-pro"] == "0.075"
    # It draws sizes up to 1440, and is counted among those that cannot.
    assert "black-forest-labs/flux-dev" not in found
    assert told["left_out"] >= 1
    assert all(one["source"].startswith("https://") and one["day"] for one in told["offers"])


def test_a_table_shows_where_and_when_each_price_was_read(desk: Desk) -> None:
    desk.width = 160

    ran = desk.run("prices", "--model", "gpt-image-2", "--provider", "openai", "--quality", "low", "-n", "2")

    assert ran.exit_code == 0, ran.output
    shown = words(ran.stdout)
    assert shown.startswith("2 pictures of 1024x1024, quality low")
    assert "$0.012 openai $30.00 a million tokens https://developers.openai.com/api/docs/pricing, 2026-11-21" in shown


def test_input_images_count(desk: Desk) -> None:
    alone, edited = (
        dict(offers(desk.told("prices", "--model", "flux-2-pro", "--provider", "black-forest-labs", "--edit", count)))
        for count in ("0", "2")
    )

    assert alone["black-forest-labs/flux-2-pro"] == "0.03"
    assert edited["black-forest-labs/flux-2-pro"] == "0.06"  # a megapixel of each


def test_with_a_configuration_its_deployments_are_compared_and_unknown_prices_come_last(desk: Desk) -> None:
    desk.write(FLEET)

    told = desk.told("prices", "pixelrelay.yaml", "--quality", "low")

    assert [name for name, _ in offers(told)] == ["listed", "dear", "mirror"]
    assert offers(told)[2] == ("mirror", None)
    assert told["left_out"] == 2
    shown = words(desk.run("prices", "pixelrelay.yaml", "--quality", "low").stdout)
    assert "unknown mirror openai" in shown
    assert "2 more cannot draw that" in shown


def test_a_group_or_a_deployment_can_be_looked_at_alone(desk: Desk) -> None:
    desk.write(FLEET)

    assert [name for name, _ in offers(desk.told("prices", "pixelrelay.yaml", "--model", "flux"))] == ["old", "bfl"]
    assert offers(desk.told("prices", "pixelrelay.yaml", "-m", "dear", "-n", "3")) == [("dear", "0.24")]
    assert len(offers(desk.told("prices", "pixelrelay.yaml", "--provider", "openai"))) == 3


def test_costs_are_those_of_the_request_as_each_deployment_is_asked_it(desk: Desk) -> None:
    old = {"name": "old", "provider": "black-forest-labs", "model": "flux-dev", "api_key": KEY}
    lenient = {**old, "adapt": ["size"]}
    desk.write({"models": {"flux": {"deployments": [lenient]}}})

    assert offers(desk.told("prices", "pixelrelay.yaml", "--size", "2048x2048")) == [("old", "0.025")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--provider", "opneai"], "no provider is named 'opneai'; did you mean 'openai'?"),
        (["--model", "nonsense"], "nobody is known to draw that: 1 picture of 1024x1024"),
        (["--size", "huge"], "is no size"),
        (["pixelrelay.yaml", "--model", "gtp"], "gtp"),
    ],
)
def test_what_cannot_be_compared_is_told_and_fails(desk: Desk, arguments: list[str], said: str) -> None:
    desk.write(FLEET)

    ran = desk.run("prices", *arguments)

    assert ran.exit_code == 1
    assert said in words(ran.output)


def test_amounts_are_texts_for_programs(desk: Desk) -> None:
    desk.write(FLEET)

    raw = desk.run("prices", "pixelrelay.yaml", "--model", "dear", "--json").stdout

    assert json.loads(raw)["offers"][0]["dollars"] == "0.08"
