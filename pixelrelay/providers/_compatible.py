"""Servers that speak (nearly) OpenAI's Images API: one adapter, and one row of data for each dialect.

What is common to them: a request of JSON under ``/images/generations``, an answer with ``data`` in it, a bearer key.
A ``Dialect`` says where one differs; what is more than data stands in a file of that dialect's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pydantic import SecretStr

from pixelrelay.errors import ProviderError
from pixelrelay.images import ImageRequest
from pixelrelay.outcomes import Failure, FailureKind
from pixelrelay.providers._addresses import checked_url, host_of
from pixelrelay.providers._openai_failures import failure_of
from pixelrelay.providers._openai_images import Pictures, edit_parts, exchange, generation, json_body
from pixelrelay.providers.base import (
    ApiKey,
    Exchange,
    ProviderOptions,
    Purpose,
    Question,
    Reply,
    Send,
    Target,
    Terms,
)
from pixelrelay.providers.capabilities import Capabilities, row, table
from pixelrelay.providers.mapping import Table


class CompatibleOptions(ProviderOptions):
    base_url: str | None = None
    """Another server that speaks the same dialect: a gateway, an emulator. Its host alone is sent the key."""


Words: TypeAlias = Callable[[ImageRequest, Target], Table]
"""How a request is put to the model of a target."""

Way: TypeAlias = Callable[[ImageRequest, Target, Table], Send]
"""How an edit is sent, in the words of a table."""


def as_form(request: ImageRequest, target: Target, words: Table) -> Send:
    """A form with the images as files, as OpenAI takes it."""
    parts = edit_parts(request, words, target.model)
    return Send(Purpose.SUBMIT, "POST", f"{target.base_url}/images/edits", parts=parts)


def as_json(request: ImageRequest, target: Target, words: Table) -> Send:
    """JSON, with the images as text where the table says."""
    body = json_body(request, words, target.model)
    return Send(Purpose.SUBMIT, "POST", f"{target.base_url}/images/edits", json=body)


def as_generation(request: ImageRequest, target: Target, words: Table) -> Send:
    """A generation whose body may hold input images."""
    body = json_body(request, words, target.model)
    return Send(Purpose.SUBMIT, "POST", f"{target.base_url}/images/generations", json=body)


def listed(module: str) -> Callable[[str, Any], Capabilities]:
    """The rows beside an adapter, where the options change nothing about what a model can do."""
    return lambda model, options: row(table(module), model)  # noqa: ARG005 - others need them


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Where one server differs from the others."""

    name: str
    base_url: str | None
    """``None`` where there is no server of the provider's own, and the options must name one."""
    path: str = ""
    """How every address of such a server ends, added where people leave it off."""
    words: Words
    edit: Way | None
    """``None`` where there are no edits."""
    rows: Callable[[str, Any], Capabilities]
    options: type[ProviderOptions] = CompatibleOptions
    requires_key: bool = True
    terms: Terms = field(default_factory=Terms)
    failure: Callable[[Reply], Failure] = failure_of
    pictures: Pictures = generation
    models: str = "/models"
    """Where it lists its models."""
    lists_all: bool = False
    """Whether a model that is not listed there is not there."""


class Compatible:
    """The provider of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.name = dialect.name
        self.options = dialect.options
        self.requires_key = dialect.requires_key

    def target(self, model: str, api_key: SecretStr | None, options: Any) -> Target:
        if api_key is None and self.requires_key:
            raise ValueError(f"api_key: {self.name} needs one")
        base_url = _base_url(self.dialect, options.base_url, keyed=api_key is not None)
        credential = ApiKey("authorization", api_key, "Bearer") if api_key is not None else None
        return Target(base_url, model, credential, (host_of(base_url),), options)

    def capabilities(self, model: str, options: Any) -> Capabilities:
        return self.dialect.rows(model, options)

    def terms(self, model: str, options: Any) -> Terms:  # noqa: ARG002 - one account is metered as the other
        return self.dialect.terms

    def generate(self, request: ImageRequest, target: Target) -> Exchange:
        return self._exchange(as_generation, request, target)

    def edit(self, request: ImageRequest, target: Target) -> Exchange:
        if self.dialect.edit is None:
            raise ProviderError(Failure(FailureKind.INVALID, f"not sent: {self.name} edits no pictures"))
        return self._exchange(self.dialect.edit, request, target)

    def ask(self, target: Target) -> Question:
        """Asks which models there are, which shows whether host and key are good."""
        reply = yield Send(Purpose.ASK, "GET", f"{target.base_url}{self.dialect.models}")
        if not reply.ok:
            raise ProviderError(self.dialect.failure(reply))
        names = tuple(_names(reply))
        if target.model in names:
            return f"{target.model} is available"
        if self.dialect.lists_all:
            there = ", ".join(names[:10]) or "none"
            message = f"{target.model} is not there; of models there are {there}"
            raise ProviderError(Failure(FailureKind.NOT_FOUND, message, status=reply.status))
        return f"the server answers, and does not list {target.model}"

    def _exchange(self, way: Way, request: ImageRequest, target: Target) -> Exchange:
        send = way(request, target, self.dialect.words(request, target))
        return exchange(send, request, failure=self.dialect.failure, pictures=self.dialect.pictures)


def _base_url(dialect: Dialect, given: str | None, *, keyed: bool) -> str:
    if given is None:
        if dialect.base_url is None:
            raise ValueError("base_url: the address of the server is needed: https://images.example/v1")
        return dialect.base_url
    base_url = checked_url(given, "base_url", keyed=keyed)
    return base_url if base_url.endswith(dialect.path) else f"{base_url}{dialect.path}"


def _names(reply: Reply) -> Iterator[str]:
    """The models that an answer lists, each by all its names; nothing where it is no list."""
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        return
    match answer:
        case [*cards] | {"data": [*cards]} | {"models": [*cards]}:
            for card in cards:
                match card:
                    case {"id": str(name)}:
                        yield name
                match card:
                    case {"aliases": [*names]}:
                        yield from (name for name in names if isinstance(name, str))
