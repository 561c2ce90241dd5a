"""Who may serve a request, in which order: promises that hold for every configuration and every request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelrelay import Router
from pixelrelay.config import load, resolve
from pixelrelay.images import ImageRequest, InputImage, Operation, Size
from pixelrelay.providers.adapting import Manner
from pixelrelay.providers.capabilities import lacks
from pixelrelay.router.candidates import Candidate, Candidates
from pixelrelay.router.plan import Leg, Plan
from pixelrelay.router.strategies import LOOKED_AT, STRATEGIES, StrategyName
from tests.cost.calls import priced
from tests.router.plans import LIGHTHOUSE, candidate

MODELS: Sequence[Mapping[str, str]] = (
    {"provider": "black-forest-labs", "model": "flux-2-pro"},
    {"provider": "black-forest-labs", "model": "flux-kontext-pro"},
    {"provider": "black-forest-labs", "model": "flux-pro-1.1"},
    {"provider": "black-forest-labs", "model": "flux-pro-1.0-fill"},
    {"provider": "openai", "model": "gpt-image-2"},
)
REGIONS, TAGS = ("us", "eu"), ("fast", "cheap")
PICTURE = InputImage(b"", "image/png", "picture.png", Size(1024, 1024))


def a_configuration(rng: Random) -> dict[str, Any]:
    """Up to four groups that fall back on each other, and on single deployments, in any direction."""
    models: dict[str, Any] = {}
    for group in (f"group-{index}" for index in range(rng.randint(1, 4))):
        models[group] = {"deployments": [_entry(rng, f"{group}-{index}") for index in range(rng.randint(1, 4))]}
    for name, written in models.items():
        groups = [group for group in models if group != name]
        others = [*groups, *(entry["name"] for group in groups for entry in models[group]["deployments"])]
        written["fallbacks"] = rng.sample(others, k=min(len(others), rng.randint(0, 3)))
        written["content_rejected_fallbacks"] = rng.sample(others, k=min(len(others), rng.randint(0, 2)))
    return {"models": models}


def _entry(rng: Random, name: str) -> dict[str, Any]:
    labels = {"region": rng.choice(REGIONS), "tags": rng.sample(TAGS, k=rng.randint(0, 2))}
    return {**rng.choice(MODELS), **labels, "name": name, "api_key": "a-key"}


def a_request(rng: Random) -> ImageRequest:
    if rng.random() < 0.3:
        images, mask = (PICTURE,) * rng.randint(1, 3), rng.choice([None, PICTURE])
        return ImageRequest(Operation.EDIT, "add a hat", images=images, mask=mask)
    return ImageRequest(
        Operation.GENERATE,
        "a lighthouse",
        n=rng.choice([1, 1, 2, 10]),
        size=rng.choice([None, Size(1024, 1024), Size(1440, 1440), Size(64, 64), Size(1024, 1536)]),
        seed=rng.choice([None, None, 7]),
    )


@dataclass(frozen=True, slots=True)
class Planned:
    """A configuration, a request, what was wished for, and the plan that came of it."""

    router: Router
    config: Mapping[str, Any]
    request: ImageRequest
    plan: Plan
    tags: frozenset[str]
    region: str | None

    def fits(self, candidate: Candidate) -> bool:
        deployment = candidate.deployment
        can = not lacks(deployment.capabilities, self.request, self.request.n)
        return can and self.tags <= deployment.tags and self.region in {None, deployment.region}

    @property
    def legs(self) -> tuple[Leg, ...]:
        return (*self.plan.legs, *self.plan.moderated)


@cache
def planned(seed: int) -> Planned:
    rng = Random(seed)
    config, request = a_configuration(rng), a_request(rng)
    router = Router(config)
    tags, region = rng.choice([(), (), ("fast",), TAGS]), rng.choice([None, None, *REGIONS])
    plan = router.plan("group-0", request, tags=tags, region=region)
    return Planned(router, config, request, plan, frozenset(tags), region)


# Reading a configuration takes milliseconds, so the tests look at the same ones.
A_HUNDRED = settings(max_examples=100, deadline=None)
plans = st.integers(0, 249).map(planned)


@A_HUNDRED
@given(plans)
def test_everybody_in_a_plan_can_do_what_is_asked(made: Planned) -> None:
    assert all(made.fits(candidate) for leg in made.legs for candidate in leg.candidates)


@A_HUNDRED
@given(plans)
def test_everybody_of_the_group_who_can_do_what_is_asked_is_in_its_leg(made: Planned) -> None:
    of_the_group = made.router.groups["group-0"].candidates
    fit = [candidate.name for candidate in of_the_group if made.fits(candidate)]
    first = made.plan.legs[0] if made.plan.legs else None
    assert sorted(fit) == (sorted(c.name for c in first.candidates) if first and first.name == "group-0" else [])


@A_HUNDRED
@given(plans)
def test_who_is_left_out_is_named_with_what_he_lacks(made: Planned) -> None:
    of_the_group = {candidate.name: candidate for candidate in made.router.groups["group-0"].candidates}
    chosen = {candidate.name for leg in made.plan.legs for candidate in leg.candidates}
    assert of_the_group.keys() <= chosen | made.plan.unfit.keys()
    assert not chosen & made.plan.unfit.keys()
    assert all(made.plan.unfit.values())


@A_HUNDRED
@given(plans)
def test_nobody_stands_in_two_legs(made: Planned) -> None:
    for legs in (made.plan.legs, made.plan.moderated):
        names = Counter(candidate.name for leg in legs for candidate in leg.candidates)
        assert set(names.values()) <= {1}
        assert len({leg.name for leg in legs}) == len(legs)


@A_HUNDRED
@given(plans)
def test_groups_that_fall_back_on_each_other_are_each_visited_once_in_order(made: Planned) -> None:
    written: dict[str, Any] = made.config["models"]
    expected, waiting = ["group-0"], list(written["group-0"]["fallbacks"])
    while waiting:
        name = waiting.pop(0)
        if name not in expected:
            expected.append(name)
            waiting += written[name]["fallbacks"] if name in written else []
    names = [leg.name for leg in made.plan.legs]
    assert names == [name for name in expected if name in names]


@A_HUNDRED
@given(plans)
def test_moderation_leads_only_to_those_named_for_it(made: Planned) -> None:
    named = made.config["models"]["group-0"]["content_rejected_fallbacks"]
    assert [leg.name for leg in made.plan.moderated] == [
        name for name in named if name in {leg.name for leg in made.plan.moderated}
    ]


# --- strategies --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """What a store would say of the deployments; it knows nothing of those that are left out."""

    under_way: Mapping[str, int] = field(default_factory=dict)
    used: Mapping[str, float] = field(default_factory=dict)

    def in_flight(self, deployment: str) -> int:
        return self.under_way.get(deployment, 0)

    def utilisation(self, deployment: str) -> float:
        return self.used.get(deployment, 0.0)


def ordered_by(
    strategy: StrategyName, candidates: Sequence[Candidate], seen: Seen | None = None, seed: int = 0
) -> list[str]:
    return [c.name for c in STRATEGIES[strategy](Candidates(candidates), LIGHTHOUSE, seen or Seen(), Random(seed))]


def leaders(
    strategy: StrategyName, candidates: Sequence[Candidate], seen: Seen | None = None, draws: int = 4000
) -> Counter[str]:
    """Who comes first, over many draws."""
    rng = Random(7)
    first = (
        next(iter(STRATEGIES[strategy](Candidates(candidates), LIGHTHOUSE, seen or Seen(), rng))).name
        for _ in range(draws)
    )
    return Counter(first)


counts = st.lists(st.integers(0, 30), min_size=2, max_size=40)


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(st.integers(1, 40), st.integers(0, 2**20))
def test_a_strategy_leaves_nobody_out(strategy: StrategyName, size: int, seed: int) -> None:
    candidates = [candidate(f"d{index}") for index in range(size)]
    assert sorted(ordered_by(strategy, candidates, seed=seed)) == sorted(c.name for c in candidates)


@given(counts, st.integers(0, 2**20))
def test_least_busy_never_leads_with_the_busiest(loads: list[int], seed: int) -> None:
    candidates = [candidate(f"d{index}") for index in range(len(loads))]
    seen = Seen({f"d{index}": load for index, load in enumerate(loads)})
    first = ordered_by("least-busy", candidates, seen, seed)[0]
    if loads.count(max(loads)) == 1:
        assert seen.in_flight(first) < max(loads)


def test_least_busy_is_relative_to_what_a_deployment_can_bear() -> None:
    small, large = candidate("small", quotas=()), candidate("large")
    small.capacity, large.capacity = 1.0, 20.0
    assert ordered_by("least-busy", [small, large], Seen({"small": 1, "large": 10})) == ["large", "small"]


def test_least_busy_spreads_over_those_that_are_alike() -> None:
    led = leaders("least-busy", [candidate(f"d{index}") for index in range(4)])
    assert all(led[name] == pytest.approx(1000, rel=0.15) for name in ("d0", "d1", "d2", "d3"))


def test_usage_leads_with_the_lowest_share_used() -> None:
    candidates = [candidate(name) for name in ("a", "b", "c")]
    assert ordered_by("usage", candidates, Seen(used={"a": 0.5, "b": 0.1, "c": 0.9})) == ["b", "a", "c"]


def test_among_a_thousand_usage_leads_with_one_that_is_little_used() -> None:
    candidates = [candidate(f"d{index}") for index in range(1000)]
    seen = Seen(used={f"d{index}": index / 1000 for index in range(1000)})
    led = leaders("usage", candidates, seen, draws=300)
    average = sum(seen.utilisation(name) * times for name, times in led.items()) / 300
    assert average == pytest.approx(1 / (LOOKED_AT + 1), rel=0.3)


def test_weights_are_shares() -> None:
    candidates = [candidate("one", weight=1.0), candidate("three", weight=3.0), candidate("six", weight=6.0)]
    led = leaders("weighted", candidates)
    assert led["one"] == pytest.approx(400, rel=0.15)
    assert led["three"] == pytest.approx(1200, rel=0.1)
    assert led["six"] == pytest.approx(2400, rel=0.1)


def test_ordered_goes_tier_by_tier_and_least_busy_within_one() -> None:
    candidates = [
        candidate("reserve", order=2),
        candidate("busy", order=1),
        candidate("idle", order=1),
        candidate("first", order=0),
    ]
    assert ordered_by("ordered", candidates, Seen({"busy": 3, "first": 9})) == ["first", "idle", "busy", "reserve"]


def test_cost_goes_by_the_price_of_this_request_and_unknown_prices_come_last() -> None:
    by_picture = candidate("by-picture", price=priced(image="0.04"))
    by_size = candidate("by-size", price=priced(megapixel="0.05"))
    unknown, free = candidate("unknown"), candidate("free", price=priced(image=0))
    candidates = [unknown, by_picture, by_size, free]
    assert ordered_by("cost", candidates) == ["free", "by-size", "by-picture", "unknown"]
    large = ImageRequest(Operation.GENERATE, "a lighthouse", size=Size(1440, 1440))
    assert [c.name for c in STRATEGIES["cost"](Candidates(candidates), large, Seen(), Random(0))][1:3] == [
        "by-picture",
        "by-size",
    ]


def test_cost_goes_by_what_this_very_request_asks_as_each_is_asked_it() -> None:
    by_quality = candidate("by-quality", price=priced(image={"by": "quality", "low": "0.01", "high": "0.20"}))
    by_input = candidate("by-input", price=priced(megapixel={"extra": "0.03", "input": "0.03"}))
    candidates = [by_quality, by_input]

    def led(**wish: Any) -> str:
        request = replace(LIGHTHOUSE, size=Size(1000, 1000), **wish)
        return next(iter(STRATEGIES["cost"](Candidates(candidates), request, Seen(), Random(0)))).name

    assert led(quality="low") == "by-quality"
    assert led(quality="high") == led() == "by-input"
    assert led(quality="high", operation=Operation.EDIT, images=(PICTURE,) * 10) == "by-quality"
    cheap = candidate(
        "cheap",
        price=by_quality.deployment.price,
        manner=Manner(defaults={"quality": "low"}),
        capabilities=by_quality.deployment.capabilities.model_copy(update={"qualities": frozenset({"low"})}),
    )
    candidates.append(cheap)
    assert led() == "cheap"


def test_among_a_thousand_what_costs_alike_is_reckoned_once() -> None:
    shared = priced(image={"by": "quality", "low": "0.01", "high": "0.20"})
    config = {"models": {"g": {"strategy": "cost", "deployments": [_priced(f"d{n}") for n in range(1000)]}}}
    deployments = resolve(load(config))["g"]
    assert len({Candidate(deployment).pricing for deployment in deployments}) == 2
    assert shared in {deployment.price for deployment in deployments}


def _priced(name: str) -> dict[str, Any]:
    own = {"price": {"image": {"by": "quality", "low": 0.01, "high": 0.2}}} if name.endswith("7") else {}
    return {"name": name, "provider": "openai", "model": "gpt-image-2", "api_key": "a-key", **own}


def test_latency_goes_by_how_long_a_size_takes_there_and_how_busy_it_is() -> None:
    quick, slow = candidate("quick"), candidate("slow")
    quick.latency.completed(4.0, LIGHTHOUSE.size, 1)
    slow.latency.completed(10.0, LIGHTHOUSE.size, 1)
    assert ordered_by("latency", [slow, quick]) == ["quick", "slow"]
    assert ordered_by("latency", [slow, quick], Seen({"quick": 10})) == ["slow", "quick"]


def test_one_that_nobody_knows_is_explored_by_one_request_at_a_time() -> None:
    known, unknown = candidate("known"), candidate("unknown")
    known.latency.completed(4.0, LIGHTHOUSE.size, 1)
    assert ordered_by("latency", [known, unknown])[0] == "unknown"
    assert ordered_by("latency", [known, unknown], Seen({"unknown": 1, "known": 9}))[0] == "known"


def test_a_slow_answer_counts_at_once_and_is_forgotten_by_quick_ones() -> None:
    troubled, steady = candidate("troubled"), candidate("steady")
    for _ in range(10):
        troubled.latency.completed(4.0, LIGHTHOUSE.size, 1)
        steady.latency.completed(6.0, LIGHTHOUSE.size, 1)
    troubled.latency.completed(40.0, LIGHTHOUSE.size, 1)
    assert ordered_by("latency", [troubled, steady])[0] == "steady"
    for _ in range(25):
        troubled.latency.completed(4.0, LIGHTHOUSE.size, 1)
    assert ordered_by("latency", [troubled, steady])[0] == "troubled"


@given(st.integers(1, 10))
def test_several_pictures_in_a_call_are_not_taken_for_slowness(images: int) -> None:
    alone, several = candidate("alone").latency, candidate("several").latency
    alone.completed(4.0, LIGHTHOUSE.size, 1)
    several.completed(4.0 * (1 + 0.5 * (images - 1)), LIGHTHOUSE.size, images)
    assert several.expected(LIGHTHOUSE.size) == pytest.approx(alone.expected(LIGHTHOUSE.size))
