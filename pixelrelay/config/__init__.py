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
from pixelrelay.config.server import FilesConfig, KeyConfig, ServerConfig, UploadsConfig

__all__ = [
    "Budget",
    "BudgetConfig",
    "DeploymentConfig",
    "FilesConfig",
    "GroupConfig",
    "HealthConfig",
    "KeyConfig",
    "PoolConfig",
    "PriceConfig",
    "RelayConfig",
    "ResolvedDeployment",
    "RetryBudgetConfig",
    "ServerConfig",
    "TimeoutsConfig",
    "UploadsConfig",
    "load",
    "resolve",
    "warnings_of",
]
