"""The servers and stores of ``contract``, for all tests of stores."""

from __future__ import annotations

from tests.store.contract import make_store, redis_client, server

__all__ = ["make_store", "redis_client", "server"]
