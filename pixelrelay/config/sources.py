"""Reads a configuration file: YAML or TOML, by its extension. A file's text is never quoted in an error."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pixelrelay.config.problems import Finding, Loc
from pixelrelay.errors import ConfigError, Problem

_AT = re.compile(r" \(at line (\d+), column (\d+)\)$")
_MERGE = "tag:yaml.org,2002:merge"


def read(path: Path) -> tuple[Any, list[Finding]]:
    """What ``path`` holds, and the keys that it gives twice. Raises ``ConfigError`` where it cannot be read."""
    match path.suffix.lower():
        case ".yaml" | ".yml":
            return _yaml(_text(path), str(path))
        case ".toml":
            return _toml(_text(path), str(path)), []
        case _:
            raise _unreadable(str(path), "the name must end in .yaml, .yml or .toml, which tells how to read it")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(str(path), f"byte {error.start} is not UTF-8") from None
    except OSError as error:
        raise _unreadable(str(path), error.strerror or type(error).__name__) from None


def _unreadable(source: str, message: str, line: int | None = None, column: int | None = None) -> ConfigError:
    where = f"line {line}, column {column}" if line is not None else ""
    return ConfigError([Problem(where, message)], source)


def _toml(text: str, source: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _AT.search(str(error))
        where = (int(at[1]), int(at[2])) if at else (None, None)
        message = _AT.sub("", str(error))
    raise _unreadable(source, message, *where)


def _yaml(text: str, source: str) -> tuple[Any, list[Finding]]:
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None, []
        twice = list(_given_twice(node, (), ()))
        return loader.construct_document(node), twice
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark else (None, None)
        message = _yaml_words(error.problem or "")
    except yaml.YAMLError:
        where, message = (None, None), "a character that YAML does not allow"
    except ValueError:
        where, message = (None, None), "a number or day that does not exist"
    except RecursionError:
        where, message = (None, None), "nested too deeply, or within itself"
    raise _unreadable(source, message, *where)


def _yaml_words(problem: str) -> str:
    """What the parser said, without the words of the file that it quotes: they may be a key's."""
    if "alias" in problem:
        return "an alias (*) that nothing defines; put text that begins with * in quotes"
    if "tag" in problem:
        return "a tag (!) that means nothing here; put text that begins with ! in quotes"
    if "anchor" in problem:
        return "an anchor (&) that is not one; put text that begins with & in quotes"
    if problem.endswith("got '{'"):
        return f'{problem}; between braces or brackets, "${{NAME}}" needs quotes'
    return problem or "not YAML"


def _given_twice(node: Node, loc: Loc, above: tuple[Node, ...]) -> Iterator[Finding]:
    """Keys that a mapping gives more than once: YAML lets the last one win, people never mean it."""
    if node in above:
        raise RecursionError
    match node:
        case MappingNode():
            first: dict[str, int] = {}
            for key, value in node.value:
                name = key.value if isinstance(key, ScalarNode) else "?"
                line = key.start_mark.line + 1
                if name in first and key.tag != _MERGE:
                    yield Finding((*loc, name), f"given twice, on lines {first[name]} and {line}")
                first.setdefault(name, line)
                yield from _given_twice(value, (*loc, name), (*above, node))
        case SequenceNode():
            for index, item in enumerate(node.value):
                yield from _given_twice(item, (*loc, index), (*above, node))
