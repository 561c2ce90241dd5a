"""Results in the shape of OpenAI's Images API, as its client and LiteLLM's return them."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from pixelrelay.images import Image, Images
from pixelrelay.outcomes import Usage


class Shaped(BaseModel):
    """Read by attribute or by key."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="ignore", protected_namespaces=())

    def __getitem__(self, key: str) -> Any:
        if key not in type(self).model_fields:
            raise KeyError(key)
        return getattr(self, key)

    def __contains__(self, key: object) -> bool:
        return key in type(self).model_fields

    def get(self, key: str, default: Any = None) -> Any:
        """What ``key`` holds; ``default`` where there is no such key."""
        return getattr(self, key) if key in type(self).model_fields else default

    def to_dict(self) -> dict[str, Any]:
        """What it says, without what it does not."""
        return self.model_dump(exclude_none=True)

    def to_json(self, *, indent: int | None = 2) -> str:
        """The same as text."""
        return self.model_dump_json(exclude_none=True, indent=indent)


class TokenDetails(Shaped):
    image_tokens: int = 0
    text_tokens: int = 0


class ImageUsage(Shaped):
    """Tokens; all of them 0 where the provider tells none."""

    input_tokens: int = 0
    input_tokens_details: TokenDetails = TokenDetails()
    output_tokens: int = 0
    output_tokens_details: TokenDetails | None = None
    total_tokens: int = 0


class ImageObject(Shaped):
    """One picture, as base64 or as an address."""

    b64_json: str | None = None
    url: str | None = None
    revised_prompt: str | None = None


class ImagesResponse(Shaped):
    """The pictures, and what is told of all of them."""

    created: int
    data: list[ImageObject]
    usage: ImageUsage | None = None
    background: str | None = None
    output_format: str | None = None
    quality: str | None = None
    size: str | None = None


def told_by(images: Images) -> dict[str, Any]:
    """What the response to ``images`` says."""
    return {
        "created": images.created,
        "data": [_object(image) for image in images.data],
        "usage": _usage(images.usage) if images.usage is not None else None,
        "background": images.background,
        "output_format": images.output_format,
        "quality": images.quality,
        "size": images.size,
    }


def _object(image: Image) -> ImageObject:
    return ImageObject(b64_json=image.b64_json, url=image.url, revised_prompt=image.revised_prompt)


def _usage(usage: Usage) -> ImageUsage:
    return ImageUsage(
        input_tokens=usage.input_tokens,
        input_tokens_details=TokenDetails(**usage.input_tokens_details),
        output_tokens=usage.output_tokens,
        output_tokens_details=TokenDetails(**usage.output_tokens_details) if usage.output_tokens_details else None,
        total_tokens=usage.total_tokens,
    )
