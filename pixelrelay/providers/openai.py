"""OpenAI's Images API: one request, one reply, the pictures inline as base64.

Facts as of 2026-11-21. Edits are sent as a form, which every model and every emulator of the API takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote

from pydantic import SecretStr

from pixelrelay.errors import ProviderError
from pixelrelay.images import ImageRequest
from pixelrelay.providers._addresses import checked_url, host_of
from pixelrelay.providers._openai_failures import failure_of
from pixelrelay.providers._openai_images import edit_parts, exchange, json_body, table_of
from pixelrelay.providers.base import (
    ApiKey,
    Exchange,
    ProviderOptions,
    Purpose,
    Question,
    Send,
    Target,
    Terms,
)
from pixelrelay.providers.capabilities import Capabilities, row, table
from pixelrelay.quotas import Shape


class OpenAIOptions(ProviderOptions):
    base_url: str | None = None
    """Another server that speaks this API: ``https://images.example/v1``."""
    organization: str | None = None
    """Whom to bill, where the key belongs to several organizations."""
    project: str | None = None
    data_residency: Literal["us", "eu", "ae", "au", "in", "jp"] | None = None
    """The region whose host to ask, for projects set up to keep their data there; without it, the global host."""


class OpenAI:
    name = "openai"
    options: type[ProviderOptions] = OpenAIOptions
    requires_key = True

    def target(self, model: str, api_key: SecretStr | None, options: OpenAIOptions) -> Target:
        if api_key is None:
            raise ValueError("api_key: OpenAI needs one")
        base_url = _base_url(options)
        return Target(base_url, model, ApiKey("authorization", api_key, "Bearer"), (host_of(base_url),), options)

    def capabilities(self, model: str, options: OpenAIOptions) -> Capabilities:  # noqa: ARG002 - others need them
        return row(table("openai"), model)

    def terms(self, model: str, options: OpenAIOptions) -> Terms:  # noqa: ARG002 - others need them
        """Limits depend on the account's tier, so that none is assumed.

        OpenAI says that unsuccessful requests count, and that a limit a minute may be held over shorter spans.
        """
        return Terms(shape=Shape.PACED, counts_rejected=True)

    def generate(self, request: ImageRequest, target: Target) -> Exchange:
        body = json_body(request, table_of(target.model), target.model)
        url = f"{target.base_url}/images/generations"
        send = Send(Purpose.SUBMIT, "POST", url, _account(target), json=body)
        return exchange(send, request, states_limits=True)

    def edit(self, request: ImageRequest, target: Target) -> Exchange:
        parts = edit_parts(request, table_of(target.model), target.model)
        send = Send(Purpose.SUBMIT, "POST", f"{target.base_url}/images/edits", _account(target), parts=parts)
        return exchange(send, request, states_limits=True)

    def ask(self, target: Target) -> Question:
        """Asks after the model, which also shows whether the account may use it."""
        reply = yield Send(
            Purpose.ASK, "GET", f"{target.base_url}/models/{quote(target.model, safe='')}", _account(target)
        )
        if not reply.ok:
            raise ProviderError(failure_of(reply))
        return f"{target.model} is available"


def _base_url(options: OpenAIOptions) -> str:
    if options.base_url is None:
        region = f"{options.data_residency}." if options.data_residency else ""
        return f"https://{region}api.openai.com/v1"
    if options.data_residency is not None:
        raise ValueError("data_residency: base_url names the host already; give one of the two")
    return checked_url(options.base_url, "base_url")


def _account(target: Target) -> Mapping[str, str]:
    options = target.options
    assert isinstance(options, OpenAIOptions)
    named = {"openai-organization": options.organization, "openai-project": options.project}
    return {header: value for header, value in named.items() if value is not None}
