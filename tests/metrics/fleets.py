"""An emulated fleet in memory, a router over it, and what a registry exposes of it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from random import Random
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pixelrelay import Images, PixelRelayError, Router
from pixelrelay._transport.transport import Transport
from pixelrelay.store.base import Store
from pixelrelay.testing import EmulatedDeployment, Fault, FaultKind, Fleet

FLUX = "azure-foundry"
PICTURE = base64.b64decode(
    b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)
"""A PNG of one pixel."""


def flux(name: str, *faults: Fault, **settings: Any) -> EmulatedDeployment:
    """FLUX.2-pro on Azure, which answers after six seconds."""
    return EmulatedDeployment(name, FLUX, "FLUX.2-pro", **{"latency": 6.0, "faults": faults, **settings})


def always(kind: FaultKind, **settings: Any) -> Fault:
    return Fault(kind, **settings)


def priced(fleet: Fleet, group: str = "flux", image: float = 0.05, **settings: Any) -> dict[str, Any]:
    """The fleet as one group, asked in its own order, at five cents a picture."""
    config = fleet.config(group, strategy="ordered", **settings)
    for order, deployment in enumerate(config["models"][group]["deployments"]):
        deployment |= {"order": order, "price": {"image": image}}
    return config


def routed(fleet: Fleet, config: Mapping[str, Any] | None = None, store: Store | None = None) -> Router:
    """A router that draws the same lots at each run."""
    transport = Transport(fleet.engine(), rng=Random(7))
    return Router(config or priced(fleet), store=store, transport=transport, rng=Random(7))


async def asked(router: Router, model: str = "flux", **arguments: Any) -> Images | PixelRelayError:
    """The pictures, or the error that the caller was told."""
    try:
        return await router.generate(model, "a lighthouse", **{"size": "1024x1024", **arguments})
    except PixelRelayError as error:
        return error


Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def series(registry: CollectorRegistry) -> Series:
    """What a scrape finds, by name and labels, without the moments at which series began."""
    text = generate_latest(registry).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def value(registry: CollectorRegistry, name: str, /, **labels: str) -> float | None:
    """The one series of exactly these labels; ``None`` if there is none."""
    return series(registry).get((name, frozenset(labels.items())))
