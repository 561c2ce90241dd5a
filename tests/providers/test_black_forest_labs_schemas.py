"""No endpoint of Black Forest Labs is ever sent what it does not document.

The schemas here are those of BFL's OpenAPI document (April 2026) and, for FLUX 3 and the tools, of clients of
September and October 2026; they are written down a second time on purpose.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from pydantic import SecretStr

from pixelrelay.images import ImageRequest, InputImage, Operation, Size
from pixelrelay.providers import _bfl_endpoints as endpoints
from pixelrelay.providers.black_forest_labs import BlackForestLabs, BlackForestLabsOptions
from pixelrelay.providers.capabilities import lacks, table
from tests.providers.exchanges import png, sent

BFL = BlackForestLabs()
OPTIONS = BlackForestLabsOptions()


def transparent() -> InputImage:
    file = io.BytesIO()
    Pillow.new("RGBA", (2, 2)).save(file, "PNG")
    return InputImage(file.getvalue(), "image/png", "mask.png", Size(2, 2))


MASK = transparent()


def submitted(model: str, request: ImageRequest) -> dict[str, Any] | tuple[str, ...]:
    """The body of what is submitted, or why nothing is: what the model lacks, before anything is reserved."""
    if lacking := lacks(BFL.capabilities(model, OPTIONS), request):
        return lacking
    target = BFL.target(model, SecretStr("bfl_test"), OPTIONS)
    ask = BFL.edit if request.operation is Operation.EDIT else BFL.generate
    return dict(sent(ask(request, target)).json or {})


def inputs(count: int) -> tuple[InputImage, ...]:
    return tuple(png(f"{number}.png") for number in range(count))


Check: TypeAlias = Callable[[Any], bool]
"""Whether a value is in its documented range."""


def within(low: float, high: float) -> Check:
    return lambda value: not isinstance(value, bool) and isinstance(value, int | float) and low <= value <= high


def whole(low: int, high: int, multiple: int = 1) -> Check:
    return lambda value: is_whole(value) and low <= value <= high and value % multiple == 0


def is_whole(value: Any) -> bool:
    """As JSON knows whole numbers: 5.0 is one."""
    return not isinstance(value, bool) and isinstance(value, int | float) and value == int(value)


def one_of(*values: Any) -> Check:
    return lambda value: value in values


def text(value: Any) -> bool:
    return isinstance(value, str)


def flag(value: Any) -> bool:
    return isinstance(value, bool)


def ratio(value: str) -> bool:
    width, height = map(int, value.split(":"))
    return 9 / 21 <= width / height <= 21 / 9


COMMON: dict[str, Check] = {
    "seed": lambda value: type(value) is int,
    "output_format": one_of("jpeg", "png", "webp"),
    "user": text,
}
PROMPTED: dict[str, Check] = {**COMMON, "prompt": text}


def numbered(count: int) -> dict[str, Check]:
    return {"input_image": text, **{f"input_image_{number}": text for number in range(2, count + 1)}}


PIXELS = {"width": whole(64, 65536, 16), "height": whole(64, 65536, 16)}
FLUX2_FIELDS = {**PROMPTED, **PIXELS, "safety_tolerance": whole(0, 5)}
KONTEXT = {**PROMPTED, **numbered(4), "aspect_ratio": ratio, "prompt_upsampling": flag, "safety_tolerance": whole(0, 6)}
PRO11 = {
    **PROMPTED,
    "width": whole(256, 1440, 32),
    "height": whole(256, 1440, 32),
    "image_prompt": text,
    "prompt_upsampling": flag,
    "safety_tolerance": whole(0, 6),
}
SLOW = {"steps": whole(15, 50), "guidance": within(1.5, 100), "safety_tolerance": whole(0, 6)}
RATIOS = "auto 21:9 2:1 16:9 3:2 7:5 4:3 5:4 1:1 4:5 3:4 5:7 2:3 9:16 1:2 9:21"

DOCUMENTED: dict[str, dict[str, Check]] = {
    "flux-2-pro": {**FLUX2_FIELDS, **numbered(8), "disable_pup": flag},
    "flux-2-pro-preview": {**FLUX2_FIELDS, **numbered(8), "disable_pup": flag},
    "flux-2-max": {**FLUX2_FIELDS, **numbered(8), "disable_pup": flag},
    "flux-2-flex": {
        **FLUX2_FIELDS,
        **numbered(8),
        "prompt_upsampling": flag,
        "guidance": within(1.5, 10),
        "steps": whole(1, 50),
    },
    "flux-2-klein-4b": {**FLUX2_FIELDS, **numbered(4)},
    "flux-2-klein-9b": {**FLUX2_FIELDS, **numbered(4)},
    "flux-2-klein-9b-preview": {**FLUX2_FIELDS, **numbered(4)},
    "flux-3-image": {
        "prompt": text,
        "images": lambda images: 1 <= len(images) <= 10 and all(map(text, images)),
        "aspect_ratio": one_of(*RATIOS.split()),
        "resolution": one_of("768sq", "1k", "1.5k", "2k", "4k"),
        "safety_tolerance": whole(0, 4),
        "grounding": flag,
    },
    "flux-kontext-pro": KONTEXT,
    "flux-kontext-max": KONTEXT,
    "flux-pro-1.1": PRO11,
    "flux-dev": {**PRO11, "steps": whole(1, 50), "guidance": within(1.5, 5)},
    "flux-pro-1.1-ultra": {
        **PROMPTED,
        "aspect_ratio": ratio,
        "raw": flag,
        "image_prompt": text,
        "image_prompt_strength": within(0, 1),
        "safety_tolerance": whole(0, 6),
    },
    "flux-pro-1.0-fill": {**PROMPTED, **SLOW, "image": text, "mask": text, "prompt_upsampling": flag},
    "flux-pro-1.0-expand": {
        **PROMPTED,
        **SLOW,
        "image": text,
        **dict.fromkeys(("top", "bottom", "left", "right"), whole(0, 2048)),
    },
    "erase-v1": {**COMMON, "image": text, "mask": text, "dilate_pixels": whole(0, 25)},
    "outpainting-v1": {
        **PROMPTED,
        "input_image": text,
        "width": whole(64, 4096),
        "height": whole(64, 4096),
        "auto_crop": flag,
        "reference_offset_x": is_whole,
        "reference_offset_y": is_whole,
        "mode": one_of("high", "fast"),
        "disable_pup": flag,
    },
}
REQUIRED = {
    "flux-pro-1.0-fill": {"image", "mask"},
    "flux-pro-1.0-expand": {"image"},
    "erase-v1": {"image", "mask"},
    "outpainting-v1": {"input_image"},
}


def test_the_endpoints_the_rows_and_the_documented_schemas_speak_of_the_same_models() -> None:
    assert set(DOCUMENTED) == set(endpoints.ENDPOINTS) == set(table("black_forest_labs")) - {"*"}


@pytest.mark.parametrize("model", DOCUMENTED)
def test_a_row_names_the_parameters_that_are_documented(model: str) -> None:
    common = {"prompt", "seed", "output_format", "user", "width", "height"}
    pictures = {name for name in DOCUMENTED[model] if name.startswith(("input_image", "images"))}
    pictures |= {"image", "mask"}

    assert BFL.capabilities(model, OPTIONS).parameters.keys() == DOCUMENTED[model].keys() - common - pictures


EDGES = (-1, 0, 0.05, 1, 1.4, 1.5, 4, 5, 5.5, 6, 7, 10, 10.5, 14, 15, 25, 26, 50, 51, 100, 100.5, 2048, 2049)


PARAMETERS = [(model, name) for model in DOCUMENTED for name in sorted(BFL.capabilities(model, OPTIONS).parameters)]


@pytest.mark.parametrize(("model", "name"), PARAMETERS)
def test_a_number_is_sent_exactly_where_the_documented_range_has_it(model: str, name: str) -> None:
    can, documented = BFL.capabilities(model, OPTIONS), DOCUMENTED[model][name]
    for value in EDGES:
        request = ImageRequest(
            min(can.operations, key=str),
            "a hat",
            images=inputs(1 if can.references else 0),
            mask=MASK if can.mask else None,
            parameters={**({"top": 1} if model == "flux-pro-1.0-expand" else {}), name: value},
        )
        body = submitted(model, request)
        if documented not in {text, flag, ratio} and documented(value) and value:
            assert isinstance(body, dict), f"{name}={value} was refused: {body}"
            assert body[name] == value
        elif isinstance(body, dict):
            assert documented(body[name]), f"{name}={value} was sent"


VALUES = st.one_of(
    st.integers(-5, 130),
    st.sampled_from(
        [256, 2048, 4096, True, False, "high", "fast", "auto", "1k", "4k", "768sq", "16:9", "3:1", "43:24"]
    ),
    st.floats(0, 12),
    st.text(max_size=3),
)
SIZES = st.one_of(
    st.none(),
    st.builds(Size, st.integers(1, 130).map(lambda edge: edge * 32), st.integers(1, 130).map(lambda edge: edge * 32)),
    st.sampled_from([Size(1024, 1024), Size(1360, 768), Size(2048, 2048), Size(1376, 768), Size(100, 4096)]),
)


@st.composite
def requests(draw: st.DrawFn, model: str) -> ImageRequest:
    """Mostly fit for ``model``, and sometimes not."""
    can = BFL.capabilities(model, OPTIONS)
    operation = draw(st.sampled_from(sorted(can.operations, key=str)))
    least = 1 if operation is Operation.EDIT else 0
    return ImageRequest(
        operation,
        draw(st.text(max_size=10)),
        size=draw(SIZES),
        output_format=draw(st.sampled_from([None, *sorted(can.formats)])),
        seed=draw(st.none() | st.integers(0, 2**32 - 1)) if can.seed else None,
        user=draw(st.none() | st.just("u1")),
        images=inputs(draw(st.integers(least, can.references)) if can.references else 0),
        mask=MASK if can.mask and draw(st.booleans()) else None,
        parameters=draw(st.dictionaries(st.sampled_from(sorted(can.parameters)), VALUES, max_size=3)),
    )


@pytest.mark.parametrize("model", DOCUMENTED)
@given(data=st.data())
def test_a_request_that_fits_is_sent_in_documented_fields_and_ranges_or_not_at_all(
    model: str, data: st.DataObject
) -> None:
    request = data.draw(requests(model))
    body = submitted(model, request)
    if isinstance(body, tuple):
        return

    assert REQUIRED.get(model, set()) <= set(body)
    for name, value in body.items():
        assert name in DOCUMENTED[model], f"{name} is not documented"
        assert DOCUMENTED[model][name](value), f"{name}: {value!r} is out of range"
    if {"width", "height"} <= set(body) and model.startswith("flux-2"):
        assert body["width"] * body["height"] <= 4_194_304
    for name, value in request.parameters.items():
        assert name == "image_prompt" or body[name] == value or str(body[name]) == str(value)
