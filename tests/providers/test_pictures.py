"""What a picture is, told by how its file begins; and that vectors are asked only of those that draw them."""

from __future__ import annotations

from base64 import b64encode
from time import process_time

import pytest

from pixelrelay.providers._pictures import format_of, is_svg, media_type_in, media_type_of
from pixelrelay.providers.capabilities import lacks, table
from tests.providers.exchanges import PIXEL, drawing, editing

SVGS = [
    b"<svg/>",
    b'<svg xmlns="http://www.w3.org/2000/svg" width="1">',
    b"\xef\xbb\xbf  \n<svg>",
    b'<?xml version="1.0" encoding="UTF-8"?>\n<!-- drawn --><!-- by hand -->\n<svg\n>',
    b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg11.dtd"><svg >',
    b"<!DOCTYPE svg [ <!ENTITY a 'b'> ]><SVG>",
]


@pytest.mark.parametrize("data", SVGS)
def test_a_vector_begins_with_an_svg_element_whatever_stands_before_it(data: bytes) -> None:
    assert is_svg(data)
    assert format_of(b64encode(data).decode()) == "svg"
    assert media_type_in(data, "png") == "image/svg+xml"


@pytest.mark.parametrize(
    "data", [b"", b"<svgx>", b"<html><svg></html>", b"svg", b"<!-- <svg> -->", b"<?xml?><a><svg/>"]
)
def test_what_merely_speaks_of_svg_is_none(data: bytes) -> None:
    assert not is_svg(data)
    assert format_of(b64encode(data).decode()) is None


def test_a_file_of_many_comments_is_told_at_once() -> None:
    began = process_time()

    assert not is_svg(b"<!---->" * 10_000)
    assert process_time() - began < 1


def test_what_begins_as_nothing_known_is_what_was_said_of_it() -> None:
    assert media_type_in(PIXEL, "jpeg") == "image/png"
    assert media_type_of("AAAA", "jpeg") == "image/jpeg"
    assert media_type_of("AAAA", "svg") == "image/svg+xml"
    assert media_type_of("no base64!") is None


TABLES = ("azure_foundry", "azure_openai", "black_forest_labs", "openai", "openrouter", "recraft")
DRAW_VECTORS = {"recraft": {"*", "vectorize"}, "openrouter": {"*"}}
"""Beside the models whose names say so."""


@pytest.mark.parametrize(("provider", "model"), [(name, model) for name in TABLES for model in table(name)])
def test_a_model_that_draws_no_vectors_refuses_them_by_name(provider: str, model: str) -> None:
    row = table(provider)[model]
    said = [*lacks(row, drawing(output_format="svg")), *lacks(row, editing(output_format="svg"))]

    refused = any(each.startswith("output_format 'svg': it ") for each in said)
    assert refused != (model.endswith(("-vector", "_vector")) or model in DRAW_VECTORS.get(provider, set()))
