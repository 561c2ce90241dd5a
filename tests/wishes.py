"""What to ask of a model that claims an option, of one that does not, and of any at least, by its row alone."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pixelrelay.images import Operation, Size
from pixelrelay.providers.capabilities import Capabilities
from pixelrelay.providers.parameters import Parameter
from tests.emulator.scenes import half_transparent, png

IMAGES = [png((256, 256), (shade, 2, 3)) for shade in range(40)]
MASK = half_transparent((256, 256))
DATA_URL = f"data:image/png;base64,{base64.b64encode(IMAGES[0]).decode()}"

SILENT = frozenset({"response_format", "user"})
"""Options that change what comes back alone, or are left out where a provider has no place for them."""

SAMPLES: Mapping[str, Any] = {
    "aspect_ratio": "3:2",
    "background_color": {"r": 255, "g": 136},
    "color_palette": {"name": "EMBER"},
    "colors": [{"r": 255, "g": 136}],
    "controls": {"no_text": True},
    "custom_model_uri": "model/lighthouses/version/2",
    "image_config": {"strength": 0.3},
    "image_prompt": base64.b64encode(IMAGES[0]).decode(),
    "image_urls": [DATA_URL],
    "json_prompt": {"high_level_description": "a lighthouse"},
    "labels": {"team": "web"},
    "loras": [{"path": "https://weights.example/lighthouse.safetensors"}],
    "provider": {"sort": "price"},
    "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
    "strict_color_palette": [[255, 136, 0]],
    "style_codes": ["0F1E2D3C"],
    "style_reference_images": [DATA_URL],
    "style_reference_urls": ["https://pictures.example/1.png"],
    "text_layout": [{"text": "LIGHT", "bbox": [[0, 0], [1, 0], [1, 1], [0, 1]]}],
    "tools": [{"googleSearch": {}}],
}
"""Values of parameters whose rows leave open what they look like."""

BESIDE: Mapping[str, Mapping[str, Any]] = {
    "edit_mode": {"mask": MASK},
    "mask_dilation": {"mask": MASK},
}
"""What else is asked, because a parameter means nothing without it."""


def some_size(can: Capabilities, operation: Operation) -> str | None:
    sizes = can.sizes_for(operation)
    nearest = sizes.nearest(Size(640, 480)) or sizes.nearest(Size(1024, 1024))
    return str(nearest) if nearest is not None else None


def first(names: frozenset[str], *, besides: str | None = None) -> str | None:
    return next((name for name in sorted(names) if name != besides), None)


def compressed(can: Capabilities) -> Mapping[str, Any] | None:
    shrinks = first(can.formats, besides="png")
    return {"output_compression": 50, "output_format": shrinks} if can.compression and shrinks else None


Claimed: TypeAlias = Callable[[Capabilities], Mapping[str, Any] | None]
"""What to ask of a model that claims the option; ``None`` where it does not."""

CLAIMED: Mapping[str, Claimed] = {
    "nothing": lambda _: {},
    "n": lambda _: {"n": 2},
    "quality": lambda can: {"quality": name} if (name := first(can.qualities)) else None,
    "style": lambda can: {"style": name} if (name := first(can.styles)) else None,
    "background": lambda can: {"background": "transparent"} if "transparent" in can.backgrounds else None,
    "output_format": lambda can: {"output_format": name} if (name := first(can.formats, besides="png")) else None,
    "output_compression": compressed,
    "seed": lambda can: {"seed": 7} if can.seed else None,
    "user": lambda _: {"user": "somebody"},
    "response_format": lambda _: {"response_format": "url"},
}
EDITS: Mapping[str, Claimed] = {
    "mask": lambda can: {"mask": MASK} if can.mask else None,
    "images": lambda can: {"image": IMAGES[: can.references]} if can.references > can.least_references else None,
}
COMMON = frozenset({"size", *CLAIMED, *EDITS})
ALONE: Mapping[str, Callable[[Capabilities], frozenset[str]]] = {
    "background": lambda can: can.backgrounds,
    "output_format": lambda can: can.formats,
}
"""Options of which nothing need be told where a model has but one."""
REFUSED: Mapping[str, Mapping[str, Any]] = {
    "size": {"size": "1x9999"},
    "quality": {"quality": "unheard-of"},
    "style": {"style": "unheard-of"},
    "background": {"background": "transparent"},
    "output_format": {"output_format": "webp"},
    "output_compression": {"output_compression": 50},
    "seed": {"seed": 7},
    "mask": {"mask": MASK},
    "images": {"image": IMAGES},
}
"""What to ask of a model that does not claim the option, or not so."""
NAMED_AS: Mapping[str, str] = {"images": "input images"}


def claimed(option: str, can: Capabilities, operation: Operation) -> Mapping[str, Any] | None:
    """What to ask of a model with that row; ``None`` where it does not claim the option."""
    if option == "size":
        size = some_size(can, operation)
        return {"size": size} if size is not None else None
    if (common := CLAIMED.get(option) or EDITS.get(option)) is not None:
        return common(can)
    parameter = can.parameters_for(operation).get(option)
    return None if parameter is None else {option: sample(parameter, option)}


def refused(option: str) -> Mapping[str, Any] | None:
    """What to ask of a model that does not claim the option, or not so; ``None`` where every model does."""
    return REFUSED.get(option) if option in COMMON else {option: "unheard-of"}


def need_not_be_told(option: str, can: Capabilities) -> bool:
    """Whether nothing of it need be: several pictures are drawn by several calls where one call cannot."""
    only = ALONE[option](can) if option in ALONE else ()
    return option in SILENT or len(only) == 1 or (option == "n" and can.max_images == 1)


def sample(parameter: Parameter, name: str) -> Any:
    """A value that the row allows, and no default by the look of it."""
    if parameter.choices:
        return parameter.choices[-1]
    if name in SAMPLES and parameter.objection(SAMPLES[name]) is None:
        return SAMPLES[name]
    low, high = parameter.min or 0, parameter.max if parameter.max is not None else (parameter.min or 0) + 5
    value = round(low + 0.3 * (high - low), 2)
    match parameter.type:
        case "flag":
            return True
        case "number":
            return value
        case "whole":
            step = parameter.multiple or 1
            return int(value // step * step) or step
        case "list":
            return ["a"]
        case "mapping":
            return {"a": 1}
        case _:
            return "a hat"


def least(can: Capabilities, operation: Operation) -> dict[str, Any]:
    """The least that a model can be asked."""
    known = can.parameters_for(operation)
    needed = [name for name, each in known.items() if each.required]
    if can.one_of:
        needed.append(next(name for name in can.one_of if name in known or name == "size"))
    required = {name: some_size(can, operation) if name == "size" else sample(known[name], name) for name in needed}
    asked: dict[str, Any] = {"prompt": "a red lighthouse", **required}
    if operation is Operation.EDIT:
        asked["image"] = IMAGES[: can.least_references]
        if can.mask_required:
            asked["mask"] = MASK
    return asked
