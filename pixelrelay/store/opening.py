"""From what is configured to the store that it names. What Redis needs is imported only where Redis is named."""

from __future__ import annotations

from random import Random
from typing import Protocol

from pixelrelay.store.base import OnLoss, Store
from pixelrelay.store.health import HealthPolicy
from pixelrelay.store.memory import MemoryStore


class StoreSettings(Protocol):
    """What a configuration says about the store."""

    @property
    def store_url(self) -> str | None:
        """``None``: the memory of this process."""

    @property
    def store_prefix(self) -> str: ...

    @property
    def store_timeout(self) -> float: ...

    @property
    def on_store_loss(self) -> OnLoss: ...

    @property
    def store_batches(self) -> bool: ...


def open_store(settings: StoreSettings, health: HealthPolicy | None = None, rng: Random | None = None) -> Store:
    """The store that is configured; nothing is connected before it is used.

    Raises ``ModuleNotFoundError``, with what to install, where Redis is named and its client is not there.
    """
    if settings.store_url is None:
        return MemoryStore(health=health, rng=rng)
    from pixelrelay.store.redis import RedisStore

    return RedisStore(
        settings.store_url,
        prefix=settings.store_prefix,
        timeout=settings.store_timeout,
        on_loss=settings.on_store_loss,
        batches=settings.store_batches,
        health=health,
        rng=rng,
    )
