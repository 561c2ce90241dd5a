"""LiteLLM's ``Router``: a list of deployments, and the settings of routing by LiteLLM's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from pixelrelay.compat._engine import Engine
from pixelrelay.compat.litellm.exceptions import BadRequestError, LiteLLMError, theirs
from pixelrelay.compat.litellm.requests import Asked, asked, serve
from pixelrelay.compat.litellm.responses import ImageResponse, response_of
from pixelrelay.config import RelayConfig, load
from pixelrelay.errors import ConfigError, PixelRelayError


class Router:
    """Routes pictures over the deployments of ``model_list``; blocking, or by asyncio.

    ``settings`` are LiteLLM's of ``router_settings``; the log tells which of them have no meaning here. It need not be
    closed; ``close`` ends its thread at once.
    """

    def __init__(
        self,
        model_list: Sequence[Mapping[str, Any]] | None = None,
        *,
        default_litellm_params: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        listed = [_with_defaults(entry, default_litellm_params or {}) for entry in model_list or ()]
        said = {name: _plain(value) for name, value in settings.items() if value is not None}
        try:
            self._engine = Engine(load({"model_list": listed, "router_settings": said}))
        except ConfigError as error:
            raise BadRequestError(str(error)) from error

    @property
    def config(self) -> RelayConfig:
        """What was made of it all."""
        return self._engine.config

    def image_generation(self, prompt: str, model: str, **kwargs: Any) -> ImageResponse:
        """Draw pictures with the group, or the deployment, named ``model``."""
        return self._blocking(asked(model, prompt, kwargs))

    async def aimage_generation(self, prompt: str, model: str, **kwargs: Any) -> ImageResponse:
        """As ``image_generation``, for asyncio."""
        return await self._awaited(asked(model, prompt, kwargs))

    def image_edit(self, image: Any = None, prompt: str = "", model: str = "", **kwargs: Any) -> ImageResponse:
        """Draw pictures from ``image``, or a list of them, and a prompt."""
        return self._blocking(asked(model, prompt, kwargs, image=image, edits=True))

    async def aimage_edit(self, image: Any = None, prompt: str = "", model: str = "", **kwargs: Any) -> ImageResponse:
        """As ``image_edit``, for asyncio."""
        return await self._awaited(asked(model, prompt, kwargs, image=image, edits=True))

    def close(self) -> None:
        """Close all connections. Calls under way are cancelled and settled."""
        self._engine.close()

    def __enter__(self) -> Router:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _blocking(self, call: Asked) -> ImageResponse:
        try:
            return response_of(self._engine.call(lambda router: serve(call, call.model, router)), call.model)
        except LiteLLMError:
            raise
        except PixelRelayError as error:
            raise theirs(error, call.model) from error

    async def _awaited(self, call: Asked) -> ImageResponse:
        try:
            return response_of(await self._engine.acall(lambda router: serve(call, call.model, router)), call.model)
        except LiteLLMError:
            raise
        except PixelRelayError as error:
            raise theirs(error, call.model) from error


def _with_defaults(entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> Mapping[str, Any]:
    params = entry.get("litellm_params")
    return {**entry, "litellm_params": {**defaults, **params}} if isinstance(params, Mapping) else entry


def _plain(value: Any) -> Any:
    """A setting that is a model of LiteLLM's, such as its ``RetryPolicy``, as a mapping."""
    return value.model_dump(exclude_none=True) if hasattr(value, "model_dump") else value
