"""One fleet of all providers for the tests that only ask and are answered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pixelrelay.testing import Fleet, emulated_fleet
from tests.emulator.scenes import azure, bfl, foundry, openai, openrouter, recraft


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    """Without quotas or faults, and everything takes no time."""
    with emulated_fleet(openai(), azure(), foundry(), bfl(), openrouter(), recraft()) as running:
        yield running
