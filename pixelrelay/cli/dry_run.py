"""``--dry-run``: what would be sent, from the adapters themselves, and nothing sent."""

from __future__ import annotations

from contextlib import aclosing
from functools import partial

import anyio
import typer

from pixelrelay.cli import consoles
from pixelrelay.cli.stages import prospect
from pixelrelay.cli.views.sends import Preview, sends_json, sends_view
from pixelrelay.cli.wanted import Wanted
from pixelrelay.config import RelayConfig
from pixelrelay.errors import UnservableRequestError
from pixelrelay.images import ImageRequest, InputImage
from pixelrelay.providers.base import ApiKey, Credential
from pixelrelay.router import Router
from pixelrelay.router.candidates import Candidate
from pixelrelay.router.inputs import read_image


def show_dry_run(
    config: RelayConfig, model: str, wanted: Wanted, images: tuple[str, ...], mask: str | None, *, as_json: bool
) -> None:
    """Print what the first candidate of each leg would be sent."""
    previews = anyio.run(partial(_previews, config, model, wanted, images, mask))
    if as_json:
        typer.echo(sends_json(previews))
    else:
        # Never broken into lines of a terminal's width: a body is copied from here.
        consoles.stdout().print(sends_view(previews), soft_wrap=True)


async def _previews(
    config: RelayConfig, model: str, wanted: Wanted, images: tuple[str, ...], mask: str | None
) -> list[Preview]:
    async with aclosing(Router(config)) as router:  # not entered: nothing is sent
        inputs = tuple([await _input(image, f"image[{at}]", config) for at, image in enumerate(images)])
        request = wanted.request(inputs, await _input(mask, "mask", config) if mask is not None else None)
        found = prospect(router, model, request, wanted)
        if not found.stages:
            raise UnservableRequestError(model, found.unfit)
        stage = found.stages[0]
        return [_preview(leg.name, leg.candidates[0], stage.request, stage.calls) for leg in stage.legs]


def _preview(leg: str, candidate: Candidate, request: ImageRequest, calls: int) -> Preview:
    exchange = candidate.exchange(candidate.fit(request).request)
    try:
        send = next(exchange)
    finally:
        exchange.close()
    deployment = candidate.deployment
    header = _secret_header(deployment.target.credential)
    return Preview(leg, candidate.name, deployment.provider.name, send, header, calls)


def _secret_header(credential: Credential | None) -> str | None:
    """Named without asking the credential for its headers: that may fetch a token."""
    match credential:
        case None:
            return None
        case ApiKey():
            return credential.header
        case _:
            return "authorization"


async def _input(given: str, where: str, config: RelayConfig) -> InputImage:
    return await read_image(given, where, _not_now if config.fetch_images else None, config.max_input_bytes)


async def _not_now(url: str) -> bytes:  # noqa: ARG001 - whatever the address
    raise ValueError("is an address, and a dry run fetches nothing; give a file")
