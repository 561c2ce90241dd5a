"""Clients in the shape of OpenAI's, whose ``images`` are the router's.

The pictures come back as from OpenAI's client; what goes wrong is raised as this package raises it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from types import TracebackType
from typing import Any, TypeAlias

from pydantic import PrivateAttr

from pixelrelay.compat._arguments import given, picture, pictures, seconds
from pixelrelay.compat._results import ImageObject as Image
from pixelrelay.compat._results import ImagesResponse as _ImagesResponse
from pixelrelay.compat._results import ImageUsage, Shaped, told_by
from pixelrelay.config import RelayConfig, load
from pixelrelay.errors import InvalidRequestError, Problem
from pixelrelay.images import Images as Drawn
from pixelrelay.images import StreamEvent
from pixelrelay.outcomes import Route
from pixelrelay.router import Router, SyncRouter

__all__ = ["AsyncOpenAI", "Image", "ImageUsage", "ImagesResponse", "OpenAI", "StreamedImage"]

Source: TypeAlias = RelayConfig | str | os.PathLike[str] | Mapping[str, Any]
"""A configuration: its file, its data, or what was loaded already."""

VARIABLE = "PIXELRELAY_CONFIG"


class ImagesResponse(_ImagesResponse):
    """The pictures; ``route`` tells how they came to be."""

    _route: Route | None = PrivateAttr(default=None)

    @property
    def route(self) -> Route | None:
        """How the request was served: attempts, time waited, exact cost, adaptations."""
        return self._route


class StreamedImage(Shaped):
    """One event of a stream: ``image_generation.partial_image`` or ``.completed``, or the same of ``image_edit``."""

    type: str
    b64_json: str
    partial_image_index: int | None = None
    created_at: int | None = None
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    usage: ImageUsage | None = None


class _SyncImages:
    """``client.images``."""

    def __init__(self, router: SyncRouter, timeout: float | None) -> None:
        self._router = router
        self._timeout = timeout

    def generate(self, *, prompt: str, model: str, stream: bool = False, **arguments: Any) -> Any:
        """Draw pictures: an ``ImagesResponse``, or with ``stream=True`` an iterator of ``StreamedImage``."""
        request = _request(arguments, self._timeout)
        if stream is True:
            events = self._router.stream(model, prompt, **request)
            return (told for event in events for told in _streamed(event, "image_generation"))
        return response_of(self._router.generate(model, prompt, **_unstreamed(request)))

    def edit(self, *, image: Any, prompt: str, model: str, stream: bool = False, **arguments: Any) -> Any:
        """The same from one image or several."""
        request = _edit_request(image, arguments, self._timeout)
        if stream is True:
            events = self._router.stream(model, prompt, **request)
            return (told for event in events for told in _streamed(event, "image_edit"))
        return response_of(self._router.edit(model, prompt=prompt, **_unstreamed(request)))


class OpenAI:
    """As OpenAI's client, for code that does not await.

    By a configuration, left out the file that ``$PIXELRELAY_CONFIG`` names, or a ``router`` of yours, which you close.
    ``timeout`` is for each request, in seconds.
    """

    def __init__(
        self, config: Source | None = None, *, router: SyncRouter | None = None, timeout: float | None = None
    ) -> None:
        self._own = router is None
        self._router = router if router is not None else SyncRouter(_config(config))
        self.images = _SyncImages(self._router, seconds(timeout))

    def with_options(self, *, timeout: float | None = None) -> OpenAI:
        """The same client with another timeout. It lives as long as this one."""
        return OpenAI(router=self._router, timeout=timeout)

    def close(self) -> None:
        """Close all connections, unless they are those of a router that was brought along."""
        if self._own:
            self._router.close()

    def __enter__(self) -> OpenAI:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _AsyncImages:
    """``client.images``."""

    def __init__(self, router: Router, timeout: float | None) -> None:
        self._router = router
        self._timeout = timeout

    async def generate(self, *, prompt: str, model: str, stream: bool = False, **arguments: Any) -> Any:
        """Draw pictures: an ``ImagesResponse``, or with ``stream=True`` an async iterator of ``StreamedImage``."""
        request = _request(arguments, self._timeout)
        if stream is True:
            return _astreamed(self._router, model, prompt, request, "image_generation")
        return response_of(await self._router.generate(model, prompt, **_unstreamed(request)))

    async def edit(self, *, image: Any, prompt: str, model: str, stream: bool = False, **arguments: Any) -> Any:
        """The same from one image or several."""
        request = _edit_request(image, arguments, self._timeout)
        if stream is True:
            return _astreamed(self._router, model, prompt, request, "image_edit")
        return response_of(await self._router.edit(model, prompt=prompt, **_unstreamed(request)))


class AsyncOpenAI:
    """As ``OpenAI``, for asyncio and Trio."""

    def __init__(
        self, config: Source | None = None, *, router: Router | None = None, timeout: float | None = None
    ) -> None:
        self._own = router is None
        self._router = router if router is not None else Router(_config(config))
        self.images = _AsyncImages(self._router, seconds(timeout))

    def with_options(self, *, timeout: float | None = None) -> AsyncOpenAI:
        """The same client with another timeout. It lives as long as this one."""
        return AsyncOpenAI(router=self._router, timeout=timeout)

    async def close(self) -> None:
        """Close all connections, unless they are those of a router that was brought along."""
        if self._own:
            await self._router.aclose()

    async def __aenter__(self) -> AsyncOpenAI:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def response_of(images: Drawn) -> ImagesResponse:
    """``images`` as OpenAI's client returns them."""
    response = ImagesResponse(**told_by(images))
    response._route = images.route
    return response


def _config(source: Source | None) -> RelayConfig:
    if isinstance(source, RelayConfig):
        return source
    named = source if source is not None else os.environ.get(VARIABLE)
    if not named:
        raise ValueError(f"no configuration: give config= or router=, or set ${VARIABLE}")
    return load(named)


def _request(arguments: Mapping[str, Any], timeout: float | None) -> dict[str, Any]:
    request = given(arguments)
    if "extra_query" in request:
        raise InvalidRequestError([Problem("extra_query", "addresses are the providers' own; nothing can be added")])
    own = seconds(request.pop("timeout", None))
    return {**request, "timeout": timeout if own is None else own}


def _edit_request(image: Any, arguments: Mapping[str, Any], timeout: float | None) -> dict[str, Any]:
    request = _request(arguments, timeout)
    masked = {"mask": picture(request["mask"])} if "mask" in request else {}
    return {**request, **masked, "image": pictures(image)}


def _unstreamed(request: dict[str, Any]) -> dict[str, Any]:
    """Unfinished pictures are for those who watch."""
    return {name: value for name, value in request.items() if name != "partial_images"}


# --- streams -----------------------------------------------------------------------------------------------------


async def _astreamed(
    router: Router, model: str, prompt: str, request: dict[str, Any], operation: str
) -> AsyncIterator[StreamedImage]:
    async with router.stream(model, prompt, **request) as events:
        async for event in events:
            for told in _streamed(event, operation):
                yield told


def _streamed(event: StreamEvent, operation: str) -> Iterator[StreamedImage]:
    """What OpenAI's stream would tell: nothing of signs of life, and one event for each finished picture."""
    if event.type == "partial_image" and event.image is not None:
        yield StreamedImage(
            type=f"{operation}.partial_image", b64_json=event.image.b64_json or "", partial_image_index=event.index
        )
    if event.result is not None:
        said = told_by(event.result)
        shared = {name: said[name] for name in ("size", "quality", "background", "output_format", "usage")}
        for image in said["data"]:
            yield StreamedImage(
                type=f"{operation}.completed",
                b64_json=image.b64_json or "",
                created_at=event.result.created,
                **shared,
            )
