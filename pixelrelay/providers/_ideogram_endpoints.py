"""The endpoints of Ideogram: where each is, its words, and what its forms call the files.

Those of 3.0 and 4.0 are of the first API, which goes on beside the second; 4.5 is in the second alone. From Ideogram's
API description and reference, as of October 2026.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from pixelrelay.images import ImageRequest, InputImage
from pixelrelay.providers._masks import white_and_black
from pixelrelay.providers.base import Part
from pixelrelay.providers.mapping import Table, file, files, form, to

RENDERING_SPEEDS: Mapping[str, str] = {"low": "TURBO", "medium": "DEFAULT", "high": "QUALITY"}
"""Of 3.0 and 4.0, by the quality that is asked for. ``FLASH`` is reached by its own name alone."""

_V3 = Table(
    n=to("num_images"),
    size=to("resolution", str),
    quality=to("rendering_speed", RENDERING_SPEEDS.get),
    style=to("style_type"),
    seed=to("seed"),
)
_V4 = replace(_V3, prompt=to("text_prompt"), n=None, style=None, seed=None)
_EDIT = replace(
    _V3,
    quality=None,
    style=None,
    background=to("transparent_background", lambda background: background == "transparent"),
)
_V45 = Table(n=to("num_images"), size=to("size", str), quality=to("quality"), seed=to("seed"))

Files: TypeAlias = Callable[[tuple[InputImage, ...]], tuple[Part, ...]]


def _one(images: tuple[InputImage, ...]) -> tuple[Part, ...]:
    return (file("image", images[0]),)


def _all(images: tuple[InputImage, ...]) -> tuple[Part, ...]:
    return files("images", images)


def _first_and_references(images: tuple[InputImage, ...]) -> tuple[Part, ...]:
    return file("image", images[0]), *files("reference_images", images[1:])


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model."""

    path: str
    words: Table = _V3
    files: Files = _one

    def body(self, request: ImageRequest) -> dict[str, Any]:
        """The fields of the body, without its files."""
        fields = self.words.body(request)
        if "json_prompt" in fields:
            fields.pop("text_prompt", None)  # either of the two is taken, not both
        return fields

    def parts(self, request: ImageRequest) -> tuple[Part, ...]:
        """The body as a form, which files need. Black is drawn anew in Ideogram's masks."""
        mask = (file("mask", white_and_black(request.mask)),) if request.mask is not None else ()
        return (*_fields(self.body(request)), *self.files(request.images), *mask)


def _fields(fields: Mapping[str, Any]) -> Iterator[Part]:
    """An object is one part of JSON, and a list a part for each, all of one name."""
    for name, value in fields.items():
        match value:
            case Mapping():
                yield Part(name, json.dumps(value), media_type="application/json")
            case list() | tuple():
                for item in value:
                    yield from form({name: item})
            case _:
                yield from form({name: value})


ENDPOINTS: Mapping[str, Endpoint] = {
    "ideogram-v3": Endpoint("v1/ideogram-v3/generate"),
    "ideogram-v3/generate-transparent": Endpoint("v1/ideogram-v3/generate-transparent", replace(_V3, style=None)),
    "ideogram-v3/inpaint": Endpoint("v1/ideogram-v3/inpaint"),
    "ideogram-v3/remix": Endpoint("v1/ideogram-v3/remix"),
    "ideogram-v3/reframe": Endpoint("v1/ideogram-v3/reframe", replace(_V3, prompt=None, style=None)),
    "ideogram-v3/replace-background": Endpoint("v1/ideogram-v3/replace-background", replace(_V3, style=None)),
    "ideogram-v4": Endpoint("v1/ideogram-v4/generate", _V4),
    "ideogram-v4/remix": Endpoint("v1/ideogram-v4/remix", _V4),
    "ideogram-4-5": Endpoint("v2/image/generate/ideogram-4-5", _V45, _all),
    "ideogram-4-5/precise-edit": Endpoint(
        "v2/image/precise-edit/ideogram-4-5", replace(_V45, size=None, quality=None), _first_and_references
    ),
    "edit": Endpoint("v1/edit", _EDIT, _all),
}


def endpoint_of(model: str) -> Endpoint:
    """Where ``model`` is; one that is not known is sought where the second API keeps what generates."""
    return ENDPOINTS.get(model) or Endpoint(f"v2/image/generate/{model}", _V45, _all)
