"""One fleet of all four providers for the tests that only ask and are answered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pixelrelay.testing import Fleet, emulated_fleet
from tests.emulator.scenes import azure, bfl, foundry, openai


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    """Without quotas or faults, and everything takes no time."""
    with emulated_fleet(openai(), azure(), foundry(), bfl()) as running:
        yield running
