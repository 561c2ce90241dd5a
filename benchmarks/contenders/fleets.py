"""The fleets of processes that are compared, each over accounts with the same quotas, counted in one Redis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from benchmarks.environments import litellm_python
from tests.fleet.accounts import Account, config_of
from tests.fleet.processes import WORKER
from tests.servers import RedisServer

GROUP = "flux"
LATENCY = 1.0
Addresses = Mapping[str, Mapping[str, Any]]


class Fleet(Protocol):
    name: str
    settings: str
    is_cheap: bool
    starting: float
    """Seconds after which all its processes are ready, on a busy machine."""

    def accounts(self, quotas: Sequence[int]) -> list[Account]:
        """One for each, in the dialect that it calls."""

    def config(self, accounts: Sequence[Account], at: Addresses, redis: RedisServer, timeout: float) -> dict[str, Any]:
        """What each process is told; nobody waits longer than ``timeout`` for a picture."""

    def command(self) -> Sequence[str]:
        """Starts a process. ``NotHereError`` where it is not installed."""


class PixelRelay:
    name = "pixelrelay"
    settings = "Router; least-busy; a quota of requests a minute on each deployment, its shape rolling; store: Redis"
    is_cheap = True
    starting = 4.0

    def accounts(self, quotas: Sequence[int]) -> list[Account]:
        return _accounts(quotas, "azure-foundry", "FLUX.2-pro")

    def config(self, accounts: Sequence[Account], at: Addresses, redis: RedisServer, timeout: float) -> dict[str, Any]:
        return config_of({GROUP: accounts}, at, store=redis.url, deadline=timeout)

    def command(self) -> Sequence[str]:
        return WORKER


class LiteLLM:
    is_cheap = False
    starting = 40.0

    def __init__(self, route: str, provider: str, model: str, size: str) -> None:
        self.name = f"LiteLLM, {route}"
        self.settings = (
            f"Router; {route}/{model}; usage-based-routing-v2 with Redis; rpm on each deployment; "
            "enable_pre_call_checks; all else as it comes (num_retries 2, cooldown_time 5); LITELLM_LOG=ERROR"
        )
        self._route, self._provider, self._model, self._size = route, provider, model, size

    def accounts(self, quotas: Sequence[int]) -> list[Account]:
        return _accounts(quotas, self._provider, self._model)

    def config(self, accounts: Sequence[Account], at: Addresses, redis: RedisServer, timeout: float) -> dict[str, Any]:
        models = [
            {
                "model_name": GROUP,
                "litellm_params": {
                    "model": f"{self._route}/{self._model}",
                    "api_base": at[account.name].get("endpoint") or at[account.name]["base_url"],
                    "api_key": at[account.name]["api_key"],
                    "rpm": account.limit,
                },
                "model_info": {"id": account.name},
            }
            for account in accounts
        ]
        router = {
            "model_list": models,
            "routing_strategy": "usage-based-routing-v2",
            "enable_pre_call_checks": True,
            "redis_host": "127.0.0.1",
            "redis_port": redis.port,
            "timeout": timeout,
        }
        return {"router": router, "size": self._size}

    def command(self) -> Sequence[str]:
        return (str(litellm_python()), "-m", "benchmarks.contenders.litellm_fleet")


def _accounts(quotas: Sequence[int], provider: str, model: str) -> list[Account]:
    return [Account(f"d{number}", "rolling", quota, LATENCY, provider, model) for number, quota in enumerate(quotas)]


FLEETS: tuple[Fleet, ...] = (
    PixelRelay(),
    LiteLLM("azure_ai", "azure-foundry", "FLUX.2-pro", "64x64"),
    LiteLLM("openai", "openai", "gpt-image-1-mini", "1024x1024"),
)
