"""The command line as people start it: in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from importlib.metadata import version

import pytest

from pixelrelay.testing import Fleet
from tests.cli.conftest import Serve
from tests.cli.desk import KEY, Desk, bfl, foundry, openai

WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "{package}":
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
from pixelrelay.cli import main
main()
"""


def test_python_m_pixelrelay_draws_a_picture(desk: Desk, serve: Serve) -> None:
    serve(images=[openai()])

    ran = desk.process("generate", "a boat", "--out", "boat.png")

    assert ran.returncode == 0, ran.stderr
    assert desk.files() == ["boat.png"]
    assert "boat.png  1024x1024, image/png" in ran.stdout
    assert "\x1b" not in ran.stdout + ran.stderr


def test_its_output_can_be_read_by_programs_while_the_story_goes_elsewhere(desk: Desk, serve: Serve) -> None:
    serve(images=[openai()])

    ran = desk.process("generate", "a boat", "--json")

    assert json.loads(ran.stdout)["route"]["deployment"] == "openai"
    assert "attempt on openai (openai)" in ran.stderr


def test_the_version_is_told_at_once(desk: Desk) -> None:
    ran = desk.process("--version")

    assert ran.stdout == f"pixelrelay {version('pixelrelay')}\n"
    assert ran.returncode == 0


def test_an_error_is_one_line_and_its_words_are_not_broken_for_programs(desk: Desk) -> None:
    desk.width = 40
    desk.write("models: {}")

    ran = desk.process("generate", "a boat")

    assert ran.returncode == 1
    assert ran.stderr == "error: pixelrelay.yaml: models: is empty\n"


def test_warnings_are_told_once_and_only_of_the_group_that_is_asked(desk: Desk, serve: Serve) -> None:
    serve(flux=[foundry()], gpt=[openai()], further={"eastus": {"model": "FLUX.99"}})

    asked, other = desk.process("generate", "a boat", "-m", "flux"), desk.process("generate", "a boat", "-m", "gpt")

    assert asked.stderr.count("FLUX.99") == asked.stderr.count("warning: models.flux.deployments[0].model: ") == 1
    assert "warning" not in other.stderr


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_a_missing_extra_is_named_in_one_line_with_the_command_that_brings_it(package: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(package=package)], capture_output=True, text=True, check=False
    )

    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr == f"the command line needs {package!r}: pip install 'pixelrelay[cli]'\n"


def test_what_is_missing_for_one_command_leaves_the_others_alone() -> None:
    script = WITHOUT.format(package="pixelrelay_demo").replace("pixelrelay_demo", "never")
    script = script.replace('name.partition(".")[0] == "never"', 'name == "pixelrelay.cli.demo"')

    def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", script, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert ran("--help").returncode == 0
    assert "generate" in ran("--help").stdout
    assert ran("demo").returncode == 2
    assert ran("demo").stderr == "error: No module named 'pixelrelay.cli.demo'\n"


@pytest.mark.parametrize(("count", "boats"), [("1", 1), ("3", 3)])
def test_an_interrupted_command_settles_its_attempts_and_says_what_may_have_been_billed(
    desk: Desk, serve: Serve, count: str, boats: int
) -> None:
    fleet = serve(images=[bfl(latency=60)])
    running = desk.started("generate", "a boat", "-n", count)
    _until(lambda: _under_way(fleet, boats), running)

    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=20)

    assert running.returncode == 130
    assert "Traceback" not in err
    assert "\ninterrupted\n" in err
    assert err.count("\nbfl: the caller left when the attempt was ") == boats
    assert "it may have been billed" in err
    assert KEY not in out + err
    assert desk.files() == []


def _under_way(fleet: Fleet, jobs: int) -> bool:
    """Whether so many jobs are accepted, and one of them has been asked after."""
    done = [one.operation for one in fleet.requests]
    return done.count("generate") == jobs and "poll" in done


def _until(holds: object, running: subprocess.Popen[str]) -> None:
    """Wait for what another process does in its own time."""
    assert callable(holds)
    end = time.monotonic() + 30
    while not holds():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < end, "it never came to that"
        threading.Event().wait(0.02)
