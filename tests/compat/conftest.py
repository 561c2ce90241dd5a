"""Emulated providers, with the environment that leads LiteLLM's callers to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, TypeAlias

import pytest

from pixelrelay.compat import litellm
from pixelrelay.testing import Fleet, emulated_fleet
from tests.compat.desk import DEPLOYMENTS, environment, picture
from tests.providers.test_google_tokens import account, private_key  # noqa: F401 - fixtures

Opened: TypeAlias = Callable[[str], BinaryIO]


@pytest.fixture(scope="package")
def fleet() -> Iterator[Fleet]:
    with emulated_fleet(*DEPLOYMENTS) as running:
        yield running


@pytest.fixture
def desk(fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with pictures in it, and the keys and addresses of the emulated providers around it."""
    for name, value in environment(fleet).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    for name in ("original_image", "image1", "image2", "image3"):
        Path(f"{name}.png").write_bytes(picture())
    Path("mask_image.png").write_bytes(picture(mode="RGBA"))
    yield tmp_path
    litellm.close()


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens a file as the examples do, and closes it, as they do not."""
    with ExitStack() as files:
        yield lambda name: files.enter_context(Path(name).open("rb"))


@pytest.fixture
def google_key(tmp_path: Path, account: dict[str, str]) -> Path:  # noqa: F811 - the fixture
    """The file of a service account's key whose first token is the one that the emulated Vertex knows."""
    path = tmp_path / "service-account.json"
    path.write_text(json.dumps(account))
    return path
