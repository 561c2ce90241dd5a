"""Providers by name."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from pixelrelay.providers.openai import OpenAI
from pixelrelay.providers.registry import BUILT_IN, UnknownProviderError, provider, provider_names


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_built_in_provider_is_found_by_the_name_it_has(name: str) -> None:
    found = provider(name)

    assert found.name == name
    assert provider(name) is found


def test_all_names_are_known_in_order() -> None:
    assert set(BUILT_IN) <= set(provider_names())
    assert list(provider_names()) == sorted(provider_names())


def test_providers_are_imported_when_they_are_asked_for() -> None:
    code = (
        "import sys; from pixelrelay.providers import registry; registry.provider_names(); "
        "print([name for name in sys.modules if name in {'pixelrelay.providers.openai', 'azure.identity'}])"
    )

    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("open-ai", "no provider is named 'open-ai'; did you mean 'openai'?"),
        ("azure_openai", "no provider is named 'azure_openai'; did you mean 'azure-openai'?"),
        ("zzz", f"no provider is named 'zzz'; there are {', '.join(provider_names())}"),
    ],
)
def test_an_unknown_name_is_told_the_closest(name: str, said: str) -> None:
    with pytest.raises(UnknownProviderError) as unknown:
        provider(name)

    assert str(unknown.value) == said
    assert str(pickle.loads(pickle.dumps(unknown.value))) == said  # noqa: S301 - pickled here


def test_another_package_adds_a_provider_and_cannot_take_over_a_built_in_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "crayon_provider.py").write_text("class Crayon:\n    name = 'crayon'\n\nthe_one = Crayon()\n")
    installed = tmp_path / "crayon-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: crayon\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(
        "[pixelrelay.providers]\n"
        "crayon = crayon_provider:Crayon\n"
        "one-crayon = crayon_provider:the_one\n"
        "openai = crayon_provider:Crayon\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    assert {"crayon", "one-crayon"} <= set(provider_names())
    assert provider("crayon").name == "crayon"
    assert provider("one-crayon").name == "crayon"
    assert isinstance(provider("openai"), OpenAI)
