"""An engine that follows a script, and exchanges to drive through it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias

import anyio
import pytest
from pydantic import SecretStr

from pixelrelay import _clock
from pixelrelay._transport.engine import EngineError, NotSentError, Outgoing
from pixelrelay._transport.progress import Progress
from pixelrelay._transport.timeouts import Timeouts
from pixelrelay._transport.transport import Transport
from pixelrelay.errors import ProviderError
from pixelrelay.images import Generation, Image
from pixelrelay.outcomes import Failure
from pixelrelay.providers.base import ApiKey, Exchange, ProviderOptions, Purpose, Reply, Send, Target

KEY = "sk-very-secret"
BASE = "https://api.example/v1"
JOB = f"{BASE}/jobs/7"
RESULT = "https://cdn.example/7.png?sig=signed"
PICTURE = b"\x89PNG"

Step: TypeAlias = Callable[[Callable[[], None]], Awaitable[Reply]]


def answer(status: int = 200, body: Mapping[str, Any] | bytes = b"", after: float = 0.0, **headers: str) -> Step:
    async def step(on_sent: Callable[[], None]) -> Reply:
        on_sent()
        await anyio.sleep(after)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Reply(status, named, body if isinstance(body, bytes) else json.dumps(body).encode())

    return step


def failing(error: EngineError) -> Step:
    async def step(on_sent: Callable[[], None]) -> Reply:
        if not isinstance(error, NotSentError):
            on_sent()
        raise error

    return step


def hanging(*, sent: bool) -> Step:
    async def step(on_sent: Callable[[], None]) -> Reply:
        if sent:
            on_sent()
        await anyio.sleep_forever()
        raise AssertionError

    return step


ACCEPTED = answer(200, {"id": "job-7"}, x_request_id="req-1")
PENDING = answer(200, {"status": "Pending"})
READY = answer(200, {"status": "Ready", "url": RESULT})
DELIVERED = answer(200, PICTURE)


@dataclass
class ScriptedEngine:
    """Answers each request with the next step; it fails the test that sends more than was foreseen."""

    script: list[Step]
    sent: list[tuple[float, Outgoing]] = field(default_factory=list)
    closed: bool = False

    async def send(self, outgoing: Outgoing, on_sent: Callable[[], None]) -> Reply:
        if not self.script:
            # Not an assertion: the transport would turn that into the failure of an attempt.
            pytest.fail(f"nothing more was to be sent, and yet: {outgoing.method} {outgoing.url}")
        self.sent.append((_clock.now(), outgoing))
        return await self.script.pop(0)(on_sent)

    async def aclose(self) -> None:
        self.closed = True

    def times(self, method: str) -> list[float]:
        return [moment for moment, outgoing in self.sent if outgoing.method == method]

    @property
    def urls(self) -> list[str]:
        return [outgoing.url for _, outgoing in self.sent]


def target(base_url: str = BASE, *trusted: str) -> Target:
    key = ApiKey("Authorization", SecretStr(KEY), "Bearer")
    return Target(base_url, "flux", key, trusted or ("api.example",), ProviderOptions())


def submission(url: str = f"{BASE}/images") -> Send:
    return Send(Purpose.SUBMIT, "POST", url, {"X-Dialect": "1"}, json={"prompt": "a lighthouse"})


def inline() -> Exchange:
    """One request, the picture in the answer."""
    reply = yield submission()
    return Generation((Image(data=reply.body),))


def job(poll_url: str = JOB) -> Exchange:
    """Submitted, polled until it is ready, and fetched."""
    submitted = json.loads((yield submission()).body)
    poll = Send(Purpose.POLL, "GET", poll_url, job=submitted["id"])
    while (state := json.loads((yield poll).body))["status"] != "Ready":
        pass
    reply = yield Send(Purpose.DOWNLOAD, "GET", state["url"])
    return Generation((Image(data=reply.body),))


def download(url: str = RESULT) -> Exchange:
    """Drawn at once, and fetched."""
    yield submission()
    reply = yield Send(Purpose.DOWNLOAD, "GET", url)
    return Generation((Image(data=reply.body),), provider_request_id=str(reply.status))


async def drive(
    exchange: Exchange,
    engine: ScriptedEngine,
    *,
    at: Target | None = None,
    progress: Progress | None = None,
    within: float = 1000.0,
    expected: float | None = None,
    headers: Mapping[str, str] | None = None,
    timeouts: Timeouts | None = None,
) -> Generation:
    transport = Transport(engine, rng=Random(7))
    return await transport.drive(
        exchange,
        at or target(),
        timeouts=timeouts or Timeouts(),
        deadline=_clock.now() + within,
        progress=progress or Progress(),
        expected=expected,
        headers=headers or {},
    )


async def failure_of(exchange: Exchange, engine: ScriptedEngine, **settings: Any) -> Failure:
    """How it failed; and no message may tell the key, or what signs a URL."""
    try:
        await drive(exchange, engine, **settings)
    except ProviderError as error:
        said = f"{error} {error.failure!r}"
        assert KEY not in said
        assert "sig=" not in said
        return error.failure
    raise AssertionError("it was to fail")
