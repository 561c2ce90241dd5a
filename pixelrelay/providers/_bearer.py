"""A token in place of a key: asked for before each call, away from the event loop."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

from anyio import to_thread

from pixelrelay.errors import ProviderError
from pixelrelay.outcomes import Failure, FailureKind
from pixelrelay.providers.base import Send
from pixelrelay.providers.failures import plain

TokenProvider: TypeAlias = Callable[[], str | Awaitable[str]]
"""Gives a bearer token, fresh enough to be used at once; it is asked before every call, so it should cache."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token that is asked for before each call, in a worker thread where asking may block."""

    signs: ClassVar[bool] = False

    provider: TokenProvider = field(repr=False)
    what: str
    """What is missing where none can be had: ``Entra token``."""

    async def headers(self, send: Send) -> Mapping[str, str]:  # noqa: ARG002 - others sign the request
        try:
            token = await self._token()
        except Exception as error:
            raise self._without(f"{type(error).__name__}: {error}") from None  # it may quote a secret
        if not token or not isinstance(token, str):
            raise self._without("token_provider gave nothing")
        return {"authorization": f"Bearer {token}"}

    async def _token(self) -> Any:
        ask: Callable[[], Any] = self.provider
        if inspect.iscoroutinefunction(ask):
            return await ask()
        # Abandoned rather than waited for: the deadline of the request holds for its token too. In a tuple, because
        # Trio takes a coroutine that a thread returns for a mistake.
        (answer,) = await to_thread.run_sync(lambda: (ask(),), abandon_on_cancel=True)
        return await answer if inspect.isawaitable(answer) else answer

    def _without(self, why: str) -> ProviderError:
        return ProviderError(Failure(FailureKind.UNAUTHORISED, plain(f"no {self.what} could be had: {why}")))
