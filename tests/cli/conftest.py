"""Emulated providers on sockets, and a desk whose configuration names them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from pixelrelay.testing import EmulatedDeployment, Fleet, emulated_fleet
from tests.cli.desk import Desk

Serve: TypeAlias = Callable[..., Fleet]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def serve(desk: Desk) -> Iterator[Serve]:
    """Starts a fleet and writes a configuration with a group for each keyword: ``serve(flux=[foundry()])``.

    ``settings`` are further keys of a group, ``further`` of a deployment, by name.
    """
    with ExitStack() as running:

        def start(
            *,
            settings: dict[str, Any] | None = None,
            further: dict[str, Any] | None = None,
            **groups: list[EmulatedDeployment],
        ) -> Fleet:
            fleet = running.enter_context(emulated_fleet(*(one for members in groups.values() for one in members)))
            entries = {entry["name"]: {**entry, **(further or {}).get(entry["name"], {})} for entry in fleet.entries()}
            models = {
                name: {**(settings or {}).get(name, {}), "deployments": [entries[one.name] for one in members]}
                for name, members in groups.items()
            }
            desk.write({"models": models})
            return fleet

        yield start
