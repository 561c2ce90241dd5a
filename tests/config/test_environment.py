"""What the environment puts into a configuration, and that no report shows it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelrelay.config import RelayConfig, load
from pixelrelay.errors import ConfigError
from tests.config.shop import SHOP, crayon, easel, flux, loaded, lookup, mistakes

KEY = "models.flux.deployments[0].api_key"


def key_of(config: RelayConfig) -> str | None:
    key = config.models["flux"].deployments[0].api_key
    return key.get_secret_value() if key else None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("${KEY}", "s3cret"),
        ("os.environ/KEY", "s3cret"),
        ("${KEY:-other}", "s3cret"),
        ("${NOT_SET:-other}", "other"),
        ("${EMPTY:-other}", "other"),
        ("${NOT_SET:-}", None),
        ("redis://:${ODD@url}@host", "redis://:p%2F%40ss@host"),
        ("<${KEY}-${KEY}>", "<s3cret-s3cret>"),
        ("$${KEY}", "${KEY}"),
        ("$KEY", "$KEY"),
        ("pa$$word", "pa$$word"),
        ("see os.environ/KEY", "see os.environ/KEY"),
        ("${NESTED}", "${KEY}"),
    ],
)
def test_a_variable_is_filled_in_wherever_it_is_named(written: str, read: str | None) -> None:
    environ = {"KEY": "s3cret", "EMPTY": "", "NESTED": "${KEY}", "ODD": "p/@ss"}

    assert key_of(loaded(flux(crayon(api_key=written)), environ)) == read


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("${NOT_SET}", "the environment variable NOT_SET is not set"),
        ("os.environ/NOT_SET", "the environment variable NOT_SET is not set"),
        ("${EMPTY}", "the environment variable EMPTY is empty"),
        ("${not-a-name}", "a variable is written ${NAME} or ${NAME:-default}, and $${ stands for ${ itself"),
        ("${OPEN", "a variable is written ${NAME} or ${NAME:-default}, and $${ stands for ${ itself"),
    ],
)
def test_a_variable_that_cannot_be_had_is_told_once_and_where(written: str, message: str) -> None:
    assert mistakes(flux(easel(api_key=written)), {"EMPTY": ""}) == [f"{KEY}: {message}"]


def test_variables_can_stand_for_numbers_options_and_items_of_lists() -> None:
    config = loaded(
        flux(easel(requests_per_minute="${RPM}", tier="${TIER}", tags=["${REGION}", "fast"])),
        {"RPM": "15", "TIER": "high", "REGION": "eu"},
    )

    (east,) = config.models["flux"].deployments
    assert east.requests_per_minute == 15
    assert east.tags == ("eu", "fast")
    assert dict(east.options)["tier"] == "high"


def test_every_missing_variable_is_told_and_nothing_is_said_besides_about_what_it_stands_for() -> None:
    deployments = [
        easel(endpoint="${ENDPOINT}", requests_per_minute="${RPM}", tags=["${TAG}"], price={"image": "${CENTS}"}),
        easel("west", provider="${PROVIDER}", model="${MODEL}", endpoint="${ONE}${TWO}"),
    ]

    assert mistakes(flux(*deployments, deadline="${DEADLINE}")) == [
        f"models.flux.deployments[{place}: the environment variable {name} is not set"
        for place, name in [
            ("0].endpoint", "ENDPOINT"),
            ("0].requests_per_minute", "RPM"),
            ("0].tags[0]", "TAG"),
            ("0].price.image", "CENTS"),
            ("1].provider", "PROVIDER"),
            ("1].model", "MODEL"),
            ("1].endpoint", "ONE"),
            ("1].endpoint", "TWO"),
        ]
    ] + ["deadline: the environment variable DEADLINE is not set"]


def test_a_missing_variable_does_not_hide_other_mistakes() -> None:
    assert mistakes(flux(easel(api_key="${NOT_SET}", endpoint="ftp://easel.example", weight=0))) == [
        "models.flux.deployments[0].endpoint: must begin with https://, not 'ftp://easel.example'",
        f"{KEY}: the environment variable NOT_SET is not set",
        "models.flux.deployments[0].weight: must be greater than 0",
    ]


def test_a_key_that_landed_in_the_wrong_place_is_not_shown() -> None:
    swapped = flux(easel(endpoint="${KEY}", api_key="${ENDPOINT}"))
    environ = {"KEY": "bfl_0123456789", "ENDPOINT": "https://easel.example"}

    assert mistakes(swapped, environ) == ["models.flux.deployments[0].endpoint: must begin with https://, not '***'"]


# Every place in which people put keys, rightly or not, with something wrong beside it.
places = st.sampled_from(
    [
        lambda secret: easel(api_key=secret),
        lambda secret: easel(token=secret),
        lambda secret: easel(token=secret, tier="none"),
        lambda secret: easel(api_key=secret, endpoint=secret),
        lambda secret: easel(api_key=secret, provider="easle"),
        lambda secret: easel(api_key=secret, requests_per_minute=secret),
        lambda secret: easel(api_kye=secret),
        lambda secret: easel(options={"api_kye": secret}),
        lambda secret: easel(api_key=[secret]),
        lambda secret: easel(api_key={"key": secret}),
        lambda secret: easel(shape=secret, tier=secret, counts_rejected=secret, price={"image": secret}),
        lambda secret: {"api_key": secret},
    ]
)


@given(st.from_regex(r"\A#[a-f0-9]{12}#\Z"), places, st.booleans(), st.booleans())
def test_no_secret_is_in_a_report_nor_in_the_configuration_as_text(
    secret: str, place: Any, named: bool, wrong: bool
) -> None:
    deployment = place("${KEY}" if named else secret)
    data = flux(deployment, **({"deadlin": 1} if wrong else {}))
    try:
        config = load(data, environ={"KEY": secret}, lookup=lookup, names=SHOP.keys)
    except ConfigError as error:
        shown = f"{error} {error!r} {error.problems!r} {error.__cause__!r} {error.__context__!r}"
    else:
        shown = f"{config} {config!r} {config.model_dump()!r} {config.model_dump_json()}"

    assert secret not in shown


@given(st.text(min_size=1).filter(lambda text: text.strip() != ""))
def test_a_key_reaches_its_provider_as_it_is_in_the_environment(secret: str) -> None:
    assert key_of(loaded(flux(easel(api_key="${KEY}")), {"KEY": secret})) == secret
