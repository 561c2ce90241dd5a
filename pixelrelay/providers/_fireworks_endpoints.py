"""The image endpoints of Fireworks: where each is, and how it wants to be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pixelrelay.images import InputImage, Size
from pixelrelay.providers.capabilities import Capabilities, row, table
from pixelrelay.providers.mapping import Fields, Table, data_url, to

ACCOUNT = "accounts/fireworks/models/"
JOBS = frozenset({"flux-kontext-pro", "flux-kontext-max"})
"""Models that are asked by jobs."""
OLDER = frozenset(
    {
        "stable-diffusion-xl-1024-v1-0",
        "playground-v2-5-1024px-aesthetic",
        "playground-v2-1024px-aesthetic",
        "japanese-stable-diffusion-xl",
        "SSD-1B",
    }
)
"""Models under the older path, which are told pixels."""


def last_part(model: str) -> str:
    return model.strip("/").rpartition("/")[2]


def capabilities_of(model: str) -> Capabilities:
    return row(table("fireworks"), last_part(model))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is asked, below the base URL, and in which words."""

    path: str
    words: Table
    asks_for_jobs: bool = False


def _in_pixels(size: Size) -> Fields:
    return {"width": size.width, "height": size.height}


def _one(images: tuple[InputImage, ...]) -> str:
    return data_url(images[0])


def _words(ratio: Callable[[Size], str]) -> Table:
    return Table(size=to("aspect_ratio", ratio), seed=to("seed"))


def endpoint_of(model: str) -> Endpoint:
    """By the last part of a model's name; a whole name is used as it is, so that models of other accounts are found."""
    name = last_part(model)
    whole = model.strip("/") if "/" in model.strip("/") else f"{ACCOUNT}{name}"
    if name in OLDER:
        return Endpoint(f"image_generation/{whole}", Table(size=_in_pixels, seed=to("seed")))
    words = _words(capabilities_of(model).sizes.as_told)
    if name in JOBS:
        as_job = replace(words, output_format=to("output_format"), images=to("input_image", _one))
        return Endpoint(f"workflows/{whole}", as_job, asks_for_jobs=True)
    return Endpoint(f"workflows/{whole}/text_to_image", words)
