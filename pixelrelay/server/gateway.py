"""The gateway: OpenAI's Images API in front of a router, as an ASGI app."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, TypeAlias

import anyio
import anyio.lowlevel
from starlette.datastructures import Headers, QueryParams
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse
from starlette.routing import Router as Routes
from starlette.types import Receive, Scope, Send

from pixelrelay import _clock
from pixelrelay.config.server import ServerConfig
from pixelrelay.errors import PixelRelayError
from pixelrelay.events import Event, RequestStarted, StoreModeChanged
from pixelrelay.images import Operation
from pixelrelay.router import Router
from pixelrelay.router.engine import new_request_id
from pixelrelay.server import bodies
from pixelrelay.server.answers import JSON, Answer, StalledError, while_connected
from pixelrelay.server.asking import named_models, read_asked
from pixelrelay.server.drawing import Drawing, service_of
from pixelrelay.server.exposing import Metrics
from pixelrelay.server.files import Shelf
from pixelrelay.server.keys import Caller, Keyring
from pixelrelay.server.live import Live
from pixelrelay.server.loopback import foreign
from pixelrelay.server.models import models_of
from pixelrelay.server.openapi import document
from pixelrelay.server.refusals import INVALID, Refusal, RefusedError, broken, no_such_model, refusal_of
from pixelrelay.server.routes import routes_of
from pixelrelay.server.shared import Shared
from pixelrelay.server.shipped import INDEX, shipped
from pixelrelay.server.siblings import Siblings
from pixelrelay.server.telling import GroupLimits, Told, sane_id
from pixelrelay.server.together import together
from pixelrelay.server.uploads import GoneError, InFlight, Reading

log = logging.getLogger("pixelrelay.server")

ABORT = "pixelrelay.abort"
"""The extension by which a server lets its app cut a connection."""
SHARED = "shared"
WATCHED = "/api/live"
"""What the live page asks for every second, which would fill the log."""

HARMLESS = {
    "cache-control": "private",
    "content-security-policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox",
    "x-content-type-options": "nosniff",
}
"""Of a picture that is served from here: one that is SVG, or pretends to be a page, may do nothing."""

Endpoint: TypeAlias = Callable[[Scope, Receive, Answer], Awaitable[None]]

_UNDER_WAY: ContextVar[Told] = ContextVar("pixelrelay_request")


class Gateway:
    """Answers what image clients of OpenAI and Azure speak, by the router that it is given.

    What it is told stands in the router's configuration under ``server``, and follows its reloads. It opens and
    closes nothing but its own files; ``aclose`` deletes those that nobody else can reach.
    """

    def __init__(self, router: Router, *, shared: Shared | None = None) -> None:
        """``shared`` is for several processes that answer to one address."""
        self.router = router
        self.draining = False
        """Whether ``/health/ready`` says no; what is asked is served all the same."""
        self.in_flight = InFlight()
        self.shelf = Shelf.of(router.config.server.files, shared)
        self.limits = GroupLimits(router)
        self.metrics = Metrics.of(router)
        self.live = Live.of(router)
        self.siblings = Siblings(shared.sockets) if shared is not None else None
        self._since = int(_clock.wall())
        self._degraded = False
        self._keyring: tuple[ServerConfig, Keyring] | None = None
        self.routes = routes_of(self)
        self._routed = Routes(self.routes, default=_nowhere, redirect_slashes=False)
        router.observe(self._noticed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._visited(scope, receive, send)

    async def aclose(self) -> None:
        """Delete the files that are this process's alone."""
        await anyio.to_thread.run_sync(self.shelf.clear)

    @asynccontextmanager
    async def answering_siblings(self) -> AsyncIterator[None]:
        """Until the block ends, the live page of the other processes shows what this one does as well."""
        if self.siblings is None:
            yield
            return
        async with self.siblings.answering(lambda: bodies.json_of(self._document())):
            yield

    @property
    def server(self) -> ServerConfig:
        return self.router.config.server

    def caller(self, headers: Headers) -> Caller:
        """Who asks. Raises ``RefusedError``."""
        if self._keyring is None or self._keyring[0] is not self.server:
            self._keyring = self.server, Keyring(self.server)
        return self._keyring[1].caller(headers)

    # --- every request -----------------------------------------------------------------------------------------

    async def _visited(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        told = Told(new_request_id(), sane_id(headers.get("x-client-request-id")))
        answer = Answer(send, told, self.server.uploads.stall_timeout)
        scope["app"], scope["pixelrelay.answer"] = self, answer
        token = _UNDER_WAY.set(told)
        began = _clock.now()
        try:
            await self._answered(scope, receive, answer, headers)
        except StalledError:
            await _cut(scope)
        except GoneError:
            pass
        finally:
            _UNDER_WAY.reset(token)
            # Without the query, for that of a link is its key; and in one line, whatever stands in the path.
            path, took = scope["path"].encode("unicode_escape").decode(), _clock.now() - began
            level = logging.DEBUG if path == WATCHED and answer.status == 200 else logging.INFO
            log.log(level, "%s %s %s %s %.3f s", told.request_id, scope["method"], path, answer.status or "-", took)

    async def _answered(self, scope: Scope, receive: Receive, answer: Answer, headers: Headers) -> None:
        try:
            if not self.server.has_keys and (why := foreign(headers)):
                raise RefusedError(Refusal(403, INVALID, "loopback_only", why))
            await self._routed(scope, receive, answer.pass_on)
        except RefusedError as refused:
            await self._refuse(answer, refused.refusal)
        except PixelRelayError as error:
            await self._refuse(answer, refusal_of(error))
        except HTTPException as error:
            refusal = Refusal(error.status_code, INVALID, "no_such_path", error.detail, headers=error.headers or {})
            await self._refuse(answer, refusal)
        except (StalledError, GoneError):
            raise
        except Exception:
            log.exception("%s failed", answer.told.request_id)
            if answer.status is not None:
                raise
            await self._refuse(answer, broken())

    async def _refuse(self, answer: Answer, refusal: Refusal) -> None:
        await answer.refuse(refusal, bodies.refused(refusal), degraded=self._degraded)

    # --- pictures ----------------------------------------------------------------------------------------------

    def draws(self, operation: Operation) -> Endpoint:
        """The endpoint that draws pictures by ``operation``."""

        async def draw(scope: Scope, receive: Receive, answer: Answer) -> None:
            headers = Headers(scope=scope)
            caller = self.caller(headers)
            async with self.in_flight.request(self.server.max_requests) as held:
                reading = Reading(headers, receive, self.server.uploads, self.in_flight, held)
                model = scope["path_params"].get("model")
                asked = await read_asked(operation, reading, headers, self.router.config, model)
                asked = replace(asked, model=self.router.config.aliases.get(asked.model, asked.model))
                for name in named_models(asked):
                    if not caller.may_ask(name):
                        raise RefusedError(no_such_model(name, tuple(sorted(caller.groups or ()))))
                service = service_of(self.limits, self.shelf, scope, headers)
                asked = replace(asked, limits=caller.limits)
                drawing = Drawing(asked, service, answer, degraded=self._degraded)
                await _connected(drawing, scope, receive)

        return draw

    # --- everything else ---------------------------------------------------------------------------------------

    async def models(self, scope: Scope, receive: Receive, answer: Answer) -> None:  # noqa: ARG002 - no body
        caller = self.caller(Headers(scope=scope))
        listed = models_of(self.router, caller, self._since)
        if (name := scope["path_params"].get("model")) is None:
            await _json(answer, {"object": "list", "data": listed})
            return
        found = next((model for model in listed if model["id"] == name), None)
        if found is None:
            raise RefusedError(no_such_model(name[:200], None))
        await _json(answer, found)

    async def alive(self, scope: Scope, receive: Receive, answer: Answer) -> None:  # noqa: ARG002 - no body
        await _json(answer, {"status": "live"})

    async def ready(self, scope: Scope, receive: Receive, answer: Answer) -> None:  # noqa: ARG002 - no body
        await _json(answer, {"status": "draining" if self.draining else "ready"}, 503 if self.draining else 200)

    async def exposed(self, scope: Scope, receive: Receive, answer: Answer) -> None:  # noqa: ARG002 - no body
        if not self.server.public_metrics and not self.caller(Headers(scope=scope)).is_master:
            message = "Metrics are for the master key (or for everybody, with server.public_metrics: true)."
            raise RefusedError(Refusal(403, INVALID, "not_allowed", message))
        if self.metrics is None:
            message = "Metrics need the extra metrics: pip install 'pixelrelay[metrics]'."
            raise RefusedError(Refusal(404, INVALID, "no_metrics", message))
        media_type, text = await anyio.to_thread.run_sync(self.metrics.text)
        await answer.whole(200, {"content-type": media_type}, text)

    async def page(self, scope: Scope, receive: Receive, answer: Answer) -> None:  # noqa: ARG002 - no body
        """A file of the live page, which anybody may have: what it shows is asked for with a key."""
        file = shipped().get(scope["path_params"].get("name", INDEX))
        if file is None:
            raise HTTPException(404, "There is no such file.")
        if Headers(scope=scope).get("if-none-match") == file.tag:
            await answer.begin(304, file.headers)
            await answer.end()
        else:
            await answer.whole(200, file.headers, file.data)

    async def watched(self, scope: Scope, receive: Receive, answer: Answer) -> None:  # noqa: ARG002 - no body
        """What the live page shows: the whole fleet and everybody's requests, so it is for the master key."""
        if not self.caller(Headers(scope=scope)).is_master:
            message = "The fleet is shown to the master key alone; this one may draw."
            raise RefusedError(Refusal(403, INVALID, "not_allowed", message))
        documents, silent = await self.siblings.documents() if self.siblings is not None else ([], 0)
        shown = together([self._document(), *documents]) | {"silent": silent}
        await answer.whole(200, JSON | {"cache-control": "no-store"}, bodies.json_of(shown))

    def _document(self) -> dict[str, Any]:
        return self.live.document(requests=self.in_flight.requests, draining=self.draining)

    async def described(self, scope: Scope, receive: Receive, answer: Answer) -> None:  # noqa: ARG002 - no body
        await _json(answer, document())

    async def file(self, scope: Scope, receive: Receive, answer: Answer) -> None:
        query = QueryParams(scope["query_string"])
        name = scope["path_params"]["name"]
        found = self.shelf.find(name, query.get("expires", ""), query.get("signature", ""))
        gone = RefusedError(Refusal(404, INVALID, "no_such_file", "There is no such picture, or its link expired."))
        if found is None:
            raise gone
        path, media_type = found
        headers = {**HARMLESS, **answer.told.headers()}
        response = FileResponse(path, headers=headers, media_type=media_type)
        try:
            await response(scope, receive, answer.pass_on)
        except RuntimeError:
            if answer.status is None:  # it made room for another meanwhile
                raise gone from None
            raise

    # --- noticing ----------------------------------------------------------------------------------------------

    def _noticed(self, event: Event) -> None:
        match event:
            case RequestStarted(request_id=request_id):
                # In the task of the request, so that it is this one's.
                told = _UNDER_WAY.get(None)
                if told is not None:
                    told.request_id = request_id
            case StoreModeChanged(mode=mode):
                self._degraded = mode != SHARED


async def _connected(drawing: Drawing, scope: Scope, receive: Receive) -> None:
    """Draw for as long as the caller stays. One who leaves is not answered; the attempt under way is settled."""
    stalled = False
    async with while_connected(scope, receive):
        try:
            await drawing.run()
        except StalledError:
            stalled = True
    if stalled:
        raise StalledError


async def _json(answer: Answer, value: Any, status: int = 200) -> None:
    await answer.whole(status, JSON, bodies.json_of(value))


async def _cut(scope: Scope) -> None:
    """Close the connection with what is still to be written: nobody reads it."""
    abort = scope.get("extensions", {}).get(ABORT)
    if abort is not None:
        abort()
        await anyio.lowlevel.checkpoint()


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - as every endpoint
    raise HTTPException(404, f"There is nothing at {scope['path'][:200]}.")


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
