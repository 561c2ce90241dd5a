"""The engine that turns OpenAI's parameters into a provider's own."""

from __future__ import annotations

from typing import Any

import pytest

from pixelrelay.images import Size
from pixelrelay.providers.base import Part
from pixelrelay.providers.capabilities import ratio_of
from pixelrelay.providers.mapping import Table, data_url, files, form, merged, to, under
from tests.providers.exchanges import PIXEL, drawing, editing, png

TABLE = Table(
    prompt=to("input.text"),
    n=to("input.count"),
    size=to("config.image.ratio", lambda size: ratio_of(size)),
    quality=to("config.quality", str.upper),
    seed=to("config.seed"),
    images=to("input.images", lambda images: [data_url(image) for image in images]),
    parameters=under("config"),
)


def test_each_value_stands_where_the_table_says_and_what_was_not_asked_stands_nowhere() -> None:
    assert TABLE.body(drawing(n=2, size=Size(1920, 1080), quality="low")) == {
        "input": {"text": "a lighthouse at dusk", "count": 2},
        "config": {"image": {"ratio": "16:9"}, "quality": "LOW"},
    }


@pytest.mark.parametrize("unsaid", [{"quality": "auto"}, {"background": "auto"}, {"user": "u1"}, {"style": "vivid"}])
def test_what_is_left_to_the_provider_or_has_no_rule_is_not_said(unsaid: dict[str, Any]) -> None:
    assert TABLE.body(drawing(**unsaid)) == TABLE.body(drawing())


def test_a_providers_own_parameters_stand_below_their_path_and_the_extra_body_has_the_last_word() -> None:
    request = drawing(seed=7, parameters={"steps": 30}, extra_body={"config": {"seed": 8, "mood": "calm"}, "trace": 1})

    assert TABLE.body(request, {"model": "m"}) == {
        "model": "m",
        "input": {"text": "a lighthouse at dusk", "count": 1},
        "config": {"seed": 8, "steps": 30, "mood": "calm"},
        "trace": 1,
    }


def test_input_images_may_stand_in_the_body_as_text() -> None:
    (address,) = TABLE.body(editing())["input"]["images"]

    assert address.startswith("data:image/png;base64,iVBOR")


def test_mappings_are_merged_level_by_level_and_nothing_that_was_given_is_changed() -> None:
    first: dict[str, Any] = {"a": {"b": 1, "c": 2}}

    assert merged(first, {"a": {"c": 3}}, {"a": {"d": {"e": 4}}}) == {"a": {"b": 1, "c": 3, "d": {"e": 4}}}
    assert merged(first, {"a": [1]}) == {"a": [1]}
    assert first == {"a": {"b": 1, "c": 2}}


def test_a_form_spells_out_what_has_an_inside() -> None:
    assert form({"n": 2, "flag": True, "none": None, "deep": {"a": "x", "b": [1, "y"]}}) == (
        Part("n", "2"),
        Part("flag", "true"),
        Part("deep[a]", "x"),
        Part("deep[b][]", "1"),
        Part("deep[b][]", "y"),
    )


def test_files_of_one_name_keep_their_order() -> None:
    parts = files("image[]", (png("1.png"), png("2.png")))

    assert [(part.name, part.filename, part.data) for part in parts] == [
        ("image[]", "1.png", PIXEL),
        ("image[]", "2.png", PIXEL),
    ]
