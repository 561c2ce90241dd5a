"""What the documents show is true: every example runs, every configuration loads, every link leads somewhere."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from pixelrelay.config import load
from pixelrelay.providers import registry
from pixelrelay.providers.overview import PAGES
from pixelrelay.testing import EmulatedDeployment, Fleet, emulated_fleet
from tests.servers import redis_server

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[Any]:
    return [
        pytest.param(found[2], id=f"{document.name}-{number}")
        for document in DOCUMENTS
        for number, found in enumerate(BLOCK.finditer(document.read_text("utf-8")))
        if found[1] == language
    ]


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """The fleet that the documents speak of."""
    with emulated_fleet(
        EmulatedDeployment("eastus", "azure-foundry", "FLUX.2-pro", latency=0.05),
        EmulatedDeployment("openai", "openai", "gpt-image-2", latency=0.05),
    ) as it:
        yield it


@pytest.fixture
def directory(fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory whose ``relay.yaml`` names the groups of the documents, served by the emulator."""
    groups = {
        "flux": {"fallbacks": ["gpt-image"], "deployments": fleet.entries("eastus")},
        "gpt-image": {"deployments": fleet.entries("openai")},
    }
    (tmp_path / "relay.yaml").write_text(yaml.safe_dump({"models": groups}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("source", blocks("python"))
def test_every_python_example_runs(source: str, directory: Path) -> None:
    code = compile(source, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names: dict[str, object] = {}
    outcome = eval(code, names)  # noqa: S307 - our own documents
    if outcome is not None:
        asyncio.run(outcome)
    assert names
    assert directory.exists()


@pytest.mark.parametrize("source", blocks("yaml"))
def test_every_configuration_loads(source: str) -> None:
    named = re.findall(r"(?:\$\{|os\.environ/)(\w+)", source)
    config = load(yaml.safe_load(source), environ={name: f"https://{name.lower()}.example" for name in named})
    assert config.models


COMMANDS = [
    (document, line.removeprefix("$ "))
    for document in DOCUMENTS
    for found in BLOCK.finditer(document.read_text("utf-8"))
    for line in found[2].splitlines()
    if found[1] == "console" and line.startswith("$ pixelrelay ")
]


@pytest.mark.parametrize("line", sorted({line for document, line in COMMANDS if document.name == "README.md"}))
def test_every_command_of_the_readme_runs(line: str, directory: Path) -> None:
    with ExitStack() as servers:
        if "fleet.yaml" in line:
            shared = {"store": servers.enter_context(redis_server()).url}
            relay = yaml.safe_load((directory / "relay.yaml").read_text())
            (directory / "fleet.yaml").write_text(yaml.safe_dump(relay | shared))
        run(line, directory)


def run(line: str, directory: Path) -> None:
    command = [sys.executable, "-m", *shlex.split(line)]
    done = subprocess.run(command, cwd=directory, env=os.environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_leads_to_a_file(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text("utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_provider_has_a_page() -> None:
    pages = {PAGES.get(name, name) for name in registry.BUILT_IN}

    assert {page.stem for page in (ROOT / "docs" / "providers").glob("*.md")} == pages
