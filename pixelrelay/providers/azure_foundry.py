"""FLUX on Microsoft Foundry, by either of its two routes.

The provider route speaks BFL's words and answers at once, with every model and all of their knobs. The image route
speaks OpenAI's, for the FLUX.1 pair alone. Facts as of 2026-11-21, from Microsoft's how-to on FLUX (March 2026),
its table of models (October 2026), and what clients saw of the service.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr

from pixelrelay.errors import ProviderError
from pixelrelay.images import Generation, Image, ImageRequest
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers import _openai_images as openai_images
from pixelrelay.providers._addresses import host_of
from pixelrelay.providers._bearer import TokenProvider
from pixelrelay.providers._flux_jobs import failure_of, follow, task_in
from pixelrelay.providers._foundry_models import Model, Tier, canonical, model_of
from pixelrelay.providers._jobs import download
from pixelrelay.providers._openai_failures import failure_of as openai_failure_of
from pixelrelay.providers.azure import azure_credential, azure_endpoint
from pixelrelay.providers.base import (
    Answer,
    ApiKey,
    Credential,
    Exchange,
    Part,
    ProviderOptions,
    Purpose,
    Question,
    Reply,
    Send,
    Target,
    Terms,
    read,
)
from pixelrelay.providers.capabilities import Capabilities, row, table
from pixelrelay.providers.failures import request_id
from pixelrelay.quotas import Shape, Unit

# Resources of the OpenAI kind answer to two hosts, and the provider route is found at the other one alone.
_OPENAI_HOST = re.compile(r"^(https://[^/.]+)\.openai\.azure\.com$")

_NO_IMAGE_ROUTE = "not supported with Responses API"


class AzureFoundryOptions(ProviderOptions):
    endpoint: str
    """Of the resource: ``https://contoso.services.ai.azure.com``; longer addresses from the portal are understood."""
    azure_deployment: str | None = None
    """The deployment's name in Azure, where it is not that of the model."""
    route: Literal["provider", "image"] | None = None
    """``provider`` when unset, which serves every model; ``image`` is for FLUX.1-Kontext-pro and FLUX-1.1-pro."""
    api_version: str = "preview"
    tier: Tier | None = None
    """Of the subscription's quota: it sets the requests a minute of the FLUX.2 models."""
    entra: bool = False
    """Whether to come as this machine's own identity, instead of with an ``api_key``."""
    token_provider: TokenProvider | None = Field(default=None, repr=False)
    """From Python: gives the bearer token to come with; may be async."""


class AzureFoundry:
    name = "azure-foundry"
    options: type[ProviderOptions] = AzureFoundryOptions
    requires_key = True

    def target(self, model: str, api_key: SecretStr | None, options: AzureFoundryOptions) -> Target:
        if options.route == "image" and not model_of(model).image_route:
            raise ValueError(f"route: {model} is reached by the provider route alone; leave route out")
        base = _OPENAI_HOST.sub(r"\1.services.ai.azure.com", azure_endpoint(options.endpoint))
        return Target(base, model, _credential(api_key, options), (host_of(base),), options)

    def capabilities(self, model: str, options: AzureFoundryOptions) -> Capabilities:
        known = row(table("azure_foundry"), canonical(model))
        if options.route != "image":
            return known
        return known.model_copy(
            update={
                "operations": known.operations & model_of(model).image_route,
                "seed": False,
                "formats": frozenset(),
                "parameters": {},
            }
        )

    def terms(self, model: str, options: AzureFoundryOptions) -> Terms:
        """Requests a minute by tier; unsuccessful ones count, and a limit holds over spans shorter than a minute."""
        limits = model_of(model).requests_a_minute
        if options.tier is not None and options.tier not in limits:
            default = limits.get(None)
            known = f"it is limited to {default} requests a minute" if default else "say requests_per_minute instead"
            raise ValueError(f"tier: {model} has no tiers; {known}")
        limit = limits.get(options.tier)
        return Terms(Shape.SLICED, counts_rejected=True, limits={Unit.REQUESTS: limit} if limit is not None else {})

    def generate(self, request: ImageRequest, target: Target) -> Exchange:
        if _options(target).route == "image":
            body = openai_images.json_body(request, openai_images.COMMON)
            return _by_image_route(_submission(target, "images/generations", json=body), request)
        return _by_provider_route(request, target)

    def edit(self, request: ImageRequest, target: Target) -> Exchange:
        if _options(target).route == "image":
            parts = openai_images.edit_parts(request, openai_images.COMMON)
            return _by_image_route(_submission(target, "images/edits", parts=parts), request)
        return _by_provider_route(request, target)

    def ask(self, target: Target) -> Question:
        """Asks for the models that the resource offers, as clients of its OpenAI paths do.

        Microsoft documents that list for OpenAI's models; that FLUX stands in it is not sure, and nothing that is
        surely free tries a single deployment. So it proves endpoint and credential, and no more.
        """
        version = _options(target).api_version
        query = f"?api-version={version}" if version in {"preview", "v1"} else ""
        reply = yield Send(Purpose.ASK, "GET", f"{target.base_url}/openai/v1/models{query}")
        if not reply.ok:
            raise ProviderError(refusal(reply))
        listed = any(item.id.casefold() == canonical(target.model).casefold() for item in read(reply, _Models).data)
        found = "is offered there" if listed else "is not in its list, which need not say anything"
        deployment = _deployment(target)
        return f"endpoint and credential are good, and {target.model} {found}; deployment {deployment!r} was not tried"


class _ModelItem(Answer):
    id: str


class _Models(Answer):
    data: tuple[_ModelItem, ...]


def _options(target: Target) -> AzureFoundryOptions:
    assert isinstance(target.options, AzureFoundryOptions)
    return target.options


def _deployment(target: Target) -> str:
    return _options(target).azure_deployment or target.model


def _credential(api_key: SecretStr | None, options: AzureFoundryOptions) -> Credential:
    """A key goes where Microsoft's page on each route puts it, though either header was seen to work on both."""
    by_image_route = options.route == "image"
    credential = azure_credential(
        api_key,
        entra=options.entra,
        token_provider=options.token_provider,
        header="api-key" if by_image_route else "authorization",
    )
    if isinstance(credential, ApiKey) and not by_image_route:
        return replace(credential, scheme="Bearer")
    return credential


def refusal(reply: Reply) -> Failure:
    """What an unsuccessful answer of either route means."""
    seen = task_in(reply)
    moderated = failure_of(seen, reply) if seen is not None else None
    if moderated is not None and moderated.kind is FailureKind.CONTENT_REJECTED:
        return moderated
    failure = openai_failure_of(reply)
    if failure.kind is FailureKind.RATE_LIMITED:
        return replace(failure, unit=Unit.REQUESTS)  # the one thing that is limited of these models
    return failure


# --- the provider route ------------------------------------------------------------------------------------------


def _by_provider_route(request: ImageRequest, target: Target) -> Exchange:
    model: Model = model_of(target.model)
    one = {"num_images": 1} if model.counts else {}
    body = model.words.body(request, {"model": _deployment(target), **one})
    url = f"{target.base_url}/providers/blackforestlabs/v1/{model.path}?api-version={_options(target).api_version}"
    reply = yield Send(Purpose.SUBMIT, "POST", url, json=body)
    if not reply.ok:
        raise ProviderError(refusal(reply))
    return (yield from _drawn(reply, request))


class _Addressed(Answer):
    url: str | None = None


class _Forms(Answer):
    """Where a picture may stand beside ``data``, which is the only place where one was surely seen."""

    data: tuple[_Addressed, ...] | None = None
    images: tuple[_Addressed, ...] | None = None
    image: str | None = None


def _drawn(reply: Reply, request: ImageRequest) -> Exchange:
    """The picture, in whichever of the documented or rumoured forms the answer brings it."""
    found = request_id(reply.headers)
    task = task_in(reply)
    if task is not None and (failure := failure_of(task, reply)):
        raise ProviderError(failure)
    forms = read(reply, _Forms)
    if forms.data:
        return (yield from openai_images.generation(reply, request))
    address = next((item.url for item in forms.images or () if item.url), None) or forms.image
    if address is not None:
        return Generation(((yield from _picture(address, request)),), provider_request_id=found)
    if task is not None and (task.sample or task.polling_url or task.word):
        # Its cost would be BFL's, in credits, and not what Microsoft bills.
        return replace((yield from follow(task, wants_url=request.wants_url)), cost=None)
    raise ProviderError(_unusable("the answer holds no picture", reply))


def _picture(address: str, request: ImageRequest) -> Generator[Send, Reply, Image]:
    head, comma, encoded = address.partition(",")
    if comma and head.startswith("data:"):
        return Image(encoded=encoded, media_type=head[5:].partition(";")[0] or None)
    if not address.startswith(("https://", "http://")):
        return Image(encoded=address)
    if request.wants_url:
        return Image(url=address)
    image = yield from download(address)
    if image is None:
        raise ProviderError(_unusable("the picture was drawn, and could not be fetched"))
    return image


def _unusable(message: str, reply: Reply | None = None) -> Failure:
    return Failure(
        FailureKind.UNUSABLE,
        message,
        charge=Charge.BILLED,
        status=reply.status if reply else None,
        provider_request_id=request_id(reply.headers) if reply else None,
    )


# --- the image route ---------------------------------------------------------------------------------------------


def _submission(
    target: Target, operation: str, *, json: Mapping[str, Any] | None = None, parts: tuple[Part, ...] = ()
) -> Send:
    name = quote(_deployment(target), safe="")
    url = f"{target.base_url}/openai/deployments/{name}/{operation}?api-version={_options(target).api_version}"
    return Send(Purpose.SUBMIT, "POST", url, json=json, parts=parts)


def _by_image_route(send: Send, request: ImageRequest) -> Exchange:
    reply = yield send
    if not reply.ok:
        failure = refusal(reply)
        if _NO_IMAGE_ROUTE in failure.message:
            # Seen of a Kontext deployment's edits: this route is missing there, and nothing is wrong with the request.
            message = f"{failure.message} (the provider route would serve it: set route: provider)"
            failure = replace(failure, kind=FailureKind.NOT_FOUND, message=message)
        raise ProviderError(failure)
    return (yield from openai_images.generation(reply, request))
