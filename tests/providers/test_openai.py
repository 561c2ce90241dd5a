"""OpenAI's dialect: what is sent, and what is made of its answers."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr, ValidationError

from pixelrelay.errors import ProviderError
from pixelrelay.images import ImageRequest, InputImage, Size
from pixelrelay.outcomes import Charge, Failure, FailureKind, Usage
from pixelrelay.providers.base import Part, Purpose, Reply, Send, Target
from pixelrelay.providers.events import events_in
from pixelrelay.providers.openai import OpenAI, OpenAIOptions
from pixelrelay.quotas import SeenLimit, Shape, Unit
from tests.providers.exchanges import PIXEL, drawing, editing, failed, finish, png, sent, stored

PROVIDER = OpenAI()
REQUEST_ID = "req_0123456789abcdef0123456789abcdef"
SQUARE = Size(1024, 1024)


def target(model: str = "gpt-image-2", **options: str) -> Target:
    return PROVIDER.target(model, SecretStr("sk-test"), OpenAIOptions.model_validate(options))


def body(request: ImageRequest, model: str = "gpt-image-2") -> str:
    return json.dumps(sent(PROVIDER.generate(request, target(model))).json, separators=(",", ":"))


def generated(name: str) -> Failure:
    return failed(PROVIDER.generate(drawing(), target()), stored(f"openai/{name}"))


# --- where to, and as whom ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "base_url", "host"),
    [
        ({}, "https://api.openai.com/v1", "api.openai.com"),
        ({"data_residency": "eu"}, "https://eu.api.openai.com/v1", "eu.api.openai.com"),
        ({"base_url": "https://images.example/openai/v1/"}, "https://images.example/openai/v1", "images.example"),
        ({"base_url": "http://127.0.0.1:9000/v1"}, "http://127.0.0.1:9000/v1", "127.0.0.1"),
        ({"base_url": "http://emulator:9000"}, "http://emulator:9000", "emulator"),
    ],
)
def test_the_key_goes_to_the_one_host_that_is_asked(options: dict[str, str], base_url: str, host: str) -> None:
    there = target(**options)

    assert (there.base_url, there.trusted_hosts) == (base_url, (host,))
    assert "sk-test" not in repr(there)


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"base_url": "images.example/v1"}, "base_url: .*https://"),
        ({"base_url": "http://images.example/v1"}, "base_url: .*in the clear"),
        ({"base_url": "https://user:sk-1@images.example"}, "base_url: .*no place"),
        ({"base_url": "https://images.example", "data_residency": "eu"}, "data_residency: .*one of the two"),
    ],
)
def test_an_unfit_address_is_refused_by_the_name_of_its_option(options: dict[str, str], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong) as refused:
        target(**options)

    assert "sk-1" not in str(refused.value)


def test_a_key_is_needed() -> None:
    with pytest.raises(ValueError, match="api_key"):
        PROVIDER.target("gpt-image-2", None, OpenAIOptions())


def test_a_region_without_a_host_of_its_own_is_refused() -> None:
    with pytest.raises(ValidationError, match="data_residency"):
        OpenAIOptions.model_validate({"data_residency": "mars"})


@pytest.mark.anyio
async def test_the_key_is_sent_as_bearer() -> None:
    there = target()
    assert there.credential is not None

    assert await there.credential.headers(sent(PROVIDER.generate(drawing(), there))) == {
        "authorization": "Bearer sk-test"
    }


def test_organization_and_project_are_named_in_headers() -> None:
    there = target(organization="org-1", project="proj_2")
    account = {"openai-organization": "org-1", "openai-project": "proj_2"}

    assert sent(PROVIDER.generate(drawing(), there)).headers == account
    assert sent(PROVIDER.edit(editing(), there)).headers == account
    assert sent(PROVIDER.ask(there)).headers == account


def test_calls_are_paced_because_rejected_ones_count() -> None:
    terms = PROVIDER.terms("gpt-image-2", OpenAIOptions())

    assert (terms.shape, terms.counts_rejected, dict(terms.limits)) == (Shape.PACED, True, {})


# --- what a generation sends -------------------------------------------------------------------------------------


def test_a_generation_is_one_json_request() -> None:
    send = sent(PROVIDER.generate(drawing(), target()))

    assert send == Send(
        Purpose.SUBMIT,
        "POST",
        "https://api.openai.com/v1/images/generations",
        {},
        json={"model": "gpt-image-2", "prompt": "a lighthouse at dusk", "n": 1},
    )


def test_all_that_a_gpt_model_knows_is_passed_on() -> None:
    request = drawing(
        n=3,
        size=SQUARE,
        quality="low",
        background="transparent",
        output_format="webp",
        output_compression=80,
        user="user-7",
        parameters={"moderation": "low"},
    )

    assert body(request) == (
        '{"model":"gpt-image-2","prompt":"a lighthouse at dusk","n":3,"size":"1024x1024","quality":"low",'
        '"background":"transparent","output_format":"webp","output_compression":80,"user":"user-7",'
        '"moderation":"low"}'
    )


def test_what_is_left_to_the_provider_is_left_out() -> None:
    assert body(drawing(quality="auto", background="auto")) == (
        '{"model":"gpt-image-2","prompt":"a lighthouse at dusk","n":1}'
    )


@pytest.mark.parametrize("model", ["gpt-image-2", "gpt-image-1.5-2025-12-16", "chatgpt-image-latest"])
@pytest.mark.parametrize("response_format", ["url", "b64_json", None])
def test_gpt_models_are_never_told_a_response_format(model: str, response_format: str | None) -> None:
    assert "response_format" not in body(drawing(response_format=response_format), model)


def test_dalle_is_asked_for_bytes_unless_an_address_is_wanted() -> None:
    assert body(drawing(style="vivid", quality="hd", background="opaque", output_format="png"), "dall-e-3") == (
        '{"model":"dall-e-3","prompt":"a lighthouse at dusk","n":1,"quality":"hd",'
        '"response_format":"b64_json","style":"vivid"}'
    )
    assert '"response_format":"url"' in body(drawing(response_format="url"), "dall-e-3")


def test_the_extra_body_has_the_last_word() -> None:
    request = drawing(quality="low", extra_body={"quality": "medium", "svg": {"model": "x"}})

    assert body(request) == (
        '{"model":"gpt-image-2","prompt":"a lighthouse at dusk","n":1,"quality":"medium","svg":{"model":"x"}}'
    )


# --- what an edit sends ------------------------------------------------------------------------------------------


def test_an_edit_of_one_picture_is_a_form_with_one_file() -> None:
    send = sent(PROVIDER.edit(editing(png("room.png"), size=SQUARE), target()))

    assert (send.method, send.url) == ("POST", "https://api.openai.com/v1/images/edits")
    assert send.json is None
    assert send.parts == (
        Part("model", "gpt-image-2"),
        Part("prompt", "add a red hat"),
        Part("n", "1"),
        Part("size", "1024x1024"),
        Part("image", PIXEL, "room.png", "image/png"),
    )


def test_several_pictures_keep_their_order_and_the_mask_comes_last() -> None:
    photo = InputImage(b"\xff\xd8\xff", "image/jpeg", "photo.jpg")
    request = editing(
        png("room.png"), photo, mask=png("hole.png"), output_compression=50, parameters={"input_fidelity": "high"}
    )

    parts = sent(PROVIDER.edit(request, target("gpt-image-1.5"))).parts

    assert parts[3:] == (
        Part("output_compression", "50"),
        Part("input_fidelity", "high"),
        Part("image[]", PIXEL, "room.png", "image/png"),
        Part("image[]", b"\xff\xd8\xff", "photo.jpg", "image/jpeg"),
        Part("mask", PIXEL, "hole.png", "image/png"),
    )


def test_the_pictures_of_an_edit_are_not_copied() -> None:
    picture = png()

    part = sent(PROVIDER.edit(editing(picture), target())).parts[-1]

    assert part.data is picture.data


def test_the_extra_body_of_an_edit_becomes_form_fields() -> None:
    extra = {"n": 2, "svg": {"model": "x", "reasoning": {"effort": "low"}}, "tags": ["a", "b"], "on": True, "off": None}

    parts = sent(PROVIDER.edit(editing(extra_body=extra), target())).parts

    assert [(part.name, part.data) for part in parts[2:-1]] == [
        ("n", "2"),
        ("svg[model]", "x"),
        ("svg[reasoning][effort]", "low"),
        ("tags[]", "a"),
        ("tags[]", "b"),
        ("on", "true"),
    ]


# --- what comes back ---------------------------------------------------------------------------------------------


def test_a_picture_comes_back_as_it_was_sent_with_all_that_stands_beside_it() -> None:
    found = finish(PROVIDER.generate(drawing(), target()), stored("openai/one_picture"))

    (image,) = found.images
    assert (image.bytes(), image.media_type, image.url) == (PIXEL, "image/png", None)
    assert image.data is None  # nobody decoded it before it was asked for
    assert found.usage == Usage(
        input_tokens=9,
        output_tokens=196,
        total_tokens=205,
        input_tokens_details={"text_tokens": 9, "image_tokens": 0},
        output_tokens_details={"image_tokens": 196, "text_tokens": 0},
    )
    assert (found.size, found.quality, found.background, found.output_format) == (SQUARE, "low", "opaque", "png")
    assert found.seen_limits == (SeenLimit(Unit.REQUESTS, 500), SeenLimit(Unit.IMAGES, 5))
    assert found.provider_request_id == REQUEST_ID


def test_all_pictures_of_an_answer_are_returned() -> None:
    found = finish(PROVIDER.edit(editing(n=3), target()), stored("openai/three_pictures"))

    assert [image.bytes() for image in found.images] == [PIXEL] * 3
    assert found.usage is not None
    assert found.usage.total_tokens == 597


def test_an_answer_may_say_nothing_of_its_usage() -> None:
    assert finish(PROVIDER.edit(editing(), target()), stored("openai/without_usage")).usage is None


def test_nothing_beside_a_picture_can_lose_it() -> None:
    found = finish(PROVIDER.generate(drawing(), target()), stored("openai/odd_beside_the_picture"))

    assert [image.bytes() for image in found.images] == [PIXEL]
    assert (found.usage, found.size, found.quality, found.background) == (None, None, None, None)


def test_a_picture_is_not_lost_with_a_neighbour_that_cannot_be_read() -> None:
    answer = Reply(200, {}, json.dumps({"data": [None, {"b64_json": 7}, {"b64_json": png().base64}]}).encode())

    assert [image.bytes() for image in finish(PROVIDER.generate(drawing(), target()), answer).images] == [PIXEL]


@pytest.mark.parametrize(
    ("start", "media_type"),
    [
        (PIXEL, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBP", "image/webp"),
        (b"GIF89a", "image/gif"),
        (b"?", None),
    ],
)
def test_the_type_of_a_picture_is_told_by_its_first_bytes(start: bytes, media_type: str | None) -> None:
    encoded = InputImage(start, "", "").base64
    answer = Reply(200, {}, json.dumps({"data": [{"b64_json": encoded}]}).encode())

    assert finish(PROVIDER.generate(drawing(), target()), answer).images[0].media_type == media_type


@pytest.mark.parametrize(("name", "media_type"), [("jpeg", "image/jpeg"), ("svg", "image/svg+xml")])
def test_bytes_that_tell_nothing_are_of_the_format_that_the_answer_names(name: str, media_type: str) -> None:
    answer = Reply(200, {}, json.dumps({"data": [{"b64_json": "Pw=="}], "output_format": name}).encode())

    assert finish(PROVIDER.generate(drawing(), target()), answer).images[0].media_type == media_type


# --- addresses ---------------------------------------------------------------------------------------------------


def test_addresses_are_handed_on_where_they_were_asked_for() -> None:
    exchange = PROVIDER.generate(drawing(n=2, response_format="url"), target("dall-e-2"))

    found = finish(exchange, stored("openai/addresses"))

    assert [image.url for image in found.images] == [
        "https://files.example/a.png?sig=1",
        "https://files.example/b.png?sig=2",
    ]
    assert found.images[0].revised_prompt == "A lighthouse at dusk, waves below."


def test_addresses_are_fetched_without_the_account_where_bytes_were_wanted() -> None:
    there = target("dall-e-2", organization="org-1")

    fetch = sent(PROVIDER.generate(drawing(n=2), there), stored("openai/addresses"))
    assert fetch == Send(Purpose.DOWNLOAD, "GET", "https://files.example/a.png?sig=1")

    answers = (stored("openai/addresses"), Reply(200, {}, PIXEL), Reply(200, {}, PIXEL))
    found = finish(PROVIDER.generate(drawing(n=2), there), *answers)
    assert [(image.bytes(), image.media_type) for image in found.images] == [(PIXEL, "image/png")] * 2


def test_a_picture_in_a_data_address_needs_no_fetching() -> None:
    address = f"data:image/png;base64,{png().base64}"
    answer = Reply(200, {}, json.dumps({"data": [{"url": address}]}).encode())

    assert finish(PROVIDER.generate(drawing(), target()), answer).images[0].bytes() == PIXEL


def test_pictures_that_were_fetched_are_not_lost_with_one_that_was_not() -> None:
    exchange = PROVIDER.generate(drawing(n=2), target("dall-e-2"))

    found = finish(exchange, stored("openai/addresses"), Reply(403, {}, b"expired"), Reply(200, {}, PIXEL))

    assert [image.bytes() for image in found.images] == [PIXEL]


@pytest.mark.parametrize(
    "lost",
    [
        Reply(404, {}, b""),
        Reply(200, {}, b""),
        ProviderError(Failure(FailureKind.UNUSABLE, "files.example: the connection was cut", charge=Charge.NONE)),
    ],
)
def test_a_picture_that_cannot_be_fetched_has_been_paid_for(lost: Reply | ProviderError) -> None:
    failure = failed(PROVIDER.generate(drawing(), target("dall-e-2")), stored("openai/addresses"), lost, lost)

    assert (failure.kind, failure.charge) == (FailureKind.UNUSABLE, Charge.BILLED)
    assert failure.provider_request_id == REQUEST_ID


# --- failures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["no_pictures", "no_data", "cut_short"])
def test_a_success_without_a_picture_is_unusable_and_billed(name: str) -> None:
    failure = generated(name)

    assert (failure.kind, failure.charge) == (FailureKind.UNUSABLE, Charge.BILLED)
    assert failure.provider_request_id == REQUEST_ID


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("moderated_input", FailureKind.CONTENT_REJECTED),
        ("moderated_output", FailureKind.CONTENT_REJECTED),
        ("moderated_dalle", FailureKind.CONTENT_REJECTED),
        ("unknown_parameter", FailureKind.INVALID),
        ("invalid_size", FailureKind.INVALID),
        ("retired_model", FailureKind.NOT_FOUND),
        ("unknown_model", FailureKind.NOT_FOUND),
        ("billing_hard_limit", FailureKind.OUT_OF_CREDIT),
        ("insufficient_quota", FailureKind.OUT_OF_CREDIT),
        ("wrong_key", FailureKind.UNAUTHORISED),
        ("unverified_organization", FailureKind.UNAUTHORISED),
        ("unverified_organization_400", FailureKind.UNAUTHORISED),
        ("unsupported_country", FailureKind.UNAUTHORISED),
        ("slow_down", FailureKind.RATE_LIMITED),
        ("server_error", FailureKind.OVERLOADED),
        ("overloaded", FailureKind.OVERLOADED),
    ],
)
def test_a_refusal_is_known_by_its_code_and_costs_nothing(name: str, kind: FailureKind) -> None:
    failure = generated(name)

    assert (failure.kind, failure.charge) == (kind, Charge.NONE)
    assert failure.provider_request_id == REQUEST_ID


@pytest.mark.parametrize(
    ("name", "unit", "seconds"),
    [
        ("full_of_input_images", Unit.IMAGES, 11.534),
        ("full_of_images", Unit.IMAGES, 12.0),
        ("full_of_requests", Unit.REQUESTS, 0.12),
        ("full_of_tokens", None, 60.5),
        ("slow_down", None, None),
        ("insufficient_quota", None, None),
    ],
)
def test_a_full_minute_says_of_what_and_for_how_long(name: str, unit: Unit | None, seconds: float | None) -> None:
    failure = generated(name)

    assert (failure.unit, failure.retry_after) == (unit, seconds)


def test_a_rejection_tells_the_limits_too() -> None:
    assert generated("full_of_input_images").seen_limits == (SeenLimit(Unit.REQUESTS, 500),)


@pytest.mark.parametrize(
    ("headers", "limits"),
    [
        ({"x-ratelimit-limit-images": "50"}, (SeenLimit(Unit.IMAGES, 50),)),
        ({"x-ratelimit-limit-images": "0", "x-ratelimit-limit-requests": "-1"}, ()),
        ({"x-ratelimit-limit-images": "many"}, ()),
        ({"x-ratelimit-limit-requests": "200", "x-ratelimit-reset-requests": "7m12s"}, ()),
        ({"x-ratelimit-limit-tokens": "30000", "x-ratelimit-limit-input-images": "5"}, ()),
    ],
)
def test_only_limits_a_minute_that_quotas_can_hold_are_learned(
    headers: dict[str, str], limits: tuple[SeenLimit, ...]
) -> None:
    answer = Reply(200, headers, stored("openai/one_picture").body)

    assert finish(PROVIDER.generate(drawing(), target()), answer).seen_limits == limits


def test_a_page_from_the_edge_may_hide_a_picture_that_was_drawn() -> None:
    failure = generated("bad_gateway")

    assert (failure.kind, failure.charge) == (FailureKind.OVERLOADED, Charge.UNKNOWN)
    assert failure.message == "HTTP 502 without a message"


def test_the_masked_key_in_a_refusal_is_not_repeated() -> None:
    assert generated("wrong_key").message.startswith("Incorrect API key provided: [key]. You can find")


def test_an_exchange_that_got_no_answer_fails_as_the_transport_says() -> None:
    lost = Failure(FailureKind.TIMEOUT, "no answer", charge=Charge.UNKNOWN)

    assert failed(PROVIDER.generate(drawing(), target()), ProviderError(lost)) == lost


# --- by server-sent events -----------------------------------------------------------------------------------------


def test_partial_images_are_asked_for_in_json_and_in_forms() -> None:
    generation = sent(PROVIDER.generate(drawing(partial_images=2), target()))
    edit = sent(PROVIDER.edit(editing(partial_images=1), target()))

    assert generation.json is not None
    assert (generation.json["stream"], generation.json["partial_images"]) == (True, 2)
    assert {part.name: part.data for part in edit.parts if part.name in {"stream", "partial_images"}} == {
        "stream": "true",
        "partial_images": "1",
    }
    unasked = sent(PROVIDER.generate(drawing(), target()))
    assert unasked.json is not None
    assert "stream" not in unasked.json


@pytest.mark.parametrize("name", ["streamed", "streamed_edit"])
def test_a_stream_amounts_to_the_answer_that_it_ends_with(name: str) -> None:
    found = finish(PROVIDER.generate(drawing(partial_images=1), target()), stored(f"openai/{name}"))

    assert [image.bytes() for image in found.images] == [PIXEL]
    assert found.usage is not None
    assert (found.usage.total_tokens, found.size, found.quality) == (309, Size(1024, 1024), "low")
    assert found.provider_request_id == "req_0123"


def test_what_is_shown_on_the_way_is_the_partial_images_alone() -> None:
    send = sent(PROVIDER.generate(drawing(partial_images=1), target()))
    assert send.glimpse is not None

    shown = [send.glimpse(event) for event in events_in(stored("openai/streamed").body)]

    assert [each and (each.type, each.index, each.image and each.image.bytes()) for each in shown] == [
        ("partial_image", 0, PIXEL),
        None,
    ]
    broken = [send.glimpse(event) for event in events_in(stored("openai/streamed_partials_alone").body)]
    assert [each is not None for each in broken] == [True, False]


@pytest.mark.parametrize(
    ("name", "kind", "charge"),
    [
        ("streamed_refusal", FailureKind.CONTENT_REJECTED, Charge.NONE),
        ("streamed_error", FailureKind.OVERLOADED, Charge.UNKNOWN),
        ("streamed_partials_alone", FailureKind.UNUSABLE, Charge.BILLED),
    ],
)
def test_a_stream_that_ends_without_its_picture_fails(name: str, kind: FailureKind, charge: Charge) -> None:
    failure = failed(PROVIDER.generate(drawing(partial_images=1), target()), stored(f"openai/{name}"))

    assert (failure.kind, failure.charge, failure.provider_request_id) == (kind, charge, "req_0123")


# --- a free question ---------------------------------------------------------------------------------------------


def test_asking_after_the_model_shows_that_key_host_and_model_are_good() -> None:
    assert sent(PROVIDER.ask(target())) == Send(Purpose.ASK, "GET", "https://api.openai.com/v1/models/gpt-image-2")
    assert finish(PROVIDER.ask(target()), stored("openai/model")) == "gpt-image-2 is available"


def test_a_model_that_is_not_there_is_said_to_be_missing() -> None:
    failure = failed(PROVIDER.ask(target("gpt-9-imaginary")), stored("openai/unknown_model"))

    assert failure.kind is FailureKind.NOT_FOUND
