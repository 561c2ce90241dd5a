"""From a file, or from data, to a checked configuration."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pixelrelay.config.checks import Reading
from pixelrelay.config.drafts import Lookup
from pixelrelay.config.environment import Filling
from pixelrelay.config.models import RelayConfig
from pixelrelay.config.origin import Written, is_litellm
from pixelrelay.config.problems import Finding, report
from pixelrelay.errors import ConfigError, Problem
from pixelrelay.providers import registry


def load(
    source: str | os.PathLike[str] | Mapping[str, Any],
    *,
    environ: Mapping[str, str] = os.environ,
    lookup: Lookup = registry.provider,
    names: Callable[[], Iterable[str]] = registry.provider_names,
) -> RelayConfig:
    """The configuration in a YAML or TOML file, or in data of the same shape, with variables filled in.

    A file of LiteLLM's is read as it is, known by its ``model_list``; ``warnings_of`` tells what of it means nothing.
    Raises one ``ConfigError`` that lists all that is wrong. ``lookup`` is asked for providers, and for none but those
    in ``names``.
    """
    if isinstance(source, Mapping):
        return _checked(source, [], "the configuration", environ, lookup, names)
    from pixelrelay.config import sources  # the YAML parser is slow to import, and Python users do without

    data, findings = sources.read(Path(source))
    return _checked(data, findings, str(source), environ, lookup, names)


def _checked(
    data: Any,
    findings: Iterable[Finding],
    source: str,
    environ: Mapping[str, str],
    lookup: Lookup,
    names: Callable[[], Iterable[str]],
) -> RelayConfig:
    if not isinstance(data, Mapping):
        said = "is empty" if data is None else "holds no mapping of keys to values"
        raise ConfigError([Problem("", f"{said}; a configuration begins with models:")], source)
    if is_litellm(data):
        data, written, found = _from_litellm(data, environ)
        findings = (*findings, *found)
        if not data["models"]:
            raise ConfigError(report(findings or (_NO_PICTURES,), written.data), source)
    else:
        written = Written()
    filling = Filling(environ)
    filled = filling.fill(data)
    reading = Reading(
        lookup=lookup,
        names=names,
        source=source,
        findings=(*findings, *filling.findings),
        missing=frozenset(filling.missing),
        hidden=frozenset(filling.values),
        written=written,
    )
    return RelayConfig.model_validate(filled, context=reading)


_NO_PICTURES = Finding(("model_list",), "holds no model that draws pictures and can be asked from here")


def _from_litellm(
    data: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[Mapping[str, Any], Written, tuple[Finding, ...]]:
    from pixelrelay.config import litellm  # few need it

    translation = litellm.translated(data, environ)
    return translation.data, Written(data, translation.origin), translation.findings
