"""What the router is handed: providers, quotas, prices and timeouts, worked out once."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelrelay._transport.timeouts import Timeouts
from pixelrelay.config import HealthConfig, ResolvedDeployment, TimeoutsConfig, resolve, warnings_of
from pixelrelay.cost.prices import Price
from pixelrelay.cost.tables import Table
from pixelrelay.cost.terms import Apiece
from pixelrelay.quotas import Quota, Shape, Unit
from pixelrelay.store.health import HealthPolicy
from tests.config.shop import MODELS, SHOP, crayon, easel, flux, loaded, lookup

TODAY = date(2026, 11, 21)


def resolved(*deployments: dict[str, Any], **further: Any) -> tuple[ResolvedDeployment, ...]:
    return resolve(loaded(flux(*deployments, **further)), lookup)["flux"]


def test_a_deployment_comes_with_all_that_it_takes_to_ask_it() -> None:
    written = crayon(
        weight=3, order=2, region="eu", tags=["fast"], price={"image": 0.04, "source": "invoice", "day": "2026-11-01"}
    )
    (red,) = resolved(written)

    assert red == ResolvedDeployment(
        name="red",
        group="flux",
        provider=SHOP["crayon"],
        target=red.target,
        capabilities=MODELS["oil"],
        quotas=(),
        timeouts=Timeouts(),
        price=Price((Apiece(Table(Decimal("0.04"))),), source="invoice", day=date(2026, 11, 1)),
        weight=3,
        order=2,
        region="eu",
        tags=frozenset({"fast"}),
    )
    assert red.target.base_url == "https://crayon.example"


def test_groups_and_deployments_keep_the_order_of_the_file() -> None:
    groups = {"b": {"deployments": [crayon("z"), crayon("y")]}, "a": {"deployments": [crayon("m")]}}
    found = resolve(loaded({"models": groups}), lookup)

    assert [(group, [each.name for each in members]) for group, members in found.items()] == [
        ("b", ["z", "y"]),
        ("a", ["m"]),
    ]


def test_limits_become_quotas_counted_in_whole_units_and_pixels() -> None:
    (red,) = resolved(
        crayon(requests_per_minute=15, images_per_minute=50, megapixels_per_minute=1.1, concurrent=4, shape="paced")
    )

    assert red.quotas == (
        Quota("red/requests", Unit.REQUESTS, 15, Shape.PACED),
        Quota("red/images", Unit.IMAGES, 50, Shape.PACED),
        Quota("red/megapixels", Unit.MEGAPIXELS, 1_100_000, Shape.PACED),
        Quota("red/concurrent", Unit.CONCURRENT, 4, Shape.PACED),
    )


def test_what_the_provider_makes_known_holds_where_the_configuration_is_silent() -> None:
    (east,) = resolved(easel(tier="high", requests_per_minute=60, guard=1), guard=0.5)
    (west,) = resolved(easel(tier="low", shape="rolling", counts_rejected=False), guard=0.5)

    assert set(east.quotas) == {
        Quota("east/requests", Unit.REQUESTS, 60, Shape.SLICED, counts_rejected=True, guard=1),
        Quota("east/megapixels", Unit.MEGAPIXELS, 40_000_000, Shape.SLICED, counts_rejected=True, guard=1),
    }
    assert west.quotas == (Quota("east/requests", Unit.REQUESTS, 15, Shape.ROLLING, guard=0.5),)


def test_members_of_a_pool_share_its_quotas_besides_their_own() -> None:
    east, west = resolved(
        easel("east", pools=["contoso"], concurrent=2),
        easel("west", pools=["contoso", "contoso"]),
        pools={"contoso": {"requests_per_minute": 30, "concurrent": 8, "shape": "fixed", "counts_rejected": False}},
    )

    shared = (
        Quota("pool:contoso/requests", Unit.REQUESTS, 30, Shape.FIXED),
        Quota("pool:contoso/concurrent", Unit.CONCURRENT, 8, Shape.FIXED),
    )
    assert east.quotas == (Quota("east/concurrent", Unit.CONCURRENT, 2, Shape.SLICED, counts_rejected=True), *shared)
    assert west.quotas == shared


def test_a_pool_that_does_not_say_how_it_counts_takes_the_strictest_way_of_its_members() -> None:
    pools = {"mixed": {"concurrent": 8}, "lenient": {"concurrent": 3}}
    easel_, crayon_ = resolved(easel(pools=["mixed"]), crayon(pools=["mixed", "lenient"]), pools=pools)

    mixed = Quota("pool:mixed/concurrent", Unit.CONCURRENT, 8, Shape.SLICED, counts_rejected=True)
    assert easel_.quotas == (mixed,)
    assert crayon_.quotas == (mixed, Quota("pool:lenient/concurrent", Unit.CONCURRENT, 3))


@given(st.decimals(min_value="0.000001", max_value=10_000, places=6))
def test_megapixels_become_the_pixels_that_were_written_and_never_none(megapixels: Decimal) -> None:
    (red,) = resolved(crayon(megapixels_per_minute=float(megapixels)))

    assert red.quotas[0].limit == megapixels * 1_000_000


@given(st.decimals(min_value=0, max_value=100, places=4))
def test_a_price_is_read_as_it_was_written(dollars: Decimal) -> None:
    as_float, as_text = resolved(
        crayon("red", price={"image": float(dollars)}), crayon("blue", price={"image": str(dollars)})
    )

    assert as_float.price == as_text.price == Price((Apiece(Table(dollars)),))


def test_timeouts_of_a_deployment_change_only_what_they_name() -> None:
    red, blue = resolved(
        crayon("red", timeouts={"first_byte": 30}), crayon("blue"), timeouts={"connect": 2, "total": 300}
    )

    assert red.timeouts == Timeouts(connect=2, first_byte=30, total=300)
    assert blue.timeouts == Timeouts(connect=2, first_byte=180, total=300)


def test_a_configuration_without_settings_has_the_defaults_of_those_it_hands_them_to() -> None:
    assert TimeoutsConfig().over() == Timeouts()
    assert HealthPolicy(**HealthConfig().model_dump()) == HealthPolicy()


@pytest.mark.parametrize(
    ("today", "line"),
    [
        (date(2026, 11, 1), None),
        (TODAY, "tempera is switched off on 2027-01-31; oil takes its place"),
        (date(2027, 1, 31), "tempera was switched off on 2027-01-31; oil takes its place"),
    ],
)
def test_a_model_that_is_about_to_go_is_told_in_time(today: date, line: str | None) -> None:
    config = loaded(flux(crayon(), easel(model="tempera")))
    told = [f"models.flux.deployments[1].model: {line}"] if line else []

    assert [str(problem) for problem in warnings_of(config, today, lookup)] == told


def test_a_model_that_does_nothing_any_more_is_told_where_its_last_day_is_not_known() -> None:
    config = loaded(flux(easel(model="fresco")))

    assert [str(problem) for problem in warnings_of(config, TODAY, lookup)] == [
        "models.flux.deployments[0].model: fresco has been switched off"
    ]


def test_an_unknown_model_and_an_empty_pool_are_told() -> None:
    config = loaded(flux(easel(model="oill"), pools={"contoso": {"concurrent": 3}}))

    assert [str(problem) for problem in warnings_of(config, TODAY, lookup)] == [
        "models.flux.deployments[0].model: easel is not known to have 'oill'; it is taken to be able to do anything",
        "pools.contoso: no deployment is in this pool",
    ]


def test_a_default_that_can_never_be_asked_is_told() -> None:
    config = loaded(flux(easel(model="oil", defaults={"output_format": "png", "size": "64x64", "sede": 7})))

    assert [str(problem) for problem in warnings_of(config, TODAY, lookup)] == [
        "models.flux.deployments[0].defaults.size: is never asked of oil: size 64x64: it draws no size on demand",
        "models.flux.deployments[0].defaults.sede: is never asked of oil: parameter 'sede': unknown to it",
    ]


def test_a_server_that_is_not_the_providers_own_may_have_any_model() -> None:
    config = loaded(flux(easel(model="oill", base_url="https://mirror.example")))

    assert warnings_of(config, TODAY, lookup) == []
