"""From the address of a shared store to a client that never waits or repeats longer than it is told.

redis-py by itself tries ten times, five seconds each; a pick must not. What may be repeated is decided above.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from pixelrelay.store.address import Address

try:
    from redis import exceptions
    from redis.asyncio import Redis, RedisCluster
    from redis.asyncio.cluster import ClusterNode
    from redis.asyncio.retry import Retry
    from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
    from redis.backoff import NoBackoff
    from redis.exceptions import NoScriptError
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f"a store in Redis needs {missing.name!r}, which is not installed: pip install 'pixelrelay[redis]'",
        name=missing.name,
    ) from missing

__all__ = ["LOST", "Client", "NoScriptError", "client", "close", "word_for"]

Client: TypeAlias = "Redis | RedisCluster"

LOST: tuple[type[Exception], ...] = (
    exceptions.RedisError,
    exceptions.RedisClusterException,
    OSError,
    TimeoutError,
)
"""Whatever a client raises when the server cannot be asked, or does not do what it is asked."""


def client(address: Address, timeout: float) -> Client:
    """A client that gives up connecting, and waiting for a reply, after ``timeout`` seconds, and repeats nothing.

    ``timeout`` 0 is for commands that block: connecting still gives up after a second.
    """
    waits = {"socket_timeout": timeout or None, "socket_connect_timeout": timeout or 1.0}
    options: dict[str, Any] = {
        **waits,
        "username": address.username,
        "password": address.password,
        "protocol": 2,  # known to every server since 6.2, and needs no handshake
        "retry": Retry(NoBackoff(), 0),
        **_tls(address),
    }
    match address.kind:
        case "cluster":
            nodes = [ClusterNode(host, port) for host, port in address.hosts]
            return RedisCluster(startup_nodes=nodes, **options)
        case "sentinel":
            return _by_sentinel(address, options, waits)
        case _ if address.path is not None:
            return Redis(unix_socket_path=address.path, db=address.db, **options)
        case _:
            (host, port), *_ = address.hosts
            return Redis(host=host, port=port, db=address.db, **options)


def _by_sentinel(address: Address, options: dict[str, Any], waits: dict[str, Any]) -> Redis:
    own = {
        **waits,
        **_tls(address),
        "retry": options["retry"],
        "protocol": 2,
        "username": address.options.get("sentinel_username"),
        "password": address.options.get("sentinel_password"),
    }
    assert address.service is not None
    sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py leaves this one without types
        list(address.hosts), sentinel_kwargs=own, db=address.db, **options
    )
    master: Redis = sentinel.master_for(address.service)
    return master


async def close(open_one: Client) -> None:
    """Close all connections of a client, those to the Sentinels too, which it leaves open by itself."""
    await open_one.aclose()
    pool = getattr(open_one, "connection_pool", None)
    if isinstance(pool, SentinelConnectionPool):
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


def _tls(address: Address) -> dict[str, Any]:
    if not address.tls:
        return {}
    given: dict[str, Any] = {name: value for name, value in address.options.items() if name.startswith("ssl_")}
    if "ssl_check_hostname" in given:
        given["ssl_check_hostname"] = given["ssl_check_hostname"].lower() in {"1", "true", "yes"}
    return {"ssl": True, **given}


def word_for(error: BaseException) -> str:
    """What went wrong, in one word of a closed set, for metrics: never a word of the server's own."""
    for kinds, word in _WORDS:
        if isinstance(error, kinds):
            return word
    text = str(error)
    return next((word for start, word in _STARTS if text.startswith(start)), "script")


_WORDS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    ((exceptions.TimeoutError, TimeoutError), "timeout"),
    (exceptions.ReadOnlyError, "readonly"),
    (exceptions.OutOfMemoryError, "memory"),
    (exceptions.BusyLoadingError, "loading"),
    ((exceptions.AuthenticationError, exceptions.NoPermissionError), "refused"),
    ((exceptions.ClusterError, exceptions.ClusterDownError, exceptions.RedisClusterException), "failover"),
    ((exceptions.ConnectionError, OSError), "connection"),
)
_STARTS = (
    ("OOM", "memory"),
    ("READONLY", "readonly"),
    ("MISCONF", "disk"),
    ("NOPERM", "refused"),
    ("NOAUTH", "refused"),
    ("NOREPLICAS", "failover"),
    ("CLUSTERDOWN", "failover"),
    ("MASTERDOWN", "failover"),
    ("LOADING", "loading"),
    ("UNKILLABLE", "timeout"),
    ("BUSY", "timeout"),
)
