"""Who is compared, how each is started, and whether it is there: ``scripts/bench`` puts them in these places."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from benchmarks.processes import ROOT

LITELLM = ROOT / ".venv-bench-litellm" / "bin" / "python"
PORTKEY = ROOT / ".bench-portkey" / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"


class NotHereError(Exception):
    """A contender cannot be measured on this machine; the message says why, and what would help."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One who answers jobs (see ``processes.Worker``)."""

    name: str
    module: str
    """Of ``benchmarks.contenders``."""
    settings: str
    """How it is set up: what a reader has to know to judge whether that is fair."""
    arguments: tuple[str, ...] = ()
    in_litellm_environment: bool = False
    is_cheap: bool = False
    """Whether it is there wherever pixelrelay is developed, so that quick runs measure it too."""

    def command(self) -> list[str]:
        python = str(litellm_python()) if self.in_litellm_environment else sys.executable
        return [python, "-m", f"benchmarks.contenders.{self.module}", *self.arguments]


def litellm_python() -> Path:
    if not LITELLM.exists():
        raise NotHereError("LiteLLM is not installed here; scripts/bench installs it where pip can")
    return LITELLM


def portkey_command(port: int) -> list[str]:
    node = shutil.which("node")
    if node is None:
        raise NotHereError("it needs node, and there is none; on Debian: apt-get install nodejs npm")
    if not PORTKEY.exists():
        raise NotHereError("it is not installed here; scripts/bench installs it where npm can")
    return [node, str(PORTKEY), f"--port={port}", "--headless"]


def nginx() -> str:
    found = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if found is None:
        raise NotHereError("there is no nginx; on Debian: apt-get install nginx-light")
    return found


BARE_AIOHTTP = Contender(
    "bare aiohttp", "bare_aiohttp", "POST, read, json.loads; connections without limit", is_cheap=True
)
BARE_AIOHTTP_BYTES = Contender(
    "bare aiohttp, bytes", "bare_aiohttp", "POST, read; the body is left as bytes", ("--bytes",), is_cheap=True
)
BARE_HTTPX2 = Contender("bare httpx2", "bare_httpx2", "POST, json(); connections without limit")
OPENAI = Contender("OpenAI's client", "openai_client", "AsyncOpenAI as it comes; max_retries=0", is_cheap=True)
PIXELRELAY = Contender(
    "pixelrelay",
    "pixelrelay_router",
    "Router; least-busy; each deployment has a quota of requests, and a price",
    is_cheap=True,
)
LITELLM_ROUTER = Contender(
    "LiteLLM's Router",
    "litellm_router",
    "Router; simple-shuffle (its default); num_retries=0; LITELLM_LOG=ERROR",
    in_litellm_environment=True,
)

LOAD = Contender("client", "load", "bare aiohttp on uvloop")


def versions() -> list[str]:
    """What is measured: name and version of each package that is there."""
    found = [f"{name} {metadata.version(name)}" for name in ("pixelrelay", "aiohttp", "httpx2", "openai", "uvloop")]
    installed = LITELLM.parent.parent.glob("lib/python3*/site-packages/litellm-*.dist-info")
    found += [package.name.removesuffix(".dist-info").replace("-", " ") for package in installed]
    return found
