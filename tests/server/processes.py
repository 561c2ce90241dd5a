"""A gateway as people start it: in a process of its own, on a port of this machine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import yaml

from pixelrelay.testing import Fleet
from tests.servers import RedisServer

STARTS_WITHIN = 40.0
ENDS_WITHIN = 40.0


@dataclass(slots=True)
class Serving:
    """One that runs."""

    process: subprocess.Popen[bytes]
    folder: Path
    address: str

    @property
    def base_url(self) -> str:
        return f"{self.address}/v1"

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def write(self, config: Mapping[str, Any]) -> None:
        """As its configuration from the next reload on."""
        (self.folder / "relay.yaml").write_text(yaml.safe_dump(dict(config)))

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Its exit code, once it has ended by itself."""
        return self.process.wait(ENDS_WITHIN)

    def until(self, holds: Callable[[], bool], within: float = 20.0) -> None:
        """Wait for what happens in the real world."""
        ends = time.monotonic() + within
        while not holds():
            assert time.monotonic() < ends, f"not within {within:g} s:\n{self.log()}"
            time.sleep(0.02)

    def get(self, path: str, **options: Any) -> httpx2.Response:
        return httpx2.get(self.address + path, timeout=20, **options)


def config_of(fleet: Fleet, group: str = "images", **settings: Any) -> dict[str, Any]:
    return {**fleet.config(group), **settings}


def on(redis: RedisServer) -> dict[str, Any]:
    """To share this store, and not think it lost where the machine has others to run."""
    return {"store": redis.url, "store_timeout": 3.0}


def most_memory(at: Serving) -> int:
    """The most memory that the process ever had, in bytes."""
    return _status(at, "VmHWM")


def memory(at: Serving) -> int:
    """What the process has in memory, in bytes."""
    return _status(at, "VmRSS")


def _status(at: Serving, field: str) -> int:
    status = Path(f"/proc/{at.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024


@contextmanager
def serving(
    folder: Path, config: Mapping[str, Any] | None, *arguments: str, environ: Mapping[str, str] | None = None
) -> Iterator[Serving]:
    """``pixelrelay serve`` by this configuration, listening, until the block ends; without one, the emulated fleet."""
    folder.mkdir(exist_ok=True)
    named = []
    if config is not None:
        (folder / "relay.yaml").write_text(yaml.safe_dump(dict(config)))
        named = ["--config", str(folder / "relay.yaml")]
    command = [sys.executable, "-m", "pixelrelay", "serve", "--port", "0", *named, *arguments]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=log,
            stderr=log,
            env={**os.environ, "PIXELRELAY_CONFIG": "", "COLUMNS": "200", **(environ or {})},
        )
    try:
        yield Serving(process, folder, _address(process, folder / "log"))
    finally:
        process.kill()
        process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    ends = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < ends:
        assert process.poll() is None, log.read_text()
        found = re.search(r" at (http://\S+)/v1", log.read_text())
        if found and _answers(found[1]):
            return found[1]
        time.sleep(0.02)
    raise TimeoutError(f"it does not start:\n{log.read_text()}")


def _answers(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/health/ready", timeout=20).status_code == 200
    except httpx2.TransportError:
        return False
