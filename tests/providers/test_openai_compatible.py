"""Any server that speaks OpenAI's Images API: what the options say of it, what it is sent, and what it may answer."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from pixelrelay.config import load
from pixelrelay.config.cautions import warnings_of
from pixelrelay.errors import ProviderError
from pixelrelay.images import ImageRequest, InputImage, Size
from pixelrelay.outcomes import Charge, FailureKind
from pixelrelay.providers.base import Part, Purpose, Reply, Send, Target
from pixelrelay.providers.capabilities import lacks
from pixelrelay.providers.openai_compatible import NSCALE, OpenAICompatibleOptions
from pixelrelay.providers.openai_compatible import OPENAI_COMPATIBLE as PROVIDER
from tests.providers.exchanges import PIXEL, drawing, editing, failed, finish, png, sent, stored

BASE = "https://images.example/v1"


def options(**given: Any) -> OpenAICompatibleOptions:
    return OpenAICompatibleOptions.model_validate({"base_url": BASE, **given})


def target(key: str | None = "sk-test", **given: Any) -> Target:
    return PROVIDER.target("sd-3.5", SecretStr(key) if key else None, options(**given))


def body(request: ImageRequest, **given: Any) -> dict[str, Any]:
    return dict(sent(PROVIDER.generate(request, target(**given))).json or {})


def lacking(request: ImageRequest, **given: Any) -> tuple[str, ...]:
    return lacks(PROVIDER.capabilities("sd-3.5", options(**given)), request, request.n)


# --- where to, and as whom ---------------------------------------------------------------------------------------


def test_an_address_is_needed() -> None:
    with pytest.raises(ValidationError, match="base_url"):
        OpenAICompatibleOptions.model_validate({})


@pytest.mark.parametrize("address", [BASE, f"{BASE}/", "https://images.example/v1?key=1"])
def test_the_address_is_used_as_it_is_and_its_host_alone_is_trusted(address: str) -> None:
    there = target(base_url=address)

    assert (there.base_url, there.trusted_hosts) == (BASE, ("images.example",))
    assert "sk-test" not in repr(there)


@pytest.mark.anyio
async def test_a_server_may_want_no_key_and_is_then_reached_in_the_clear_too() -> None:
    keyless = target(None, base_url="http://gpu7.corp.example:8000/v1")
    keyed = target()

    assert not PROVIDER.requires_key
    assert keyless.credential is None
    assert keyed.credential is not None
    assert await keyed.credential.headers(sent(PROVIDER.ask(keyed))) == {"authorization": "Bearer sk-test"}
    with pytest.raises(ValueError, match=r"base_url: .*in the clear"):
        target(base_url="http://gpu7.corp.example:8000/v1")


def test_no_model_is_called_unknown_for_nobody_can_list_them() -> None:
    deployments = [
        {"name": "any", "provider": "openai-compatible", "model": "my-own", "base_url": BASE},
        {"name": "local", "provider": "xinference", "model": "my-own"},
        {"name": "paid", "provider": "nscale", "model": "my-own", "api_key": "a-key-of-mine"},
    ]
    config = load({"models": {"pictures": {"deployments": deployments}}})

    assert [str(problem) for problem in warnings_of(config, date(2026, 11, 21))] == [
        "models.pictures.deployments[2].model: nscale is not known to have 'my-own'; "
        "it is taken to be able to do anything"
    ]


# --- what a generation sends -------------------------------------------------------------------------------------


def test_a_generation_says_the_least_and_asks_for_the_picture_itself() -> None:
    assert sent(PROVIDER.generate(drawing(), target())) == Send(
        Purpose.SUBMIT,
        "POST",
        f"{BASE}/images/generations",
        json={"model": "sd-3.5", "prompt": "a lighthouse at dusk", "n": 1, "response_format": "b64_json"},
    )


FULL = drawing(
    n=2,
    size=Size(1000, 800),
    quality="hd",
    background="transparent",
    output_format="webp",
    output_compression=80,
    response_format="url",
    style="vivid",
    seed=7,
    user="user-7",
    parameters={"steps": 30, "negative_prompt": "fog"},
    extra_body={"steps": 31},
)


def test_all_that_is_asked_is_passed_on() -> None:
    assert lacking(FULL) == ()
    assert body(FULL) == {
        "model": "sd-3.5",
        "prompt": "a lighthouse at dusk",
        "n": 2,
        "size": "1000x800",
        "quality": "hd",
        "background": "transparent",
        "output_format": "webp",
        "output_compression": 80,
        "response_format": "url",
        "style": "vivid",
        "seed": 7,
        "user": "user-7",
        "steps": 31,
        "negative_prompt": "fog",
    }


@pytest.mark.parametrize(
    ("field", "objection"),
    [
        ("n", "n=2: at most 1 in one call"),
        ("size", "size 1000x800: it draws no size on demand"),
        ("quality", "quality 'hd': it takes none"),
        ("background", "background 'transparent': it takes none"),
        ("output_format", "output_format 'webp': it takes none"),
        ("output_compression", "output_compression: it takes none"),
        ("response_format", None),
        ("style", "style 'vivid': it takes none"),
        ("seed", "seed: it takes none"),
        ("user", None),
    ],
)
def test_a_field_that_the_server_refuses_is_never_sent_and_not_thought_to_be_known(
    field: str, objection: str | None
) -> None:
    assert body(FULL, refuses=[field]) == {name: value for name, value in body(FULL).items() if name != field}
    assert lacking(FULL, refuses=[field]) == ((objection,) if objection else ())


def test_a_mask_or_edits_may_be_refused_too() -> None:
    masked = editing(mask=png())

    assert lacking(masked) == ()
    assert lacking(masked, refuses=["mask"]) == ("mask: it takes none",)
    assert "cannot edit" in lacking(editing(), edits="none")
    with pytest.raises(ValidationError, match="refuses"):
        options(refuses=["prompt"])


def test_parameters_of_the_servers_own_are_named_to_be_known() -> None:
    request = drawing(parameters={"lora": "x"})

    assert lacking(request) == ("parameter 'lora': unknown to it",)
    assert lacking(request, accepts=["lora"]) == ()
    assert lacking(drawing(parameters={"steps": 4}), accepts=["lora"]) == ()
    assert body(request, accepts=["lora"])["lora"] == "x"


# --- what an edit sends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "images", "names"),
    [
        ({}, 1, ["image"]),
        ({}, 2, ["image[]", "image[]"]),
        ({"image_field": "image"}, 2, ["image", "image"]),
        ({"image_field": "image[]"}, 1, ["image[]"]),
    ],
)
def test_an_edit_is_a_form_whose_images_are_called_as_the_server_likes(
    given: dict[str, str], images: int, names: list[str]
) -> None:
    request = editing(*[png()] * images, mask=png("mask.png"), seed=7)

    send = sent(PROVIDER.edit(request, target(**given)))

    assert (send.method, send.url) == ("POST", f"{BASE}/images/edits")
    assert send.parts == (
        Part("model", "sd-3.5"),
        Part("prompt", "add a red hat"),
        Part("n", "1"),
        Part("response_format", "b64_json"),
        Part("seed", "7"),
        *(Part(name, PIXEL, "photo.png", "image/png") for name in names),
        Part("mask", PIXEL, "mask.png", "image/png"),
    )


def test_an_edit_may_be_json_with_the_images_as_text() -> None:
    send = sent(PROVIDER.edit(editing(png(), mask=png()), target(edits="json")))
    address = {"image_url": f"data:image/png;base64,{png().base64}"}

    assert (send.url, send.parts) == (f"{BASE}/images/edits", ())
    assert send.json == {
        "model": "sd-3.5",
        "prompt": "add a red hat",
        "n": 1,
        "response_format": "b64_json",
        "images": [address],
        "mask": address,
    }
    refused = sent(PROVIDER.edit(editing(mask=png()), target(edits="json", refuses=["mask", "n"]))).json or {}
    assert refused.keys() == {"model", "prompt", "response_format", "images"}


# --- what comes back ---------------------------------------------------------------------------------------------


def test_a_picture_may_wear_the_prefix_of_an_address_and_nothing_may_stand_beside_it() -> None:
    found = finish(PROVIDER.generate(drawing(), target()), stored("openai_compatible/prefixed"))

    assert [(image.bytes(), image.media_type) for image in found.images] == [(PIXEL, "image/png")]
    assert (found.usage, found.cost, found.seen_limits) == (None, None, ())


def test_an_address_is_fetched_where_the_server_has_nothing_else() -> None:
    exchange = PROVIDER.generate(drawing(), target())

    assert sent(exchange, stored("openai_compatible/address")) == Send(
        Purpose.DOWNLOAD, "GET", "https://images.example/out/1.png"
    )


@pytest.mark.parametrize(
    ("name", "kind", "message", "seconds"),
    [
        ("numbered_code", FailureKind.INVALID, "Unknown parameter: 'response_format'.", None),
        ("validation", FailureKind.INVALID, "body.size: Field required", None),
        ("message_alone", FailureKind.NOT_FOUND, "no such model", None),
        ("wrong_key", FailureKind.UNAUTHORISED, "Invalid token", None),
        ("throttled", FailureKind.RATE_LIMITED, "Rate limit exceeded", 1.5),
        ("error_text", FailureKind.OVERLOADED, "model is overloaded", 7.0),
        ("bad_gateway", FailureKind.OVERLOADED, "HTTP 502 without a message", None),
    ],
)
def test_a_refusal_is_read_in_whatever_shape_it_comes(
    name: str, kind: FailureKind, message: str, seconds: float | None
) -> None:
    failure = failed(PROVIDER.generate(drawing(), target()), stored(f"openai_compatible/{name}"))

    assert (failure.kind, failure.message, failure.retry_after) == (kind, message, seconds)
    assert failure.charge is (Charge.UNKNOWN if name == "bad_gateway" else Charge.NONE)


# --- a free question ---------------------------------------------------------------------------------------------


def test_the_list_of_models_shows_whether_host_and_key_are_good() -> None:
    assert sent(PROVIDER.ask(target())) == Send(Purpose.ASK, "GET", f"{BASE}/models")
    assert finish(PROVIDER.ask(target()), stored("openai_compatible/models")) == "sd-3.5 is available"
    assert failed(PROVIDER.ask(target()), stored("openai_compatible/wrong_key")).kind is FailureKind.UNAUTHORISED


@pytest.mark.parametrize("answer", [b"{}", b"[]", b"<html>", b'{"data":7}', b"[" * 100_000])
def test_a_server_may_list_nothing_that_can_be_read(answer: bytes) -> None:
    said = finish(PROVIDER.ask(target()), Reply(200, {}, answer))

    assert said == "the server answers, and does not list sd-3.5"


def test_input_images_are_passed_on_as_they_are() -> None:
    photo = InputImage(b"RIFF", "image/webp", "photo.webp")

    assert sent(PROVIDER.edit(editing(photo), target())).parts[-1].data is photo.data


def test_nothing_is_sent_where_a_dialect_has_no_edits() -> None:
    there = NSCALE.target("m", SecretStr("sk"), NSCALE.options())
    with pytest.raises(ProviderError, match="edits no pictures"):
        NSCALE.edit(editing(), there)
