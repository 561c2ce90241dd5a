"""Each deployment asked a question that costs nothing, all at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import anyio

from pixelrelay import _clock
from pixelrelay._transport.transport import Transport
from pixelrelay.config import ResolvedDeployment
from pixelrelay.errors import ProviderError
from pixelrelay.outcomes import Failure

AT_A_TIME = 20
LONGEST = 30.0
"""Seconds for an answer: a question draws nothing, so that what a picture may take means nothing here."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What one deployment said."""

    deployment: str
    provider: str
    seconds: float
    answer: str = ""
    failure: Failure | None = None


async def ask_all(deployments: Sequence[ResolvedDeployment]) -> tuple[Answered, ...]:
    """The answers in the order of ``deployments``."""
    transport, limiter = Transport(), anyio.CapacityLimiter(AT_A_TIME)
    answers: dict[str, Answered] = {}

    async def ask(deployment: ResolvedDeployment) -> None:
        async with limiter:
            answers[deployment.name] = await _asked(deployment, transport)

    try:
        async with anyio.create_task_group() as tasks:
            for deployment in deployments:
                tasks.start_soon(ask, deployment)
    finally:
        await transport.aclose()
    return tuple(answers[deployment.name] for deployment in deployments)


async def _asked(deployment: ResolvedDeployment, transport: Transport) -> Answered:
    began = _clock.now()
    limits = deployment.timeouts
    timeouts = replace(limits, first_byte=min(limits.first_byte, LONGEST), total=min(limits.total, LONGEST))
    answer, failure = "", None
    try:
        question = deployment.provider.ask(deployment.target)
        answer = await transport.ask(question, deployment.target, timeouts=timeouts)
    except ProviderError as error:
        failure = error.failure
    return Answered(deployment.name, deployment.provider.name, _clock.now() - began, answer, failure)
