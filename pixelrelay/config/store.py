"""The address of the shared store as a value of the configuration: its password is never shown."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from pydantic import SecretStr

from pixelrelay.store.address import parse, shown

MEMORY = "memory"
OPTIONS = ("store_timeout", "on_store_loss", "store_prefix", "store_batches")
"""The keys that say something about a shared store."""


class StoreUrl(SecretStr):
    """As text, in a repr and in a dump it is the address with ``***`` in place of each password."""

    def __str__(self) -> str:
        return shown(self.get_secret_value())

    def __repr__(self) -> str:
        return f"StoreUrl({str(self)!r})"


def read_store(value: Any) -> Any:
    """What was written for ``store``: ``None`` for this process's memory, else an address that can be read."""
    written = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(written, str):
        return written  # nothing, or no text: the type has its say
    if written.strip() == MEMORY:
        return None
    if ":" not in written:
        raise ValueError("must be memory, or an address as redis://HOST:6379/0")
    parse(written)
    return StoreUrl(written.strip())


def valid_prefix(value: str) -> str:
    # No braces: those of the keys themselves keep them together in one slot of a cluster.
    if not value:
        raise ValueError("is empty")
    if not re.fullmatch(r"[A-Za-z0-9._:-]+", value):
        raise ValueError("may hold letters, digits and any of - _ . : only")
    return value


def secret_texts(value: Any) -> set[str]:
    """The passwords in whatever was written for ``store``."""
    written = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(written, str):
        return set()
    with suppress(ValueError):
        address = parse(written)
        return {secret for secret in (address.password, address.options.get("sentinel_password")) if secret}
    return set()  # what is said of an address that cannot be read quotes nothing of it
