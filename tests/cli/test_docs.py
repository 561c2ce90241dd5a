"""What ``docs/cli.md`` shows is what happens."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from pixelrelay.cli.app import app
from pixelrelay.testing import Fault, FaultKind
from tests.cli.conftest import Serve
from tests.cli.desk import Desk, bfl, openai, words

TEXT = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
THEIRS = TEXT.partition("## `pixelrelay convert")[2].partition("```yaml\n")[2].partition("```")[0]
CONFIG: Any = yaml.safe_load(TEXT.partition("```yaml\n")[2].partition("```")[0])
EXAMPLES = re.findall(r"```console\n\$ pixelrelay ([^\n]*)\n(.*?)```", TEXT, re.DOTALL)


def options_of(command: str) -> set[str]:
    """Every way to spell an option of ``command``."""
    group: Any = typer.main.get_command(app)
    found = group.get_command(None, command)
    return {spelling for one in found.params for spelling in (*one.opts, *one.secondary_opts)} | {"--help"}


def masked(text: str) -> str:
    """``text`` without what differs from run to run: durations, sizes of files, the widths of tables."""
    return words(re.sub(r"─+", "─", re.sub(r"\d+(\.\d+)? (s|kB)\b", r"# \2", text)))


@pytest.mark.parametrize(
    "command", ["generate", "edit", "check", "explain", "prices", "models", "serve", "keys", "convert"]
)
def test_every_option_that_a_section_names_exists(command: str) -> None:
    section = re.search(rf"## `pixelrelay {command}.*?(?=\n## |\Z)", TEXT, re.DOTALL)
    assert section is not None
    named = set(
        re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", re.sub(r"```\w*\n[^$].*?```", "", section[0], flags=re.DOTALL))
    )

    assert named <= options_of(command)


def test_the_section_of_generate_leaves_no_option_out() -> None:
    section = TEXT.partition("## `pixelrelay generate")[2].partition("## `pixelrelay check")[0]
    before = TEXT.partition("## `pixelrelay generate")[0]
    hidden = {spelling for spelling in options_of("edit") if spelling not in section + before}

    # What has two spellings is shown by one of them.
    assert hidden <= {"--n", "-c", "-m", "-o", "-p", "--help"}


@pytest.mark.parametrize(("arguments", "output"), [one for one in EXAMPLES if "night" not in one[0]])
def test_an_example_prints_what_it_is_said_to(desk: Desk, arguments: str, output: str) -> None:
    desk.environ = {"OPENAI_API_KEY": "key-of-openai", "BFL_API_KEY": "key-of-bfl"}
    desk.write(CONFIG)
    misspelt = yaml.safe_dump(CONFIG, sort_keys=False).replace("- flux\n", "- flx\n")
    desk.write(misspelt.replace("images_per_minute", "images_per_minut"), "misspelt.yaml")
    desk.write(THEIRS, "config.yaml")
    desk.picture("house.png")

    ran = desk.run(*shlex.split(arguments))

    assert masked(ran.stdout) == masked(output)
    assert ran.stderr == ""


def test_the_example_of_a_fallback_prints_what_it_is_said_to(desk: Desk, serve: Serve) -> None:
    ((arguments, output),) = [one for one in EXAMPLES if "night" in one[0]]
    desk.width = 88
    entries = [entry for group in CONFIG["models"].values() for entry in group["deployments"]]
    serve(
        images=[openai(faults=(Fault(FaultKind.UNAVAILABLE),))],
        flux=[bfl()],
        settings={"images": {"fallbacks": ["flux"]}},
        further={entry["name"]: {"price": entry["price"]} for entry in entries},
    )

    ran = desk.run(*shlex.split(arguments))

    assert ran.exit_code == 0, ran.output
    assert masked(ran.stdout) == masked(output)
