"""The servers of the stores' tests."""

from __future__ import annotations

from tests.store.contract import make_store, redis_client

__all__ = ["make_store", "redis_client"]
