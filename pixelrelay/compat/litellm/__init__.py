"""LiteLLM's calls for pictures, over this package's router.

Change the import, and leave the rest: ``from pixelrelay.compat import litellm``. ``drop_params``, ``num_retries``,
``api_key``, ``api_base``, ``api_version`` and ``organization`` may be set here for all calls of the functions.
"""

from __future__ import annotations

from pixelrelay.compat.litellm import exceptions
from pixelrelay.compat.litellm.calls import aimage_edit, aimage_generation, close, image_edit, image_generation
from pixelrelay.compat.litellm.exceptions import (
    APIConnectionError,
    APIError,
    APIResponseValidationError,
    AuthenticationError,
    BadGatewayError,
    BadRequestError,
    BudgetExceededError,
    ContentPolicyViolationError,
    InternalServerError,
    LiteLLMError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServiceUnavailableError,
    Timeout,
    UnprocessableEntityError,
    UnsupportedParamsError,
)
from pixelrelay.compat.litellm.responses import ImageObject, ImageResponse, ImageUsage
from pixelrelay.compat.litellm.router import Router

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseValidationError",
    "AuthenticationError",
    "BadGatewayError",
    "BadRequestError",
    "BudgetExceededError",
    "ContentPolicyViolationError",
    "ImageObject",
    "ImageResponse",
    "ImageUsage",
    "InternalServerError",
    "LiteLLMError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "Router",
    "ServiceUnavailableError",
    "Timeout",
    "UnprocessableEntityError",
    "UnsupportedParamsError",
    "aimage_edit",
    "aimage_generation",
    "close",
    "exceptions",
    "image_edit",
    "image_generation",
]

api_key: str | None = None
api_base: str | None = None
api_version: str | None = None
organization: str | None = None
drop_params: bool = False
num_retries: int | None = None
