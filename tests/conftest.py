"""What every test shares: two loops whose time jumps, so that nothing waits for the wall clock."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from pixelrelay.testing.clocks import VirtualLoop


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    """Every async test runs on both loops, and sleeps pass at once. Tests on sockets override this fixture."""
    if request.param == "trio":
        return "trio", {"clock": MockClock(autojump_threshold=0)}
    return "asyncio", {"loop_factory": VirtualLoop}
