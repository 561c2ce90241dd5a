"""A job of Black Forest Labs, or of a reseller that answers in its words, from its acceptance to its picture."""

from __future__ import annotations

import math
import re
from collections.abc import Generator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from pixelrelay.errors import ProviderError
from pixelrelay.images import Generation, Image
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers._jobs import Word, download, nowhere, polled, undelivered, word_without_a_job
from pixelrelay.providers.base import Answer, Exchange, Purpose, Reply, Send
from pixelrelay.providers.failures import plain

MODERATED = frozenset({"request moderated", "content moderated"})
FAILED = frozenset({"error", "failed"})

_BAD_INPUT = re.compile(r"\b(invalid|corrupted|unsupported) (or corrupted )?(image|mask|input)", re.IGNORECASE)


class Task(Answer):
    """A job as the answer to its submission or to a poll tells of it.

    What only adorns a picture is read leniently, so that an odd ``cost`` does not lose a picture that was paid for.
    """

    id: str | None = None
    polling_url: str | None = None
    status: str | None = None
    state: str | None = None
    result: Any = None
    details: Any = None
    cost: Any = None
    """In credits."""

    @property
    def word(self) -> str:
        """The state in small letters; empty where the answer names none."""
        return (self.status or self.state or "").casefold()

    @property
    def sample(self) -> str | None:
        """The address of the picture."""
        match self.result:
            case {"sample": str(url)} | {"url": str(url)} if url:
                return url
            case _:
                return None

    @property
    def seed(self) -> int | None:
        match self.result:
            case {"seed": int(seed)}:
                return seed
            case _:
                return None


def dollars(amount: Any) -> Decimal | None:
    """What ``amount`` credits cost, a credit being a cent; ``None`` where no amount is told."""
    told = isinstance(amount, int | float) and not isinstance(amount, bool)
    return Decimal(str(amount)) / 100 if told and math.isfinite(amount) and amount >= 0 else None


def task_in(reply: Reply) -> Task | None:
    """The job that ``reply`` tells of, whatever its status; ``None`` where its body is something else."""
    try:
        return Task.model_validate_json(reply.body)
    except ValidationError:
        return None


def failure_of(task: Task, reply: Reply) -> Failure | None:
    """How the job ended if it failed; ``None`` while it runs and once it is ready.

    A moderated job is not charged (help centre of BFL, June 2026). Nothing is said of one that ended in an error.
    """
    if task.word in MODERATED:
        kind, charge = FailureKind.CONTENT_REJECTED, Charge.NONE
    elif task.word in FAILED:
        blames_input = reply.status == 422 or _BAD_INPUT.search(_reasons(task.details))
        kind, charge = (FailureKind.INVALID, Charge.NONE) if blames_input else (FailureKind.OVERLOADED, Charge.UNKNOWN)
    else:
        return None
    said = task.status or task.state or ""
    return Failure(
        kind,
        ": ".join(filter(None, (said, _reasons(task.details)))),
        charge=charge,
        status=reply.status,
        code=said,
        provider_request_id=task.id,
        job=task.id,
    )


def _reasons(details: Any) -> str:
    """Why, from where it is known to stand: other details may repeat the prompt."""
    match details:
        case str(text) | {"error": str(text)} | {"error": {"message": str(text)}} | {"message": str(text)}:
            said = text
        case {"Moderation Reasons": [*reasons]}:
            said = ", ".join(str(reason) for reason in reasons)
        case _:
            said = ""
    return plain(said)


# --- a job, from its acceptance to its picture -------------------------------------------------------------------


def follow(task: Task, *, wants_url: bool, poll: Send | None = None) -> Exchange:
    """Poll the accepted ``task`` until it is ready, then fetch its picture, or only name its address.

    It is asked after by ``poll``, or where there is none at the address that its acceptance named. That address is used
    as it was given: the same path on another host does not know the job. A picture that is gone (its address lives ten
    minutes) is asked for once more.
    """
    asking = poll or _asking(task)
    done = task if task.word == "ready" or task.sample else (yield from _polled(task, asking))
    if done.sample is None:
        raise undelivered(task.id, "ready, without the address of a picture")
    if wants_url:
        image = Image(url=done.sample, seed=done.seed)
    else:
        image = replace((yield from _delivered(task, done.sample, asking)), seed=done.seed)
    settled, quoted = dollars(done.cost), dollars(task.cost)
    return Generation((image,), cost=quoted if settled is None else settled, provider_request_id=task.id)


def _asking(task: Task) -> Send | None:
    return Send(Purpose.POLL, "GET", task.polling_url, job=task.id) if task.polling_url is not None else None


def _polled(task: Task, asking: Send | None) -> Generator[Send, Reply, Task]:
    if asking is None:
        raise nowhere(task.id)
    return (yield from polled(asking, _look))


def _look(reply: Reply) -> Task | Word:
    seen = task_in(reply) or Task()
    if failure := failure_of(seen, reply):
        raise ProviderError(failure)
    if seen.word == "ready":
        return seen
    if seen.word:
        # New states appear without notice; so far each has meant "still at it".
        return Word.SILENT if seen.word == "task not found" else Word.RUNNING
    return word_without_a_job(reply)


def _delivered(task: Task, sample: str, asking: Send | None) -> Generator[Send, Reply, Image]:
    """The picture at ``sample``, or at the address that one more poll names if that one has expired."""
    image = yield from download(sample)
    if image is None and asking is not None:
        try:
            renewed = task_in((yield asking))
        except ProviderError as error:
            raise undelivered(task.id, f"ready, and its picture was gone: {error.failure.message}") from error
        if renewed is not None and renewed.sample is not None:
            image = yield from download(renewed.sample)
    if image is None:
        raise undelivered(task.id, "ready, and its picture could not be fetched")
    return image
