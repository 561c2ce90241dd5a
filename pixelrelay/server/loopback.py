"""Without keys the gateway is this machine's alone: which addresses are, and which requests only seem to be.

A web page that somebody on this machine looks at can send requests here as well. Its own host's name, pointed at this
machine, would even let it read the answers. Both show in the headers.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether ``host``, a name or an address without a port, can only be this machine."""
    if host.lower().rstrip(".") == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def foreign(headers: Mapping[str, str]) -> str | None:
    """Why a request is none of this machine's own; ``None`` if it may be one."""
    host = _host(f"//{headers['host']}") if "host" in headers else "localhost"
    if host is None or not is_loopback(host):
        return "Without keys this gateway answers on localhost alone; its configuration names none."
    origin = headers.get("origin")
    if origin is not None and not is_loopback(_host(origin) or ""):
        return "Without keys this gateway does not answer pages of other sites; its configuration names none."
    return None


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
