"""How the quotas of a fleet are shown, to people and to programs."""

from __future__ import annotations

import json
import re
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from pixelrelay.cli.standing import Condition, Standing, condition_of, standing_of
from pixelrelay.cli.views.quotas import ON_LOSS, PROVIDERS, lessons, quotas_json, quotas_view
from pixelrelay.config import load
from pixelrelay.providers import registry
from pixelrelay.quotas import Unit
from pixelrelay.store.base import BudgetState, DeploymentState, Probation, QuotaState, Sight
from tests.cli.desk import words
from tests.cli.fleets import KEY, bfl, fleet, foundry, members, standing
from tests.cli.test_docs import CONFIG, TEXT, options_of


def printed(stands: Standing, width: int = 140, **how: Any) -> str:
    console = Console(file=StringIO(), width=width, markup=False, highlight=False, color_system=None)
    console.print(quotas_view(stands, width, **how))
    assert isinstance(console.file, StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def test_each_deployment_is_shown_with_what_is_used_of_its_quotas() -> None:
    flight = DeploymentState(3, quotas={"east/requests": QuotaState(Unit.REQUESTS, 57, 100, 100)})
    pixels = QuotaState(Unit.MEGAPIXELS, 31_457_280, 40_000_000, 40_000_000)

    shown = printed(
        standing(
            fleet(foundry("east"), bfl("bfl", megapixels_per_minute=40)),
            "web-1",
            "web-2",
            east=flight,
            bfl=DeploymentState(
                24, quotas={"bfl/concurrent": QuotaState(Unit.CONCURRENT, 24, 24, 24), "bfl/megapixels": pixels}
            ),
        )
    )

    assert "redis://router:***@cache:6379/0, prefix pixelrelay: shared by 2 processes; if it is lost, each" in shown
    assert "\nweb-1, web-2\n" in shown
    assert "east ━━━━━━┄┄┄┄ 57 of 100 requests a minute 3 well" in words(shown)
    assert "━━━━━━━━━━ 24 of 24 at a time 24 well" in words(shown)
    assert "━━━━━━━━┄┄ 31.4573 of 40 megapixels a minute" in words(shown)
    assert "open-sesame" not in shown


def test_a_fleet_that_nobody_runs_is_shown_with_its_limits_untouched() -> None:
    shown = words(
        printed(standing(fleet(foundry("east"), {**bfl("gpt"), "provider": "openai", "model": "gpt-image-2"})))
    )

    assert "shared by no process at present" in shown
    assert "east ┄┄┄┄┄┄┄┄┄┄ 0 of 100 requests a minute 0 well" in shown
    assert "gpt no limit is known 0 well" in shown


def test_a_quota_of_a_pool_is_shown_once_with_all_who_draw_on_it() -> None:
    shared = {"pool:contoso/requests": QuotaState(Unit.REQUESTS, 12, 60, 60)}
    data = fleet(
        foundry("east", pools=["contoso"]),
        foundry("west", pools=["contoso", "contoso"]),
        foundry("apart"),
        pools={"contoso": {"requests_per_minute": 60}, "empty": {"concurrent": 2}},
    )
    stands = standing(data, "web", east=DeploymentState(2, quotas=shared), west=DeploymentState(1))

    contoso, empty = stands.pools
    assert contoso.members == ("east", "west")
    assert [(fill.used, fill.learned) for fill in contoso.fills] == [(12, 60)]
    assert contoso.in_flight == 3
    assert (empty.members, empty.fills) == ((), ())
    assert [one.pools for one in stands.members] == [("contoso",), ("contoso",), ()]
    assert all(not fill.quota.key.startswith("pool:") for one in stands.members for fill in one.fills)
    assert "contoso ━━┄┄┄┄┄┄┄┄ 12 of 60 requests a minute 3 east, west" in words(printed(stands))
    assert "empty 0 nobody" in words(printed(stands))


def test_a_deployment_that_is_limited_by_its_pool_alone_says_so() -> None:
    gpt = {"name": "gpt", "provider": "openai", "model": "gpt-image-2", "api_key": KEY, "pools": ["account"]}
    data = fleet(gpt, pools={"account": {"images_per_minute": 50}})

    assert "gpt as its pool says 0 well" in words(printed(standing(data)))


@pytest.mark.parametrize(
    ("written", "state", "said"),
    [
        ({}, QuotaState(Unit.REQUESTS, 0, 100, 100), []),
        ({}, QuotaState(Unit.REQUESTS, 0, 100, 60, 60), ["Azure says 60, not 100"]),
        ({"requests_per_minute": 10}, QuotaState(Unit.REQUESTS, 0, 10, 6, 6), ["Azure says 6, you wrote 10"]),
        ({"requests_per_minute": 10}, QuotaState(Unit.REQUESTS, 0, 10, 5), ["429s taught 5, you wrote 10"]),
        (
            {"requests_per_minute": 10},
            QuotaState(Unit.REQUESTS, 0, 10, 5, 6),
            ["Azure says 6, 429s taught 5, you wrote 10"],
        ),
        ({"requests_per_minute": 10}, QuotaState(Unit.REQUESTS, 0, 10, 10, 60), []),
        ({"requests_per_minute": 10}, QuotaState(Unit.REQUESTS, 0, 10, 9, 60), ["429s taught 9, you wrote 10"]),
        ({"requests_per_minute": 10}, QuotaState(Unit.REQUESTS, 0, 10, 10, 10), []),
        (
            {"requests_per_minute": 10},
            QuotaState(Unit.REQUESTS, 0, 60, 60),
            ["the fleet counts by 60, this configuration says 10"],
        ),
        (
            {"requests_per_minute": 1200},
            QuotaState(Unit.REQUESTS, 0, 1500, 1350, None),
            ["the fleet counts by 1,500, this configuration says 1,200", "429s taught 1,350, you wrote 1,500"],
        ),
    ],
)
def test_a_limit_that_is_not_the_one_written_says_why(
    written: dict[str, Any], state: QuotaState, said: list[str]
) -> None:
    stands = standing(fleet(foundry("east", **written)), east=DeploymentState(quotas={"east/requests": state}))

    (fill,) = stands.members[0].fills
    assert list(lessons(fill)) == said
    assert all(line in printed(stands) for line in said)


def test_megapixels_that_were_learned_are_not_shown_in_pixels() -> None:
    quotas = {"bfl/megapixels": QuotaState(Unit.MEGAPIXELS, 0, 40_000_000, 27_000_000, 30_500_000)}
    stands = standing(fleet(bfl("bfl", megapixels_per_minute=40)), bfl=DeploymentState(quotas=quotas))

    assert "Black Forest Labs says 30.5, 429s taught 27, you wrote 40" in printed(stands)


def test_a_pool_of_several_providers_names_all_that_may_have_spoken() -> None:
    data = fleet(foundry("east", pools=["all"]), bfl("bfl", pools=["all"]), pools={"all": {"requests_per_minute": 60}})
    quotas = {"pool:all/requests": QuotaState(Unit.REQUESTS, 0, 60, 50, 50)}

    assert "Azure or Black Forest Labs says 50, you wrote 60" in printed(
        standing(data, bfl=DeploymentState(quotas=quotas))
    )


@pytest.mark.parametrize(
    ("state", "condition", "shown"),
    [
        (DeploymentState(), Condition.WELL, "well"),
        (DeploymentState(cooling=12.3), Condition.TOLD, "told, 12 s left"),
        (DeploymentState(probation=Probation.COOLING, cooling=280), Condition.ILL, "ill, 4 min 40 s left"),
        (DeploymentState(probation=Probation.PROBING), Condition.PROBING, "probing"),
        (DeploymentState(probation=Probation.PROBING, cooling=3), Condition.PROBING, "probing"),
    ],
)
def test_who_is_left_alone_is_told_with_why_and_for_how_long(
    state: DeploymentState, condition: Condition, shown: str
) -> None:
    assert condition_of(state) is condition
    assert shown in printed(standing(fleet(foundry("east")), east=state))


def test_there_are_words_for_all_that_can_be_configured() -> None:
    assert PROVIDERS.keys() == set(registry.BUILT_IN)
    for choice in ("share", "closed", "open"):
        assert ON_LOSS[choice] in printed(standing(fleet(foundry("east"), on_store_loss=choice)), width=200)


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize("name", ["e", "a-rather-long-name-of-a-deployment-in-a-region-of-the-estate"])
def test_it_fits_the_terminal_however_long_the_names_are(width: int, name: str) -> None:
    quotas = {f"{name}/requests": QuotaState(Unit.REQUESTS, 100, 100, 54, 60)}
    ill = DeploymentState(3, Probation.COOLING, 599, quotas)
    data = fleet(foundry(name, pools=["estate"]), pools={"estate": {"requests_per_minute": 60}})

    shown = printed(standing(data, *(f"web-{number}" for number in range(60)), **{name: ill}), width)

    assert all(len(line) <= width for line in shown.splitlines())
    assert re.search(r"\b100 of 54 requests a\b", shown)
    assert re.search(r"\bill, 9 min 59 s\b", shown)
    assert "web-7 and 52 more" in words(shown)


def test_where_not_all_fit_those_in_need_come_first() -> None:
    def state(at: int) -> DeploymentState:
        probation, cooling = (Probation.COOLING, 9.0) if at == 40 else (Probation.WELL, 0.0)
        return DeploymentState(0, probation, cooling, {f"d{at}/requests": QuotaState(Unit.REQUESTS, at, 100, 100)})

    stands = standing(fleet(*(foundry(f"d{at}") for at in range(100))), **{f"d{at}": state(at) for at in range(100)})

    shown = printed(stands, lines=24)
    assert re.findall(r"^d(\d+) ", shown, re.MULTILINE) == ["40", *map(str, range(99, 90, -1))]
    assert "and 90 more, less used than these; all of them with --once" in shown
    assert len(shown.splitlines()) <= 24
    assert len(re.findall(r"^d\d+ ", printed(stands), re.MULTILINE)) == 100
    assert "d5 " in printed(standing(fleet(*(foundry(f"d{at}") for at in range(6)))), lines=24)


def test_programs_are_told_the_same_and_all_processes() -> None:
    quotas = {
        "east/requests": QuotaState(Unit.REQUESTS, 6, 10, 5, 6),
        "pool:contoso/concurrent": QuotaState(Unit.CONCURRENT, 2, 8, 8),
    }
    data = fleet(
        foundry("east", requests_per_minute=10, pools=["contoso"]),
        pools={"contoso": {"concurrent": 8}},
        store_prefix="pictures",
    )
    processes = [f"web-{number}" for number in range(30)]

    told = json.loads(quotas_json(standing(data, *processes, east=DeploymentState(2, cooling=1.23456, quotas=quotas))))

    requests = {
        "key": "east/requests",
        "unit": "requests",
        "used": 6,
        "limit": 10,
        "counted": 10,
        "learned": 5,
        "stated": 6,
        "lessons": ["Azure says 6, 429s taught 5, you wrote 10"],
    }
    slots = {"key": "pool:contoso/concurrent", "unit": "concurrent", "used": 2, "limit": 8, "counted": 8, "learned": 8}
    assert told == {
        "store": "redis://router:***@cache:6379/0",
        "prefix": "pictures",
        "mode": "shared",
        "on_store_loss": "share",
        "processes": processes,
        "deployments": [
            {
                "name": "east",
                "group": "flux",
                "provider": "azure-foundry",
                "state": "told",
                "cooling": 1.235,
                "in_flight": 2,
                "pools": ["contoso"],
                "quotas": [requests],
            }
        ],
        "pools": [
            {
                "name": "contoso",
                "in_flight": 2,
                "deployments": ["east"],
                "quotas": [{**slots, "stated": None, "lessons": []}],
            }
        ],
        "budgets": [],
    }


BUDGETS = {
    "everything": {"dollars": 200, "window": "day"},
    "trials": {"dollars": 5, "rolling": "24h", "tag": "trial", "unpriced": "allow"},
    "each": {"dollars": "0.50", "window": "month", "per": "user", "provider": "azure-foundry"},
}


def spending(**states: BudgetState) -> Standing:
    config = load(fleet(foundry("east", tags=["trial"]), budgets=BUDGETS), environ={})
    sight = Sight({}, budgets={f"budget:{name}": state for name, state in states.items()})
    return standing_of(config, members(config), sight)


def test_budgets_are_shown_with_what_is_spent_and_reserved_and_when_the_full_ones_free() -> None:
    shown = words(printed(spending(everything=BudgetState(196_000_000, 800_000, 18_734.0), trials=BudgetState(40_000))))

    assert "everything ━━━━━━━━━━ $196.00 of $200.00 a day, frees in 5:12:14 $0.80 everything" in shown
    assert "trials ┄┄┄┄┄┄┄┄┄┄ at least $0.04 of $5.00 in any 24 h $0 tag trial" in shown
    assert "each $0.50 a month for each each user, provider azure-foundry" in shown


def test_programs_are_told_of_budgets_exactly() -> None:
    told = json.loads(quotas_json(spending(everything=BudgetState(196_000_001, 800_000, 18_734.12345))))["budgets"]

    assert told[0] == {
        "name": "everything",
        "of": "everything",
        "dollars": "200",
        "window": "a day",
        "used": "196.000001",
        "reserved": "0.800000",
        "at_least": False,
        "frees": 18734.123,
    }
    assert told[1]["frees"] is None
    assert "used" not in told[2]


def test_budgets_leave_room_for_those_in_need() -> None:
    data = fleet(*(foundry(f"d{at}") for at in range(9)), budgets={"daily": {"dollars": 5, "window": "day"}})

    assert "d8 " in printed(standing(data), lines=28)
    assert "d8 " not in printed(standing(data), lines=24)
    assert "daily" in printed(standing(data), lines=24)


def test_the_example_of_the_docs_is_what_is_shown() -> None:
    section = TEXT.partition("## `pixelrelay quotas")[2].partition("\n## ")[0]
    example = section.partition("```text\n")[2].partition("```")[0]
    config = load(
        {**CONFIG, "store": "redis://cache.internal:6379/0"}, environ={"OPENAI_API_KEY": KEY, "BFL_API_KEY": KEY}
    )
    sight = Sight(
        {
            "openai": DeploymentState(3, quotas={"openai/images": QuotaState(Unit.IMAGES, 17, 50, 20, 20)}),
            "bfl": DeploymentState(21, cooling=4, quotas={"bfl/concurrent": QuotaState(Unit.CONCURRENT, 21, 24, 21)}),
        },
        ("web-1-4121-a1b2c3", "web-2-981-77aa01"),
    )

    assert printed(standing_of(config, members(config), sight), width=120) == example.rstrip("\n")


def test_the_docs_name_every_option() -> None:
    section = TEXT.partition("## `pixelrelay quotas")[2].partition("\n## ")[0]

    assert set(re.findall(r"`(--[a-z]+)`", section)) == options_of("quotas") - {"--help", "config"}
