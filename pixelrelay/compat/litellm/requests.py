"""The arguments of LiteLLM's calls, parted: what is asked, who is to be asked, and what has no meaning here."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pixelrelay.compat._arguments import given, picture, pictures, seconds
from pixelrelay.compat.litellm.exceptions import BadRequestError
from pixelrelay.config import RelayConfig
from pixelrelay.config.litellm.accounts import ACCOUNT_KEYS
from pixelrelay.config.litellm.deployments import PRICES
from pixelrelay.images import Images
from pixelrelay.providers import registry
from pixelrelay.router import Router

ASKED = frozenset(
    {"n", "size", "quality", "background", "output_format", "output_compression", "response_format", "style", "seed"}
    | {"user", "extra_headers", "extra_body", "drop_params"}
)
"""What the router has a word of its own for."""

ACCOUNT = frozenset(
    {"api_key", "api_base", "base_url", "api_version", "organization", "base_model", "custom_llm_provider"}
    | {"azure_ad_token_provider", "azure_ad_token", "tenant_id", "client_id", "client_secret"}
    | {"additional_drop_params", *PRICES}
).union(*ACCOUNT_KEYS.values())
"""Where, as whom and at what price to ask."""

OF_LITELLM = frozenset(
    {
        "metadata", "litellm_metadata", "litellm_call_id", "litellm_trace_id", "litellm_logging_obj", "litellm_params",
        "logger_fn", "proxy_server_request", "client", "model_info", "max_retries", "num_retries", "caching", "cache",
        "api_type", "deployment_id", "hf_model_name", "default_headers", "extra_query", "request_timeout", "headers",
        "fallbacks", "tags", "aimg_generation", "async_call", "input", "model_list", "set_verbose", "no-log",
        "specific_deployment", "shared_session", "ssl_verify", "force_timeout",
    }
)  # fmt: skip
"""What LiteLLM keeps to itself and sends to nobody; those of it that mean something are read by name."""

ADDRESSED = frozenset({"black-forest-labs", "fal", "recraft", "replicate", "together", "xai"})
"""Providers that answer LiteLLM's callers with addresses, where they do not say what they want."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of LiteLLM's."""

    model: str
    prompt: str
    images: Any = None
    mask: Any = None
    edits: bool = False
    timeout: float | None = None
    request: Mapping[str, Any] = field(default_factory=dict)
    """What the router is told by the same names."""
    further: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of a provider's own."""
    account: Mapping[str, Any] = field(default_factory=dict, repr=False)
    num_retries: int | None = None


def asked(
    model: str | None, prompt: str | None, arguments: Mapping[str, Any], *, image: Any = None, edits: bool = False
) -> Asked:
    """A call's arguments, parted. Raises ``BadRequestError`` for those that cannot be meant."""
    said = given(arguments)
    if not model:
        raise BadRequestError("model is required")
    if "mock_response" in said:
        raise BadRequestError(
            "mock_response: nothing is made up here; pixelrelay.testing emulates providers", "", model
        )
    if edits and image is None:
        raise BadRequestError("image is required", "", model)
    timeout = said.pop("timeout", said.get("request_timeout"))
    request = {name: said[name] for name in ASKED & said.keys()}
    if "headers" in said:
        request["extra_headers"] = {**said["headers"], **request.get("extra_headers", {})}
    if tags := said.get("tags") or _mapping(said.get("metadata")).get("tags"):
        request["tags"] = list(tags)
    if "fallbacks" in said:
        request["fallbacks"] = [each for each in said["fallbacks"] if isinstance(each, str)]
    known = ASKED | ACCOUNT | OF_LITELLM | {"mask"}
    return Asked(
        model=model,
        prompt=prompt or "",
        images=pictures(image),
        mask=picture(said.get("mask")),
        edits=edits,
        timeout=seconds(timeout),
        request=request,
        further={name: value for name, value in said.items() if name not in known},
        account={name: said[name] for name in ACCOUNT & said.keys()},
        num_retries=said.get("num_retries", said.get("max_retries")),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


async def serve(call: Asked, group: str, router: Router) -> Images:
    """``call`` of ``group``, which ``router`` serves."""
    known = parameters_of(router.config, group)
    own = {name: value for name, value in call.further.items() if name in known or name in _WISHES}
    rest = {name: value for name, value in call.further.items() if name not in own}
    request = {"response_format": _usual_format(router.config, group), **call.request, **own}
    if rest:
        # LiteLLM sends what it does not know in the body, as it is.
        request["extra_body"] = {**rest, **request.get("extra_body", {})}
    if call.edits:
        return await router.edit(group, call.images, call.prompt, mask=call.mask, timeout=call.timeout, **request)
    return await router.generate(group, call.prompt, timeout=call.timeout, **request)


_WISHES = frozenset(inspect.signature(Router.generate).parameters) - {"self", "model", "prompt", "parameters"} - ASKED
"""What the router can be told besides, by those who know it: ``strategy``, ``region``, ``adapt`` …"""


def parameters_of(config: RelayConfig, group: str) -> frozenset[str]:
    """The parameters of their providers' own that models of ``group`` know."""
    members = config.models[group].deployments if group in config.models else ()
    return frozenset(_parameters((member.provider, member.model, member.options) for member in members))


def _parameters(members: Iterable[tuple[str, str, Any]]) -> Iterable[str]:
    for provider, model, options in members:
        can = registry.provider(provider).capabilities(model, options)
        yield from can.parameters
        yield from can.edit_parameters or ()


def _usual_format(config: RelayConfig, group: str) -> str | None:
    members = config.models[group].deployments if group in config.models else ()
    if members and all(one.provider in ADDRESSED for one in members):
        return "url"
    return None
