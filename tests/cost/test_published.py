"""The lists reproduce what the vendors themselves have published that a picture costs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pixelrelay.cost.facts import Facts
from pixelrelay.cost.listed import listed
from pixelrelay.cost.prices import actual, estimate
from pixelrelay.cost.tokens import ByTokens
from pixelrelay.outcomes import Usage
from tests.cost.calls import as_size, asked, drawn

# A picture each: provider, model, what is asked, and the figure as it was published.
PUBLISHED: list[tuple[str, str, dict[str, Any], str]] = [
    # Black Forest Labs, table of prices (docs.bfl.ai, "Overview"): "from" is one megapixel, and one of input to edit.
    ("black-forest-labs", "flux-2-klein-4b", {}, "0.014"),
    ("black-forest-labs", "flux-2-klein-9b", {}, "0.015"),
    ("black-forest-labs", "flux-2-pro", {}, "0.03"),
    ("black-forest-labs", "flux-2-pro", {"inputs": ["1024x1024"]}, "0.045"),
    ("black-forest-labs", "flux-2-flex", {}, "0.05"),
    ("black-forest-labs", "flux-2-flex", {"inputs": ["1024x1024"]}, "0.10"),
    ("black-forest-labs", "flux-2-max", {"inputs": ["1024x1024"]}, "0.10"),
    # The same page: 4 credits of a cent.
    ("black-forest-labs", "flux-pro-1.1", {}, "0.04"),
    # fal.ai's table for FLUX.2 [pro], as its resellers show it: 1920x1080 and 2048x2048.
    ("fal", "fal-ai/flux-2-pro", {"size": "1920x1080"}, "0.045"),
    ("fal", "fal-ai/flux-2-pro", {"size": "2048x2048"}, "0.075"),
    # fal.ai, page of the model: $0.15 a picture, "4K outputs will be charged at double the standard rate".
    ("fal", "fal-ai/nano-banana-pro", {"size": "4096x4096"}, "0.30"),
    ("fal", "fal-ai/nano-banana-pro", {"parameters": {"resolution": "2K"}}, "0.15"),
    # Microsoft, prices of FLUX on Foundry: so much a picture, and FLUX.2 [flex] a megapixel.
    ("azure-foundry", "FLUX.1-Kontext-pro", {}, "0.04"),
    ("azure-foundry", "FLUX.2-flex", {}, "0.05"),
    # Stability AI, price page: Stable Image Ultra 8 credits, SD 3.5 Large 6.5, of a cent each.
    ("stability", "ultra", {}, "0.08"),
    ("stability", "sd3.5-large", {}, "0.065"),
    # Amazon, Bedrock pricing: Stable Image Ultra; Nova Canvas premium up to 2048x2048.
    ("bedrock", "us.stability.stable-image-ultra-v1:1", {}, "0.14"),
    ("bedrock", "amazon.nova-canvas-v1:0", {"size": "2048x2048", "quality": "premium"}, "0.08"),
    # Recraft, API pricing: V4.1 35 units and V3 vector 80, a thousand to the dollar.
    ("recraft", "recraftv4_1", {}, "0.035"),
    ("recraft", "recraftv3_vector", {}, "0.08"),
    # Ideogram, API pricing: V4 turbo, default, quality; V3 quality.
    ("ideogram", "ideogram-v4", {"parameters": {"rendering_speed": "TURBO"}}, "0.03"),
    ("ideogram", "ideogram-v4", {}, "0.06"),
    ("ideogram", "ideogram-v3", {"parameters": {"rendering_speed": "QUALITY"}}, "0.09"),
    # Fireworks, pricing: FLUX.1 [schnell] $0.0014 at 4 steps, [dev] $0.014 at 28.
    ("fireworks", "accounts/fireworks/models/flux-1-schnell-fp8", {}, "0.0014"),
    ("fireworks", "flux-1-dev-fp8", {}, "0.014"),
    # Replicate, pricing: "$3.00 / thousand output images".
    ("replicate", "black-forest-labs/flux-schnell", {"n": 1000}, "3.00"),
    # Together AI, pricing: FLUX1.1 [pro] $0.04 a megapixel.
    ("together", "black-forest-labs/FLUX.1.1-pro", {"size": "1000x1000"}, "0.04"),
    # Nscale, serverless models: 1.3e-9 a pixel.
    ("nscale", "black-forest-labs/FLUX.1-schnell", {"size": "1000x1000"}, "0.0013"),
    # xAI, models: $0.02 a picture, and the migration guide's table for 2.0.
    ("xai", "grok-imagine-image", {}, "0.02"),
    ("xai", "grok-imagine-image-2.0", {"quality": "low"}, "0.04"),
    ("xai", "grok-imagine-image-2.0", {"quality": "medium", "parameters": {"resolution": "2k"}}, "0.08"),
]


@pytest.mark.parametrize(("provider", "model", "call", "published"), PUBLISHED)
def test_a_picture_costs_what_its_vendor_says(provider: str, model: str, call: dict[str, Any], published: str) -> None:
    said = {"size": None if "parameters" in call else "1024x1024", "n": 1, "inputs": (), **call}
    size, n, inputs = said.pop("size"), said.pop("n"), said.pop("inputs")
    request = asked(size, n, *inputs, **said)
    price = listed(provider, model)

    assert estimate(price, request) == Decimal(published)
    assert actual(price, drawn(n), request) == Decimal(published)


# OpenAI's guide "Image generation", table of prices for the picture alone: square, portrait, landscape.
GUIDE: list[tuple[str, str, tuple[str, str, str]]] = [
    ("gpt-image-2", "low", (".006", ".005", ".005")),
    ("gpt-image-2", "medium", (".053", ".041", ".041")),
    ("gpt-image-2", "high", (".211", ".165", ".165")),
    ("gpt-image-1.5", "low", (".009", ".013", ".013")),
    ("gpt-image-1.5", "medium", (".034", ".05", ".05")),
    ("gpt-image-1.5", "high", (".133", ".2", ".2")),
    ("gpt-image-1", "low", (".011", ".016", ".016")),
    ("gpt-image-1", "medium", (".042", ".063", ".063")),
    ("gpt-image-1", "high", (".167", ".25", ".25")),
    ("gpt-image-1-mini", "low", (".005", ".006", ".006")),
    ("gpt-image-1-mini", "medium", (".011", ".015", ".015")),
    ("gpt-image-1-mini", "high", (".036", ".052", ".052")),
]
SIZES = ("1024x1024", "1024x1536", "1536x1024")


@pytest.mark.parametrize(("model", "quality", "published"), GUIDE)
def test_openais_pictures_cost_what_its_guide_says_rounded_as_it_is(
    model: str, quality: str, published: tuple[str, ...]
) -> None:
    (tokens,) = terms("openai", model)
    beside = 0 if model == "gpt-image-1.5" else tokens.spoken  # the guide's figures are without its thoughts
    for size, figure in zip(SIZES, published, strict=True):
        alone = made(tokens, size, quality) * tokens.image_out + beside * tokens.image_out
        assert abs(alone / 1_000_000 - Decimal(figure)) <= max(Decimal("0.0005"), Decimal(figure) * Decimal("0.015"))


@pytest.mark.parametrize(
    ("model", "size", "quality", "tokens"),
    [
        # The guide: 196 tokens; and OpenAI's calculator, as quoted in its forum (April 2026).
        ("gpt-image-2", "1024x1024", "low", 196),
        ("gpt-image-2", "1024x1024", "high", 7024),
        ("gpt-image-2", "1536x1024", "high", 5488),
        ("gpt-image-2", "1792x1024", "high", 5063),
        ("gpt-image-2", "3584x2048", "high", 12329),
        # fal.ai, page of the model, $0.09366 and $0.40026 a picture at $30 a million.
        ("gpt-image-2.5-flare", "1024x1024", "xhigh", 3122),
        ("gpt-image-2.5-flare", "3840x2160", "max", 13342),
        ("gpt-image-2.5-flare", "1024x1536", "medium", 343),
    ],
)
def test_pictures_of_openais_later_models_have_the_tokens_that_its_calculator_says(
    model: str, size: str, quality: str, tokens: int
) -> None:
    (term,) = terms("openai", model)

    assert made(term, size, quality) == tokens


def test_openrouter_charges_what_openai_does() -> None:
    # Its document of image generation: gpt-image-2, high, 1536x864, $0.13.
    (term,) = terms("openrouter", "openai/gpt-image-2")

    assert round(made(term, "1536x864", "high") * term.image_out / 1_000_000, 2) == Decimal("0.13")


@pytest.mark.parametrize(
    ("provider", "model", "size", "published"),
    [
        # Google, prices of the Gemini API: the picture alone, by its class of sizes.
        ("gemini", "gemini-2.5-flash-image", "1024x1024", "0.039"),
        ("gemini", "gemini-3-pro-image", "1024x1024", "0.134"),
        ("gemini", "gemini-3-pro-image", "2048x2048", "0.134"),
        ("gemini", "gemini-3-pro-image", "4096x4096", "0.24"),
        ("gemini", "gemini-3.1-flash-image", "512x512", "0.045"),
        ("gemini", "gemini-3.1-flash-image", "1376x768", "0.067"),
        ("gemini", "gemini-3.1-flash-image", "2048x2048", "0.101"),
        ("gemini", "gemini-3.1-flash-image", "4096x4096", "0.151"),
        ("vertex-ai", "gemini-3.1-flash-lite-image", "1024x1024", "0.0336"),
    ],
)
def test_googles_pictures_cost_what_its_pages_say(provider: str, model: str, size: str, published: str) -> None:
    (term,) = terms(provider, model)
    digits = Decimal(published)

    assert (made(term, size, None) * term.image_out / 1_000_000).quantize(digits) == digits


def test_a_generation_of_gemini_is_paid_by_its_tokens_thoughts_as_text() -> None:
    # 12 of text and 258 of an image in at $0.50, 1120 of the picture at $60, 140 of thoughts at $3, a million each.
    usage = Usage(270, 1260, 1530, {"text_tokens": 12, "image_tokens": 258}, {"image_tokens": 1120, "text_tokens": 140})
    price = listed("gemini", "gemini-3.1-flash-image")

    assert actual(price, drawn(usage=usage), asked(None, 1, "512x512")) == Decimal("0.067755")


def terms(provider: str, model: str) -> tuple[ByTokens, ...]:
    price = listed(provider, model)
    assert price is not None
    assert all(isinstance(term, ByTokens) for term in price.terms)
    return tuple(term for term in price.terms if isinstance(term, ByTokens))


def made(term: ByTokens, size: str, quality: str | None) -> Decimal:
    """The tokens of one picture."""
    assert term.drawn is not None
    tokens = term.drawn.of(Facts(size=as_size(size), quality=quality))
    assert tokens is not None
    return tokens
