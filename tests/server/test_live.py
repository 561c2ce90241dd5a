"""What the live page asks for: the fleet and the latest requests, for the master key, and no prompt or key in it."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import anyio
import pytest

from pixelrelay import _clock
from pixelrelay.config.server import hash_of
from pixelrelay.events import (
    AttemptFinished,
    AttemptStarted,
    FellBack,
    RequestFinished,
    RequestStarted,
    StoreModeChanged,
)
from pixelrelay.images import Operation
from pixelrelay.outcomes import Attempt, Failure, FailureKind
from pixelrelay.server.latest import KEPT, LONGEST, MINUTE, MOST_TRIALS, Latest
from pixelrelay.server.shipped import shipped
from pixelrelay.testing import Fault, FaultKind
from pixelrelay.testing.clocks import VirtualLoop
from tests.server.scenes import MASTER, Counter, bfl, error_of, foundry, gateway_over, picture

pytestmark = pytest.mark.anyio

LIVE = "/api/live"
SHOP = "sk-shop-0123456789"
KEYS = {"master_key": hash_of(MASTER), "keys": {"shop": {"key": hash_of(SHOP)}}}
PRICED = {"price": {"image": 0.04}}


async def live(at: Counter, **headers: str) -> dict[str, Any]:
    answer = await at.client.get(LIVE, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    told: dict[str, Any] = answer.json()
    return told


# --- the fleet -----------------------------------------------------------------------------------------------------


async def test_a_fleet_that_nobody_asked_yet_is_shown_whole() -> None:
    settings: dict[str, Any] = {"budgets": {"all": {"dollars": 5, "window": "day"}}}
    async with gateway_over(
        foundry("east"),
        bfl(),
        groups={"flux": {"deployments": ["east"], "fallbacks": ["spare"]}, "spare": {"deployments": ["bfl"]}},
        further=PRICED,
        **settings,
    ) as at:
        told = await live(at)

    assert [group["name"] for group in told["groups"]] == ["flux", "spare"]
    assert told["groups"][0]["fallbacks"] == ["spare"]
    [east] = told["groups"][0]["deployments"]
    assert (east["name"], east["provider"], east["model"]) == ("east", "azure-foundry", "FLUX.2-pro")
    assert (east["state"], east["in_flight"], east["latency"]) == ("well", 0, None)
    assert east["quotas"] == [{"unit": "requests", "pool": None, "used": 0, "limit": 60, "learned": 60, "age": None}]
    assert east["spend"] == {"known": "0", "at_risk": "0", "unpriced": 0}
    assert told["store"] == {"mode": "alone", "degraded": False, "processes": 1}
    assert [(budget["name"], budget["cap"]) for budget in told["budgets"]] == [("all", "5")]
    assert told["requests"] == []


async def test_what_was_drawn_shows_in_quotas_latency_and_spend() -> None:
    async with gateway_over(foundry("east"), further=PRICED) as at:
        for _ in range(3):
            await at.draw()
        told = await live(at)

    [east] = told["groups"][0]["deployments"]
    assert east["quotas"][0]["used"] == 3
    assert east["latency"] == pytest.approx(2.0, abs=0.1)
    assert east["spend"]["known"] == told["groups"][0]["spend"]["known"] == told["spend"]["known"] == "0.12"
    assert sum(told["minute"]["served"]) == 3
    assert sum(told["minute"]["failed"]) == 0


async def test_a_pool_is_shown_with_what_its_other_members_used() -> None:
    pools: dict[str, Any] = {"pools": {"account": {"requests_per_minute": 30}}}
    async with gateway_over(foundry("east"), foundry("west"), further={"pools": ["account"]}, **pools) as at:
        await at.draw(model="east")
        told = await live(at)

    for deployment in told["groups"][0]["deployments"]:
        [pooled] = [quota for quota in deployment["quotas"] if quota["pool"] == "account"]
        assert (pooled["unit"], pooled["used"], pooled["limit"]) == ("requests", 1, 30)


async def test_a_deployment_that_was_refused_is_cooling_for_some_seconds() -> None:
    broken = foundry("broken", faults=(Fault(FaultKind.UNAUTHORISED),))
    async with gateway_over(broken, foundry("east"), groups={"images": _ordered("broken", "east")}) as at:
        await at.draw()
        [deployment, _] = (await live(at))["groups"][0]["deployments"]

    assert deployment["state"] == "cooling"
    assert deployment["cooling"] > 0


async def test_a_deployment_that_was_told_to_wait_is_not_called_ill() -> None:
    busy = foundry("busy", faults=(Fault(FaultKind.RATE_LIMITED, times=1, retry_after=30.0),))
    async with gateway_over(busy, foundry("east"), groups={"images": _ordered("busy", "east")}) as at:
        await at.draw()
        [waiting, _] = (await live(at))["groups"][0]["deployments"]
        await _clock.sleep(30.0)
        [well, _] = (await live(at))["groups"][0]["deployments"]

    assert waiting["state"] == "waiting"
    assert 25 < waiting["cooling"] <= 30
    assert (well["state"], well["cooling"]) == ("well", 0)


async def test_a_deployment_whose_time_is_up_is_ill_until_it_has_drawn_again() -> None:
    flaky = foundry("flaky", faults=(Fault(FaultKind.UNAUTHORISED, times=1),))
    async with gateway_over(flaky, foundry("east"), groups={"images": _ordered("flaky", "east")}) as at:
        await at.draw()
        await _clock.sleep(301.0)
        [ill, _] = (await live(at))["groups"][0]["deployments"]
        await at.draw()
        [well, _] = (await live(at))["groups"][0]["deployments"]

    assert (ill["state"], well["state"]) == ("ill", "well")


def _ordered(*names: str) -> Mapping[str, Any]:
    return {"deployments": list(names), "strategy": "ordered"}


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"loop_factory": VirtualLoop})])  # as a store in Redis needs it
async def test_a_lost_store_is_shown_until_it_is_found_again() -> None:
    async with gateway_over(foundry(), store="redis://127.0.0.1:1/0") as at:
        assert (await live(at))["store"] == {"mode": "shared", "degraded": False, "processes": None}
        await at.draw()
        lost = (await live(at))["store"]
        at.gateway.live.noticed(StoreModeChanged("shared", "found again", 2))
        found = (await live(at))["store"]

    assert lost["degraded"] is True
    assert lost["mode"] == "share"
    assert found == {"mode": "shared", "degraded": False, "processes": 2}


async def test_a_reload_shows_the_fleet_as_it_is_now() -> None:
    async with gateway_over(foundry("east"), foundry("west")) as at:
        config = at.router.config
        group = config.models["images"]
        smaller = group.model_copy(update={"deployments": group.deployments[:1]})
        at.router.reload(config.model_copy(update={"models": {"images": smaller}}))
        told = await live(at)

    assert [deployment["name"] for deployment in told["groups"][0]["deployments"]] == ["east"]


# --- the latest requests -------------------------------------------------------------------------------------------


async def test_a_request_is_told_with_its_attempts_the_latest_first() -> None:
    flaky = foundry("flaky", faults=(Fault(FaultKind.UNAVAILABLE),))
    groups = {
        "images": {**_ordered("flaky"), "fallbacks": ["spare"]},
        "spare": {"deployments": ["east"]},
    }
    async with gateway_over(flaky, foundry("east"), groups=groups, further=PRICED) as at:
        await at.draw(model="spare")
        answer = await at.draw(model="images")
        latest, first = (await live(at))["requests"]

    assert first["group"] == "spare"
    assert latest["id"] == answer.headers["x-request-id"]
    assert (latest["group"], latest["operation"], latest["n"], latest["size"]) == ("images", "generate", 1, "64x64")
    assert latest["outcome"] == "served"
    assert [fallback["to"] for fallback in latest["fallbacks"]] == ["spare"]
    *failed, served = latest["attempts"]
    assert {(one["deployment"], one["outcome"], one["status"]) for one in failed} == {("flaky", "overloaded", 503)}
    assert (served["deployment"], served["outcome"], served["images"], served["cost"]) == ("east", "served", 1, "0.04")
    assert served["duration"] == pytest.approx(2.0, abs=0.1)
    assert served["started"] + served["duration"] <= latest["duration"] + 0.01


async def test_a_request_under_way_is_told_as_such() -> None:
    async with gateway_over(foundry("east", latency=10.0)) as at, anyio.create_task_group() as tasks:
        tasks.start_soon(at.draw)
        await _clock.sleep(4.0)
        told = await live(at)

    [request] = told["requests"]
    assert told["in_flight"] == told["groups"][0]["deployments"][0]["in_flight"] == 1
    assert request["outcome"] is None
    [attempt] = request["attempts"]
    assert attempt["outcome"] is None
    assert attempt["phase"] == "sent"
    assert attempt["duration"] == pytest.approx(4.0, abs=0.2)


async def test_a_request_in_line_is_told_to_wait_and_then_how_long_it_did() -> None:
    async with gateway_over(bfl(concurrent=1, latency=5.0)) as at:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(at.draw)
            await _clock.sleep(1.0)
            tasks.start_soon(at.draw)
            await _clock.sleep(2.0)
            waiting = (await live(at))["requests"][0]
        waited = (await live(at))["requests"][0]

    assert waiting["waiting"] == pytest.approx(0.0, abs=0.1)
    assert waiting["attempts"] == []
    assert waited["waiting"] is None
    assert waited["attempts"][0]["waited"] >= 3.0


@pytest.mark.parametrize(
    ("deployment", "body", "outcome"),
    [
        (foundry(), {"background": "transparent"}, "unsupported_by_model"),
        (foundry(faults=(Fault(FaultKind.MODERATED_INPUT),)), {}, "moderation_blocked"),
        (foundry(faults=(Fault(FaultKind.UNAVAILABLE),)), {}, "attempts_exhausted"),
        (foundry(latency=60.0), {"timeout": 5}, "deadline_exceeded"),
    ],
)
async def test_one_that_was_not_served_is_told_with_the_code_of_its_answer(
    deployment: Any, body: dict[str, Any], outcome: str
) -> None:
    async with gateway_over(deployment) as at:
        answer = await at.draw(**body)
        told = await live(at)

    assert error_of(answer)["code"] == told["requests"][0]["outcome"] == outcome
    assert sum(told["minute"]["failed"]) == 1


async def test_one_whose_caller_left_is_told_as_abandoned() -> None:
    async with gateway_over(foundry(latency=30.0)) as at:
        with anyio.move_on_after(3.0):
            await at.draw()
        await _clock.sleep(1.0)
        [request] = (await live(at))["requests"]

    assert request["outcome"] == request["attempts"][0]["outcome"] == "abandoned"


async def test_no_more_than_so_many_are_kept() -> None:
    async with gateway_over(bfl(latency=0.1)) as at:
        answers = [await at.draw() for _ in range(KEPT + 5)]
        told = await live(at)

    assert len(told["requests"]) == KEPT
    assert told["requests"][0]["id"] == answers[-1].headers["x-request-id"]


async def test_one_request_keeps_no_more_than_so_many_attempts_no_message_and_no_name_of_any_length() -> None:
    latest, made_up = Latest(), "x" * 100_000
    failure = Failure(FailureKind.INVALID, "refused: the duchess", code=made_up)
    latest(RequestStarted("pr_1", made_up, Operation.GENERATE, 1, None))
    for number in range(1, 5 * MOST_TRIALS):
        latest(AttemptStarted("pr_1", "flux", "east", "openai", number))
        attempt = Attempt("east", "openai", "flux", 0.0, 1.0, failure=failure)
        latest(AttemptFinished("pr_1", attempt, Operation.GENERATE, None, number=number))
        latest(FellBack("pr_1", "flux", "spare", "invalid"))

    [told] = latest.told()

    assert len(told["attempts"]) == len(told["fallbacks"]) == MOST_TRIALS
    assert told["attempts"][-1]["number"] == 5 * MOST_TRIALS - 1
    assert len(told["group"]) == len(told["attempts"][0]["code"]) == LONGEST
    assert "duchess" not in json.dumps(told)
    assert len(json.dumps(told)) < MOST_TRIALS * 1_000


async def test_what_ended_more_than_a_minute_ago_is_counted_no_more() -> None:
    latest = Latest()
    for _ in range(2):
        latest(RequestFinished("pr_1", "flux", Operation.GENERATE, 1.0, None, None))
        latest(RequestFinished("pr_2", "flux", Operation.GENERATE, 1.0, None, ValueError()))
        await _clock.sleep(20.0)

    assert (sum(latest.minute()["served"]), sum(latest.minute()["failed"])) == (2, 2)
    await _clock.sleep(30.0)
    assert (sum(latest.minute()["served"]), sum(latest.minute()["failed"])) == (1, 1)
    await _clock.sleep(float(MINUTE))
    assert (sum(latest.minute()["served"]), sum(latest.minute()["failed"])) == (0, 0)


# --- who may see it ------------------------------------------------------------------------------------------------


async def test_the_fleet_is_shown_to_the_master_key_alone() -> None:
    async with gateway_over(foundry("east"), server=KEYS) as at:
        told = await live(at, authorization=f"Bearer {MASTER}")
        refused = {
            key: await at.client.get(LIVE, headers={"authorization": f"Bearer {key}"} if key else {})
            for key in ("", "sk-other", SHOP)
        }

    assert told["groups"]
    assert {key: answer.status_code for key, answer in refused.items()} == {"": 401, "sk-other": 401, SHOP: 403}
    for answer in refused.values():
        assert error_of(answer)["code"] in {"invalid_api_key", "not_allowed"}
        assert "east" not in answer.text


async def test_no_prompt_and_no_key_is_told() -> None:
    moderated = foundry("moderated", faults=(Fault(FaultKind.MODERATED_INPUT, times=1),))
    async with gateway_over(moderated, server=KEYS) as at:
        for _ in range(2):
            await at.draw(prompt="the duchess's secret", user="duchess", headers={"api-key": SHOP})
        await at.edit({"image": picture()}, prompt="the duchess's secret", size="64x64", headers={"api-key": SHOP})
        answer = await at.client.get(LIVE, headers={"api-key": MASTER})
        keys = [deployment.api_key for deployment in at.fleet.deployments]

    assert len(answer.json()["requests"]) == 3
    for secret in ("duchess", SHOP, MASTER, hash_of(SHOP), hash_of(MASTER), *keys):
        assert secret not in answer.text


async def test_without_keys_pages_of_other_sites_see_nothing() -> None:
    async with gateway_over(foundry()) as at:
        for headers in ({"host": "evil.example"}, {"origin": "https://evil.example"}):
            assert (await at.client.get(LIVE, headers=headers)).status_code == 403


async def test_what_is_asked_every_second_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with gateway_over(foundry(), server=KEYS) as at:
        with caplog.at_level(logging.INFO, "pixelrelay.server"):
            await live(at, authorization=f"Bearer {MASTER}")
            await at.client.get(LIVE)

    assert [record.getMessage().split()[1:4] for record in caplog.records if record.name == "pixelrelay.server"] == [
        ["GET", LIVE, "401"]
    ]


# --- the page's own files ------------------------------------------------------------------------------------------


async def test_the_page_is_served_to_anybody_and_runs_nothing_from_elsewhere() -> None:
    async with gateway_over(foundry("east"), server=KEYS) as at:
        answer = await at.client.get("/")
        named = set(re.findall(r'(?:src|href)="(page/[^"]+)"', answer.text))
        named |= {f"page/{name}" for name in re.findall(r'from "\./([^"]+)"', " ".join(_texts("js")))}
        files = [await at.client.get(f"/{name}") for name in sorted(named)]

    assert {name.removeprefix("page/") for name in named} | {"index.html"} == set(shipped())
    for file in [answer, *files]:
        assert file.status_code == 200
        policy = dict(part.strip().split(" ", 1) for part in file.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'self'"
        assert policy["img-src"] == "'self' blob: data:"
        assert "unsafe" not in file.headers["content-security-policy"]
        assert file.headers["x-content-type-options"] == "nosniff"
        assert "east" not in file.text
    assert not re.search(r"<style|<script(?![^>]*src=)|\sstyle=|\son[a-z]+=", answer.text)
    assert not re.search(r"https?://|@import|url\(", " ".join(_texts("html", "css", "js")))


def _texts(*kinds: str) -> list[str]:
    return [file.data.decode() for name, file in shipped().items() if name.rpartition(".")[2] in kinds]


async def test_a_file_that_is_known_already_is_not_sent_again() -> None:
    async with gateway_over(foundry()) as at:
        first = await at.client.get("/page/main.js")
        again = await at.client.get("/page/main.js", headers={"if-none-match": first.headers["etag"]})

    assert first.headers["content-type"].startswith("text/javascript")
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/page/", "/page/nothing.js", "/page/..%2Fgateway.py", "/page/../gateway.py"])
async def test_nothing_else_is_served_from_there(path: str) -> None:
    async with gateway_over(foundry()) as at:
        answer = await at.client.get(path)

    assert answer.status_code == 404
    assert error_of(answer)["code"] == "no_such_path"


async def test_many_may_look_while_others_draw() -> None:
    async with gateway_over(foundry(latency=3.0)) as at, anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(partial(at.draw, n=2))
        for _ in range(10):
            told = await live(at)
            assert told["in_flight"] == len([one for one in told["requests"] if one["outcome"] is None])
            await _clock.sleep(0.7)
