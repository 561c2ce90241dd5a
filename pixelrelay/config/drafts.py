"""Deployments as far as they can be read, and what their providers say to them.

The data may have any shape yet. What has the wrong type is passed over here; the models say so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, TypeAlias, get_args

from pydantic import BaseModel, SecretStr, ValidationError

from pixelrelay.config.environment import Missing
from pixelrelay.config.problems import Finding, Loc, findings_of, hint, placed, unknown_key
from pixelrelay.providers.base import Provider, ProviderOptions

Lookup: TypeAlias = Callable[[str], Provider]
"""The provider of a name that is known."""

STAND_INS = ("entra", "token_provider", "token", "credentials")
"""Options that take the place of ``api_key``, with the providers that have them."""

# With it a provider can be asked whether the rest is in order; nothing is sent.
_ANY_KEY = SecretStr("0" * 64)


def mapping(value: Any) -> Mapping[str, Any] | None:
    """What was given for ``value``, which is a model already where the configuration is written in Python."""
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in value.model_fields_set}
    return value if isinstance(value, Mapping) else None


def text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def texts(value: Any) -> list[tuple[int, str]]:
    """The texts in a list, and where in it each stands."""
    items = value if isinstance(value, (list, tuple)) else ()
    return [(index, found) for index, item in enumerate(items) if (found := text(item))]


@dataclass(frozen=True, slots=True)
class Draft:
    """One deployment as it was written."""

    loc: Loc
    index: int
    """In its group."""
    common: Mapping[str, Any] = field(repr=False)
    """What every deployment may say."""
    own: Mapping[str, Any] = field(repr=False)
    """What is said to its provider alone."""
    nested: AbstractSet[str] = frozenset()
    """Those of ``own`` that stand under ``options``."""

    @property
    def name(self) -> str | None:
        return text(self.common.get("name"))

    def place(self, option: str) -> Loc:
        return (*self.loc, "options", option) if option in self.nested else (*self.loc, option)


def drafts_of(group: str, written: Any, common: AbstractSet[str]) -> Iterator[Draft]:
    """The deployments of a group that can be read; ``common`` are the keys that every deployment knows."""
    deployments = (mapping(written) or {}).get("deployments")
    for index, raw in enumerate(deployments if isinstance(deployments, (list, tuple)) else ()):
        if (given := mapping(raw)) is not None:
            options = given.get("options", {})
            nested = mapping(options) or {}
            stray = {} if mapping(options) is not None else {"options": options}
            beside = {key: value for key, value in given.items() if key not in common and key != "options"}
            yield Draft(
                loc=("models", group, "deployments", index),
                index=index,
                common={key: value for key, value in given.items() if key in common} | stray,
                own={**nested, **beside},
                nested=nested.keys() - beside.keys(),
            )


@dataclass(slots=True)
class Judgement:
    """What a provider makes of a deployment."""

    findings: list[Finding] = field(default_factory=list)
    options: ProviderOptions | None = None
    """As the provider's own model; ``None`` where it does not accept them."""
    secrets: set[str] = field(default_factory=set, repr=False)


def judged(draft: Draft, lookup: Lookup, names: Collection[str], common: AbstractSet[str]) -> Judgement:
    """``draft`` by the word of its provider, which is one of ``names`` or unknown."""
    judgement = Judgement(secrets=_secret_texts([draft.common.get("api_key")]))
    name = text(draft.common.get("provider"))
    if name is None:
        return judgement
    if name not in names:
        unknown = f"no provider is named {name!r}; {hint(name, names)}"
        judgement.findings.append(Finding((*draft.loc, "provider"), unknown))
        return judgement
    provider = lookup(name)
    known = provider.options.model_fields
    judgement.secrets |= _secret_texts(draft.own.get(key) for key, info in known.items() if _is_secret(info.annotation))
    strangers = draft.own.keys() - known.keys()
    judgement.findings += (unknown_key(draft.place(key), common | known.keys()) for key in strangers)
    try:
        judgement.options = provider.options.model_validate({k: v for k, v in draft.own.items() if k in known})
    except ValidationError as error:
        judgement.findings += _put_in_place(draft, findings_of(error, provider.options))
    judgement.findings += _objections(draft, provider, judgement.options, common)
    return judgement


def _put_in_place(draft: Draft, findings: Iterable[Finding]) -> Iterator[Finding]:
    for finding in findings:
        option, *rest = finding.loc or (None,)
        loc = draft.loc if option is None else (*draft.place(str(option)), *rest)
        yield Finding(loc, finding.message)


def _objections(
    draft: Draft, provider: Provider, options: ProviderOptions | None, common: AbstractSet[str]
) -> Iterator[Finding]:
    """What the provider says of key, model and options together."""
    model, key = text(draft.common.get("model")), _key(draft.common.get("api_key"))
    unset = any(isinstance(value, Missing) for value in draft.own.values())
    keyless = provider.requires_key and key is None
    if options is None or model is None or unset:
        if keyless and not any(draft.own.get(name) for name in STAND_INS):
            yield _no_key(draft, provider)
        return
    keys = common | type(options).model_fields.keys()
    try:
        target = provider.target(model, key, options)
    except ValueError as error:
        if keyless and not any(getattr(options, name, None) for name in STAND_INS):
            yield _no_key(draft, provider)
            yield from _refusal(draft, keys, lambda: provider.target(model, _ANY_KEY, options))
        else:
            yield placed(draft.loc, str(error), keys)
    else:
        if keyless and target.credential is None:
            yield _no_key(draft, provider)
    yield from _refusal(draft, keys, lambda: provider.terms(model, options))


def _refusal(draft: Draft, keys: AbstractSet[str], ask: Callable[[], object]) -> Iterator[Finding]:
    try:
        ask()
    except ValueError as error:
        yield placed(draft.loc, str(error), keys)


def _no_key(draft: Draft, provider: Provider) -> Finding:
    others = [name for name in STAND_INS if name in provider.options.model_fields]
    instead = f" (or {' or '.join(others)})" if others else ""
    return Finding((*draft.loc, "api_key"), f'is missing: {provider.name} needs one{instead}, best as "${{NAME}}"')


def _key(value: Any) -> SecretStr | None:
    """The key that was written; any key where something was that cannot be read as one."""
    written = value.get_secret_value() if isinstance(value, SecretStr) else value
    if written is None or isinstance(written, str):
        return SecretStr(written) if written and written.strip() else None
    return _ANY_KEY


def _secret_texts(values: Iterable[Any]) -> set[str]:
    shown = (value.get_secret_value() if isinstance(value, SecretStr) else value for value in values)
    return {value for value in shown if isinstance(value, str)}


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_is_secret(part) for part in get_args(annotation))
