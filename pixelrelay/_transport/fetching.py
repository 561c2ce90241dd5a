"""Fetching what a caller names by address, without being led into the network that the caller cannot reach."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

import anyio

from pixelrelay._transport import hosts
from pixelrelay._transport.engine import Engine, EngineError, NotSentError, Outgoing
from pixelrelay.providers.base import Reply

MAX_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
SECONDS = 30.0
"""For all of it: names, redirects and the last byte."""

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""The IP addresses of a host, for a port."""

_NAT64 = IPv6Network("64:ff9b::/96")


class FetchRefusedError(ValueError):
    """What a caller named was not fetched. The message says why, and holds the host but not the whole address."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """The system's own answer."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


async def fetch(engine: Engine, resolver: Resolver, url: str, max_bytes: int) -> bytes:
    """The body of the answer. Raises ``FetchRefusedError`` for whatever stands against it."""
    with anyio.move_on_after(SECONDS):
        for _ in range(MAX_REDIRECTS + 1):
            reply = await _get(engine, resolver, url, max_bytes)
            location = reply.headers.get("location")
            if reply.status not in REDIRECTS or location is None:
                return _body(reply, url)
            url = hosts.redirected(url, location)
        raise FetchRefusedError(f"{hosts.name(url)}: more than {MAX_REDIRECTS} redirects")
    raise FetchRefusedError(f"{hosts.name(url)}: not fetched within {SECONDS:g} s")


async def _get(engine: Engine, resolver: Resolver, url: str, max_bytes: int) -> Reply:
    """One request, to an address that was checked and to no other."""
    addresses = await _checked(resolver, url)
    for address in addresses:
        outgoing = Outgoing("GET", url, {}, first_byte_timeout=SECONDS, max_reply_bytes=max_bytes, address=address)
        try:
            return await engine.send(outgoing, lambda: None)
        except NotSentError as error:
            if address == addresses[-1]:
                raise FetchRefusedError(f"{hosts.name(url)}: {error}") from error
        except EngineError as error:
            raise FetchRefusedError(f"{hosts.name(url)}: {error}") from error
    raise FetchRefusedError(f"{hosts.name(url)}: the name has no address")


async def _checked(resolver: Resolver, url: str) -> Sequence[str]:
    """The addresses of a URL's host, all of them public: one that is not spoils the others, which may follow it."""
    asked = hosts.origin(url)
    if asked is None or asked.scheme != "https":
        raise FetchRefusedError(f"{hosts.name(url)}: only plain https addresses, without a user, are fetched")
    addresses = [asked.host] if _literal(asked.host) else await _resolved(resolver, asked)
    for address in addresses:
        if not is_public(address):
            raise FetchRefusedError(f"{asked.host}: it lies in a network that is not public")
    return addresses


async def _resolved(resolver: Resolver, asked: hosts.Origin) -> Sequence[str]:
    try:
        return list(dict.fromkeys(await resolver(asked.host, asked.port)))
    except (OSError, UnicodeError) as error:
        raise FetchRefusedError(f"{asked.host}: its name could not be resolved") from error


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_public(text: str) -> bool:
    """Whether an IP address can be reached by everybody; for one that wraps an IPv4 address, both must be."""
    address = _literal(text)
    if address is None or address.is_multicast:
        return False
    inner = _wrapped(address) if isinstance(address, IPv6Address) else []
    if inner:
        return all(is_public(str(each)) for each in inner)
    return address.is_global and not address.is_reserved


def _wrapped(address: IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that a mapping, a tunnel or a translator would carry this to."""
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [inner for inner in found if inner is not None]


def _body(reply: Reply, url: str) -> bytes:
    if not reply.ok:
        raise FetchRefusedError(f"{hosts.name(url)}: the server answered HTTP {reply.status}")
    return reply.body
