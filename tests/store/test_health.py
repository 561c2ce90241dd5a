"""When a deployment counts as ill, how long it is left alone, and who finds out whether it is well."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pixelrelay.quotas import Claim, Quota, Unit
from pixelrelay.store.base import Full, Offer, Probation, Report, Reservation, Verdict
from pixelrelay.store.health import Health, HealthPolicy
from pixelrelay.store.memory import MemoryStore
from tests.store.providers import at_once

POLICY = HealthPolicy()
LETTERS = {"w": Verdict.WELL, "i": Verdict.ILL, "s": Verdict.SILENT}


def after(outcomes: str, health: Health | None = None) -> Health:
    """The health after outcomes at moment 0, a letter each, of requests that were no probes."""
    health = health or Health()
    for letter in outcomes:
        health = health.judged(LETTERS[letter], "any", 0.0, POLICY, spread=1.0)
    return health


def probed(health: Health, verdict: Verdict, now: float) -> Health:
    assert health.is_open(now)
    return Health(health.outcomes, health.relapses, health.ill_until, health.told_until, probe="probe").judged(
        verdict, "probe", now, POLICY, spread=1.0
    )


@pytest.mark.parametrize(
    ("outcomes", "ill"),
    [
        ("", False),
        ("ii", False),
        ("iii", True),
        ("iwii", False),
        ("iwiii", True),
        ("isii", True),
        ("iwiwiwiw", False),
        ("iwiwiwiwi", True),
        ("iwwiwwiwwiwwi", False),
        ("iiwiiw", False),
        ("iiwiiwi", True),
        ("sssssssss", False),
    ],
)
def test_three_failures_in_a_row_or_five_of_the_last_ten_make_ill(outcomes: str, ill: bool) -> None:
    health = after(outcomes)
    assert (health.ill_until is not None) is ill
    assert health.is_open(0.0) is not ill


def test_each_relapse_doubles_the_cooldown_up_to_its_cap() -> None:
    health, lengths, now = after("iii"), [], 0.0
    for _ in range(8):
        assert health.ill_until is not None
        lengths.append(health.ill_until - now)
        now = health.ill_until
        health = probed(health, Verdict.ILL, now)
    assert lengths == pytest.approx([30, 60, 120, 240, 480, 600, 600, 600])


@pytest.mark.parametrize(("successes", "cooldown"), [(0, 60), (4, 60), (5, 30)])
def test_after_five_successes_an_illness_is_a_first_one_again(successes: int, cooldown: float) -> None:
    ill = after("iii")
    # The probe that ends an illness is the first of its successes.
    well = after("w" * (successes - 1), probed(ill, Verdict.WELL, 30.0)) if successes else probed(ill, Verdict.WELL, 30)
    assert after("iii", well).ill_until == pytest.approx(cooldown)


def test_what_was_sent_before_the_cooldown_began_changes_nothing_any_more() -> None:
    ill = after("iii")
    assert after("wwwwwii", ill) == ill


def test_a_probe_that_says_nothing_leaves_the_next_to_find_out() -> None:
    silent = probed(after("iii"), Verdict.SILENT, 30.0)
    assert silent.probe is None
    assert silent.is_open(30.0)
    assert silent.ill_until == 30.0


def told(health: Health, now: float, seconds: float, *, grows: bool = False, by: str = "any") -> Health:
    return health.told(by, now, seconds, POLICY, grows=grows)


def test_a_time_that_was_named_is_obeyed_and_a_probe_follows() -> None:
    health = told(Health(), 0.0, 45.0)
    assert not health.is_open(44.9)
    assert health.probation(44.9) is Probation.COOLING
    assert health.is_open(45.0)
    assert health.probation(45.0) is Probation.PROBING


def test_a_longer_cooldown_that_runs_already_stays_whoever_began_it() -> None:
    assert told(told(Health(), 0.0, 45.0), 1.0, 10.0).free_at(1.0) == 45.0
    assert told(after("iii"), 1.0, 10.0).free_at(1.0) == 30.0
    assert told(after("iii"), 1.0, 50.0).free_at(1.0) == 51.0


def test_a_well_probe_does_not_overrule_a_time_that_was_named_meanwhile() -> None:
    probing = Health((), 1, 30.0, probe="probe")
    well = told(probing, 31.0, 100.0).judged(Verdict.WELL, "probe", 32.0, POLICY, 1.0)
    assert not well.is_open(130.9)
    assert well.is_open(131.0)
    assert well.probation(131.0) is Probation.WELL


def test_a_refused_account_is_left_alone_for_longer_each_time_where_no_time_was_named() -> None:
    health, lengths, now = Health(), [], 0.0
    for _ in range(6):
        health = told(health, now, 60.0, grows=True)
        lengths.append(health.free_at(now) - now)
        now = health.free_at(now)
    assert lengths == [60, 120, 240, 480, 600, 600]


# --- in the store ------------------------------------------------------------------------------------------------


def test_where_all_are_ill_one_at_a_time_is_probed_and_only_by_those_who_may() -> None:
    store = MemoryStore(clock=lambda: 0.0, rng=Random(1))
    offers = [Offer("east"), Offer("west")]
    for offer in offers:
        for _ in range(3):
            held = at_once(store.reserve([offer]))
            assert isinstance(held, Reservation)
            at_once(store.settle(held, Report(Verdict.ILL)))
    assert isinstance(at_once(store.reserve(offers)), Full)
    probe = at_once(store.reserve(offers, panic=True))
    assert isinstance(probe, Reservation)
    assert probe.probe
    assert isinstance(at_once(store.reserve(offers, panic=True)), Full)
    at_once(store.cancel(probe))
    assert isinstance(at_once(store.reserve(offers, panic=True)), Reservation)


def test_a_probe_before_its_time_is_not_begun_where_it_cannot_be_done_in_time() -> None:
    now = 0.0
    store = MemoryStore(clock=lambda: now, rng=Random(1))
    slow, quick = Offer("slow", least=10.0), Offer("quick", least=1.0)
    for offer in (slow, quick):
        for _ in range(3):
            held = at_once(store.reserve([offer]))
            assert isinstance(held, Reservation)
            at_once(store.settle(held, Report(Verdict.ILL)))
        now += 20.0
    assert store.state("slow").cooling < store.state("quick").cooling
    assert isinstance(at_once(store.reserve([slow, quick], panic=True, within=0.9)), Full)
    probe = at_once(store.reserve([slow, quick], panic=True, within=9.0))
    assert isinstance(probe, Reservation)
    assert probe.offer is quick
    at_once(store.cancel(probe))
    probe = at_once(store.reserve([slow, quick], panic=True, within=10.0))
    assert isinstance(probe, Reservation)
    assert probe.offer is slow


class AFleetThatFallsIllAndRecovers(RuleBasedStateMachine):
    """Three deployments, one of them with a quota; a history of outcomes in any order, at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.open: list[Reservation] = []
        self.told = dict.fromkeys(("a", "b", "c"), 0.0)
        self.failures = dict.fromkeys(("a", "b", "c"), 0)

    @initialize(seed=st.integers(min_value=0, max_value=9))
    def start(self, seed: int) -> None:
        self.store = MemoryStore(clock=lambda: self.now, wall=lambda: self.now, rng=Random(seed))
        quota = Quota("c/slots", Unit.CONCURRENT, 3)
        self.offers = [Offer("a"), Offer("b"), Offer("c", (Claim(quota, 1),))]

    @rule(seconds=st.sampled_from((0.5, 5.0, 31.0, 700.0)))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(which=st.permutations((0, 1, 2)), how_many=st.integers(min_value=1, max_value=3), panic=st.booleans())
    def ask(self, which: list[int], how_many: int, panic: bool) -> None:
        offers = [self.offers[index] for index in which[:how_many]]
        before = {offer.deployment: self.store.state(offer.deployment) for offer in offers}
        got = at_once(self.store.reserve(offers, panic=panic))
        if isinstance(got, Full):
            return
        assert isinstance(got, Reservation)
        name = got.offer.deployment
        assert self.told[name] <= self.now, "a time that was named is obeyed, whatever else"
        assert got.probe is (before[name].probation is not Probation.WELL)
        if before[name].cooling > 0:
            assert panic
            assert all(state.probation is not Probation.WELL for state in before.values())
            assert not any(held.probe and held.offer.deployment in before for held in self.open), "one at a time"
        self.open.append(got)

    @precondition(lambda self: self.open)
    @rule(
        index=st.integers(min_value=0, max_value=50),
        verdict=st.sampled_from(Verdict),
        named=st.sampled_from((0.0, 0.0, 20.0, 200.0)),
    )
    def one_ends(self, index: int, verdict: Verdict, named: float) -> None:
        held = self.open.pop(index % len(self.open))
        named = named if verdict is Verdict.ILL else 0.0
        name = held.offer.deployment
        at_once(self.store.settle(held, Report(verdict, cooldown=named)))
        if named:
            self.told[name] = max(self.told[name], self.now + named)
        state = self.store.state(name)
        if held.probe and verdict is Verdict.ILL:
            assert state.probation is Probation.COOLING
        if held.probe and verdict is Verdict.WELL and self.told[name] <= self.now:
            assert state.probation is Probation.WELL
        at_once(self.store.settle(held, Report(Verdict.ILL, cooldown=1e6)))
        assert self.store.state(name) == state, "settling again changes nothing"

    @precondition(lambda self: self.open)
    @rule(index=st.integers(min_value=0, max_value=50))
    def one_leaves(self, index: int) -> None:
        held = self.open.pop(index % len(self.open))
        before = self.store.state(held.offer.deployment).cooling
        at_once(self.store.cancel(held))
        assert self.store.state(held.offer.deployment).cooling == before

    @invariant()
    def a_deployment_has_one_probe_at_most(self) -> None:
        probes = [held.offer.deployment for held in self.open if held.probe]
        assert len(probes) == len(set(probes))

    @invariant()
    def the_state_says_what_is_in_flight_and_no_cooldown_is_longer_than_the_longest(self) -> None:
        for name, told_until in self.told.items():
            state = self.store.state(name)
            assert state.in_flight == sum(held.offer.deployment == name for held in self.open)
            assert state.cooling <= max(POLICY.longest * 1.2, told_until - self.now)
            assert state.cooling >= told_until - self.now


TestAFleet = AFleetThatFallsIllAndRecovers.TestCase
TestAFleet.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
