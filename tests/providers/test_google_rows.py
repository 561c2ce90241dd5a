"""What a model of Google's can be asked is what gets said, and what the emulated service takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from pixelrelay.images import ImageRequest, InputImage, Operation, Size
from pixelrelay.providers.base import Target
from pixelrelay.providers.capabilities import Capabilities, lacks, table
from pixelrelay.providers.gemini import Gemini, GeminiOptions
from pixelrelay.providers.parameters import Parameter
from pixelrelay.providers.vertex_ai import VertexAI, VertexAIOptions
from pixelrelay.testing.emulator import gemini_models, gemini_orders, imagen_orders
from tests.providers.exchanges import drawing, editing, png, sent

TARGETS = {
    "gemini": lambda model: Gemini().target(model, SecretStr("AIza-test"), GeminiOptions()),
    "vertex_ai": lambda model: VertexAI().target(
        model, None, VertexAIOptions(project="acme", access_token=SecretStr("ya29.test"))
    ),
}
MODELS = [(provider, model) for provider in TARGETS for model in table(provider)]


def body(provider: str, model: str, request: ImageRequest) -> Any:
    adapter: Gemini | VertexAI = Gemini() if provider == "gemini" else VertexAI()
    there: Target = TARGETS[provider](model)
    asked = adapter.generate if request.operation is Operation.GENERATE else adapter.edit
    return sent(asked(request, there)).json


def plain(can: Capabilities) -> dict[str, Any]:
    """What a request of a model that only edits has besides."""
    pictures: tuple[InputImage, ...] = () if Operation.GENERATE in can.operations else (png(),) * can.references
    return {"pictures": pictures, **({"mask": png("mask.png")} if can.mask and pictures else {})}


def request(can: Capabilities, **wish: Any) -> ImageRequest:
    given = plain(can)
    pictures = given.pop("pictures")
    return editing(*pictures, **given, **wish) if pictures else drawing(**wish)


SAMPLES: dict[str, Any] = {
    "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
    "tools": [{"googleSearch": {}}],
    "labels": {"team": "web"},
    "add_watermark": False,
    "enhance_prompt": False,
}


def sample(name: str, parameter: Parameter) -> Any:
    if name in SAMPLES:
        return SAMPLES[name]
    if parameter.choices:
        return parameter.choices[-1]
    if parameter.type in {"number", "whole"}:
        return int(parameter.max if parameter.max is not None else 1)
    return "some words"


def wishes(can: Capabilities) -> Iterator[dict[str, Any]]:
    """All that the model's row allows, one after the other."""
    sizes = can.sizes.exact or (("1024x1024",) if can.sizes.multiple else ())
    yield from ({"size": Size(*map(int, size.split("x")))} for size in sizes)
    yield from ({"output_format": name} for name in can.formats)
    if can.compression:
        yield {"output_format": "jpeg", "output_compression": 40}
    if can.seed:
        yield {"seed": 7}
    if can.max_images > 1:
        yield {"n": can.max_images}
    for name, parameter in can.parameters.items():
        yield {"parameters": {name: sample(name, parameter)}}


@pytest.mark.parametrize(("provider", "model"), MODELS)
def test_whatever_fits_a_model_changes_what_is_sent(provider: str, model: str) -> None:
    can = table(provider)[model]
    unasked = body(provider, model, request(can))
    for wish in wishes(can):
        assert lacks(can, request(can, **wish), wish.get("n", 1)) == ()
        assert body(provider, model, request(can, **wish)) != unasked, wish
    assert ("instances" in unasked) == model.startswith(("imagen", "virtual"))


EMULATED = [
    (provider, model)
    for provider, model in MODELS
    if model in gemini_models.MODELS or (provider == "vertex_ai" and model in imagen_orders.MODELS)
]


@pytest.mark.parametrize(("provider", "model"), EMULATED)
def test_whatever_fits_a_model_is_taken_by_the_emulated_one(provider: str, model: str) -> None:
    can = table(provider)[model]
    for wish in ({}, *wishes(can)):
        raw = json.dumps(body(provider, model, request(can, **wish))).encode()
        asked = wish.get("size")
        if model in imagen_orders.MODELS:
            order = imagen_orders.order_of(
                gemini_orders.read_message(raw, imagen_orders.Body), imagen_orders.MODELS[model]
            )
        else:
            form = gemini_orders.Body if provider == "gemini" else gemini_orders.CloudBody
            rules = gemini_models.MODELS[model]
            order = gemini_orders.asked_in(gemini_orders.read_message(raw, form), rules).order
        assert asked is None or Size(*order.size) == asked
        assert order.n == wish.get("n", 1)


@pytest.mark.parametrize("model", gemini_models.MODELS)
@pytest.mark.parametrize("provider", TARGETS)
def test_a_model_draws_no_other_sizes_than_the_emulated_one(provider: str, model: str) -> None:
    rules = gemini_models.MODELS[model]
    drawn = {
        Size(*gemini_models.size_of(rules, ratio, size_class, None))
        for ratio in rules.shapes
        for size_class in rules.tokens
    }

    assert {str(size) for size in drawn} == set(table(provider)[model].sizes.exact)
