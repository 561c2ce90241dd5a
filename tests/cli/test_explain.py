"""Who would serve a request, in which order, at what price; and who not, and why."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.cli.desk import Desk, words

KEY = "key-0123456789"


def entry(name: str, model: str = "gpt-image-2", **further: Any) -> dict[str, Any]:
    return {"name": name, "provider": "openai", "model": model, "api_key": KEY, **further}


@pytest.fixture
def shop(desk: Desk) -> Desk:
    """Two groups: one of a dear, a cheap and an old model; a fallback that draws one picture a call."""
    flux = {"name": "bfl", "provider": "black-forest-labs", "model": "flux-2-pro", "api_key": KEY}
    gpt = [
        entry("dear", price={"image": 0.08}, images_per_minute=50),
        entry("cheap", price={"image": 0.02}, region="eu", tags=["slow"]),
        entry("old", "dall-e-2"),
    ]
    groups = {
        "gpt": {"strategy": "cost", "fallbacks": ["flux"], "deployments": gpt},
        "flux": {"content_rejected_fallbacks": ["gpt"], "deployments": [{**flux, "price": {"megapixel": 0.03}}]},
    }
    desk.write({"models": groups})
    return desk


def order(told: Any, stage: int = 0) -> dict[str, list[str]]:
    legs = told["stages"][stage]["legs"]
    return {leg["group"]: [one["deployment"] for one in leg["candidates"]] for leg in legs}


def test_candidates_stand_in_the_order_of_the_strategy_with_estimate_and_claims(shop: Desk) -> None:
    ran = shop.run("explain", "--model", "gpt", "--size", "1024x1024")

    assert ran.exit_code == 0, ran.output
    shown = words(ran.stdout)
    assert "gpt, strategy cost" in shown
    assert shown.index("1 cheap openai $0.02") < shown.index("2 dear openai $0.08 1 of 50 images a minute")
    assert "then flux, strategy least-busy" in shown
    assert "1 bfl black-forest-labs $0.0315" in shown


def test_a_strategy_of_the_command_line_takes_the_place_of_the_groups(shop: Desk) -> None:
    ran = shop.run("explain", "-m", "gpt", "--strategy", "ordered")

    assert "gpt, strategy ordered" in ran.stdout
    assert "then flux, strategy ordered" in ran.stdout


def test_who_is_left_out_is_told_with_all_that_it_lacks(shop: Desk) -> None:
    told = shop.told("explain", "-m", "gpt", "--size", "1536x1024", "--quality", "high", "--tag", "slow")

    assert order(told) == {"gpt": ["cheap"]}
    assert told["left_out"]["dear"] == ["has no tag 'slow'"]
    assert "size 1536x1024: it draws 256x256, 512x512, 1024x1024" in told["left_out"]["old"]
    assert "has no tag 'slow'" in told["left_out"]["old"]


def test_several_pictures_are_drawn_in_one_call_where_that_can_be(shop: Desk) -> None:
    told = shop.told("explain", "-m", "gpt", "-n", "4", "--size", "1024x1024")

    first, then = told["stages"]
    assert (first["calls"], first["pictures_a_call"]) == (1, 4)
    assert order(told, 0) == {"gpt": ["cheap", "dear", "old"]}
    assert first["legs"][0]["candidates"][0]["estimate"] == "0.08"
    assert (then["calls"], then["pictures_a_call"]) == (4, 1)
    assert order(told, 1) == {"flux": ["bfl"]}


def test_else_in_a_call_for_each(shop: Desk) -> None:
    ran = shop.run("explain", "-m", "flux", "-n", "3", "--size", "512x512")

    shown = words(ran.stdout)
    assert "flux cannot draw them all in one call: 3 calls side by side, a picture each" in shown
    assert "$0.0079 each" in shown
    assert "gpt, only after moderation has refused, strategy cost" in shown


def test_an_edit_with_a_mask_is_explained_without_a_picture_at_hand(shop: Desk) -> None:
    told = shop.told("explain", "-m", "gpt", "--edit", "3", "--mask")

    assert order(told) == {"gpt": ["cheap", "dear"]}
    assert "mask: it takes none" in told["left_out"]["bfl"]
    assert told["left_out"]["old"] == ["3 input images: at most 1"]


def test_where_nobody_can_serve_it_says_so_and_fails(shop: Desk) -> None:
    ran = shop.run("explain", "-m", "gpt", "--background", "transparent", "--region", "mars")

    assert ran.exit_code == 1
    assert "no deployment can serve this request" in ran.stdout
    assert "is in region 'eu', not 'mars'" in words(ran.stdout)
    assert json.loads(shop.run("explain", "-m", "gpt", "--region", "mars", "--json").stdout)["stages"] == []


def test_a_price_by_the_megapixel_needs_a_size(shop: Desk) -> None:
    shown = words(shop.run("explain", "-m", "flux", "--param", "disable_pup=true").stdout)

    assert "bfl black-forest-labs needs a size" in shown


def test_a_single_deployment_can_be_asked_for(shop: Desk) -> None:
    assert order(shop.told("explain", "-m", "dear")) == {"dear": ["dear"]}
    assert order(shop.told("explain", "-m", "gpt", "--no-fallbacks"))["gpt"] == ["cheap", "dear", "old"]


def test_estimates_are_those_of_the_lists_for_this_very_request(desk: Desk) -> None:
    cheap = {"name": "cheap", "provider": "openai", "model": "gpt-image-2", "api_key": KEY}
    dear = {**cheap, "name": "dear", "model": "gpt-image-1.5"}
    desk.write({"models": {"gpt": {"strategy": "cost", "deployments": [dear, cheap]}}})

    told = desk.told("explain", "-m", "gpt", "--size", "1024x1024", "--quality", "low")

    estimates = {one["deployment"]: Decimal(one["estimate"]) for one in told["stages"][0]["legs"][0]["candidates"]}
    assert list(estimates) == ["cheap", "dear"]
    assert estimates["cheap"] == pytest.approx(Decimal("0.006"), abs=Decimal("0.0003"))


def test_what_a_price_does_not_speak_of_is_told(desk: Desk) -> None:
    price = {"image": {"by": "quality", "low": 0.01}}
    deployment = {"name": "one", "provider": "openai", "model": "gpt-image-2", "api_key": KEY, "price": price}
    desk.write({"models": {"gpt": {"deployments": [deployment]}}})

    assert "openai not in its price" in words(desk.run("explain", "--size", "1024x1024", "--quality", "high").stdout)
