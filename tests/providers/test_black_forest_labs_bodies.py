"""What each endpoint of Black Forest Labs is sent: the exact bodies of requests like those that people make."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from pydantic import SecretStr

from pixelrelay.images import ImageRequest, InputImage, Operation, Size
from pixelrelay.providers import _bfl_endpoints as endpoints
from pixelrelay.providers.base import Purpose
from pixelrelay.providers.black_forest_labs import BlackForestLabs, BlackForestLabsOptions
from pixelrelay.providers.capabilities import drawn_at, lacks, table
from tests.providers.exchanges import PIXEL, drawing, editing, png, sent

BFL = BlackForestLabs()
PIXEL_BASE64 = b64encode(PIXEL).decode()
BLACK_AND_WHITE = InputImage(b"\x89PNG, its header without alpha", "image/png", "mask.png")


def submitted(model: str, request: ImageRequest) -> tuple[str, Any]:
    """The path below ``/v1/`` and the body of what is submitted."""
    target = BFL.target(model, SecretStr("bfl_test"), BlackForestLabsOptions())
    send = sent(BFL.edit(request, target) if request.operation is Operation.EDIT else BFL.generate(request, target))
    assert (send.purpose, send.method) == (Purpose.SUBMIT, "POST")
    return send.url.removeprefix("https://api.bfl.ai/v1/"), send.json


def inputs(count: int) -> tuple[InputImage, ...]:
    return tuple(png(f"{number}.png") for number in range(count))


FLUX2: dict[str, Any] = {
    "prompt": "a lighthouse at dusk",
    "width": 1024,
    "height": 768,
    "seed": 7,
    "output_format": "png",
}
ASKED: dict[str, Any] = {"size": Size(1024, 768), "seed": 7, "output_format": "png"}


@pytest.mark.parametrize(
    ("model", "request_", "path", "body"),
    [
        ("flux-2-pro", drawing(), "flux-2-pro", {"prompt": "a lighthouse at dusk"}),
        ("flux-2-pro", drawing(**ASKED, user="u1"), "flux-2-pro", {**FLUX2, "user": "u1"}),
        ("flux-2-pro-preview", drawing(**ASKED), "flux-2-pro-preview", FLUX2),
        (
            "flux-2-max",
            drawing(**ASKED, parameters={"disable_pup": True, "safety_tolerance": 5}),
            "flux-2-max",
            {**FLUX2, "disable_pup": True, "safety_tolerance": 5},
        ),
        (
            "flux-2-flex",
            drawing(**ASKED, parameters={"guidance": 3, "steps": 20, "prompt_upsampling": False}),
            "flux-2-flex",
            {**FLUX2, "guidance": 3.0, "steps": 20, "prompt_upsampling": False},
        ),
        (
            "flux-2-klein-4b",
            editing(*inputs(3)),
            "flux-2-klein-4b",
            {
                "prompt": "add a red hat",
                "input_image": PIXEL_BASE64,
                "input_image_2": PIXEL_BASE64,
                "input_image_3": PIXEL_BASE64,
            },
        ),
        ("flux-2-klein-9b", drawing(**ASKED), "flux-2-klein-9b", FLUX2),
        ("flux-2-klein-9b-preview", drawing(**ASKED), "flux-2-klein-9b-preview", FLUX2),
        (
            "flux-3-image",
            editing(*inputs(2), size=Size(2048, 2048), user="u1", parameters={"grounding": False}),
            "flux-3-image",
            {
                "prompt": "add a red hat",
                "aspect_ratio": "1:1",
                "resolution": "2k",
                "grounding": False,
                "images": [PIXEL_BASE64, PIXEL_BASE64],
            },
        ),
        (
            "flux-3-image",
            drawing(parameters={"aspect_ratio": "16:9", "resolution": "4k"}),
            "flux-3-image",
            {"prompt": "a lighthouse at dusk", "aspect_ratio": "16:9", "resolution": "4k"},
        ),
        (
            "flux-kontext-pro",
            editing(size=Size(1024, 1024), parameters={"prompt_upsampling": True}),
            "flux-kontext-pro",
            {
                "prompt": "add a red hat",
                "aspect_ratio": "1:1",
                "prompt_upsampling": True,
                "input_image": PIXEL_BASE64,
            },
        ),
        (
            "flux-kontext-max",
            drawing(parameters={"aspect_ratio": "21:9"}),
            "flux-kontext-max",
            {"prompt": "a lighthouse at dusk", "aspect_ratio": "21:9"},
        ),
        (
            "flux-pro-1.1",
            drawing(images=inputs(1), size=Size(1440, 256)),
            "flux-pro-1.1",
            {"prompt": "a lighthouse at dusk", "width": 1440, "height": 256, "image_prompt": PIXEL_BASE64},
        ),
        (
            "flux-dev",
            drawing(parameters={"guidance": 5, "steps": 50, "image_prompt": PIXEL_BASE64}),
            "flux-dev",
            {"prompt": "a lighthouse at dusk", "guidance": 5.0, "steps": 50, "image_prompt": PIXEL_BASE64},
        ),
        (
            "flux-pro-1.1-ultra",
            drawing(images=inputs(1), size=Size(2048, 2048), parameters={"raw": True, "image_prompt_strength": 0.4}),
            "flux-pro-1.1-ultra",
            {
                "prompt": "a lighthouse at dusk",
                "aspect_ratio": "1:1",
                "raw": True,
                "image_prompt_strength": 0.4,
                "image_prompt": PIXEL_BASE64,
            },
        ),
        (
            "flux-pro-1.0-expand",
            editing(parameters={"top": 256, "left": 2048}),
            "flux-pro-1.0-expand",
            {"prompt": "add a red hat", "top": 256, "left": 2048, "image": PIXEL_BASE64},
        ),
        (
            "flux-pro-1.0-fill",
            editing(mask=BLACK_AND_WHITE, parameters={"guidance": 60, "steps": 15}),
            "flux-pro-1.0-fill",
            {
                "prompt": "add a red hat",
                "guidance": 60.0,
                "steps": 15,
                "image": PIXEL_BASE64,
                "mask": BLACK_AND_WHITE.base64,
            },
        ),
        (
            "flux-tools/erase-v1",
            editing(mask=BLACK_AND_WHITE, parameters={"dilate_pixels": 25}),
            "flux-tools/erase-v1",
            {"dilate_pixels": 25, "image": PIXEL_BASE64, "mask": BLACK_AND_WHITE.base64},
        ),
        (
            "outpainting-v1",
            editing(size=Size(1500, 1000), parameters={"mode": "fast", "reference_offset_x": -20}),
            "flux-tools/outpainting-v1",
            {
                "prompt": "add a red hat",
                "width": 1500,
                "height": 1000,
                "mode": "fast",
                "reference_offset_x": -20,
                "input_image": PIXEL_BASE64,
            },
        ),
        (
            "flux-4-pro",
            drawing(**ASKED, parameters={"guidance": 4}),
            "flux-4-pro",
            {**FLUX2, "guidance": 4},
        ),
        (
            "/v1/flux-tools/deblur-v1",
            editing(),
            "flux-tools/deblur-v1",
            {"prompt": "add a red hat", "input_image": PIXEL_BASE64},
        ),
    ],
)
def test_each_endpoint_is_told_in_its_own_fields(model: str, request_: ImageRequest, path: str, body: Any) -> None:
    assert lacks(BFL.capabilities(model, BlackForestLabsOptions()), request_) == ()
    assert submitted(model, request_) == (path, body)


def test_the_extra_body_has_the_last_word() -> None:
    request = editing(
        seed=7,
        extra_body={"seed": 8, "input_image": "https://example/1.png"},
    )

    send = sent(BFL.edit(request, BFL.target("flux-2-pro", None, BlackForestLabsOptions())))

    assert send.json == {"prompt": "add a red hat", "seed": 8, "input_image": "https://example/1.png"}


@pytest.mark.parametrize(
    ("model", "parameters", "message"),
    [
        ("flux-2-flex", {"guidance": 11}, "parameter 'guidance': 11 is above 10"),
        (
            "flux-2-flex",
            {"prompt_upsampling": "off"},
            "parameter 'prompt_upsampling': 'off' is no flag (true or false)",
        ),
        ("flux-2-pro", {"safety_tolerance": 6}, "parameter 'safety_tolerance': 6 is above 5"),
        (
            "flux-kontext-pro",
            {"aspect_ratio": "3:1"},
            "parameter 'aspect_ratio': '3:1' is wider or taller than 2.334:1",
        ),
        ("flux-kontext-pro", {"aspect_ratio": "wide"}, "parameter 'aspect_ratio': 'wide' is no ratio as 16:9"),
        ("flux-pro-1.0-expand", {"top": 0}, "top, bottom, left, right: it needs one of them"),
        ("flux-pro-1.0-expand", {}, "top, bottom, left, right: it needs one of them"),
        ("flux-3-image", {"resolution": "8k"}, "parameter 'resolution': '8k' is none of 768sq, 1k, 1.5k, 2k, 4k"),
    ],
)
def test_what_is_out_of_range_is_refused_before_anything_is_reserved(
    model: str, parameters: dict[str, Any], message: str
) -> None:
    assert lacks(BFL.capabilities(model, BlackForestLabsOptions()), editing(parameters=parameters)) == (message,)


def test_an_expansion_may_be_said_in_the_extra_body() -> None:
    request = editing(extra_body={"left": 64})

    assert lacks(BFL.capabilities("flux-pro-1.0-expand", BlackForestLabsOptions()), request) == ()


def test_every_size_of_flux_3_is_one_of_its_ratios_in_one_of_its_tiers() -> None:
    sizes = [Size(*map(int, size.split("x"))) for size in table("black_forest_labs")["flux-3-image"].sizes.exact]

    said = [tuple(endpoints.as_ratio_and_tier(size).values()) for size in sizes]

    ratios, tiers = endpoints.FLUX3_RATIOS, tuple(endpoints.TIER_EDGES)
    known = table("black_forest_labs")["flux-3-image"].parameters
    assert known["aspect_ratio"].choices == ("auto", *ratios)
    assert known["resolution"].choices == tiers
    assert sorted(said) == sorted((ratio, tier) for ratio in ratios for tier in tiers)
    assert sizes == [
        drawn_at(Size(*map(int, ratio.split(":"))), endpoints.TIER_EDGES[tier] ** 2, 16)
        for tier in tiers
        for ratio in ratios
    ]
