"""Errors as the command line tells them: what is wrong, what was tried, what would help."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pixelrelay.cli.views.words import seconds
from pixelrelay.cli.wanted import OPTIONS, PICTURE, WAY
from pixelrelay.errors import (
    AmbiguousOutcomeError,
    AttemptsExhaustedError,
    ConfigError,
    ContentRejectedError,
    DeadlineExceededError,
    IncompleteError,
    InvalidRequestError,
    NotServedError,
    Problem,
    ProviderRefusedError,
    QuotaExceededError,
    UnservableRequestError,
)
from pixelrelay.outcomes import Attempt, FailureKind

ADVICE: Mapping[FailureKind, str] = {
    FailureKind.UNAUTHORISED: "the provider did not accept the key of {}; `pixelrelay check --live` asks each of them",
    FailureKind.NOT_FOUND: "the provider does not know the model, or the address, of {}",
    FailureKind.OUT_OF_CREDIT: "the account of {} has to be topped up",
    FailureKind.CONNECTION: "{} could not be reached; look at its address and at the network here",
}
"""What somebody has to put right, by what the provider said."""


@dataclass(frozen=True, slots=True)
class Told:
    """An error in parts."""

    headline: str
    attempts: Sequence[Attempt] = ()
    details: Sequence[tuple[str, str]] = ()
    """Who, and what is wrong there."""
    hints: Sequence[str] = ()


def told_of(error: Exception) -> Told:
    """``error``, ready to be shown."""
    match error:
        case InvalidRequestError():
            return Told(_listed([Problem(_option(each.path), each.message) for each in error.problems]))
        case ConfigError():
            return Told(f"{error.source}: {_listed(error.problems)}")
        case UnservableRequestError():
            lacks = [(name, "; ".join(reasons)) for name, reasons in error.lacks.items()]
            return Told(f"no deployment of {error.model!r} can do what was asked", details=lacks)
        case QuotaExceededError():
            headline = f"every deployment of {error.model!r} is full"
        case IncompleteError():
            asked = error.missing + len(error.delivered)
            headline = f"{error.missing} of {asked} pictures are missing; those that were drawn are saved"
        case (
            ContentRejectedError()
            | ProviderRefusedError()
            | AttemptsExhaustedError()
            | DeadlineExceededError()
            | AmbiguousOutcomeError()
        ):
            headline = f"{error.model!r} {error.said}"
        case OSError() if error.filename is not None:
            return Told(f"{error.filename}: {error.strerror or error}")
        case _:
            return Told(str(error))
    return Told(headline, error.attempts, hints=tuple(_hints(error)))


def _listed(problems: Sequence[Problem]) -> str:
    if len(problems) == 1:
        return str(problems[0])
    return "\n".join([f"{len(problems)} problems", *(f"  {problem}" for problem in problems)])


def _option(path: str) -> str:
    """The option that a request's path stands for; a file, or the prompt, is told by its own name."""
    return OPTIONS.get(path, f"--{path}" if path in (*PICTURE, *WAY) else path)


def _hints(error: QuotaExceededError | NotServedError | ContentRejectedError | ProviderRefusedError) -> Iterator[str]:
    for kind, advice in ADVICE.items():
        names = {a.deployment: None for a in error.attempts if a.failure and a.failure.kind is kind}
        if names:
            yield advice.format(", ".join(names))
    if isinstance(error, NotServedError):
        if error.may_have_been_billed:
            yield "an attempt may have been billed; to ask again may be to pay twice"
        if isinstance(error, AmbiguousOutcomeError):
            yield from (
                f"{name} {value}"
                for name, value in (("job", error.job), ("request id", error.provider_request_id))
                if value is not None
            )
        if error.retry_after is not None:
            yield f"try again in {seconds(error.retry_after)}"
