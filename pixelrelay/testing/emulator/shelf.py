"""Finished pictures behind signed addresses that run out."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from math import ceil

from starlette.requests import Request
from starlette.responses import Response

from pixelrelay.testing.emulator.answers import RefusalError
from pixelrelay.testing.emulator.pictures import MEDIA_TYPES

CREDENTIALS = ("x-key", "api-key", "authorization")
IN_MEMORY = ".emulated.localhost"
"""How the names of hosts end where no socket is opened."""


@dataclass(frozen=True, slots=True)
class _Item:
    data: bytes
    media_type: str
    until: float


class Shelf:
    """Keeps each picture until its address has run out."""

    def __init__(self, secret: str, path: str, lifetime: float) -> None:
        self._secret = secret.encode()
        self._path = path
        self._lifetime = lifetime
        self._items: dict[str, _Item] = {}

    def put(self, name: str, data: bytes, format_: str, now: float, expired: bool = False) -> str:
        """Store a picture; returns path and query of its address, which may have run out already."""
        self._items = {key: item for key, item in self._items.items() if item.until > now}
        until = now if expired else now + self._lifetime
        self._items[name] = _Item(data, MEDIA_TYPES[format_], until)
        expiry = str(ceil(until))
        return f"{self._path}/{name}/sample.{format_}?se={expiry}&sig={self._signature(name, expiry)}"

    def get(self, request: Request, now: float) -> Response:
        """Answer a download, which must be signed, in time, and without any credential."""
        if leaked := [name for name in CREDENTIALS if name in request.headers]:
            # A storage host may let it pass; but whoever sends a key there has given it away.
            raise _denied(f"the address is signed: {leaked[0]} does not belong here")
        name, expiry = request.path_params["name"], request.query_params.get("se", "")
        signature = request.query_params.get("sig", "")
        if not hmac.compare_digest(signature, self._signature(name, expiry)):
            raise _denied("Signature did not match")
        item = self._items.get(name)
        if item is None or item.until <= now:
            raise _denied("Signature not valid in the specified time frame")
        return Response(item.data, media_type=item.media_type)

    def _signature(self, name: str, expiry: str) -> str:
        return hmac.digest(self._secret, f"{name}/{expiry}".encode(), "sha256").hex()


def own_address(request: Request) -> str:
    """The address by which the client reached this app."""
    return f"http://{request.headers['host']}"


def delivery_address(request: Request) -> str:
    """Where this app delivers: in memory from an https host of its own, as providers do; on sockets its only one."""
    host = request.headers["host"]
    return f"https://delivery.{host}" if host.endswith(IN_MEMORY) else f"http://{host}"


def _denied(detail: str) -> RefusalError:
    return RefusalError(
        403,
        '<?xml version="1.0" encoding="utf-8"?><Error><Code>AuthenticationFailed</Code>'
        f"<AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail></Error>",
    )
