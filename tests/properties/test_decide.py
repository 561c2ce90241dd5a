"""Whatever a plan looks like and whatever goes wrong: an adversary answers each step as badly as it can."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.router.candidates import Candidate
from pixelrelay.router.decide import REBUYS, Ask, Ending, GiveUp, Policy, Story, decide
from pixelrelay.router.plan import Leg, Plan
from pixelrelay.router.reactions import REACTIONS, Again, Elsewhere
from tests.router.plans import candidate, leg, plan_of

THOROUGH = settings(max_examples=1000)
START = 1000.0
PASSING = [FailureKind.CONNECTION, FailureKind.OVERLOADED]
"""What may be tried once more."""
MODELS = ("FLUX.2-pro", "FLUX.2-flex", "FLUX-1.1-pro")


def a_plan(rng: Random) -> Plan:
    """Up to four groups; what moderation sends on to may be among the fallbacks, or elsewhere."""
    legs = [
        leg(
            f"group-{index}",
            *(candidate(f"{index}-{number}", rng.choice(MODELS)) for number in range(rng.choice([1, 1, 2, 4]))),
            patience=rng.choice([0.0, 5.0, 500.0]),
        )
        for index in range(rng.randint(1, 4))
    ]
    cut = rng.randint(1, len(legs))
    return plan_of(*legs[:cut], moderated=legs[rng.randint(1, cut) :])


def a_policy(rng: Random) -> Policy:
    seconds, attempts = rng.choice([300.0, 5.0, 0.3, 0.01]), rng.choice([12, 6, 3, 2, 1])
    return Policy(START + seconds, rng.choice(["rebuy", "fail"]), attempts)


class Adversary:
    """Answers by chance, from few kinds of failure at a time, so that stories grow long."""

    def __init__(self, rng: Random, *, never_full: bool) -> None:
        self._rng = rng
        some = rng.sample(list(FailureKind), k=rng.randint(1, 4))
        self._kinds = rng.choice([some, some, PASSING])
        self._free_of_charge = rng.choice([0.0, 0.6, 1.0])
        self._fullness = 0.0 if never_full else rng.choice([0.0, 0.4, 0.8, 1.0])

    def share(self) -> float:
        return self._rng.choice([0.0, self._rng.random(), 1.0])

    def is_full(self) -> bool:
        return self._rng.random() < self._fullness

    def free_at(self, now: float) -> float | None:
        return self._rng.choice([None, now, now + 400 * self._rng.random()])

    def choose(self, ask: Ask) -> Candidate:
        return self._rng.choice(ask.candidates)

    def failure(self) -> Failure:
        free = self._rng.random() < self._free_of_charge
        charge = Charge.NONE if free else self._rng.choice([Charge.UNKNOWN, Charge.BILLED])
        return Failure(self._rng.choice(self._kinds), "so it said", charge=charge)

    def seconds(self) -> float:
        return self._rng.choice([0.0, 0.5, 20.0])


@dataclass(frozen=True, slots=True)
class Asked:
    """One step that was decided, when, and what the adversary made of it: a failure, or ``None`` for full."""

    ask: Ask
    now: float
    before: Story
    chosen: Candidate | None
    failure: Failure | None


@dataclass(slots=True)
class Game:
    """One request, from its plan to its end."""

    plan: Plan
    policy: Policy
    asked: list[Asked] = field(default_factory=list)
    story: Story = field(init=False)
    end: GiveUp | None = None

    @property
    def attempts(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.chosen is not None]

    @property
    def failures(self) -> Iterator[tuple[Asked, Failure, Sequence[Asked]]]:
        """Each failed attempt, how it failed, and the attempts after it."""
        for index, attempt in enumerate(self.attempts):
            assert attempt.failure is not None
            yield attempt, attempt.failure, self.attempts[index + 1 :]


def games(*, never_full: bool = False) -> st.SearchStrategy[Game]:
    def game(seed: int) -> Game:
        rng = Random(seed)
        return played(Game(a_plan(rng), a_policy(rng)), Adversary(rng, never_full=never_full))

    # Of so many integers each is as likely as any other.
    return st.integers(0, 2**24).map(game)


def played(game: Game, adversary: Adversary) -> Game:
    """The story step by step, until it is given up or should long have been."""
    story, now = Story(game.plan, game.policy), START
    for _ in range((game.policy.max_attempts + 1) * (2 * len(_all_legs(game)) + 1) + 1):
        step = decide(story, now, adversary.share())
        if isinstance(step, GiveUp):
            game.story, game.end = story, step
            return game
        decided, before, now = now, story, max(now, step.not_before)
        now += adversary.share() * max(0.0, min(step.patience, game.policy.deadline - now))
        if adversary.is_full():
            game.asked.append(Asked(step, decided, before, None, None))
            story = story.full(step.leg.name, adversary.free_at(now), final=step.final)
        else:
            chosen, failure = adversary.choose(step), adversary.failure()
            game.asked.append(Asked(step, decided, before, chosen, failure))
            now = max(now, min(now + adversary.seconds(), game.policy.deadline))
            story = story.failed(chosen, step.leg.name, failure, now)
    return game


def budgeted(attempt: Asked) -> bool:
    return REACTIONS[attempt.before.tried[-1].failure.kind].budgeted


@THOROUGH
@given(games())
def test_every_story_ends(game: Game) -> None:
    assert game.end is not None


@THOROUGH
@given(games())
def test_a_full_group_is_asked_at_most_twice_between_two_attempts(game: Game) -> None:
    times = Counter((len(asked.before.tried), asked.ask.leg.name) for asked in game.asked if asked.chosen is None)
    assert max(times.values(), default=0) <= 2


@THOROUGH
@given(games())
def test_nothing_is_planned_past_the_deadline(game: Game) -> None:
    for asked in game.asked:
        assert asked.now < game.policy.deadline
        assert asked.ask.not_before < game.policy.deadline
        assert 0 <= asked.ask.patience <= game.policy.deadline - asked.now


@THOROUGH
@given(games())
def test_there_are_no_more_attempts_than_allowed(game: Game) -> None:
    assert len(game.attempts) <= game.policy.max_attempts


@THOROUGH
@given(games())
def test_what_may_have_been_billed_is_bought_again_no_more_often_than_policy_says(game: Game) -> None:
    paid = [failure for _, failure, _ in game.failures if failure.charge is not Charge.NONE]
    verdicts = [failure for failure in paid if failure.kind is FailureKind.CONTENT_REJECTED]
    # Moderation goes on, where it does, by a policy of its own.
    allowed = 1 + (REBUYS if game.policy.on_ambiguous == "rebuy" else 0)
    assert len(paid) - len(verdicts) <= allowed
    if game.policy.on_ambiguous == "fail":
        for _, failure, later in game.failures:
            if failure.charge is not Charge.NONE and failure.kind is not FailureKind.CONTENT_REJECTED:
                assert not later
                assert game.end == GiveUp(Ending.AMBIGUOUS)


@THOROUGH
@given(games())
def test_nobody_is_tried_twice_while_another_of_the_group_is_untried(game: Game) -> None:
    for attempt in game.attempts:
        tried = [t for t in attempt.before.tried if t.failure.kind is not FailureKind.RATE_LIMITED]
        names = {t.candidate.name for t in tried}
        refused = {t.candidate.model for t in tried if t.failure.kind is FailureKind.INVALID}
        if attempt.ask.candidates[0].name in names:
            offered = next(leg for leg in _all_legs(game) if leg.name == attempt.ask.leg.name).candidates
            assert {c.name for c in offered if c.model not in refused} <= names


@THOROUGH
@given(games())
def test_nobody_is_tried_more_often_than_the_table_says(game: Game) -> None:
    for attempt, failure, later in game.failures:
        again = [other for other in later if other.chosen is attempt.chosen]
        match REACTIONS[failure.kind].again:
            case Again.NEVER:
                assert not again
            case Again.ONCE | Again.LAST:
                assert sum(other.failure is not None and not _was_no_try(other.failure) for other in again) <= 1
            case Again.WHEN_COOL:
                pass


@THOROUGH
@given(games())
def test_after_moderation_only_those_named_for_it_are_asked_and_none_that_refused(game: Game) -> None:
    named = {leg.name for leg in game.plan.moderated}
    for attempt, failure, later in game.failures:
        if failure.kind is FailureKind.CONTENT_REJECTED:
            assert {other.ask.leg.name for other in later} <= named - {attempt.ask.leg.name}


@THOROUGH
@given(games())
def test_after_a_verdict_of_invalid_only_other_models_of_the_group_are_asked(game: Game) -> None:
    for attempt, failure, later in game.failures:
        if failure.kind is FailureKind.INVALID:
            assert all(
                other.chosen and attempt.chosen and other.chosen.model != attempt.chosen.model for other in later
            )
            until = [REACTIONS[o.failure.kind].elsewhere for o in later if o.failure] + [Elsewhere.MODERATED]
            bound = later[: until.index(Elsewhere.MODERATED) + 1]
            assert {other.ask.leg.name for other in bound} <= {attempt.ask.leg.name}


@THOROUGH
@given(games())
def test_a_group_is_passed_over_only_when_it_was_full_or_has_been_tried_through(game: Game) -> None:
    for asked in game.asked:
        if any(REACTIONS[t.failure.kind].elsewhere is not Elsewhere.ANYBODY for t in asked.before.tried):
            continue
        names = {t.candidate.name for t in asked.before.tried if not _was_no_try(t.failure)}
        full = {quote.leg for quote in asked.before.quotes}
        legs = [leg.name for leg in game.plan.legs]
        for earlier in game.plan.legs[: legs.index(asked.ask.leg.name)]:
            assert earlier.name in full or {c.name for c in earlier.candidates} <= names


@THOROUGH
@given(games(never_full=True))
def test_where_nothing_is_full_groups_are_first_tried_in_their_order(game: Game) -> None:
    if any(attempt.failure and attempt.failure.kind is FailureKind.CONTENT_REJECTED for attempt in game.attempts):
        return
    legs = [leg.name for leg in game.plan.legs]
    first = list(dict.fromkeys(legs.index(attempt.ask.leg.name) for attempt in game.attempts))
    assert first == sorted(first)


@THOROUGH
@given(games())
def test_every_further_attempt_that_an_outage_could_multiply_counts_against_the_budget(game: Game) -> None:
    for attempt in game.attempts:
        assert attempt.ask.again == (bool(attempt.before.tried) and budgeted(attempt))


@THOROUGH
@given(games())
def test_with_time_and_attempts_left_nobody_is_forgotten(game: Game) -> None:
    assert game.end is not None
    unbound = all(REACTIONS[t.failure.kind].elsewhere is Elsewhere.ANYBODY for t in game.story.tried)
    attempts_left = len(game.attempts) < game.policy.max_attempts
    if game.end.ending is Ending.EXHAUSTED and unbound and attempts_left and not game.story.quotes:
        tried = {attempt.chosen.name for attempt in game.attempts if attempt.chosen}
        assert {c.name for leg in game.plan.legs for c in leg.candidates} == tried


@THOROUGH
@given(games())
def test_a_request_that_was_never_sent_ends_full_or_late(game: Game) -> None:
    assert game.end is not None
    if not game.attempts:
        assert game.end.ending in {Ending.FULL, Ending.DEADLINE}
    if game.end.ending is Ending.FULL:
        assert game.end.retry_after is None or game.end.retry_after > 0


def test_the_table_names_every_kind_of_failure() -> None:
    assert set(REACTIONS) == set(FailureKind)


def _all_legs(game: Game) -> tuple[Leg, ...]:
    return (*game.plan.legs, *game.plan.moderated)


def _was_no_try(failure: Failure) -> bool:
    return REACTIONS[failure.kind].again is Again.WHEN_COOL
