"""What callers are told when a request fails: *your request* (change it) or *not now* (try again later).

Every error survives pickling, and none carries a key, a prompt or a picture in its text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from pixelrelay.outcomes import Attempt, Charge, Failure

if TYPE_CHECKING:
    from pixelrelay.images import Image


class PixelRelayError(Exception):
    """The base of all errors of this package."""


class ProviderError(PixelRelayError):
    """One exchange with one provider failed. Adapters raise it; callers see it as an attempt's ``failure``."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure

    def __str__(self) -> str:
        return str(self.failure)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where."""

    path: str
    """``models.flux.deployments[0].tier`` in a configuration, ``size`` in a request."""
    message: str
    """What is wrong and, where it is known, what would help."""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ConfigError(PixelRelayError):
    """The configuration cannot be used; ``problems`` lists all that is wrong with it, not the first alone."""

    def __init__(self, problems: Sequence[Problem], source: str = "the configuration") -> None:
        super().__init__(tuple(problems), source)
        self.problems = tuple(problems)
        self.source = source

    def __str__(self) -> str:
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        return "\n".join([f"{self.source}: {count}", *(f"  {problem}" for problem in self.problems)])


# --- your request: change it -------------------------------------------------------------------------------------


class RequestRefusedError(PixelRelayError):
    """The request cannot be served as it is; trying it again unchanged is of no use."""


class InvalidRequestError(RequestRefusedError):
    """Arguments that no provider would take. Nothing was reserved, sent or spent."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(tuple(problems))
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "; ".join(str(problem) for problem in self.problems)


class UnknownModelError(RequestRefusedError):
    """No model group, and no deployment, has the name that was asked for."""

    def __init__(self, model: str, known: Sequence[str], closest: str | None = None) -> None:
        super().__init__(model, tuple(known), closest)
        self.model = model
        self.known = tuple(known)
        self.closest = closest

    def __str__(self) -> str:
        hint = f"did you mean {self.closest!r}?" if self.closest else f"there are {', '.join(self.known)}"
        return f"no model is named {self.model!r}; {hint}"


class UnservableRequestError(RequestRefusedError):
    """No deployment of the group, nor of its fallbacks, can do what was asked. Nothing was spent."""

    def __init__(self, model: str, lacks: Mapping[str, Sequence[str]]) -> None:
        super().__init__(model, dict(lacks))
        self.model = model
        self.lacks = {name: tuple(reasons) for name, reasons in lacks.items()}
        """By deployment, what each one cannot do."""

    def __str__(self) -> str:
        each = "; ".join(f"{name}: {', '.join(reasons)}" for name, reasons in self.lacks.items())
        return f"no deployment of {self.model!r} can do what was asked ({each})"


class _AttemptedError(PixelRelayError):
    """Shared by the errors that come with the story of what was tried."""

    said = "could not be served"

    def __init__(self, model: str, attempts: tuple[Attempt, ...]) -> None:
        super().__init__(model, attempts)
        self.model = model
        self.attempts = attempts

    def __str__(self) -> str:
        tried = "; ".join(f"{a.deployment}: {a.failure}" for a in self.attempts if a.failure)
        return f"{self.model!r} {self.said}" + (f" ({tried})" if tried else "")


class ContentRejectedError(_AttemptedError, RequestRefusedError):
    """Moderation refused the prompt, an input image or the picture; ``attempts`` says who and why."""

    said = "was refused by moderation"


class ProviderRefusedError(_AttemptedError, RequestRefusedError):
    """The provider called the request invalid, and no other candidate could be expected to take it."""

    said = "was refused as invalid"


# --- not now -----------------------------------------------------------------------------------------------------


class NotServedError(PixelRelayError):
    """The request is in order and was not served; see ``retry_after`` and ``attempts``."""

    attempts: tuple[Attempt, ...] = ()

    @property
    def may_have_been_billed(self) -> bool:
        """Whether an attempt may have cost money though no picture came of it: to repeat it may be to pay twice."""
        charges = {attempt.failure.charge for attempt in self.attempts if attempt.failure}
        return not charges <= {Charge.NONE}

    @property
    def retry_after(self) -> float | None:
        """Seconds after which it is worth trying again; ``None`` where nobody knows."""
        return None


class QuotaExceededError(NotServedError):
    """Every candidate is full or cooling for longer than the request may wait. Nothing was sent for this try."""

    def __init__(
        self, model: str, retry_after: float | None, attempts: tuple[Attempt, ...] = (), limit: str | None = None
    ) -> None:
        super().__init__(model, retry_after, attempts, limit)
        self.model = model
        self.attempts = attempts
        self.limit = limit
        """Of the caller's own, where it is used up: ``key-7: 10 images a minute``; ``None`` where accounts are full."""
        self._retry_after = retry_after

    @property
    def retry_after(self) -> float | None:
        """Seconds until the first place is free for one more request, those already waiting served first."""
        return self._retry_after

    def __str__(self) -> str:
        when = (
            f"the first place is free in {self._retry_after:.1f} s" if self._retry_after is not None else "no end known"
        )
        tried = "; ".join(f"{a.deployment}: {a.failure}" for a in self.attempts if a.failure)
        what = f"{self.model!r} was not served: {self.limit}" if self.limit else f"every deployment of {self.model!r}"
        state = "are used up" if self.limit else "is full"
        return f"{what} {state}; {when}" + (f" (before: {tried})" if tried else "")


class BudgetExceededError(NotServedError):
    """A budget has too little left for any deployment that could serve. Nothing was sent for this try.

    Dollars that attempts under way have reserved, and those that may have been billed, count as spent.
    """

    def __init__(
        self,
        model: str,
        budget: str,
        cap: Decimal,
        window: str,
        spent: Decimal,
        needed: Decimal,
        retry_after: float | None,
        attempts: tuple[Attempt, ...] = (),
    ) -> None:
        super().__init__(model, budget, cap, window, spent, needed, retry_after, attempts)
        self.model = model
        self.budget = budget
        self.cap = cap
        """Dollars, in each ``window``."""
        self.window = window
        """In words: ``a day``, ``in any 24 h``."""
        self.spent = spent
        """Dollars of it."""
        self.needed = needed
        """Dollars that the deployment which would have room first may cost; zero where it has no price."""
        self.attempts = attempts
        self._retry_after = retry_after

    @property
    def retry_after(self) -> float | None:
        """Seconds until there is room; ``None`` if never, because the whole budget is less than was needed."""
        return self._retry_after

    def __str__(self) -> str:
        if self._retry_after is None:
            when = "that is more than it ever has"
        else:
            when = f"there is room in {timedelta(seconds=round(self._retry_after))} (h:mm:ss)"
        tried = "; ".join(f"{a.deployment}: {a.failure}" for a in self.attempts if a.failure)
        return (
            f"{self.model!r} was not served: of budget {self.budget!r}, {_dollars(self.cap)} {self.window}, "
            f"{_dollars(self.spent)} is spent or reserved, and {_dollars(self.needed)} was needed; {when}"
        ) + (f" (before: {tried})" if tried else "")


def _dollars(amount: Decimal) -> str:
    return f"${amount:.2f}" if amount == round(amount, 2) else f"${amount.normalize():f}"


class StoreUnavailableError(NotServedError):
    """The shared store is away, and ``on_store_loss`` says not to serve without it. Nothing was sent for this try."""

    def __init__(self, model: str, retry_after: float | None, attempts: tuple[Attempt, ...] = ()) -> None:
        super().__init__(model, retry_after, attempts)
        self.model = model
        self.attempts = attempts
        self._retry_after = retry_after

    @property
    def retry_after(self) -> float | None:
        """Seconds until the store is asked again."""
        return self._retry_after

    def __str__(self) -> str:
        return (
            f"{self.model!r} was not asked: the shared store is away, and on_store_loss is closed; "
            "on_store_loss: share would go on with this process's share of the quotas"
        )


class AttemptsExhaustedError(_AttemptedError, NotServedError):
    """Every deployment that the request was allowed to try has failed; ``attempts`` tells the story in order."""

    said = "could not be served by any deployment it was allowed to try"

    @property
    def retry_after(self) -> float | None:
        """The soonest that one of them asked to be tried again, in seconds; ``None`` if none did."""
        asked = (a.failure.retry_after for a in self.attempts if a.failure)
        return min((seconds for seconds in asked if seconds is not None), default=None)


class DeadlineExceededError(_AttemptedError, NotServedError):
    """The deadline came first. The last attempt, if one was under way, was cut off and settled."""

    said = "was not served before its deadline"


class AmbiguousOutcomeError(_AttemptedError, NotServedError):
    """An attempt may have been billed without bringing a picture, and policy forbids buying again.

    Do not retry blindly: ``provider_request_id`` and ``job`` name what the provider may have drawn.
    """

    said = "may have been drawn and billed, and no picture came"

    @property
    def provider_request_id(self) -> str | None:
        return self._last_unknown("provider_request_id")

    @property
    def job(self) -> str | None:
        return self._last_unknown("job")

    def _last_unknown(self, field: str) -> str | None:
        failures = [a.failure for a in self.attempts if a.failure and a.failure.charge is not Charge.NONE]
        named = [value for failure in failures if (value := getattr(failure, field)) is not None]
        return str(named[-1]) if named else None


class IncompleteError(_AttemptedError, NotServedError):
    """Of several pictures some were drawn and some were not. ``delivered`` holds those that were: they are paid."""

    def __init__(
        self, model: str, attempts: tuple[Attempt, ...], delivered: tuple[Image, ...], missing: int, cause: str
    ) -> None:
        PixelRelayError.__init__(self, model, attempts, delivered, missing, cause)
        self.model = model
        self.attempts = attempts
        self.delivered = delivered
        self.missing = missing
        self.cause = cause

    def __str__(self) -> str:
        asked = self.missing + len(self.delivered)
        return f"{self.missing} of {asked} pictures of {self.model!r} are missing: {self.cause}"
