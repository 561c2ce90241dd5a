"""A gateway over an emulated fleet in memory, and a client that speaks to it without a socket, in virtual time."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from random import Random
from typing import Any

import anyio
import httpx2
from PIL import Image

from pixelrelay import Router
from pixelrelay._transport.transport import Transport
from pixelrelay.server import Gateway
from pixelrelay.testing import EmulatedDeployment, Fleet

SMALL = "64x64"
DRAW, EDIT = "/v1/images/generations", "/v1/images/edits"
MASTER = "sk-master-0123456789"


def foundry(name: str = "eastus", **options: Any) -> EmulatedDeployment:
    """Two seconds a picture; sixty requests a minute."""
    return EmulatedDeployment(
        name,
        "azure-foundry",
        "FLUX.2-pro",
        **{"latency": 2.0, "requests_per_minute": 60, "enforcement": "rolling", **options},
    )


def bfl(name: str = "bfl", **options: Any) -> EmulatedDeployment:
    """Gives an address of each picture."""
    return EmulatedDeployment(name, "black-forest-labs", "flux-2-pro", **{"latency": 2.0, "concurrent": 24, **options})


def openai(name: str = "openai", **options: Any) -> EmulatedDeployment:
    """Up to ten pictures a call, masks, and usage told; its pictures are large and slow to emulate."""
    return EmulatedDeployment(name, "openai", "gpt-image-2", **{"latency": 2.0, **options})


def picture(size: tuple[int, int] = (64, 64), kind: str = "PNG", mode: str = "RGB") -> bytes:
    target = BytesIO()
    Image.new(mode, size).save(target, kind)
    return target.getvalue()


def data_url(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def opened(b64_json: str) -> Image.Image:
    image = Image.open(BytesIO(base64.b64decode(b64_json, validate=True)))
    image.load()
    return image


@asynccontextmanager
async def gateway_over(
    *deployments: EmulatedDeployment,
    server: Mapping[str, Any] | None = None,
    groups: Mapping[str, Mapping[str, Any]] | None = None,
    further: Mapping[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Counter]:
    """A gateway over these deployments. All of them are the group ``images``, unless ``groups`` names some in each.

    ``server`` is that section of the configuration, ``further`` are further keys of each deployment, ``settings`` of
    the whole.
    """
    fleet = Fleet(*deployments)
    written = groups or {"images": {"deployments": [one.name for one in deployments]}}
    entries = {entry["name"]: {**entry, **(further or {})} for entry in fleet.entries()}
    models = {
        name: {**group, "deployments": [{**entries[one], "order": at} for at, one in enumerate(group["deployments"])]}
        for name, group in written.items()
    }
    config = {"models": models, "server": dict(server or {}), **settings}
    async with Router(config, transport=Transport(fleet.engine(), rng=Random(0)), rng=Random(0)) as router:
        gateway = Gateway(router)
        transport = httpx2.ASGITransport(_reading_on(gateway))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=None) as client:
            yield Counter(fleet, router, gateway, client)
        await gateway.aclose()


def _reading_on(gateway: Gateway) -> Any:
    """``gateway`` as a server calls it, which reads what was sent to its end even where the app does not."""

    async def called(scope: Any, receive: Any, send: Any) -> None:
        more = True

        async def noted() -> Any:
            nonlocal more
            message = await receive()
            more = message.get("more_body", False)
            return message

        await gateway(scope, noted, send)
        while more:
            await noted()

    return called


@dataclass(slots=True)
class Counter:
    """Where requests are handed in, and what stands behind it."""

    fleet: Fleet
    router: Router
    gateway: Gateway
    client: httpx2.AsyncClient

    async def draw(self, path: str = DRAW, *, headers: Mapping[str, str] | None = None, **body: Any) -> httpx2.Response:
        body = {"prompt": "a boat", "size": SMALL, **body}
        return await self.client.post(path, json=body, headers=dict(headers or {}))

    async def edit(
        self, files: Any, path: str = EDIT, *, headers: Mapping[str, str] | None = None, **fields: Any
    ) -> httpx2.Response:
        """As a form."""
        data = {"prompt": "at night", **fields}
        return await self.client.post(path, data=data, files=files, headers=dict(headers or {}))


def error_of(response: httpx2.Response) -> dict[str, Any]:
    """The error in an answer, which must have OpenAI's shape."""
    assert response.headers["content-type"] == "application/json"
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    return error


@dataclass(slots=True)
class Line:
    """One connection to an ASGI app, whose other end is in a test's hands."""

    method: str = "POST"
    path: str = DRAW
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    """Of the body, in order; after them nothing comes until ``leave`` is called."""
    whole: bool = True
    """Whether the last piece ends the body."""
    reads: bool = True
    """Whether what is sent is taken."""
    sent: list[Any] = field(default_factory=list)
    aborted: bool = False
    _gone: anyio.Event = field(default_factory=anyio.Event)

    async def call(self, app: Any) -> None:
        path, _, query = self.path.partition("?")
        headers = {"host": "localhost", "content-type": "application/json", **self.headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
            "extensions": {"pixelrelay.abort": self._abort},
        }
        await app(scope, self._receive, self._send)

    def leave(self) -> None:
        self._gone.set()

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    async def _receive(self) -> dict[str, Any]:
        if self.pieces:
            piece = self.pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self.pieces) or not self.whole}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if not self.reads:
            await self._gone.wait()
        self.sent.append(message)

    def _abort(self) -> None:
        self.aborted = True
        self.leave()
