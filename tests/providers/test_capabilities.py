"""What the models of OpenAI can do, there and on Azure; and that what they can be asked is what gets sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from pixelrelay.images import ImageRequest, InputImage, Operation, Size
from pixelrelay.providers.azure_openai import AzureOpenAI, AzureOpenAIOptions
from pixelrelay.providers.base import Provider, ProviderOptions
from pixelrelay.providers.capabilities import Capabilities, Sizes, drawn_at, lacks, ratio_of, table
from pixelrelay.providers.openai import OpenAI, OpenAIOptions
from tests.providers.exchanges import PIXEL, drawing, editing, png, sent

PROVIDERS: Mapping[str, tuple[Provider, ProviderOptions]] = {
    "openai": (OpenAI(), OpenAIOptions()),
    "azure_openai": (AzureOpenAI(), AzureOpenAIOptions(endpoint="https://contoso.openai.azure.com")),
}


def can(model: str, provider: str = "openai") -> Capabilities:
    adapter, options = PROVIDERS[provider]
    return adapter.capabilities(model, options)


# --- the rows ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "objection"),
    [
        ("1024x1024", None),
        ("3840x2160", None),
        ("2160x3840", None),
        ("2048x1152", None),
        ("1536x512", None),
        ("816x816", None),
        ("1000x1024", "multiples of 16"),
        ("1024x1000", "multiples of 16"),
        ("3856x1600", "edges of at most 3840"),
        ("1552x512", "ratios up to 3:1"),
        ("512x1552", "ratios up to 3:1"),
        ("512x512", "at least 655360 pixels"),
        ("800x816", "at least 655360 pixels"),
        ("3840x2176", "at most 8294400 pixels"),
    ],
)
@pytest.mark.parametrize("model", ["gpt-image-2", "gpt-image-2-2026-04-21", "gpt-image-2.5-flare"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_newer_models_draw_any_size_within_their_rules(
    provider: str, model: str, size: str, objection: str | None
) -> None:
    width, height = map(int, size.split("x"))

    found = lacks(can(model, provider), drawing(size=Size(width, height)))

    assert found == (() if objection is None else (f"size {size}: it draws {objection}",))


@pytest.mark.parametrize(
    ("model", "size", "fits"),
    [
        ("gpt-image-1", Size(1536, 1024), True),
        ("gpt-image-1-mini", Size(1024, 1536), True),
        ("gpt-image-1.5-2025-12-16", Size(1024, 1024), True),
        ("chatgpt-image-latest", Size(2048, 2048), False),
        ("gpt-image-1.5", Size(1792, 1024), False),
        ("dall-e-3", Size(1792, 1024), True),
        ("dall-e-3", Size(512, 512), False),
        ("dall-e-2", Size(256, 256), True),
        ("dall-e-2", Size(1536, 1024), False),
        ("a-model-of-next-year", Size(1001, 77), True),
    ],
)
def test_older_models_draw_a_few_sizes(model: str, size: Size, fits: bool) -> None:
    assert (lacks(can(model), drawing(size=size)) == ()) is fits


@pytest.mark.parametrize(
    ("model", "request_", "lacking"),
    [
        ("gpt-image-2", drawing(quality="high"), ()),
        ("gpt-image-2", drawing(quality="max"), ("quality 'max': it knows high, low, medium",)),
        ("gpt-image-2.5-sunburst", drawing(quality="max"), ()),
        ("gpt-image-2.6-flare", drawing(quality="xhigh"), ()),
        ("dall-e-3", drawing(quality="hd", style="vivid"), ()),
        ("dall-e-3", drawing(n=2), ("n=2: at most 1 in one call",)),
        ("dall-e-3", editing(), ("cannot edit", "1 input images: at most 0")),
        ("dall-e-2", drawing("x" * 1001), ("prompt of 1001 characters: at most 1000",)),
        ("dall-e-2", editing(png(), png()), ("2 input images: at most 1",)),
        ("gpt-image-2", drawing(style="vivid"), ("style 'vivid': it takes none",)),
        ("gpt-image-2", drawing(seed=7), ("seed: it takes none",)),
        ("gpt-image-2", drawing(n=11), ("n=11: at most 10 in one call",)),
        ("gpt-image-2", editing(*[png()] * 17), ("17 input images: at most 16",)),
        ("gpt-image-2", drawing("x" * 32_001), ("prompt of 32001 characters: at most 32000",)),
        ("gpt-image-2", drawing(parameters={"moderation": "low"}), ()),
        ("gpt-image-2", editing(parameters={"moderation": "low"}), ("parameter 'moderation': unknown to it",)),
        ("gpt-image-1.5", editing(parameters={"input_fidelity": "high"}), ()),
        (
            "gpt-image-1.5",
            drawing(parameters={"input_fidelity": "high"}),
            ("parameter 'input_fidelity': unknown to it",),
        ),
        ("gpt-image-2", editing(parameters={"input_fidelity": "high"}), ("parameter 'input_fidelity': unknown to it",)),
        (
            "gpt-image-2",
            drawing(background="transparent", output_format="jpeg"),
            ("background 'transparent' with output_format 'jpeg'",),
        ),
    ],
)
def test_what_a_model_of_openai_lacks_is_said(model: str, request_: ImageRequest, lacking: tuple[str, ...]) -> None:
    assert lacks(can(model), request_, request_.n) == lacking


def test_azure_neither_reads_nor_writes_webp() -> None:
    photo = InputImage(b"RIFF", "image/webp", "photo.webp")

    assert lacks(can("gpt-image-2", "azure_openai"), drawing(output_format="webp"))
    assert lacks(can("gpt-image-2", "azure_openai"), editing(photo))
    assert not lacks(can("gpt-image-2"), editing(photo, output_format="webp"))


@pytest.mark.parametrize(
    ("provider", "model", "retires"),
    [
        ("openai", "dall-e-2", date(2026, 5, 12)),
        ("openai", "dall-e-3", date(2026, 5, 12)),
        ("openai", "gpt-image-1", date(2026, 10, 23)),
        ("openai", "gpt-image-1-mini", date(2026, 12, 1)),
        ("openai", "gpt-image-1.5-2025-12-16", date(2026, 12, 1)),
        ("openai", "gpt-image-2", None),
        ("azure_openai", "dall-e-3", date(2026, 3, 4)),
        ("azure_openai", "gpt-image-1-mini", date(2027, 4, 7)),
        ("azure_openai", "gpt-image-1.5", date(2026, 12, 16)),
        ("azure_openai", "gpt-image-2", date(2027, 10, 21)),
        ("azure_openai", "gpt-image-2.5-flare", date(2027, 9, 9)),
        ("azure_openai", "my-deployment", None),
    ],
)
def test_the_day_that_a_model_is_switched_off_is_known(provider: str, model: str, retires: date | None) -> None:
    assert can(model, provider).retires == retires


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_replaces_a_model_is_in_the_table_and_stays_longer(provider: str) -> None:
    rows = table(provider)
    for row in rows.values():
        if row.replaced_by is not None:
            heir = rows[row.replaced_by]
            assert row.retires is not None
            assert heir.retires is None or heir.retires > row.retires


# --- sizes by ratio, and rules that no model here has --------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "objection"),
    [
        (Size(1024, 1024), None),
        (Size(1344, 768), None),
        (Size(1408, 1408), "size 1408x1408: it draws the ratio 1:1 at 1024x1024"),
        (Size(2560, 512), "size 2560x512: it draws ratios up to 3:1"),
    ],
)
def test_a_model_that_is_told_a_ratio_draws_the_size_that_comes_of_it(size: Size, objection: str | None) -> None:
    by_ratio = Sizes(ratio_pixels=1024 * 1024, ratio_multiple=64, max_ratio=3.0)

    assert by_ratio.objection(size) == objection


def test_a_model_may_know_a_few_ratios_alone() -> None:
    by_ratio = Sizes(ratio_pixels=1024 * 1024, ratios=("1:1", "16:9"))

    assert by_ratio.objection(Size(768, 1024)) == "size 768x1024: it draws the ratios 1:1, 16:9"


@pytest.mark.parametrize("size", [Size(1024, 1024), Size(1, 1)])
def test_a_model_without_sizes_draws_none_on_demand(size: Size) -> None:
    assert Sizes().objection(size) == f"size {size}: it draws no size on demand"


@given(st.integers(1, 4000), st.integers(1, 4000), st.sampled_from((1, 16, 32, 64)))
def test_what_is_drawn_for_a_ratio_lies_on_the_grid(width: int, height: int, multiple: int) -> None:
    drawn = drawn_at(Size(width, height), 1024 * 1024, multiple)

    assert drawn.width % multiple == drawn.height % multiple == 0
    assert min(drawn) >= multiple
    assert ratio_of(Size(width * 3, height * 3)) == ratio_of(Size(width, height))


def test_masks_large_pictures_and_compression_are_weighed() -> None:
    no_mask = Capabilities(operations=frozenset({Operation.EDIT}), references=1, max_input_bytes=10)
    only_mask = Capabilities(operations=frozenset({Operation.EDIT}), references=1, mask=True, mask_required=True)

    assert lacks(no_mask, editing(mask=png(), output_compression=50)) == (
        "mask: it takes none",
        f"photo.png: {len(PIXEL)} bytes, at most 10",
        "output_compression: it takes none",
    )
    assert lacks(only_mask, editing()) == ("mask: it needs one",)
    assert lacks(only_mask, editing(mask=png())) == ()


def test_an_edit_may_draw_other_sizes_than_a_generation() -> None:
    row = Capabilities(
        operations=frozenset(Operation),
        references=1,
        sizes=Sizes(exact=("512x512",)),
        edit_sizes=Sizes(exact=("256x256",)),
    )

    assert lacks(row, drawing(size=Size(512, 512))) == lacks(row, editing(size=Size(256, 256))) == ()
    assert lacks(row, editing(size=Size(512, 512))) == ("size 512x512: it draws 256x256",)


# --- what is sent ------------------------------------------------------------------------------------------------

# The documented fields, as of 2026-11-21, by model and operation. DALL·E and the GPT models share few.
GPT = {
    "model", "prompt", "n", "size", "quality", "background", "moderation", "output_format", "output_compression",
    "stream", "partial_images", "user", "safety_identifier", "complexity", "frame_count", "frame_duration_ms", "svg",
}  # fmt: skip
GPT_EDIT = GPT - {"moderation"} | {"image", "image[]", "mask", "markup", "input_fidelity"}
DALLE_3 = {"model", "prompt", "n", "size", "quality", "response_format", "style", "user"}
DALLE_2 = DALLE_3 - {"style"}
DALLE_2_EDIT = DALLE_2 | {"image", "mask"}


def documented(model: str, operation: Operation) -> set[str]:
    if model == "dall-e-3":
        return DALLE_3
    if model == "dall-e-2":
        return DALLE_2 if operation is Operation.GENERATE else DALLE_2_EDIT
    known = GPT if operation is Operation.GENERATE else GPT_EDIT
    return known if model.startswith(("gpt-image-1", "chatgpt-image", "*")) else known - {"input_fidelity"}


def sometimes(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from((None, *values))


SIZES = [Size(*edges) for edges in [(1024, 1024), (1536, 1024), (1792, 1024), (256, 256), (3840, 2160), (1000, 1000)]]
PICTURES = [png(), InputImage(b"\xff\xd8\xff", "image/jpeg", "b.jpg"), InputImage(b"RIFF", "image/webp", "c.webp")]
PARAMETERS = ("moderation", "input_fidelity", "safety_identifier", "complexity", "guidance")

requests = st.builds(
    ImageRequest,
    operation=st.sampled_from(Operation),
    prompt=st.text(min_size=1, max_size=20),
    n=st.integers(1, 11),
    size=sometimes(*SIZES),
    quality=sometimes("auto", "low", "high", "max", "standard", "hd"),
    background=sometimes("auto", "opaque", "transparent"),
    output_format=sometimes("png", "jpeg", "webp"),
    output_compression=sometimes(0, 80),
    response_format=sometimes("url", "b64_json"),
    style=sometimes("vivid", "natural"),
    seed=sometimes(7),
    user=sometimes("user-7"),
    images=st.lists(st.sampled_from(PICTURES), max_size=3).map(tuple),
    mask=sometimes(png()),
    parameters=st.dictionaries(st.sampled_from(PARAMETERS), st.just("low"), max_size=2),
)


def fitted(row: Capabilities, wish: ImageRequest) -> ImageRequest:
    """As much of ``wish`` as ``row`` can do, so that few wishes are thrown away."""
    request = drawing(wish.prompt)
    if wish.operation is Operation.EDIT and Operation.EDIT in row.operations:
        request = editing(*wish.images) if not lacks(row, editing(*wish.images)) else editing()
    for field in ("n", "size", "quality", "background", "output_format", "output_compression", "response_format",
                  "style", "seed", "user", "mask", "parameters"):  # fmt: skip
        changed = replace(request, **{field: getattr(wish, field)})
        if not lacks(row, changed, changed.n):
            request = changed
    return request


@pytest.mark.parametrize(("provider", "model"), [(name, model) for name in PROVIDERS for model in table(name)])
@given(wish=requests)
@settings(max_examples=50)
def test_a_request_that_fits_a_model_is_sent_in_documented_fields_alone(
    provider: str, model: str, wish: ImageRequest
) -> None:
    adapter, options = PROVIDERS[provider]
    there = adapter.target(model, SecretStr("sk-test"), options)
    request = fitted(adapter.capabilities(model, options), wish)

    if request.operation is Operation.GENERATE:
        fields = set(sent(adapter.generate(request, there)).json or {})
    else:
        fields = {part.name for part in sent(adapter.edit(request, there)).parts}

    assert fields <= documented(model, request.operation)
    assert {"model", "prompt", "n"} <= fields
    assert ("size" in fields) == (request.size is not None)
