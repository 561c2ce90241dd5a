"""What the fleet's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fleet.machine import Machine, watched_machine


@pytest.fixture
def machine() -> Iterator[Machine]:
    """The machine under the test, watched for as long as it runs."""
    with watched_machine() as watched:
        yield watched
