"""Configurations of fleets that share their quotas, and how these stand."""

from __future__ import annotations

from typing import Any

from pixelrelay.cli.standing import Standing, standing_of
from pixelrelay.config import RelayConfig, ResolvedDeployment, load, resolve
from pixelrelay.store.base import DeploymentState, Sight

KEY = "key-0123456789"


def foundry(name: str, **further: Any) -> dict[str, Any]:
    """Its tier says 100 requests a minute."""
    where = {"endpoint": "https://contoso.services.ai.azure.com", "api_key": KEY, "tier": "high"}
    return {"name": name, "provider": "azure-foundry", "model": "FLUX.2-pro", **where, **further}


def bfl(name: str, **further: Any) -> dict[str, Any]:
    """It is known to have 24 jobs at a time."""
    return {"name": name, "provider": "black-forest-labs", "model": "flux-2-pro", "api_key": KEY, **further}


def fleet(*deployments: dict[str, Any], **further: Any) -> dict[str, Any]:
    groups = {"flux": {"deployments": list(deployments)}}
    return {"models": groups, "store": "redis://router:open-sesame@cache:6379/0", **further}


def members(config: RelayConfig) -> list[ResolvedDeployment]:
    return [one for group in resolve(config).values() for one in group]


def standing(data: dict[str, Any], *processes: str, **states: DeploymentState) -> Standing:
    config = load(data, environ={})
    return standing_of(config, members(config), Sight(states, processes))
