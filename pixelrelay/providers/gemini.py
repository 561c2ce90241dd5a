"""Google AI Studio, also called the Gemini API: one request, one answer, the pictures inline as base64.

Facts as of 2026-11-21, from Google's client and pages, and bodies that others captured. The ``v1beta`` paths are
asked, because ``v1`` knows no pictures. Imagen was switched off here in August 2026 and is asked all the same where a
configuration names it, for gateways that still have it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from pixelrelay.errors import ProviderError
from pixelrelay.images import ImageRequest
from pixelrelay.providers import _generate_content as generate_content
from pixelrelay.providers import _imagen as imagen
from pixelrelay.providers._addresses import checked_url, host_of
from pixelrelay.providers._google_failures import failure_of
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
from pixelrelay.providers.capabilities import Capabilities, table

HOST = "https://generativelanguage.googleapis.com"
VERSION = "/v1beta"


class GeminiOptions(ProviderOptions):
    base_url: str | None = None
    """Another server that speaks this API, a gateway or an emulator; ``/v1beta`` may be left out."""


class Gemini:
    name = "gemini"
    options: type[ProviderOptions] = GeminiOptions
    requires_key = True

    def target(self, model: str, api_key: SecretStr | None, options: GeminiOptions) -> Target:
        if api_key is None:
            raise ValueError("api_key: Google AI Studio needs one")
        base = checked_url(options.base_url, "base_url").removesuffix(VERSION) if options.base_url else HOST
        return Target(f"{base}{VERSION}", model, ApiKey("x-goog-api-key", api_key), (host_of(base),), options)

    def capabilities(self, model: str, options: Any) -> Capabilities:  # noqa: ARG002 - the model decides alone
        return imagen.row_of(table("gemini"), _bare(model))

    def terms(self, model: str, options: Any) -> Terms:  # noqa: ARG002 - others need them
        """Limits go by project, model and the account's tier, so that none is assumed, and no answer states them."""
        return Terms()

    def generate(self, request: ImageRequest, target: Target) -> Exchange:
        return _drawn(request, target, self.capabilities(target.model, target.options))

    def edit(self, request: ImageRequest, target: Target) -> Exchange:
        return _drawn(request, target, self.capabilities(target.model, target.options))

    def ask(self, target: Target) -> Question:
        """Asks after the model, which proves the key as well."""
        reply = yield Send(Purpose.ASK, "GET", _address(target))
        if not reply.ok:
            raise ProviderError(failure_of(reply))
        return f"{_bare(target.model)} is available"


def _drawn(request: ImageRequest, target: Target, can: Capabilities) -> Exchange:
    model = _bare(target.model)
    if imagen.speaks_predict(model):
        body = imagen.body_of(request, can, model)
        return imagen.exchange(Send(Purpose.SUBMIT, "POST", f"{_address(target)}:predict", json=body))
    body = generate_content.body_of(request, can)
    return generate_content.exchange(Send(Purpose.SUBMIT, "POST", f"{_address(target)}:generateContent", json=body))


def _bare(model: str) -> str:
    """Without the ``models/`` that Google's own lists put before it."""
    return model.removeprefix("models/")


def _address(target: Target) -> str:
    return f"{target.base_url}/models/{quote(_bare(target.model), safe='')}"
