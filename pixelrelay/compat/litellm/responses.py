"""What LiteLLM returns."""

from __future__ import annotations

from typing import Any

from pydantic import PrivateAttr

from pixelrelay.compat._results import ImageObject, ImagesResponse, ImageUsage, told_by
from pixelrelay.compat.litellm.exceptions import PREFIXES
from pixelrelay.images import Images
from pixelrelay.outcomes import Route

__all__ = ["ImageObject", "ImageResponse", "ImageUsage"]


class ImageResponse(ImagesResponse):
    """The pictures. ``_hidden_params["response_cost"]`` is what they cost in dollars, ``None`` where nobody knows."""

    usage: ImageUsage = ImageUsage()
    _hidden_params: dict[str, Any] = PrivateAttr(default_factory=dict)
    _route: Route | None = PrivateAttr(default=None)

    @property
    def hidden_params(self) -> dict[str, Any]:
        """As ``_hidden_params``."""
        return self._hidden_params

    @property
    def route(self) -> Route | None:
        """How the request was served: attempts, time waited, exact cost, adaptations."""
        return self._route

    def json(self, **options: Any) -> dict[str, Any]:  # type: ignore[override]  # theirs is no text
        """All that it says, as a mapping."""
        return self.model_dump(**options)


def response_of(images: Images, model: str) -> ImageResponse:
    """``images`` as LiteLLM returns them to a call of ``model``."""
    response = ImageResponse(**{name: value for name, value in told_by(images).items() if value is not None})
    cost = images.route.cost
    response._route = images.route
    response._hidden_params = {
        "model": model,
        "model_id": images.route.deployment,
        "custom_llm_provider": PREFIXES.get(images.route.provider, images.route.provider),
        "response_cost": None if cost is None else float(cost),
    }
    return response
