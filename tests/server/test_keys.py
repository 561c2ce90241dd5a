"""Who may ask, and for what; and that nothing is told to those who may not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import anyio
import pytest

from pixelrelay import _clock
from pixelrelay.config import load
from pixelrelay.config.server import hash_of
from pixelrelay.errors import ConfigError
from tests.server.scenes import MASTER, error_of, foundry, gateway_over

pytestmark = pytest.mark.anyio

SHOP = "sk-shop-0123456789"
GROUPS = {"flux": {"deployments": ["eastus"]}, "secret": {"deployments": ["west"]}}
YESTERDAY, TODAY = (_clock.today() - timedelta(days=days) for days in (1, 0))


def keys(**shop: Any) -> dict[str, Any]:
    return {"master_key": hash_of(MASTER), "keys": {"shop": {"key": hash_of(SHOP), **shop}}}


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize("headers", [bearer(SHOP), {"api-key": SHOP}, {"authorization": f"bearer  {SHOP} "}])
async def test_a_key_is_taken_as_openai_and_as_azure_have_it(headers: dict[str, str]) -> None:
    async with gateway_over(foundry(), server=keys()) as at:
        assert (await at.draw(headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer(""),
        bearer("sk-other"),
        bearer(SHOP[:-1]),
        bearer(SHOP + "x"),
        bearer(hash_of(SHOP)),
        {"api-key": "sk-other"},
        {"authorization": f"Basic {SHOP}"},
        {"authorization": SHOP},
    ],
)
async def test_no_key_or_another_is_refused_before_anything_is_read_or_told(headers: Mapping[str, str]) -> None:
    async with gateway_over(foundry(), server=keys()) as at:
        answers = [
            await at.draw(headers=headers, model="nothing"),
            await at.client.get("/v1/models", headers=headers),
            await at.client.get("/metrics", headers=headers),
        ]

    for answer in answers:
        assert answer.status_code == 401
        assert error_of(answer)["code"] == "invalid_api_key"
        assert "images" not in answer.text
        assert SHOP not in answer.text
        assert answer.headers["x-should-retry"] == "false"


async def test_a_key_is_good_through_its_last_day() -> None:
    async with gateway_over(foundry(), server=keys(expires=TODAY)) as at:
        assert (await at.draw(headers=bearer(SHOP))).status_code == 200
    async with gateway_over(foundry(), server=keys(expires=YESTERDAY)) as at:
        answer = await at.draw(headers=bearer(SHOP))

    assert answer.status_code == 401
    assert error_of(answer)["code"] == "expired_api_key"


async def test_another_groups_model_is_as_if_it_did_not_exist() -> None:
    async with gateway_over(foundry(), foundry("west"), server=keys(groups=["flux"]), groups=GROUPS) as at:
        allowed = await at.draw(model="flux", headers=bearer(SHOP))
        others = await at.draw(model="secret", headers=bearer(SHOP))
        deployment = await at.draw(model="west", headers=bearer(SHOP))
        nothing = await at.draw(model="nothing", headers=bearer(SHOP))
        fallback = await at.draw(model="flux", fallbacks=["secret"], headers=bearer(SHOP))

    assert allowed.status_code == 200
    for name, answer in {"secret": others, "west": deployment, "nothing": nothing}.items():
        assert answer.status_code == 404
        assert error_of(answer)["message"] == (
            f"The model {name!r} does not exist or you do not have access to it; there are flux."
        )
    assert fallback.status_code == 404


async def test_a_key_is_shown_the_models_that_it_may_ask_for() -> None:
    async with gateway_over(foundry(), foundry("west"), server=keys(groups=["flux"]), groups=GROUPS) as at:

        async def listed(key: str) -> list[str]:
            answer = await at.client.get("/v1/models", headers=bearer(key))
            return [model["id"] for model in answer.json()["data"]]

        assert await listed(SHOP) == ["flux"]
        assert await listed(MASTER) == ["flux", "secret"]
        assert (await at.client.get("/v1/models/secret", headers=bearer(SHOP))).status_code == 404
        assert (await at.client.get("/v1/models/secret", headers=bearer(MASTER))).json()["id"] == "secret"


async def test_a_model_may_be_asked_for_by_its_other_names_by_those_who_may_ask_for_it() -> None:
    aliases = {"pictures": "flux", "hidden": "secret"}
    shop = keys(groups=["flux"])
    async with gateway_over(foundry(), foundry("west"), server=shop, groups=GROUPS, aliases=aliases) as at:
        listed = (await at.client.get("/v1/models", headers=bearer(SHOP))).json()["data"]
        drawn = await at.draw(headers=bearer(SHOP), model="pictures")
        refused = await at.draw(headers=bearer(SHOP), model="hidden")

    assert [model["id"] for model in listed] == ["flux", "pictures"]
    assert (drawn.status_code, refused.status_code) == (200, 404)


async def test_metrics_are_for_the_master_key_unless_they_are_public() -> None:
    async with gateway_over(foundry(), server=keys()) as at:
        assert (await at.client.get("/metrics", headers=bearer(SHOP))).status_code == 403
        assert (await at.client.get("/metrics", headers=bearer(MASTER))).status_code == 200
    async with gateway_over(foundry(), server={**keys(), "public_metrics": True}) as at:
        assert (await at.client.get("/metrics")).status_code == 200


async def test_health_and_the_document_are_open() -> None:
    async with gateway_over(foundry(), server=keys()) as at:
        for path in ("/health/live", "/health/ready", "/openapi.json"):
            assert (await at.client.get(path)).status_code == 200


PRICED = {"price": {"image": 0.04}}


@pytest.mark.parametrize(
    ("limits", "code", "served"),
    [
        ({"requests_per_minute": 2}, "rate_limit_exceeded", 2),
        ({"images_per_minute": 3}, "rate_limit_exceeded", 3),
        ({"dollars_per_day": 0.1}, "budget_exceeded", 2),
        ({"dollars_per_month": 0.05}, "budget_exceeded", 1),
        ({"dollars_per_hour": 0.04}, "budget_exceeded", 1),
    ],
)
async def test_a_key_may_use_so_much_and_others_are_not_held_up(limits: dict[str, Any], code: str, served: int) -> None:
    server = keys(**limits)
    server["keys"]["other"] = {"key": hash_of("sk-other-0123456789")}
    async with gateway_over(foundry(), server=server, further=PRICED, deadline=10.0) as at:
        answers = [await at.draw(headers=bearer(SHOP)) for _ in range(served + 1)]
        other = await at.draw(headers=bearer("sk-other-0123456789"))
        master = await at.draw(headers=bearer(MASTER))

    assert [answer.status_code for answer in answers] == [*[200] * served, 429]
    refused = answers[-1]
    assert error_of(refused)["code"] == code
    assert "shop" in error_of(refused)["message"]
    assert float(refused.headers["retry-after-ms"]) > 0
    assert refused.headers["x-should-retry"] == ("true" if code == "rate_limit_exceeded" else "false")
    assert (other.status_code, master.status_code) == (200, 200)


async def test_a_key_may_have_so_many_requests_under_way() -> None:
    async with gateway_over(foundry(latency=5.0), server=keys(concurrent=1)) as at:
        began = _clock.now()
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(partial(at.draw, headers=bearer(SHOP)))
        one_after_the_other = _clock.now() - began
        refused: list[int] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(at.draw, headers=bearer(SHOP)))
            await _clock.sleep(1.0)
            refused.append((await at.draw(headers=bearer(SHOP), timeout=2)).status_code)

    assert one_after_the_other >= 10.0
    assert refused == [429]


async def test_streams_count_against_a_key_as_well() -> None:
    async with gateway_over(foundry(), server=keys(requests_per_minute=1), deadline=10.0) as at:
        first = await at.draw(stream=True, headers=bearer(SHOP))
        second = await at.draw(stream=True, headers=bearer(SHOP))

    assert (first.status_code, second.status_code) == (200, 429)


async def test_a_key_whose_dollars_are_limited_is_refused_what_has_no_price_unless_it_may() -> None:
    async with gateway_over(foundry(), server=keys(dollars_per_day=1)) as at:
        refused = await at.draw(headers=bearer(SHOP))
    async with gateway_over(foundry(), server=keys(dollars_per_day=1, unpriced="allow")) as at:
        allowed = await at.draw(headers=bearer(SHOP))

    assert refused.status_code == 400
    assert "price" in error_of(refused)["message"]
    assert allowed.status_code == 200


async def test_a_reload_changes_who_may_ask() -> None:
    async with gateway_over(foundry(), server=keys()) as at:
        config = at.router.config
        server = config.server.model_copy(update={"keys": {}})
        assert (await at.draw(headers=bearer(SHOP))).status_code == 200
        at.router.reload(config.model_copy(update={"server": server}))
        assert (await at.draw(headers=bearer(SHOP))).status_code == 401
        assert (await at.draw(headers=bearer(MASTER))).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"host": "evil.example"}, {"origin": "https://evil.example"}, {"origin": "null"}, {"host": "192.168.1.5:8000"}],
)
async def test_without_keys_pages_of_other_sites_draw_nothing(headers: dict[str, str]) -> None:
    async with gateway_over(foundry()) as at:
        answer = await at.draw(headers=headers)

    assert answer.status_code == 403
    assert error_of(answer)["code"] == "loopback_only"


@pytest.mark.parametrize(
    "headers", [{"host": "127.0.0.1:8000"}, {"host": "[::1]:8000"}, {"origin": "http://localhost:8000"}]
)
async def test_without_keys_this_machine_may_ask(headers: dict[str, str]) -> None:
    async with gateway_over(foundry()) as at:
        assert (await at.draw(headers=headers)).status_code == 200


# --- in the configuration ----------------------------------------------------------------------------------------

DEPLOYMENT = {"name": "openai", "provider": "openai", "model": "gpt-image-2", "api_key": "k" * 20}
MODELS = {"images": {"deployments": [DEPLOYMENT]}}


def problems(**server: Any) -> list[str]:
    with pytest.raises(ConfigError) as wrong:
        load({"models": MODELS, "server": server}, environ={"SHOP": SHOP})
    return [str(problem) for problem in wrong.value.problems]


def test_a_key_may_stand_in_the_environment_and_is_shown_nowhere() -> None:
    config = load({"models": MODELS, "server": {"keys": {"shop": {"key": "${SHOP}"}}}}, environ={"SHOP": SHOP})

    assert SHOP not in repr(config)
    assert SHOP not in config.model_dump_json()


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        ({"master_key": "sha256:12"}, "server.master_key: sha256: must be followed by 64 hexadecimal digits"),
        ({"master_key": " "}, "server.master_key: is empty"),
        ({"keys": {"a": {}}}, "server.keys.a.key: is missing"),
        (
            {"keys": {"a": {"key": "${SHOP}"}, "b": {"key": hash_of(SHOP)}}},
            "server.keys: b is the same key as a",
        ),
        ({"master_key": SHOP, "keys": {"b": {"key": hash_of(SHOP)}}}, "server.keys: b is the same key as master_key"),
        (
            {"keys": {"a": {"key": SHOP, "groups": ["image"]}}},
            "server.keys.a.groups[0]: no group or deployment is named 'image'; did you mean 'images'?",
        ),
        ({"keys": {"a": {"key": SHOP, "group": ["x"]}}}, "server.keys.a.group: unknown key; did you mean 'groups'?"),
        ({"public_url": "images.example"}, "server.public_url: must be an address as https://images.example"),
        ({"files": {"secret": "short"}}, "server.files.secret: must have at least 16 characters"),
        (
            {"uploads": {"in_flight_bytes": 10}},
            "server.uploads.in_flight_bytes: must be at least max_body_bytes",
        ),
    ],
)
def test_what_is_wrong_with_it_is_told_by_its_path_and_without_any_key(server: dict[str, Any], problem: str) -> None:
    found = problems(**server)

    assert len(found) == 1
    assert found[0].startswith(problem)
    assert SHOP not in found[0]
