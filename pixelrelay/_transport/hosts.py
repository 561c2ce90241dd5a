"""Which addresses may be asked what: the credential goes to the provider's own hosts and nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urljoin

from pixelrelay.providers.base import Target

# Stricter than any URL parser, so that all of them see the same host in what passes: no user, no backslash, no
# character that one takes for the end of the host and another does not.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?:[/?#][^\s\\]*)?",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a URL leads."""

    scheme: str
    host: str
    """In lower case; an IPv6 address without its brackets."""
    port: int


@lru_cache(maxsize=1024)
def origin(url: str) -> Origin | None:
    """Where ``url`` leads; ``None`` if it is not a plain http or https address, or names a user."""
    found = _URL.fullmatch(url)
    if found is None:
        return None
    scheme = found["scheme"].lower()
    port = int(found["port"]) if found["port"] else {"http": 80, "https": 443}[scheme]
    return Origin(scheme, found["host"].lower().strip("[]").rstrip("."), port) if port < 65536 else None


def name(url: str) -> str:
    """The host of ``url``, for messages: the rest of it may be signed."""
    found = origin(url)
    return found.host if found else "an address that is not a plain https URL"


def may_have_credential(url: str, target: Target) -> bool:
    """Whether ``url`` is one of the provider's own, over https (or as the configured base URL itself is)."""
    asked = origin(url)
    if asked is None:
        return False
    if asked.scheme == "https" and any(_matches(asked.host, trusted) for trusted in target.trusted_hosts):
        return True
    return _is_base(asked, target)


def may_download(url: str, target: Target) -> bool:
    """Whether a result may be fetched from ``url``: anywhere over https, or from a base URL that has none."""
    asked = origin(url)
    return asked is not None and (asked.scheme == "https" or _is_base(asked, target))


def redirected(url: str, location: str) -> str:
    """Where a redirect from ``url`` leads, without the fragment."""
    return urljoin(url, location).partition("#")[0]


def _is_base(asked: Origin, target: Target) -> bool:
    base = origin(target.base_url)
    return base is not None and asked.host == base.host and asked.scheme in {"https", base.scheme}


def _matches(host: str, trusted: str) -> bool:
    trusted = trusted.lower()
    return host.endswith(trusted) if trusted.startswith(".") else host == trusted
