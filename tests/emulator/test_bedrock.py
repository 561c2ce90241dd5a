"""The emulated Amazon Bedrock looks at signatures for real, and is as strict about bodies as the service is."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from typing import Any

import httpx2
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pixelrelay import Router
from pixelrelay._transport.transport import Transport
from pixelrelay.testing import EmulatedDeployment, Fault, FaultKind, Fleet, emulated_fleet
from tests.emulator.scenes import KEY, half_transparent, opened, png

SD = "stability.sd3-5-large-v1%3A0"
BODY = b'{"prompt":"a fox","aspect_ratio":"3:2"}'
BEARER = {"authorization": f"Bearer {KEY}"}
RED = (200, 30, 30)


def bedrock(model: str = "stability.sd3-5-large-v1:0", **options: Any) -> EmulatedDeployment:
    return EmulatedDeployment("bedrock", "bedrock", model, **{"latency": 0, "api_key": KEY, **options})


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with emulated_fleet(bedrock()) as running:
        yield running


def invoke(fleet: Fleet, model: str = SD, headers: Any = None, **body: Any) -> httpx2.Response:
    url = f"{fleet.url('bedrock')}/model/{model}/invoke"
    return httpx2.post(url, json={"prompt": "a fox", **body}, headers=BEARER if headers is None else headers)


def service(name: str) -> str:
    return f"us.stability.{name}-v1%3A0"


def kind(reply: httpx2.Response) -> str:
    return reply.headers["x-amzn-errortype"].partition(":")[0]


def encoded(data: bytes | None = None) -> str:
    return base64.b64encode(data or png((256, 256))).decode()


def signed(url: str, body: bytes = BODY, secret: str = KEY, key: str = "AKIDEMULATED", **scope: str) -> dict[str, str]:
    request = AWSRequest(method="POST", url=url, headers={"content-type": "application/json"}, data=body)
    where = {"service": "bedrock", "region": "us-west-2", **scope}
    SigV4Auth(Credentials(key, secret), where["service"], where["region"]).add_auth(request)
    return dict(request.headers.items())


# --- signatures --------------------------------------------------------------------------------------------------


def test_what_was_signed_is_let_in(fleet: Fleet) -> None:
    url = f"{fleet.url('bedrock')}/model/{SD}/invoke"

    answer = httpx2.post(url, content=BODY, headers=signed(url)).json()

    assert answer["finish_reasons"] == [None]
    assert opened(answer["images"][0]).size == (1216, 832)


@pytest.mark.parametrize(
    ("sent", "refused"),
    [
        ({"body": BODY.replace(b"fox", b"cat")}, "InvalidSignatureException"),
        ({"path": "/model/stability.stable-image-core-v1%3A1/invoke"}, "InvalidSignatureException"),
        ({"query": "?trace=1"}, "InvalidSignatureException"),
        ({"headers": {"content-type": "application/json; charset=utf-8"}}, "InvalidSignatureException"),
        ({"headers": {"x-amz-date": "20200101T000000Z"}}, "InvalidSignatureException"),
        ({"headers": {"x-amz-security-token": "t"}}, "UnrecognizedClientException"),
        ({"headers": {"authorization": "AWS4-HMAC-SHA256 Credential=AKIDEMULATED"}}, "IncompleteSignatureException"),
        ({"secret": "another"}, "InvalidSignatureException"),
        ({"key": "AKIDSTRANGER"}, "UnrecognizedClientException"),
        ({"region": "us-east-1"}, "InvalidSignatureException"),
        ({"service": "bedrock-runtime"}, "InvalidSignatureException"),
    ],
)
def test_what_was_not_signed_so_is_refused(fleet: Fleet, sent: dict[str, Any], refused: str) -> None:
    path, base = f"/model/{SD}/invoke", fleet.url("bedrock")
    signing = {name: value for name, value in sent.items() if name in {"secret", "key", "region", "service"}}
    headers = {name.lower(): value for name, value in signed(f"{base}{path}", **signing).items()}

    reply = httpx2.post(
        f"{base}{sent.get('path', path)}{sent.get('query', '')}",
        content=sent.get("body", BODY),
        headers={**headers, **sent.get("headers", {})},
    )

    assert (reply.status_code, kind(reply)) == (403, refused)


def test_a_key_is_let_in_as_bearer_and_no_other(fleet: Fleet) -> None:
    assert invoke(fleet).status_code == 200
    for headers in ({}, {"authorization": f"Bearer {KEY}!"}, {"x-api-key": KEY}):
        assert invoke(fleet, headers=headers).status_code == 403


# --- models and bodies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "status", "said"),
    [
        ("stability.sd9-v1%3A0", 400, "The provided model identifier is invalid."),
        (
            "stability.stable-outpaint-v1%3A0",
            400,
            "Invocation of model ID stability.stable-outpaint-v1:0 with on-demand",
        ),
        ("amazon.nova-canvas-v1%3A0", 404, "This model version has reached the end of its life."),
        ("us.amazon.nova-canvas-v1%3A0", 404, "This model version has reached the end of its life."),
    ],
)
def test_models_that_cannot_be_asked(fleet: Fleet, model: str, status: int, said: str) -> None:
    reply = invoke(fleet, model)

    assert reply.status_code == status
    assert reply.json()["message"].startswith(said)


@pytest.mark.parametrize(
    ("model", "body", "said"),
    [
        (SD, {"style_preset": "anime"}, "Invalid field 'style_preset' in request"),
        (SD, {"prompt": None}, "prompt: Input should be a valid string"),
        (SD, {"seed": "7"}, "seed: Input should be a valid integer"),
        (SD, {"mode": "image-to-image"}, "image-to-image needs image and strength"),
        (SD, {"mode": "image-to-image", "image": "no base64", "strength": 0.5}, "image: could not be decoded"),
        (SD, {"image": encoded()}, "image and strength are for mode image-to-image"),
        ("stability.stable-image-ultra-v1%3A1", {"mode": "text-to-image"}, "Invalid field 'mode' in request"),
        ("stability.stable-image-core-v1%3A1", {"output_format": "webp"}, "output_format: Input should be 'png'"),
        (service("stable-image-inpaint"), {}, "Missing required field: 'image'"),
        (service("stable-outpaint"), {"image": encoded()}, "at least one of left, right, up and down"),
        (service("stable-image-erase-object"), {"image": encoded()}, "Invalid field 'prompt' in request"),
    ],
)
def test_a_bad_body_is_a_validation_exception(fleet: Fleet, model: str, body: dict[str, Any], said: str) -> None:
    reply = invoke(fleet, model, **body)

    assert (reply.status_code, kind(reply)) == (400, "ValidationException")
    assert json.loads(reply.json()["message"])["detail"].startswith(said)


def test_white_in_a_mask_is_drawn_anew(fleet: Fleet) -> None:
    white = opened(half_transparent((256, 256))).getchannel("A").point([255, *[0] * 255])

    answer = invoke(fleet, service("stable-image-inpaint"), image=encoded(), mask=encoded(_png(white))).json()

    drawn = opened(answer["images"][0])
    assert drawn.getpixel((250, 128)) == RED
    assert drawn.getpixel((2, 2)) != RED


def _png(image: Any) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [("something forbidden", "Filter reason: prompt"), ("something unseemly", "Filter reason: output image")],
)
def test_moderation_is_a_success_without_a_picture(fleet: Fleet, prompt: str, reason: str) -> None:
    reply = invoke(fleet, prompt=prompt)

    assert (reply.status_code, reply.json()) == (200, {"finish_reasons": [reason]})


def test_quotas_faults_and_prices() -> None:
    disguised = Fault(FaultKind.MODERATED_INPUT, requests=(2,), disguise="ValidationException")
    with emulated_fleet(bedrock(requests_per_minute=2, faults=(disguised,))) as fleet:
        replies = [invoke(fleet, "stability.stable-image-ultra-v1%3A1") for _ in range(3)]
        billed = fleet.billed["bedrock"]

    assert [reply.status_code for reply in replies] == [200, 400, 429]
    assert [kind(reply) for reply in replies[1:]] == ["ValidationException", "ThrottlingException"]
    assert "retry-after" not in replies[2].headers
    assert (billed.pictures, billed.dollars, billed.rejected) == (1, Decimal("0.14"), 1)


# --- in memory, through the router --------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("us.stability.stable-image-inpaint-v1:0", {"mask": half_transparent((256, 256))}),
        ("us.stability.stable-outpaint-v1:0", {"left": 32, "down": 16}),
        ("us.stability.stable-image-remove-background-v1:0", {}),
        ("us.stability.stable-creative-upscale-v1:0", {}),
        (
            "arn:aws:bedrock:us-west-2:123456789012:inference-profile/us.stability.stable-image-style-guide-v1:0",
            {"size": "1344x768"},
        ),
    ],
)
async def test_an_edit_is_signed_and_served(model: str, parameters: dict[str, Any]) -> None:
    fleet = Fleet(bedrock(model))
    async with Router(fleet.config("pictures"), transport=Transport(fleet.engine())) as router:
        images = await router.edit("pictures", png((256, 256)), "a door", **parameters)

    assert opened(images.data[0].bytes()).size
    assert [(request.operation, request.status) for request in fleet.requests] == [("edit", 200)]


@pytest.mark.anyio
async def test_two_pictures_are_content_and_style() -> None:
    fleet = Fleet(bedrock("us.stability.stable-style-transfer-v1:0"))
    async with Router(fleet.config("pictures"), transport=Transport(fleet.engine())) as router:
        images = await router.edit("pictures", [png((256, 128)), png((64, 64))], "in oil")

    assert opened(images.data[0].bytes()).size == (256, 128)
