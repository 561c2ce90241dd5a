"""A directory with a configuration in it, and the command line to run there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import chdir
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml
from PIL import Image
from typer.testing import CliRunner, Result

from pixelrelay.cli.app import app
from pixelrelay.testing import EmulatedDeployment

KEY = "emulated-key-0123456789"


@dataclass(slots=True)
class Desk:
    """Commands are run in ``directory``, as wide as ``width``, with ``environ`` besides what is there."""

    directory: Path
    width: int = 100
    environ: dict[str, str] = field(default_factory=dict)

    def write(self, config: Any, name: str = "pixelrelay.yaml") -> Path:
        path = self.directory / name
        path.write_text(config if isinstance(config, str) else yaml.safe_dump(config, sort_keys=False))
        return path

    def picture(self, name: str = "house.png", size: tuple[int, int] = (1024, 1024), mode: str = "RGB") -> Path:
        path = self.directory / name
        target = BytesIO()
        Image.new(mode, size, (200, 30, 30) if mode == "RGB" else (0, 0, 0, 0)).save(target, "PNG")
        path.write_bytes(target.getvalue())
        return path

    def run(self, *arguments: str) -> Result:
        """In this process."""
        with chdir(self.directory):
            return CliRunner().invoke(app, arguments, env=self._environ())

    def process(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """As ``python -m pixelrelay`` in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "pixelrelay", *arguments],
            cwd=self.directory,
            env={**os.environ, **self._environ()},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def started(self, *arguments: str) -> subprocess.Popen[str]:
        """The same, left running."""
        return subprocess.Popen(
            [sys.executable, "-m", "pixelrelay", *arguments],
            cwd=self.directory,
            env={**os.environ, **self._environ()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def told(self, *arguments: str) -> Any:
        """The JSON that a command prints."""
        ran = self.run(*arguments, "--json")
        assert ran.exit_code == 0, ran.output
        return json.loads(ran.stdout)

    def files(self, under: str = ".") -> list[str]:
        """The pictures that lie there."""
        kinds = {".png", ".jpg", ".jpeg", ".webp"}
        return sorted(path.name for path in (self.directory / under).iterdir() if path.suffix in kinds)

    def _environ(self) -> dict[str, str]:
        return {"COLUMNS": str(self.width), "PIXELRELAY_CONFIG": "", **self.environ}


def opened(path: Path) -> Image.Image:
    picture = Image.open(BytesIO(path.read_bytes()))
    picture.load()
    return picture


def words(text: str) -> str:
    """``text`` without the line breaks and spaces that a table puts in."""
    return re.sub(r"\s+", " ", text)


def openai(name: str = "openai", **options: Any) -> EmulatedDeployment:
    return EmulatedDeployment(name, "openai", "gpt-image-2", **{"latency": 0, "api_key": KEY, **options})


def foundry(name: str = "eastus", **options: Any) -> EmulatedDeployment:
    return EmulatedDeployment(name, "azure-foundry", "FLUX.2-pro", **{"latency": 0, "api_key": KEY, **options})


def bfl(name: str = "bfl", **options: Any) -> EmulatedDeployment:
    return EmulatedDeployment(name, "black-forest-labs", "flux-2-pro", **{"latency": 0, "api_key": KEY, **options})
