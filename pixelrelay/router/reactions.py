"""The failure table: what follows from each kind of failure. Nothing else in the package decides by kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.quotas import Claim, Unit
from pixelrelay.store.base import Report, Verdict

LONGEST_TOLD = 86_400.0
"""Seconds. A provider that names a longer time is believed to mean "not today"."""


SHORTEST_TOLD = 0.5
"""Seconds. One that says "again at once" after a 429 would say it as often as it is asked."""


class Again(Enum):
    """Whether the deployment that failed may be asked again by the same request."""

    NEVER = "never"
    ONCE = "once"
    """Once more, backed off, before the group is left."""
    LAST = "last"
    """Once more, backed off, when nobody else is left."""
    WHEN_COOL = "when_cool"
    """As if it had not been asked; the store keeps it cool as long as it wants."""


class Elsewhere(Enum):
    """Who else may be asked."""

    ANYBODY = "anybody"
    OTHER_MODELS = "other_models"
    """Of the same group, those with another model: this one would say the same."""
    MODERATED = "moderated"
    """Only the groups named for what moderation refuses."""


@dataclass(frozen=True, slots=True)
class Reaction:
    again: Again
    elsewhere: Elsewhere
    verdict: Verdict
    cooldown: float = 0.0
    """Seconds that the deployment is left alone at once, where the provider names no time."""
    budgeted: bool = True
    """Whether a further attempt counts against the retry budget."""


REACTIONS: Mapping[FailureKind, Reaction] = {
    FailureKind.CONNECTION: Reaction(Again.ONCE, Elsewhere.ANYBODY, Verdict.ILL),
    FailureKind.TIMEOUT: Reaction(Again.NEVER, Elsewhere.ANYBODY, Verdict.ILL),
    FailureKind.RATE_LIMITED: Reaction(
        Again.WHEN_COOL, Elsewhere.ANYBODY, Verdict.SILENT, cooldown=5.0, budgeted=False
    ),
    FailureKind.OVERLOADED: Reaction(Again.LAST, Elsewhere.ANYBODY, Verdict.ILL),
    FailureKind.OUT_OF_CREDIT: Reaction(Again.NEVER, Elsewhere.ANYBODY, Verdict.ILL, cooldown=600.0),
    FailureKind.UNAUTHORISED: Reaction(Again.NEVER, Elsewhere.ANYBODY, Verdict.ILL, cooldown=300.0),
    FailureKind.NOT_FOUND: Reaction(Again.NEVER, Elsewhere.ANYBODY, Verdict.ILL, cooldown=300.0),
    FailureKind.CONTENT_REJECTED: Reaction(Again.NEVER, Elsewhere.MODERATED, Verdict.SILENT, budgeted=False),
    FailureKind.INVALID: Reaction(Again.NEVER, Elsewhere.OTHER_MODELS, Verdict.SILENT, budgeted=False),
    FailureKind.UNUSABLE: Reaction(Again.NEVER, Elsewhere.ANYBODY, Verdict.ILL),
    FailureKind.JOB_LOST: Reaction(Again.NEVER, Elsewhere.ANYBODY, Verdict.ILL),
}

LOUD = frozenset({FailureKind.OUT_OF_CREDIT, FailureKind.UNAUTHORISED, FailureKind.NOT_FOUND})
"""Kinds that somebody has to put right."""

SLOTS_COOLDOWN = 1.0
"""Seconds after a 429 about concurrent slots: one comes free with each completion."""


def report_of(failure: Failure, claims: tuple[Claim, ...]) -> Report:
    """What a failed attempt tells the store."""
    reaction = REACTIONS[failure.kind]
    return Report(
        reaction.verdict,
        used=_refund(failure, claims),
        cooldown=_cooldown(failure, reaction),
        grows=failure.retry_after is None,
        rejected=_rejected(failure, claims),
        seen_limits=failure.seen_limits,
    )


def _rejected(failure: Failure, claims: tuple[Claim, ...]) -> frozenset[Unit] | None:
    """Which quotas a 429 is about: the one it names, or any. ``None`` if nobody counts that one, or for other failures.

    Then it is the deployment that is left alone: quotas that are not there could not be.
    """
    if failure.kind is not FailureKind.RATE_LIMITED:
        return None
    if failure.unit is None:
        return frozenset()
    return frozenset({failure.unit}) if any(claim.quota.unit is failure.unit for claim in claims) else None


def _cooldown(failure: Failure, reaction: Reaction) -> float:
    """A time that the provider names lengthens a cooldown; on a 429 it is the cooldown."""
    told = min(failure.retry_after or 0.0, LONGEST_TOLD)
    if failure.kind is not FailureKind.RATE_LIMITED:
        return max(reaction.cooldown, told if failure.kind is FailureKind.OVERLOADED else 0.0)
    if failure.retry_after is not None:
        return max(told, SHORTEST_TOLD)
    return SLOTS_COOLDOWN if failure.unit is Unit.CONCURRENT else reaction.cooldown


def _refund(failure: Failure, claims: tuple[Claim, ...]) -> Mapping[Unit, int] | None:
    """What the provider did not count: all, if the request never reached it; a rejected call, if it says so."""
    if failure.kind is FailureKind.CONNECTION and failure.charge is Charge.NONE:
        return {claim.quota.unit: 0 for claim in claims}
    if failure.kind is FailureKind.RATE_LIMITED:
        return {claim.quota.unit: 0 for claim in claims if not claim.quota.counts_rejected}
    return None
