"""Google's Vertex AI: the image models of Gemini by ``generateContent``, and Imagen by ``predict``.

Facts as of 2026-11-21, from Google's client and pages, and bodies that others captured. Imagen was announced to be
switched off in August 2026 and was seen to answer after it; nothing is sure of its quotas.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, TypeAlias
from urllib.parse import quote

from pydantic import BeforeValidator, Field, SecretStr

from pixelrelay.errors import ProviderError
from pixelrelay.images import ImageRequest
from pixelrelay.providers import _generate_content as generate_content
from pixelrelay.providers import _google_tokens as google_tokens
from pixelrelay.providers import _imagen as imagen
from pixelrelay.providers._addresses import checked_url, host_of
from pixelrelay.providers._bearer import Bearer, TokenProvider
from pixelrelay.providers._google_failures import failure_of
from pixelrelay.providers._google_tokens import Account
from pixelrelay.providers.base import (
    ApiKey,
    Credential,
    Exchange,
    ProviderOptions,
    Purpose,
    Question,
    Send,
    Target,
    Terms,
)
from pixelrelay.providers.capabilities import Capabilities, table

_GLOBAL = "global"
_MULTI_REGIONS = frozenset({"us", "eu"})


def _as_text(key: object) -> object:
    return json.dumps(dict(key)) if isinstance(key, Mapping) else key


KeyText: TypeAlias = Annotated[SecretStr, BeforeValidator(_as_text)]


class VertexAIOptions(ProviderOptions):
    project: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9.:-]*$")
    """The id of the project in Google Cloud; needed unless an ``api_key`` is given."""
    location: str = Field(default=_GLOBAL, pattern=r"^[a-z]+(-[a-z0-9]+)*$")
    """A region (``us-central1``), a group of them (``us``, ``eu``) or ``global``, where the newest models are."""
    credentials_file: str | None = None
    """The path of a service account's key, in JSON."""
    credentials_info: KeyText | None = None
    """What stands in such a file, as text or as a mapping."""
    access_token: SecretStr | None = None
    """An access token, as it is; they live an hour, so that this is for trials, gateways and emulators."""
    token_provider: TokenProvider | None = Field(default=None, repr=False)
    """From Python: gives the access token to come with; may be async."""
    quota_project: str | None = None
    """The project whose quota is used and which is billed, where it is not ``project``."""
    base_url: str | None = None
    """In place of the location's host: a gateway, a private endpoint, an emulator. It alone is sent the token."""


class VertexAI:
    name = "vertex-ai"
    options: type[ProviderOptions] = VertexAIOptions
    requires_key = False

    def target(self, model: str, api_key: SecretStr | None, options: VertexAIOptions) -> Target:
        credential = _credential(api_key, options)
        root = _host(options.location)
        if options.base_url is not None:
            root = checked_url(options.base_url, "base_url").removesuffix("/v1")
        return Target(f"{root}/v1{_parent(api_key, options)}", model, credential, (host_of(root),), options)

    def capabilities(self, model: str, options: Any) -> Capabilities:  # noqa: ARG002 - the model decides alone
        return imagen.row_of(table("vertex_ai"), model)

    def terms(self, model: str, options: Any) -> Terms:  # noqa: ARG002 - others need them
        """None is assumed: Gemini's models share what capacity there is, and Imagen's quotas are each project's own."""
        return Terms()

    def generate(self, request: ImageRequest, target: Target) -> Exchange:
        return _drawn(request, target, self.capabilities(target.model, target.options))

    def edit(self, request: ImageRequest, target: Target) -> Exchange:
        return _drawn(request, target, self.capabilities(target.model, target.options))

    def ask(self, target: Target) -> Question:
        """Counts the tokens of a word, which is free, and proves project, location, model and permission.

        Imagen counts none, so that of its models Google's catalogue is asked, which proves the credential alone.
        """
        if imagen.speaks_predict(target.model):
            url = f"{target.base_url.partition('/projects/')[0]}{_model(target)}"
            reply = yield Send(Purpose.ASK, "GET", url, _account(target))
        else:
            words = {"contents": [{"role": "user", "parts": [{"text": "a lighthouse"}]}]}
            reply = yield Send(Purpose.ASK, "POST", _method(target, "countTokens"), _account(target), json=words)
        if not reply.ok:
            raise ProviderError(failure_of(reply))
        return f"{target.model} is available"


def _drawn(request: ImageRequest, target: Target, can: Capabilities) -> Exchange:
    if imagen.speaks_predict(target.model):
        body = imagen.body_of(request, can, target.model)
        return imagen.exchange(Send(Purpose.SUBMIT, "POST", _method(target, "predict"), _account(target), json=body))
    body = generate_content.body_of(request, can)
    url = _method(target, "generateContent")
    return generate_content.exchange(Send(Purpose.SUBMIT, "POST", url, _account(target), json=body))


# --- where to ----------------------------------------------------------------------------------------------------


def _host(location: str) -> str:
    if location == _GLOBAL:
        return "https://aiplatform.googleapis.com"
    if location in _MULTI_REGIONS:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


def _parent(api_key: SecretStr | None, options: VertexAIOptions) -> str:
    """The path below which models are. With an API key, which is of Google's express mode, no project is named."""
    if api_key is not None:
        if options.project is not None or "location" in options.model_fields_set:
            named = "project" if options.project is not None else "location"
            raise ValueError(f"{named}: an api_key knows neither project nor location; come with credentials instead")
        return ""
    if options.project is None:
        raise ValueError("project: the id of a project in Google Cloud is needed")
    return f"/projects/{options.project}/locations/{options.location}"


def _method(target: Target, method: str) -> str:
    return f"{target.base_url}{_model(target)}:{method}"


def _model(target: Target) -> str:
    return f"/publishers/google/models/{quote(target.model, safe='')}"


def _account(target: Target) -> Mapping[str, str]:
    options = target.options
    assert isinstance(options, VertexAIOptions)
    return {"x-goog-user-project": options.quota_project} if options.quota_project is not None else {}


# --- as whom -----------------------------------------------------------------------------------------------------


def _credential(api_key: SecretStr | None, options: VertexAIOptions) -> Credential:
    """The one that was configured; the machine's own identity (Application Default Credentials) where none was."""
    ways = ("credentials_file", "credentials_info", "access_token", "token_provider")
    given = [name for name in ways if getattr(options, name) is not None] + ["api_key"] * (api_key is not None)
    if len(given) > 1:
        raise ValueError(f"{given[0]}: only one way to prove who is asking can be used; found {' and '.join(given)}")
    if api_key is not None:
        return ApiKey("x-goog-api-key", api_key)
    if options.access_token is not None:
        return ApiKey("authorization", options.access_token, "Bearer")
    return Bearer(options.token_provider or _google_token(options), "Google access token")


def _google_token(options: VertexAIOptions) -> TokenProvider:
    info = options.credentials_info.get_secret_value() if options.credentials_info is not None else None
    if info is not None:
        try:
            google_tokens.checked_key(info)
        except ValueError as error:
            raise ValueError(f"credentials_info: {error}") from None
    if not google_tokens.is_installed():
        raise ValueError("google-auth is missing, by which Google's access tokens are had; install pixelrelay[vertex]")
    return partial(google_tokens.token_of, Account(options.credentials_file, info))
