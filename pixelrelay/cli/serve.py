"""``pixelrelay serve``: the gateway, by a configuration or before an emulated fleet."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

import typer

from pixelrelay.cli import consoles, options
from pixelrelay.cli.sources import NoConfigError, config_path
from pixelrelay.config import RelayConfig, load
from pixelrelay.errors import PixelRelayError

try:
    from pixelrelay.server.serving import Launch, NotServableError, address_of, check, listen, run
    from pixelrelay.server.shared import sharing
    from pixelrelay.server.workers import Workers, outlive_no_parent
except ModuleNotFoundError as missing:
    if missing.name is None or missing.name.partition(".")[0] == "pixelrelay":
        raise
    raise ImportError(f"serve needs {missing.name!r}: pip install 'pixelrelay[server]'") from missing

LogLevel = Literal["debug", "info", "warning", "error"]


class UnsafeError(PixelRelayError):
    """It will not be served like that."""

    def __str__(self) -> str:
        return str(self.args[0])


def serve(
    config: options.ConfigFile = None,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="NUMBER", help="0 for one that is free.", min=0)] = 8000,
    workers: Annotated[
        int, typer.Option("--workers", metavar="NUMBER", help="Processes; more than one need a shared store.", min=1)
    ] = 1,
    log_level: Annotated[LogLevel, typer.Option("--log-level", metavar="LEVEL", help="debug, info …")] = "info",
) -> None:
    """Serve OpenAI's Images API. Without a configuration, an emulated fleet draws, which needs no key."""
    prepare_logging(log_level)
    try:
        path = config_path(config)
    except NoConfigError:
        with emulated() as emulating:
            _serve(Launch(emulating, host, port, workers), log_level, "an emulated fleet: there is no configuration")
        return
    reading = partial(load, path)
    _serve(Launch(reading(), host, port, workers, reading), log_level, str(path))


def _serve(launch: Launch, log_level: str, source: str) -> None:
    try:
        check(launch)
    except NotServableError as error:
        raise UnsafeError(str(error)) from error
    with listen(launch) as listening:
        _tell(launch, listening, source)
        if launch.workers == 1:
            run(launch, listening)
        else:
            _serve_from_several(launch, log_level, listening)


def _serve_from_several(launch: Launch, log_level: str, listening: socket.socket) -> None:
    with sharing() as shared:
        working = partial(work, replace(launch, shared=shared), log_level)
        Workers(working, listening, launch.workers, launch.config.server.drain_timeout, shared.forget).run()


def work(launch: Launch, log_level: str, listening: socket.socket) -> None:
    """What each of several workers does."""
    prepare_logging(log_level)
    outlive_no_parent()
    run(launch, listening)


def _tell(launch: Launch, listening: socket.socket, source: str) -> None:
    lines = [f"serving {', '.join(launch.config.models)} at {address_of(listening)}/v1, from {source}"]
    if not launch.config.server.has_keys:
        lines.append("no keys are configured: it listens on this machine alone, and asks nobody for one")
    console = consoles.stderr()
    for line in lines:
        console.print(line, soft_wrap=True)


@contextmanager
def emulated() -> Iterator[RelayConfig]:
    """The configuration of a small fleet that is emulated until the block ends."""
    try:
        from pixelrelay.testing import EmulatedDeployment, emulated_fleet
    except ImportError as missing:
        raise UnsafeError(f"{NoConfigError()}\n\nWithout one an emulated fleet is served, but {missing}") from missing
    fleet = (
        EmulatedDeployment("eastus", "azure-foundry", "FLUX.2-pro", requests_per_minute=60, latency=1.0),
        EmulatedDeployment("bfl", "black-forest-labs", "flux-2-pro", concurrent=24, latency=1.5),
        EmulatedDeployment("openai", "openai", "gpt-image-2", images_per_minute=60, latency=1.0),
    )
    with emulated_fleet(*fleet) as running:
        flux = [{**entry, "price": {"megapixel": 0.03}} for entry in running.entries("eastus", "bfl")]
        gpt_image = [{**entry, "price": {"image": 0.041}} for entry in running.entries("openai")]
        groups = {
            "flux": {"fallbacks": ["gpt-image"], "deployments": flux},
            "gpt-image": {"deployments": gpt_image},
        }
        yield load({"models": groups})


def prepare_logging(level: str) -> None:
    """To standard error, a line each."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=level.upper())
    logging.getLogger("pixelrelay").setLevel(level.upper())
    # Its own words on what the gateway tells already.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


__all__ = ["serve"]
