"""What is worth knowing about a configuration that can be used."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from pixelrelay.config.drafts import Lookup
from pixelrelay.config.models import DeploymentConfig, RelayConfig
from pixelrelay.config.problems import path_of
from pixelrelay.config.resolved import with_size
from pixelrelay.config.store import OPTIONS
from pixelrelay.errors import Problem
from pixelrelay.providers import registry
from pixelrelay.providers.adapting import why_never
from pixelrelay.providers.base import Provider
from pixelrelay.providers.capabilities import Capabilities

NOTICE = timedelta(days=90)
"""How long before a model is switched off one is told."""

_NO_SUCH_MODEL = "no such model"


def warnings_of(config: RelayConfig, today: date, lookup: Lookup = registry.provider) -> list[Problem]:
    """What can be used and had better be known, at its place in the file that was read.

    What of another program's file has no meaning here.
    Models that are or soon will be retired, models their provider is not known to have, defaults that their model can
    never be asked, pools without members, and what is said about a shared store where there is none.
    """
    return [
        *config.origin.remarks,
        *_model_warnings(config, today, lookup),
        *_default_warnings(config, lookup),
        *_pool_warnings(config),
        *_store_warnings(config),
    ]


def _model_warnings(config: RelayConfig, today: date, lookup: Lookup) -> Iterator[Problem]:
    for group, written in config.models.items():
        for index, deployment in enumerate(written.deployments):
            provider = lookup(deployment.provider)
            can = provider.capabilities(deployment.model, deployment.options)
            message = _retirement(deployment.model, can, today) or _unknown(provider, deployment, can)
            if message is not None:
                loc = ("models", group, "deployments", index, "model")
                yield Problem(path_of(config.origin.place(loc)), message)


def _retirement(model: str, can: Capabilities, today: date) -> str | None:
    if can.retires is None and not can.operations:
        return f"{model} has been switched off"
    if can.retires is None or can.retires > today + NOTICE:
        return None
    when = "was switched off" if can.retires <= today else "is switched off"
    instead = f"; {can.replaced_by} takes its place" if can.replaced_by else ""
    return f"{model} {when} on {can.retires}{instead}"


def _unknown(provider: Provider, deployment: DeploymentConfig, can: Capabilities) -> str | None:
    if getattr(deployment.options, "base_url", None) is not None:
        return None  # another server than the provider's, with models of its own
    if can.free_names:
        return None
    if can != provider.capabilities(_NO_SUCH_MODEL, deployment.options):
        return None
    return f"{provider.name} is not known to have {deployment.model!r}; it is taken to be able to do anything"


def _default_warnings(config: RelayConfig, lookup: Lookup) -> Iterator[Problem]:
    for group, written in config.models.items():
        for index, deployment in enumerate(written.deployments):
            can = lookup(deployment.provider).capabilities(deployment.model, deployment.options)
            for name, value in with_size(deployment.defaults).items():
                if (why := why_never(can, name, value)) is not None:
                    path = path_of(("models", group, "deployments", index, "defaults", name))
                    yield Problem(path, f"is never asked of {deployment.model}: {why}")


def _pool_warnings(config: RelayConfig) -> Iterator[Problem]:
    deployments = [deployment for group in config.models.values() for deployment in group.deployments]
    for pool in config.pools:
        if not any(pool in deployment.pools for deployment in deployments):
            yield Problem(path_of(("pools", pool)), "no deployment is in this pool")


def _store_warnings(config: RelayConfig) -> Iterator[Problem]:
    if config.store is None:
        for name in OPTIONS:
            if name in config.model_fields_set:
                message = "means nothing to a store in memory; a shared one is written store: redis://HOST:6379/0"
                yield Problem(name, message)
