"""LiteLLM's functions: one deployment, which the call names, and its key in the environment or in the arguments."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

from pixelrelay.compat._engine import Engine
from pixelrelay.compat.litellm.exceptions import BadRequestError, LiteLLMError, theirs
from pixelrelay.compat.litellm.requests import Asked, asked, serve
from pixelrelay.compat.litellm.responses import ImageResponse, response_of
from pixelrelay.config import RelayConfig, load
from pixelrelay.config.litellm.dialects import named
from pixelrelay.errors import NotServedError, PixelRelayError, QuotaExceededError

MOST_ENGINES = 16
"""Deployments whose connections are kept for the calls to come."""

_GROUP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@+:-]*")


def image_generation(
    prompt: str,
    model: str | None = None,
    n: int | None = None,
    quality: str | None = None,
    response_format: str | None = None,
    size: str | None = None,
    style: str | None = None,
    user: str | None = None,
    timeout: Any = 600,
    api_key: str | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    custom_llm_provider: str | None = None,
    **kwargs: Any,
) -> ImageResponse:
    """Draw pictures with ``model``, named as LiteLLM names it. What it does not know goes to the provider as it is."""
    return _blocking(asked(model, prompt, _with(locals())))


async def aimage_generation(
    prompt: str,
    model: str | None = None,
    n: int | None = None,
    quality: str | None = None,
    response_format: str | None = None,
    size: str | None = None,
    style: str | None = None,
    user: str | None = None,
    timeout: Any = 600,
    api_key: str | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    custom_llm_provider: str | None = None,
    **kwargs: Any,
) -> ImageResponse:
    """As ``image_generation``, for asyncio."""
    return await _awaited(asked(model, prompt, _with(locals())))


def image_edit(
    image: Any = None,
    prompt: str | None = None,
    model: str | None = None,
    mask: Any = None,
    n: int | None = None,
    quality: str | None = None,
    response_format: str | None = None,
    size: str | None = None,
    user: str | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_query: Mapping[str, Any] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    timeout: Any = None,
    custom_llm_provider: str | None = None,
    **kwargs: Any,
) -> ImageResponse:
    """Draw pictures from ``image``, or a list of them, and a prompt."""
    return _blocking(asked(model, prompt, _with(locals()), image=image, edits=True))


async def aimage_edit(
    image: Any = None,
    prompt: str | None = None,
    model: str | None = None,
    mask: Any = None,
    n: int | None = None,
    quality: str | None = None,
    response_format: str | None = None,
    size: str | None = None,
    user: str | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_query: Mapping[str, Any] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    timeout: Any = None,
    custom_llm_provider: str | None = None,
    **kwargs: Any,
) -> ImageResponse:
    """As ``image_edit``, for asyncio."""
    return await _awaited(asked(model, prompt, _with(locals()), image=image, edits=True))


def close() -> None:
    """Close the connections that are kept for the calls to come. Calls under way are cancelled and settled."""
    with _lock:
        engines, _engines[:] = _engines[:], []
    for engine in engines:
        engine.close()


def _with(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of one of the functions above, those by other names among them."""
    own = {name: value for name, value in arguments.items() if name not in {"kwargs", "model", "prompt", "image"}}
    return {**own, **arguments["kwargs"]}


def _blocking(call: Asked) -> ImageResponse:
    with _serving(call) as (engine, group):
        return response_of(engine.call(lambda router: serve(call, group, router)), call.model)


async def _awaited(call: Asked) -> ImageResponse:
    with _serving(call) as (engine, group):
        return response_of(await engine.acall(lambda router: serve(call, group, router)), call.model)


@contextmanager
def _serving(call: Asked) -> Iterator[tuple[Engine, str]]:
    """What serves ``call``, and the group that it asks there. What goes wrong is raised as LiteLLM would."""
    engine: Engine | None = None
    try:
        engine, group = _engine_of(call)
        yield engine, group
    except LiteLLMError:
        raise
    except PixelRelayError as error:
        if engine is not None and isinstance(error, NotServedError) and not isinstance(error, QuotaExceededError):
            # A deployment that failed is left alone for a while, which is of no use where there is no other.
            _let_go(engine)
        raise theirs(error, call.model, _prefix(call)) from error


# --- whom to ask -------------------------------------------------------------------------------------------------

_engines: list[Engine] = []
_lock = Lock()


def _engine_of(call: Asked) -> tuple[Engine, str]:
    """What serves the deployment that ``call`` names: one that did before, where there is one."""
    config = _config(call)
    (group,) = config.models
    with _lock:
        engine = next((one for one in _engines if one.config == config), None)
        if engine is None:
            engine = Engine(config)
        else:
            _engines.remove(engine)
        _engines.append(engine)
        # Those let go of end by themselves, once the calls that hold them have ended.
        del _engines[:-MOST_ENGINES]
    return engine, group


def _let_go(engine: Engine) -> None:
    """Have the next call begin afresh; those that are under way go on."""
    with _lock:
        if engine in _engines:
            _engines.remove(engine)


def _config(call: Asked) -> RelayConfig:
    """The deployment as a file of LiteLLM's would list it, with what was set for all calls below what this one says."""
    if named(call.model, call.account.get("custom_llm_provider")) is None:
        raise BadRequestError(
            f"no provider is known of {call.model!r}; write it as provider/model: openai/gpt-image-2", "", call.model
        )
    for_all = {name: _set_for_all(name) for name in ("api_key", "api_base", "api_version", "organization")}
    params = {name: value for name, value in for_all.items() if value is not None}
    params |= {"model": call.model, **call.account}
    if call.timeout is not None:
        params["timeout"] = call.timeout
    retries = _set_for_all("num_retries") if call.num_retries is None else call.num_retries
    return load(
        {
            "model_list": [
                {
                    "model_name": call.model if _GROUP.fullmatch(call.model) else "images",
                    "litellm_params": params,
                    "model_info": {"mode": "image_generation"},
                }
            ],
            "router_settings": {} if retries is None else {"num_retries": retries},
            "litellm_settings": {"drop_params": bool(_set_for_all("drop_params"))},
        }
    )


def _set_for_all(name: str) -> Any:
    """What callers set for all calls: ``litellm.drop_params = True``."""
    return getattr(sys.modules[__package__ or ""], name)


def _prefix(call: Asked) -> str:
    found = named(call.model, call.account.get("custom_llm_provider"))
    return found.prefix if found else ""
