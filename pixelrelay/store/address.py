"""Where a shared store is: the grammar of its address, in one place.

``redis://[user:password@]host:port/db``, ``rediss://`` (with TLS), ``unix:///path?db=0``,
``redis+sentinel://[user:password@]host:26379,host2:26379/SERVICE[/db]`` and ``redis+cluster://host:port,host2:port``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import AddressValueError, IPv6Address
from typing import Literal, TypeAlias
from urllib.parse import quote, unquote

from pixelrelay.images import NOTHING

Kind: TypeAlias = Literal["single", "sentinel", "cluster"]

SCHEMES: Mapping[str, tuple[Kind, bool]] = {
    "redis": ("single", False),
    "rediss": ("single", True),
    "unix": ("single", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
"""What each leads to, and whether TLS is spoken there."""
TLS_OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname", "ssl_cert_reqs")
SENTINEL_OPTIONS = ("sentinel_username", "sentinel_password")
PORT, SENTINEL_PORT = 6379, 26379
"""Where no port is written."""
MASK = "***"

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "ssl_check_hostname": ("true", "false"),
    "ssl_cert_reqs": ("none", "required"),
}
_SECRET = "sentinel_password"  # noqa: S105 - the name of an option
_CREDENTIALS = ("username", "user", "password", "auth", "pass")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a shared store is, and who comes to it. No password is in its repr."""

    kind: Kind
    hosts: tuple[tuple[str, int], ...] = ()
    """Of the server, of any nodes of the cluster, or of the Sentinels; none where ``path`` is given."""
    path: str | None = None
    """Of a Unix socket."""
    db: int = 0
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    service: str | None = None
    """What the Sentinels call the server."""
    options: Mapping[str, str] = field(default=NOTHING, repr=False, hash=False)
    """As written: of ``TLS_OPTIONS`` and ``SENTINEL_OPTIONS``, those that are given."""


def parse(url: str) -> Address:
    """What ``url`` says. ``ValueError`` says what is wrong with it, without any part that may be a secret."""
    scheme, rest = _scheme(url.strip())
    kind, tls = SCHEMES[scheme]
    authority, path, query = _parts(rest)
    userinfo, _, hosts = authority.rpartition("@")
    username, password = _credentials(userinfo) if "@" in authority else (None, None)
    if scheme == "unix":
        if hosts:
            raise ValueError("the path of a Unix socket follows three slashes: unix:///run/redis/redis.sock")
        if path in {"", "/"}:
            raise ValueError("names no Unix socket: unix:///run/redis/redis.sock")
        options = _options(query, ("db",))
        db = _db(options.get("db", "0"))
        return Address(kind, path=_decoded(path), db=db, username=username, password=password)
    allowed = (*(TLS_OPTIONS if tls else ()), *(SENTINEL_OPTIONS if kind == "sentinel" else ()))
    service, db = _place(scheme, kind, path)
    return Address(
        kind,
        hosts=_hosts(scheme, kind, hosts),
        db=db,
        tls=tls,
        username=username,
        password=password,
        service=service,
        options=_options(query, allowed) or NOTHING,
    )


def shown(url: str) -> str:
    """``url`` for people to see, every password replaced by ``***``; of what is no address, nothing but the scheme."""
    with suppress(ValueError):
        return _masked(parse(url))
    scheme, there, _ = url.strip().partition("://")
    return f"{scheme}://{MASK}" if there and scheme in SCHEMES else MASK


def _masked(address: Address) -> str:
    scheme = next(name for name, says in SCHEMES.items() if says == (address.kind, address.tls))
    user = quote(address.username or "", safe="")
    who = f"{user}:{MASK if address.password else ''}@" if address.username or address.password else ""
    if address.path is not None:
        return f"unix://{who}{quote(address.path)}" + (f"?db={address.db}" if address.db else "")
    hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in address.hosts)
    service = f"/{quote(address.service, safe='')}" if address.service is not None else ""
    db = f"/{address.db}" if address.kind == "single" or address.db else ""
    given = (f"{name}={MASK if name == _SECRET else quote(value)}" for name, value in address.options.items())
    query = "&".join(given)
    return f"{scheme}://{who}{hosts}{service}{db}" + (f"?{query}" if query else "")


# --- the parts -------------------------------------------------------------------------------------------------------


def _scheme(url: str) -> tuple[str, str]:
    """The scheme, one of those that are known, and what follows its two slashes."""
    if not url:
        raise ValueError("is empty; an address is written as redis://HOST:6379/0")
    if re.search("[\ud800-\udfff]", url):
        raise ValueError("holds bytes that are not UTF-8")
    scheme, there, rest = url.partition("://")
    if there and scheme in SCHEMES:
        return scheme, rest
    word = re.match(r"([A-Za-z][A-Za-z+]{0,20}):/?", url)
    if there and word and word[0] == f"{scheme}:/":
        near = get_close_matches(scheme.lower().replace("valkey", "redis"), SCHEMES, n=1, cutoff=0.75)
        meant = (
            f"did you mean {near[0]}://?"
            if near
            else "an address begins with redis://, rediss:// (with TLS) or unix://"
        )
        raise ValueError(f"a store is not reached by {scheme}://; {meant}")
    if word and word[1] in SCHEMES:
        raise ValueError(f"two slashes follow {word[1]}: as in {_example(word[1])}")
    if re.search(r",\s*(password|ssl|abortConnect)\s*=", url, re.IGNORECASE):
        raise ValueError(
            "is a connection string as .NET reads it; write the same as rediss://:PASSWORD@HOST:6380/0, "
            "with / as %2F in the password"
        )
    raise ValueError("must be an address as redis://HOST:6379/0")


def _example(scheme: str) -> str:
    match SCHEMES[scheme][0]:
        case "sentinel":
            return f"{scheme}://HOST:{SENTINEL_PORT},HOST2:{SENTINEL_PORT}/SERVICE"
        case "cluster":
            return f"{scheme}://HOST:{PORT},HOST2:{PORT}"
        case _:
            return "unix:///run/redis/redis.sock" if scheme == "unix" else f"{scheme}://HOST:{PORT}/0"


def _parts(rest: str) -> tuple[str, str, str]:
    """Authority, path and query."""
    before, _, query = rest.partition("?")
    authority, slash, path = before.partition("/")
    if "#" in rest or "@" in path or "@" in query:
        # Most likely a password goes on there: what was taken for host or path may be a part of it.
        raise ValueError(
            "a character in it has to be written by its code, in a password above all: "
            "/ is %2F, ? is %3F, # is %23, @ is %40, : is %3A, % is %25"
        )
    return authority, slash + path, query


def _credentials(userinfo: str) -> tuple[str | None, str | None]:
    username, colon, password = userinfo.partition(":")
    if not colon and userinfo:
        raise ValueError("a password follows a colon: redis://:PASSWORD@HOST, or redis://USER:PASSWORD@HOST")
    name = _decoded(username) or None
    return name, _decoded(password) or ("" if name else None)


def _decoded(text: str) -> str:
    """``text`` with each ``%xx`` replaced by what it stands for."""
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise ValueError("a % that is no code is itself written %25")
    with suppress(UnicodeDecodeError):
        return unquote(text, errors="strict")
    raise ValueError("the codes behind % in it are not UTF-8")


def _hosts(scheme: str, kind: Kind, text: str) -> tuple[tuple[str, int], ...]:
    if not text:
        raise ValueError(f"names no host: {_example(scheme)}")
    if kind == "single" and "," in text:
        raise ValueError(
            f"names several hosts; those of a cluster are written {scheme}+cluster://HOST:{PORT},HOST2:{PORT}, "
            f"those of Sentinels {scheme}+sentinel://HOST:{SENTINEL_PORT},HOST2:{SENTINEL_PORT}/SERVICE"
        )
    return tuple(_host(one, SENTINEL_PORT if kind == "sentinel" else PORT) for one in text.split(","))


def _host(text: str, usual: int) -> tuple[str, int]:
    found = re.fullmatch(r"(?:\[(?P<v6>[^\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>[^:]*))?", text)
    if found is None:
        raise ValueError("an IPv6 address is written in brackets, and one colon comes before a port: [::1]:6379")
    host, port = found["v6"] or found["name"] or "", found["port"]
    if found["v6"] is not None:
        host = _v6(found["v6"])
    elif not host:
        raise ValueError("names no host before a port, or between two commas")
    elif not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?", host):
        raise ValueError("the name of a host holds letters, digits and any of . - _ only")
    if port is None:
        return host, usual
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError("a port is a number from 1 to 65535")
    return host, int(port)


def _v6(text: str) -> str:
    with suppress(AddressValueError):
        return str(IPv6Address(text))
    raise ValueError("what stands in brackets is no IPv6 address")


def _place(scheme: str, kind: Kind, path: str) -> tuple[str | None, int]:
    """The service, for Sentinel, and the number of the database."""
    steps = path.removeprefix("/").split("/")
    if kind == "cluster":
        if path not in {"", "/"}:
            raise ValueError(
                f"a cluster has no databases to choose from; leave out what follows the hosts: {_example(scheme)}"
            )
        return None, 0
    if kind == "single":
        if len(steps) > 1:
            raise ValueError(f"one number of a database follows the host, and nothing else: {_example(scheme)}")
        return None, _db(steps[0] or "0")
    service, *db = steps
    if not service or re.fullmatch("[0-9]+", service):
        raise ValueError(
            f"names no service, which is what the Sentinels call the server; it follows the hosts: {_example(scheme)}"
        )
    if len(db) > 1:
        raise ValueError(f"a service and one number of a database follow the hosts: {_example(scheme)}/0")
    return _decoded(service), _db((db or ["0"])[0] or "0")


def _db(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise ValueError("the database is a number, 0 where none is written")
    return int(text)


def _options(query: str, allowed: tuple[str, ...]) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in _pairs(query):
        if name not in allowed:
            raise ValueError(_unknown(name, allowed))
        if name in given:
            raise ValueError(f"the option {name} is given twice")
        if not value:
            raise ValueError(f"the option {name} is empty")
        if value not in _CHOICES.get(name, (value,)):
            raise ValueError(f"the option {name} is {' or '.join(_CHOICES[name])}")
        given[name] = value
    if "ssl_keyfile" in given and "ssl_certfile" not in given:
        raise ValueError("the option ssl_keyfile is of no use without ssl_certfile")
    return given


def _pairs(query: str) -> Iterator[tuple[str, str]]:
    for part in query.split("&") if query else ():
        name, equals, value = part.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_]{1,30}", name):
            raise ValueError("behind the ? stand options of the form name=value, joined by &")
        yield name, _decoded(value)


def _unknown(name: str, allowed: tuple[str, ...]) -> str:
    if name in TLS_OPTIONS:
        return f"the option {name} is about TLS, which is spoken where the scheme begins with rediss"
    if name in SENTINEL_OPTIONS:
        return f"the option {name} is for an address that begins with redis+sentinel:// or rediss+sentinel://"
    if name in _CREDENTIALS:
        return f"the option {name} is not known; who comes is told before the host: redis://USER:PASSWORD@HOST"
    if name == "db":
        return "the option db is for unix:// alone; elsewhere the number of the database follows the host: /0"
    near = get_close_matches(name.lower(), allowed, n=1)
    known = f"known here: {', '.join(allowed)}" if allowed else "none is known here"
    return f"the option {name} is not known; " + (f"did you mean {near[0]}?" if near else known)
