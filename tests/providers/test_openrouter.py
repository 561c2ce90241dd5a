"""OpenRouter: what is sent on either route, what is made of its answers, and what its errors mean."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from pixelrelay.errors import ProviderError
from pixelrelay.images import Image, ImageRequest, InputImage, Size
from pixelrelay.outcomes import Charge, Failure, FailureKind, Usage
from pixelrelay.providers.base import Purpose, Reply, Send, Target
from pixelrelay.providers.capabilities import lacks, table
from pixelrelay.providers.mapping import data_url
from pixelrelay.providers.openrouter import OpenRouter, OpenRouterOptions
from pixelrelay.quotas import Unit
from tests.providers.exchanges import PIXEL, drawing, editing, failed, finish, png, sent, stored

PROVIDER = OpenRouter()
GEMINI = "google/gemini-3.1-flash-image"
NEW = "acme/brush-9"
PICTURE = Reply(200, {"content-type": "image/png"}, PIXEL)


def target(model: str = GEMINI, **options: Any) -> Target:
    return PROVIDER.target(model, SecretStr("sk-or-v1-test"), OpenRouterOptions.model_validate(options))


def reply(name: str) -> Reply:
    return stored(f"openrouter/{name}")


def body(request: ImageRequest, model: str = GEMINI, **options: Any) -> Any:
    there = target(model, **options)
    exchange = PROVIDER.edit(request, there) if request.images else PROVIDER.generate(request, there)
    return sent(exchange).json


def refused(name: str) -> Failure:
    return failed(PROVIDER.generate(drawing(), target()), reply(name))


def refused_in_chat(name: str) -> Failure:
    return failed(PROVIDER.generate(drawing(), target(route="chat")), reply(name))


# --- where to, and as whom ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "base_url", "host"),
    [
        ({}, "https://openrouter.ai/api/v1", "openrouter.ai"),
        ({"data_residency": "eu"}, "https://eu.openrouter.ai/api/v1", "eu.openrouter.ai"),
        ({"base_url": "https://gateway.example/api/v1/"}, "https://gateway.example/api/v1", "gateway.example"),
        ({"base_url": "http://127.0.0.1:9000/api/v1"}, "http://127.0.0.1:9000/api/v1", "127.0.0.1"),
    ],
)
def test_the_key_goes_to_the_one_host_that_is_asked(options: dict[str, str], base_url: str, host: str) -> None:
    there = target(**options)

    assert (there.base_url, there.trusted_hosts) == (base_url, (host,))
    assert "sk-or-v1-test" not in repr(there)


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"base_url": "gateway.example"}, "base_url: .*https://"),
        ({"base_url": "https://gateway.example", "data_residency": "eu"}, "data_residency: .*one of the two"),
        ({"modalities": ["image"]}, "modalities: .*route: chat"),
        ({"route": "chat", "modalities": ["text"]}, "modalities: .*no picture"),
        ({"title": "Caffè\n"}, "title"),
        ({"route": "responses"}, "route"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_by_name(options: dict[str, Any], wrong: str) -> None:
    with pytest.raises((ValueError, ValidationError), match=wrong):
        target(**options)


def test_a_key_is_needed() -> None:
    with pytest.raises(ValueError, match="api_key"):
        PROVIDER.target(GEMINI, None, OpenRouterOptions())


@pytest.mark.anyio
async def test_the_key_is_sent_as_bearer() -> None:
    there = target()
    assert there.credential is not None

    headers = await there.credential.headers(sent(PROVIDER.generate(drawing(), there)))
    assert headers == {"authorization": "Bearer sk-or-v1-test"}


def test_the_application_is_named_in_headers_of_every_send() -> None:
    there = target(referer="https://pictures.example", title="Pictures")
    named = {"http-referer": "https://pictures.example", "x-openrouter-title": "Pictures"}

    assert sent(PROVIDER.generate(drawing(), there)).headers == named
    assert sent(PROVIDER.edit(editing(), target(route="chat", title="Pictures"))).headers == {
        "x-openrouter-title": "Pictures"
    }
    assert sent(PROVIDER.ask(there)).headers == named


def test_free_models_have_a_limit_and_paid_ones_none_that_is_known() -> None:
    assert PROVIDER.terms("acme/brush:free", OpenRouterOptions()).limits == {Unit.REQUESTS: 20}
    assert PROVIDER.terms(GEMINI, OpenRouterOptions()).limits == {}


# --- what the images route is sent -------------------------------------------------------------------------------


def test_a_generation_is_one_json_request() -> None:
    assert sent(PROVIDER.generate(drawing(), target())) == Send(
        Purpose.SUBMIT,
        "POST",
        "https://openrouter.ai/api/v1/images",
        {},
        json={"model": GEMINI, "prompt": "a lighthouse at dusk"},
    )


@pytest.mark.parametrize(
    ("model", "size", "said"),
    [
        (GEMINI, Size(512, 512), {"aspect_ratio": "1:1", "resolution": "512"}),
        (GEMINI, Size(2752, 1536), {"aspect_ratio": "16:9", "resolution": "2K"}),
        (GEMINI, Size(384, 3072), {"aspect_ratio": "1:8", "resolution": "1K"}),
        ("google/gemini-3-pro-image", Size(3392, 5056), {"aspect_ratio": "2:3", "resolution": "4K"}),
        ("google/gemini-2.5-flash-image", Size(1344, 768), {"aspect_ratio": "16:9"}),
        ("openai/gpt-image-2", Size(1536, 864), {"aspect_ratio": "16:9"}),
        ("recraft/recraft-v4.1-pro", Size(2432, 1792), {"aspect_ratio": "4:3"}),
        ("bytedance-seed/seedream-4.5", Size(1376, 768), {"aspect_ratio": "16:9", "resolution": "1K"}),
        (NEW, Size(1000, 700), {"size": "1000x700"}),
    ],
)
def test_a_size_is_told_as_a_ratio_and_a_tier_and_to_a_new_model_in_pixels(
    model: str, size: Size, said: dict[str, str]
) -> None:
    request = drawing(size=size)

    assert lacks(PROVIDER.capabilities(model, OpenRouterOptions()), request) == ()
    assert body(request, model) == {"model": model, "prompt": "a lighthouse at dusk", **said}


@pytest.mark.parametrize("model", [name for name in table("openrouter") if name != "*"])
def test_every_size_of_a_model_is_told_in_words_that_it_lists(model: str) -> None:
    can = table("openrouter")[model]
    sizes = [Size(*map(int, text.split("x"))) for text in can.sizes.exact] or [Size(1024, 1024)]
    for size in sizes:
        if lacks(can, drawing(size=size)):
            assert not can.sizes.ratios
            continue
        said = body(drawing(size=size), model)
        for name in ("aspect_ratio", "resolution"):
            assert name not in said or said[name] in can.parameters[name].choices
        assert "size" not in said


def test_all_that_a_model_knows_is_passed_on_and_routing_is_told_as_it_is() -> None:
    routing = {"only": ["openai"], "allow_fallbacks": False, "options": {"openai": {"moderation": "low"}}}
    request = drawing(
        n=3,
        quality="low",
        background="transparent",
        output_format="webp",
        output_compression=80,
        seed=7,
        parameters={"provider": routing, "resolution": "2K"},
        extra_body={"trace": "t1"},
    )

    assert lacks(PROVIDER.capabilities(NEW, OpenRouterOptions()), request, 3) == ()
    assert body(request, NEW) == {
        "model": NEW,
        "prompt": "a lighthouse at dusk",
        "n": 3,
        "quality": "low",
        "background": "transparent",
        "output_format": "webp",
        "output_compression": 80,
        "seed": 7,
        "provider": routing,
        "resolution": "2K",
        "trace": "t1",
    }


@pytest.mark.parametrize(
    ("model", "wish"),
    [
        (GEMINI, {"background": "opaque"}),
        ("openai/gpt-image-2", {"background": "opaque"}),
        ("recraft/recraft-v4.1-vector", {"output_format": "svg"}),
        (NEW, {"user": "u1"}),
        (NEW, {"response_format": "url"}),
        (NEW, {"quality": "auto"}),
    ],
)
def test_what_a_model_has_no_choice_in_is_not_said_because_it_would_be_refused(
    model: str, wish: dict[str, str]
) -> None:
    assert lacks(PROVIDER.capabilities(model, OpenRouterOptions()), drawing(**wish)) == ()
    assert body(drawing(**wish), model) == {"model": model, "prompt": "a lighthouse at dusk"}


@pytest.mark.parametrize(
    ("model", "request_", "lacking"),
    [
        (GEMINI, drawing(n=2), "n=2: at most 1 in one call"),
        (GEMINI, drawing(seed=7), "seed: it takes none"),
        (GEMINI, drawing(output_format="svg"), "output_format 'svg': it takes none"),
        (GEMINI, drawing(parameters={"resolution": "1k"}), "parameter 'resolution': '1k' is none of 512, 1K, 2K, 4K"),
        (GEMINI, drawing(parameters={"provider": "google"}), "parameter 'provider': 'google' is no mapping"),
        (GEMINI, editing(mask=png()), "mask: it takes none"),
        ("openai/gpt-5-image", drawing(size=Size(1024, 1024)), "size 1024x1024: it draws no size on demand"),
        ("openai/gpt-image-2", drawing(background="transparent"), "background 'transparent': it knows opaque"),
        ("recraft/recraft-v4-vector", drawing(output_format="png"), "output_format 'png': it knows svg"),
        ("sourceful/riverflow-v2.5-fast", drawing(output_format="svg"), "output_format 'svg': it knows jpeg"),
        (NEW, drawing(style="vivid"), "style 'vivid': it takes none"),
    ],
)
def test_what_a_model_lacks_is_said(model: str, request_: ImageRequest, lacking: str) -> None:
    assert lacks(PROVIDER.capabilities(model, OpenRouterOptions()), request_, request_.n) == (lacking,)


def test_a_variant_can_do_what_its_model_can() -> None:
    options = OpenRouterOptions()

    assert PROVIDER.capabilities(f"{GEMINI}:nitro", options) == PROVIDER.capabilities(GEMINI, options)


def test_an_edit_brings_all_its_pictures_as_references_in_their_order() -> None:
    jpeg = InputImage(b"\xff\xd8\xff", "image/jpeg", "b.jpg")

    assert body(editing(png(), jpeg)) == {
        "model": GEMINI,
        "prompt": "add a red hat",
        "input_references": [
            {"type": "image_url", "image_url": {"url": data_url(png())}},
            {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9j/"}},
        ],
    }


# --- what the chat route is sent ---------------------------------------------------------------------------------


def test_by_chat_a_picture_is_asked_for_in_a_message() -> None:
    request = drawing(size=Size(1264, 848), user="u1", parameters={"provider": {"sort": "price"}})

    assert sent(PROVIDER.generate(request, target(route="chat"))) == Send(
        Purpose.SUBMIT,
        "POST",
        "https://openrouter.ai/api/v1/chat/completions",
        {},
        json={
            "model": GEMINI,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "a lighthouse at dusk"}]}],
            "modalities": ["image", "text"],
            "image_config": {"aspect_ratio": "3:2", "image_size": "1K"},
            "user": "u1",
            "provider": {"sort": "price"},
        },
    )


def test_by_chat_an_edit_brings_its_pictures_in_the_message() -> None:
    content = body(editing(png(), png()), route="chat")["messages"][0]["content"]

    assert [part["type"] for part in content] == ["text", "image_url", "image_url"]
    assert content[1]["image_url"] == {"url": data_url(png())}


@pytest.mark.parametrize(
    ("model", "options", "modalities"),
    [
        ("google/gemini-3-pro-image", {}, ["image", "text"]),
        ("openai/gpt-5-image", {}, ["image", "text"]),
        ("openai/gpt-image-2", {}, ["image"]),
        (NEW, {}, ["image"]),
        (NEW, {"modalities": ["text", "image"]}, ["text", "image"]),
    ],
)
def test_a_model_is_asked_for_what_it_is_known_to_bring(
    model: str, options: dict[str, Any], modalities: list[str]
) -> None:
    assert body(drawing(), model, route="chat", **options)["modalities"] == modalities


def test_by_chat_what_is_about_the_picture_stands_in_its_own_field() -> None:
    request = drawing(
        quality="high",
        background="transparent",
        seed=7,
        parameters={"aspect_ratio": "16:9", "resolution": "512", "image_config": {"strength": 0.4}},
    )
    options = OpenRouterOptions(route="chat")

    assert lacks(PROVIDER.capabilities(NEW, options), request) == ()
    said = body(request, NEW, route="chat")
    assert said["seed"] == 7
    assert said["image_config"] == {
        "quality": "high",
        "background": "transparent",
        "aspect_ratio": "16:9",
        "image_size": "0.5K",
        "strength": 0.4,
    }


@pytest.mark.parametrize(
    ("wish", "lacking"),
    [
        ({"n": 2}, "n=2: at most 1 in one call"),
        ({"output_format": "png"}, "output_format 'png': it takes none"),
        ({"output_compression": 80}, "output_compression: it takes none"),
    ],
)
def test_by_chat_a_model_can_do_less(wish: dict[str, Any], lacking: str) -> None:
    can = PROVIDER.capabilities(NEW, OpenRouterOptions(route="chat"))

    assert lacks(can, drawing(**wish), wish.get("n", 1)) == (lacking,)


# --- what comes back ---------------------------------------------------------------------------------------------


def test_a_picture_comes_with_its_tokens_and_its_exact_cost() -> None:
    generation = finish(PROVIDER.generate(drawing(), target()), reply("image"))

    (image,) = generation.images
    assert (image.bytes(), image.media_type) == (PIXEL, "image/png")
    assert generation.cost == Decimal("0.0673")
    assert generation.usage == Usage(270, 1120, 1390, {}, {"image_tokens": 1120, "text_tokens": 0})
    assert generation.provider_request_id == "gen-1795250000-abc"


def test_the_cost_is_what_the_answer_says_to_the_last_digit() -> None:
    said = "0.03999999999999999900000001"
    costly = Reply(200, {}, reply("vector").body.replace(b'"cost":0.08', f'"cost":{said}'.encode()))

    with localcontext(prec=3):
        generation = finish(PROVIDER.generate(drawing(), target()), costly)

    assert str(generation.cost) == said


def test_with_a_key_of_ones_own_the_providers_bill_and_the_fee_are_both_paid() -> None:
    with localcontext(prec=2):
        generation = finish(PROVIDER.generate(drawing(), target()), reply("own_key"))

    assert generation.cost == Decimal("0.0441")


@pytest.mark.parametrize("cost", ["null", '"a lot"', "-3", "true", "NaN", "Infinity", "{}"])
def test_an_odd_cost_does_not_lose_the_picture(cost: str) -> None:
    odd = Reply(200, {}, reply("vector").body.replace(b'"cost":0.08', f'"cost":{cost}'.encode()))

    generation = finish(PROVIDER.generate(drawing(), target()), odd)

    assert len(generation.images) == 1
    assert generation.cost is None


def test_a_vector_is_told_by_its_content_and_kept_as_it_is() -> None:
    generation = finish(PROVIDER.generate(drawing(), target()), reply("two_without_type"))

    assert [image.media_type for image in generation.images] == ["image/png", "image/svg+xml"]
    assert generation.images[1].bytes().startswith(b"<svg ")
    assert (generation.usage, generation.cost) == (None, None)


def test_a_picture_behind_an_address_is_fetched_unless_the_address_is_wanted() -> None:
    exchange = PROVIDER.generate(drawing(), target())
    assert sent(exchange, reply("address")) == Send(Purpose.DOWNLOAD, "GET", "https://cdn.example/a.png")
    (wanted,) = finish(PROVIDER.generate(drawing(response_format="url"), target()), reply("address")).images
    (fetched,) = finish(PROVIDER.generate(drawing(), target()), reply("address"), PICTURE).images

    assert wanted == Image(url="https://cdn.example/a.png", media_type="image/png")
    assert (fetched.data, fetched.media_type) == (PIXEL, "image/png")


def test_a_picture_that_cannot_be_fetched_is_billed() -> None:
    gone = ProviderError(Failure(FailureKind.UNUSABLE, "HTTP 500, four times"))

    failure = failed(PROVIDER.generate(drawing(), target()), reply("address"), gone)

    assert (failure.kind, failure.charge) == (FailureKind.UNUSABLE, Charge.BILLED)


def test_by_chat_a_picture_comes_within_the_message() -> None:
    generation = finish(PROVIDER.generate(drawing(), target(route="chat")), reply("chat_image"))

    (image,) = generation.images
    assert (image.b64_json or "").startswith("iVBOR")
    assert (image.bytes(), image.media_type) == (PIXEL, "image/png")
    assert (generation.cost, generation.provider_request_id) == (Decimal("0.134"), "gen-1795250000-abc")


def test_an_answer_without_a_picture_is_unusable_and_costs_what_it_says() -> None:
    empty, cut = refused("nothing"), refused("cut_short")
    words = refused_in_chat("chat_words")

    assert (empty.kind, empty.charge) == (FailureKind.UNUSABLE, Charge.NONE)
    assert (cut.kind, cut.charge) == (FailureKind.UNUSABLE, Charge.BILLED)
    assert (words.kind, words.charge) == (FailureKind.UNUSABLE, Charge.BILLED)
    assert words.message == "the model answered in words, without a picture"
    assert words.provider_request_id == "gen-1795250000-abc"


def test_a_picture_that_was_withheld_is_moderation_and_costs_what_it_says() -> None:
    failure = refused_in_chat("chat_withheld")

    assert (failure.kind, failure.charge) == (FailureKind.CONTENT_REJECTED, Charge.NONE)
    assert failure.message == "no picture: IMAGE_SAFETY"


def test_an_error_within_a_success_is_an_error() -> None:
    failure, chat = refused("error_in_a_success"), refused_in_chat("chat_error")

    assert (failure.kind, failure.charge) == (FailureKind.OVERLOADED, Charge.NONE)
    assert failure.message == "Provider returned error (Seed: upstream connect error)"
    assert (chat.kind, chat.charge, chat.status) == (FailureKind.OVERLOADED, Charge.UNKNOWN, 200)
    assert chat.message.startswith("Provider returned error (Google AI Studio: google/gemini-3-pro-image is temp")


# --- errors ------------------------------------------------------------------------------------------------------

KINDS = {
    "invalid": FailureKind.INVALID,
    "too_large": FailureKind.INVALID,
    "filtered_out": FailureKind.INVALID,
    "refused_upstream": FailureKind.CONTENT_REJECTED,
    "moderated_upstream": FailureKind.CONTENT_REJECTED,
    "flux_moderated": FailureKind.CONTENT_REJECTED,
    "moderated": FailureKind.CONTENT_REJECTED,
    "guardrail": FailureKind.CONTENT_REJECTED,
    "no_key": FailureKind.UNAUTHORISED,
    "unknown_user": FailureKind.UNAUTHORISED,
    "no_permission": FailureKind.UNAUTHORISED,
    "no_credit": FailureKind.OUT_OF_CREDIT,
    "never_bought": FailureKind.OUT_OF_CREDIT,
    "key_limit": FailureKind.OUT_OF_CREDIT,
    "too_dear": FailureKind.OUT_OF_CREDIT,
    "budget": FailureKind.OUT_OF_CREDIT,
    "in_flight": FailureKind.RATE_LIMITED,
    "free_a_minute": FailureKind.RATE_LIMITED,
    "throttled": FailureKind.RATE_LIMITED,
    "no_endpoints": FailureKind.NOT_FOUND,
    "wrong_modalities": FailureKind.NOT_FOUND,
    "deprecated": FailureKind.NOT_FOUND,
    "no_such_model": FailureKind.NOT_FOUND,
    "full_upstream": FailureKind.OVERLOADED,
    "no_capacity": FailureKind.OVERLOADED,
    "failed_upstream": FailureKind.OVERLOADED,
    "unavailable": FailureKind.OVERLOADED,
    "overloaded": FailureKind.OVERLOADED,
    "server_error": FailureKind.OVERLOADED,
    "cloudflare": FailureKind.OVERLOADED,
    "slow_upstream": FailureKind.TIMEOUT,
    "edge_timeout": FailureKind.TIMEOUT,
}


@pytest.mark.parametrize("name", KINDS)
def test_what_an_error_means(name: str) -> None:
    assert refused(name).kind is KINDS[name]
    assert refused_in_chat(name).kind is KINDS[name]


def test_what_fails_on_the_images_route_costs_nothing_where_openrouter_itself_says_that_it_failed() -> None:
    assert refused("failed_upstream").charge is refused("slow_upstream").charge is Charge.NONE
    assert refused_in_chat("failed_upstream").charge is Charge.UNKNOWN
    assert refused("cloudflare").charge is Charge.UNKNOWN


@pytest.mark.parametrize(
    ("name", "seconds", "unit"),
    [
        ("in_flight", 3, Unit.CONCURRENT),
        ("free_a_minute", 42, Unit.REQUESTS),
        ("throttled", None, None),
        ("full_upstream", 7, None),
        ("no_capacity", 12, None),
        ("unavailable", 5, None),
        ("budget", 3600, None),
    ],
)
def test_how_long_to_stay_away_is_told_in_many_places(name: str, seconds: float | None, unit: Unit | None) -> None:
    failure = refused(name)

    assert (failure.retry_after, failure.unit) == (seconds, unit)


@pytest.mark.parametrize(
    ("name", "message", "code"),
    [
        (
            "moderated",
            'openai/gpt-image-2 requires moderation on OpenAI. Your input was flagged for "violence". '
            "No credits were charged. (violence) (OpenAI)",
            None,
        ),
        ("failed_upstream", "Provider returned error (Google: The model is overloaded.)", "provider_unavailable"),
        ("flux_moderated", "Provider returned error (Black Forest Labs)", None),
        ("overloaded", "Provider returned error (Seed)", None),
        ("deprecated", "openai/gpt-image-1 has been deprecated", "model_deprecated"),
        ("key_limit", "Key limit exceeded (monthly limit). Manage it using https://openrouter.ai/settings/keys",
         "openrouter_key_limit"),
    ],
)  # fmt: skip
def test_a_message_names_who_was_behind_it_and_repeats_no_prompt(name: str, message: str, code: str | None) -> None:
    failure = refused(name)

    assert (failure.message, failure.code) == (message, code)
    assert "a lighthouse" not in failure.message


@pytest.mark.parametrize("odd", [b'{"error":"down"}', b'{"error":{"code":[1],"metadata":7}}', b"[]", b"", b"\xff"])
def test_an_odd_error_is_what_its_status_says(odd: bytes) -> None:
    failure = failed(PROVIDER.generate(drawing(), target()), Reply(429, {}, odd))

    assert failure.kind is FailureKind.RATE_LIMITED


# --- questions ---------------------------------------------------------------------------------------------------


def test_asking_tells_what_the_key_may_spend_and_whether_the_model_is_listed() -> None:
    ask = PROVIDER.ask(target())
    assert sent(ask) == Send(Purpose.ASK, "GET", "https://openrouter.ai/api/v1/key")
    assert ask.send(reply("key")) == Send(
        Purpose.ASK, "GET", f"https://openrouter.ai/api/v1/images/models/{GEMINI}/endpoints"
    )

    assert finish(PROVIDER.ask(target()), reply("key"), reply("endpoints")) == (
        f"the key may spend $74.50 more of $100.00; {GEMINI} is listed"
    )
    assert finish(PROVIDER.ask(target(NEW, route="chat")), reply("key_without_limit"), reply("no_endpoints")) == (
        f"the key has no limit of its own and has spent $25.50; {NEW} is not in the list of the chat route"
    )


def test_asking_with_a_wrong_key_fails() -> None:
    assert failed(PROVIDER.ask(target()), reply("unknown_user")).kind is FailureKind.UNAUTHORISED
