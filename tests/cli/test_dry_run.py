"""A dry run shows what would be sent, by the adapters themselves, and sends nothing."""

from __future__ import annotations

import pytest

from pixelrelay.testing import EmulatedDeployment
from tests.cli.conftest import Serve
from tests.cli.desk import KEY, Desk, bfl, foundry, openai


def test_the_body_is_shown_and_the_key_is_not_and_nothing_is_sent(desk: Desk, serve: Serve) -> None:
    fleet = serve(images=[openai()])

    ran = desk.run("generate", "a boat", "--size", "1024x1024", "--quality", "high", "--out", "new/", "--dry-run")

    assert ran.exit_code == 0, ran.output
    assert ran.stdout.splitlines() == [
        "# openai (openai), first of images",
        f"POST {fleet.url('openai')}/v1/images/generations",
        "content-type: application/json",
        "authorization: ***",
        "",
        "{",
        '  "model": "gpt-image-2",',
        '  "prompt": "a boat",',
        '  "n": 1,',
        '  "size": "1024x1024",',
        '  "quality": "high"',
        "}",
    ]
    assert KEY not in ran.output
    assert fleet.requests == ()
    assert not (desk.directory / "new").exists()


def test_the_first_of_each_fallback_is_shown_as_well(desk: Desk, serve: Serve) -> None:
    serve(flux=[foundry()], bfl_group=[bfl()], settings={"flux": {"fallbacks": ["bfl_group"]}})

    told = desk.told("generate", "a boat", "-m", "flux", "--dry-run", "--seed", "4")

    assert [(one["group"], one["deployment"], one["method"]) for one in told] == [
        ("flux", "eastus", "POST"),
        ("bfl_group", "bfl", "POST"),
    ]
    assert told[1]["headers"] == {"content-type": "application/json", "x-key": "***"}
    assert told[1]["body"] == {"prompt": "a boat", "seed": 4}


def test_pictures_are_named_by_kind_and_size_in_json_as_in_forms(desk: Desk, serve: Serve) -> None:
    serve(images=[openai()], flux=[bfl()])
    size = desk.picture("house.png", (640, 640)).stat().st_size
    named = f"<image/png, {size / 1000:.0f} kB>"

    (form,) = desk.told("edit", "house.png", "-p", "a hat", "-m", "images", "--dry-run")
    (body,) = desk.told("edit", "house.png", "-p", "a hat", "-m", "flux", "--dry-run")
    shown = desk.run("edit", "house.png", "-p", "a hat", "-m", "images", "--dry-run").stdout

    assert {"name": "image", "value": named} in form["body"]
    assert form["headers"]["content-type"] == "multipart/form-data"
    assert body["body"]["input_image"] == named
    assert f"\nimage = {named}\n" in shown


def test_a_providers_own_parameters_go_into_the_body(desk: Desk, serve: Serve) -> None:
    flex = EmulatedDeployment("flex", "black-forest-labs", "flux-2-flex", api_key=KEY)
    serve(flux=[flex])

    (told,) = desk.told("generate", "a boat", "--param", "steps=30", "--param", "guidance=3.5", "--dry-run")

    assert told["body"] == {"prompt": "a boat", "steps": 30, "guidance": 3.5}


def test_several_calls_for_several_pictures_are_counted(desk: Desk, serve: Serve) -> None:
    serve(flux=[bfl()])

    ran = desk.run("generate", "a boat", "-n", "3", "--dry-run")

    assert "# bfl (black-forest-labs), first of flux, 3 times" in ran.stdout


def test_a_token_is_not_fetched_to_be_starred(desk: Desk) -> None:
    pytest.importorskip("azure.identity")
    entry = {"name": "sweden", "provider": "azure-foundry", "model": "FLUX.2-pro", "entra": True}
    desk.write({"models": {"flux": {"deployments": [{**entry, "endpoint": "https://contoso.services.ai.azure.com"}]}}})

    ran = desk.run("generate", "a boat", "--dry-run")

    assert ran.exit_code == 0, ran.output
    assert "authorization: ***" in ran.stdout


def test_what_nobody_can_do_is_told_as_it_would_be_in_earnest(desk: Desk, serve: Serve) -> None:
    serve(images=[openai()])

    ran = desk.run("generate", "a boat", "--seed", "4", "--dry-run")

    assert ran.exit_code == 1
    assert "seed: it takes none" in ran.stderr
