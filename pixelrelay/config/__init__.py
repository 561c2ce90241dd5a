"""The configuration: what people write, checked, and what the router makes of it."""

from pixelrelay.config.budgets import Budget, BudgetConfig
from pixelrelay.config.cautions import warnings_of
from pixelrelay.config.loading import load
from pixelrelay.config.models import (
    DeploymentConfig,
    GroupConfig,
    HealthConfig,
    PoolConfig,
    PriceConfig,
    RelayConfig,
    RetryBudgetConfig,
    TimeoutsConfig,
)
from pixelrelay.config.resolved import ResolvedDeployment, resolve

__all__ = [
    "Budget",
    "BudgetConfig",
    "DeploymentConfig",
    "GroupConfig",
    "HealthConfig",
    "PoolConfig",
    "PriceConfig",
    "RelayConfig",
    "ResolvedDeployment",
    "RetryBudgetConfig",
    "TimeoutsConfig",
    "load",
    "resolve",
    "warnings_of",
]
