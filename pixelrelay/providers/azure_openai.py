"""OpenAI's image models on Azure: the same bodies, under other paths, with other credentials.

Facts as of 2026-11-21. There are two families of paths. That of a dated ``api_version`` names the deployment in the
path, and a ``model`` in the body breaks the call; the other, ``/openai/v1``, is not dated and hears the deployment's
name as ``model``. The second is the default, because dated versions are switched off one by one.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, TypeAlias
from urllib.parse import quote

from pydantic import BeforeValidator, Field, SecretStr

from pixelrelay.errors import ProviderError
from pixelrelay.images import ImageRequest
from pixelrelay.providers._addresses import host_of
from pixelrelay.providers._bearer import TokenProvider
from pixelrelay.providers._openai_failures import failure_of
from pixelrelay.providers._openai_images import edit_parts, exchange, json_body, table_of
from pixelrelay.providers.azure import azure_credential, azure_endpoint
from pixelrelay.providers.base import (
    Answer,
    Exchange,
    ProviderOptions,
    Purpose,
    Question,
    Send,
    Target,
    Terms,
    read,
)
from pixelrelay.providers.capabilities import Capabilities, row, table
from pixelrelay.quotas import Shape


def _undate(value: object) -> object:
    """YAML and TOML read ``2024-10-21`` without quotes as a day."""
    return value.isoformat() if type(value) is date else value


ApiVersion: TypeAlias = Annotated[
    str, BeforeValidator(_undate), Field(pattern=r"^(\d{4}-\d{2}-\d{2}(-preview)?|v1|preview|latest)$")
]


class AzureOpenAIOptions(ProviderOptions):
    endpoint: str
    """Of the resource: ``https://contoso.openai.azure.com``; longer addresses from the portal are understood."""
    api_version: ApiVersion | None = None
    """A dated version (``2025-04-01-preview``) for the older paths; ``v1``, ``preview``, ``latest`` or none for the
    newer ones."""
    azure_deployment: str | None = None
    """The deployment's name in Azure, where it is not that of the model."""
    entra: bool = False
    """Whether to come as this machine's own identity, instead of with an ``api_key``."""
    token_provider: TokenProvider | None = Field(default=None, repr=False)
    """From Python: gives the bearer token to come with; may be async."""


class AzureOpenAI:
    name = "azure-openai"
    options: type[ProviderOptions] = AzureOpenAIOptions
    requires_key = True

    def target(self, model: str, api_key: SecretStr | None, options: AzureOpenAIOptions) -> Target:
        endpoint = azure_endpoint(options.endpoint)
        credential = azure_credential(api_key, entra=options.entra, token_provider=options.token_provider)
        return Target(endpoint, model, credential, (host_of(endpoint),), options)

    def capabilities(self, model: str, options: AzureOpenAIOptions) -> Capabilities:  # noqa: ARG002 - others need them
        return row(table("azure_openai"), model)

    def terms(self, model: str, options: AzureOpenAIOptions) -> Terms:  # noqa: ARG002 - others need them
        """Limits are assigned to each deployment by its owner, so that none is assumed.

        Microsoft says that they are held over slices of 1 or 10 seconds, and that unsuccessful requests count. The
        limit in an answer's headers is that of a slice of unknown length, so that no answer's limits are learned.
        """
        return Terms(shape=Shape.SLICED, counts_rejected=True)

    def generate(self, request: ImageRequest, target: Target) -> Exchange:
        body = json_body(request, table_of(target.model), _named(target))
        return exchange(Send(Purpose.SUBMIT, "POST", _images_url(target, "generations"), json=body), request)

    def edit(self, request: ImageRequest, target: Target) -> Exchange:
        parts = edit_parts(request, table_of(target.model), _named(target))
        return exchange(Send(Purpose.SUBMIT, "POST", _images_url(target, "edits"), parts=parts), request)

    def ask(self, target: Target) -> Question:
        """Asks for the models that the resource offers.

        Nothing that is surely free shows a single deployment, so that this proves key, endpoint and version alone.
        """
        reply = yield Send(Purpose.ASK, "GET", _models_url(target))
        if not reply.ok:
            raise ProviderError(failure_of(reply))
        offered = any(_is_version_of(item.id, target.model) for item in read(reply, _Models).data)
        found = f"{target.model} is offered there" if offered else f"{target.model} is not in its list of models"
        return f"endpoint and credential are good, and {found}; deployment {_deployment(target)!r} was not tried"


class _Model(Answer):
    id: str


class _Models(Answer):
    data: tuple[_Model, ...]


def _is_version_of(listed: str, model: str) -> bool:
    return re.fullmatch(rf"{re.escape(model)}(-\d{{4}}-\d{{2}}-\d{{2}})?", listed, re.IGNORECASE) is not None


def _options(target: Target) -> AzureOpenAIOptions:
    assert isinstance(target.options, AzureOpenAIOptions)
    return target.options


def _deployment(target: Target) -> str:
    return _options(target).azure_deployment or target.model


def _is_dated(version: str | None) -> bool:
    return version is not None and version[0].isdigit()


def _named(target: Target) -> str | None:
    """What the body calls the model: the deployment, or nothing where the path names it."""
    return None if _is_dated(_options(target).api_version) else _deployment(target)


def _images_url(target: Target, operation: str) -> str:
    version = _options(target).api_version
    if _is_dated(version):
        name = quote(_deployment(target), safe="")
        return f"{target.base_url}/openai/deployments/{name}/images/{operation}?api-version={version}"
    return f"{target.base_url}/openai/v1/images/{operation}{_undated_query(version)}"


def _models_url(target: Target) -> str:
    version = _options(target).api_version
    if _is_dated(version):
        return f"{target.base_url}/openai/models?api-version={version}"
    return f"{target.base_url}/openai/v1/models{_undated_query(version)}"


def _undated_query(version: str | None) -> str:
    return f"?api-version={version}" if version in {"v1", "preview"} else ""
