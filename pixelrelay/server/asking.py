"""From a body to what the router is asked: one value, whichever route and form it came by."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers

from pixelrelay._spooled import Spooled
from pixelrelay.config import RelayConfig
from pixelrelay.errors import InvalidRequestError, Problem
from pixelrelay.images import NOTHING, Images, InputImage, Operation
from pixelrelay.router import Limits, Router
from pixelrelay.router.inputs import MOST_PARTIAL_IMAGES, read_image
from pixelrelay.router.streaming import ImageStream
from pixelrelay.server.fields import PICTURE, WAY, form_fields, header_fields, read_fields
from pixelrelay.server.refusals import invalid
from pixelrelay.server.uploads import Reading

_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_IMAGE_FIELD = re.compile(r"image(\[\d*\])?")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for pictures, read."""

    operation: Operation
    model: str
    prompt: str
    arguments: Mapping[str, Any] = field(default=NOTHING)
    """What the router is told besides, the parameters of providers among them."""
    images: tuple[InputImage | str, ...] = field(default=(), repr=False)
    """A text is an address, which the router may fetch or not."""
    mask: InputImage | str | None = field(default=None, repr=False)
    limits: Limits | None = None
    """What the caller may use."""
    stream: bool = False
    partial_images: int = 0
    """Unfinished pictures to show in a stream, at most."""

    @property
    def wants_url(self) -> bool:
        return bool(self.arguments.get("response_format") == "url")

    async def of(self, router: Router, *, as_url: bool) -> Images:
        """The pictures, by ``router``. With ``as_url``, a provider's link is as good as the picture."""
        arguments = self._arguments(as_url=as_url)
        if self.operation is Operation.EDIT:
            return await router.edit(self.model, self.images, self.prompt, mask=self.mask, **arguments)
        return await router.generate(self.model, self.prompt, **arguments)

    def streamed(self, router: Router, heartbeat: float) -> ImageStream:
        """The same, with all that is told on the way."""
        return router.stream(
            self.model,
            self.prompt,
            image=self.images if self.operation is Operation.EDIT else None,
            mask=self.mask,
            partial_images=self.partial_images,
            heartbeat=heartbeat,
            **self._arguments(as_url=False),
        )

    def _arguments(self, *, as_url: bool) -> dict[str, Any]:
        arguments = dict(self.arguments)
        if arguments.get("response_format") in {"url", "b64_json"}:
            arguments["response_format"] = "url" if as_url else None
        if self.limits is not None:
            arguments["limits"] = self.limits
        return arguments


async def read_asked(
    operation: Operation, reading: Reading, headers: Headers, config: RelayConfig, model: str | None
) -> Asked:
    """The request in a body. ``model`` is the one that the path names, which outranks the body's.

    Raises ``RefusedError`` or ``InvalidRequestError``, before anything is reserved.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if operation is Operation.EDIT and kind == "multipart/form-data":
        return await _from_form(reading, headers, config, model)
    if kind and kind != "application/json" and not kind.endswith("+json"):
        known = "application/json" + (" or multipart/form-data" if operation is Operation.EDIT else "")
        raise invalid(f"The content type must be {known}, not {kind[:80]}.", code="unsupported_media_type", status=415)
    return await _from_json(operation, reading, headers, config, model)


async def _from_json(
    operation: Operation, reading: Reading, headers: Headers, config: RelayConfig, model: str | None
) -> Asked:
    body = await reading.json()
    images: tuple[InputImage | str, ...] = ()
    mask = None
    if operation is Operation.EDIT:
        given = body.pop("images", None)
        if not isinstance(given, list) or not given:
            raise _wrong("images", "must be a list of at least one {image_url: …}")
        if len(given) > reading.limits.max_images:
            raise _too_many(len(given), reading)
        images = tuple([await _linked(one, f"image[{at}]", config) for at, one in enumerate(given)])
        if (masked := body.pop("mask", None)) is not None:
            mask = await _linked(masked, "mask", config)
    return _asked(operation, {**header_fields(headers), **body}, images, mask, config, model)


async def _linked(given: Any, where: str, config: RelayConfig) -> InputImage | str:
    """The image in ``{"image_url": …}``. Never a path: those are of this machine, and no business of callers."""
    if isinstance(given, Mapping) and given.get("file_id") is not None:
        raise _wrong(where, "is a file_id, and no files are kept here; give image_url as a data: URL")
    address = given.get("image_url") if isinstance(given, Mapping) else None
    if isinstance(address, str) and _ADDRESS.match(address):
        return address
    if not isinstance(address, str) or address[:5].lower() != "data:":
        raise _wrong(where, "must be {image_url: …} with a data: URL or an https:// URL")
    return _bounded(await read_image(address, where, None, config.max_input_bytes), where, config)


async def _from_form(reading: Reading, headers: Headers, config: RelayConfig, model: str | None) -> Asked:
    form = await reading.form()
    images: list[InputImage | str] = []
    mask = None
    for name, data in form.files:
        if _IMAGE_FIELD.fullmatch(name):
            images.append(await _uploaded(data, f"image[{len(images)}]", config))
        elif name == "mask" and mask is None:
            mask = await _uploaded(data, "mask", config)
        else:
            raise _wrong(name[:64], "is no file of a request; there are image, image[] and mask")
    if not images:
        raise _wrong("image", "is missing: an edit needs at least one file")
    if len(images) > reading.limits.max_images:
        raise _too_many(len(images), reading)
    fields = {**header_fields(headers), **form_fields(form.fields)}
    return _asked(Operation.EDIT, fields, tuple(images), mask, config, model)


async def _uploaded(data: bytes | Spooled, where: str, config: RelayConfig) -> InputImage:
    return _bounded(await read_image(data, where, None, config.max_input_bytes), where, config)


def _bounded(image: InputImage, where: str, config: RelayConfig) -> InputImage:
    most = config.server.uploads.max_pixels
    if image.size is not None and image.size.pixels > most:
        raise _wrong(where, f"is {image.size}, more than the {most} pixels allowed (server.uploads.max_pixels)")
    return image


def _asked(
    operation: Operation,
    fields: Mapping[str, Any],
    images: tuple[InputImage | str, ...],
    mask: InputImage | str | None,
    config: RelayConfig,
    model: str | None,
) -> Asked:
    ours, parameters = read_fields(fields)
    if taken := parameters.keys() & _NOT_PARAMETERS:
        raise _wrong(min(taken), f"is no field of a request to {operation.value}")
    if "prompt" not in ours:
        raise _wrong("prompt", "is missing")
    partials = ours.get("partial_images", 0)
    if not 0 <= partials <= MOST_PARTIAL_IMAGES:
        raise _wrong("partial_images", f"{partials} is not from 0 to {MOST_PARTIAL_IMAGES}")
    way = {name: ours[name] for name in WAY if name in ours}
    if "num_retries" in way:
        way["max_attempts"] = way.pop("num_retries")
    return Asked(
        operation,
        model or ours.get("model") or _only_model(config),
        ours["prompt"],
        {**{name: ours[name] for name in PICTURE if name in ours}, **way, **parameters},
        images,
        mask,
        stream=ours.get("stream", False),
        partial_images=partials,
    )


_NOT_PARAMETERS = frozenset({"image", "images", "mask"})
"""Which are read where they belong; elsewhere they would be taken for parameters of a provider's own."""


def _only_model(config: RelayConfig) -> str:
    if len(config.models) > 1:
        raise _wrong("model", "is missing")
    return next(iter(config.models))


def named_models(asked: Asked) -> Iterator[str]:
    """All that the request asks for by name."""
    yield asked.model
    fallbacks: Sequence[str] = asked.arguments.get("fallbacks", ())
    yield from fallbacks


def _too_many(count: int, reading: Reading) -> InvalidRequestError:
    most = reading.limits.max_images
    return _wrong("image", f"{count} input images, more than the {most} allowed (server.uploads.max_images)")


def _wrong(where: str, message: str) -> InvalidRequestError:
    return InvalidRequestError([Problem(where, message)])
