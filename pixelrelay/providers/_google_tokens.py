"""Access tokens for Google Cloud, by google-auth: of a service account's key, or of the machine's own identity."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

SCOPE = "https://www.googleapis.com/auth/cloud-platform"

_SERVICE_ACCOUNT = "service_account"


@dataclass(frozen=True, slots=True)
class Account:
    """Whose tokens to ask for: of the key in ``file``, of the key that ``info`` is, or of this machine."""

    file: str | None = None
    info: str | None = field(default=None, repr=False)
    """The content of such a file."""


def is_installed() -> bool:
    """Whether google-auth is there, and requests, by which it asks."""
    try:
        return all(find_spec(name) is not None for name in ("google.auth", "requests"))
    except ModuleNotFoundError:
        return False


def token_of(account: Account) -> str:
    """A token for ``account``; it blocks, and is cached until shortly before it expires."""
    return _source(account)()


@cache
def _source(account: Account) -> Callable[[], str]:
    """One for each account in the whole process, so that deployments share the token and the search for an identity."""
    # Slow to import, and only those who use it have it.
    from google.auth.transport.requests import Request

    credentials = _credentials(account)
    lock = Lock()

    def token() -> str:
        with lock:
            if not credentials.valid:
                credentials.refresh(Request())
            return str(credentials.token)

    return token


def _credentials(account: Account) -> Any:
    if account.file is None and account.info is None:
        import google.auth

        found, _ = google.auth.default(scopes=[SCOPE])
        return found
    from google.oauth2 import service_account

    text = account.info if account.info is not None else Path(account.file or "").expanduser().read_text("utf-8")
    load = service_account.Credentials.from_service_account_info
    return load(checked_key(text), scopes=[SCOPE])  # type: ignore[no-untyped-call]  # google-auth types little of itself


def checked_key(text: str) -> dict[str, Any]:
    """A service account's key, read from JSON. Raises ``ValueError`` that repeats nothing of it."""
    try:
        key = json.loads(text)
    except ValueError:
        raise ValueError("it is no JSON") from None
    kind = key.get("type") if isinstance(key, dict) else None
    if kind != _SERVICE_ACCOUNT:
        raise ValueError(
            "it is no key of a service account; point GOOGLE_APPLICATION_CREDENTIALS at credentials of other kinds"
        )
    found: dict[str, Any] = key
    return found
