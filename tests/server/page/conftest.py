"""What the tests of the live page share: a browser, and a gateway in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from pixelrelay.testing import EmulatedDeployment, Fault, FaultKind, Fleet, emulated_fleet
from tests.server.page.browser import Window, chromium, window
from tests.server.page.visits import config
from tests.server.processes import Serving, serving


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as it:
        yield it


@pytest.fixture(scope="package")
def fleet() -> Iterator[Fleet]:
    with emulated_fleet(
        EmulatedDeployment("foundry", "azure-foundry", "FLUX.2-pro", requests_per_minute=600, latency=0.3),
        EmulatedDeployment("bfl", "black-forest-labs", "flux-2-pro", concurrent=24, latency=0.3),
        EmulatedDeployment("openai", "openai", "gpt-image-2", latency=0.6),
        EmulatedDeployment("recraft", "recraft", "recraftv4_1_vector", latency=0.1),
        EmulatedDeployment(
            "strict", "azure-foundry", "FLUX.2-pro", latency=0.1, faults=(Fault(FaultKind.MODERATED_INPUT),)
        ),
    ) as it:
        yield it


@pytest.fixture(scope="package")
def at(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("gateway"), config(fleet)) as it:
        yield it


@pytest.fixture
def shown(browser: Browser, at: Serving) -> Iterator[Window]:
    with window(browser, at.address, viewport={"width": 1280, "height": 900}) as it:
        it.until("document.querySelectorAll('.deployments > li').length === 5")
        yield it
