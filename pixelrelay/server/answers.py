"""One answer on its way out: whole or piece by piece, and no longer than its reader takes part in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import anyio
from starlette.types import Message, Receive, Scope, Send

from pixelrelay import _clock
from pixelrelay.server.refusals import Refusal
from pixelrelay.server.telling import Told, refusal_headers

ResultT = TypeVar("ResultT")
JSON = {"content-type": "application/json"}
ON_LEAVING = "pixelrelay.on_leaving"
"""An extension of ASGI: takes what to call when the caller leaves, so that nobody has to wait for that in a task."""


class StalledError(Exception):
    """The reader takes nothing any more."""


@dataclass(slots=True)
class Answer:
    """The answer to one request; its status is ``None`` until it has begun."""

    send: Send
    told: Told
    stall_timeout: float
    status: int | None = None

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Send status and headers, and among them what every answer tells."""
        whole = {**headers, **self.told.headers()}
        raw = [(name.encode("ascii"), value.encode("latin-1", "replace")) for name, value in whole.items()]
        await self.pass_on({"type": "http.response.start", "status": status, "headers": raw})

    async def piece(self, data: bytes) -> None:
        await self.pass_on({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        await self.pass_on({"type": "http.response.body", "body": data, "more_body": False})

    async def all_of(self, pieces: Iterator[bytes], *, ends: bool = False) -> None:
        """Send them one by one, the last of them as the end of the answer if it ``ends`` with it."""
        before: bytes | None = None
        for piece in pieces:
            if before is not None:
                await self.piece(before)
            before = piece
        await (self.end if ends else self.piece)(before or b"")

    async def whole(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        await self.begin(status, {**headers, "content-length": str(len(body))})
        await self.end(body)

    async def refuse(self, refusal: Refusal, body: bytes, *, degraded: bool = False) -> None:
        await self.whole(refusal.status, JSON | refusal_headers(refusal, degraded=degraded), body)

    async def pass_on(self, message: Message) -> None:
        """Send one message of an ASGI app. Raises ``StalledError`` where the reader takes it not in time."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        with anyio.move_on_after(self.stall_timeout) as sending:
            await self.send(message)
        if sending.cancelled_caught:
            raise StalledError


@asynccontextmanager
async def while_connected(scope: Scope, receive: Receive) -> AsyncIterator[None]:
    """Cancel the block when the caller leaves. It must not raise: what it raises comes out in a group."""
    if (on_leaving := scope.get("extensions", {}).get(ON_LEAVING)) is not None:
        with anyio.CancelScope() as staying:
            on_leaving(staying.cancel)
            yield
        return

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        yield
        tasks.cancel_scope.cancel()


async def beating(work: Callable[[], Awaitable[ResultT]], every: float, beat: Callable[[], Awaitable[None]]) -> ResultT:
    """What ``work`` returns or raises, with a ``beat`` each time that ``every`` seconds have passed meanwhile."""
    if not every:
        return await work()
    outcome: list[ResultT] = []
    raised: list[Exception] = []

    async def beats() -> None:
        try:
            while True:
                await _clock.sleep(every)
                await beat()
        except Exception as error:
            raised.append(error)
            tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(beats)
        try:
            outcome.append(await work())
        except Exception as error:
            raised.append(error)
        tasks.cancel_scope.cancel()
    if outcome:
        return outcome[0]
    raise raised[-1]
