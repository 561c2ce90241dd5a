"""LiteLLM's own client, pointed at a gateway: ``scripts/test-clients`` names an interpreter that has it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from pixelrelay.config.server import hash_of
from pixelrelay.testing import EmulatedDeployment, emulated_fleet
from tests.server.processes import serving
from tests.server.scenes import MASTER

CALLS = Path(__file__).with_name("litellm_calls.py")
PYTHON = os.environ.get("PIXELRELAY_LITELLM_PYTHON")


@pytest.mark.slow
@pytest.mark.skipif(PYTHON is None, reason="PIXELRELAY_LITELLM_PYTHON names no interpreter that has LiteLLM")
def test_litellms_client_draws_edits_and_hears_what_is_wrong(tmp_path: Path) -> None:
    with emulated_fleet(EmulatedDeployment("openai", "openai", "gpt-image-2", latency=0.05)) as fleet:
        config = {
            "models": {"gpt-image-2": {"deployments": fleet.entries("openai")}},
            "server": {"master_key": hash_of(MASTER)},
        }
        with serving(tmp_path, config) as at:
            # Without its own list of prices it would look for one on the internet first.
            environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
            command = [str(PYTHON), str(CALLS), at.base_url, MASTER]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert told == {
        "generation": [True],
        "two": [True, True],
        "edit": [True],
        "awaited": [True],
        "router": [True],
        "unknown": "NotFoundError",
        "key": "AuthenticationError",
        "moderated": "BadRequestError",
    }
