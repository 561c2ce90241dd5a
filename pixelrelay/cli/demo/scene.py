"""The scene: the fleet, its configuration as anybody would write it, and what goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import Any

from pixelrelay.testing import EmulatedDeployment, Fault, FaultKind, Fleet, Latency

FOUNDRY = "azure-foundry"
GUARD = 0.3
"""Seconds. The default suffices, because on the demo's clock a busy machine delays nobody (``StageLoop``)."""
PATIENCE = 900.0
"""Seconds a request may take: in the demo everybody shall get a picture."""

VICTIM = "westus"
DEAD = 40.0
"""Seconds that its region is down: long enough for one probe to fail and the next to find it well."""
COOLDOWN = 15.0
OVERLOAD = 1.2
"""How many times as much is asked for as the quotas allow."""
TYPICAL_SCALE = 0.8
"""The seconds of a picture of the demo's sizes, as a share of those of a square megapixel."""

_PRICES: Mapping[str, Decimal] = {
    "FLUX.2-pro": Decimal("0.04"),
    "FLUX.2-flex": Decimal("0.05"),
    "FLUX-1.1-pro": Decimal("0.04"),
    "FLUX.1-Kontext-pro": Decimal("0.04"),
    "gpt-image-2": Decimal("0.053"),
}
"""Dollars a picture, about those of the public lists. Of Black Forest Labs, its answers say what they cost."""


def make_fleet(seed: int) -> Fleet:
    """Eight accounts at three providers, two of which will stumble once."""
    tripped = Fault(FaultKind.SERVER_ERROR, requests=(4,))
    limited = Fault(FaultKind.RATE_LIMITED, requests=(3,), retry_after=4.0)
    return Fleet(
        _flux("eastus", "FLUX.2-pro", 15),
        _flux("sweden", "FLUX.2-pro", 30, tripped),
        _flux("westus", "FLUX.2-pro", 100),
        _flux("flex", "FLUX.2-flex", 10, limited),
        _flux("flux11", "FLUX-1.1-pro", 6),
        _flux("kontext", "FLUX.1-Kontext-pro", 6),
        EmulatedDeployment("bfl", "black-forest-labs", "flux-2-pro", concurrent=24, latency=Latency(16.0)),
        EmulatedDeployment(
            "openai", "openai", "gpt-image-2", images_per_minute=40, price=_PRICES["gpt-image-2"], latency=Latency(18.0)
        ),
        seed=seed,
    )


def _flux(name: str, model: str, a_minute: int, *faults: Fault) -> EmulatedDeployment:
    return EmulatedDeployment(name, FOUNDRY, model, requests_per_minute=a_minute, price=_PRICES[model], faults=faults)


REGIONS: Mapping[str, str] = {"eastus": "us", "westus": "us", "sweden": "eu"}


def configuration() -> dict[str, Any]:
    """What a service with such a fleet would write. Keys and addresses are left to the environment."""
    flux = [
        _foundry("eastus", "FLUX.2-pro", tier="low"),
        _foundry("sweden", "FLUX.2-pro", tier="medium"),
        _foundry("westus", "FLUX.2-pro", tier="high"),
        _foundry("flex", "FLUX.2-flex", tier="medium"),
        _foundry("flux11", "FLUX-1.1-pro"),
    ]
    bfl = {
        "name": "bfl",
        "provider": "black-forest-labs",
        "model": "flux-2-pro",
        "api_key": "${BFL_API_KEY}",
        "base_url": "${BFL_API_BASE:-https://api.bfl.ai}",
        "concurrent": 24,
        "price": {"image": 0.03},
    }
    openai = {
        "name": "openai",
        "provider": "openai",
        "model": "gpt-image-2",
        "api_key": "${OPENAI_API_KEY}",
        "base_url": "${OPENAI_BASE_URL:-https://api.openai.com/v1}",
        "images_per_minute": 40,
        "price": {"image": str(_PRICES["gpt-image-2"])},
    }
    return {
        "models": {
            "flux": {"strategy": "least-busy", "fallbacks": ["flux-bfl", "gpt-image"], "deployments": flux},
            "edits": {
                "fallbacks": ["flux-bfl", "gpt-image"],
                "deployments": [_foundry("kontext", "FLUX.1-Kontext-pro")],
            },
            "flux-bfl": {"deployments": [bfl]},
            "gpt-image": {"deployments": [openai]},
        },
        "deadline": PATIENCE,
        "guard": GUARD,
        "health": {"cooldown": COOLDOWN},
    }


def _foundry(name: str, model: str, tier: str | None = None) -> dict[str, Any]:
    """Requests a minute are known by model and tier, so that no number stands here."""
    return {
        "name": name,
        "provider": FOUNDRY,
        "model": model,
        "endpoint": f"${{AZURE_ENDPOINT_{name.upper()}}}",
        "api_key": f"${{AZURE_KEY_{name.upper()}}}",
        **({"tier": tier} if tier else {}),
        **({"region": REGIONS[name]} if name in REGIONS else {}),
        "price": {"image": str(_PRICES[model])},
    }


def environment(fleet: Fleet) -> dict[str, str]:
    """The variables of ``configuration`` for a fleet that is being served: its addresses, and its made-up keys."""
    variables: dict[str, str] = {}
    for deployment in fleet.deployments:
        url, name = fleet.url(deployment.name), deployment.name.upper()
        match deployment.provider:
            case "openai":
                variables |= {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": deployment.api_key}
            case "black-forest-labs":
                variables |= {"BFL_API_BASE": url, "BFL_API_KEY": deployment.api_key}
            case _:
                variables |= {f"AZURE_ENDPOINT_{name}": url, f"AZURE_KEY_{name}": deployment.api_key}
    return variables


@dataclass(frozen=True, slots=True)
class Rates:
    """Pictures a minute, about."""

    reachable: float
    """What the fleet can draw within its quotas."""
    offered: float


def rates_of(fleet: Fleet) -> Rates:
    reachable = sum(_a_minute(deployment) for deployment in fleet.deployments)
    return Rates(reachable, reachable * OVERLOAD)


def _a_minute(deployment: EmulatedDeployment) -> float:
    limits = [limit for limit in (deployment.requests_per_minute, deployment.images_per_minute) if limit is not None]
    rates = [limit * 60 / (60 + GUARD) for limit in limits]
    if deployment.is_azure:
        # Azure holds a limit over ten seconds as well, at a sixth of it, rounded up.
        rates += [ceil(limit / 6) * 60 / (10 + GUARD) for limit in limits]
    if deployment.concurrent is not None:
        rates.append(deployment.concurrent * 60 / (deployment.law().median * TYPICAL_SCALE))
    return min(rates)
