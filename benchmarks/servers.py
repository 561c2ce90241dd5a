"""Servers that a benchmark needs besides those that are compared."""

from __future__ import annotations

import shutil

from benchmarks.contest import Stage
from tests.servers import RedisServer, redis_server


def redis_on(stage: Stage) -> RedisServer | None:
    """A server that ends with the stage; where there is none the section says so."""
    if shutil.which("redis-server") is None:
        stage.section.missing["Redis"] = "there is no redis-server; on Debian: apt-get install redis-server"
        return None
    return stage.enter(redis_server())
