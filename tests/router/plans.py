"""Candidates and legs without a provider behind them, for tests of what is decided about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from pixelrelay.config import ResolvedDeployment, load, resolve
from pixelrelay.config.models import GroupConfig
from pixelrelay.images import ImageRequest, Operation, Size
from pixelrelay.router.candidates import Candidate, Candidates, Group
from pixelrelay.router.plan import Leg, Plan

LIGHTHOUSE = ImageRequest(Operation.GENERATE, "a lighthouse", size=Size(256, 256))

WRITTEN = {
    "name": "thirty",
    "provider": "azure-foundry",
    "model": "FLUX.2-pro",
    "endpoint": "https://any.services.ai.azure.com",
    "api_key": "a-key",
    "requests_per_minute": 30,
}


@cache
def _any() -> tuple[GroupConfig, ResolvedDeployment]:
    config = load({"models": {"any": {"deployments": [WRITTEN]}}})
    return config.models["any"], resolve(config)["any"][0]


def deployment(name: str, model: str = "FLUX.2-pro", **changes: Any) -> ResolvedDeployment:
    """A deployment of thirty calls a minute, unless ``changes`` say other."""
    known = _any()[1]
    return replace(known, **{"name": name, "target": replace(known.target, model=model), **changes})


def candidate(name: str, model: str = "FLUX.2-pro", **changes: Any) -> Candidate:
    return Candidate(deployment(name, model, **changes))


def group(name: str, candidates: Sequence[Candidate], **settings: Any) -> Group:
    return Group(name, _any()[0].model_copy(update=settings), Candidates(candidates))


def leg(name: str, *candidates: Candidate, patience: float = 5.0) -> Leg:
    return Leg(name, group(name, candidates, patience=patience), Candidates(candidates))


def plan_of(*legs: Leg, moderated: Sequence[Leg] = ()) -> Plan:
    return Plan(legs[0].name, legs, tuple(moderated))
