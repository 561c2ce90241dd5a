"""What every test shares: two loops whose time jumps, so that nothing waits for the wall clock.

Property tests draw the same examples in every run, so that a change is judged by what it changes. To look for new
ones: ``pytest --hypothesis-profile=explore``.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from trio.testing import MockClock

from pixelrelay.testing.clocks import VirtualLoop

settings.register_profile("steady", derandomize=True, deadline=None, database=None)
settings.register_profile("explore", deadline=None)
settings.load_profile("steady")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    """Every async test runs on both loops, and sleeps pass at once. Tests on sockets override this fixture."""
    if request.param == "trio":
        return "trio", {"clock": MockClock(autojump_threshold=0)}
    return "asyncio", {"loop_factory": VirtualLoop}
