"""Budgets, from the configuration to what a caller is told, over an emulated fleet in virtual time."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import anyio
import pytest

from pixelrelay import (
    AmbiguousOutcomeError,
    BudgetExceededError,
    ConfigError,
    IncompleteError,
    Limits,
    QuotaExceededError,
    Router,
    UnservableRequestError,
    _clock,
)
from pixelrelay.config import Budget, BudgetConfig
from pixelrelay.quotas import Calendar
from pixelrelay.router.decide import Ending, GiveUp, Policy, Story, decide
from pixelrelay.router.limits import Exhausted, Limit
from pixelrelay.store.base import Shortage
from pixelrelay.store.memory import MemoryStore
from pixelrelay.testing import Fault, FaultKind, Fleet
from tests.router.plans import candidate, leg, plan_of
from tests.router.scenes import Outcome, ask, bfl, billed, called, foundry, lasting, openai, router_of

pytestmark = pytest.mark.anyio

MIDNIGHT = datetime(2026, 11, 29, tzinfo=UTC).timestamp()
CENTS = {"image": "0.04"}


def router(
    fleet: Fleet,
    budgets: Mapping[str, Any],
    *,
    prices: Mapping[str, Any] | None = None,
    to_midnight: float = 3600.0,
    groups: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Router:
    """Over ``fleet``, asked in order, four cents a picture where nothing else is said; so long before midnight."""
    config = fleet.config("flux", strategy="ordered") if groups is None else {"models": dict(groups)}
    number = 0
    for group in config["models"].values():
        for entry in group["deployments"]:
            number += 1
            price = (prices or {}).get(entry["name"], CENTS)
            entry |= {"order": number, **({"price": price} if price else {})}
    ahead = MIDNIGHT - to_midnight - _clock.now()
    store = MemoryStore(wall=lambda: _clock.now() + ahead)
    return router_of(fleet, {**config, "budgets": budgets, **settings}, store=store)


async def used(relay: Router, name: str = "daily", user: str | None = None) -> tuple[str, str]:
    state = (await relay.budgets(user))[name]
    return str(state.used.normalize()), str(state.reserved.normalize())


DAILY = {"daily": {"dollars": "0.10", "window": "day"}}


async def test_what_a_budget_has_no_room_for_is_not_drawn_and_the_error_says_all_of_it() -> None:
    fleet = Fleet(foundry("east"))
    relay = router(fleet, DAILY)
    for _ in range(2):
        assert (await ask(relay)).result

    with lasting(0):
        outcome = await ask(relay)

    error = outcome.error
    assert isinstance(error, BudgetExceededError)
    assert (error.budget, error.cap, error.window) == ("daily", Decimal("0.10"), "a day")
    assert (error.spent, error.needed) == (Decimal("0.08"), Decimal("0.04"))
    assert error.retry_after == pytest.approx(3600 - 4, abs=0.01)
    assert str(error) == (
        "'flux' was not served: of budget 'daily', $0.10 a day, $0.08 is spent or reserved, and $0.04 was needed; "
        "there is room in 0:59:56 (h:mm:ss)"
    )
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - it was pickled here
    assert called(fleet) == {"east": 2}


async def test_it_is_free_again_at_the_turn_of_the_day_and_not_before() -> None:
    relay = router(Fleet(foundry("east")), DAILY)
    for _ in range(2):
        await ask(relay)
    refused = await ask(relay)
    assert refused.retry_after is not None
    await anyio.sleep(refused.retry_after - 0.01)
    assert isinstance((await ask(relay, timeout=0.001)).error, BudgetExceededError)
    await anyio.sleep(0.02)
    assert (await ask(relay)).result
    assert await used(relay) == ("0.04", "0")


async def test_who_has_the_time_waits_for_the_turn_of_the_day() -> None:
    relay = router(Fleet(foundry("east")), DAILY, to_midnight=100.0)
    for _ in range(2):
        await ask(relay)
    with lasting(100 - 4 + 2):
        assert (await ask(relay)).result


async def test_where_the_dear_one_does_not_fit_the_cheap_one_is_taken() -> None:
    fleet = Fleet(foundry("dear"), foundry("cheap"))
    relay = router(fleet, DAILY, prices={"dear": {"image": "0.06"}, "cheap": {"image": "0.01"}})
    asked = [(await ask(relay)).tried for _ in range(5)]
    assert asked == ["dear", "cheap", "cheap", "cheap", "cheap"]
    assert isinstance((await ask(relay)).error, BudgetExceededError)


async def test_a_budget_of_one_deployment_leaves_the_others_alone() -> None:
    fleet = Fleet(foundry("east"), foundry("west"))
    relay = router(fleet, {"of-east": {"dollars": "0.05", "window": "day", "deployment": "east"}})
    assert [(await ask(relay)).tried for _ in range(3)] == ["east", "west", "west"]


async def test_a_group_whose_budget_is_used_up_falls_back() -> None:
    fleet = Fleet(foundry("east"), bfl("bfl"))
    chain = {
        "flux": {"fallbacks": ["other"], "deployments": fleet.entries("east")},
        "other": {"deployments": fleet.entries("bfl")},
    }
    relay = router(fleet, {"of-flux": {"dollars": "0.05", "window": "day", "group": "flux"}}, groups=chain)
    outcomes = [await ask(relay) for _ in range(3)]
    assert [outcome.tried for outcome in outcomes] == ["east", "bfl", "bfl"]
    assert outcomes[1].result is not None
    assert outcomes[1].result.route.fallbacks == ("other",)


async def test_a_budget_of_a_provider_counts_all_its_deployments() -> None:
    fleet = Fleet(foundry("east"), foundry("west"), bfl("bfl"))
    relay = router(fleet, {"azure": {"dollars": "0.08", "window": "day", "provider": "azure-foundry"}})
    assert [(await ask(relay)).tried for _ in range(3)] == ["east", "east", "bfl"]


async def test_a_budget_of_a_tag_counts_the_calls_that_carry_it() -> None:
    fleet = Fleet(foundry("east"))
    entries = fleet.entries("east")
    entries[0]["tags"] = ["trial", "live"]
    relay = router(
        fleet,
        {"trials": {"dollars": "0.05", "window": "day", "tag": "trial"}},
        groups={"flux": {"deployments": entries}},
    )
    assert (await ask(relay, tags=["trial"])).result
    assert isinstance((await ask(relay, tags=["trial"])).error, BudgetExceededError)
    assert isinstance((await ask(relay, tags=["live", "trial"])).error, BudgetExceededError)
    assert (await ask(relay, tags=["live"])).result
    assert (await ask(relay)).result


EACH = {"each": {"dollars": "0.05", "rolling": "24h", "per": "user"}}


async def test_each_user_has_a_budget_of_that_size_and_calls_that_name_none_have_one_together() -> None:
    relay = router(Fleet(foundry("east")), EACH)
    for user in ("anna@example.com", "bert", None):
        assert (await ask(relay, user=user)).result, user
        outcome = await ask(relay, user=user)
        assert isinstance(outcome.error, BudgetExceededError), user
        assert outcome.error.window == "in any 24 h"
    assert await used(relay, "each", "bert") == ("0.04", "0")
    assert "each" not in await relay.budgets()


async def test_no_key_names_a_user() -> None:
    relay = router(Fleet(foundry("east")), EACH, user_secret="mixed-in")
    await ask(relay, user="anna@example.com")
    store = relay._store
    assert isinstance(store, MemoryStore)
    (key,) = (key for key in store.used() if key.startswith("budget:"))
    assert key.startswith("budget:each:")
    assert "anna" not in key
    other = router(Fleet(foundry("east")), EACH, user_secret="another")
    await ask(other, user="anna@example.com")
    assert isinstance(other._store, MemoryStore)
    assert key not in other._store.used(), "who does not know the secret cannot tell by trying"


async def test_all_budgets_that_a_call_falls_under_must_have_room() -> None:
    relay = router(Fleet(foundry("east")), {**DAILY, **EACH, "hourly": {"dollars": "0.07", "window": "hour"}})
    assert (await ask(relay, user="anna")).result
    refused = await ask(relay, user="bert")
    assert isinstance(refused.error, BudgetExceededError)
    assert refused.error.budget == "hourly"
    assert await used(relay, "each", "bert") == ("0", "0")
    assert await used(relay) == ("0.04", "0")


async def test_what_may_have_been_billed_counts_and_what_was_not_billed_is_given_back() -> None:
    fleet = Fleet(
        foundry("lost", faults=(Fault(FaultKind.RESET_BEFORE_ANSWER),)),
        foundry("down", faults=(Fault(FaultKind.UNAVAILABLE),)),
        foundry("east"),
    )
    relay = router(fleet, {"daily": {"dollars": "1", "window": "day"}}, on_ambiguous="rebuy")
    outcome = await ask(relay)
    assert outcome.tried == "lost down east"
    assert await used(relay) == ("0.08", "0")
    spend = relay.spend()
    assert (spend.total.exact, spend.total.at_least, spend.total.at_most) == (None, Decimal("0.04"), Decimal("0.08"))
    assert spend.deployments["east"].exact == Decimal("0.04")
    assert spend.deployments["lost"].at_risk == Decimal("0.04")
    assert "down" not in spend.deployments
    assert spend.groups.keys() == {"flux"}
    assert spend.providers.keys() == {"azure-foundry"}


async def test_nothing_is_bought_again_for_which_the_budget_has_no_room() -> None:
    fleet = Fleet(foundry("lost", faults=(Fault(FaultKind.RESET_BEFORE_ANSWER),)), foundry("east"))
    relay = router(fleet, {"daily": {"dollars": "0.05", "window": "day"}})
    outcome = await ask(relay)
    assert isinstance(outcome.error, BudgetExceededError)
    assert outcome.tried == "lost"
    assert outcome.error.may_have_been_billed
    assert called(fleet) == {"lost": 1}


async def test_a_caller_who_leaves_before_anything_was_sent_has_spent_nothing_and_later_all_of_it() -> None:
    relay = router(Fleet(foundry("east", requests_per_minute=1)), {"daily": {"dollars": "1", "window": "day"}})
    with anyio.move_on_after(1):
        await ask(relay)
    assert await used(relay) == ("0.04", "0")
    with anyio.move_on_after(10):
        await ask(relay)  # it waits for its quota
    assert await used(relay) == ("0.04", "0")


async def test_while_it_is_drawn_it_is_reserved() -> None:
    relay = router(Fleet(foundry("east")), {"daily": {"dollars": "1", "window": "day"}})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, relay)
        await anyio.sleep(1)
        assert await used(relay) == ("0.04", "0.04")
        assert relay.budget("daily").reserved == Decimal("0.04")
    assert await used(relay) == ("0.04", "0")


async def test_what_the_provider_says_it_cost_takes_the_place_of_what_was_expected() -> None:
    fleet = Fleet(bfl("bfl", price=Decimal("0.07")))
    relay = router(fleet, {"daily": {"dollars": "0.10", "window": "day"}})
    outcome = await ask(relay)
    assert outcome.result is not None
    assert outcome.result.route.cost == Decimal("0.07")
    assert await used(relay) == ("0.07", "0")
    assert isinstance((await ask(relay)).error, BudgetExceededError)


async def test_under_a_budget_nobody_draws_whose_price_is_not_known_unless_that_is_allowed() -> None:
    fleet = Fleet(foundry("unpriced"), foundry("east"))
    priceless = {"unpriced": None}
    assert (await ask(router(fleet, DAILY, prices=priceless))).tried == "east"

    alone = Fleet(foundry("unpriced"))
    refused = (await ask(router(alone, DAILY, prices=priceless))).error
    assert isinstance(refused, UnservableRequestError)
    assert "unpriced: has no price, and budget 'daily' lets in nothing without one" in str(refused)

    relay = router(alone, {"daily": {**DAILY["daily"], "unpriced": "allow"}}, prices=priceless)
    assert (await ask(relay)).result
    state = (await relay.budgets())["daily"]
    assert (state.used, state.at_least) == (Decimal(0), True)
    assert relay.spend().total == relay.spend().deployments["unpriced"]
    assert relay.spend().total.unpriced == 1
    assert relay.spend().total.at_most is None


async def test_what_is_free_is_drawn_when_all_is_spent() -> None:
    fleet = Fleet(foundry("east"), foundry("free"))
    relay = router(fleet, {"daily": {"dollars": "0.04", "window": "day"}}, prices={"free": {"image": 0}})
    assert [(await ask(relay)).tried for _ in range(3)] == ["east", "free", "free"]


async def test_of_several_pictures_that_are_drawn_one_by_one_each_is_counted() -> None:
    relay = router(Fleet(foundry("east")), {"daily": {"dollars": "0.12", "window": "day"}})
    outcome = await ask(relay, n=3)
    assert outcome.result is not None
    assert len(outcome.result.data) == 3
    assert await used(relay) == ("0.12", "0")


async def test_a_quota_that_is_full_for_a_shorter_time_is_what_one_hears_of() -> None:
    fleet = Fleet(foundry("east"), foundry("west", requests_per_minute=1))
    relay = router(fleet, {"of-east": {"dollars": "0.05", "window": "day", "deployment": "east"}})
    for _ in range(2):
        assert (await ask(relay)).result
    refused = await ask(relay, timeout=5)
    assert isinstance(refused.error, QuotaExceededError)
    assert refused.retry_after is not None
    assert refused.retry_after < 61


async def test_of_groups_that_are_all_full_the_soonest_says_why() -> None:
    fleet = Fleet(foundry("east"), foundry("west", requests_per_minute=1))
    chain = {
        "flux": {"fallbacks": ["other"], "deployments": fleet.entries("east")},
        "other": {"deployments": fleet.entries("west")},
    }
    relay = router(fleet, {"of-flux": {"dollars": "0.05", "window": "day", "group": "flux"}}, groups=chain)
    assert [(await ask(relay)).tried for _ in range(2)] == ["east", "west"]
    refused = await ask(relay, timeout=5)
    assert isinstance(refused.error, QuotaExceededError)
    assert refused.retry_after is not None
    assert refused.retry_after < 61


@pytest.mark.parametrize("order", [(50.0, 900.0), (900.0, 50.0)])
def test_whichever_was_asked_last_the_soonest_says_why(order: tuple[float, float]) -> None:
    """The budget frees in 50 seconds, the quota in 900."""
    daily = Limit("daily", Budget("daily", BudgetConfig(dollars=Decimal(1), window=Calendar.DAY)).quota(), Decimal(1))
    spent = Exhausted(daily, Shortage(daily.quota, 40_000, 990_000))
    story = Story(plan_of(leg("flux", candidate("east")), leg("other", candidate("west"))), Policy(deadline=10.0))
    for name, seconds in zip(("flux", "other"), order, strict=True):
        story = story.full(name, seconds, final=True, exhausted=spent if seconds == 50.0 else None)
    assert decide(story, 0.0) == GiveUp(Ending.SPENT, 50.0, spent)


async def test_where_all_at_once_are_more_than_the_budget_ever_has_some_are_drawn_one_by_one() -> None:
    fleet = Fleet(openai("gpt"))
    relay = router(fleet, DAILY, prices={"gpt": CENTS})
    outcome = await ask(relay, n=3, size="1024x1024", quality="low")
    assert isinstance(outcome.error, IncompleteError)
    assert len(outcome.error.delivered) == 2
    assert isinstance(outcome.error.__cause__, BudgetExceededError)


async def test_what_costs_more_than_the_whole_budget_is_refused_without_a_time() -> None:
    refused = await ask(router(Fleet(foundry("east")), {"daily": {"dollars": "0.01", "window": "day"}}))
    assert isinstance(refused.error, BudgetExceededError)
    assert refused.retry_after is None
    assert str(refused.error).endswith("and $0.04 was needed; that is more than it ever has")


async def test_a_reload_changes_the_cap_and_keeps_what_was_spent() -> None:
    fleet = Fleet(foundry("east"))
    relay = router(fleet, DAILY)
    for _ in range(2):
        await ask(relay)
    assert isinstance((await ask(relay)).error, BudgetExceededError)
    relay.reload(
        relay.config.model_copy(
            update={"budgets": router(fleet, {"daily": {"dollars": 1, "window": "day"}}).config.budgets}
        )
    )
    assert (await ask(relay)).result
    assert await used(relay) == ("0.12", "0")


def test_a_budget_that_names_what_is_not_there_is_a_mistake() -> None:
    fleet = Fleet(foundry("eastus"))
    with pytest.raises(
        ConfigError, match=r"budgets\.b\.deployment: no deployment is named 'eastsu'; did you mean 'eastus'"
    ):
        router_of(
            fleet, {**fleet.config("flux"), "budgets": {"b": {"dollars": 1, "window": "day", "deployment": "eastsu"}}}
        )


# --- what a caller may use -----------------------------------------------------------------------------------------


KEY = Limits("key-7", images_per_minute=2, dollars_per_day=Decimal("0.20"))


async def test_a_call_may_bring_limits_of_its_caller() -> None:
    fleet = Fleet(foundry("east"))
    relay = router(fleet, {})
    for _ in range(2):
        assert (await ask(relay, limits=KEY)).result
    with lasting(0):
        refused = await ask(relay, limits=KEY, timeout=5)
    assert isinstance(refused.error, QuotaExceededError)
    assert refused.error.limit == "key-7: 2 images a minute"
    assert str(refused.error).startswith("'flux' was not served: key-7: 2 images a minute are used up; the first place")
    assert (await ask(relay, limits=[Limits("key-8", images_per_minute=2)])).result
    assert (await ask(relay)).result

    for _ in range(3):
        assert (await ask(relay, limits=KEY)).result  # each waits for its minute
    spent = await ask(relay, limits=KEY)
    assert isinstance(spent.error, BudgetExceededError)
    assert (spent.error.budget, spent.error.window, spent.error.spent) == ("key-7", "a day", Decimal("0.20"))


async def test_a_caller_s_requests_are_counted_once_whatever_became_of_their_attempts() -> None:
    fleet = Fleet(foundry("down", faults=(Fault(FaultKind.UNAVAILABLE),)), foundry("east"))
    relay, twice = router(fleet, {}), Limits("k", requests_per_minute=2)
    first = await ask(relay, limits=twice)
    assert first.tried == "down east"
    assert (await ask(relay, limits=twice)).result
    assert isinstance((await ask(relay, limits=twice, timeout=5)).error, QuotaExceededError)


async def test_a_caller_draws_so_many_at_a_time() -> None:
    relay, at_a_time, ended = router(Fleet(foundry("east")), {}), Limits("k", concurrent=2), list[float]()

    async def one() -> None:
        assert (await ask(relay, limits=at_a_time)).result
        ended.append(_clock.now())

    began = _clock.now()
    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(one)
    assert [round(each - began) for each in ended] == [2, 2, 4, 4]


async def test_a_429_of_a_provider_teaches_nothing_about_its_caller() -> None:
    fleet = Fleet(foundry("east", requests_per_minute=1), foundry("west"))
    entries = fleet.entries()
    for number, entry in enumerate(entries):
        entry |= {"order": number, "requests_per_minute": 1000, "shape": "rolling"}
    relay = router(fleet, {}, groups={"flux": {"strategy": "ordered", "deployments": entries}})
    three = Limits("k", requests_per_minute=3)
    assert [(await ask(relay, limits=three)).tried for _ in range(3)] == ["east", "east west", "west"]
    refused: Outcome = await ask(relay, limits=three, timeout=5)
    assert isinstance(refused.error, QuotaExceededError)


@pytest.mark.parametrize(
    "wrong", [{"requests_per_minute": 0}, {"concurrent": -1}, {"dollars_per_day": 5}, {"dollars_per_month": Decimal(0)}]
)
def test_limits_that_say_nothing_sensible_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Limits("k", **wrong)


async def test_an_ambiguous_ending_is_still_told_as_such() -> None:
    fleet = Fleet(foundry("lost", faults=(Fault(FaultKind.RESET_BEFORE_ANSWER),)), foundry("east"))
    relay = router(fleet, {"daily": {"dollars": "1", "window": "day"}}, on_ambiguous="fail")
    assert isinstance((await ask(relay)).error, AmbiguousOutcomeError)
    assert await used(relay) == ("0.04", "0")
    assert billed(fleet) == {"lost": 1}
