"""Every path that the gateway answers, and under which names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from pixelrelay.images import Operation

if TYPE_CHECKING:
    from pixelrelay.server.gateway import Endpoint, Gateway

PREFIXES = ("/v1", "", "/openai/v1", "/openai", "/openai/deployments/{model:path}")
"""Where OpenAI's client, careless base URLs, and both forms of Azure's look for the same thing."""


def routes_of(gateway: Gateway) -> list[Route]:
    generate, edit = gateway.draws(Operation.GENERATE), gateway.draws(Operation.EDIT)
    routes = [
        route
        for prefix in PREFIXES
        for route in (
            _route(f"{prefix}/images/generations", generate, "POST"),
            _route(f"{prefix}/images/edits", edit, "POST"),
        )
    ]
    for prefix in PREFIXES[:-1]:
        routes += [
            _route(f"{prefix}/models", gateway.models),
            _route(f"{prefix}/models/{{model:path}}", gateway.models),
        ]
    return [
        *routes,
        _route("/health/live", gateway.alive),
        _route("/health/ready", gateway.ready),
        _route("/metrics", gateway.exposed),
        _route("/openapi.json", gateway.described),
        _route("/files/{name}", gateway.file),
        _route("/", gateway.page),
        _route("/page/{name}", gateway.page),
        _route("/api/live", gateway.watched),
    ]


def _route(path: str, endpoint: Endpoint, method: str = "GET") -> Route:
    return Route(path, _App(endpoint), methods=[method])


class _App:
    """An endpoint as Starlette calls an app; not a function, which it would hand a request and not the scope."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the answer sends
        await self._endpoint(scope, receive, scope["pixelrelay.answer"])
