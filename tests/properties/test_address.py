"""Whatever is written for the address of a shared store is read as it was meant, or refused, and keeps its secrets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from hypothesis import example, given
from hypothesis import strategies as st

from pixelrelay.store.address import SCHEMES, SENTINEL_OPTIONS, TLS_OPTIONS, Address, parse, shown

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,10}[A-Za-z0-9])?", fullmatch=True)
hosts = st.tuples(
    st.one_of(names, st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str)),
    st.integers(min_value=1, max_value=65535),
)
databases = st.integers(min_value=0, max_value=99_999)
users: Any = st.one_of(
    st.just({}),
    st.builds(lambda password: {"password": password}, texts),
    st.builds(lambda user, password: {"username": user, "password": password}, texts, texts | st.just("")),
)


def options(kind: str, *, tls: bool) -> st.SearchStrategy[dict[str, str]]:
    choices = {"ssl_check_hostname": ("true", "false"), "ssl_cert_reqs": ("none", "required")}
    allowed = (*(TLS_OPTIONS if tls else ()), *(SENTINEL_OPTIONS if kind == "sentinel" else ()))
    values = {name: st.sampled_from(choices[name]) if name in choices else texts for name in allowed}
    given = st.fixed_dictionaries({}, optional=values)
    return given.filter(lambda found: "ssl_certfile" in found or "ssl_keyfile" not in found)


@st.composite
def addresses(draw: st.DrawFn) -> tuple[str, Address]:
    """An address, and the scheme that it is written with."""
    scheme = draw(st.sampled_from(sorted(SCHEMES)))
    kind, tls = SCHEMES[scheme]
    who = draw(users)
    if scheme == "unix":
        path = draw(texts.map(lambda text: f"/{text}").filter(lambda text: text.strip() == text and text != "//"))
        return scheme, Address(kind, path=path, db=draw(databases), **who)
    where = tuple(draw(st.lists(hosts, min_size=1, max_size=1 if kind == "single" else 4)))
    service = draw(texts.filter(lambda text: not text.isdigit())) if kind == "sentinel" else None
    db = 0 if kind == "cluster" else draw(databases)
    given = draw(options(kind, tls=tls))
    return scheme, Address(kind, where, db=db, tls=tls, service=service, options=given, **who)


def written(scheme: str, address: Address) -> str:
    """As somebody writes it who writes everything."""

    def code(text: str) -> str:
        return quote(text, safe="")

    who = ""
    if address.username is not None or address.password is not None:
        who = f"{code(address.username or '')}:{code(address.password or '')}@"
    if address.path is not None:
        return f"unix://{who}{quote(address.path)}?db={address.db}"
    where = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in address.hosts)
    service = "" if address.service is None else f"/{code(address.service)}"
    db = "" if address.kind == "cluster" else f"/{address.db}"
    query = "&".join(f"{name}={code(value)}" for name, value in address.options.items())
    return f"{scheme}://{who}{where}{service}{db}" + (f"?{query}" if query else "")


@given(addresses())
def test_an_address_is_read_as_it_was_meant(made: tuple[str, Address]) -> None:
    scheme, address = made

    assert parse(written(scheme, address)) == address


@given(addresses())
def test_what_is_shown_of_an_address_leads_to_the_same_place(made: tuple[str, Address]) -> None:
    seen = shown(written(*made))
    address, again = made[1], parse(seen)

    def masked(one: Address) -> Address:
        hidden = {name: "***" if name == "sentinel_password" else text for name, text in one.options.items()}
        return replace(one, password="***" if one.password else one.password, options=hidden)

    assert again == masked(address)
    assert shown(seen) == seen


@given(addresses(), texts, texts)
def test_nothing_that_is_shown_depends_on_a_password(made: tuple[str, Address], one: str, other: str) -> None:
    """So none of it is in there, nor its length."""
    scheme, address = made

    def having(secret: str) -> Address:
        own = {"sentinel_password": secret} if address.kind == "sentinel" else {}
        return replace(address, password=secret, options={**address.options, **own})

    first, second = having(one), having(other)
    assert shown(written(scheme, first)) == shown(written(scheme, second))
    assert repr(first) == repr(second)


SECRET = "Sesame0pen"
BREAKING = st.text(":/?#@%[],&= \n.", max_size=4)


def outcome(url: str) -> Address | ValueError:
    try:
        return parse(url)
    except ValueError as error:
        return error


@given(
    st.text(max_size=40)
    | st.builds("{}://{}".format, st.sampled_from(sorted(SCHEMES)), st.text(max_size=40))
    | st.builds("{}://{}".format, st.sampled_from(sorted(SCHEMES)), st.text("aZ09:/?#@%[],&=._-", max_size=30))
)
@example("redis://:" + "9" * 5000)
@example("redis://h:" + "9" * 5000)
@example("redis://h/" + "9" * 5000)
@example("redis://\udc80")
@example("unix:///\udc80")
def test_any_text_is_an_address_or_a_value_error_and_can_be_shown(url: str) -> None:
    read, seen = outcome(url), shown(url)

    if isinstance(read, Address):
        assert parse(seen).hosts == read.hosts
    else:
        assert type(read) is ValueError, "a clear sentence, and not what a function beneath had to say"
        assert str(read)
        assert read.__context__ is None
        assert seen.endswith("***")


@given(
    st.sampled_from([*sorted(SCHEMES), "http", "redi", ""]),
    st.sampled_from([":{}", "router:{}"]),
    BREAKING,
    BREAKING,
    st.sampled_from(["", "@", "@localhost", "@localhost:6379/0", "@[::1", "@a,b/mymaster", "/run/redis.sock", "?db=0"]),
)
def test_a_password_that_was_written_as_it_is_does_not_show_whatever_it_breaks(
    scheme: str, userinfo: str, before: str, behind: str, rest: str
) -> None:
    url = f"{scheme}://{userinfo.format(before + SECRET + behind)}{rest}"

    read = outcome(url)

    if isinstance(read, ValueError) or SECRET in (read.password or ""):
        assert SECRET not in f"{read}{shown(url)}"
    else:
        assert "@" not in url.partition(SECRET)[2], "it was written as a password, and taken for something else"
