"""The entries of ``model_list``, as far as they can be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pixelrelay.config.litellm.dialects import Named, draws, named
from pixelrelay.config.litellm.ledger import Ledger
from pixelrelay.config.problems import Loc, hint, unknown_key

KEYS = ("model_name", "litellm_params", "model_info")
LIMITS = frozenset({"rpm", "tpm"})
"""Keys of ``litellm_params`` that may stand beside it as well."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One deployment as LiteLLM lists it."""

    index: int
    group: str
    found: Named
    params: Mapping[str, Any] = field(repr=False)
    """Its ``litellm_params``, over those of the credential that it names."""
    info: Mapping[str, Any] = field(default_factory=dict)
    """Its ``model_info``."""

    @property
    def loc(self) -> Loc:
        return ("model_list", self.index)

    def place(self, key: str) -> Loc:
        return (*self.loc, "litellm_params", key)


def entries_of(data: Mapping[str, Any], ledger: Ledger) -> Iterator[Entry]:
    """The entries that draw pictures; what is wrong with the others, or why they have no meaning here, is noted."""
    credentials = _credentials(data.get("credential_list"), ledger)
    listed = data.get("model_list")
    if not isinstance(listed, (list, tuple)):
        ledger.wrong(("model_list",), "must be a list of models")
        return
    for index, raw in enumerate(listed):
        if (entry := _entry(index, raw, credentials, ledger)) is not None:
            yield entry


def _entry(index: int, raw: Any, credentials: Mapping[str, Mapping[str, Any]], ledger: Ledger) -> Entry | None:
    loc: Loc = ("model_list", index)
    if not isinstance(raw, Mapping):
        ledger.wrong(loc, "must be a mapping with model_name and litellm_params")
        return None
    for key in (key for key in raw if key not in {*KEYS, *LIMITS}):
        ledger.findings.append(unknown_key((*loc, str(key)), KEYS))
    group = ledger.actual(raw.get("model_name"), (*loc, "model_name"))
    params = raw.get("litellm_params")
    if group is None and not isinstance(raw.get("model_name"), str):
        ledger.wrong((*loc, "model_name"), "is missing")
    elif group is not None and (not isinstance(group, str) or not group):
        ledger.wrong((*loc, "model_name"), "must be text")
    if not isinstance(params, Mapping):
        ledger.wrong(
            (*loc, "litellm_params"), "is missing" if params is None else "must be a mapping of keys to values"
        )
        return None
    params = {**{key: raw[key] for key in LIMITS if key in raw}, **_with_credential(params, credentials, loc, ledger)}
    info = raw.get("model_info", params.get("model_info")) or {}
    if not isinstance(info, Mapping):
        ledger.wrong((*loc, "model_info"), "must be a mapping of keys to values")
        info = {}
    found = _found(params, info, loc, ledger)
    if found is None or not isinstance(group, str) or not group:
        return None
    return Entry(index, group, found, params, {str(key): value for key, value in info.items()})


def _found(params: Mapping[str, Any], info: Mapping[str, Any], loc: Loc, ledger: Ledger) -> Named | None:
    """What it names, if that is a model of pictures which can be asked from here."""
    where = (*loc, "litellm_params", "model")
    written = params.get("model")
    model = ledger.actual(written, where)
    if model is None:
        if written is None:
            ledger.wrong(where, "is missing")
        return None
    custom = ledger.actual(params.get("custom_llm_provider"), (*loc, "litellm_params", "custom_llm_provider"))
    if not isinstance(model, str) or not model or not isinstance(custom, (str, type(None))):
        ledger.wrong(where, "must be text")
        return None
    mode = info.get("mode")
    if mode is not None and not isinstance(mode, str):
        ledger.wrong((*loc, "model_info", "mode"), "must be text")
        return None
    found = named(model, custom)
    if found is None:
        ledger.remark(where, f"{model!r} is of no provider that draws pictures here")
    elif not found.model:
        ledger.wrong(where, f"names no model after {found.prefix}/")
        return None
    elif not draws(found, mode):
        said = f"mode {mode}" if mode else "its name; mode: image_generation in model_info says otherwise"
        ledger.remark(where, f"{model!r} draws no pictures, by {said}")
        return None
    return found


def _with_credential(
    params: Mapping[str, Any], credentials: Mapping[str, Mapping[str, Any]], loc: Loc, ledger: Ledger
) -> dict[str, Any]:
    own = {str(key): value for key, value in params.items() if value is not None}
    name = own.get("litellm_credential_name")
    if name is None:
        return own
    if not isinstance(name, str) or name not in credentials:
        known = hint(str(name), credentials)
        ledger.wrong((*loc, "litellm_params", "litellm_credential_name"), f"no credential is named {name!r}; {known}")
        return own
    return {**credentials[name], **own}


def _credentials(listed: Any, ledger: Ledger) -> dict[str, Mapping[str, Any]]:
    """The values of each credential of ``credential_list``, by its name."""
    found: dict[str, Mapping[str, Any]] = {}
    if listed is not None and not isinstance(listed, (list, tuple)):
        ledger.wrong(("credential_list",), "must be a list")
        return found
    for index, raw in enumerate(listed or ()):
        match raw:
            case {"credential_name": str(name), "credential_values": Mapping() as values}:
                found[name] = {str(key): value for key, value in values.items()}
            case _:
                ledger.wrong(("credential_list", index), "must have a credential_name and credential_values")
    return found
