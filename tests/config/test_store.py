"""The shared store in a configuration: its address is read, checked, and never shown with its password."""

from __future__ import annotations

import copy
import pickle
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pixelrelay.config import RelayConfig, load, warnings_of
from pixelrelay.config.store import OPTIONS, StoreUrl
from pixelrelay.errors import ConfigError
from tests.config.shop import SHOP, crayon, flux, loaded, lookup, mistakes

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize("settings", [{}, {"store": None}, {"store": "memory"}])
def test_without_an_address_quotas_are_kept_in_memory(settings: dict[str, Any]) -> None:
    config = loaded(flux(**settings))

    assert (config.store, config.store_url) == (None, None)
    assert (config.store_timeout, config.on_store_loss, config.store_prefix, config.store_batches) == (
        0.25,
        "share",
        "pixelrelay",
        False,
    )


def test_a_shared_store_is_named_by_its_address_with_variables_filled_in() -> None:
    written = {
        "store": "redis://router:${PASSWORD}@cache:6379/0",
        "store_timeout": 1,
        "on_store_loss": "closed",
        "store_prefix": "pictures:eu-1.a_b",
        "store_batches": True,
    }
    config = loaded(flux(**written), {"PASSWORD": "open-sesame"})

    assert config.store is not None
    assert config.store.get_secret_value() == config.store_url == "redis://router:open-sesame@cache:6379/0"
    assert (config.store_timeout, config.on_store_loss) == (1, "closed")
    assert (config.store_prefix, config.store_batches) == ("pictures:eu-1.a_b", True)


@pytest.mark.parametrize("written", ["${REDIS}", "os.environ/REDIS", " redis://:open-sesame@cache "])
def test_all_of_an_address_may_come_from_the_environment(written: str) -> None:
    config = loaded(flux(store=written), {"REDIS": "redis://:open-sesame@cache\n"})

    assert config.store == StoreUrl("redis://:open-sesame@cache")


@pytest.mark.parametrize("given", ["redis://cache", SecretStr("redis://cache"), StoreUrl("redis://cache")])
def test_it_can_be_written_in_python_as_well(given: Any) -> None:
    config = RelayConfig.model_validate(
        {**flux({**crayon(), "provider": "openai", "api_key": "k" * 16}), "store": given}
    )

    assert config.store == StoreUrl("redis://cache")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"store": ""}, "store: must be memory, or an address as redis://HOST:6379/0"),
        ({"store": "redis"}, "store: must be memory, or an address as redis://HOST:6379/0"),
        ({"store": 6379}, "store: must be text, not a number (put it in quotes)"),
        ({"store": {"url": "redis://cache"}}, "store: must be text, not a mapping"),
        ({"store": "localhost:6379"}, "store: must be an address as redis://HOST:6379/0"),
        ({"store": "redis:/cache"}, "store: two slashes follow redis: as in redis://HOST:6379/0"),
        ({"store": "redis://"}, "store: names no host: redis://HOST:6379/0"),
        (
            {"store": "http://cache"},
            "store: a store is not reached by http://; "
            "an address begins with redis://, rediss:// (with TLS) or unix://",
        ),
        (
            {"store": "redis+cluster://cache/0"},
            "store: a cluster has no databases to choose from; leave out what follows the hosts: "
            "redis+cluster://HOST:6379,HOST2:6379",
        ),
        (
            {"store": "redis+sentinel://cache"},
            "store: names no service, which is what the Sentinels call the server; it follows the hosts: "
            "redis+sentinel://HOST:26379,HOST2:26379/SERVICE",
        ),
        ({"store": "redis://:${NOT_SET}@cache"}, "store: the environment variable NOT_SET is not set"),
        ({"store_timeout": 0}, "store_timeout: must be greater than 0"),
        ({"store_timeout": 11}, "store_timeout: must be at most 10"),
        ({"store_timeout": True}, "store_timeout: must be a number, not true"),
        ({"store_timeout": "250ms"}, "store_timeout: must be a number, not text"),
        ({"on_store_loss": "opne"}, "on_store_loss: must be 'closed', 'open' or 'share'; did you mean 'open'?"),
        ({"store_prefix": ""}, "store_prefix: is empty"),
        ({"store_prefix": "{a}"}, "store_prefix: may hold letters, digits and any of - _ . : only"),
        ({"store_prefix": "a\n"}, "store_prefix: may hold letters, digits and any of - _ . : only"),
        ({"store_prefix": "é"}, "store_prefix: may hold letters, digits and any of - _ . : only"),
        ({"store_prefix": 5}, "store_prefix: must be text, not a number (put it in quotes)"),
        ({"store_batches": "often"}, "store_batches: must be true or false, not text"),
        ({"store_url": "redis://cache"}, "store_url: unknown key; did you mean 'store'?"),
        ({"store_timout": 1}, "store_timout: unknown key; did you mean 'store_timeout'?"),
    ],
)
def test_a_mistake_about_the_store_is_told_at_its_key(changes: dict[str, Any], line: str) -> None:
    assert mistakes(flux(**changes)) == [line]


def test_what_is_said_about_a_shared_store_where_there_is_none_is_a_warning() -> None:
    written: dict[str, Any] = {"store_timeout": 1, "on_store_loss": "open", "store_prefix": "a", "store_batches": True}
    assert written.keys() == set(OPTIONS)

    in_memory, shared = loaded(flux(**written)), loaded(flux(**written, store="redis://cache"))

    message = "means nothing to a store in memory; a shared one is written store: redis://HOST:6379/0"
    assert [str(one) for one in warnings_of(in_memory, TODAY, lookup)] == [f"{name}: {message}" for name in written]
    assert warnings_of(shared, TODAY, lookup) == []
    assert warnings_of(loaded(flux(store="memory")), TODAY, lookup) == []


def test_a_configuration_with_a_store_survives_pickling_and_copying() -> None:
    config = loaded(flux(store="redis://:open-sesame@cache"))

    assert pickle.loads(pickle.dumps(config.store)) == config.store  # noqa: S301 - our own
    assert copy.deepcopy(config).store == config.store


def test_the_address_is_shown_without_its_password() -> None:
    config = loaded(flux(store="redis://router:open-sesame@cache/2"))

    assert str(config.store) == "redis://router:***@cache:6379/2"
    assert repr(config.store) == "StoreUrl('redis://router:***@cache:6379/2')"


def test_a_password_that_landed_elsewhere_besides_is_not_shown_there_either() -> None:
    astray = flux(crayon(provider="open-sesame"), store="redis://:open-sesame@cache")

    assert mistakes(astray) == [
        "models.flux.deployments[0].provider: no provider is named '***'; known here: crayon, easel"
    ]


# Every place that the password of a store comes to, and what may be wrong beside it.
addresses = st.sampled_from(
    [
        "redis://:{}@cache",
        "redis://{}@cache",
        "redis://router:{}@cache:port",
        "rediss+sentinel://:{}@cache",
        "redis+sentinel://cache/mymaster?sentinel_password={}",
        "redis://cache?password={}",
        "redis://:{}",
        "http://:{}@cache",
        "cache:6380,password={},ssl=True",
        "{}",
    ]
)
beside = st.sampled_from(
    [
        lambda _: flux(),
        lambda _: flux(crayon(weight=0), deadlin=1),
        lambda _: {"models": 3},
        lambda url: flux(on_store_loss=url, store_prefix=url, store_timeout=url, store_batches=url),
    ]
)


@given(st.from_regex(r"\A=[a-f0-9]{12}=\Z"), addresses, beside, st.sampled_from(["", "part", "whole"]))
def test_no_password_of_a_store_is_in_a_report_nor_in_the_configuration_as_text(
    secret: str, form: str, data: Any, variable: str
) -> None:
    environ = {"part": secret, "whole": form.format(secret)}
    url = {"": environ["whole"], "part": form.format("${part}"), "whole": "${whole}"}[variable]
    try:
        config = load({**data(url), "store": url}, environ=environ, lookup=lookup, names=SHOP.keys)
    except ConfigError as error:
        shown = f"{error} {error!r} {error.problems!r} {error.__cause__!r} {error.__context__!r}"
    else:
        shown = f"{config} {config!r} {config.model_dump()!r} {config.model_dump_json()}"

    assert secret not in shown
