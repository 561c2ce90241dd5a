"""Whoever lacks the extra is told how to get it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pixelrelay.testing

# An import of what is not installed fails like this; a fresh interpreter, so that nothing is loaded before.
WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "{package}":
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
import pixelrelay.testing
"""


@pytest.mark.parametrize("package", ["starlette", "PIL", "uvicorn"])
def test_a_missing_extra_is_named_with_the_command_that_brings_it(package: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(package=package)], capture_output=True, text=True, check=False
    )

    last = ran.stderr.strip().splitlines()[-1]
    assert ran.returncode == 1
    assert last.startswith(f"ImportError: pixelrelay.testing needs '{package}")
    assert "pip install 'pixelrelay[testing]'" in last


def test_the_public_names_are_listed_in_order_and_exist() -> None:
    names = pixelrelay.testing.__all__

    assert names == sorted(names, key=lambda name: (not name.isupper(), name))
    assert all(hasattr(pixelrelay.testing, name) for name in names)
