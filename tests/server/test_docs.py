"""What ``docs/gateway.md`` shows is what happens."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pixelrelay.config.server import hash_of
from pixelrelay.server.drawing import LINKS
from pixelrelay.server.fields import WAY
from pixelrelay.server.refusals import ROWS
from pixelrelay.testing import EmulatedDeployment, emulated_fleet
from tests.server.processes import Serving, serving
from tests.server.scenes import MASTER, picture

TEXT = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text("utf-8")
WRITTEN = "http://localhost:8000"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    flux = EmulatedDeployment("eastus", "azure-foundry", "FLUX.2-pro", latency=0.05)
    openai = EmulatedDeployment("openai", "openai", "gpt-image-2", latency=0.05)
    with emulated_fleet(flux, openai) as fleet:
        config = {
            "models": {
                "flux": {"deployments": fleet.entries("eastus")},
                "gpt-image": {"deployments": fleet.entries("openai")},
            },
            "server": {"master_key": hash_of(MASTER)},
        }
        with serving(tmp_path_factory.mktemp("gateway"), config) as it:
            (it.folder / "house.png").write_bytes(picture())
            yield it


@pytest.mark.parametrize("source", blocks("py"), ids=["openai", "streaming", "azure"])
def test_every_example_of_a_client_runs(at: Serving, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(at.folder)
    names: dict[str, Any] = {"key": MASTER}
    source = source.replace(WRITTEN, at.address).replace('open("house.png", "rb")', 'Path("house.png")')

    exec(f"from pathlib import Path\n{source}", names)  # noqa: S102 - our own documents

    drawn = names.get("drawn") or names["event"]
    assert drawn
    names["client"].close()


@pytest.mark.parametrize("command", blocks("sh"), ids=["generations", "edits"])
def test_every_example_of_curl_runs(at: Serving, command: str) -> None:
    ran = subprocess.run(
        ["bash", "-c", command.replace(WRITTEN, at.address).replace("curl ", "curl --silent ", 1)],
        cwd=at.folder,
        env={**os.environ, "PIXELRELAY_KEY": MASTER},
        capture_output=True,
        check=True,
        timeout=60,
    )

    assert json.loads(ran.stdout)["data"][0]["b64_json"]


def test_every_field_and_every_code_is_told() -> None:
    for name in WAY:
        assert f"`{name}`" in TEXT
        assert f"x-pixelrelay-{name.replace('_', '-')}" in TEXT
    bases = {"internal_error", "provider_error", "configuration_error", "refused", "not_served"}
    assert all(f"`{row.code}`" in TEXT for row in ROWS.values() if row.code not in bases)
    assert all(f"`{links}`" in TEXT for links in LINKS)
