"""Which configuration is meant, and which of its models."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pixelrelay.config import RelayConfig
from pixelrelay.errors import PixelRelayError

NAMES = ("pixelrelay.yaml", "pixelrelay.yml", "pixelrelay.toml")
VARIABLE = "PIXELRELAY_CONFIG"
SMALLEST = """\
models:
  images:
    deployments:
      - name: openai
        provider: openai
        model: gpt-image-2
        api_key: ${OPENAI_API_KEY}
"""


class NoConfigError(PixelRelayError):
    """No configuration was named, and none lies where one is looked for."""

    def __str__(self) -> str:
        example = "".join(f"  {line}\n" for line in SMALLEST.splitlines())
        return (
            f"no configuration: there is no {', '.join(NAMES[:-1])} or {NAMES[-1]} in this directory, and "
            f"${VARIABLE} is not set.\n"
            f"Name one with --config, or begin with a {NAMES[0]} like this:\n\n{example.rstrip()}"
        )


class NoModelError(PixelRelayError):
    """No model was named where there are several."""

    def __init__(self, groups: tuple[str, ...]) -> None:
        super().__init__(groups)
        self.groups = groups

    def __str__(self) -> str:
        return f"which model? There are {', '.join(self.groups)}; name one with --model"


def config_path(given: Path | None, directory: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The file to read: as given, else one lying in ``directory``, else the one the environment names."""
    if given is not None:
        return given
    here = directory or Path()
    found = next((here / name for name in NAMES if (here / name).is_file()), None)
    if found is not None:
        return found
    if named := environ.get(VARIABLE):
        return Path(named)
    raise NoConfigError


def model_of(config: RelayConfig, given: str | None) -> str:
    """The model as given, else the only group. It may still be one that does not exist."""
    if given is not None:
        return given
    if len(config.models) > 1:
        raise NoModelError(tuple(config.models))
    return next(iter(config.models))
