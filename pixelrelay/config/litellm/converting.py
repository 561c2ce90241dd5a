"""A file of LiteLLM's written as one of this package."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from pixelrelay.config.litellm.ledger import Translation
from pixelrelay.errors import Problem

_ADAPTED = "LiteLLM brings these to what a model can do without being asked; leave adapt out to have it refused"


def yaml_of(translation: Translation, source: str) -> str:
    """The configuration as YAML, below comments on what of ``source`` has no meaning in it, or another one.

    It loads to what ``source`` loads to. Secrets are written as they were, a variable as ``${NAME}``.
    """
    text = yaml.safe_dump(_plain(translation.data), sort_keys=False, allow_unicode=True, width=110)
    text = text.replace("\nadapt:", f"\n# {_ADAPTED}\nadapt:")
    return "\n".join([f"# Made from {source}.", *_comments(translation.origin.remarks), "", text])


def _comments(remarks: Iterable[Problem]) -> Iterator[str]:
    """One for each reason, with the places that it holds for."""
    places: dict[str, list[str]] = {}
    for remark in remarks:
        places.setdefault(remark.message, []).append(remark.path)
    if places:
        yield "#"
        yield "# What has no meaning here, or another one:"
    for message, paths in places.items():
        for path in paths[:-1]:
            yield f"#   {_on_one_line(path)},"
        yield f"#   {_on_one_line(paths[-1])}: {_on_one_line(message)}"


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _plain(value: Any) -> Any:
    """``value`` without what two places share, which YAML would write as an anchor."""
    match value:
        case Mapping():
            return {key: _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            return value
