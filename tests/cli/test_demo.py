"""The demo itself, as a user starts it: on emulators, and with keys that an emulated fleet takes for real."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from pixelrelay.config import load
from pixelrelay.testing import EmulatedDeployment, Fleet, emulated_fleet

KEYS = ("OPENAI", "BFL", "AZURE")


def demo(out: Path, *arguments: str, answer: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(KEYS)}
    command = [sys.executable, "-m", "pixelrelay", "demo", "--plain", "--out", str(out), *arguments]
    return subprocess.run(
        command, env={**bare, **variables}, input=answer, capture_output=True, text=True, timeout=120, check=False
    )


@contextmanager
def real_shop() -> Iterator[tuple[Fleet, dict[str, str]]]:
    """Three providers that take the demo's money, and the variables by which they are found."""
    with emulated_fleet(
        EmulatedDeployment("openai", "openai", "gpt-image-2", latency=0),
        EmulatedDeployment("bfl", "black-forest-labs", "flux-2-pro", latency=0),
        EmulatedDeployment("foundry", "azure-foundry", "FLUX.2-pro", latency=0),
    ) as fleet:
        yield (
            fleet,
            {
                "OPENAI_API_KEY": "emulated-key-of-openai",
                "OPENAI_BASE_URL": f"{fleet.url('openai')}/v1",
                "BFL_API_KEY": "emulated-key-of-bfl",
                "BFL_API_BASE": fleet.url("bfl"),
                "AZURE_AI_API_KEY": "emulated-key-of-foundry",
                "AZURE_AI_API_BASE": fleet.url("foundry"),
            },
        )


def numbers(said: str) -> dict[str, str]:
    """The summary's numbers, by their names."""
    return {
        found[1].strip(): found[2].strip()
        for found in re.finditer(r"^ *([a-z][a-z ]{3,12})  (\S.*?)  +\S", said, re.MULTILINE)
    }


def test_a_demo_serves_everybody_balances_its_books_and_leaves_a_page(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with emulated_fleet(EmulatedDeployment("decoy", "openai", "gpt-image-2", latency=0)) as paid:
        variables = {"OPENAI_API_KEY": "emulated-key-of-decoy", "OPENAI_BASE_URL": f"{paid.url('decoy')}/v1"}
        done = demo(out, "--requests", "60", "--speed", "100", **variables)
        assert paid.requests == ()  # the keys of the environment are nobody's business without --real

    assert done.returncode == 0, done.stdout + done.stderr
    said = numbers(done.stdout)
    assert said["served"] == "60 of 60"
    assert said["over quota"] == "0"
    assert said["westus down"] == "40.0 s"

    files = sorted((out / "pictures").iterdir())
    delivered = re.search(r"for (\d+) pictures delivered", done.stdout)
    assert delivered is not None
    assert int(delivered[1]) == len(files) >= 60
    page = (out / "index.html").read_text("utf-8")
    for file in files:
        with Image.open(file) as picture:
            picture.load()
            size = f'width="{picture.width}" height="{picture.height}"'
        assert re.search(rf'src="pictures/{file.name}"[^>]*{size}', page)
    assert said["billed"] in page
    assert not re.search(r"""(?:src|href|srcset|action)="(?!pictures/|\#)|url\(|@import|emulated-key""", page)


def test_the_configuration_that_a_demo_leaves_is_one_for_real_keys(tmp_path: Path) -> None:
    demo(tmp_path, "--requests", "1", "--speed", "200")
    written = (tmp_path / "relay.yaml").read_text("utf-8")

    assert "emulated-key" not in written
    assert "127.0.0.1" not in written
    variables = dict.fromkeys(re.findall(r"\$\{(\w+_KEY\w*)\}", written), "a-key")
    variables |= dict.fromkeys(
        re.findall(r"\$\{(AZURE_ENDPOINT\w+)\}", written), "https://contoso.services.ai.azure.com"
    )
    config = load(tmp_path / "relay.yaml", environ=variables)
    assert set(config.models) == {"flux", "edits", "flux-bfl", "gpt-image"}


def test_a_second_demo_leaves_no_picture_of_the_first_and_touches_nothing_else(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "0099.jpg").write_bytes(b"of the first")
    (pictures / "holiday.jpg").write_bytes(b"mine")
    demo(tmp_path, "--requests", "1", "--speed", "200")

    assert sorted(file.name for file in pictures.iterdir()) == ["0001.jpg", "holiday.jpg"]


def test_a_file_in_the_place_of_the_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    done = demo(tmp_path / "out", "--requests", "1")

    assert done.returncode == 2
    assert "name a directory" in done.stderr.replace("\n", " ")


# --- with real keys ----------------------------------------------------------------------------------------------


def test_without_keys_the_real_demo_says_which_it_looks_for(tmp_path: Path) -> None:
    done = demo(tmp_path, "--real")

    assert done.returncode == 2
    for variable in ("OPENAI_API_KEY", "BFL_API_KEY", "AZURE_AI_API_KEY, AZURE_AI_API_BASE", "AZURE_DEPLOYMENT"):
        assert variable in done.stdout


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_the_real_demo_says_what_it_will_buy_and_buys_nothing_without_consent(tmp_path: Path, answer: str) -> None:
    with real_shop() as (fleet, variables):
        done = demo(tmp_path, "--real", "--requests", "3", answer=answer, **variables)
        assert fleet.requests == ()

    assert done.returncode == 1
    assert "1 of 1024x1024 at quality low from openai (gpt-image-2): about $0.006" in done.stdout
    assert "together about $0.091" in done.stdout


@pytest.mark.parametrize(("arguments", "answer"), [((), "y\n"), (("--yes",), "")])
def test_the_real_demo_buys_a_picture_from_each_provider_in_turn(
    tmp_path: Path, arguments: tuple[str, ...], answer: str
) -> None:
    with real_shop() as (fleet, variables):
        done = demo(tmp_path, "--real", "--requests", "3", *arguments, answer=answer, **variables)
        assert {name: billed.pictures for name, billed in fleet.billed.items()} == {"openai": 1, "bfl": 1, "foundry": 1}

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((tmp_path / "pictures").iterdir())) == 3
    assert "bought from real providers" in (tmp_path / "index.html").read_text("utf-8")
    written = "".join(file.read_text("utf-8") for file in tmp_path.iterdir() if file.is_file())
    assert "emulated-key" not in written + done.stdout + done.stderr
