"""Files: YAML and TOML say the same, and what cannot be read is told by line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixelrelay.config import RelayConfig
from pixelrelay.errors import ConfigError
from tests.config.shop import easel, loaded, mistakes

YAML = """\
models:
  flux:
    fallbacks: [red]
    deployments:
      - name: east
        provider: easel
        model: oil
        endpoint: https://easel.example
        api_key: ${KEY}
        requests_per_minute: 15
        price: {image: 0.04, day: 2026-11-21}
  sketch:
    deployments:
      - {name: red, provider: crayon, model: oil}
deadline: 60
"""

TOML = """\
deadline = 60

[models.flux]
fallbacks = ["red"]

[[models.flux.deployments]]
name = "east"
provider = "easel"
model = "oil"
endpoint = "https://easel.example"
api_key = "${KEY}"
requests_per_minute = 15
price = { image = 0.04, day = 2026-11-21 }

[[models.sketch.deployments]]
name = "red"
provider = "crayon"
model = "oil"
"""

DATA = {
    "models": {
        "flux": {
            "fallbacks": ["red"],
            "deployments": [
                easel(api_key="${KEY}", requests_per_minute=15, price={"image": 0.04, "day": "2026-11-21"})
            ],
        },
        "sketch": {"deployments": [{"name": "red", "provider": "crayon", "model": "oil"}]},
    },
    "deadline": 60,
}

ENVIRON = {"KEY": "key-of-east"}


def written(folder: Path, text: str, name: str = "relay.yaml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as raised:
        loaded(path, ENVIRON)
    first, *rest = str(raised.value).splitlines()
    assert first.startswith(f"{path}: {len(rest)} problem")
    return "\n".join(line.strip() for line in rest)


@pytest.mark.parametrize("name", ["relay.yaml", "relay.yml", "RELAY.YAML"])
def test_yaml_toml_and_data_say_the_same(tmp_path: Path, name: str) -> None:
    from_yaml = loaded(written(tmp_path, YAML, name), ENVIRON)

    assert from_yaml == loaded(written(tmp_path, TOML, "relay.toml"), ENVIRON) == loaded(DATA, ENVIRON)
    assert isinstance(from_yaml, RelayConfig)


def test_a_path_may_be_text_and_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = written(tmp_path, f"\ufeff{YAML}")

    assert loaded(str(path), ENVIRON) == loaded(DATA, ENVIRON)


@pytest.mark.parametrize(
    ("text", "report"),
    [
        ("models: {a: b", "line 1, column 14: expected ',' or '}', but got '<stream end>'"),
        ("models:\n\tflux: 1", "line 2, column 1: found character '\\t' that cannot start any token"),
        ("a: 1\n b: 2", "line 2, column 3: mapping values are not allowed here"),
        ("key: *s3cret", "line 1, column 6: an alias (*) that nothing defines; put text that begins with * in quotes"),
        (
            "key: !s3cret x",
            "line 1, column 6: a tag (!) that means nothing here; put text that begins with ! in quotes",
        ),
        ("key: 2026-13-45", "a number or day that does not exist"),
        ("key: &a [*a]", "nested too deeply, or within itself"),
        ("key: \x07", "a character that YAML does not allow"),
        (
            "models: {a: {api_key: ${KEY}}}",
            "line 1, column 24: expected ',' or '}', but got '{'; between braces or brackets, \"${NAME}\" needs quotes",
        ),
        ("", "is empty; a configuration begins with models:"),
        ("# nothing yet", "is empty; a configuration begins with models:"),
        ("- models", "holds no mapping of keys to values; a configuration begins with models:"),
    ],
)
def test_what_is_not_yaml_is_told_by_line_and_column(tmp_path: Path, text: str, report: str) -> None:
    assert refusal(written(tmp_path, text)) == report


@pytest.mark.parametrize(
    ("text", "report"),
    [
        ("[models\n", "line 1, column 8: Expected ']' at the end of a table declaration"),
        ("a = 1\na = 2\n", "line 2, column 6: Cannot overwrite a value"),
        ("a = s3cret\n", "line 1, column 5: Invalid value"),
        ("", "models: is missing"),
    ],
)
def test_what_is_not_toml_is_told_by_line_and_column(tmp_path: Path, text: str, report: str) -> None:
    assert refusal(written(tmp_path, text, "relay.toml")) == report


def test_a_key_given_twice_is_told_with_its_lines_and_with_all_else_that_is_wrong(tmp_path: Path) -> None:
    text = """\
models:
  sketch:
    deployments:
      - name: red
        provider: crayon
        model: oil
        name: blue
        weight: 0
deadline: 60
"deadline": 70
"""

    assert refusal(written(tmp_path, text)) == (
        "models.sketch.deployments[0].name: given twice, on lines 4 and 7\n"
        "models.sketch.deployments[0].weight: must be greater than 0\n"
        "deadline: given twice, on lines 9 and 10"
    )


def test_anchors_and_merged_mappings_are_understood(tmp_path: Path) -> None:
    text = """\
models:
  sketch:
    deployments:
      - &red {name: red, provider: crayon, model: oil}
      - {<<: *red, <<: {weight: 2}, name: blue}
"""
    deployments = loaded(written(tmp_path, text)).models["sketch"].deployments

    assert [(each.name, each.model, each.weight) for each in deployments] == [("red", "oil", 1), ("blue", "oil", 2)]


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("nowhere.yaml", "No such file or directory"),
        ("relay.json", "the name must end in .yaml, .yml or .toml, which tells how to read it"),
        ("relay", "the name must end in .yaml, .yml or .toml, which tells how to read it"),
        ("latin.yaml", "byte 3 is not UTF-8"),
        ("folder.yaml", "Is a directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, name: str, report: str) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9")
    (tmp_path / "folder.yaml").mkdir()

    assert refusal(tmp_path / name) == report


def test_data_that_are_no_file_have_no_lines() -> None:
    assert mistakes({"models": {}}) == ["models: is empty"]
