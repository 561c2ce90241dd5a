"""OpenRouter: many providers' models behind one API, by either of its two routes.

The images route is made for pictures, and every model of its list is asked there. The chat route, by which pictures
come within a message, is for a model that is not, where ``route: chat`` says so. Facts as of 2026-11-21, from
OpenRouter's OpenAPI document and documentation (August 2026) and what clients saw of it. Of the words of its errors
few are published, so that a kind is told by status and metadata before it is told by words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import AfterValidator, Field, SecretStr

from pixelrelay.errors import ProviderError
from pixelrelay.images import ImageRequest
from pixelrelay.providers import _openrouter_answers as answers
from pixelrelay.providers._addresses import checked_url, host_of
from pixelrelay.providers._openrouter_bodies import Modality, by_chat, chat_body, images_body
from pixelrelay.providers._openrouter_failures import refusal
from pixelrelay.providers.base import (
    Answer,
    ApiKey,
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
from pixelrelay.quotas import Unit

HOSTS = {None: "openrouter.ai", "eu": "eu.openrouter.ai", "us": "us.openrouter.ai"}


def _printable(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("a header can hold printable ASCII alone")
    return text


HeaderText = Annotated[str, AfterValidator(_printable)]


class OpenRouterOptions(ProviderOptions):
    route: Literal["images", "chat"] = "images"
    """``chat`` for a model that the images route does not list: pictures come within a message then, one a call."""
    modalities: tuple[Modality, ...] | None = Field(default=None, min_length=1)
    """What the chat route is asked for; unset, ``image`` and ``text`` of the models known to write as well, and
    ``image`` of the others. A model that cannot do all of it answers 404."""
    data_residency: Literal["eu", "us"] | None = None
    """The region whose host to ask, for enterprise accounts that have it; without it, the global host."""
    base_url: str | None = None
    """Another server that speaks this API, as ``https://gateway.example/api/v1``. Its host alone is sent the key."""
    referer: HeaderText | None = None
    """The address of your application (``HTTP-Referer``), under which OpenRouter lists its use."""
    title: HeaderText | None = None
    """Its name there."""


class OpenRouter:
    name = "openrouter"
    options: type[ProviderOptions] = OpenRouterOptions
    requires_key = True

    def target(self, model: str, api_key: SecretStr | None, options: OpenRouterOptions) -> Target:
        if api_key is None:
            raise ValueError("api_key: OpenRouter needs one")
        if options.modalities is not None:
            _check_modalities(options)
        base_url = _base_url(options)
        return Target(base_url, model, ApiKey("authorization", api_key, "Bearer"), (host_of(base_url),), options)

    def capabilities(self, model: str, options: OpenRouterOptions) -> Capabilities:
        """Of a variant (``:nitro``) what the model without it can do."""
        known = row(table("openrouter"), model.partition(":")[0])
        return known if options.route == "images" else by_chat(known)

    def terms(self, model: str, options: OpenRouterOptions) -> Terms:  # noqa: ARG002 - others need them
        """OpenRouter sets paid models no limit, and each of its providers its own, which are not known.

        Of free models it answers 20 requests a minute.
        """
        return Terms(limits={Unit.REQUESTS: 20}) if model.endswith(":free") else Terms()

    def generate(self, request: ImageRequest, target: Target) -> Exchange:
        return self._exchange(request, target)

    def edit(self, request: ImageRequest, target: Target) -> Exchange:
        return self._exchange(request, target)

    def ask(self, target: Target) -> Question:
        """What the key may still spend, and whether the model is listed where it would be asked."""
        reply = yield Send(Purpose.ASK, "GET", f"{target.base_url}/key", _headers(target))
        if not reply.ok:
            raise ProviderError(refusal(reply))
        key = read(reply, _Key).data
        models = "images/models" if _options(target).route == "images" else "models"
        model = quote(target.model.partition(":")[0], safe="/")
        listed = (yield Send(Purpose.ASK, "GET", f"{target.base_url}/{models}/{model}/endpoints", _headers(target))).ok
        place = "listed" if listed else f"not in the list of the {_options(target).route} route"
        return f"the key {key.left}; {target.model} is {place}"

    def _exchange(self, request: ImageRequest, target: Target) -> Exchange:
        options = _options(target)
        can = self.capabilities(target.model, options)
        if options.route == "chat":
            body = chat_body(request, target.model, can, options.modalities)
            reply = yield Send(
                Purpose.SUBMIT, "POST", f"{target.base_url}/chat/completions", _headers(target), json=body
            )
            return (yield from answers.of_chat(reply, request))
        body = images_body(request, target.model, can)
        reply = yield Send(Purpose.SUBMIT, "POST", f"{target.base_url}/images", _headers(target), json=body)
        return (yield from answers.of_images(reply, request))


class _Allowance(Answer):
    usage: float
    limit: float | None = None
    limit_remaining: float | None = None

    @property
    def left(self) -> str:
        if self.limit is None or self.limit_remaining is None:
            return f"has no limit of its own and has spent ${self.usage:.2f}"
        return f"may spend ${self.limit_remaining:.2f} more of ${self.limit:.2f}"


class _Key(Answer):
    data: _Allowance


def _check_modalities(options: OpenRouterOptions) -> None:
    if options.route != "chat":
        raise ValueError("modalities: the chat route alone is told them; say route: chat, or leave them out")
    if "image" not in (options.modalities or ()):
        raise ValueError("modalities: without image there would be no picture")


def _base_url(options: OpenRouterOptions) -> str:
    if options.base_url is None:
        return f"https://{HOSTS[options.data_residency]}/api/v1"
    if options.data_residency is not None:
        raise ValueError("data_residency: base_url names the host already; give one of the two")
    return checked_url(options.base_url, "base_url")


def _options(target: Target) -> OpenRouterOptions:
    assert isinstance(target.options, OpenRouterOptions)
    return target.options


def _headers(target: Target) -> Mapping[str, str]:
    named = {"http-referer": _options(target).referer, "x-openrouter-title": _options(target).title}
    return {header: value for header, value in named.items() if value is not None}
