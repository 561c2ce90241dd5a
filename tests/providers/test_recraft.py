"""Recraft: what each endpoint is sent, and what is made of its pictures, its vectors and its errors."""

from __future__ import annotations

import io
from base64 import b64decode
from decimal import Decimal, localcontext
from typing import Any

import pytest
from PIL import Image as Picture
from pydantic import SecretStr

from pixelrelay.errors import ProviderError
from pixelrelay.images import Image, ImageRequest, InputImage, Operation, Size
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers.base import Purpose, Reply, Send, Target
from pixelrelay.providers.capabilities import lacks, table
from pixelrelay.providers.mapping import data_url
from pixelrelay.providers.recraft import SERVICES, Recraft, RecraftOptions
from pixelrelay.quotas import Shape, Unit
from tests.providers.exchanges import PIXEL, drawing, editing, failed, finish, png, sent, stored

PROVIDER = Recraft()
BASE = "https://external.api.recraft.ai/v1"
REQUEST_ID = "5f0c2d1e-1111-2222-3333-444455556666"
PICTURE = Reply(200, {"content-type": "image/webp"}, PIXEL)
PHOTO = {"image_url": data_url(png())}
VECTOR = InputImage(b"<svg/>", "image/svg+xml", "logo.svg")


def target(model: str = "recraftv3", **options: Any) -> Target:
    return PROVIDER.target(model, SecretStr("rc-test"), RecraftOptions.model_validate(options))


def reply(name: str) -> Reply:
    return stored(f"recraft/{name}")


def submission(request: ImageRequest, model: str = "recraftv3", **options: Any) -> Send:
    there = target(model, **options)
    return sent(PROVIDER.edit(request, there) if request.images else PROVIDER.generate(request, there))


def missing(request: ImageRequest, model: str, **options: Any) -> tuple[str, ...]:
    can = PROVIDER.capabilities(model, RecraftOptions.model_validate(options))
    return lacks(can, request, request.n)


def refused(name: str) -> Failure:
    return failed(PROVIDER.generate(drawing(), target()), reply(name))


# --- where to, and as whom ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "base_url", "host"),
    [
        ({}, BASE, "external.api.recraft.ai"),
        ({"base_url": "http://127.0.0.1:9000/v1/"}, "http://127.0.0.1:9000/v1", "127.0.0.1"),
    ],
)
def test_the_key_goes_to_the_one_host_that_is_asked(options: dict[str, str], base_url: str, host: str) -> None:
    there = target(**options)

    assert (there.base_url, there.trusted_hosts) == (base_url, (host,))
    assert "rc-test" not in repr(there)


@pytest.mark.parametrize(
    ("model", "options", "wrong"),
    [
        ("recraftv3", {"base_url": "gateway.example"}, "base_url"),
        ("recraftv4_1", {"edits": "inpaint"}, "edits: recraftv4_1 has no inpaint"),
        ("recraftv4_1_flash", {"edits": "imageToImage"}, "edits: recraftv4_1_flash has no imageToImage"),
        ("vectorize", {"edits": "outpaint"}, "edits: vectorize has no outpaint"),
        ("outpaint", {}, "model: outpaint is one of the ways to edit"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_by_name(model: str, options: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        target(model, **options)


def test_a_key_is_needed() -> None:
    with pytest.raises(ValueError, match="api_key"):
        PROVIDER.target("recraftv3", None, RecraftOptions())


@pytest.mark.anyio
async def test_the_key_is_sent_as_bearer() -> None:
    credential = target().credential
    assert credential is not None

    assert await credential.headers(submission(drawing())) == {"authorization": "Bearer rc-test"}


def test_a_hundred_pictures_a_minute_are_spread_evenly_so_that_no_second_has_more_than_five() -> None:
    terms = PROVIDER.terms("recraftv3", RecraftOptions())

    assert (terms.shape, terms.limits) == (Shape.PACED, {Unit.IMAGES: 100})


# --- generations -------------------------------------------------------------------------------------------------


def test_a_generation_is_one_json_request_whose_pictures_come_inline() -> None:
    assert submission(drawing()) == Send(
        Purpose.SUBMIT,
        "POST",
        f"{BASE}/images/generations",
        {},
        json={"model": "recraftv3", "prompt": "a lighthouse at dusk", "n": 1, "response_format": "b64_json"},
    )


def test_all_that_a_model_knows_is_passed_on() -> None:
    controls = {"colors": [{"rgb": [0, 255, 0]}], "background_color": {"rgb": [255, 255, 255]}, "no_text": True}
    request = drawing(
        n=6,
        size=Size(1820, 1024),
        output_format="webp",
        response_format="url",
        style="digital_illustration",
        seed=7,
        parameters={"substyle": "pixel_art", "controls": controls, "negative_prompt": "fog", "text_layout": []},
        extra_body={"expire": True},
    )

    assert missing(request, "recraftv3") == ()
    assert submission(request).json == {
        "model": "recraftv3",
        "prompt": "a lighthouse at dusk",
        "n": 6,
        "size": "1820x1024",
        "image_format": "webp",
        "response_format": "url",
        "style": "digital_illustration",
        "random_seed": 7,
        "substyle": "pixel_art",
        "controls": controls,
        "negative_prompt": "fog",
        "text_layout": [],
        "expire": True,
    }


def test_a_vector_is_asked_of_the_models_that_draw_nothing_else_without_saying_so() -> None:
    request = drawing(output_format="svg")

    assert missing(request, "recraftv4_1_vector") == ()
    assert "image_format" not in (submission(request, "recraftv4_1_vector").json or {})
    assert missing(request, "recraftv4_1") == ("output_format 'svg': it knows png, webp",)
    assert missing(drawing(output_format="png"), "recraftv4_1_vector") == ("output_format 'png': it knows svg",)


@pytest.mark.parametrize("style", [{"style_id": "0d1e"}, {"style_reference_urls": ["https://pictures.example/1.png"]}])
def test_a_model_that_draws_in_a_style_is_asked_with_one_alone(style: dict[str, Any]) -> None:
    model = "recraftv4_styles_vector"

    assert missing(drawing(), model) == ("style_id, style_reference_urls: it needs one of them",)
    assert missing(drawing(parameters=style), model) == ()
    assert (submission(drawing(parameters=style), model).json or {}).items() >= style.items()


@pytest.mark.parametrize(
    ("model", "request_", "lacking"),
    [
        ("recraftv4_1", drawing(size=Size(1344, 768)), ()),
        ("recraftv4_1_raster", drawing(size=Size(1344, 768)), ()),
        ("recraftv4_1_pro", drawing(size=Size(2688, 1536)), ()),
        ("recraftv3", drawing(n=7), ("n=7: at most 6 in one call",)),
        ("recraftv3", drawing("x" * 1001), ("prompt of 1001 characters: at most 1000",)),
        ("recraftv4", drawing("x" * 1001), ()),
        ("recraftv4_1", drawing(style="any"), ("style 'any': it takes none",)),
        ("recraftv3", drawing(quality="high"), ("quality 'high': it takes none",)),
        ("recraftv3", drawing(background="transparent"), ("background 'transparent': it knows opaque",)),
        ("recraftv4_1_flash", editing(), ("cannot edit", "1 input images: at most 0")),
        ("recraftv4_1", editing(mask=png()), ("mask: it takes none",)),
        ("recraftv3", editing(png(), png()), ("2 input images: at most 1",)),
        ("recraftv3", editing(size=Size(1024, 1024)), ("size 1024x1024: it draws no size on demand",)),
        ("recraftv3", editing(parameters={"strength": 1.2}), ("parameter 'strength': 1.2 is above 1",)),
        ("recraftv3", editing(VECTOR), ("logo.svg: image/svg+xml is not among image/jpeg, image/png, image/webp",)),
        ("recraftv3_vector", editing(VECTOR), ()),
        ("vectorize", drawing(), ("cannot generate",)),
        ("vectorize", editing(output_format="png"), ("output_format 'png': it knows svg",)),
        ("removeBackground", editing(background="transparent", output_format="webp"), ()),
        ("eraseRegion", editing(), ("mask: it needs one",)),
    ],
)
def test_what_a_model_lacks_is_said(model: str, request_: ImageRequest, lacking: tuple[str, ...]) -> None:
    assert missing(request_, model) == lacking


# --- edits -------------------------------------------------------------------------------------------------------

EDIT = {"prompt": "add a red hat", "n": 1, "response_format": "b64_json"}


def test_an_edit_redraws_the_whole_picture_half_way_unless_told_how_far() -> None:
    assert submission(editing(), "recraftv4_1") == Send(
        Purpose.SUBMIT,
        "POST",
        f"{BASE}/images/imageToImage",
        {},
        json={"model": "recraftv4_1", "strength": 0.5, **EDIT, **PHOTO},
    )
    told = submission(editing(parameters={"strength": 0.2}), "recraftv4_1")
    assert (told.json or {})["strength"] == 0.2


def test_what_is_transparent_in_a_mask_is_white_in_the_one_that_is_sent_and_all_else_black() -> None:
    mask = Picture.new("RGBA", (2, 1), (9, 9, 9, 255))
    mask.putpixel((0, 0), (9, 9, 9, 0))
    file = io.BytesIO()
    mask.save(file, "PNG")

    send = submission(editing(mask=InputImage(file.getvalue(), "image/png", "mask.png", Size(2, 1))))

    assert send.url == f"{BASE}/images/inpaint"
    body = dict(send.json or {})
    head, _, encoded = body.pop("mask_url").partition(",")
    assert body == {"model": "recraftv3", **EDIT, **PHOTO}
    assert head == "data:image/png;base64"
    painted = Picture.open(io.BytesIO(b64decode(encoded)))
    assert [painted.getpixel((x, 0)) for x in (0, 1)] == [255, 0]


def test_a_strength_does_not_go_with_a_mask() -> None:
    request = editing(mask=png(), parameters={"strength": 0.2})

    assert failed(PROVIDER.edit(request, target())).message.startswith("not sent: strength goes with a whole picture")


@pytest.mark.parametrize(
    ("edits", "masked", "wish"),
    [
        ("imageToImage", False, {"parameters": {"strength": 0.7}}),
        ("inpaint", True, {}),
        ("replaceBackground", False, {}),
        ("generateBackground", True, {}),
        ("outpaint", False, {"parameters": {"expand_left": 128, "expand_top": 64}}),
        ("outpaint", False, {"size": Size(2048, 1024)}),
    ],
)
def test_an_edit_is_what_the_options_say(edits: str, masked: bool, wish: dict[str, Any]) -> None:
    request = editing(mask=png() if masked else None, **wish)

    assert missing(request, "recraftv3", edits=edits) == ()
    send = submission(request, edits=edits)
    assert send.url == f"{BASE}/images/{edits}"
    body = send.json or {}
    assert ("mask_url" in body) == masked
    assert body.items() >= wish.get("parameters", {}).items()
    assert body.get("size") == (str(wish["size"]) if "size" in wish else None)


@pytest.mark.parametrize(
    ("edits", "request_", "lacking"),
    [
        ("inpaint", editing(), "mask: it needs one"),
        ("generateBackground", editing(), "mask: it needs one"),
        ("replaceBackground", editing(mask=png()), "mask: it takes none"),
        ("replaceBackground", editing(parameters={"strength": 0.5}), "parameter 'strength': unknown to it"),
        ("outpaint", editing(parameters={"expand_left": 5000}), "parameter 'expand_left': 5000 is above 4096"),
    ],
)
def test_what_an_edit_takes_is_checked_before_it_is_sent(edits: str, request_: ImageRequest, lacking: str) -> None:
    assert missing(request_, "recraftv3", edits=edits) == (lacking,)


def test_a_choice_of_edits_changes_nothing_for_generations() -> None:
    assert submission(drawing(), edits="outpaint") == submission(drawing())
    assert missing(drawing(size=Size(1820, 1024), style="any"), "recraftv3", edits="outpaint") == ()


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_service_takes_a_picture_and_no_prompt(service: str) -> None:
    masked = service == "eraseRegion"

    send = submission(editing(mask=png() if masked else None), service)

    assert send.url == f"{BASE}/images/{service}"
    assert {**(send.json or {}), "mask_url": ""} == {"response_format": "b64_json", **PHOTO, "mask_url": ""}


def test_tracing_is_told_how() -> None:
    request = editing(parameters={"limit_num_shapes": "on", "max_num_shapes": 64}, output_format="svg")

    assert missing(request, "vectorize") == ()
    assert submission(request, "vectorize").json == {
        "response_format": "b64_json",
        **PHOTO,
        "limit_num_shapes": "on",
        "max_num_shapes": 64,
    }


@pytest.mark.parametrize("model", table("recraft"))
def test_every_row_says_whether_it_draws_pixels_or_vectors(model: str) -> None:
    row = table("recraft")[model]
    if model.endswith("_vector") or model == "vectorize":
        assert row.formats == {"svg"}
    elif model.startswith("recraft") or model in SERVICES:
        assert row.formats == {"png", "webp"}
    assert row.max_images == (6 if Operation.GENERATE in row.operations else 1)


# --- what comes back ---------------------------------------------------------------------------------------------


def test_a_picture_comes_with_what_it_cost() -> None:
    with localcontext(prec=1):
        generation = finish(PROVIDER.generate(drawing(), target()), reply("image"))

    assert generation.images == (
        Image(
            encoded=generation.images[0].encoded,
            media_type="image/png",
            revised_prompt="a lighthouse at dusk, oil on canvas",
        ),
    )
    assert generation.images[0].bytes() == PIXEL
    assert generation.cost == Decimal("0.04")
    assert generation.provider_request_id == REQUEST_ID


def test_vectors_are_kept_as_they_are() -> None:
    generation = finish(PROVIDER.generate(drawing(n=2), target("recraftv4_1_vector")), reply("two_vectors"))

    assert [image.media_type for image in generation.images] == ["image/svg+xml"] * 2
    assert generation.images[0].bytes().startswith(b"<svg ")
    assert generation.cost == Decimal("0.16")


def test_a_picture_behind_an_address_is_fetched_unless_the_address_is_wanted() -> None:
    url = "https://img.recraft.ai/abc/image.webp?sig=c2lnbmVk"
    assert sent(PROVIDER.generate(drawing(), target()), reply("address")) == Send(Purpose.DOWNLOAD, "GET", url)
    (fetched,) = finish(PROVIDER.generate(drawing(), target()), reply("address"), PICTURE).images
    (wanted,) = finish(PROVIDER.generate(drawing(response_format="url"), target()), reply("address")).images

    assert (fetched.data, fetched.media_type) == (PIXEL, "image/png")
    assert wanted == Image(url=url)


def test_of_several_pictures_those_that_can_be_fetched_are_kept() -> None:
    gone = Reply(403, {}, b"<Error/>")

    generation = finish(PROVIDER.generate(drawing(n=2), target()), reply("addresses"), gone, PICTURE)

    assert [image.data for image in generation.images] == [PIXEL]
    assert generation.cost == Decimal("0.08")
    failure = failed(PROVIDER.generate(drawing(n=2), target()), reply("addresses"), gone, gone)
    assert (failure.kind, failure.charge, failure.status) == (FailureKind.UNUSABLE, Charge.BILLED, 403)


def test_a_service_answers_with_one_picture() -> None:
    (cut_out,) = finish(PROVIDER.edit(editing(), target("removeBackground")), reply("cut_out")).images
    traced = finish(
        PROVIDER.edit(editing(), target("vectorize")),
        reply("traced"),
        Reply(200, {"content-type": "text/plain"}, b"<?xml version='1.0'?>\n<svg width='1'/>"),
    )

    assert cut_out.bytes() == PIXEL
    assert traced.images[0].media_type == "image/svg+xml"
    assert traced.cost == Decimal("0.01")


def test_what_is_odd_beside_a_picture_does_not_lose_it() -> None:
    generation = finish(PROVIDER.generate(drawing(), target()), reply("odd_beside_the_picture"))

    assert generation.images[0].bytes() == PIXEL
    assert (generation.images[0].revised_prompt, generation.cost) == (None, None)


@pytest.mark.parametrize("name", ["nothing", "cut_short"])
def test_an_answer_without_a_picture_is_unusable_and_billed(name: str) -> None:
    failure = refused(name)

    assert (failure.kind, failure.charge) == (FailureKind.UNUSABLE, Charge.BILLED)


# --- errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "charge", "unit"),
    [
        ("unauthorised", FailureKind.UNAUTHORISED, Charge.NONE, None),
        ("forbidden", FailureKind.UNAUTHORISED, Charge.NONE, None),
        ("wrong_path", FailureKind.NOT_FOUND, Charge.NONE, None),
        ("unknown_model", FailureKind.NOT_FOUND, Charge.NONE, None),
        ("bad_size", FailureKind.INVALID, Charge.NONE, None),
        ("too_large", FailureKind.INVALID, Charge.NONE, None),
        ("out_of_units", FailureKind.OUT_OF_CREDIT, Charge.NONE, None),
        ("out_of_credits_as_400", FailureKind.OUT_OF_CREDIT, Charge.NONE, None),
        ("moderated", FailureKind.CONTENT_REJECTED, Charge.NONE, None),
        ("nsfw", FailureKind.CONTENT_REJECTED, Charge.NONE, None),
        ("throttled", FailureKind.RATE_LIMITED, Charge.NONE, Unit.IMAGES),
        ("throttled_by_second", FailureKind.RATE_LIMITED, Charge.NONE, Unit.REQUESTS),
        ("server_error", FailureKind.OVERLOADED, Charge.UNKNOWN, None),
        ("bad_gateway", FailureKind.OVERLOADED, Charge.UNKNOWN, None),
    ],
)
def test_what_an_error_means(name: str, kind: FailureKind, charge: Charge, unit: Unit | None) -> None:
    failure = refused(name)

    assert (failure.kind, failure.charge, failure.unit) == (kind, charge, unit)
    assert failure.provider_request_id == REQUEST_ID


def test_an_error_says_what_it_says_in_json_or_in_plain_text() -> None:
    assert refused("unauthorised").message == "request unauthorized"
    assert refused("bad_size").message == "size 999x999 is not supported by the model"
    assert refused("bad_size").code == "invalid_request_parameter"


def test_a_download_that_fails_is_billed() -> None:
    gone = ProviderError(Failure(FailureKind.UNUSABLE, "HTTP 500, four times"))

    failure = failed(PROVIDER.generate(drawing(), target()), reply("address"), gone)

    assert (failure.kind, failure.charge) == (FailureKind.UNUSABLE, Charge.BILLED)


def test_asking_tells_the_units_that_are_left() -> None:
    assert sent(PROVIDER.ask(target())) == Send(Purpose.ASK, "GET", f"{BASE}/users/me")
    assert finish(PROVIDER.ask(target()), reply("user")) == "1234 API units, which are $1.23"
    assert failed(PROVIDER.ask(target()), reply("unauthorised")).kind is FailureKind.UNAUTHORISED
