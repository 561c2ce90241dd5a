"""What comes next, from the whole story so far. The one place that chooses; pure, so that its promises can be tested.

It ends. It plans nothing past the deadline. It buys again what may have been billed at most as often as policy says.
Within a group it tries nobody twice while another is untried, save one that answered 429: that was no try.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal, TypeAlias

from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.router.candidates import Candidate, Candidates
from pixelrelay.router.limits import Exhausted
from pixelrelay.router.plan import Leg, Plan
from pixelrelay.router.reactions import REACTIONS, Again, Elsewhere

BACKOFF, LONGEST_BACKOFF = 0.5, 8.0
REBUYS = 1
"""Further attempts after one that may have been billed, where policy is to buy again."""
LAST_MOMENT = 1.0
"""Seconds: with less than these left after a failure, nothing is begun any more. An attempt that the deadline cuts off
ends that much before it, where there is no time for another poll."""
SOONER = 0.001
"""Seconds by which a fallback has to be sooner to be preferred."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the caller and the configuration allow."""

    deadline: float
    """The moment by which all must be done."""
    on_ambiguous: Literal["rebuy", "fail"] = "rebuy"
    max_attempts: int = 6


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt that failed."""

    candidate: Candidate
    leg: str
    failure: Failure
    at: float
    """When it failed."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A leg was full: when it would have had room, and how many attempts had been made by then."""

    leg: str
    free_at: float | None
    attempts: int
    final: bool = False
    """Whether it was asked to wait as long as the deadline allows, and could not be in time."""
    exhausted: Exhausted | None = None
    """The limit of our own that it had to wait for; ``None`` where it was for something else."""


@dataclass(frozen=True, slots=True)
class Story:
    """All that has happened to one request."""

    plan: Plan
    policy: Policy
    tried: tuple[Tried, ...] = ()
    quotes: tuple[Quote, ...] = ()

    def failed(self, candidate: Candidate, leg: str, failure: Failure, at: float) -> Story:
        return replace(self, tried=(*self.tried, Tried(candidate, leg, failure, at)), quotes=())

    def full(self, leg: str, free_at: float | None, *, final: bool, exhausted: Exhausted | None = None) -> Story:
        others = tuple(quote for quote in self.quotes if quote.leg != leg)
        return replace(self, quotes=(*others, Quote(leg, free_at, len(self.tried), final, exhausted)))


@dataclass(frozen=True, slots=True)
class Ask:
    """Reserve a place for one attempt with one of these."""

    leg: Leg
    candidates: Candidates
    patience: float
    """Seconds to wait for it at most."""
    final: bool
    """Whether there is nowhere else to go: wait as long as may be, and probe even what is ill."""
    not_before: float
    """A moment: what failed just now is left alone until then."""
    again: bool
    """Whether it follows a failure, and so counts against the retry budget."""


class Ending(Enum):
    """Why a request is given up."""

    CONTENT_REJECTED = "content_rejected"
    REFUSED = "refused"
    AMBIGUOUS = "ambiguous"
    EXHAUSTED = "exhausted"
    STORE_LOST = "store_lost"
    SPENT = "spent"
    """A budget is used up."""
    FULL = "full"
    DEADLINE = "deadline"


@dataclass(frozen=True, slots=True)
class GiveUp:
    ending: Ending
    retry_after: float | None = None
    """Seconds, where ``FULL``, ``SPENT`` or ``STORE_LOST``; ``None`` if there will never be room."""
    exhausted: Exhausted | None = None
    """The limit of our own that has no room, where ``SPENT``; or where ``FULL``, and it is one."""


Step: TypeAlias = Ask | GiveUp


@dataclass(frozen=True, slots=True)
class _Option:
    """A leg and those of it that may be asked next."""

    leg: Leg
    candidates: Candidates
    not_before: float = float("-inf")


def decide(story: Story, now: float, backoff: float = 1.0) -> Step:
    """The next step. ``backoff`` from 0 to 1 scales how long one is left alone that failed just now."""
    last = story.tried[-1].failure.kind if story.tried else None
    if _bought(story) > _may_buy(story.policy) and last is not FailureKind.CONTENT_REJECTED:
        return GiveUp(Ending.AMBIGUOUS)
    options = _options(story, backoff) if len(story.tried) < story.policy.max_attempts else []
    if not options and last in _VERDICTS:
        return GiveUp(_VERDICTS[last])
    if now >= story.policy.deadline - (LAST_MOMENT if story.tried else 0.0):
        return GiveUp(Ending.DEADLINE)
    in_time = [option for option in options if option.not_before < story.policy.deadline]
    if not in_time:
        return GiveUp(Ending.EXHAUSTED)
    return _ask(story, in_time, now)


_VERDICTS: Mapping[FailureKind | None, Ending] = {
    FailureKind.CONTENT_REJECTED: Ending.CONTENT_REJECTED,
    FailureKind.INVALID: Ending.REFUSED,
}
"""Endings that the last failure brings about where nobody else may be asked."""


def _bought(story: Story) -> int:
    """Attempts that may have been billed, though no picture came of them."""
    return sum(tried.failure.charge is not Charge.NONE for tried in story.tried)


def _may_buy(policy: Policy) -> int:
    """How many of them there may be before the request is given up."""
    return REBUYS if policy.on_ambiguous == "rebuy" else 0


def _legs(story: Story) -> Sequence[Leg]:
    """Where the request may still turn, without the models that have called it invalid.

    After moderation only where that is allowed; after a verdict of invalid nowhere but in the group it came from.
    """
    rejecting = {tried.leg for tried in story.tried if _elsewhere(tried) is Elsewhere.MODERATED}
    legs = [leg for leg in story.plan.moderated if leg.name not in rejecting] if rejecting else story.plan.legs
    refused = {tried.candidate.model for tried in story.tried if _elsewhere(tried) is Elsewhere.OTHER_MODELS}
    if not refused:
        return legs
    bound = _bound_to(story)
    return [
        replace(leg, candidates=Candidates(each for each in leg.candidates if each.model not in refused))
        for leg in legs
        if bound in {None, leg.name}
    ]


def _bound_to(story: Story) -> str | None:
    """The leg that the request may not leave since it was called invalid there; moderation sends it on all the same."""
    for tried in reversed(story.tried):
        match _elsewhere(tried):
            case Elsewhere.OTHER_MODELS:
                return tried.leg
            case Elsewhere.MODERATED:
                return None
    return None


def _elsewhere(tried: Tried) -> Elsewhere:
    return REACTIONS[tried.failure.kind].elsewhere


def _options(story: Story, backoff: float) -> list[_Option]:
    """The legs in order, each with whom to ask next: the untried, then one who may be tried once more."""
    legs = _legs(story)
    tries = [tried for tried in story.tried if REACTIONS[tried.failure.kind].again is not Again.WHEN_COOL]
    names = {tried.candidate.name for tried in tries}
    options = []
    for leg in legs:
        fresh = Candidates(c for c in leg.candidates if c.name not in names) if names else leg.candidates
        if fresh:
            options.append(_Option(leg, fresh))
        elif again := _again(tries, leg, Again.ONCE, backoff):
            options.append(again)
    return options or [option for leg in legs if (option := _again(tries, leg, Again.LAST, backoff))]


def _again(tries: Sequence[Tried], leg: Leg, kind: Again, backoff: float) -> _Option | None:
    """Those of ``leg`` that failed once, in a way that allows another try of this kind."""
    names = [tried.candidate.name for tried in tries]
    once = [
        tried
        for tried in tries
        if names.count(tried.candidate.name) == 1
        and REACTIONS[tried.failure.kind].again is kind
        and any(candidate is tried.candidate for candidate in leg.candidates)
    ]
    if not once:
        return None
    pause = min(LONGEST_BACKOFF, BACKOFF * 2.0 ** (len(tries) - 1)) * backoff
    return _Option(leg, Candidates(tried.candidate for tried in once), min(tried.at for tried in once) + pause)


def _ask(story: Story, options: Sequence[_Option], now: float) -> Step:
    """Ask each leg in turn whether it has room soon; when all are full, wait for the soonest."""
    remaining = story.policy.deadline - now
    quotes = {quote.leg: quote for quote in story.quotes}
    known = [quote.free_at for quote in story.quotes if quote.free_at is not None]
    for option in options:
        if option.leg.name not in quotes:
            alone = len(options) == 1
            patience = remaining if alone else min(remaining, option.leg.group.config.patience)
            if known:
                patience = min(patience, max(0.0, min(known) - now - SOONER))
            return _asking(story, option, patience, final=alone)
    open_to_us = [o for o in options if not quotes[o.leg.name].final and quotes[o.leg.name].free_at is not None]
    if not open_to_us:
        return _full(story, known, now)
    soonest = min(open_to_us, key=lambda option: quotes[option.leg.name].free_at or now)
    return _asking(story, soonest, remaining, final=True)


def _asking(story: Story, option: _Option, patience: float, *, final: bool) -> Ask:
    again = bool(story.tried) and REACTIONS[story.tried[-1].failure.kind].budgeted
    return Ask(option.leg, option.candidates, patience, final, option.not_before, again)


def _full(story: Story, known: Sequence[float], now: float) -> GiveUp:
    soonest = min(known, default=None)
    if soonest is not None and soonest <= now + SOONER:
        # There is room, and too little time is left to make use of it.
        return GiveUp(Ending.DEADLINE)
    if story.tried and soonest is None:
        return GiveUp(Ending.EXHAUSTED)
    exhausted = next(quote.exhausted for quote in story.quotes if quote.free_at == soonest)
    ending = Ending.SPENT if exhausted is not None and exhausted.limit.dollars is not None else Ending.FULL
    return GiveUp(ending, None if soonest is None else soonest - now, exhausted)
