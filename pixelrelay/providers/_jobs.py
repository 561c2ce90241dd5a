"""Jobs that are polled, and pictures that are fetched from addresses, whoever draws them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from enum import Enum
from typing import TypeAlias, TypeVar

from pixelrelay.errors import ProviderError
from pixelrelay.images import Image
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers.base import Purpose, Reply, Send
from pixelrelay.providers.failures import failure_from

PATIENCE = 3
"""Polls in a row that may tell nothing of the job: one machine of a provider's learns of it later than another."""

EndT = TypeVar("EndT")


class Word(Enum):
    """What an answer to a poll says of a job whose end it does not tell."""

    RUNNING = "running"
    SILENT = "silent"
    """It leaves open if there is such a job."""


Look: TypeAlias = Callable[[Reply], EndT | Word]
"""Reads the answer to a poll: the job's end, or a ``Word``. Raises ``ProviderError`` for a job that failed."""


def polled(asking: Send, look: Look[EndT]) -> Generator[Send, Reply, EndT]:
    """Send ``asking`` until ``look`` finds the job's end.

    Raises what ``look`` raises, with the job's name, and ``JOB_LOST`` once ``PATIENCE`` answers in a row were silent.
    """
    silent = 0
    while True:
        reply = yield asking
        try:
            seen = look(reply)
        except ProviderError as error:
            raise ProviderError(_of(asking.job, error.failure)) from None
        if not isinstance(seen, Word):
            return seen
        silent = silent + 1 if seen is Word.SILENT else 0
        if silent == PATIENCE:
            raise ProviderError(_of(asking.job, _lost(reply)))


def word_without_a_job(reply: Reply) -> Word:
    """What an answer says that is not about the job at all."""
    return Word.SILENT if reply.status < 500 and reply.status not in {408, 429} else Word.RUNNING


def _of(job: str | None, failure: Failure) -> Failure:
    return replace(failure, provider_request_id=job, job=job)


def _lost(reply: Reply) -> Failure:
    refused = reply.status in {401, 403}
    return replace(
        failure_from(reply, {}),
        kind=FailureKind.UNAUTHORISED if refused else FailureKind.JOB_LOST,
        message=f"the provider no longer tells of the job, after {PATIENCE} polls (HTTP {reply.status})",
        charge=Charge.UNKNOWN,
    )


def nowhere(job: str | None) -> ProviderError:
    """An accepted job that cannot be asked after."""
    message = "the job was accepted, and no address to ask after it was given"
    return ProviderError(_of(job, Failure(FailureKind.JOB_LOST, message, charge=Charge.UNKNOWN)))


# --- pictures ----------------------------------------------------------------------------------------------------


def at(address: str) -> Image:
    """The picture that ``address`` names: in itself, where it is a ``data:`` URL, else behind it."""
    head, comma, encoded = address.partition(";base64,")
    if comma and head[:5].lower() == "data:":
        return Image(encoded=encoded, media_type=head[5:].partition(";")[0] or None)
    return Image(url=address)


def fetched(
    images: Sequence[Image], job: str | None, *, wants_url: bool = False
) -> Generator[Send, Reply, tuple[Image, ...]]:
    """``images``, each that is an address alone downloaded, unless ``wants_url``.

    Those that cannot be had are left out; raises ``ProviderError``, billed, if that is all of them.
    """
    had: list[Image] = []
    missed: list[ProviderError] = []
    for image in images:
        try:
            had.append(image if wants_url or image.url is None else (yield from _delivered(image, image.url, job)))
        except ProviderError as error:
            missed.append(error)
    if not had:
        raise missed[0] if missed else undelivered(job, "drawn, without a picture or the address of one")
    return tuple(had)


def _delivered(image: Image, url: str, job: str | None) -> Generator[Send, Reply, Image]:
    got = yield from download(url)
    if got is None:
        raise undelivered(job, "drawn, and the picture could not be fetched")
    return replace(image, url=None, data=got.data, media_type=got.media_type or image.media_type)


def download(url: str) -> Generator[Send, Reply, Image | None]:
    """The picture at ``url``; ``None`` where the answer is no picture."""
    reply = yield Send(Purpose.DOWNLOAD, "GET", url)
    media_type = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not reply.ok or not reply.body:
        return None
    if media_type.startswith("image/"):
        return Image(data=reply.body, media_type=media_type)
    is_page = media_type.startswith("text/") or media_type.endswith(("json", "xml"))
    return None if is_page else Image(data=reply.body)


def undelivered(job: str | None, message: str) -> ProviderError:
    """A picture that was drawn, so that it is billed, and cannot be had."""
    return ProviderError(_of(job, Failure(FailureKind.UNUSABLE, message, charge=Charge.BILLED)))
