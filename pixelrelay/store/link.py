"""One connection to the shared store: what is asked in one turn of the event loop goes out together.

A script is asked for by its hash. A server that does not know it, having been restarted or flushed of scripts, is
sent its text in place of the hash, and knows it from then on.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pixelrelay.store.address import Address
from pixelrelay.store.base import Asked
from pixelrelay.store.clients import LOST, Client, NoScriptError, client, close, word_for
from pixelrelay.store.scripts import SCRIPT, SHA, inbox
from pixelrelay.store.shared import LostError

TOGETHER = 64
"""The most calls that are sent in one go, so that none waits for too long a queue."""
LISTENING = 5.0
"""Seconds after which waiting for messages begins anew, so that a dead connection is found out."""


class RefusedError(LostError):
    """The script failed at what it was asked. To ask for the same again is of no use."""


@dataclass(slots=True, eq=False)
class _Call:
    step: str
    asked: str
    answered: asyncio.Future[bytes]
    sent: bool = False

    def command(self, script: str, prefix: str) -> tuple[str, ...]:
        return ("EVALSHA" if script == SHA else "EVAL", script, "1", prefix, self.step, self.asked)


class Link:
    """Asks the scripts, and hears what other processes' calls have to say to this one. For asyncio."""

    def __init__(self, address: Address, prefix: str, timeout: float, told: Callable[[Asked], None]) -> None:
        """``timeout`` in seconds, for a whole call: connecting, standing in the queue, and the answer."""
        self._address = address
        self._prefix = f"{{{prefix}}}"
        self._timeout = timeout
        self._told = told
        self._client = client(address, timeout)
        self._listener: Client | None = None
        self._queue: list[_Call] = []
        self._sender: asyncio.Task[None] | None = None

    async def call(self, step: str, asked: str) -> dict[str, Any]:
        """What the script answers. ``LostError`` if it does not within the timeout."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        error: str | None = None
        call = _Call(step, asked, loop.create_future())
        self._queue.append(call)
        if self._sender is None or self._sender.done():
            self._sender = loop.create_task(self._send_all())
        try:
            async with asyncio.timeout(self._timeout):
                answer: dict[str, Any] = json.loads(await call.answered)
                return answer
        except LOST as lost:
            error = word_for(lost)
            kind = RefusedError if error == "script" else LostError
            raise kind(f"{error}: {_in_words(lost, self._timeout)}") from lost
        finally:
            if call.sent or error:
                self._told(Asked(step, loop.time() - began, error))

    async def _send_all(self) -> None:
        while self._queue:
            # Who has given up waiting is not asked for any more: the answer would be to nobody.
            waiting = [call for call in self._queue[:TOGETHER] if not call.answered.done()]
            del self._queue[:TOGETHER]
            try:
                answers = await self._send(waiting, SHA)
                unknown = [call for call, answer in zip(waiting, answers, strict=True) if _no_script(answer)]
                if unknown:
                    await self._answer(unknown, await self._send(unknown, SCRIPT))
                known = [pair for pair in zip(waiting, answers, strict=True) if not _no_script(pair[1])]
                await self._answer([call for call, _ in known], [answer for _, answer in known])
            except LOST as lost:
                await self._answer(waiting, [lost] * len(waiting))

    async def _send(self, calls: Sequence[_Call], script: str) -> Sequence[bytes | BaseException]:
        """The answers, each in its place. An error that is all calls' is raised."""
        for call in calls:
            call.sent = True
        commands = [call.command(script, self._prefix) for call in calls]
        if len(commands) > 1 and self._address.kind != "cluster":
            async with self._client.pipeline(transaction=False) as pipe:
                for command in commands:
                    pipe.execute_command(*command)
                answers: list[bytes | BaseException] = await pipe.execute(raise_on_error=False)
                return answers
        # A cluster's client sends pipelines to all its nodes; here every call goes to one.
        each: list[bytes | BaseException] = await asyncio.gather(
            *(self._client.execute_command(*command) for command in commands), return_exceptions=True
        )
        return each

    async def _answer(self, calls: Sequence[_Call], answers: Sequence[bytes | BaseException]) -> None:
        for call, answer in zip(calls, answers, strict=True):
            if call.answered.done():
                continue
            if isinstance(answer, BaseException):
                call.answered.set_exception(answer)
            else:
                call.answered.set_result(answer)

    async def messages(self, process: str) -> Sequence[dict[str, Any]]:
        """What has been left for ``process``, or is within ``LISTENING`` seconds. ``LostError`` if nobody can say."""
        if self._listener is None:
            self._listener = client(self._address, 0.0)
        try:
            async with asyncio.timeout(LISTENING + 1.0):
                found = await self._listener.execute_command("BLPOP", inbox(self._prefix, process), str(LISTENING))
        except LOST as lost:
            raise LostError(_in_words(lost, LISTENING)) from lost
        return [json.loads(found[1])] if found else []

    async def aclose(self) -> None:
        if self._sender is not None:
            self._sender.cancel()
        for open_one in (self._client, self._listener):
            if open_one is not None:
                await close(open_one)


def _no_script(answer: bytes | BaseException) -> bool:
    return isinstance(answer, NoScriptError)


def _in_words(lost: BaseException, timeout: float) -> str:
    if isinstance(lost, TimeoutError) and not str(lost):
        return f"no answer within {timeout:g} s"
    return str(lost) or type(lost).__name__
