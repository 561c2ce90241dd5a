"""The transport: carries out exchanges, and is alone in knowing how."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from random import Random
from typing import Literal, TypeAlias, TypeVar

from pixelrelay import _clock
from pixelrelay._transport import fetching
from pixelrelay._transport.driving import Driving
from pixelrelay._transport.engine import Engine
from pixelrelay._transport.fetching import Resolver, resolve
from pixelrelay._transport.progress import Progress
from pixelrelay._transport.timeouts import Timeouts
from pixelrelay.images import NOTHING, Generation
from pixelrelay.providers.base import Exchange, Question, Reply, Send, Target

MAX_REPLY_BYTES = 256 * 1024 * 1024

EngineChoice: TypeAlias = Literal["auto", "httpx2", "aiohttp"]
T = TypeVar("T")


class Transport:
    """Carries out exchanges within one event loop. Nothing is opened, and no HTTP library loaded, before its first use.

    ``"auto"`` is aiohttp where that is installed and the loop is asyncio's, else httpx2.
    """

    def __init__(
        self,
        engine: Engine | EngineChoice = "auto",
        *,
        max_reply_bytes: int = MAX_REPLY_BYTES,
        rng: Random | None = None,
        resolver: Resolver = resolve,
    ) -> None:
        self._choice = engine
        self._opened: Engine | None = None
        self._max_reply_bytes = max_reply_bytes
        self._rng = rng or Random()
        self._resolver = resolver

    async def drive(
        self,
        exchange: Exchange,
        target: Target,
        *,
        timeouts: Timeouts,
        deadline: float,
        progress: Progress,
        expected: float | None = None,
        headers: Mapping[str, str] = NOTHING,
    ) -> Generation:
        """What ``exchange`` brings; every failure is a ``ProviderError``, its charge by how far the attempt came.

        ``deadline`` is a moment of ``_clock.now()``. ``expected`` is how many seconds the provider is thought to take,
        which says when a first poll is worth it. ``headers`` go with the submission alone, and those that frame the
        body or carry the credential cannot be replaced by them. Cancelled, it closes the connection, and ``progress``
        tells how far it came.
        """
        limit = min(deadline, _clock.now() + timeouts.total)
        return await self._run(exchange, target, timeouts, limit, progress, expected, headers)

    async def ask(self, question: Question, target: Target, *, timeouts: Timeouts) -> str:
        """The answer to a question that costs nothing. Raises ``ProviderError`` as ``drive`` does."""
        return await self._run(question, target, timeouts, _clock.now() + timeouts.total, Progress(), None, NOTHING)

    async def fetch(self, url: str, *, max_bytes: int) -> bytes:
        """What lies at a public https address that a caller named, without any credential.

        Raises ``FetchRefusedError`` if it is longer than ``max_bytes``, cannot be had, or if the address or one that
        it redirects to lies in a network that is not public.
        """
        return await fetching.fetch(self._engine(), self._resolver, url, max_bytes)

    def open(self) -> None:
        """Load what is needed to send, which the first use would have to wait for: some tenths of a second."""
        self._engine()

    async def aclose(self) -> None:
        """Close every connection. A later use opens new ones."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.aclose()

    async def _run(
        self,
        steps: Generator[Send, Reply, T],
        target: Target,
        timeouts: Timeouts,
        limit: float,
        progress: Progress,
        expected: float | None,
        headers: Mapping[str, str],
    ) -> T:
        driving = Driving(
            steps=steps,
            engine=self._engine(),
            target=target,
            timeouts=timeouts,
            limit=limit,
            progress=progress,
            rng=self._rng,
            max_reply_bytes=self._max_reply_bytes,
            expected=expected,
            headers=headers,
        )
        try:
            return await driving.run()
        finally:
            steps.close()

    def _engine(self) -> Engine:
        if self._opened is None:
            self._opened = _open(self._choice) if isinstance(self._choice, str) else self._choice
        return self._opened


def _open(choice: EngineChoice) -> Engine:
    # Each library is loaded where it is used: both together take a third of a second, and aiohttp may be missing.
    if choice == "aiohttp" or (choice == "auto" and _on_asyncio()):
        try:
            from pixelrelay._transport.aiohttp_engine import AiohttpEngine
        except ImportError:
            if choice == "aiohttp":
                raise
        else:
            return AiohttpEngine()
    from pixelrelay._transport.httpx2_engine import Httpx2Engine

    return Httpx2Engine()


def _on_asyncio() -> bool:
    try:
        return asyncio.current_task() is not None  # not the running loop: Trio may be its guest
    except RuntimeError:
        return False
