"""A configuration is checked whole, and with ``--live`` against the providers themselves."""

from __future__ import annotations

import json

from pixelrelay.testing import Fault, FaultKind, Stage
from tests.cli.conftest import Serve
from tests.cli.desk import Desk, bfl, foundry, openai, words

IN_ORDER = """\
models:
  flux:
    fallbacks: [flux-bfl]
    deployments:
      - name: eastus
        provider: azure-foundry
        model: FLUX.2-pro
        endpoint: https://contoso.services.ai.azure.com
        api_key: key-0123456789
        tier: high
        region: us
        tags: [fast]
        price: {megapixel: 0.03}
  flux-bfl:
    strategy: cost
    deployments:
      - {name: bfl, provider: black-forest-labs, model: flux-2-pro, api_key: key-0123456789, pools: [account]}
pools:
  account: {concurrent: 12, images_per_minute: 90, shape: paced, guard: 0}
"""

KEY = "key-0123456789"


def test_a_configuration_in_order_is_summed_up_with_its_quotas_as_they_are_counted(desk: Desk) -> None:
    desk.write(IN_ORDER)

    ran = desk.run("check")

    assert ran.exit_code == 0, ran.output
    shown = words(ran.stdout)
    assert "pixelrelay.yaml: ok, 2 groups, 2 deployments" in shown
    assert "flux, strategy least-busy, fallbacks flux-bfl" in shown
    assert "100 requests a minute" in shown
    assert "sliced, guard 0.3 s, 429s count" in shown
    assert "12 at a time (pool account)" in shown
    assert "90 images a minute (pool account)" in shown
    assert "paced" in shown
    assert "$0.03 a MP" in shown
    assert "region us" in shown
    assert "tag fast" in shown


def test_the_summary_fits_a_terminal_of_80_columns(desk: Desk) -> None:
    desk.width = 80
    desk.write(IN_ORDER)

    lines = desk.run("check").stdout.splitlines()

    assert all(len(line.rstrip()) <= 80 for line in lines if not line.startswith(("deadline", "warning")))


def test_what_one_had_better_know_is_told_and_is_no_problem(desk: Desk) -> None:
    desk.write(IN_ORDER.replace("flux-2-pro", "flux-9-ultra").replace("pools: [account]", "pools: []"))

    ran = desk.run("check", "pixelrelay.yaml")

    assert ran.exit_code == 0
    assert "warning: models.flux-bfl.deployments[0].model: black-forest-labs is not known to have" in ran.stdout
    assert "warning: pools.account: no deployment is in this pool" in ran.stdout


def test_each_problem_has_a_line_that_begins_with_its_path(desk: Desk) -> None:
    desk.write(IN_ORDER.replace("tier: high", "teir: high").replace("[flux-bfl]", "[flux-blf]"))

    ran = desk.run("check")

    assert ran.exit_code == 1
    assert ran.stdout.splitlines() == [
        "models.flux.fallbacks[0]: no group or deployment is named 'flux-blf'; did you mean 'flux-bfl'?",
        "models.flux.deployments[0].teir: unknown key; did you mean 'tier'?",
        "pixelrelay.yaml: 2 problems",
    ]


def test_problems_are_told_to_programs_as_well(desk: Desk) -> None:
    desk.write("models: {}", "other.toml")
    desk.write("models: {}", "other.yaml")

    ran = desk.run("check", "other.yaml", "--json")

    assert ran.exit_code == 1
    assert json.loads(ran.stdout) == {
        "ok": False,
        "source": "other.yaml",
        "problems": [{"path": "models", "message": "is empty"}],
    }
    assert desk.run("check", "other.toml").exit_code == 1


def test_json_tells_each_quota_under_the_key_it_is_counted_by(desk: Desk) -> None:
    desk.write(IN_ORDER)

    told = desk.told("check")

    (eastus,) = told["groups"]["flux"]["deployments"]
    assert eastus["quotas"] == [
        {
            "key": "eastus/requests",
            "unit": "requests",
            "limit": 100,
            "shape": "sliced",
            "guard": 0.3,
            "counts_rejected": True,
        }
    ]
    assert eastus["price"] == {"said": ["$0.03 a MP"], "source": "the configuration", "day": None}
    assert "live" not in told
    assert "key-0123456789" not in json.dumps(told)


def test_live_asks_every_deployment_and_buys_nothing(desk: Desk, serve: Serve) -> None:
    fleet = serve(flux=[foundry(), bfl()], gpt=[openai()])

    ran = desk.run("check", "--live")

    assert ran.exit_code == 0, ran.output
    assert "gpt-image-2 is available" in ran.stdout
    assert "all answered" in ran.stdout
    assert {one.operation for one in fleet.requests} == {"ask"}
    assert fleet.billed_in_all.pictures == 0


def test_live_tells_who_failed_and_how_and_lets_the_others_answer(desk: Desk, serve: Serve) -> None:
    ill = Fault(FaultKind.UNAVAILABLE, stage=Stage.ASK)
    fleet = serve(
        images=[openai("good"), openai("wrong"), openai("ill", faults=(ill,)), openai("gone")],
        further={"wrong": {"api_key": "sk-wrong-0123456789"}},
    )
    fleet.kill("gone")

    ran = desk.run("check", "--live")
    told = json.loads(desk.run("check", "--live", "--json").stdout)

    assert ran.exit_code == 1
    shown = words(ran.stdout)
    assert "unauthorised (401): " in shown
    assert "overloaded (503): " in shown
    assert "connection: " in shown
    assert "3 of 4 failed" in shown
    assert told["ok"] is False
    assert [one["deployment"] for one in told["live"] if one["ok"]] == ["good"]


def test_prices_are_those_of_the_configuration_or_of_the_lists_and_what_has_none_is_told(desk: Desk) -> None:
    foundry_flux = {"provider": "azure-foundry", "model": "FLUX.2-pro", "endpoint": "https://c.services.ai.azure.com"}
    deployments = [
        {"name": "own", "provider": "openai", "model": "gpt-image-2", "api_key": KEY, "price": {"image": 0.05}},
        {"name": "listed", "provider": "black-forest-labs", "model": "flux-2-pro", "api_key": KEY},
        {"name": "cheaper", "provider": "openai", "model": "gpt-image-2", "api_key": KEY, "price": {"factor": 0.8}},
        {
            "name": "mirror",
            "provider": "openai",
            "model": "gpt-image-2",
            "api_key": KEY,
            "base_url": "https://m.example",
        },
        {"name": "eastus", "api_key": KEY, **foundry_flux},
    ]
    desk.write({"models": {"images": {"deployments": deployments}}})

    shown, told = words(desk.run("check").stdout), desk.told("check")

    assert "own openai $0.05 each" in shown
    assert "listed black-forest-labs $0.03 + $0.015 a MP" in shown
    assert "cheaper openai $30.00 a million tokens" in shown
    assert "times 0.8" in shown
    assert "no known price: mirror, eastus" in shown
    by_name = {one["name"]: one["price"] for one in told["groups"]["images"]["deployments"]}
    assert by_name["mirror"] is by_name["eastus"] is None
    assert by_name["listed"]["day"] == "2026-11-16"
