"""Nscale: four fields, base64 back, and a 429 that as a rule speaks of credit."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from pixelrelay.images import Size
from pixelrelay.outcomes import Charge, FailureKind
from pixelrelay.providers._compatible import CompatibleOptions
from pixelrelay.providers.base import Purpose, Send, Target
from pixelrelay.providers.capabilities import lacks
from pixelrelay.providers.openai_compatible import NSCALE as PROVIDER
from tests.providers.exchanges import PIXEL, drawing, editing, failed, finish, sent, stored

MODEL = "black-forest-labs/FLUX.1-schnell"


def target() -> Target:
    return PROVIDER.target(MODEL, SecretStr("nscale-test"), CompatibleOptions())


def test_a_token_is_needed() -> None:
    with pytest.raises(ValueError, match="api_key"):
        PROVIDER.target(MODEL, None, CompatibleOptions())


@pytest.mark.parametrize("response_format", [None, "url", "b64_json"])
def test_a_generation_says_four_fields_and_no_more(response_format: str | None) -> None:
    request = drawing(size=Size(512, 512), user="user-7", response_format=response_format)

    assert sent(PROVIDER.generate(request, target())) == Send(
        Purpose.SUBMIT,
        "POST",
        "https://inference.api.nscale.com/v1/images/generations",
        json={"model": MODEL, "prompt": "a lighthouse at dusk", "n": 1, "size": "512x512"},
    )


def test_it_edits_nothing_and_is_asked_for_one_picture_at_a_time() -> None:
    can = PROVIDER.capabilities(MODEL, CompatibleOptions())

    assert "cannot edit" in lacks(can, editing())
    assert lacks(can, drawing(n=2), 2) == ("n=2: at most 1 in one call",)
    assert lacks(can, drawing(seed=7, output_format="png")) == (
        "output_format 'png': it takes none",
        "seed: it takes none",
    )


def test_a_picture_comes_back_as_base64() -> None:
    (image,) = finish(PROVIDER.generate(drawing(), target()), stored("nscale/picture")).images

    assert image.bytes() == PIXEL


@pytest.mark.parametrize(
    ("name", "kind", "seconds"),
    [
        ("no_credit", FailureKind.OUT_OF_CREDIT, None),
        ("throttled", FailureKind.RATE_LIMITED, 3.0),
        ("wrong_token", FailureKind.UNAUTHORISED, None),
        ("no_model", FailureKind.NOT_FOUND, None),
        ("broken", FailureKind.OVERLOADED, None),
        ("unavailable", FailureKind.OVERLOADED, None),
    ],
)
def test_a_429_is_an_empty_account_where_it_says_so(name: str, kind: FailureKind, seconds: float | None) -> None:
    failure = failed(PROVIDER.generate(drawing(), target()), stored(f"nscale/{name}"))

    assert (failure.kind, failure.retry_after, failure.charge) == (kind, seconds, Charge.NONE)
