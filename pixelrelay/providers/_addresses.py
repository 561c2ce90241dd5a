"""Addresses that people configure: checked, and without what they tend to bring along."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def checked_url(text: str, option: str, *, keyed: bool = True) -> str:
    """``text`` without query, fragment and trailing slash; a ``ValueError`` that names ``option`` if it is unfit.

    ``http`` is taken only for hosts that cannot be on the Internet, as emulators are: a key would travel in the clear.
    Where none is sent, ``keyed`` is false, and ``http`` is taken for any.
    """
    address = text.strip()
    parts = urlsplit(address)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError(f"{option}: an address that begins with https:// is needed, not {address!r}")
    if parts.username is not None:
        raise ValueError(f"{option}: a key or password has no place in the address")
    if keyed and parts.scheme == "http" and not _is_local(parts.hostname):
        raise ValueError(f"{option}: {parts.hostname} must be reached by https://, or the key travels in the clear")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def host_of(url: str) -> str:
    """The host that a checked address names, without its port."""
    return urlsplit(url).hostname or ""


def _is_local(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))
    return address.is_loopback or address.is_private
