"""One story from plan to settlement: the shell around ``decide``, where things are reserved, sent and awaited."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import overload

from pixelrelay import _clock
from pixelrelay._transport.progress import Progress
from pixelrelay._transport.transport import Transport
from pixelrelay.cost.prices import actual, micro_dollars
from pixelrelay.errors import ProviderError
from pixelrelay.events import (
    AttemptAdvanced,
    AttemptFinished,
    AttemptStarted,
    FellBack,
    WaitFinished,
    WaitStarted,
)
from pixelrelay.images import Generation, ImageRequest, Size, StreamEvent
from pixelrelay.outcomes import Attempt, Charge, Failure, FailureKind, Phase
from pixelrelay.quotas import Unit
from pixelrelay.router.candidates import Candidate
from pixelrelay.router.decide import LAST_MOMENT, Ask, Ending, GiveUp, Policy, Story, decide
from pixelrelay.router.limits import Exhausted, Limit
from pixelrelay.router.plan import Plan
from pixelrelay.router.reactions import LOUD, report_of
from pixelrelay.router.retry_budget import RetryBudget
from pixelrelay.router.strategies import STRATEGIES, StrategyName
from pixelrelay.router.telling import Telling
from pixelrelay.store.base import Full, Offer, Report, Reservation, Store, StoreLostError, Ticket, Verdict

log = logging.getLogger("pixelrelay")

HANGING = 3.0
"""Times what it is thought to take: after so long without an answer, something is wrong with the deployment."""
ASKED_FIRST = 8
"""Of a large group, so many are put in order and asked before all are: one of them nearly always has room."""


@dataclass(slots=True)
class Delivered:
    """What one story brought: the pictures of one call, and how it went."""

    generation: Generation
    candidate: Candidate
    adaptations: tuple[str, ...] = ()


class GivenUpError(Exception):
    """One story ended without pictures. What the caller is told is made of all stories of its request."""

    def __init__(self, step: GiveUp, story: Story) -> None:
        super().__init__(step.ending)
        self.step = step
        self.may_have_been_billed = any(tried.failure.charge is not Charge.NONE for tried in story.tried)


def new_request_id() -> str:
    """An id that no other request has, here or elsewhere."""
    return f"pr_{secrets.token_hex(16)}"


@dataclass(slots=True)
class Journal:
    """What a request has lived through, over all its stories; it outlives whatever ends it."""

    request_id: str
    began: float
    begun: int = 0
    """Attempts that were started; those that are over stand below."""
    attempts: list[Attempt] = field(default_factory=list)
    fallbacks: list[str] = field(default_factory=list)
    waited: float = 0.0
    degraded: bool = False
    watcher: Callable[[StreamEvent], None] | None = None
    """Who is shown partial images; ``None`` where nobody wants them."""


@dataclass(slots=True)
class Call:
    """How one request is to be served, beside what is asked for."""

    policy: Policy
    strategy: StrategyName | None = None
    priority: int = 0
    limits: Sequence[Limit] = ()
    """Those of our own that it falls under."""

    def exhausted(self, full: Full) -> Exhausted | None:
        """The limit that it would have to wait for."""
        short = full.shortage
        found = (limit for limit in self.limits if short is not None and limit.quota.key == short.quota.key)
        return next((Exhausted(limit, short) for limit in found if short is not None), None)


class _Offers(Sequence[Offer]):
    """What each of so many candidates would take, the best first: put in order, and found out, when it is asked for.

    Mostly the first has room, and what the others would take need not be known.
    """

    def __init__(self, order: Iterator[Candidate], count: int, offer: Callable[[Candidate], Offer]) -> None:
        self.candidates: list[Candidate] = []
        """Those whose offers are known."""
        self._made: list[Offer] = []
        self._order = order
        self._count = count
        self._offer = offer

    def of(self, count: int) -> _Offers:
        """The same and further ones, ``count`` in all."""
        others = _Offers(self._order, count, self._offer)
        others.candidates, others._made = self.candidates, self._made
        return others

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Offer: ...
    @overload
    def __getitem__(self, index: slice) -> list[Offer]: ...
    def __getitem__(self, index: int | slice) -> Offer | list[Offer]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(self._count))]
        at = index if index >= 0 else index + self._count
        if not 0 <= at < self._count:
            raise IndexError(index)
        while len(self._made) <= at:
            candidate = next(self._order)
            self.candidates.append(candidate)
            self._made.append(self._offer(candidate))
        return self._made[at]


class Engine:
    """Carries requests through reserve, call and settle. Everything that it shares is handed in."""

    def __init__(self, store: Store, transport: Transport, budget: RetryBudget, tell: Telling, rng: Random) -> None:
        self._store = store
        self._transport = transport
        self.budget = budget
        self._tell = tell
        self._rng = rng
        self._unpriced: set[str] = set()
        """Deployments of which it was told that nobody knows what they cost."""

    async def serve(self, request: ImageRequest, plan: Plan, call: Call, journal: Journal) -> Delivered:
        """The pictures of one call to whoever of the plan could serve it, or ``GivenUpError``."""
        story, paid_for, waited = Story(plan, call.policy), 0, 0.0
        last: Attempt | None = None
        while True:
            step = decide(story, _clock.now(), self._rng.random())
            if isinstance(step, Ask) and step.again and paid_for < len(story.tried):
                step = step if self._spend() else GiveUp(Ending.EXHAUSTED)
                paid_for = len(story.tried)
            if isinstance(step, GiveUp):
                raise GivenUpError(step, story)
            began = _clock.now()
            if step.not_before > began:
                await _clock.sleep_until(step.not_before)
                began = _clock.now()
            try:
                taken = await self._reserve(request, step, call, journal)
            except StoreLostError as lost:
                raise GivenUpError(GiveUp(Ending.STORE_LOST, lost.seconds), story) from lost
            waited += _clock.now() - began
            if isinstance(taken, Full):
                free_at = None if taken.seconds is None else _clock.now() + taken.seconds
                story = story.full(step.leg.name, free_at, final=step.final, exhausted=call.exhausted(taken))
                continue
            self._note_fallback(step, story, journal)
            fit = taken[0].fit(request)
            attempt = _Attempt(fit.request, *taken, step, call, journal, waited, after=last)
            outcome = await self._attempt(attempt)
            if isinstance(outcome, Generation):
                return Delivered(outcome, attempt.candidate, fit.adaptations)
            if attempt.progress.has_shown:
                # What was shown belongs to a picture that will not come; one from elsewhere would be another.
                raise GivenUpError(
                    GiveUp(Ending.EXHAUSTED), story.failed(attempt.candidate, step.leg.name, outcome, _clock.now())
                )
            story, waited = story.failed(attempt.candidate, step.leg.name, outcome, _clock.now()), 0.0
            last = attempt.finished

    def _spend(self) -> bool:
        """Whether the retry budget allows a further attempt."""
        left = self.budget.spent(_clock.now())
        self.budget = left or self.budget
        return left is not None

    def _note_fallback(self, step: Ask, story: Story, journal: Journal) -> None:
        before = story.tried[-1].leg if story.tried else story.plan.group
        if step.leg.name != before and step.leg.name not in journal.fallbacks:
            journal.fallbacks.append(step.leg.name)
            reason = story.tried[-1].failure.kind.value if story.tried else "full"
            self._tell(FellBack(journal.request_id, before, step.leg.name, reason))

    # --- reserve -----------------------------------------------------------------------------------------------

    async def _reserve(
        self, request: ImageRequest, step: Ask, call: Call, journal: Journal
    ) -> tuple[Candidate, Reservation] | Full:
        strategy = STRATEGIES[call.strategy or step.leg.group.config.strategy]
        left = call.policy.deadline - _clock.now()
        everybody = len(step.candidates)
        order = strategy(step.candidates, request, self._store, self._rng)
        offers = _Offers(order, min(ASKED_FIRST, everybody), lambda each: each.offer(request, left, call.limits))

        async def ask(patience: float, *, panic: bool) -> Reservation | Ticket | Full:
            return await self._store.reserve(
                offers, patience=patience, within=left, priority=call.priority, panic=panic
            )

        all_of_them = len(offers) == everybody
        held = await ask(step.patience if all_of_them else 0.0, panic=step.final and all_of_them)
        if isinstance(held, Full) and not all_of_them:
            offers = offers.of(everybody)
            held = await ask(step.patience, panic=step.final)
        if isinstance(held, Ticket):
            held = await self._wait(held, step.leg.name, request, journal)
        return held if isinstance(held, Full) else (offers.candidates[held.index], held)

    async def _wait(self, ticket: Ticket, group: str, request: ImageRequest, journal: Journal) -> Reservation | Full:
        began = _clock.now()
        self._tell(WaitStarted(journal.request_id, group, ticket.seconds))
        held: Reservation | Full | None = None
        try:
            held = await self._store.wait(ticket)
            return held
        finally:
            waited = _clock.now() - began
            journal.waited += waited
            served = isinstance(held, Reservation)
            self._tell(WaitFinished(journal.request_id, group, waited, served, request.operation, request.size))

    # --- call and settle ---------------------------------------------------------------------------------------

    async def _attempt(self, attempt: _Attempt) -> Generation | Failure:
        """Drive one exchange, and settle it however it ends."""
        journal, candidate = attempt.journal, attempt.candidate
        journal.degraded |= attempt.held.degraded
        journal.begun += 1
        attempt.number = journal.begun
        if self._tell.observed:
            self._tell(
                AttemptStarted(
                    journal.request_id,
                    attempt.step.leg.name,
                    candidate.name,
                    candidate.deployment.provider.name,
                    number=attempt.number,
                    probe=attempt.held.probe,
                    model=candidate.deployment.target.model,
                    after=attempt.after,
                )
            )
        outcome: Generation | Failure | None = None
        try:
            outcome = await self._drive(attempt)
            return outcome
        finally:
            # It never waits, so it is done even where the caller has left: until then the whole fleet would see the
            # deployment fuller than it is.
            await self._store.settle(attempt.held, attempt.report(outcome))
            self._finish(attempt, outcome)

    async def _drive(self, attempt: _Attempt) -> Generation | Failure:
        candidate, request = attempt.candidate, attempt.request
        if self._tell.observed:
            attempt.progress.listener = lambda progress: self._tell(
                AttemptAdvanced(
                    attempt.journal.request_id, candidate.name, progress.phase, progress.job, attempt.number
                )
            )
        if attempt.journal.watcher is not None:
            attempt.progress.watcher = attempt.journal.watcher
        try:
            return await self._transport.drive(
                candidate.exchange(request),
                candidate.deployment.target,
                timeouts=candidate.deployment.timeouts,
                deadline=attempt.call.policy.deadline,
                progress=attempt.progress,
                expected=candidate.latency.expected(request.size, request.n),
                headers=request.extra_headers,
            )
        except ProviderError as error:
            return error.failure

    def _finish(self, attempt: _Attempt, outcome: Generation | Failure | None) -> None:
        told = attempt.finished = attempt.told(outcome)
        attempt.journal.attempts.append(told)
        if isinstance(outcome, Failure) and outcome.kind in LOUD:
            log.warning("%s is left alone until somebody puts it right: %s", told.deployment, outcome)
        if told.cost is None or told.at_risk is None:
            self._warn_once(told)
        if isinstance(outcome, Generation):
            attempt.candidate.latency.completed(told.duration, attempt.request.size, len(outcome.images))
        self._tell(
            AttemptFinished(
                attempt.journal.request_id,
                told,
                attempt.request.operation,
                attempt.request.size,
                abandoned=outcome is None,
                number=attempt.number,
                drawn=attempt.drawn(outcome),
            )
        )

    def _warn_once(self, told: Attempt) -> None:
        """Say that the cost of a deployment is unknown, once for each of them."""
        if told.deployment not in self._unpriced:
            self._unpriced.add(told.deployment)
            log.warning(
                "what %s costs is not known, and missing from every sum; give it a price in the configuration",
                told.deployment,
            )


@dataclass(slots=True)
class _Attempt:
    """One attempt under way: what it is for, what it holds, and how far it has come."""

    request: ImageRequest
    candidate: Candidate
    held: Reservation
    step: Ask
    call: Call
    journal: Journal
    waited: float
    after: Attempt | None = None
    number: int = 0
    progress: Progress = field(default_factory=Progress)
    started: float = field(default_factory=_clock.now)
    finished: Attempt | None = None
    _cost: Decimal | None = None
    """Of what came."""

    def report(self, outcome: Generation | Failure | None) -> Report:
        """What the store is told; ``None`` is a caller who left in the middle."""
        claims = self.held.offer.claims
        match outcome:
            case Generation():
                used = {Unit.IMAGES: len(outcome.images)}
                size = self.drawn(outcome)
                if size is not None:
                    used[Unit.MEGAPIXELS] = len(outcome.images) * size.pixels
                ours = dict(used)
                self._cost = actual(self.candidate.deployment.price, outcome, self.request)
                if self._cost is not None:
                    ours[Unit.DOLLARS] = micro_dollars(self._cost)
                return Report(Verdict.WELL, used=used, ours=ours, seen_limits=outcome.seen_limits)
            case Failure():
                first = self.candidate.deployment.cooldown
                report = replace(report_of(outcome, claims), ours=_back(outcome.charge), first_cooldown=first)
                return replace(report, verdict=Verdict.SILENT) if self._cut_short(outcome) else report
            case None:
                unsent = self.progress.phase is Phase.NOT_SENT
                back = {c.quota.unit: 0 for c in claims} if unsent else None
                return Report(Verdict.SILENT, used=back, ours=_back(self.progress.phase.charge))

    def drawn(self, outcome: Generation | Failure | None) -> Size | None:
        """The size of the pictures that came, as far as it is known."""
        return (outcome.size or self.request.size) if isinstance(outcome, Generation) else None

    def _cut_short(self, failure: Failure) -> bool:
        """Whether the caller's deadline came before an answer could be expected: that is no fault of the deployment."""
        if failure.kind is not FailureKind.TIMEOUT or _clock.now() < self.call.policy.deadline - LAST_MOMENT:
            return False
        return _clock.now() - self.started < HANGING * self.held.offer.expected

    def told(self, outcome: Generation | Failure | None) -> Attempt:
        """The attempt as callers and observers see it."""
        failure = outcome if isinstance(outcome, Failure) else None if outcome is not None else self._abandoned()
        cost, at_risk = self._money(outcome, failure)
        return Attempt(
            deployment=self.candidate.name,
            provider=self.candidate.deployment.provider.name,
            group=self.step.leg.name,
            started=self.started - self.journal.began,
            duration=_clock.now() - self.started,
            waited=self.waited,
            failure=failure,
            images=len(outcome.images) if isinstance(outcome, Generation) else 0,
            cost=cost,
            at_risk=at_risk,
        )

    def _abandoned(self) -> Failure:
        return Failure(
            FailureKind.TIMEOUT,
            f"the caller left when the attempt was {self.progress.phase.value.replace('_', ' ')}",
            charge=self.progress.phase.charge,
            provider_request_id=self.progress.provider_request_id,
            job=self.progress.job,
        )

    def _money(
        self, outcome: Generation | Failure | None, failure: Failure | None
    ) -> tuple[Decimal | None, Decimal | None]:
        """What the attempt cost, and what it may have cost besides."""
        if isinstance(outcome, Generation):
            return self._cost, Decimal(0)
        expected = self.candidate.estimate(self.request)
        match failure.charge if failure else Charge.NONE:
            case Charge.NONE:
                return Decimal(0), Decimal(0)
            case Charge.BILLED:
                return expected, Decimal(0)
            case Charge.UNKNOWN:
                return Decimal(0), expected


def _back(charge: Charge) -> Mapping[Unit, int] | None:
    """What a failed attempt used of limits of our own: nothing, or all it reserved, if it may have been billed."""
    return dict.fromkeys(Unit, 0) if charge is Charge.NONE else None
