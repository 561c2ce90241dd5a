"""What callers ask of a router and what they get, from plain requests to filters and fallbacks."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image as Picture

from pixelrelay import (
    IncompleteError,
    InvalidRequestError,
    QuotaExceededError,
    UnknownModelError,
    UnservableRequestError,
)
from pixelrelay.testing import FORBIDDEN, EmulatedDeployment, Fault, FaultKind, Fleet
from tests.emulator.scenes import half_transparent, png
from tests.router.scenes import SMALL, ask, bfl, billed, called, foundry, groups, openai, router_of

pytestmark = pytest.mark.anyio

LARGE = "1024x1024"


def opened(data: bytes) -> Picture.Image:
    return Picture.open(BytesIO(data))


# --- results -----------------------------------------------------------------------------------------------------


async def test_a_picture_comes_in_the_shape_of_openais_answers_and_can_be_saved(tmp_path: Path) -> None:
    fleet = Fleet(foundry("east"))
    result = await router_of(fleet).generate("flux", "a lighthouse", size=SMALL, output_format="png")

    (picture,) = result.data
    assert picture.b64_json is not None
    assert base64.b64decode(picture.b64_json) == picture.bytes()
    assert picture.url is None
    assert picture.deployment == "east"
    assert result.created > 1_700_000_000
    saved = picture.save(tmp_path / "lighthouse.png")
    assert opened(saved.read_bytes()).size == (64, 64)


async def test_the_route_tells_how_the_picture_came_to_be() -> None:
    fleet = Fleet(foundry("east"))
    route = (await router_of(fleet).generate("flux", "a lighthouse", size=SMALL)).route

    assert (route.group, route.deployment, route.provider) == ("flux", "east", "azure-foundry")
    assert route.request_id.startswith("pr_")
    assert route.waited == 0
    assert route.duration == pytest.approx(2.0, abs=0.01)
    (attempt,) = route.attempts
    assert attempt.succeeded
    assert (attempt.images, attempt.group) == (1, "flux")
    assert attempt.duration == pytest.approx(2.0, abs=0.01)


async def test_tokens_and_choices_that_a_provider_tells_are_passed_on() -> None:
    fleet = Fleet(openai("openai"))
    result = await router_of(fleet).generate("flux", "a lighthouse", size=LARGE, quality="low", n=2)

    assert result.usage is not None
    assert result.usage.total_tokens == result.usage.input_tokens + result.usage.output_tokens > 0
    assert (result.size, result.quality, result.output_format) == (LARGE, "low", "png")
    assert called(fleet) == {"openai": 1}
    assert billed(fleet) == {"openai": 2}


async def test_where_an_address_is_asked_for_bytes_become_one() -> None:
    fleet = Fleet(foundry("east"))
    result = await router_of(fleet).generate("flux", "a lighthouse", size=SMALL, response_format="url")
    url = result.data[0].url
    assert url is not None
    kind, _, encoded = url.partition(";base64,")
    assert kind == "data:image/png" or kind == "data:image/jpeg"
    assert opened(base64.b64decode(encoded)).size == (64, 64)


async def test_an_address_of_the_providers_own_is_handed_on_and_not_fetched() -> None:
    fleet = Fleet(bfl("bfl"))
    result = await router_of(fleet).generate("flux", "a lighthouse", size=SMALL, response_format="url")
    (picture,) = result.data
    assert picture.url is not None
    assert picture.url.startswith("https://delivery.bfl.")
    assert "download" not in {request.operation for request in fleet.requests}
    with pytest.raises(ValueError, match="response_format"):
        picture.bytes()


# --- edits -------------------------------------------------------------------------------------------------------


async def test_an_edit_goes_to_one_that_can_edit() -> None:
    fleet = Fleet(bfl("draws", "flux-pro-1.1"), bfl("edits", "flux-kontext-pro"))
    result = await router_of(fleet).edit("flux", png((256, 256)), "add a hat")
    assert result.route.deployment == "edits"
    assert fleet.requests[0].operation == "edit"


async def test_a_mask_keeps_what_is_opaque_in_it() -> None:
    fleet = Fleet(bfl("fill", "flux-pro-1.0-fill"))
    original = png((256, 256))
    result = await router_of(fleet).edit("flux", original, "a door", mask=half_transparent((256, 256)))
    picture = opened(result.data[0].bytes()).convert("RGB")
    right = (200, 60)
    assert all(abs(a - b) < 12 for a, b in zip(_pixel(picture, right), _pixel(opened(original), right), strict=True))
    assert picture.size == (256, 256)


def _pixel(picture: Picture.Image, at: tuple[int, int]) -> tuple[int, ...]:
    value = picture.getpixel(at)
    assert isinstance(value, tuple)
    return value


async def test_an_input_image_is_read_from_wherever_it_is(tmp_path: Path) -> None:
    fleet = Fleet(bfl("edits", "flux-kontext-pro"))
    router, data = router_of(fleet), png((256, 256))
    (tmp_path / "hat.png").write_bytes(data)
    for given in (data, tmp_path / "hat.png", str(tmp_path / "hat.png"), BytesIO(data), InMemory.url(data)):
        assert (await router.edit("flux", given, "add a hat")).data


class InMemory:
    @staticmethod
    def url(data: bytes) -> str:
        return f"data:image/png;base64,{base64.b64encode(data).decode()}"


# --- requests that cannot be served ------------------------------------------------------------------------------


async def test_what_nobody_can_do_is_refused_with_what_each_one_lacks_and_nothing_is_sent() -> None:
    fleet = Fleet(foundry("pro"), bfl("old", "flux-pro-1.1"))
    with pytest.raises(UnservableRequestError) as caught:
        await router_of(fleet).edit("flux", png((256, 256)), "a door", mask=half_transparent((256, 256)))
    assert caught.value.lacks.keys() == {"pro", "old"}
    assert caught.value.lacks["pro"] == ("mask: it takes none",)
    assert "cannot edit" in caught.value.lacks["old"]
    assert not fleet.requests


async def test_what_may_be_adapted_is_and_the_route_tells() -> None:
    fleet = Fleet(foundry("kontext", "FLUX.1-Kontext-pro"))
    config = fleet.config("flux", adapt=["size", "quality"])

    async with router_of(fleet, config) as router:
        adapted = (await ask(router, size="1792x1024", quality="high")).result
        plain = (await ask(router, size="1024x1024")).result
        refused = await ask(router, size="1792x1024", seed=7, style="vivid")
        dropped = (await ask(router, size="1024x1024", style="vivid", drop_params=True)).result

    assert adapted is not None
    assert plain is not None
    assert dropped is not None
    assert adapted.route.adaptations == ("size 1792x1024 → 7:4", "quality high left out")
    assert fleet.requests[0].size == (1344, 768)
    assert plain.route.adaptations == ()
    assert isinstance(refused.error, UnservableRequestError)
    assert refused.error.lacks == {"kontext": ("style 'vivid': it takes none",)}
    assert dropped.route.adaptations == ("style vivid left out",)
    assert len(fleet.requests) == 3


async def test_what_a_call_allows_counts_for_that_call_alone() -> None:
    fleet = Fleet(openai("one"))

    async with router_of(fleet) as router:
        allowed = (await ask(router, size="512x512", adapt=["size"])).result
        refused = await ask(router, size="512x512")
        unknown = await ask(router, adapt=["sise"])

    assert allowed is not None
    assert allowed.route.adaptations == ("size 512x512 → 816x816",)
    assert isinstance(refused.error, UnservableRequestError)
    assert isinstance(unknown.error, InvalidRequestError)
    assert "adapt: sise: there are background" in str(unknown.error)


async def test_a_deployments_defaults_and_extras_are_sent_and_the_calls_own_stand_above_them() -> None:
    fleet = Fleet(openai("one"))
    config = fleet.config("flux")
    (written,) = config["models"]["flux"]["deployments"]
    written |= {"defaults": {"quality": "low", "size": "1024x1536"}, "extra_body": {"user": "team"}}

    async with router_of(fleet, config) as router:
        by_default = (await ask(router, size=None)).result
        chosen = (await ask(router, size="1536x1024", quality="high")).result

    assert by_default is not None
    assert chosen is not None
    assert (by_default.size, by_default.quality) == ("1024x1536", "low")
    assert (chosen.size, chosen.quality) == ("1536x1024", "high")


async def test_too_many_references_are_refused_before_anything_is_sent() -> None:
    fleet = Fleet(bfl("kontext", "flux-kontext-pro"))
    with pytest.raises(UnservableRequestError, match="40 input images: at most"):
        await router_of(fleet).edit("flux", [png((64, 64))] * 40, "together")
    assert not fleet.requests


async def test_all_that_is_wrong_with_a_request_is_said_at_once() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await router_of(Fleet(foundry("east"))).generate("flux", " ", n=0, size="large", output_format="bmp")
    assert {problem.path for problem in caught.value.problems} == {"prompt", "n", "size", "output_format"}


async def test_a_group_answers_to_its_other_names_as_to_its_own() -> None:
    fleet = Fleet(foundry("east"))
    router = router_of(fleet, {**groups(fleet, {"flux": ["east"]}), "aliases": {"pictures": "flux", "one": "east"}})

    assert (await router.generate("pictures", "a fox", size="64x64")).route.group == "flux"
    assert (await router.generate("one", "a fox", size="64x64", fallbacks=["pictures"])).route.group == "east"
    with pytest.raises(UnknownModelError, match="did you mean 'pictures'"):
        await router.generate("picture", "a fox")


async def test_a_model_that_is_not_there_is_answered_with_the_closest_that_is() -> None:
    with pytest.raises(UnknownModelError, match="did you mean 'flux'"):
        await router_of(Fleet(foundry("east"))).generate("flix", "a lighthouse")


# --- several pictures --------------------------------------------------------------------------------------------


async def test_several_pictures_are_spread_and_each_names_who_drew_it() -> None:
    fleet = Fleet(foundry("east", requests_per_minute=12), foundry("west", requests_per_minute=12))
    outcome = await ask(router_of(fleet), n=4)
    assert outcome.result is not None
    assert sorted(picture.deployment for picture in outcome.result.data) == ["east", "east", "west", "west"]
    assert billed(fleet) == {"east": 2, "west": 2}
    assert outcome.seconds == pytest.approx(2.0, abs=0.1)


async def test_each_of_several_calls_has_a_seed_of_its_own() -> None:
    result = (await ask(router_of(Fleet(bfl("one"))), n=3, seed=7)).result

    assert result is not None
    assert sorted(image.seed or 0 for image in result.data) == [7, 8, 9]


async def test_seeds_count_down_where_nobody_takes_higher_ones() -> None:
    fleet, highest = Fleet(EmulatedDeployment("one", "stability", "core", latency=2.0)), 4_294_967_294

    result = (await ask(router_of(fleet), n=3, size=None, seed=highest - 1)).result

    assert result is not None
    assert sorted(highest - (image.seed or 0) for image in result.data) == [1, 2, 3]


async def test_several_calls_within_the_group_are_preferred_to_one_call_to_a_fallback() -> None:
    fleet = Fleet(foundry("east"), openai("spare"))
    config = groups(fleet, {"flux": ["east"], "second": ["spare"]}, flux={"fallbacks": ["second"]})
    outcome = await ask(router_of(fleet, config), n=2, size=LARGE)
    assert outcome.result is not None
    assert called(fleet) == {"east": 2}


async def test_of_several_pictures_those_that_came_are_kept_and_only_the_others_asked_again() -> None:
    fleet = Fleet(foundry("east", faults=(Fault(FaultKind.UNAVAILABLE, requests=(2,)),)))
    outcome = await ask(router_of(fleet), n=3)
    assert outcome.result is not None
    assert len(outcome.result.data) == 3
    assert billed(fleet) == {"east": 3}
    assert called(fleet) == {"east": 4}


async def test_what_could_be_drawn_comes_with_the_error_that_says_what_is_missing() -> None:
    fleet = Fleet(foundry("east", faults=(Fault(FaultKind.NOT_FOUND, requests=(2,)),)))
    outcome = await ask(router_of(fleet), n=3)
    assert isinstance(outcome.error, IncompleteError)
    assert outcome.error.missing == 1
    assert [opened(picture.bytes()).size for picture in outcome.error.delivered] == [(64, 64)] * 2
    assert len(outcome.error.attempts) == 3
    assert billed(fleet) == {"east": 2}


async def test_where_none_of_several_could_be_drawn_the_error_tells_of_all_attempts() -> None:
    fleet = Fleet(foundry("east", faults=(Fault(FaultKind.NOT_FOUND),)))
    outcome = await ask(router_of(fleet), n=3)
    assert outcome.tried == "east east east"


async def test_more_pictures_than_a_quota_ever_holds_are_drawn_one_by_one_as_it_refills() -> None:
    fleet = Fleet(openai("openai", images_per_minute=2))
    outcome = await ask(router_of(fleet), n=3, size=LARGE, quality="low")
    assert outcome.result is not None, outcome.error
    assert len(outcome.result.data) == 3
    assert fleet.billed["openai"].rejected == 0
    assert 60 < outcome.seconds < 65


# --- filters -----------------------------------------------------------------------------------------------------


async def test_tags_and_region_narrow_the_choice() -> None:
    fleet = Fleet(foundry("east"), foundry("west"), foundry("north"))
    config = fleet.config("flux")
    for entry, region, tags in zip(
        config["models"]["flux"]["deployments"], ("us", "us", "eu"), (["fast"], [], ["fast"]), strict=True
    ):
        entry |= {"region": region, "tags": tags}
    router = router_of(fleet, config)
    assert (await ask(router, region="us", tags=["fast"])).tried == "east"
    assert (await ask(router, region="eu")).tried == "north"
    with pytest.raises(UnservableRequestError, match="east: has no tag 'cheap'"):
        await router.generate("flux", "a lighthouse", tags=["cheap"])


async def test_a_call_may_bring_its_own_strategy() -> None:
    fleet = Fleet(foundry("east"), foundry("west"))
    config = fleet.config("flux")
    config["models"]["flux"]["deployments"][0]["order"] = 2
    router = router_of(fleet, config)
    assert {(await ask(router, strategy="ordered")).tried for _ in range(8)} == {"west"}
    with pytest.raises(InvalidRequestError, match="strategy"):
        await router.generate("flux", "a lighthouse", strategy="quickest")  # type: ignore[arg-type]  # as from a file


async def test_a_deployment_may_be_asked_by_its_name() -> None:
    fleet = Fleet(foundry("east"), foundry("west"))
    assert {(await ask(router_of(fleet), "west")).tried for _ in range(4)} == {"west"}


# --- fallbacks ---------------------------------------------------------------------------------------------------


def three_groups() -> Fleet:
    return Fleet(foundry("gone", faults=(Fault(FaultKind.NOT_FOUND),)), foundry("spare"), foundry("other"))


def with_fallbacks(fleet: Fleet, **settings: object) -> dict[str, object]:
    written = {"flux": ["gone"], "second": ["spare"], "third": ["other"]}
    return groups(fleet, written, flux={"fallbacks": ["second"], **settings})


async def test_the_fallback_that_served_is_named_in_the_route() -> None:
    fleet = three_groups()
    outcome = await ask(router_of(fleet, with_fallbacks(fleet)))
    assert outcome.result is not None
    assert outcome.tried == "gone spare"
    assert outcome.result.route.fallbacks == ("second",)
    assert outcome.result.route.deployment == outcome.result.data[0].deployment == "spare"


async def test_a_call_may_bring_its_own_fallbacks_or_none() -> None:
    fleet = three_groups()
    router = router_of(fleet, with_fallbacks(fleet))
    assert (await ask(router, fallbacks=["third"])).tried.endswith("other")
    assert "spare" not in (await ask(router, disable_fallbacks=True)).tried
    with pytest.raises(UnknownModelError):
        await router.generate("flux", "a lighthouse", fallbacks=["nowhere"])


async def test_a_fallback_may_be_a_single_deployment() -> None:
    fleet = Fleet(foundry("gone", faults=(Fault(FaultKind.NOT_FOUND),)), foundry("a"), foundry("b"))
    config = groups(fleet, {"flux": ["gone"], "second": ["a", "b"]}, flux={"fallbacks": ["b"]})
    assert {(await ask(router_of(fleet, config))).tried for _ in range(4)} <= {"gone b", "b"}


async def test_fallbacks_of_fallbacks_are_followed_and_circles_end() -> None:
    fleet = Fleet(*(foundry(name, faults=(Fault(FaultKind.NOT_FOUND),)) for name in ("a", "b", "c")))
    config = groups(
        fleet,
        {"flux": ["a"], "second": ["b"], "third": ["c"]},
        flux={"fallbacks": ["second"]},
        second={"fallbacks": ["third", "flux"]},
        third={"fallbacks": ["flux"]},
    )
    assert (await ask(router_of(fleet, config))).tried == "a b c"


async def test_moderation_goes_only_where_it_was_sent() -> None:
    fleet = Fleet(foundry("strict", faults=(Fault(FaultKind.MODERATED_INPUT),)), foundry("spare"), foundry("lenient"))
    written = {"flux": ["strict"], "second": ["spare"], "open": ["lenient"]}
    elsewhere = groups(fleet, written, flux={"fallbacks": ["second"], "content_rejected_fallbacks": ["open"]})
    router = router_of(fleet, elsewhere)

    outcome = await ask(router)

    assert outcome.result is not None
    assert outcome.tried == "strict lenient"
    assert outcome.result.route.fallbacks == ("open",)
    assert (await ask(router, disable_fallbacks=True)).tried == "strict"
    assert (await ask(router, prompt=f"something {FORBIDDEN}")).tried == "strict lenient"
    assert router.state("strict").cooling == 0


async def test_a_full_group_that_has_no_fallback_says_when_it_has_room() -> None:
    fleet = Fleet(foundry("east", requests_per_minute=1))
    router = router_of(fleet)
    await ask(router)
    outcome = await ask(router, timeout=30)
    assert isinstance(outcome.error, QuotaExceededError)
    assert outcome.seconds == 0
    assert outcome.retry_after == pytest.approx(60.3 - 2.0, abs=0.01)
