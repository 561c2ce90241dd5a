"""FLUX on Microsoft Foundry: what either route is sent, every form of its answers, and every way it fails."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from pydantic import SecretStr

from pixelrelay.errors import ProviderError
from pixelrelay.images import ImageRequest, Operation, Size
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers.azure_foundry import AzureFoundry, AzureFoundryOptions
from pixelrelay.providers.base import Part, Purpose, Reply, Send, Target
from pixelrelay.providers.capabilities import Capabilities, lacks
from pixelrelay.quotas import Shape, Unit
from tests.providers.exchanges import PIXEL, drawing, editing, failed, finish, png, sent, stored

FOUNDRY = AzureFoundry()
ENDPOINT = "https://contoso.services.ai.azure.com"
PROVIDER_ROUTE = f"{ENDPOINT}/providers/blackforestlabs/v1"
PIXEL_BASE64 = b64encode(PIXEL).decode()
PICTURE = Reply(200, {"content-type": "image/png"}, PIXEL)
OUT_OF_REACH = ProviderError(Failure(FailureKind.UNUSABLE, "HTTP 500, four times", charge=Charge.BILLED))


def reply(name: str) -> Reply:
    return stored(f"azure_foundry/{name}")


def options(**changes: Any) -> AzureFoundryOptions:
    return AzureFoundryOptions(**{"endpoint": ENDPOINT, **changes})


def target(model: str = "FLUX.2-pro", **changes: Any) -> Target:
    return FOUNDRY.target(model, SecretStr("0123"), options(**changes))


def submitted(request: ImageRequest, to: Target) -> Send:
    send = sent(FOUNDRY.edit(request, to) if request.operation is Operation.EDIT else FOUNDRY.generate(request, to))
    assert (send.purpose, send.method) == (Purpose.SUBMIT, "POST")
    return send


def can(model: str, **changes: Any) -> Capabilities:
    return FOUNDRY.capabilities(model, options(**changes))


# --- the provider route ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "request_", "path", "body"),
    [
        (
            "FLUX.2-pro",
            editing(
                png("1.png"),
                png("2.png"),
                size=Size(1024, 1024),
                output_format="png",
                seed=7,
                parameters={"safety_tolerance": 2},
            ),
            "flux-2-pro",
            {
                "model": "FLUX.2-pro",
                "prompt": "add a red hat",
                "width": 1024,
                "height": 1024,
                "num_images": 1,
                "output_format": "png",
                "seed": 7,
                "safety_tolerance": 2,
                "input_image": PIXEL_BASE64,
                "input_image_2": PIXEL_BASE64,
            },
        ),
        (
            "FLUX.2-flex",
            drawing(parameters={"guidance": 4.5, "steps": 50, "aspect_ratio": "16:9"}),
            "flux-2-flex",
            {
                "model": "FLUX.2-flex",
                "prompt": "a lighthouse at dusk",
                "num_images": 1,
                "guidance": 4.5,
                "steps": 50,
                "aspect_ratio": "16:9",
            },
        ),
        (
            "FLUX.1-Kontext-pro",
            editing(size=Size(1024, 1024), parameters={"prompt_upsampling": True}),
            "flux-kontext-pro",
            {
                "model": "FLUX.1-Kontext-pro",
                "prompt": "add a red hat",
                "aspect_ratio": "1:1",
                "prompt_upsampling": True,
                "input_image": PIXEL_BASE64,
            },
        ),
        (
            "FLUX-1.1-pro",
            drawing(size=Size(1440, 1088), user="u1"),
            "flux-pro-1.1",
            {"model": "FLUX-1.1-pro", "prompt": "a lighthouse at dusk", "width": 1440, "height": 1088},
        ),
        (
            "FLUX.3-max",
            drawing(size=Size(1024, 768)),
            "flux-3-max",
            {"model": "FLUX.3-max", "prompt": "a lighthouse at dusk", "width": 1024, "height": 768},
        ),
    ],
)
def test_the_provider_route_is_told_in_bfls_words(model: str, request_: ImageRequest, path: str, body: Any) -> None:
    assert lacks(can(model), request_) == ()

    send = submitted(request_, target(model))

    assert send.url == f"{PROVIDER_ROUTE}/{path}?api-version=preview"
    assert send.json == body


def test_a_model_is_known_however_it_is_capitalised_and_the_body_names_the_deployment() -> None:
    send = submitted(drawing(), target("flux.2-PRO", azure_deployment="flux-east", api_version="2027-01-01"))

    assert send.url == f"{PROVIDER_ROUTE}/flux-2-pro?api-version=2027-01-01"
    assert (send.json or {})["model"] == "flux-east"
    assert can("flux.2-PRO") == can("flux-2-pro") == can("FLUX.2-pro")


def test_the_extra_body_has_the_last_word() -> None:
    send = submitted(drawing(seed=7, extra_body={"seed": 8, "n": 1}), target())

    assert send.json == {"model": "FLUX.2-pro", "prompt": "a lighthouse at dusk", "num_images": 1, "seed": 8, "n": 1}


# --- the image route ---------------------------------------------------------------------------------------------


def test_the_image_route_draws_by_openais_json_without_what_openai_alone_knows() -> None:
    to = target("FLUX-1.1-pro", route="image", azure_deployment="flux 1")

    send = submitted(drawing(size=Size(1024, 1024), background="opaque", quality="auto", user="u1"), to)

    assert send.url == f"{ENDPOINT}/openai/deployments/flux%201/images/generations?api-version=preview"
    assert send.json == {"prompt": "a lighthouse at dusk", "n": 1, "size": "1024x1024"}


def test_the_image_route_edits_by_a_form() -> None:
    send = submitted(editing(), target("FLUX.1-Kontext-pro", route="image"))

    assert send.url == f"{ENDPOINT}/openai/deployments/FLUX.1-Kontext-pro/images/edits?api-version=preview"
    assert send.json is None
    assert send.parts == (
        Part("prompt", "add a red hat"),
        Part("n", "1"),
        Part("image", PIXEL, "photo.png", "image/png"),
    )


@pytest.mark.parametrize(("answer", "url"), [("inline", None), ("address", True)])
def test_the_image_route_brings_pictures_inline_or_by_address(answer: str, url: bool | None) -> None:
    exchange = FOUNDRY.generate(drawing(), target("FLUX-1.1-pro", route="image"))

    (image,) = finish(exchange, reply(answer), *([PICTURE] if url else [])).images

    assert image.bytes() == PIXEL


def test_a_deployment_without_the_image_route_is_not_found_and_told_of_the_other() -> None:
    exchange = FOUNDRY.edit(editing(), target("FLUX.1-Kontext-pro", route="image"))

    failure = failed(exchange, reply("responses_api"))

    assert (failure.kind, failure.status) == (FailureKind.NOT_FOUND, 400)
    assert "set route: provider" in failure.message


@pytest.mark.parametrize("model", ["FLUX.2-pro", "FLUX.2-flex"])
def test_flux_2_has_no_image_route(model: str) -> None:
    with pytest.raises(ValueError, match=r"route: FLUX\.2-.* by the provider route alone"):
        target(model, route="image")


def test_flux_1_1_draws_no_more_than_1_6_megapixels_although_its_edges_would_allow_it() -> None:
    assert lacks(can("FLUX-1.1-pro"), drawing(size=Size(1440, 1088))) == ()
    assert lacks(can("FLUX-1.1-pro"), drawing(size=Size(1440, 1120))) == (
        "size 1440x1120: it draws at most 1600000 pixels",
    )


def test_the_image_route_can_do_less() -> None:
    asked = editing(seed=7, output_format="jpeg", parameters={"aspect_ratio": "1:1"})

    assert lacks(can("FLUX.1-Kontext-pro"), asked) == ()
    assert len(lacks(can("FLUX.1-Kontext-pro", route="image"), asked)) == 3
    assert lacks(can("FLUX-1.1-pro", route="image"), editing()) == (
        "cannot edit",
        "1 input images: at most 0",
    )


# --- every form of an answer -------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["inline", "inline_bare", "image"])
def test_a_picture_inline(answer: str) -> None:
    (image,) = finish(FOUNDRY.generate(drawing(), target()), reply(answer)).images

    assert (image.encoded, image.bytes()) == (PIXEL_BASE64, PIXEL)


def test_a_picture_inline_as_a_data_address() -> None:
    (image,) = finish(FOUNDRY.generate(drawing(), target()), reply("images_inline")).images

    assert (image.encoded, image.media_type) == ("/9j/4AAQSkZJRg==", "image/jpeg")


@pytest.mark.parametrize(
    ("answer", "url"),
    [
        ("address", "https://contoso.blob.core.windows.net/images/1.png?sig=c2ln"),
        ("images", "https://contoso.blob.core.windows.net/images/2.png?sig=c2ln"),
        ("sample", "https://delivery-us1.bfl.ai/results/1.png?sig=c2ln"),
    ],
)
def test_a_picture_by_address_is_fetched_unless_addresses_were_asked_for(answer: str, url: str) -> None:
    assert sent(FOUNDRY.generate(drawing(), target()), reply(answer)) == Send(Purpose.DOWNLOAD, "GET", url)
    (image,) = finish(FOUNDRY.generate(drawing(), target()), reply(answer), PICTURE).images
    assert image.bytes() == PIXEL

    (image,) = finish(FOUNDRY.generate(drawing(response_format="url"), target()), reply(answer)).images
    assert (image.url, image.b64_json) == (url, None)


def test_a_job_is_polled_until_its_picture_is_ready_and_its_credits_are_not_microsofts_dollars() -> None:
    exchange = FOUNDRY.generate(drawing(), target())

    poll = sent(exchange, reply("job"))
    assert poll == Send(Purpose.POLL, "GET", f"{PROVIDER_ROUTE}/get_result?id=7c0e", job="7c0e")
    assert exchange.send(reply("job")) == poll
    assert exchange.send(reply("sample")).purpose is Purpose.DOWNLOAD
    with pytest.raises(StopIteration) as finished:
        exchange.send(PICTURE)

    assert finished.value.value.cost is None
    assert finished.value.value.images[0].seed == 7


def test_the_answers_own_name_is_kept() -> None:
    for answer, rest in (("inline", ()), ("images", (PICTURE,))):
        generation = finish(FOUNDRY.generate(drawing(), target()), reply(answer), *rest)
        assert generation.provider_request_id == "3f0c0a50-0000-4000-8000-000000000001"


@pytest.mark.parametrize("answer", ["nothing", "models"])
def test_a_success_without_a_picture_is_billed_and_unusable(answer: str) -> None:
    failure = failed(FOUNDRY.generate(drawing(), target()), reply(answer))

    assert (failure.kind, failure.charge) == (FailureKind.UNUSABLE, Charge.BILLED)


@pytest.mark.parametrize("answer", ["address", "images", "sample"])
@pytest.mark.parametrize("fetched", [Reply(404, {}, b"gone"), Reply(200, {}, b""), OUT_OF_REACH])
def test_a_picture_that_cannot_be_fetched_is_billed(answer: str, fetched: Reply | ProviderError) -> None:
    failure = failed(FOUNDRY.generate(drawing(), target()), reply(answer), fetched)

    assert (failure.kind, failure.charge) == (FailureKind.UNUSABLE, Charge.BILLED)


def test_a_job_that_nobody_can_ask_after_may_have_been_billed() -> None:
    failure = failed(FOUNDRY.generate(drawing(), target()), reply("job_without_address"))

    assert (failure.kind, failure.charge, failure.job) == (FailureKind.JOB_LOST, Charge.UNKNOWN, "7c0e")


# --- failures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["provider", "image"])
@pytest.mark.parametrize(
    ("answer", "kind", "charge"),
    [
        ("moderated", FailureKind.CONTENT_REJECTED, Charge.NONE),
        ("content_filter", FailureKind.CONTENT_REJECTED, Charge.NONE),
        ("no_content_length", FailureKind.INVALID, Charge.NONE),
        ("bad_width", FailureKind.INVALID, Charge.NONE),
        ("bad_key", FailureKind.UNAUTHORISED, Charge.NONE),
        ("no_deployment", FailureKind.NOT_FOUND, Charge.NONE),
        ("no_path", FailureKind.NOT_FOUND, Charge.NONE),
        ("throttled", FailureKind.RATE_LIMITED, Charge.NONE),
        ("timeout", FailureKind.TIMEOUT, Charge.UNKNOWN),
        ("unavailable", FailureKind.OVERLOADED, Charge.NONE),
    ],
)
def test_a_refusal_of_either_route(route: str, answer: str, kind: FailureKind, charge: Charge) -> None:
    failure = failed(FOUNDRY.generate(drawing(), target("FLUX.1-Kontext-pro", route=route)), reply(answer))

    assert (failure.kind, failure.charge) == (kind, charge)


def test_moderation_behind_a_success_is_moderation() -> None:
    failure = failed(FOUNDRY.generate(drawing(), target()), reply("moderated_200"))

    assert failure.kind is FailureKind.CONTENT_REJECTED
    assert failure.message == "Content Moderated: Safety Filter"


def test_a_full_minute_names_requests_and_how_long_to_wait() -> None:
    failure = failed(FOUNDRY.generate(drawing(), target()), reply("throttled"))

    assert (failure.unit, failure.retry_after) == (Unit.REQUESTS, 24)
    assert failure.provider_request_id == "3f0c0a50-0000-4000-8000-000000000001"


# --- targets, terms, questions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "endpoint",
    [
        ENDPOINT,
        f"{ENDPOINT}/",
        f"{ENDPOINT}/providers/blackforestlabs/v1/flux-2-pro?api-version=preview",
        f"{ENDPOINT}/openai/v1/",
        f"{ENDPOINT}/api/projects/paintings",
        "https://contoso.openai.azure.com",
        "https://contoso.openai.azure.com/openai/deployments/FLUX.2-pro",
    ],
)
def test_an_endpoint_is_understood_in_every_form_that_is_copied_from_somewhere(endpoint: str) -> None:
    built = target(endpoint=endpoint)

    assert (built.base_url, built.trusted_hosts) == (ENDPOINT, ("contoso.services.ai.azure.com",))
    assert "0123" not in repr(built)


@pytest.mark.parametrize(
    "endpoint", ["https://contoso.cognitiveservices.azure.com", "https://gateway.example/flux", "http://localhost:9"]
)
def test_other_hosts_stay_as_they_are(endpoint: str) -> None:
    assert target(endpoint=endpoint).base_url == endpoint


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("route", "header"), [(None, {"authorization": "Bearer 0123"}), ("image", {"api-key": "0123"})]
)
async def test_each_route_has_the_key_where_microsoft_documents_it(route: str | None, header: dict[str, str]) -> None:
    credential = target("FLUX-1.1-pro", route=route).credential
    assert credential is not None
    assert await credential.headers(Send(Purpose.SUBMIT, "POST", PROVIDER_ROUTE)) == header


@pytest.mark.anyio
async def test_a_token_provider_stands_in_for_a_key() -> None:
    credential = FOUNDRY.target("FLUX.2-pro", None, options(token_provider=lambda: "token")).credential
    assert credential is not None
    assert await credential.headers(Send(Purpose.SUBMIT, "POST", PROVIDER_ROUTE)) == {"authorization": "Bearer token"}


@pytest.mark.parametrize(
    ("model", "tier", "limit"),
    [
        ("FLUX.2-pro", "low", 15),
        ("FLUX.2-pro", "medium", 30),
        ("FLUX.2-pro", "high", 100),
        ("flux.2-flex", "low", 5),
        ("FLUX.2-flex", "medium", 10),
        ("FLUX.2-flex", "high", 25),
        ("FLUX.1-Kontext-pro", None, 6),
        ("FLUX-1.1-pro", None, 6),
    ],
)
def test_a_tier_is_so_many_requests_a_minute(model: str, tier: str | None, limit: int) -> None:
    terms = FOUNDRY.terms(model, options(tier=tier))

    assert terms.limits == {Unit.REQUESTS: limit}
    assert (terms.shape, terms.counts_rejected) == (Shape.SLICED, True)


def test_without_a_tier_nothing_is_assumed_of_flux_2() -> None:
    assert FOUNDRY.terms("FLUX.2-pro", options()).limits == {}


@pytest.mark.parametrize(
    ("model", "why"),
    [("FLUX-1.1-pro", "limited to 6 requests a minute"), ("FLUX.3-max", "say requests_per_minute instead")],
)
def test_a_tier_of_a_model_without_tiers_is_refused(model: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"tier: {model} has no tiers; .*{why}"):
        FOUNDRY.terms(model, options(tier="high"))


def test_asking_proves_endpoint_and_credential_and_claims_no_more() -> None:
    assert sent(FOUNDRY.ask(target())) == Send(Purpose.ASK, "GET", f"{ENDPOINT}/openai/v1/models?api-version=preview")
    assert "FLUX.2-pro is offered there" in finish(FOUNDRY.ask(target()), reply("models"))
    assert "deployment 'mine' was not tried" in finish(
        FOUNDRY.ask(target("FLUX-1.1-pro", azure_deployment="mine")), reply("models")
    )
    assert failed(FOUNDRY.ask(target()), reply("bad_key")).kind is FailureKind.UNAUTHORISED
