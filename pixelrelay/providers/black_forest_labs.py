"""Black Forest Labs' own API: a job is submitted, polled where the answer says, and its picture fetched.

Facts as of 2026-11-21, from BFL's OpenAPI document, documentation and help centre, and what clients saw of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pydantic import SecretStr

from pixelrelay.errors import ProviderError
from pixelrelay.images import ImageRequest
from pixelrelay.outcomes import Charge, Failure, FailureKind
from pixelrelay.providers._addresses import checked_url, host_of
from pixelrelay.providers._bfl_endpoints import endpoint_of
from pixelrelay.providers._flux_jobs import Task, failure_of, follow, task_in
from pixelrelay.providers.base import (
    Answer,
    ApiKey,
    Exchange,
    ProviderOptions,
    Purpose,
    Question,
    Reply,
    Send,
    Target,
    Terms,
    read,
)
from pixelrelay.providers.capabilities import Capabilities, row, table
from pixelrelay.providers.failures import failure_from
from pixelrelay.quotas import Shape, Unit

REGIONS = {"global": "https://api.bfl.ai", "eu": "https://api.eu.bfl.ai", "us": "https://api.us.bfl.ai"}

OWN_HOSTS = ".bfl.ai"
"""Jobs are polled at the cluster that draws them, whose host is not the one they were submitted to."""

JOBS_AT_A_TIME = 24
"""Of an account (help centre, June 2025)."""

FEWER_JOBS_AT_A_TIME = {"flux-kontext-max": 6}


class BlackForestLabsOptions(ProviderOptions):
    data_residency: Literal["global", "eu", "us"] | None = None
    """Where jobs may be drawn; ``global``, with failover between the regions, when unset."""
    base_url: str | None = None
    """In place of a region: a cluster of BFL's own, a gateway, an emulator. Its host alone is sent the key."""


class BlackForestLabs:
    name = "black-forest-labs"
    options: type[ProviderOptions] = BlackForestLabsOptions
    requires_key = True

    def target(self, model: str, api_key: SecretStr | None, options: BlackForestLabsOptions) -> Target:
        base = _base_url(options)
        host = host_of(base)
        return Target(
            base_url=base,
            model=model,
            credential=ApiKey("x-key", api_key) if api_key is not None else None,
            trusted_hosts=(OWN_HOSTS,) if host.endswith(OWN_HOSTS) else (host,),
            options=options,
        )

    def capabilities(self, model: str, options: Any) -> Capabilities:  # noqa: ARG002 - the model decides alone
        return row(table("black_forest_labs"), _last_part(model))

    def terms(self, model: str, options: Any) -> Terms:  # noqa: ARG002 - the model decides alone
        limit = FEWER_JOBS_AT_A_TIME.get(_last_part(model), JOBS_AT_A_TIME)
        return Terms(shape=Shape.ROLLING, limits={Unit.CONCURRENT: limit})

    def generate(self, request: ImageRequest, target: Target) -> Exchange:
        return _exchange(request, target)

    def edit(self, request: ImageRequest, target: Target) -> Exchange:
        return _exchange(request, target)

    def ask(self, target: Target) -> Question:
        """How many credits are left; it proves key and host, and says nothing of the model."""
        reply = yield Send(Purpose.ASK, "GET", f"{target.base_url}/v1/credits")
        if not reply.ok:
            raise ProviderError(refusal(reply))
        return f"{read(reply, _Credits).credits:g} credits"


class _Credits(Answer):
    credits: float


def _base_url(options: BlackForestLabsOptions) -> str:
    if options.base_url is None:
        return REGIONS[options.data_residency or "global"]
    if options.data_residency is not None:
        raise ValueError("base_url and data_residency: only one of them can say where to send")
    return checked_url(options.base_url, "base_url").removesuffix("/v1")


def _last_part(model: str) -> str:
    return model.strip("/").rpartition("/")[2]


def _exchange(request: ImageRequest, target: Target) -> Exchange:
    reply = yield submission(request, target)
    return (yield from follow(_accepted(reply), wants_url=request.wants_url))


def submission(request: ImageRequest, target: Target) -> Send:
    endpoint = endpoint_of(target.model)
    return Send(Purpose.SUBMIT, "POST", f"{target.base_url}/v1/{endpoint.path}", json=endpoint.body(request))


def _accepted(reply: Reply) -> Task:
    seen = task_in(reply)
    if seen is not None and (failure := failure_of(seen, reply)):
        raise ProviderError(failure)
    if not reply.ok:
        raise ProviderError(refusal(reply))
    return read(reply, Task)


def refusal(reply: Reply) -> Failure:
    """What an error answer means. A 429 speaks of the jobs that run at a time: BFL counts nothing else."""
    failure = failure_from(reply, {})
    if failure.kind is FailureKind.RATE_LIMITED:
        return replace(failure, unit=Unit.CONCURRENT)
    # BFL asks to repeat a submission with care after a 500: the job may have been taken up before it.
    return replace(failure, charge=Charge.UNKNOWN) if reply.status == 500 else failure
