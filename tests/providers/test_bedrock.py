"""Amazon Bedrock: what each model is sent, and what is made of its answers."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from base64 import b64decode
from typing import Any

import pytest
from PIL import Image as Pillow
from pydantic import SecretStr, ValidationError

from pixelrelay.images import ImageRequest, InputImage, Operation, Size
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers._sigv4 import Sigv4
from pixelrelay.providers.base import Purpose, Reply, Send, Target
from pixelrelay.providers.bedrock import Bedrock, BedrockOptions
from pixelrelay.providers.capabilities import lacks, table
from tests.providers.exchanges import PIXEL, drawing, editing, failed, finish, png, sent, stored
from tests.providers.offers import everything

BEDROCK = Bedrock()
SD = "stability.sd3-5-large-v1:0"
ULTRA = "stability.stable-image-ultra-v1:1"
CORE = "stability.stable-image-core-v1:1"
HOST = "https://bedrock-runtime.us-west-2.amazonaws.com"
CALL = "8b1f2c3d-4e5f-4061-8273-94a5b6c7d8e9"
PIXEL_BASE64 = png().base64
KEYS = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "wJalr-very-secret"}


def reply(name: str) -> Reply:
    return stored(f"bedrock/{name}")


def target(model: str = SD, api_key: str | None = None, **options: Any) -> Target:
    given = options if api_key is not None or "profile" in options else {**KEYS, **options}
    key = SecretStr(api_key) if api_key is not None else None
    return BEDROCK.target(model, key, BedrockOptions.model_validate(given))


def service(name: str) -> str:
    """The id of the inference profile that leads to an image service."""
    return f"us.stability.{name}-v1:0"


def submitted(request: ImageRequest, model: str, **options: Any) -> Send:
    draws = request.operation is Operation.GENERATE
    return sent((BEDROCK.generate if draws else BEDROCK.edit)(request, target(model, **options)))


def body(request: ImageRequest, model: str, **options: Any) -> dict[str, Any]:
    return dict(submitted(request, model, **options).json or {})


def ending(*answers: Reply) -> Failure:
    return failed(BEDROCK.generate(drawing(), target()), *answers)


# --- where to ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "options", "url"),
    [
        (SD, {}, f"{HOST}/model/stability.sd3-5-large-v1%3A0/invoke"),
        (
            service("stable-outpaint"),
            {"aws_region": "us-east-1"},
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.stability.stable-outpaint-v1%3A0/invoke",
        ),
        (
            "arn:aws:bedrock:us-east-2:123456789012:inference-profile/us.stability.stable-outpaint-v1:0",
            {},
            "https://bedrock-runtime.us-east-2.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aus-east-2%3A123456789012"
            "%3Ainference-profile%2Fus.stability.stable-outpaint-v1%3A0/invoke",
        ),
        (
            SD,
            {"base_url": "https://vpce-1.bedrock-runtime.us-west-2.vpce.amazonaws.com/"},
            "https://vpce-1.bedrock-runtime.us-west-2.vpce.amazonaws.com/model/stability.sd3-5-large-v1%3A0/invoke",
        ),
    ],
)
def test_the_model_is_one_step_of_the_path_in_its_region(model: str, options: dict[str, str], url: str) -> None:
    send = submitted(editing(parameters={"left": 1}), model, **options)

    assert (send.purpose, send.method, send.url) == (Purpose.SUBMIT, "POST", url)
    assert send.headers == {"accept": "application/json"}


def test_signature_and_key_go_to_the_one_host_that_is_asked() -> None:
    assert target().trusted_hosts == ("bedrock-runtime.us-west-2.amazonaws.com",)
    assert target(base_url="http://127.0.0.1:9000").trusted_hosts == ("127.0.0.1",)


@pytest.mark.parametrize(
    ("model", "options", "wrong"),
    [
        ("stability.stable-image-inpaint-v1:0", {}, "model: .* write us.stability.stable-image-inpaint-v1:0"),
        (SD, {"base_url": "http://gateway.example"}, "base_url: .*in the clear"),
        (SD, {"aws_secret_access_key": None}, "aws_secret_access_key: is missing"),
        (SD, {"aws_access_key_id": None}, "aws_access_key_id: is missing"),
        (SD, {**dict.fromkeys(KEYS), "aws_session_token": "t"}, "aws_session_token: means nothing without"),
        (SD, {**KEYS, "profile": "images"}, "profile: only one of aws_access_key_id, profile"),
        (SD, {**KEYS, "api_key": "bedrock-key"}, "aws_access_key_id: only one of api_key, aws_access_key_id"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_the_name_of_its_option(
    model: str, options: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(ValueError, match=wrong) as refused:
        target(model, **options)

    assert "secret" not in str(refused.value).replace("aws_secret_access_key", "")


@pytest.mark.parametrize("region", ["us-west-2.evil.example/", "us west", "somewhere"])
def test_a_region_that_cannot_be_one_is_refused(region: str) -> None:
    with pytest.raises(ValidationError, match="aws_region"):
        target(aws_region=region)


@pytest.mark.anyio
async def test_a_bedrock_key_is_sent_as_bearer_and_nothing_is_signed() -> None:
    credential = target(api_key="bedrock-api-key-1").credential
    assert credential is not None

    assert await credential.headers(submitted(drawing(), SD)) == {"authorization": "Bearer bedrock-api-key-1"}


def test_the_keys_to_sign_with_are_found_where_the_configuration_says_and_not_shown() -> None:
    signing = target(aws_session_token="a-token").credential
    assert isinstance(signing, Sigv4)
    assert (signing.service, signing.region, signing.profile) == ("bedrock", "us-west-2", None)
    assert signing.keys is not None
    assert (signing.keys.access_key, signing.keys.secret_key, signing.keys.token) == (*KEYS.values(), "a-token")
    assert not any(secret in repr(target(aws_session_token="a-token")) for secret in (*KEYS.values(), "a-token"))

    found = target(profile="images", aws_region="us-east-1").credential
    assert found == Sigv4("bedrock", "us-east-1", None, "images")


WITHOUT_BOTOCORE = """
import sys
sys.modules["botocore.auth"] = None
from pydantic import SecretStr
from pixelrelay.providers.bedrock import Bedrock, BedrockOptions
print(Bedrock().target("stability.sd3-5-large-v1:0", SecretStr("k"), BedrockOptions()).credential)
try:
    Bedrock().target("stability.sd3-5-large-v1:0", None, BedrockOptions())
except ValueError as error:
    print(error)
"""


def test_without_botocore_a_bedrock_key_suffices_and_what_to_install_is_said() -> None:
    run = subprocess.run([sys.executable, "-c", WITHOUT_BOTOCORE], capture_output=True, text=True, check=True)

    first, second = run.stdout.splitlines()
    assert first.startswith("ApiKey(")
    assert second == "api_key: to sign without one needs botocore; install pixelrelay[bedrock]"


# --- what is sent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "request_", "fields"),
    [
        (
            SD,
            drawing(size=Size(1216, 832), output_format="webp", seed=7, parameters={"negative_prompt": "fog"}),
            {
                "prompt": "a lighthouse at dusk",
                "aspect_ratio": "3:2",
                "output_format": "webp",
                "seed": 7,
                "negative_prompt": "fog",
            },
        ),
        (ULTRA, drawing(), {"prompt": "a lighthouse at dusk"}),
        (CORE, drawing(extra_body={"seed": 1}), {"prompt": "a lighthouse at dusk", "seed": 1}),
        (
            SD,
            editing(),
            {"prompt": "add a red hat", "mode": "image-to-image", "strength": 0.7, "image": PIXEL_BASE64},
        ),
        (
            service("stable-image-inpaint"),
            editing(mask=png("mask.png"), parameters={"grow_mask": 8}, style="anime"),
            {
                "prompt": "add a red hat",
                "image": PIXEL_BASE64,
                "mask": PIXEL_BASE64,
                "grow_mask": 8,
                "style_preset": "anime",
            },
        ),
        (
            service("stable-outpaint"),
            editing(parameters={"up": 100}),
            {"prompt": "add a red hat", "image": PIXEL_BASE64, "up": 100},
        ),
        (
            service("stable-image-search-recolor"),
            editing(parameters={"select_prompt": "car"}),
            {"prompt": "add a red hat", "image": PIXEL_BASE64, "select_prompt": "car"},
        ),
        (service("stable-image-erase-object"), editing(), {"image": PIXEL_BASE64}),
        (
            service("stable-style-transfer"),
            editing(png("1"), png("2")),
            {"prompt": "add a red hat", "init_image": PIXEL_BASE64, "style_image": PIXEL_BASE64},
        ),
        (
            service("stable-creative-upscale"),
            editing(),
            {"prompt": "add a red hat", "image": PIXEL_BASE64, "output_format": "jpeg"},
        ),
        (
            service("stable-creative-upscale"),
            editing(output_format="webp"),
            {"prompt": "add a red hat", "image": PIXEL_BASE64, "output_format": "webp"},
        ),
        (service("stable-fast-upscale"), editing(), {"image": PIXEL_BASE64}),
    ],
)
def test_each_model_is_told_in_its_own_fields(model: str, request_: ImageRequest, fields: dict[str, Any]) -> None:
    assert body(request_, model) == fields


def test_an_arn_that_does_not_tell_what_it_serves_is_asked_as_its_base_model_is() -> None:
    arn = "arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/a1b2c3"
    known = {"base_model": "stability.stable-image-erase-object-v1:0"}

    assert body(editing(), arn, **known) == {"image": PIXEL_BASE64}
    assert not lacks(BEDROCK.capabilities(arn, BedrockOptions.model_validate(known)), editing(mask=png("mask.png")))


def test_how_far_a_drawing_departs_from_its_picture_can_be_configured() -> None:
    assert body(editing(), SD, strength=0.35)["strength"] == 0.35
    assert body(editing(parameters={"strength": 0.1}), SD, strength=0.35)["strength"] == 0.1


def test_a_transparent_mask_becomes_white_where_it_is_drawn_anew() -> None:
    hole = Pillow.new("RGBA", (2, 1), (9, 9, 9, 255))
    hole.putpixel((0, 0), (9, 9, 9, 0))
    file = io.BytesIO()
    hole.save(file, "PNG")
    mask = InputImage(file.getvalue(), "image/png", "mask.png")

    said = body(editing(mask=mask), service("stable-image-inpaint"))["mask"]

    with Pillow.open(io.BytesIO(b64decode(said))) as repainted:
        assert repainted.tobytes() == b"\xff\x00"


# --- what comes back ---------------------------------------------------------------------------------------------


def test_a_picture_comes_back_undecoded_with_its_seed() -> None:
    generation = finish(BEDROCK.generate(drawing(), target()), reply("picture"))

    (image,) = generation.images
    assert (image.data, image.bytes(), image.media_type, image.seed) == (None, PIXEL, "image/png", 2130420379)
    assert (generation.cost, generation.provider_request_id) == (None, CALL)


@pytest.mark.parametrize(
    ("answer", "seed"), [("bare_picture", None), ("odd_beside_the_picture", None), ("one_of_two_filtered", 2)]
)
def test_nothing_beside_a_picture_can_lose_it(answer: str, seed: int | None) -> None:
    (image,) = finish(BEDROCK.generate(drawing(), target()), reply(answer)).images

    assert (image.bytes(), image.seed) == (PIXEL, seed)


@pytest.mark.parametrize(
    ("answer", "kind", "charge"),
    [
        ("filtered_prompt", FailureKind.CONTENT_REJECTED, Charge.NONE),
        ("filtered_input", FailureKind.CONTENT_REJECTED, Charge.NONE),
        ("filtered_output", FailureKind.CONTENT_REJECTED, Charge.UNKNOWN),
        ("inference_error", FailureKind.OVERLOADED, Charge.UNKNOWN),
        ("no_picture", FailureKind.UNUSABLE, Charge.BILLED),
        ("cut_short", FailureKind.UNUSABLE, Charge.BILLED),
        ("too_large_answer", FailureKind.UNUSABLE, Charge.UNKNOWN),
        ("too_large_answer_refused", FailureKind.UNUSABLE, Charge.UNKNOWN),
        ("unknown_model", FailureKind.NOT_FOUND, Charge.NONE),
        ("without_profile", FailureKind.NOT_FOUND, Charge.NONE),
        ("bad_model_id", FailureKind.NOT_FOUND, Charge.NONE),
        ("unknown_field", FailureKind.INVALID, Charge.NONE),
        ("blocked_prompt", FailureKind.CONTENT_REJECTED, Charge.NONE),
        ("filtered_words", FailureKind.CONTENT_REJECTED, Charge.NONE),
        ("quota_exceeded", FailureKind.RATE_LIMITED, Charge.NONE),
        ("access_denied", FailureKind.UNAUTHORISED, Charge.NONE),
        ("unknown_keys", FailureKind.UNAUTHORISED, Charge.NONE),
        ("expired_token", FailureKind.UNAUTHORISED, Charge.NONE),
        ("wrong_signature", FailureKind.UNAUTHORISED, Charge.NONE),
        ("front_door", FailureKind.UNAUTHORISED, Charge.NONE),
        ("end_of_life", FailureKind.NOT_FOUND, Charge.NONE),
        ("legacy", FailureKind.NOT_FOUND, Charge.NONE),
        ("model_timeout", FailureKind.TIMEOUT, Charge.UNKNOWN),
        ("too_large", FailureKind.INVALID, Charge.NONE),
        ("model_error", FailureKind.OVERLOADED, Charge.NONE),
        ("throttled", FailureKind.RATE_LIMITED, Charge.NONE),
        ("not_ready", FailureKind.OVERLOADED, Charge.NONE),
        ("server_error", FailureKind.OVERLOADED, Charge.NONE),
        ("unavailable", FailureKind.OVERLOADED, Charge.NONE),
        ("gateway_timeout", FailureKind.TIMEOUT, Charge.UNKNOWN),
    ],
)
def test_how_answers_without_a_picture_are_read(answer: str, kind: FailureKind, charge: Charge) -> None:
    failure = ending(reply(answer))

    assert (failure.kind, failure.charge) == (kind, charge)


def test_a_failure_names_the_exception_the_call_and_what_was_said() -> None:
    failure = ending(reply("throttled"))

    assert (failure.code, failure.status) == ("ThrottlingException", 429)
    assert failure.message == "Too many requests, please wait before trying again."
    assert failure.provider_request_id == ending(reply("filtered_prompt")).provider_request_id == CALL
    assert ending(reply("filtered_prompt")).message == "Filter reason: prompt"
    assert ending(reply("front_door")).message.startswith("Authentication failed")


# --- rows --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "request_", "lacking"),
    [
        (SD, drawing(size=Size(1344, 768), output_format="webp"), ()),
        (SD, drawing(style="anime"), ("style 'anime': it takes none",)),
        (ULTRA, drawing(output_format="webp"), ("output_format 'webp': it knows jpeg, png",)),
        (ULTRA, editing(), ("cannot edit", "1 input images: at most 0")),
        (service("stable-image-inpaint"), editing(mask=png("mask.png"), style="anime"), ()),
        (service("stable-creative-upscale"), editing(output_format="png"), None),
        (service("stable-image-search-replace"), editing(), ("parameter 'search_prompt': it needs one",)),
        ("arn:aws:bedrock:us-west-2::foundation-model/" + CORE, drawing(parameters={"strength": 1}), None),
        ("amazon.nova-canvas-v1:0", drawing(), ("cannot generate",)),
        ("us.amazon.nova-canvas-v1:0", editing(), None),
        ("stability.next-v1:0", editing(parameters={"fidelity": 0.2}), ()),
    ],
)
def test_what_a_model_lacks_is_known_before_anything_is_sent(
    model: str, request_: ImageRequest, lacking: tuple[str, ...] | None
) -> None:
    found = lacks(BEDROCK.capabilities(model, BedrockOptions()), request_)

    assert bool(found) if lacking is None else found == lacking


@pytest.mark.parametrize("model", ["amazon.nova-canvas-v1:0", "us.amazon.nova-canvas-v1:0"])
def test_the_end_of_amazons_own_models_is_known(model: str) -> None:
    assert str(BEDROCK.capabilities(model, BedrockOptions()).retires) == "2026-09-30"


DRAWN = {"prompt", "negative_prompt", "aspect_ratio", "seed", "output_format"}
EDITED = {"image", "prompt", "negative_prompt", "seed", "output_format", "style_preset"}
CONTROLLED = {"image", "prompt", "control_strength", "negative_prompt", "seed", "output_format", "style_preset"}
FIELDS = {
    "stable-image-inpaint": EDITED | {"mask", "grow_mask"},
    "stable-outpaint": EDITED - {"negative_prompt"} | {"left", "right", "up", "down", "creativity"},
    "stable-image-search-replace": EDITED | {"search_prompt", "grow_mask"},
    "stable-image-search-recolor": EDITED | {"select_prompt", "grow_mask"},
    "stable-image-erase-object": {"image", "mask", "grow_mask", "seed", "output_format"},
    "stable-image-remove-background": {"image", "output_format"},
    "stable-image-control-sketch": CONTROLLED,
    "stable-image-control-structure": CONTROLLED,
    "stable-image-style-guide": DRAWN | {"image", "fidelity"},
    "stable-style-transfer": {
        "init_image", "style_image", "prompt", "negative_prompt", "composition_fidelity", "style_strength",
        "change_strength", "seed", "output_format",
    },
    "stable-creative-upscale": EDITED | {"creativity"},
    "stable-conservative-upscale": EDITED - {"style_preset"} | {"creativity"},
    "stable-fast-upscale": {"image", "output_format"},
}  # fmt: skip
"""The fields of each service."""


def documented(model: str, operation: Operation) -> set[str]:
    if operation is Operation.GENERATE:
        return DRAWN | {"mode"} if "sd3" in model else DRAWN
    if "sd3" in model:
        return DRAWN - {"aspect_ratio"} | {"mode", "image", "strength"}
    return FIELDS[model.removeprefix("stability.").removesuffix("-v1:0")]


@pytest.mark.parametrize(
    ("model", "operation"),
    [
        (name, operation)
        for name, row in table("bedrock").items()
        for operation in sorted(row.operations, key=str)
        if name != "*"
    ],
)
def test_all_that_a_row_offers_is_said_in_the_fields_that_the_model_has(model: str, operation: Operation) -> None:
    can = table("bedrock")[model]
    request = everything(can, operation)
    assert lacks(can, request) == ()

    fields = body(request, f"us.{model}")

    assert json.dumps(fields)
    assert set(fields) <= documented(model, operation)
    assert request.parameters.keys() <= fields.keys()
    for field, name in (("seed", "seed"), ("style", "style_preset"), ("size", "aspect_ratio"), ("mask", "mask")):
        assert (name in fields) == (getattr(request, field) is not None or name in request.parameters)


# --- terms and questions -----------------------------------------------------------------------------------------


def test_no_limit_is_assumed() -> None:
    assert dict(BEDROCK.terms(SD, BedrockOptions()).limits) == {}


def test_a_model_is_asked_for_nothing_and_refuses_that_for_free() -> None:
    question = sent(BEDROCK.ask(target()))

    assert (question.purpose, question.url, question.json) == (
        Purpose.ASK,
        f"{HOST}/model/stability.sd3-5-large-v1%3A0/invoke",
        {},
    )
    assert finish(BEDROCK.ask(target()), reply("unknown_field")) == f"{SD} takes requests"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("unknown_model", FailureKind.NOT_FOUND),
        ("end_of_life", FailureKind.NOT_FOUND),
        ("wrong_signature", FailureKind.UNAUTHORISED),
        ("access_denied", FailureKind.UNAUTHORISED),
        ("throttled", FailureKind.RATE_LIMITED),
    ],
)
def test_a_question_that_fails_says_why(answer: str, kind: FailureKind) -> None:
    assert failed(BEDROCK.ask(target()), reply(answer)).kind is kind
