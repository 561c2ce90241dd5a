"""Fixtures for other people's tests: ``pytest_plugins = ["pixelrelay.testing.pytest_plugin"]``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TypeAlias

import pytest

from pixelrelay.testing import EmulatedDeployment, Fleet
from pixelrelay.testing import emulated_fleet as _emulated_fleet

FleetFactory: TypeAlias = Callable[..., Fleet]


@pytest.fixture
def emulated_fleet_factory() -> Iterator[FleetFactory]:
    """Starts fleets on loopback sockets, called like ``pixelrelay.testing.emulated_fleet``; they end with the test."""
    with ExitStack() as running:

        def start(*deployments: EmulatedDeployment, seed: int = 0, speed: float = 1.0) -> Fleet:
            return running.enter_context(_emulated_fleet(*deployments, seed=seed, speed=speed))

        yield start


@pytest.fixture
def emulated_fleet(emulated_fleet_factory: FleetFactory) -> Fleet:
    """A fleet of four, one of each provider, without quotas, that answers at once."""
    return emulated_fleet_factory(
        EmulatedDeployment("openai", "openai", "gpt-image-2", latency=0),
        EmulatedDeployment("azure", "azure-openai", "gpt-image-2", latency=0),
        EmulatedDeployment("foundry", "azure-foundry", "FLUX.2-pro", latency=0),
        EmulatedDeployment("bfl", "black-forest-labs", "flux-2-pro", latency=0),
    )
