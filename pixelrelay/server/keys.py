"""Who asks: keys as headers show them, and what each is good for."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pixelrelay import _clock
from pixelrelay.config.server import KeyConfig, ServerConfig, digest_of, hash_of
from pixelrelay.router import Limits
from pixelrelay.server.refusals import INVALID, Refusal, RefusedError


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever asks, and for what they may ask."""

    name: str
    groups: frozenset[str] | None = None
    """``None`` for all."""
    limits: Limits | None = None
    """What it may use; ``None`` for all that there is."""
    is_master: bool = False

    def may_ask(self, model: str) -> bool:
        return self.groups is None or model in self.groups


ANYBODY = Caller("anybody", is_master=True)
"""Where no key is configured, and nobody but this machine can ask."""


@dataclass(frozen=True, slots=True)
class _Known:
    digest: bytes
    caller: Caller
    expires: date | None = None


class Keyring:
    """The keys of one configuration."""

    def __init__(self, server: ServerConfig) -> None:
        self._open = not server.has_keys
        self._known: list[_Known] = []
        if server.master_key is not None:
            self._known.append(_Known(digest_of(server.master_key), Caller("master", is_master=True)))
        for name, key in server.keys.items():
            caller = Caller(name, frozenset(key.groups) if key.groups else None, _limits(name, key))
            self._known.append(_Known(digest_of(key.key), caller, key.expires))

    def caller(self, headers: Mapping[str, str]) -> Caller:
        """Who shows a key in ``headers``, whose names are in lower case. Raises ``RefusedError`` with 401."""
        if self._open:
            return ANYBODY
        shown = _shown(headers)
        if shown is None:
            raise _unauthorised(
                "You didn't provide an API key. Give it as 'Authorization: Bearer KEY', or as 'api-key: KEY'."
            )
        found = self._found(shown)
        if found is None:
            raise _unauthorised("Incorrect API key provided.")
        if found.expires is not None and _clock.today() > found.expires:
            raise _unauthorised(f"The API key expired on {found.expires}.", "expired_api_key")
        return found.caller

    def _found(self, shown: str) -> _Known | None:
        # Hashes are compared, and all of them, so that the time tells nothing of what is known.
        digest = bytes.fromhex(hash_of(shown).partition(":")[2])
        found = None
        for known in self._known:
            if hmac.compare_digest(known.digest, digest):
                found = known
        return found


def _limits(name: str, key: KeyConfig) -> Limits | None:
    written = {limit: getattr(key, limit) for limit in LIMITED}
    if all(value is None for value in written.values()):
        return None
    return Limits(name, **written, unpriced=key.unpriced)


LIMITED = (
    "requests_per_minute",
    "images_per_minute",
    "concurrent",
    "dollars_per_hour",
    "dollars_per_day",
    "dollars_per_month",
)
"""What a key may limit, called alike in the configuration and by the router."""


def _shown(headers: Mapping[str, str]) -> str | None:
    scheme, _, bearer = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer" and bearer.strip():
        return bearer.strip()
    return headers.get("api-key", "").strip() or None


def _unauthorised(message: str, code: str = "invalid_api_key") -> RefusedError:
    return RefusedError(Refusal(401, INVALID, code, message, headers={"www-authenticate": "Bearer"}))
