"""What holds of every price, whatever is asked: costs grow with what is asked, and estimates are never too low."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pixelrelay.cost import listed as lists
from pixelrelay.cost.listed import price_list
from pixelrelay.cost.prices import Price, actual, estimate
from pixelrelay.cost.tables import Level, Table
from pixelrelay.cost.tokens import ByTokens, Patches
from pixelrelay.images import Generation, ImageRequest, Size, parse_size
from pixelrelay.outcomes import Usage
from pixelrelay.providers.adapting import QUALITIES
from tests.cost.calls import asked, drawn, priced

LISTED: dict[str, Price] = {
    f"{name}/{model}": price
    for name in lists.providers()
    if (published := price_list(name)) is not None
    for model, price in published.prices.items()
}
dollars = st.decimals(min_value=0, max_value=10, places=4)
megapixels = st.fixed_dictionaries(
    {"extra": dollars, "unsaid": st.just("1024x1024")},
    optional={
        "first": dollars,
        "input": dollars,
        "round_up": st.booleans(),
        "pixels": st.sampled_from([1_000_000, 1_048_576]),
        "most": st.integers(min_value=1, max_value=9),
        "minimum": dollars,
    },
)
written = st.builds(priced, image=dollars, input_image=dollars) | st.builds(priced, megapixel=megapixels)
prices = st.sampled_from(sorted(LISTED)).map(LISTED.__getitem__) | written

EXACT_SIZES = ["1024x1024", "1024x1536", "1536x1024", "2048x2048", "1792x1024", "512x512", "4096x4096"]
edges = st.integers(min_value=1, max_value=256).map(lambda edge: edge * 16)
sizes = st.sampled_from(EXACT_SIZES).map(parse_size) | st.builds(Size, edges, edges)
inputs = st.lists(st.none() | sizes, max_size=3)
counts = st.integers(min_value=1, max_value=10)
calls = st.fixed_dictionaries(
    {
        "size": st.none() | sizes,
        "quality": st.none() | st.sampled_from(QUALITIES),
        "prompt": st.text(max_size=40),
        "parameters": st.fixed_dictionaries(
            {},
            optional={
                "steps": st.integers(min_value=1, max_value=50),
                "num_inference_steps": st.integers(min_value=1, max_value=50),
                "resolution": st.sampled_from(["1k", "2K"]),
                "rendering_speed": st.sampled_from(["TURBO", "QUALITY"]),
            },
        ),
    }
)


def request(call: dict[str, Any], n: int, given_images: list[Size | None], **over: Any) -> ImageRequest:
    said = {**call, **over}
    size = said.pop("size")
    return asked(size, n, *given_images, **said)


@given(prices, calls, inputs, counts, counts)
def test_each_picture_costs_the_same_so_that_more_never_cost_less(
    price: Price, call: dict[str, Any], given_images: list[Size | None], few: int, further: int
) -> None:
    one, less, more = (estimate(price, request(call, n, given_images)) for n in (1, few, few + further))

    if one is None:
        assert less is more is None
    else:
        assert less == one * few
        assert more == one * (few + further)


@given(prices, calls, inputs, sizes, st.integers(min_value=2, max_value=4))
def test_the_same_picture_with_more_pixels_never_costs_less(
    price: Price, call: dict[str, Any], given_images: list[Size | None], size: Size, times: int
) -> None:
    large = Size(size.width * times, size.height * times)
    less, more = (estimate(price, request(call, 1, given_images, size=each)) for each in (size, large))

    if less is not None and more is not None:
        assert less <= more


@given(prices, calls, inputs)
def test_a_better_quality_never_costs_less(price: Price, call: dict[str, Any], given_images: list[Size | None]) -> None:
    by_rank = [estimate(price, request(call, 1, given_images, quality=quality)) for quality in QUALITIES]
    known = [cost for cost in by_rank if cost is not None]

    assert all(worse <= better for worse, better in pairwise(known))


@given(prices, calls, inputs, sizes)
def test_a_further_input_image_never_makes_it_cheaper(
    price: Price, call: dict[str, Any], given_images: list[Size | None], another: Size
) -> None:
    size = call["size"] or Size(1024, 1024)  # an edit whose size is left open is as large as its first image
    less = estimate(price, request(call, 1, given_images, size=size))
    more = estimate(price, request(call, 1, [*given_images, another], size=size))

    if less is not None and more is not None:
        assert less <= more


@given(prices, calls, inputs, counts, st.data())
def test_an_estimate_is_never_below_what_a_generation_costs_that_did_what_was_asked(
    price: Price, call: dict[str, Any], given_images: list[Size | None], n: int, data: st.DataObject
) -> None:
    wanted = request(call, n, given_images)
    expected = estimate(price, wanted)
    if expected is None:
        return
    generation = data.draw(generations(price, wanted))
    paid = actual(price, generation, wanted)

    assert paid is not None
    assert paid <= expected


@st.composite
def generations(draw: st.DrawFn, price: Price, wanted: ImageRequest) -> Generation:
    """What a provider may bring that draws what was asked, and chooses by itself what was left to it."""
    size = wanted.size or draw(st.sampled_from([None, *choices(price)]))
    pictures = draw(st.integers(min_value=1, max_value=wanted.n))
    told = draw(st.booleans())
    made = drawn(pictures, size=size if told else None, quality=wanted.quality if told else None)
    term = price.terms[0]
    if not isinstance(term, ByTokens) or draw(st.booleans()):
        return made
    facts = price.facts(wanted).drawn(made)
    tokens = term.drawn.of(facts) if term.drawn is not None else None
    seen = term.inputs.of(facts) if term.inputs is not None else Decimal(0)
    assert tokens is not None
    text = len(wanted.prompt) + 6 + 32 * len(wanted.images)
    images = int(seen or 0) * len(wanted.images)
    words = draw(st.integers(min_value=0, max_value=term.spoken)) * pictures
    output = int(tokens) * pictures
    usage = Usage(
        (text + images) * pictures,
        output + words,
        (text + images) * pictures + output + words,
        {"text_tokens": text * pictures, "image_tokens": images * pictures},
        {"image_tokens": output, "text_tokens": words},
    )
    return Generation(made.images, usage=usage, size=made.size, quality=made.quality)


def choices(price: Price) -> Iterator[Size]:
    """The sizes that the model is known to choose among by itself."""
    term = price.terms[0]
    if isinstance(term, ByTokens) and isinstance(term.drawn, Patches):
        yield from term.drawn.unsaid
    if isinstance(term, ByTokens) and isinstance(term.drawn, Table) and isinstance(term.drawn.amounts, Level):
        for _, level in term.drawn.amounts.branches:
            for words, _ in level.branches if isinstance(level, Level) else ():
                yield from (size for word in words if (size := parse_size(word)) is not None)
