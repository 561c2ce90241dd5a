"""Answers that break off, drip, or never come; and the one exception that becomes an answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from math import ceil
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from pixelrelay import _clock
from pixelrelay.testing.emulator.faults import Fault, FaultKind, RetryAfter

ABORT = "pixelrelay.emulator.abort"
"""The ASGI extension by which an app resets its connection; it is told whether the connection was refused."""


class RefusalError(Exception):
    """An answer that says no."""

    def __init__(self, status: int, body: Mapping[str, Any] | str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = dict(headers or {})

    def response(self) -> Response:
        if isinstance(self.body, str):
            return Response(self.body, self.status, self.headers, media_type="text/html")
        return JSONResponse(self.body, self.status, self.headers)


def stay_away(seconds: float | None, form: RetryAfter | None = None) -> dict[str, str]:
    """The headers that name a time to stay away; without a ``form``, the two that providers send together."""
    if seconds is None:
        return {}
    whole, milliseconds = str(ceil(seconds)), str(ceil(seconds * 1000))
    match form:
        case None:
            return {"retry-after": whole, "retry-after-ms": milliseconds}
        case RetryAfter.SECONDS:
            return {"retry-after": whole}
        case RetryAfter.MILLISECONDS:
            return {"retry-after-ms": milliseconds}
        case RetryAfter.DATE:
            today = datetime.fromtimestamp(int(_clock.wall()), UTC)
            then = datetime.fromtimestamp(today.timestamp() + ceil(seconds), UTC)
            return {"retry-after": format_datetime(then, usegmt=True), "date": format_datetime(today, usegmt=True)}
        case RetryAfter.TEXT:
            return {}


async def until_disconnect(receive: Receive) -> None:
    """Wait for the client to leave, reading whatever it still sends."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Reset(Response):
    """No answer: the connection is reset, or looks as if it had been refused."""

    def __init__(self, refused: bool = False) -> None:
        super().__init__()
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - says nothing
        scope["extensions"][ABORT](self._refused)
        await until_disconnect(receive)


class Silence(Response):
    """No answer, until the client gives up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - says nothing
        await until_disconnect(receive)


class Broken(Response):
    """Half of an answer, and a reset."""

    def __init__(self, whole: Response) -> None:
        super().__init__()
        self._whole = whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytes(self._whole.body)
        await send(_start(self._whole))
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        # Whoever reads gets the half first: a reset throws away what the other side has not yet read.
        await _clock.sleep(0.05)
        scope["extensions"][ABORT](False)
        await until_disconnect(receive)


class Dripping(Response):
    """A whole answer whose body takes ``seconds``."""

    def __init__(self, whole: Response, seconds: float, pieces: int = 10) -> None:
        super().__init__()
        self._whole = whole
        self._pause = seconds / pieces
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - listens to nobody
        body = bytes(self._whole.body)
        piece = max(1, ceil(len(body) / self._pieces))
        await send(_start(self._whole))
        for start in range(0, len(body), piece):
            await _clock.sleep(self._pause)
            await send({"type": "http.response.body", "body": body[start : start + piece], "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class EventStream(Response):
    """Server-sent events, each when it comes. The work behind them goes on when the client has left."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[str], headers: Mapping[str, str]) -> None:
        super().__init__(headers=dict(headers))
        del self.headers["content-length"]
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - listens to nobody
        await send(_start(self))
        async for event in self._events:
            await send({"type": "http.response.body", "body": event.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _start(response: Response) -> dict[str, Any]:
    return {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}


def spoiled(response: Response, fault: Fault | None) -> Response:
    """What the client gets to see of ``response`` under ``fault``."""
    match fault.kind if fault is not None else None:
        case FaultKind.RESET_BEFORE_ANSWER:
            return Reset()
        case FaultKind.RESET_MID_ANSWER:
            return Broken(response)
        case FaultKind.HANG:
            return Silence()
        case FaultKind.SLOW_BODY if fault is not None:
            return Dripping(response, fault.seconds)
        case FaultKind.MALFORMED_JSON:
            return _with_body(response, bytes(response.body)[: len(response.body) // 2])
        case FaultKind.EMPTY_DATA if response.status_code in {200, 201}:
            return _with_body(response, _emptied(bytes(response.body)))
        case _:
            return response


def _with_body(response: Response, body: bytes) -> Response:
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(body, response.status_code, headers)


def _emptied(body: bytes) -> bytes:
    """The answer without what was asked for: no pictures, no result, no name of the job."""
    try:
        answer = json.loads(body)
    except ValueError:
        return b""
    if "data" in answer:
        answer["data"] = []
    elif "result" in answer:
        answer["result"] = None
    else:
        answer = {}
    return json.dumps(answer).encode()
