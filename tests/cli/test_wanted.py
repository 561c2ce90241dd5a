"""From options to what the router takes."""

from __future__ import annotations

import inspect
import math

import pytest
import typer

from pixelrelay.cli.wanted import PICTURE, UNNAMED, WAY, Wanted, chain_of, parameters_of
from pixelrelay.images import ImageRequest, Operation
from pixelrelay.router import Router


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("steps=30", 30),
        ("guidance=3.5", 3.5),
        ("raw=true", True),
        ("raw=null", None),
        ("colours=[1, 2]", [1, 2]),
        ('name="30"', "30"),
        ("aspect_ratio=16:9", "16:9"),
        ("negative_prompt=a=b, c", "a=b, c"),
        ("style=", ""),
        ("scale=NaN", "NaN"),
        ("scale=-Infinity", "-Infinity"),
    ],
)
def test_a_parameter_is_json_where_it_is_and_text_where_not(text: str, value: object) -> None:
    (given,) = parameters_of([text]).values()

    assert given == value
    assert type(given) is type(value)
    assert not isinstance(given, float) or math.isfinite(given)


def test_no_parameter_of_the_router_can_be_given_twice() -> None:
    signature = inspect.signature(Router.edit).parameters

    for name in signature.keys() - UNNAMED - {"parameters"}:
        with pytest.raises(typer.BadParameter):
            parameters_of([f"{name}=1"])
    assert {*PICTURE, *WAY, *UNNAMED} <= signature.keys()


def test_what_has_no_option_reaches_the_request_by_its_own_name() -> None:
    given = parameters_of(["style=vivid", "output_compression=80", 'extra_body={"x": 1}', "steps=3", "raw=null"])
    wanted = Wanted(operation=Operation.GENERATE, prompt="a boat", size="64x64", further=given)

    request = wanted.request()

    assert isinstance(request, ImageRequest)
    assert (request.style, request.output_compression, request.extra_body) == ("vivid", 80, {"x": 1})
    assert request.parameters == {"steps": 3}
    bound = inspect.signature(Router.generate).bind(None, "images", "a boat", **wanted.arguments)
    assert bound.arguments["parameters"] == {"steps": 3, "raw": None}


def test_fallbacks_are_those_named_none_or_the_configured_ones() -> None:
    assert chain_of(["a", "b"], False) == ("a", "b")
    assert chain_of(None, True) == ()
    assert chain_of([], False) is None
    with pytest.raises(typer.BadParameter):
        chain_of(["a"], True)
