"""A request for pictures, from its body to its answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from starlette.datastructures import Headers
from starlette.types import Scope

from pixelrelay import _clock
from pixelrelay.config import RelayConfig
from pixelrelay.config.server import Links
from pixelrelay.errors import IncompleteError, InvalidRequestError, PixelRelayError, Problem
from pixelrelay.images import Image, Images, StreamEvent
from pixelrelay.outcomes import Route
from pixelrelay.router import Router
from pixelrelay.server import bodies, fields
from pixelrelay.server.answers import JSON, Answer, StalledError, beating
from pixelrelay.server.asking import Asked
from pixelrelay.server.files import Shelf
from pixelrelay.server.refusals import Refusal, broken, refusal_of
from pixelrelay.server.telling import GroupLimits, refusal_headers, route_headers

log = logging.getLogger("pixelrelay.server")

SSE = {"content-type": "text/event-stream", "cache-control": "no-cache", "x-accel-buffering": "no"}
HEARTBEAT = b": heartbeat\n\n"
MISSING = f"{fields.HEADER}missing"
QUICKEST = 1.0
"""Seconds between blanks, however often a caller wants them."""
LINKS: tuple[Links, ...] = ("provider", "own", "inline")


@dataclass(frozen=True, slots=True)
class Service:
    """How one request is answered."""

    router: Router
    limits: GroupLimits
    shelf: Shelf
    links: Links
    keep_alive: float
    """Seconds between blanks ahead of an answer; 0 for none."""
    heartbeat: float
    address: str
    """What the gateway's own links begin with."""


def service_of(limits: GroupLimits, shelf: Shelf, scope: Scope, headers: Headers) -> Service:
    """As configured, and as the headers say. Raises ``InvalidRequestError``."""
    router = limits.router
    config: RelayConfig = router.config
    links = headers.get(f"{fields.HEADER}links", config.server.files.links)
    if links not in LINKS:
        raise InvalidRequestError([Problem(f"{fields.HEADER}links", f"{links[:40]!r} is none of {', '.join(LINKS)}")])
    given = headers.get(f"{fields.HEADER}keep-alive")
    keep_alive = config.server.keep_alive
    if given is not None:
        asked = 0.0 if given.strip() == "0" else fields.seconds(f"{fields.HEADER}keep-alive", given)
        keep_alive = max(asked, QUICKEST) if asked else 0.0
    host = headers.get("host", "localhost")
    address = config.server.public_url or f"{scope.get('scheme', 'http')}://{host}{scope.get('root_path', '')}"
    return Service(router, limits, shelf, links, keep_alive, config.server.heartbeat, address)


@dataclass(slots=True)
class Drawing:
    """One request under way, and its answer."""

    asked: Asked
    service: Service
    answer: Answer
    degraded: bool = False

    async def run(self) -> None:
        """Draw and answer. Nothing is raised but ``StalledError``: what goes wrong is the answer."""
        try:
            images = await (self._streamed() if self.asked.stream else self._waited())
        except IncompleteError as error:
            await self._deliver(_delivered(error, self.answer.told.request_id), error)
        except PixelRelayError as error:
            await self._refuse(refusal_of(error))
        except StalledError:
            raise
        except Exception:
            log.exception("%s failed", self.answer.told.request_id)
            await self._refuse(broken())
        else:
            await self._deliver(images, None)

    async def _waited(self) -> Images:
        service, asked = self.service, self.asked
        as_url = asked.wants_url and service.links == "provider"
        return await beating(lambda: asked.of(service.router, as_url=as_url), service.keep_alive, self._beat)

    async def _streamed(self) -> Images:
        """The result, once all that is told on the way was passed on."""
        async with self.asked.streamed(self.service.router, self.service.heartbeat) as events:
            async for event in events:
                match event:
                    case StreamEvent("completed", result=Images() as images):
                        return images
                    case StreamEvent("partial_image", image=Image() as image, index=index):
                        await self._begin()
                        await self.answer.all_of(bodies.partial(self.asked, image, index).pieces())
                    case _:
                        await self._beat()
        raise RuntimeError("a stream ended without its result")

    async def _beat(self) -> None:
        """A sign of life. The first one begins the answer, so that what fails sooner has its own status."""
        await self._begin()
        await self.answer.piece(HEARTBEAT if self.asked.stream else b" ")

    async def _begin(self) -> None:
        if self.answer.status is None:
            await self.answer.begin(200, SSE if self.asked.stream else JSON)

    async def _refuse(self, refusal: Refusal) -> None:
        self._note_limits()
        if self.answer.status is None:
            await self.answer.refuse(refusal, bodies.refused(refusal), degraded=self.degraded)
        else:
            await self.answer.end(bodies.failed(refusal) if self.asked.stream else bodies.refused(refusal))

    async def _deliver(self, images: Images, error: IncompleteError | None) -> None:
        self._note_limits()
        incomplete = refusal_of(error) if error is not None else None
        headers = route_headers(images.route)
        if error is not None and incomplete is not None:
            headers = {**refusal_headers(incomplete), **headers, MISSING: str(error.missing)}
        if self.asked.stream:
            await self._stream(images, headers, incomplete)
        else:
            body = bodies.result(images, await self._linked(images), incomplete)
            if self.answer.status is None:
                await self.answer.begin(200, {**JSON, **headers, "content-length": str(body.length)})
            await self.answer.all_of(body.pieces(), ends=True)

    async def _stream(self, images: Images, headers: Mapping[str, str], incomplete: Refusal | None) -> None:
        """One event for each picture; those of unfinished ones came before."""
        if self.answer.status is None:
            await self.answer.begin(200, {**SSE, **headers})
        for at in range(len(images.data)):
            await self.answer.all_of(bodies.completed(self.asked.operation, images, at).pieces())
        await self.answer.end(bodies.failed(incomplete) if incomplete is not None else b"")

    def _note_limits(self) -> None:
        if self.answer.status is None:
            self.answer.told.limits = self.service.limits.headers(self.asked.model)

    async def _linked(self, images: Images) -> Mapping[int, str]:
        """The pictures that are told by a link: where one was asked for, or where nothing but a link came."""
        found = {at: await self._link(image) for at, image in enumerate(images.data)}
        return {at: link for at, link in found.items() if link is not None}

    async def _link(self, image: Image) -> str | None:
        theirs = image.url if image.url is not None and not image.url.startswith("data:") else None
        if image.encoded is None and image.data is None:
            return image.url
        if not self.asked.wants_url or self.service.links == "inline":
            return None
        if theirs is not None and self.service.links == "provider":
            return theirs
        path = await self.service.shelf.put(image.bytes())
        return self.service.address + path if path is not None else None


def _delivered(error: IncompleteError, request_id: str) -> Images:
    """The pictures that came although others did not."""
    done = [attempt for attempt in error.attempts if attempt.succeeded]
    costs = [attempt.cost for attempt in done]
    route = Route(
        request_id=request_id,
        group=error.model,
        deployment=error.delivered[0].deployment,
        provider=done[0].provider if done else "",
        attempts=error.attempts,
        waited=sum(attempt.waited for attempt in error.attempts),
        duration=max((attempt.started + attempt.duration for attempt in error.attempts), default=0.0),
        cost=None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0)),
        fallbacks=tuple(dict.fromkeys(a.group for a in error.attempts if a.group != error.model)),
    )
    return Images(created=int(_clock.wall()), data=error.delivered, route=route)
