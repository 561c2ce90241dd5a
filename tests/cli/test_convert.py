"""``pixelrelay convert``, and LiteLLM's file at the other commands."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from pixelrelay.config import load
from tests.cli.conftest import Serve
from tests.cli.desk import KEY, Desk, openai, words

THEIRS: dict[str, Any] = {
    "model_list": [
        {
            "model_name": "images",
            "litellm_params": {"model": "openai/gpt-image-2", "api_key": "os.environ/SOME_KEY", "tpm": 1000},
            "model_info": {"id": "first"},
        },
        {"model_name": "chat", "litellm_params": {"model": "openai/gpt-4o"}},
    ],
    "router_settings": {"enable_pre_call_checks": True},
}


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.environ["SOME_KEY"] = KEY
    return desk


def test_it_prints_a_configuration_that_loads_to_the_same(desk: Desk) -> None:
    theirs = desk.write(THEIRS, "config.yaml")
    ran = desk.run("convert", "config.yaml")

    assert ran.exit_code == 0
    assert KEY not in ran.stdout
    assert load(yaml.safe_load(ran.stdout), environ=desk.environ) == load(theirs, environ=desk.environ)


def test_what_has_no_meaning_stands_in_comments(desk: Desk) -> None:
    desk.write(THEIRS, "config.yaml")
    lines = desk.run("convert", "config.yaml").stdout.splitlines()

    assert lines[:6] == [
        "# Made from config.yaml.",
        "#",
        "# What has no meaning here, or another one:",
        "#   model_list[1].litellm_params.model: 'openai/gpt-4o' draws no pictures, by its name; mode: "
        "image_generation in model_info says otherwise",
        "#   model_list[0].litellm_params.tpm: no provider of pictures counts tokens a minute here; rpm holds, and is "
        "waited for",
        "#   router_settings.enable_pre_call_checks: every deployment's limits and abilities are looked at before each "
        "call anyway",
    ]


def test_it_writes_a_file_and_overwrites_none(desk: Desk) -> None:
    desk.write(THEIRS, "config.yaml")
    first = desk.run("convert", "config.yaml", "--out", "pixelrelay.yaml")
    again = desk.run("convert", "config.yaml", "--out", "pixelrelay.yaml")

    assert (first.exit_code, first.stdout) == (0, "")
    assert "warning: model_list[0].litellm_params.tpm" in words(first.stderr)
    assert again.exit_code == 1
    assert words(again.stderr) == "error: pixelrelay.yaml: is there already; --force overwrites it "
    assert desk.run("convert", "config.yaml", "--out", "pixelrelay.yaml", "--force").exit_code == 0
    assert desk.run("check", "pixelrelay.yaml").exit_code == 0


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"models": {}}, "config.yaml: is no configuration of LiteLLM's: it has no model_list"),
        ({"model_list": [{"model_name": "a"}]}, "config.yaml: model_list[0].litellm_params: is missing"),
        (
            {"model_list": THEIRS["model_list"][1:]},
            "config.yaml: model_list: holds no model that draws pictures and can be asked from here",
        ),
    ],
)
def test_what_cannot_be_converted_is_told(desk: Desk, written: dict[str, Any], said: str) -> None:
    desk.write(written, "config.yaml")
    ran = desk.run("convert", "config.yaml")

    assert ran.exit_code == 1
    assert said in words(ran.stderr)


def test_every_command_reads_a_file_of_litellms(desk: Desk, serve: Serve) -> None:
    fleet = serve(images=[openai("first")])
    params = {**THEIRS["model_list"][0]["litellm_params"], "api_base": f"{fleet.url('first')}/v1"}
    desk.write({**THEIRS, "model_list": [{**THEIRS["model_list"][0], "litellm_params": params}]}, "config.yaml")

    checked = desk.run("check", "config.yaml")
    assert "warning: router_settings.enable_pre_call_checks" in words(checked.stdout)
    assert desk.run("explain", "config.yaml").exit_code == 0
    assert desk.run("generate", "a red lighthouse", "--config", "config.yaml", "--quality", "low").exit_code == 0
    assert len(desk.files()) == 1
