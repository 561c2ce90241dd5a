"""The address of a shared store: what it says, and what is said of one that says nothing."""

from __future__ import annotations

import re

import pytest

from pixelrelay.store.address import Address, parse, shown

HERE = ("localhost", 6379)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://localhost", Address("single", (HERE,))),
        ("redis://localhost:6379/0", Address("single", (HERE,))),
        ("redis://localhost/", Address("single", (HERE,))),
        (" redis://localhost:6379/0\n", Address("single", (HERE,))),
        ("redis://10.0.0.7:7000/3", Address("single", (("10.0.0.7", 7000),), db=3)),
        ("redis://[::1]:7000", Address("single", (("::1", 7000),))),
        ("redis://[2001:DB8::0:1]", Address("single", (("2001:db8::1", 6379),))),
        ("redis://:pa55@localhost", Address("single", (HERE,), password="pa55")),
        ("redis://router:pa55@localhost", Address("single", (HERE,), username="router", password="pa55")),
        ("redis://router:@localhost", Address("single", (HERE,), username="router", password="")),
        ("redis://:@localhost", Address("single", (HERE,))),
        ("redis://@localhost", Address("single", (HERE,))),
        ("redis://:p%40s%2Fs+=@localhost", Address("single", (HERE,), password="p@s/s+=")),
        ("redis://:p@ss:word@localhost", Address("single", (HERE,), password="p@ss:word")),
        ("rediss://cache.example", Address("single", (("cache.example", 6379),), tls=True)),
        (
            "rediss://cache_1?ssl_ca_certs=/etc/our%20ca.pem&ssl_check_hostname=false",
            Address(
                "single",
                (("cache_1", 6379),),
                tls=True,
                options={"ssl_ca_certs": "/etc/our ca.pem", "ssl_check_hostname": "false"},
            ),
        ),
        ("unix:///run/redis.sock", Address("single", path="/run/redis.sock")),
        ("unix:///run/a%20b.sock?db=2", Address("single", path="/run/a b.sock", db=2)),
        ("unix://:pa55@/run/redis.sock", Address("single", path="/run/redis.sock", password="pa55")),
        (
            "redis+sentinel://a,b:26380/mymaster",
            Address("sentinel", (("a", 26379), ("b", 26380)), service="mymaster"),
        ),
        (
            "rediss+sentinel://:pa55@a/my%2Fmaster/4?sentinel_password=pa56&ssl_cert_reqs=none",
            Address(
                "sentinel",
                (("a", 26379),),
                db=4,
                tls=True,
                password="pa55",
                service="my/master",
                options={"sentinel_password": "pa56", "ssl_cert_reqs": "none"},
            ),
        ),
        ("redis+cluster://a:7000,b", Address("cluster", (("a", 7000), ("b", 6379)))),
        ("rediss+cluster://a/", Address("cluster", (("a", 6379),), tls=True)),
    ],
)
def test_an_address_is_read_by_its_parts(url: str, address: Address) -> None:
    assert parse(url) == address


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "is empty; an address is written as redis://HOST:6379/0"),
        ("localhost:6379", "must be an address as redis://HOST:6379/0"),
        (
            "http://localhost",
            "a store is not reached by http://; an address begins with redis://, rediss:// (with TLS) or unix://",
        ),
        ("reddis://localhost", "a store is not reached by reddis://; did you mean redis://?"),
        ("REDISS://localhost", "a store is not reached by REDISS://; did you mean rediss://?"),
        ("valkey://localhost", "a store is not reached by valkey://; did you mean redis://?"),
        ("redis-cluster://localhost", "must be an address as redis://HOST:6379/0"),
        ("redis:/localhost", "two slashes follow redis: as in redis://HOST:6379/0"),
        ("redis:localhost", "two slashes follow redis: as in redis://HOST:6379/0"),
        ("unix:/run/redis.sock", "two slashes follow unix: as in unix:///run/redis/redis.sock"),
        (
            "contoso.redis.cache.windows.net:6380,password=c2VjcmV0,ssl=True,abortConnect=False",
            "is a connection string as .NET reads it; write the same as rediss://:PASSWORD@HOST:6380/0, "
            "with / as %2F in the password",
        ),
        ("redis://", "names no host: redis://HOST:6379/0"),
        ("redis:///0", "names no host: redis://HOST:6379/0"),
        ("redis://:6379/0", "names no host before a port, or between two commas"),
        ("redis+cluster://a,,b", "names no host before a port, or between two commas"),
        ("redis://local host", "the name of a host holds letters, digits and any of . - _ only"),
        ("redis://localhost:port", "a port is a number from 1 to 65535"),
        ("redis://localhost:0", "a port is a number from 1 to 65535"),
        ("redis://localhost:65536", "a port is a number from 1 to 65535"),
        ("redis://localhost:٣", "a port is a number from 1 to 65535"),
        (
            "redis://::1:6379",
            "an IPv6 address is written in brackets, and one colon comes before a port: [::1]:6379",
        ),
        ("redis://[::g]", "what stands in brackets is no IPv6 address"),
        (
            "rediss://a,b",
            "names several hosts; those of a cluster are written rediss+cluster://HOST:6379,HOST2:6379, "
            "those of Sentinels rediss+sentinel://HOST:26379,HOST2:26379/SERVICE",
        ),
        ("redis://localhost/zero", "the database is a number, 0 where none is written"),
        ("redis://localhost/-1", "the database is a number, 0 where none is written"),
        ("redis://localhost/0/1", "one number of a database follows the host, and nothing else: redis://HOST:6379/0"),
        (
            "redis+cluster://a/0",
            "a cluster has no databases to choose from; leave out what follows the hosts: "
            "redis+cluster://HOST:6379,HOST2:6379",
        ),
        (
            "redis+sentinel://a:26379",
            "names no service, which is what the Sentinels call the server; it follows the hosts: "
            "redis+sentinel://HOST:26379,HOST2:26379/SERVICE",
        ),
        (
            "redis+sentinel://a:26379/0",
            "names no service, which is what the Sentinels call the server; it follows the hosts: "
            "redis+sentinel://HOST:26379,HOST2:26379/SERVICE",
        ),
        (
            "rediss+sentinel://a/mymaster/0/1",
            "a service and one number of a database follow the hosts: "
            "rediss+sentinel://HOST:26379,HOST2:26379/SERVICE/0",
        ),
        ("unix://run/redis.sock", "the path of a Unix socket follows three slashes: unix:///run/redis/redis.sock"),
        ("unix://", "names no Unix socket: unix:///run/redis/redis.sock"),
        ("unix:///", "names no Unix socket: unix:///run/redis/redis.sock"),
        ("unix:///run/redis.sock?db=first", "the database is a number, 0 where none is written"),
        (
            "redis://hunter2@localhost",
            "a password follows a colon: redis://:PASSWORD@HOST, or redis://USER:PASSWORD@HOST",
        ),
        ("redis://:100%@localhost", "a % that is no code is itself written %25"),
        ("redis://:%ff@localhost", "the codes behind % in it are not UTF-8"),
        (
            "redis://localhost?password=hunter2",
            "the option password is not known; who comes is told before the host: redis://USER:PASSWORD@HOST",
        ),
        (
            "redis://localhost?db=1",
            "the option db is for unix:// alone; elsewhere the number of the database follows the host: /0",
        ),
        (
            "redis://localhost?ssl_ca_certs=/etc/ca.pem",
            "the option ssl_ca_certs is about TLS, which is spoken where the scheme begins with rediss",
        ),
        (
            "rediss://localhost?sentinel_password=x",
            "the option sentinel_password is for an address that begins with redis+sentinel:// or rediss+sentinel://",
        ),
        ("rediss://localhost?ssl_ca_cert=x", "the option ssl_ca_cert is not known; did you mean ssl_ca_certs?"),
        ("redis://localhost?socket_timeout=1", "the option socket_timeout is not known; none is known here"),
        ("unix:///run/redis.sock?timeout=1", "the option timeout is not known; known here: db"),
        ("rediss://localhost?ssl_cert_reqs=optional", "the option ssl_cert_reqs is none or required"),
        ("rediss://localhost?ssl_check_hostname=0", "the option ssl_check_hostname is true or false"),
        ("rediss://localhost?ssl_keyfile=key.pem", "the option ssl_keyfile is of no use without ssl_certfile"),
        ("rediss://localhost?ssl_ca_certs=", "the option ssl_ca_certs is empty"),
        ("rediss://localhost?ssl_ca_certs=a&ssl_ca_certs=b", "the option ssl_ca_certs is given twice"),
        ("unix:///run/\udcff.sock", "holds bytes that are not UTF-8"),
        ("redis://localhost?0", "behind the ? stand options of the form name=value, joined by &"),
    ],
)
def test_what_is_no_address_is_told_with_what_would_be_one(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        parse(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hun/ter2@localhost",
        "redis://:hun?ter2@localhost",
        "redis://:hun#ter2@localhost",
        "redis://:h@un/ter2@localhost",
        "redis+sentinel://:h@un/ter2@localhost",
        "redis://:h@un?ter2=@localhost",
    ],
)
def test_a_password_that_breaks_its_address_is_told_how_to_write_it_and_not_quoted(url: str) -> None:
    with pytest.raises(ValueError, match="in a password above all: / is %2F") as raised:
        parse(url)

    assert "ter2" not in f"{raised.value}{shown(url)}"


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("redis://localhost", "redis://localhost:6379/0"),
        ("redis://router:pa55@[::1]/3", "redis://router:***@[::1]:6379/3"),
        ("redis://r%40outer:@localhost", "redis://r%40outer:@localhost:6379/0"),
        ("unix:///run/a%20b.sock", "unix:///run/a%20b.sock"),
        ("unix://:pa55@/run/redis.sock?db=2", "unix://:***@/run/redis.sock?db=2"),
        (
            "rediss+sentinel://:pa55@a,b/my%2Fmaster/4?sentinel_username=s&sentinel_password=pa56",
            "rediss+sentinel://:***@a:26379,b:26379/my%2Fmaster/4?sentinel_username=s&sentinel_password=***",
        ),
        ("redis+cluster://a,b", "redis+cluster://a:6379,b:6379"),
        ("rediss://a?ssl_ca_certs=/etc/ca.pem", "rediss://a:6379/0?ssl_ca_certs=/etc/ca.pem"),
        ("redis://hunter2@localhost", "redis://***"),
        ("hunter2", "***"),
        ("hunter2://localhost", "***"),
    ],
)
def test_people_are_shown_all_of_an_address_but_its_passwords(url: str, seen: str) -> None:
    assert shown(url) == seen
