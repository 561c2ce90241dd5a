"""Stability AI's own API: the form that each service is sent, and what is made of its answers."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from PIL import Image as Pillow
from pydantic import SecretStr, ValidationError

from pixelrelay.images import ImageRequest, InputImage, Operation, Size
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers.base import Purpose, Reply, Send, Target
from pixelrelay.providers.capabilities import lacks, table
from pixelrelay.providers.stability import Stability, StabilityOptions
from pixelrelay.quotas import Shape, Unit
from tests.providers.exchanges import PIXEL, drawing, editing, failed, finish, png, sent, stored
from tests.providers.offers import everything

STABILITY = Stability()
HOME = "https://api.stability.ai/v2beta"
CALL = "5b0e6a7e4f3c4d0f9a1b2c3d4e5f6071"
JOB = "a6dc6c6e20acda010fe14d71f180658f2896ed9b4ec25aa99a6ff06c796987c4"
RESULTS = f"{HOME}/results/{JOB}"
PICTURE = "<a picture>"


def reply(name: str) -> Reply:
    return stored(f"stability/{name}")


def target(model: str = "core", **options: Any) -> Target:
    return STABILITY.target(model, SecretStr("sk-test"), StabilityOptions(**options))


def submitted(request: ImageRequest, model: str, **options: Any) -> Send:
    draws = request.operation is Operation.GENERATE
    return sent((STABILITY.generate if draws else STABILITY.edit)(request, target(model, **options)))


def form(request: ImageRequest, model: str, **options: Any) -> dict[str, Any]:
    """What is sent, pictures as ``PICTURE``."""
    parts = submitted(request, model, **options).parts
    return {part.name: part.data if part.filename is None else PICTURE for part in parts}


def drawn(*answers: Reply) -> Any:
    return finish(STABILITY.generate(drawing(), target()), *answers)


def ending(*answers: Reply) -> Failure:
    """How a drawing failed, given the answers to it."""
    return failed(STABILITY.generate(drawing(), target()), *answers)


# --- what is sent ------------------------------------------------------------------------------------------------


def test_a_drawing_is_a_form_even_without_a_file_and_its_answer_is_wanted_as_json() -> None:
    send = submitted(drawing(size=Size(1824, 1248), output_format="webp", seed=7, style="anime"), "core")

    assert (send.purpose, send.method, send.url) == (Purpose.SUBMIT, "POST", f"{HOME}/stable-image/generate/core")
    assert (send.headers, send.json) == ({"accept": "application/json"}, None)
    assert [(part.name, part.data, part.filename) for part in send.parts] == [
        ("prompt", "a lighthouse at dusk", None),
        ("aspect_ratio", "3:2", None),
        ("output_format", "webp", None),
        ("style_preset", "anime", None),
        ("seed", "7", None),
    ]


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("core", "generate/core"),
        ("stable-image-core", "generate/core"),
        ("generate/ultra", "generate/ultra"),
        ("sd3.5-flash", "generate/sd3"),
        ("stable-image/upscale/fast", "upscale/fast"),
        ("v2beta/stable-image/edit/inpaint", "edit/inpaint"),
        ("edit/a-new-one", "edit/a-new-one"),
        ("a-new-one", "generate/a-new-one"),
    ],
)
def test_a_service_is_found_by_as_much_of_its_path_as_is_written(model: str, path: str) -> None:
    assert submitted(drawing(), model).url == f"{HOME}/stable-image/{path}"


@pytest.mark.parametrize(
    ("model", "request_", "fields"),
    [
        ("sd3.5-medium", drawing(), {"model": "sd3.5-medium"}),
        ("sd3", drawing(), {"model": "sd3.5-large"}),
        ("sd3.5-large", drawing(parameters={"cfg_scale": 4.5}), {"model": "sd3.5-large", "cfg_scale": "4.5"}),
        ("ultra", drawing(parameters={"negative_prompt": "fog"}), {"negative_prompt": "fog"}),
        ("ultra", drawing(extra_body={"seed": 9, "trace": True}, seed=1), {"seed": "9", "trace": "true"}),
    ],
)
def test_drawings_from_words(model: str, request_: ImageRequest, fields: dict[str, str]) -> None:
    assert form(request_, model) == {"prompt": "a lighthouse at dusk", **fields}


@pytest.mark.parametrize(
    ("model", "request_", "fields"),
    [
        ("ultra", editing(), {"prompt": "add a red hat", "strength": "0.7", "image": PICTURE}),
        (
            "sd3.5-large",
            editing(parameters={"strength": 0.2}),
            {
                "model": "sd3.5-large",
                "mode": "image-to-image",
                "strength": "0.2",
                "prompt": "add a red hat",
                "image": PICTURE,
            },
        ),
        ("erase", editing(mask=png("mask.png")), {"image": PICTURE, "mask": PICTURE}),
        (
            "inpaint",
            editing(mask=png("mask.png"), parameters={"grow_mask": 8}),
            {"prompt": "add a red hat", "grow_mask": "8", "image": PICTURE, "mask": PICTURE},
        ),
        (
            "outpaint",
            editing(parameters={"left": 200, "creativity": 0.4}),
            {"prompt": "add a red hat", "left": "200", "creativity": "0.4", "image": PICTURE},
        ),
        (
            "search-and-replace",
            editing(parameters={"search_prompt": "cap"}),
            {"prompt": "add a red hat", "search_prompt": "cap", "image": PICTURE},
        ),
        ("remove-background", editing(output_format="webp"), {"output_format": "webp", "image": PICTURE}),
        (
            "replace-background-and-relight",
            editing(png("1.png"), png("2.png"), parameters={"keep_original_background": True}),
            {
                "background_prompt": "add a red hat",
                "keep_original_background": "true",
                "subject_image": PICTURE,
                "background_reference": PICTURE,
            },
        ),
        ("style", editing(size=Size(1365, 768)), {"prompt": "add a red hat", "aspect_ratio": "16:9", "image": PICTURE}),
        (
            "style-transfer",
            editing(png("1.png"), png("2.png")),
            {"prompt": "add a red hat", "init_image": PICTURE, "style_image": PICTURE},
        ),
        ("fast", editing(), {"image": PICTURE}),
        (
            "conservative",
            editing(parameters={"creativity": 0.3}),
            {"prompt": "add a red hat", "creativity": "0.3", "image": PICTURE},
        ),
    ],
)
def test_edits_are_told_in_the_words_of_their_service(
    model: str, request_: ImageRequest, fields: dict[str, str]
) -> None:
    assert form(request_, model) == fields


def test_how_far_a_drawing_departs_from_its_picture_can_be_configured() -> None:
    assert form(editing(), "ultra", strength=0.35)["strength"] == "0.35"
    with pytest.raises(ValidationError, match="strength"):
        target(strength=1.5)


def test_a_transparent_mask_becomes_white_where_it_is_drawn_anew() -> None:
    hole = Pillow.new("RGBA", (2, 1), (9, 9, 9, 255))
    hole.putpixel((0, 0), (9, 9, 9, 0))
    file = io.BytesIO()
    hole.save(file, "PNG")

    part = submitted(editing(mask=InputImage(file.getvalue(), "image/png", "mask.png")), "inpaint").parts[-1]

    assert isinstance(part.data, bytes)
    with Pillow.open(io.BytesIO(part.data)) as mask:
        assert (part.name, part.media_type, mask.mode, mask.tobytes()) == ("mask", "image/png", "L", b"\xff\x00")


@pytest.mark.parametrize(
    ("model", "request_", "lacking"),
    [
        ("style-transfer", editing(), ("1 input images: at least 2",)),
        ("style-transfer", editing(png(), png()), ()),
        ("outpaint", editing(), ("left, right, up, down: it needs one of them",)),
        ("outpaint", editing(parameters={"left": 0}), ("left, right, up, down: it needs one of them",)),
        ("outpaint", editing(extra_body={"left": 8}), ()),
    ],
)
def test_what_a_service_could_only_refuse_does_not_fit_it(
    model: str, request_: ImageRequest, lacking: tuple[str, ...]
) -> None:
    assert lacks(STABILITY.capabilities(model, StabilityOptions()), request_) == lacking


# --- what comes back ---------------------------------------------------------------------------------------------


def test_a_picture_comes_back_undecoded_with_its_seed() -> None:
    generation = drawn(reply("picture"))

    (image,) = generation.images
    assert (image.data, image.bytes(), image.media_type, image.seed) == (None, PIXEL, "image/png", 2130420379)
    assert (generation.cost, generation.output_format, generation.provider_request_id) == (None, "png", CALL)


def test_nothing_beside_a_picture_can_lose_it() -> None:
    (image,) = drawn(reply("odd_beside_the_picture")).images

    assert (image.bytes(), image.seed) == (PIXEL, None)


def test_a_picture_of_no_known_kind_is_handed_on_as_it_is() -> None:
    (image,) = drawn(Reply(200, {}, json.dumps({"image": "Pw=="}).encode())).images

    assert (image.bytes(), image.media_type) == (b"?", None)


@pytest.mark.parametrize("accepted", ["job", "job_accepted"])
@pytest.mark.parametrize("result", ["result", "result_as_image"])
def test_a_job_is_polled_until_its_picture_is_there(accepted: str, result: str) -> None:
    exchange = STABILITY.edit(editing(), target("creative"))
    poll = Send(Purpose.POLL, "GET", RESULTS, {"accept": "application/json"}, job=JOB, every=10.0)

    assert next(exchange).url == f"{HOME}/stable-image/upscale/creative"
    assert exchange.send(reply(accepted)) == poll
    assert exchange.send(reply("in_progress")) == poll
    assert exchange.send(reply("in_progress_as_200")) == poll
    with pytest.raises(StopIteration) as finished:
        exchange.send(reply(result))

    (image,) = finished.value.value.images
    assert (image.bytes(), image.seed) == (PIXEL, 77)


def test_a_result_that_is_not_known_yet_is_asked_for_again() -> None:
    exchange = STABILITY.edit(editing(), target("creative"))

    unknown = [reply("not_found"), reply("not_found"), reply("in_progress")] * 5
    assert finish(exchange, reply("job"), *unknown, reply("result")).images[0].bytes() == PIXEL


@pytest.mark.parametrize(
    ("answers", "kind", "charge"),
    [
        (["filtered"], FailureKind.CONTENT_REJECTED, Charge.UNKNOWN),
        (["no_picture"], FailureKind.UNUSABLE, Charge.BILLED),
        (["cut_short"], FailureKind.UNUSABLE, Charge.BILLED),
        (["job", "result_filtered"], FailureKind.CONTENT_REJECTED, Charge.UNKNOWN),
        (["job", "in_progress", "moderated"], FailureKind.CONTENT_REJECTED, Charge.NONE),
        (["job", *["not_found"] * 3], FailureKind.JOB_LOST, Charge.UNKNOWN),
        (["job", *["wrong_key"] * 3], FailureKind.UNAUTHORISED, Charge.UNKNOWN),
        (["job", "no_picture"], FailureKind.UNUSABLE, Charge.BILLED),
    ],
)
def test_answers_that_bring_no_picture(answers: list[str], kind: FailureKind, charge: Charge) -> None:
    failure = ending(*map(reply, answers))

    assert (failure.kind, failure.charge) == (kind, charge)


@pytest.mark.parametrize(
    ("answer", "kind", "charge", "code"),
    [
        ("missing_prompt", FailureKind.INVALID, Charge.NONE, "bad_request"),
        ("too_large_picture", FailureKind.INVALID, Charge.NONE, "bad_request"),
        ("wrong_key", FailureKind.UNAUTHORISED, Charge.NONE, "unauthorized"),
        ("no_key", FailureKind.UNAUTHORISED, Charge.NONE, "unauthorized"),
        ("out_of_credit", FailureKind.OUT_OF_CREDIT, Charge.NONE, "payment_required"),
        ("moderated", FailureKind.CONTENT_REJECTED, Charge.NONE, "content_moderation"),
        ("forbidden", FailureKind.UNAUTHORISED, Charge.NONE, "permission_denied"),
        ("not_found", FailureKind.NOT_FOUND, Charge.NONE, "not_found"),
        ("too_large", FailureKind.INVALID, Charge.NONE, "payload_too_large"),
        ("not_english", FailureKind.INVALID, Charge.NONE, "invalid_language"),
        ("public_figure", FailureKind.CONTENT_REJECTED, Charge.NONE, "unprocessable_entity"),
        ("throttled", FailureKind.RATE_LIMITED, Charge.NONE, "rate_limit_exceeded"),
        ("server_error", FailureKind.OVERLOADED, Charge.NONE, "internal_error"),
        ("gateway_page", FailureKind.OVERLOADED, Charge.UNKNOWN, None),
    ],
)
def test_refusals_are_known_by_their_name(answer: str, kind: FailureKind, charge: Charge, code: str | None) -> None:
    failure = ending(reply(answer))

    assert (failure.kind, failure.charge, failure.code) == (kind, charge, code)


def test_a_refusal_says_why_in_the_providers_words() -> None:
    assert ending(reply("missing_prompt")).message == "prompt: is required"
    assert ending(reply("no_key")).message == "missing authorization header"
    assert ending(reply("missing_prompt")).provider_request_id == CALL


@pytest.mark.parametrize(("answer", "seconds"), [("throttled", 60.0), ("throttled_for_longer", 90.0)])
def test_who_sent_too_much_stays_away_for_as_long_as_the_key_is_locked_out(answer: str, seconds: float) -> None:
    failure = ending(reply(answer))

    assert (failure.unit, failure.retry_after) == (Unit.REQUESTS, seconds)


# --- rows --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "request_", "lacking"),
    [
        ("ultra", drawing(size=Size(1024, 1024)), ()),
        ("core", drawing(size=Size(1536, 1536), output_format="webp", style="origami", seed=1), ()),
        ("sd3.5-large", drawing(output_format="webp"), ("output_format 'webp': it knows jpeg, png",)),
        ("core", drawing(style="vivid"), None),
        ("core", editing(), None),
        ("inpaint", editing(mask=png("mask.png")), ()),
        ("inpaint", drawing(), None),
        ("sketch", editing(mask=png("mask.png")), ("mask: it takes none",)),
        ("search-and-replace", editing(), ("parameter 'search_prompt': it needs one",)),
        ("search-and-recolor", editing(parameters={"select_prompt": "the car"}), ()),
        ("ultra", editing(parameters={"strength": 1.5}), ("parameter 'strength': 1.5 is above 1",)),
        ("ultra", drawing(parameters={"strength": 0.5}), ("parameter 'strength': unknown to it",)),
        ("outpaint", editing(parameters={"left": 2001}), ("parameter 'left': 2001 is above 2000",)),
        ("remove-background", editing(background="transparent"), ()),
        ("remove-background", editing(output_format="jpeg"), ("output_format 'jpeg': it knows png, webp",)),
        ("edit/style-transfer", editing(png("1"), png("2")), ()),
        ("stable-image-ultra", editing(png("1"), png("2")), ("2 input images: at most 1",)),
        ("a-new-one", editing(parameters={"strength": 1, "fidelity": 0.2}), ()),
    ],
)
def test_what_a_model_lacks_is_known_before_anything_is_sent(
    model: str, request_: ImageRequest, lacking: tuple[str, ...] | None
) -> None:
    found = lacks(STABILITY.capabilities(model, StabilityOptions()), request_)

    assert bool(found) if lacking is None else found == lacking


def test_what_became_of_older_models_is_known() -> None:
    old = STABILITY.capabilities("sd3-medium", StabilityOptions())

    assert old.retires is not None
    assert old.replaced_by == "sd3.5-medium"
    assert all(row.replaced_by in {None, *table("stability")} for row in table("stability").values())


DRAWN = {"prompt", "negative_prompt", "aspect_ratio", "seed", "output_format", "style_preset"}
REDRAWN = DRAWN - {"aspect_ratio"} | {"image", "strength"}
CONTROLLED = DRAWN - {"aspect_ratio"} | {"image", "control_strength"}
FIELDS = {
    "ultra": (DRAWN, REDRAWN),
    "core": (DRAWN, set()),
    "sd3": (DRAWN | {"model", "mode", "cfg_scale"}, REDRAWN | {"model", "mode", "cfg_scale"}),
    "erase": (set(), {"image", "mask", "grow_mask", "seed", "output_format"}),
    "inpaint": (set(), REDRAWN - {"strength"} | {"mask", "grow_mask"}),
    "outpaint": (
        set(),
        {"image", "left", "right", "up", "down", "prompt", "creativity", "style_preset", "seed", "output_format"},
    ),
    "search-and-replace": (set(), REDRAWN - {"strength"} | {"search_prompt", "grow_mask"}),
    "search-and-recolor": (set(), REDRAWN - {"strength"} | {"select_prompt", "grow_mask"}),
    "remove-background": (set(), {"image", "output_format"}),
    "replace-background-and-relight": (
        set(),
        {
            "subject_image", "background_prompt", "background_reference", "foreground_prompt", "negative_prompt",
            "preserve_original_subject", "original_background_depth", "keep_original_background", "seed",
            "light_source_direction", "light_reference", "light_source_strength", "output_format",
        },
    ),
    "sketch": (set(), CONTROLLED),
    "structure": (set(), CONTROLLED),
    "style": (set(), DRAWN | {"image", "fidelity"}),
    "style-transfer": (
        set(),
        {
            "init_image", "style_image", "prompt", "negative_prompt", "style_strength", "composition_fidelity",
            "change_strength", "seed", "output_format",
        },
    ),
    "fast": (set(), {"image", "output_format"}),
    "conservative": (set(), {"image", "prompt", "creativity", "negative_prompt", "seed", "output_format"}),
    "creative": (set(), {"image", "prompt", "creativity", "negative_prompt", "style_preset", "seed", "output_format"}),
}  # fmt: skip
"""The fields of each service in its reference, to draw and to edit."""


@pytest.mark.parametrize(
    ("model", "operation"),
    [
        (name, operation)
        for name, row in table("stability").items()
        for operation in sorted(row.operations, key=str)
        if name != "*"
    ],
)
def test_all_that_a_row_offers_is_said_in_the_fields_that_the_service_has(model: str, operation: Operation) -> None:
    request = everything(table("stability")[model], operation)
    assert lacks(table("stability")[model], request) == ()

    said = set(form(request, model))

    draws, edits = FIELDS["sd3" if model.startswith("sd3") else model]
    assert said <= (draws if operation is Operation.GENERATE else edits)
    assert request.parameters.keys() <= said
    for field, name in (("seed", "seed"), ("style", "style_preset"), ("size", "aspect_ratio"), ("mask", "mask")):
        assert (name in said) == (getattr(request, field) is not None or name in request.parameters)


# --- targets, terms, questions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "base_url", "host"),
    [
        ({}, "https://api.stability.ai", "api.stability.ai"),
        (
            {"base_url": "https://gateway.example/stability/v2beta/"},
            "https://gateway.example/stability",
            "gateway.example",
        ),
        ({"base_url": "http://127.0.0.1:8080"}, "http://127.0.0.1:8080", "127.0.0.1"),
    ],
)
def test_the_key_goes_to_the_one_host_that_is_asked(options: dict[str, str], base_url: str, host: str) -> None:
    built = target(**options)

    assert (built.base_url, built.trusted_hosts) == (base_url, (host,))
    assert "sk-test" not in repr(built)


@pytest.mark.anyio
async def test_the_key_is_sent_as_bearer() -> None:
    credential = target().credential
    assert credential is not None
    assert await credential.headers(Send(Purpose.POLL, "GET", RESULTS)) == {"authorization": "Bearer sk-test"}


def test_a_key_may_send_150_requests_in_ten_seconds() -> None:
    terms = STABILITY.terms("core", StabilityOptions())

    assert (terms.shape, terms.counts_rejected, dict(terms.limits)) == (Shape.SLICED, False, {Unit.REQUESTS: 900})


def test_asking_tells_the_credits_that_are_left() -> None:
    assert sent(STABILITY.ask(target())) == Send(
        Purpose.ASK, "GET", "https://api.stability.ai/v1/user/balance", {"accept": "application/json"}
    )
    assert finish(STABILITY.ask(target()), reply("balance")) == "123.4 credits"
    assert failed(STABILITY.ask(target()), reply("wrong_key")).kind is FailureKind.UNAUTHORISED
