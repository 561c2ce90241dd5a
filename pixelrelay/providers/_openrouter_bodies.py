"""What OpenRouter is sent: on its images route, which refuses a parameter that a model does not list, and by chat."""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Any, Literal, TypeAlias

from pixelrelay.images import ImageRequest, InputImage, Size
from pixelrelay.providers.capabilities import Capabilities
from pixelrelay.providers.mapping import Fields, Rule, Table, data_url, merged, to
from pixelrelay.providers.parameters import Parameter

Modality: TypeAlias = Literal["image", "text"]

TIERS: Mapping[str, int] = {"512": 512, "1K": 1024, "2K": 2048, "4K": 4096}
"""The edge of a square in each tier of resolution."""

WRITERS = ("google/", "openai/gpt-5")
"""How the names of models begin that write as well as draw."""

IN_CHAT = frozenset({"aspect_ratio", "provider", "resolution"})
"""Parameters of the images route that have a place in a chat."""


def images_body(request: ImageRequest, model: str, can: Capabilities) -> dict[str, Any]:
    """For ``POST /images``. What a model has no choice in is not said, for saying it would be refused."""
    words = Table(
        n=lambda n: {"n": n} if n > 1 else {},
        size=_size(can, request),
        quality=to("quality"),
        background=_background(can, "background"),
        output_format=None if can.formats == {"svg"} else to("output_format"),
        output_compression=to("output_compression"),
        seed=to("seed"),
        images=to("input_references", lambda images: [_image(image) for image in images]),
    )
    return words.body(request, {"model": model})


# --- by chat -----------------------------------------------------------------------------------------------------


def by_chat(can: Capabilities) -> Capabilities:
    """What is left of it by chat: one picture a call, in the format that the model likes."""
    parameters = {name: what for name, what in can.parameters.items() if name in IN_CHAT}
    return can.model_copy(
        update={
            "max_images": 1,
            "formats": can.formats if can.formats == {"svg"} else frozenset(),
            "compression": False,
            "parameters": {**parameters, "image_config": Parameter(type="mapping")},
        }
    )


def chat_body(
    request: ImageRequest, model: str, can: Capabilities, modalities: tuple[Modality, ...] | None
) -> dict[str, Any]:
    """For ``POST /chat/completions``."""
    within = to("image_config")
    size = _size(can, request)
    words = Table(
        prompt=None,
        size=lambda asked: within(_as_config(size(asked))),
        quality=to("image_config.quality"),
        background=_background(can, "image_config.background"),
        seed=to("seed"),
        user=to("user"),
        parameters=_chat_parameters,
    )
    return words.body(
        request,
        {
            "model": model,
            "messages": [{"role": "user", "content": _content(request)}],
            "modalities": list(modalities or _modalities(model)),
        },
    )


def _modalities(model: str) -> tuple[Modality, ...]:
    return ("image", "text") if model.startswith(WRITERS) else ("image",)


def _content(request: ImageRequest) -> list[Mapping[str, Any]]:
    return [{"type": "text", "text": request.prompt}, *(_image(image) for image in request.images)]


def _chat_parameters(parameters: Fields) -> Fields:
    config = {name: value for name, value in parameters.items() if name in {"aspect_ratio", "resolution"}}
    rest = {name: value for name, value in parameters.items() if name not in config}
    return merged({"image_config": _as_config(config)} if config else {}, rest)


def _as_config(fields: Fields) -> Fields:
    """A shape as ``image_config`` has it, where a resolution is an ``image_size`` and 512 is half of 1K."""
    named = {"image_size" if name == "resolution" else name: value for name, value in fields.items()}
    return {name: "0.5K" if (name, value) == ("image_size", "512") else value for name, value in named.items()}


# --- common to both ----------------------------------------------------------------------------------------------


def _size(can: Capabilities, request: ImageRequest) -> Rule[Size]:
    """A ratio, and a tier where the model has several; pixels, which OpenRouter translates, of an unknown model."""
    sizes = can.sizes_for(request.operation)
    if sizes.told == "pixels" and sizes.ratio_pixels is None:
        return to("size", str)
    tiers = [str(tier) for tier in can.parameters["resolution"].choices] if "resolution" in can.parameters else []

    def rule(size: Size) -> Fields:
        ratio = {"aspect_ratio": sizes.as_told(size)}
        return ratio | {"resolution": min(tiers, key=lambda tier: _distance(tier, size))} if tiers else ratio

    return rule


def _distance(tier: str, size: Size) -> float:
    return abs(log(TIERS[tier] ** 2 / size.pixels))


def _background(can: Capabilities, path: str) -> Rule[str] | None:
    return to(path) if len(can.backgrounds) > 1 else None


def _image(image: InputImage) -> Mapping[str, Any]:
    return {"type": "image_url", "image_url": {"url": data_url(image)}}
