"""FLUX on Microsoft Foundry is never sent what Microsoft does not document (how-to of March 2026)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pixelrelay.images import ImageRequest, InputImage, Operation, Size
from pixelrelay.providers._foundry_models import MODELS
from pixelrelay.providers.azure_foundry import AzureFoundry, AzureFoundryOptions
from pixelrelay.providers.capabilities import lacks, table
from tests.providers.exchanges import png, sent

FOUNDRY = AzureFoundry()
OPTIONS = AzureFoundryOptions(endpoint="https://contoso.services.ai.azure.com")


def submitted(model: str, request: ImageRequest) -> dict[str, Any]:
    target = FOUNDRY.target(model, SecretStr("0123"), OPTIONS)
    ask = FOUNDRY.edit if request.operation is Operation.EDIT else FOUNDRY.generate
    return dict(sent(ask(request, target)).json or {})


COMMON = {"model", "prompt", "seed", "safety_tolerance", "output_format"}
DOCUMENTED = {
    "FLUX.2-pro": COMMON | {"width", "height", "aspect_ratio", "num_images"},
    "FLUX.2-flex": COMMON | {"width", "height", "aspect_ratio", "num_images", "guidance", "steps"},
    "FLUX.1-Kontext-pro": COMMON | {"aspect_ratio", "prompt_upsampling"},
    "FLUX-1.1-pro": COMMON | {"width", "height", "prompt_upsampling"},
}
REFERENCES = {"FLUX.2-pro": 8, "FLUX.2-flex": 10, "FLUX.1-Kontext-pro": 1, "FLUX-1.1-pro": 0}
RANGES = {"guidance": (1.5, 10), "steps": (1, 50), "safety_tolerance": (0, 6), "num_images": (1, 1)}
TYPES: dict[str, tuple[type, ...]] = {
    "guidance": (int, float),
    "aspect_ratio": (str,),
    "prompt_upsampling": (bool,),
}


def test_the_models_the_rows_and_the_documented_fields_are_the_same_four() -> None:
    assert set(DOCUMENTED) == set(MODELS) == set(table("azure_foundry")) - {"*"}


@st.composite
def requests(draw: st.DrawFn, model: str) -> ImageRequest:
    known = FOUNDRY.capabilities(model, OPTIONS)
    operation = draw(st.sampled_from(sorted(known.operations, key=str)))
    edges = st.integers(2, 140).map(lambda steps: steps * 16)
    images: tuple[InputImage, ...] = ()
    if operation is Operation.EDIT:
        images = tuple(png(f"{n}.png") for n in range(draw(st.integers(1, known.references))))
    values = st.integers(-2, 60) | st.floats(0, 12) | st.sampled_from([True, "16:9", "3:1", "x"])
    return ImageRequest(
        operation,
        draw(st.text(max_size=10)),
        size=draw(st.none() | st.builds(Size, edges, edges) | st.just(Size(1024, 1024))),
        output_format=draw(st.sampled_from([None, "png", "jpeg"])),
        seed=draw(st.none() | st.integers(0, 2**32 - 1)),
        user=draw(st.none() | st.just("u1")),
        images=images,
        parameters=draw(st.dictionaries(st.sampled_from(sorted(known.parameters)), values, max_size=3)),
    )


@pytest.mark.parametrize("model", DOCUMENTED)
@given(data=st.data())
def test_a_request_that_fits_is_sent_in_documented_fields_and_ranges_or_not_at_all(
    model: str, data: st.DataObject
) -> None:
    request = data.draw(requests(model))
    if lacks(FOUNDRY.capabilities(model, OPTIONS), request):
        return
    body = submitted(model, request)

    images = {name for name in body if name.startswith("input_image")}
    assert len(images) == len(request.images) <= REFERENCES[model]
    assert body.keys() - images <= DOCUMENTED[model]
    for name, (low, high) in RANGES.items():
        assert name not in body or low <= body[name] <= high
    for name, types in TYPES.items():
        assert name not in body or type(body[name]) in types
    if "aspect_ratio" in body:
        width, height = map(int, body["aspect_ratio"].split(":"))
        assert 9 / 21 <= width / height <= 21 / 9
    assert body.get("output_format", "png") in {"png", "jpeg"}
    assert body.get("width", 0) * body.get("height", 0) <= (1_600_000 if model == "FLUX-1.1-pro" else 4_194_304)
    assert type(body.get("seed", 0)) is int
