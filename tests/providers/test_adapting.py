"""What becomes of a request that a model cannot serve as it is, where the configuration or the call allows it."""

from __future__ import annotations

from dataclasses import fields
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelrelay.images import ImageRequest, Operation, Size
from pixelrelay.providers.adapting import ADAPTABLE, Manner, fit, why_never
from pixelrelay.providers.capabilities import Capabilities, Sizes, lacks, table
from pixelrelay.providers.parameters import Parameter
from tests.providers.exchanges import drawing, editing

BOTH = frozenset({Operation.GENERATE, Operation.EDIT})
RATIOS = Sizes(ratio_pixels=1024 * 1024, ratios=("1:1", "16:9", "9:16", "4:3"))
LISTED = Sizes(exact=("1024x1024", "1344x768", "768x1344"), told="ratio", ratios=("1:1", "16:9", "9:16"))
FEW = Sizes(exact=("1024x1024", "1536x1024", "1024x1536"))
FREE = Sizes(multiple=16, min_edge=64, max_edge=3840, min_pixels=655_360, max_pixels=8_294_400, max_ratio=3.0)


def can(**changes: Any) -> Capabilities:
    return Capabilities(**{"operations": BOTH, "max_images": 10, "references": 1, **changes})


@pytest.mark.parametrize(
    ("sizes", "asked", "drawn", "told"),
    [
        (RATIOS, Size(1792, 1024), Size(1376, 768), "size 1792x1024 → 16:9"),
        (RATIOS, Size(1000, 1000), Size(1024, 1024), "size 1000x1000 → 1:1"),
        (LISTED, Size(1792, 1024), Size(1344, 768), "size 1792x1024 → 16:9"),
        (FEW, Size(1792, 1024), Size(1536, 1024), "size 1792x1024 → 1536x1024"),
        (FEW, Size(512, 512), Size(1024, 1024), "size 512x512 → 1024x1024"),
        (FREE, Size(1001, 1000), Size(1008, 1008), "size 1001x1000 → 1008x1008"),
        (FREE, Size(512, 512), Size(816, 816), "size 512x512 → 816x816"),
    ],
)
def test_a_size_becomes_the_nearest_in_shape_and_then_in_pixels(
    sizes: Sizes, asked: Size, drawn: Size, told: str
) -> None:
    found = fit(can(sizes=sizes), drawing(size=asked), adapt=frozenset({"size"}))

    assert (found.request.size, found.adaptations, found.lacks) == (drawn, (told,), ())


@pytest.mark.parametrize(
    ("row", "request_", "told"),
    [
        (can(qualities={"low", "high"}), drawing(quality="medium"), ("quality medium → low",)),
        (can(qualities={"low", "medium"}), drawing(quality="hd"), ("quality hd → medium",)),
        (can(), drawing(quality="hd"), ("quality hd left out",)),
        (can(), drawing(background="transparent"), ("background transparent → opaque",)),
        (can(formats={"jpeg"}), drawing(output_format="webp"), ("output_format webp → jpeg",)),
        (can(formats={"svg"}), drawing(output_format="png"), ("output_format png → svg",)),
        (can(formats={"png", "jpeg"}), drawing(output_format="svg"), ("output_format svg → png",)),
        (can(formats=set()), drawing(output_format="webp"), ("output_format webp left out",)),
        (can(), drawing(style="vivid", seed=7), ("style vivid left out", "seed 7 left out")),
        (
            can(backgrounds={"opaque", "transparent"}, formats={"png", "jpeg"}),
            drawing(background="transparent", output_format="jpeg"),
            ("background transparent → opaque",),
        ),
    ],
)
def test_other_fields_become_the_nearest_or_are_left_out(
    row: Capabilities, request_: ImageRequest, told: tuple[str, ...]
) -> None:
    found = fit(row, request_, adapt=ADAPTABLE)

    assert (found.adaptations, found.lacks) == (told, ())
    assert lacks(row, found.request) == ()


def test_nothing_changes_that_may_not_and_what_is_lacking_is_said() -> None:
    asked = drawing(size=Size(7, 7), style="vivid", seed=7)

    found = fit(can(sizes=FEW), asked, adapt=frozenset({"seed"}))

    assert found.request == ImageRequest(Operation.GENERATE, asked.prompt, size=asked.size, style="vivid")
    assert found.adaptations == ("seed 7 left out",)
    assert [why.partition(" ")[0] for why in found.lacks] == ["size", "style"]


def test_parameters_that_a_model_does_not_know_are_dropped_by_name_or_all_at_once() -> None:
    asked = drawing(parameters={"steps": 30, "mood": "calm"})

    assert fit(can(), asked, drop=frozenset({"mood"})).lacks == ("parameter 'steps': unknown to it",)
    all_dropped = fit(can(), asked, drop=True)
    assert all_dropped.request.parameters == {}
    assert all_dropped.adaptations == ("mood left out", "steps left out")


def test_dropping_everything_never_drops_what_the_picture_is_made_of() -> None:
    row = can(references=0, max_prompt=3, max_images=1)

    found = fit(row, editing(n=2), images=2, adapt=ADAPTABLE, drop=True)

    assert found.lacks == (
        "n=2: at most 1 in one call",
        "1 input images: at most 0",
        f"prompt of {len(found.request.prompt)} characters: at most 3",
    )


@pytest.mark.parametrize(
    ("parameter", "value", "why"),
    [
        (Parameter(type="number", min=1.5, max=10), 4, None),
        (Parameter(type="number", min=1.5, max=10), 1, "1 is below 1.5"),
        (Parameter(type="number", min=1.5, max=10), 11, "11 is above 10"),
        (Parameter(type="number"), True, "True is no number"),
        (Parameter(type="ratio", max_ratio=2.334), "9:21", None),
        (Parameter(type="ratio", max_ratio=2.334), "1:3", "'1:3' is wider or taller than 2.334:1"),
        (Parameter(type="ratio"), "16x9", "'16x9' is no ratio as 16:9"),
        (Parameter(type="whole"), 2.5, "2.5 is no whole number"),
        (Parameter(type="whole"), inf, "inf is no whole number"),
        (Parameter(type="whole"), nan, "nan is no whole number"),
        (Parameter(type="whole", max=9), 10**400, f"{10**38}… is above 9"),
        (Parameter(type="number"), nan, "nan is no number"),
        (Parameter(type="number", min=0), -inf, "-inf is no number"),
        (Parameter(choices=(1, 2)), True, "True is none of 1, 2"),
        (Parameter(type="whole", multiple=64), 100, "100 is no multiple of 64"),
        (Parameter(type="flag"), "off", "'off' is no flag (true or false)"),
        (Parameter(choices=("a", "b")), "c", "'c' is none of a, b"),
        (Parameter(type="text"), "x" * 99, None),
        (Parameter(type="list"), {"a": 1}, "{'a': 1} is no list"),
        (Parameter(), object, None),
    ],
)
def test_a_parameter_is_checked_before_anything_is_sent(parameter: Parameter, value: Any, why: str | None) -> None:
    row = can(parameters={"knob": parameter})

    assert lacks(row, drawing(parameters={"knob": value})) == (() if why is None else (f"parameter 'knob': {why}",))


def test_a_model_that_needs_a_parameter_is_unfit_without_it() -> None:
    row = can(parameters={"search": Parameter(required=True)})

    assert lacks(row, drawing()) == ("parameter 'search': it needs one",)
    assert lacks(row, drawing(parameters={"search": "the hat"})) == ()
    assert lacks(row, drawing(extra_body={"search": "the hat"})) == ()


def test_a_model_that_needs_one_of_several_is_unfit_without_any() -> None:
    row = can(one_of=("size", "resolution"), sizes=FEW, parameters={"resolution": Parameter()})

    assert lacks(row, drawing()) == ("size, resolution: it needs one of them",)
    assert fit(row, drawing(), adapt=ADAPTABLE, drop=True).lacks == lacks(row, drawing())
    assert lacks(row, drawing(parameters={"resolution": ""})) == lacks(row, drawing())
    for said in (
        {"size": Size(1024, 1024)},
        {"parameters": {"resolution": "2K"}},
        {"extra_body": {"resolution": "2K"}},
    ):
        assert lacks(row, drawing(**said)) == ()
    assert lacks(can(one_of=("size",)), drawing()) == ("size: it needs one",)


def test_a_model_that_needs_two_images_is_unfit_with_one_for_edits_alone() -> None:
    row = can(references=2, least_references=2)

    assert lacks(row, editing()) == ("1 input images: at least 2",)
    assert lacks(row, drawing()) == ()


def test_a_seed_beyond_the_largest_is_refused() -> None:
    assert lacks(can(seed=True, max_seed=9), drawing(seed=10)) == ("seed 10: at most 9",)
    assert lacks(can(seed=True, max_seed=9), drawing(seed=9)) == ()


def test_a_deployments_defaults_stand_where_the_call_says_nothing() -> None:
    manner = Manner(
        defaults={"quality": "low", "size": Size(1024, 1024), "steps": 20},
        extra_headers={"x-team": "a", "x-trace": "1"},
        extra_body={"config": {"a": 1, "b": 2}},
    )
    asked = drawing(quality="high", extra_headers={"x-trace": "2"}, extra_body={"config": {"b": 3}})

    found = manner.applied(can(qualities={"low", "high"}, sizes=FEW, parameters={"steps": Parameter()}), asked)

    assert (found.quality, found.size, dict(found.parameters)) == ("high", Size(1024, 1024), {"steps": 20})
    assert found.extra_headers == {"x-team": "a", "x-trace": "2"}
    assert found.extra_body == {"config": {"a": 1, "b": 3}}


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (drawing(), {"seed": 7, "output_format": "jpeg"}),
        (editing(), {"size": Size(1024, 1024), "seed": 7, "output_format": "jpeg", "strength": 0.5}),
        (editing(size=Size(7, 7)), {"size": Size(7, 7), "seed": 7, "output_format": "jpeg", "strength": 0.5}),
        (drawing(background="transparent"), {"seed": 7}),
    ],
    ids=["a generation", "an edit", "what is asked itself stays", "a choice that does not go with it"],
)
def test_a_default_that_does_not_suit_a_request_is_left_out_of_it(asked: ImageRequest, kept: dict[str, Any]) -> None:
    manner = Manner(
        defaults={"size": Size(1024, 1024), "seed": 7, "output_format": "jpeg", "strength": 0.5, "style": "vivid"}
    )
    row = can(
        edit_sizes=FEW,
        seed=True,
        formats={"png", "jpeg"},
        backgrounds={"opaque", "transparent"},
        edit_parameters={"strength": Parameter(type="number", max=1)},
    )

    found = manner.fit(row, asked)

    said = {name: getattr(found.request, name) for name in ("size", "seed", "output_format", "style")}
    assert {name: value for name, value in said.items() if value is not None} | dict(found.request.parameters) == kept
    assert found.adaptations == ()
    assert found.lacks == lacks(row, asked)


def test_a_default_that_may_be_adapted_is_and_one_that_never_suits_is_known_to() -> None:
    manner = Manner(adapt=frozenset({"size"}), defaults={"size": Size(1792, 1024)})

    assert manner.fit(can(sizes=FEW), drawing()).adaptations == ("size 1792x1024 → 1536x1024",)
    assert why_never(can(sizes=FEW), "size", Size(1792, 1024)) == (
        "size 1792x1024: it draws 1024x1024, 1536x1024, 1024x1536"
    )
    assert why_never(can(edit_sizes=FEW), "size", Size(1024, 1024)) is None
    assert why_never(can(edit_parameters={"strength": Parameter(type="number", max=1)}), "strength", 2) is not None


def test_what_the_call_allows_adds_to_what_the_configuration_does() -> None:
    manner = Manner(adapt=frozenset({"size"}), drop_params=frozenset({"steps"}))
    asked = drawing(size=Size(7, 7), style="vivid", parameters={"steps": 1, "mood": 2})
    row = can(sizes=FEW)

    assert len(manner.fit(row, asked).lacks) == 2
    more = ImageRequest(
        **{each.name: getattr(asked, each.name) for each in fields(asked)}
        | {"adapt": frozenset({"style"}), "drop_params": frozenset({"mood"})}
    )
    assert manner.fit(row, more).lacks == ()


rows = st.sampled_from(
    [row for name in ("openai", "azure_foundry", "black_forest_labs") for row in table(name).values()]
)
sizes = st.builds(Size, st.integers(1, 6000), st.integers(1, 6000))


@given(rows, sizes)
def test_the_nearest_size_can_be_drawn_and_one_that_can_be_drawn_is_its_own_nearest(
    row: Capabilities, size: Size
) -> None:
    nearest = row.sizes.nearest(size)

    if row.sizes.objection(size) is None:
        assert nearest == size
    elif nearest is None:
        assert not row.sizes.exact
        assert row.sizes.ratio_pixels is None or row.sizes.ratios == ()
    else:
        assert row.sizes.objection(nearest) is None


@given(rows, st.lists(st.sampled_from(sorted(ADAPTABLE)), unique=True), sizes, st.data())
def test_whatever_is_adapted_asks_for_no_more_than_before(
    row: Capabilities, adapt: list[str], size: Size, data: st.DataObject
) -> None:
    asked = drawing(
        size=size,
        quality=data.draw(st.sampled_from([None, "auto", "low", "hd", "best"])),
        background=data.draw(st.sampled_from([None, "auto", "transparent", "opaque"])),
        output_format=data.draw(st.sampled_from([None, "png", "jpeg", "webp", "svg"])),
        style=data.draw(st.sampled_from([None, "vivid"])),
        seed=data.draw(st.sampled_from([None, 7])),
    )

    found = fit(row, asked, adapt=frozenset(adapt))

    assert set(found.lacks) == set(lacks(row, found.request))
    assert len(found.lacks) <= len(lacks(row, asked))
    changed = {name for name in ADAPTABLE if getattr(asked, name) != getattr(found.request, name)}
    assert changed <= set(adapt)
    assert len(found.adaptations) == len(changed)
