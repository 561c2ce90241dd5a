"""One exchange, carried out: each ``Send`` by the rules of its purpose, each failure turned into data."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Final, Generic, TypeVar

import anyio
import anyio.lowlevel
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from pixelrelay import _clock
from pixelrelay._spooled import UnreadableError
from pixelrelay._transport import hosts, pacing
from pixelrelay._transport.body import encode
from pixelrelay._transport.engine import Engine, EngineError, NotSentError, Outgoing, ReplyTooLargeError
from pixelrelay._transport.progress import Progress
from pixelrelay._transport.timeouts import Timeouts
from pixelrelay.errors import ProviderError
from pixelrelay.images import NOTHING
from pixelrelay.outcomes import Charge, Failure, FailureKind, Phase
from pixelrelay.providers.base import Glimpse, Purpose, Reply, Send, Target
from pixelrelay.providers.events import EventReader
from pixelrelay.providers.failures import request_id, retry_after, status_kind

MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})

QUIET = 30.0
"""Seconds of silence at most for polls and downloads: they are answered at once or not at all, and can be repeated."""

FRAMING = frozenset({"connection", "content-length", "content-type", "expect", "host", "transfer-encoding"})
"""Headers that a caller may not set: they say where the body ends and what it is."""

_CHARGES: Final = (Charge.NONE, Charge.UNKNOWN, Charge.BILLED)
"""From the least to the most that a failure may have cost."""

T = TypeVar("T")


class _AgainError(Exception):
    """A poll or a download failed in a way that may pass."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


class _OutOfTimeError(Exception):
    """What comes next could not be done before the limit."""


@dataclass(eq=False)
class Driving(Generic[T]):
    """One exchange (or question) on its way through an engine."""

    steps: Generator[Send, Reply, T]
    engine: Engine
    target: Target
    timeouts: Timeouts
    limit: float
    """The moment at which all of it must be over."""
    progress: Progress
    rng: Random
    max_reply_bytes: int
    expected: float | None = None
    headers: Mapping[str, str] = field(default=NOTHING)
    _submitted: float = field(default_factory=_clock.now)
    _polled: str | None = None
    """The address that was polled last."""

    async def run(self) -> T:
        """What the steps return. Raises ``ProviderError`` and nothing else, however the exchange fails."""
        try:
            with anyio.CancelScope(deadline=self.limit):
                return await self._through()
        except _OutOfTimeError:
            pass
        except ProviderError as error:
            raise ProviderError(self._completed(error.failure)) from error
        except UnreadableError as error:
            # By an adapter, that wants all of an upload at once; engines tell it as their own.
            raise ProviderError(self._completed(self._charged(Failure(FailureKind.CONNECTION, str(error))))) from error
        except Exception as bug:
            raise ProviderError(self._completed(self._unexpected(bug))) from bug
        raise ProviderError(self._completed(self._out_of_time()))

    async def _through(self) -> T:
        move: Callable[[], Send] = partial(next, self.steps)
        while True:
            try:
                send = move()
            except StopIteration as done:
                self.progress.reach(Phase.DELIVERED)
                result: T = done.value
                return result
            try:
                move = partial(self.steps.send, await self._carry_out(send))
            except ProviderError as error:
                # What is refused without waiting may be asked again without end: others have their turn meanwhile.
                await anyio.lowlevel.checkpoint()
                # Thrown in, so that an adapter may know better; what it raises then is what counts.
                failed = ProviderError(self._completed(self._charged(error.failure)))
                failed.__cause__ = error
                move = partial(self.steps.throw, failed)

    async def _carry_out(self, send: Send) -> Reply:
        # So that nothing is begun once the limit has passed, or for a caller who has left.
        if _clock.now() >= self.limit:
            raise _OutOfTimeError
        await anyio.lowlevel.checkpoint_if_cancelled()
        match send.purpose:
            case Purpose.POLL:
                return await self._poll(send)
            case Purpose.DOWNLOAD:
                return await self._download(send)
            case Purpose.SUBMIT | Purpose.ASK:
                return await self._once(send)

    # --- sent once ------------------------------------------------------------------------------------------------

    async def _once(self, send: Send) -> Reply:
        self._check_host(send)
        outgoing = await self._outgoing(send, self.timeouts.first_byte)
        if send.purpose is Purpose.ASK:
            return await self._sent(outgoing, send.purpose)
        self._submitted = _clock.now()
        reply = await self._sent(outgoing, send.purpose, partial(self.progress.reach, Phase.SENT))
        self.progress.reach(Phase.SENT)  # an answer may come before the request has been written whole
        self.progress.provider_request_id = request_id(reply.headers) or self.progress.provider_request_id
        return reply

    async def _sent(self, outgoing: Outgoing, purpose: Purpose, on_sent: Callable[[], None] = lambda: None) -> Reply:
        try:
            return await self.engine.send(outgoing, on_sent)
        except EngineError as error:
            raise ProviderError(_failure_of(error, outgoing.url, purpose)) from error

    # --- polled and downloaded: paced, and repeated -----------------------------------------------------------------

    async def _poll(self, send: Send) -> Reply:
        self.progress.job = send.job or self.progress.job
        self.progress.reach(Phase.ACCEPTED)
        if not send.ended or send.url == self._polled:
            first = self._polled is None
            await self._pause(pacing.first_poll(self.expected) if first else self._until_next_poll(send))
        self._polled = send.url
        self._check_host(send)
        try:
            return await self._repeated(partial(self._poll_once, send), partial(self._until_next_poll, send))
        except _AgainError as last:
            failure = replace(last.failure, kind=FailureKind.TIMEOUT, retry_after=None)
            raise ProviderError(replace(failure, message=f"polled until its time was up: {failure.message}")) from None

    async def _poll_once(self, send: Send) -> Reply:
        try:
            outgoing = await self._outgoing(send, min(QUIET, self.timeouts.first_byte))
            self.progress.polls += 1
            reply = await self._sent(outgoing, send.purpose)
        except ProviderError as error:
            if error.failure.kind in {FailureKind.UNUSABLE, FailureKind.INVALID}:
                raise
            raise _AgainError(error.failure) from error
        # Some providers tell that a job failed with a 503 whose body is the job: its status counts, not HTTP's.
        judged = send.ended and reply.status >= 500
        if _may_pass(reply) and not judged and not _is_job(reply.body):
            raise _AgainError(_failure_from(reply, send.url))
        return reply

    async def _download(self, send: Send) -> Reply:
        self.progress.reach(Phase.DRAWN)
        try:
            return await self._repeated(partial(self._download_once, send), None)
        except _AgainError as last:
            raise ProviderError(_undelivered(last.failure.message, last.failure.status)) from None

    async def _download_once(self, send: Send) -> Reply:
        url = send.url
        for _ in range(MAX_REDIRECTS + 1):
            reply = await self._downloaded(replace(send, url=url))
            location = reply.headers.get("location")
            if reply.status not in REDIRECTS or location is None:
                break
            url = hosts.redirected(url, location)
        else:
            raise ProviderError(_undelivered(f"{hosts.name(send.url)}: more than {MAX_REDIRECTS} redirects"))
        if _may_pass(reply):
            raise _AgainError(_failure_from(reply, url))
        return reply

    async def _downloaded(self, send: Send) -> Reply:
        if not hosts.may_download(send.url, self.target):
            raise ProviderError(_undelivered(f"{hosts.name(send.url)}: results are fetched over https alone"))
        try:
            return await self._sent(await self._outgoing(send, min(QUIET, self.timeouts.first_byte)), send.purpose)
        except ProviderError as error:
            if error.failure.kind is FailureKind.UNUSABLE:
                raise
            raise _AgainError(error.failure) from error

    async def _repeated(self, once: Callable[[], Awaitable[Reply]], gap: Callable[[], float] | None) -> Reply:
        """``once``, again while it may help: as long as there is time where ``gap`` is given, else a few times."""

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.failure.retry_after if isinstance(error, _AgainError) else None
            return max(gap() if gap else pacing.next_try(state.attempt_number, self.rng), asked or 0.0)

        def stop(state: RetryCallState) -> bool:
            spent = gap is None and state.attempt_number >= pacing.DOWNLOAD_TRIES
            return spent or _clock.now() + state.upcoming_sleep >= self.limit

        retrying = AsyncRetrying(
            sleep=_clock.sleep, retry=retry_if_exception_type(_AgainError), wait=wait, stop=stop, reraise=True
        )
        return await retrying(once)

    def _until_next_poll(self, send: Send) -> float:
        return max(pacing.next_poll(_clock.now() - self._submitted, self.rng), send.every)

    async def _pause(self, seconds: float) -> None:
        """Wait before a poll; less than asked where that is the last chance, and not at all where there is none."""
        left = self.limit - _clock.now() - pacing.LEAST
        if left <= 0:
            raise _OutOfTimeError
        await _clock.sleep(min(seconds, left))

    # --- what is sent, and to whom ----------------------------------------------------------------------------------

    def _check_host(self, send: Send) -> None:
        if hosts.may_have_credential(send.url, self.target):
            return
        message = f"{hosts.name(send.url)} is not one of the provider's hosts (over https), so nothing was sent there"
        if send.purpose is Purpose.POLL:
            raise ProviderError(Failure(FailureKind.JOB_LOST, message, charge=Charge.UNKNOWN))
        raise ProviderError(Failure(FailureKind.UNAUTHORISED, message))

    async def _outgoing(self, send: Send, quiet: float) -> Outgoing:
        try:
            body, media_type = encode(send)
        except (TypeError, ValueError) as error:
            failure = Failure(FailureKind.INVALID, f"the request cannot be written as JSON: {error}")
            raise ProviderError(failure) from error
        headers = _lower(send.headers)
        if send.purpose is Purpose.SUBMIT and self.headers:
            headers |= {name: value for name, value in _lower(self.headers).items() if name not in FRAMING}
        if media_type is not None and (send.parts or "content-type" not in headers):
            headers["content-type"] = media_type
        credential = self.target.credential
        if credential is not None and send.purpose is not Purpose.DOWNLOAD:
            if credential.signs:
                send = replace(send, headers=dict(headers), json=None, parts=(), body=body)
            headers |= _lower(await credential.headers(send))
        return Outgoing(
            send.method,
            send.url,
            headers,
            body,
            connect_timeout=self.timeouts.connect,
            first_byte_timeout=quiet,
            max_reply_bytes=self.max_reply_bytes,
            on_data=self._shown(send.glimpse) if send.glimpse and self.progress.watcher else None,
        )

    def _shown(self, glimpse: Glimpse) -> Callable[[bytes], None]:
        """Shows the partial images in an answer while it comes."""
        reader = EventReader()

        def on_data(piece: bytes) -> None:
            for event in reader.feed(piece):
                if (partial := glimpse(event)) is not None:
                    self.progress.show(partial)

        return on_data

    # --- failures ---------------------------------------------------------------------------------------------------

    def _completed(self, failure: Failure) -> Failure:
        return replace(
            failure,
            job=failure.job or self.progress.job,
            provider_request_id=failure.provider_request_id or self.progress.provider_request_id,
        )

    def _charged(self, failure: Failure) -> Failure:
        """A failure of the transport's own costs nothing only as long as nothing was sent, and all once it is drawn."""
        return replace(failure, charge=max(failure.charge, self.progress.phase.charge, key=_CHARGES.index))

    def _out_of_time(self) -> Failure:
        said = {
            Phase.NOT_SENT: "its time was up before the request had been sent",
            Phase.SENT: "sent, and its time was up before an answer had come whole",
            Phase.DRAWN: "drawn, and its time was up before the result had been fetched",
        }
        message = said.get(self.progress.phase, "its time was up before the job was done")
        return self._charged(Failure(FailureKind.TIMEOUT, message))

    def _unexpected(self, bug: Exception) -> Failure:
        # The bug's own words stay in its traceback: they may quote anything.
        return self._charged(Failure(FailureKind.UNUSABLE, f"a bug in the adapter or below: {type(bug).__name__}"))


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _failure_of(error: EngineError, url: str, purpose: Purpose) -> Failure:
    match error:
        case ReplyTooLargeError():
            kind, charge = FailureKind.UNUSABLE, Charge.UNKNOWN
        case NotSentError():
            kind, charge = FailureKind.CONNECTION, Charge.NONE
        case _:
            kind, charge = FailureKind.TIMEOUT, Charge.UNKNOWN
    if purpose is Purpose.ASK:
        charge = Charge.NONE
    elif purpose is Purpose.DOWNLOAD:
        charge = Charge.BILLED
    return Failure(kind, f"{hosts.name(url)}: {error}", charge=charge)


def _failure_from(reply: Reply, url: str) -> Failure:
    message = f"{hosts.name(url)}: HTTP {reply.status}"
    return Failure(status_kind(reply.status), message, status=reply.status, retry_after=retry_after(reply))


def _undelivered(message: str, status: int | None = None) -> Failure:
    text = f"drawn, and the result could not be fetched: {message}"
    return Failure(FailureKind.UNUSABLE, text, charge=Charge.BILLED, status=status)


def _may_pass(reply: Reply) -> bool:
    return reply.status >= 500 or reply.status == 429


def _is_job(body: bytes) -> bool:
    try:
        found = json.loads(body)
    except ValueError:
        return False
    return isinstance(found, dict) and isinstance(found.get("status"), str)
