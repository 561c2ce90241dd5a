"""The table of the README is the one that the providers' rows make."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixelrelay.providers import registry
from pixelrelay.providers.overview import BEGIN, END, main, overview, written_anew

README = Path(__file__).parents[2] / "README.md"


def test_the_table_of_the_readme_is_made_from_the_rows() -> None:
    text = README.read_text("utf-8")

    assert written_anew(text) == text, "make it anew: python -m pixelrelay.providers.overview README.md"


def test_there_is_a_line_for_every_provider_with_the_most_that_its_models_can() -> None:
    lines = overview().splitlines()

    assert [line.split("`")[1] for line in lines[2:]] == list(registry.provider_names())
    assert "| [`openai`](docs/providers/openai.md) | yes | yes | yes | 16 | 10 | yes | no | 7 of 11 |" in lines


def test_only_what_stands_between_the_marks_is_written(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"before\n\n{BEGIN}\n\nold\n\n{END}\n\nafter\n", "utf-8")

    main([str(path)])

    assert path.read_text("utf-8") == f"before\n\n{BEGIN}\n\n{overview()}\n{END}\n\nafter\n"


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("nothing here\n", "utf-8")

    with pytest.raises(ValueError, match="nothing is marked"):
        main([str(path)])
    assert path.read_text("utf-8") == "nothing here\n"
