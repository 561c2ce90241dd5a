"""Arguments as OpenAI's and LiteLLM's callers write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_UNSAID = frozenset({"NotGiven", "Omit"})
"""The classes by whose instances OpenAI's client says that an argument was left out."""


def given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``arguments`` that say something."""
    return {name: value for name, value in arguments.items() if value is not None and not _is_unsaid(value)}


def _is_unsaid(value: Any) -> bool:
    return type(value).__name__ in _UNSAID and type(value).__module__.partition(".")[0] == "openai"


def picture(value: Any) -> Any:
    """An input image as the router takes it: of a name, a content and perhaps a type, the content."""
    match value:
        case (str() | None, content, *_) if isinstance(value, tuple) and not isinstance(content, (str, type(None))):
            return content
        case _:
            return value


def pictures(value: Any) -> Any:
    """One input image, or several."""
    return [picture(one) for one in value] if isinstance(value, list) else picture(value)


def seconds(timeout: Any) -> float | None:
    """A timeout in seconds: a number, text, or an object of an HTTP library that has one for reading."""
    value = getattr(timeout, "read", timeout)
    return None if value is None else float(value)
