"""Real Redis servers for one test: without root, without a file to keep, and gone when the block ends.

Each has a folder, a port and a Unix socket of its own. They end with the process that started them, however it ends.
Where no ``redis-server`` is installed the test is skipped, unless ``PIXELRELAY_REQUIRE_REDIS`` is set: then it fails.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, cast
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

HOST = "127.0.0.1"
STARTS_WITHIN = 20.0
"""Seconds within which a server on a busy machine must answer."""
AGREES_WITHIN = 30.0
"""Seconds within which the nodes of a cluster, or the Sentinels, must have found one another."""
SLOTS = 16384


def free_port() -> int:
    """A port that nobody has at present."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
        return port


def until(come_true: Callable[[], bool], what: str, within: float = AGREES_WITHIN) -> None:
    """Wait for something in the real world. What a server that is not there yet answers with counts as not yet."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if come_true():
                return
        except (RedisError, OSError):
            pass
        time.sleep(0.02)
    raise TimeoutError(f"{what}: not within {within:g} s")


@dataclass(slots=True)
class Process:
    """One process that ends with this one."""

    command: Sequence[str]
    folder: Path
    """Where it leaves in ``out`` and ``log`` what it says."""
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        # The kernel signals it when the thread that started it is gone, so that not even a killed test run leaves one
        # behind.
        orphaned = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with (self.folder / "out").open("ab") as out, (self.folder / "log").open("ab") as log:
            self.running = subprocess.Popen([*orphaned, *self.command], stdin=subprocess.PIPE, stdout=out, stderr=log)

    @property
    def pid(self) -> int:
        assert self.running is not None, "it was killed"
        return self.running.pid

    @property
    def stdin(self) -> IO[bytes]:
        assert self.running is not None, "it was killed"
        assert self.running.stdin is not None
        return self.running.stdin

    @property
    def has_ended(self) -> bool:
        return self.running is None or self.running.poll() is not None

    def kill(self) -> None:
        """At once, by a signal that nobody can ignore; killing it again changes nothing."""
        if self.running is not None:
            self.running.kill()
            self.running.wait()
            if self.running.stdin is not None:
                self.running.stdin.close()
            self.running = None

    def signal(self, number: signal.Signals) -> None:
        if self.running is not None:
            self.running.send_signal(number)


@dataclass(eq=False)
class RedisServer:
    """One ``redis-server``. Its address stays the same when it is killed and restarted."""

    folder: Path
    options: Sequence[str] = ()
    """As on the command line."""
    password: str | None = None
    """The default user's."""
    tls: bool = False
    users: Sequence[str] = ()
    """Lines of an ACL file; the default user may do everything beside them."""
    port: int = 0
    _process: Process | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        known = self.port
        for _ in range(5):
            self.port = known or free_port()  # that somebody else may take in between
            self._process = Process(self._command(), self.folder)
            self._process.start()
            if self._answers():
                return
        raise RuntimeError(f"redis-server does not start:\n{self.log()}")

    def _answers(self) -> bool:
        deadline = time.monotonic() + STARTS_WITHIN
        process = self._running()
        while time.monotonic() < deadline and not process.has_ended:
            try:
                with self.client() as client:
                    if client.ping():
                        return True
            except (RedisError, OSError):
                time.sleep(0.01)
        process.kill()
        return False

    def _command(self) -> list[str]:
        command = ["redis-server", "--dir", str(self.folder), "--bind", HOST, "--protected-mode", "no"]
        command += ["--save", "", "--appendonly", "no", "--unixsocket", str(self.socket), "--repl-diskless-sync-delay"]
        command += ["0"]
        if self.tls:
            command += ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no"]
            command += ["--tls-cert-file", str(self.certificate), "--tls-key-file", str(self._key)]
            command += ["--tls-ca-cert-file", str(self.certificate)]
        else:
            command += ["--port", str(self.port)]
        if self.password is not None:
            command += ["--requirepass", self.password, "--masterauth", self.password]
        if self.users:
            rules = self.folder / "users.acl"
            rules.write_text("\n".join(["user default on nopass ~* &* +@all", *self.users, ""]))
            command += ["--aclfile", str(rules)]
        return [*command, *self.options]

    # --- where it is ---------------------------------------------------------------------------------------------

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    @property
    def url(self) -> str:
        """As ``store`` in a configuration, for the default user."""
        return self.url_of("", self.password) if self.password is not None else self._url("")

    def url_of(self, user: str, password: str) -> str:
        return self._url(f"{quote(user, safe='')}:{quote(password, safe='')}@")

    def _url(self, who: str) -> str:
        if self.tls:
            return f"rediss://{who}{HOST}:{self.port}/0?ssl_ca_certs={self.certificate}"
        return f"redis://{who}{HOST}:{self.port}/0"

    @property
    def unix_url(self) -> str:
        who = f":{quote(self.password, safe='')}@" if self.password is not None else ""
        return f"unix://{who}{self.socket}?db=0"

    def client(self, *, timeout: float = 30.0) -> Redis:
        """For a test's own questions, by the Unix socket; to be used in a ``with`` block."""
        return Redis(
            unix_socket_path=str(self.socket),
            password=self.password,
            socket_timeout=timeout,
            decode_responses=True,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
        )

    def info(self, section: str | None = None) -> dict[str, Any]:
        with self.client() as client:
            return cast("dict[str, Any]", client.info(section) if section else client.info())

    def scripts_run(self) -> int:
        """Scripts that it ran to their end, by hash or by text."""
        commands = self.info("commandstats")
        stats = [commands[name] for name in ("cmdstat_evalsha", "cmdstat_eval") if name in commands]
        return sum(each["calls"] - each["failed_calls"] for each in stats)

    def log(self) -> str:
        """What it has said."""
        path = self.folder / "out"
        return path.read_text(errors="replace") if path.exists() else ""

    # --- what befalls it -----------------------------------------------------------------------------------------

    def _running(self) -> Process:
        assert self._process is not None, "it was never started"
        return self._process

    @property
    def pid(self) -> int:
        return self._running().pid

    def kill(self) -> None:
        """As a crash: at once, and with everything in it lost."""
        if self._process is not None:
            self._process.kill()

    def restart(self) -> None:
        """At the same address, and empty."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Let it hang: connections are accepted and nothing is answered, until ``resume``."""
        self._running().signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Nothing to one that is running, or was killed."""
        self._running().signal(signal.SIGCONT)

    # --- its certificate -----------------------------------------------------------------------------------------

    @property
    def _key(self) -> Path:
        return self.folder / "key.pem"

    @cached_property
    def certificate(self) -> Path:
        """Of itself, by itself, for ``127.0.0.1``: whoever trusts it trusts nobody else."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "redis.example")])
        today = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(today - timedelta(days=1))
            .not_valid_after(today + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(HOST))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._key.write_bytes(secret)
        path = self.folder / "certificate.pem"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return path


def _needed() -> None:
    if shutil.which("redis-server") is not None:
        return
    if os.environ.get("PIXELRELAY_REQUIRE_REDIS"):
        pytest.fail("redis-server is not installed, and PIXELRELAY_REQUIRE_REDIS says that it must be")
    pytest.skip("redis-server is not installed")


@contextmanager
def redis_server(
    *,
    password: str | None = None,
    users: Sequence[str] = (),
    tls: bool = False,
    maxmemory: str | None = None,
    replica_of: RedisServer | None = None,
    options: Sequence[str] = (),
) -> Iterator[RedisServer]:
    """A server that answers, until the block ends.

    ``users`` are lines of an ACL file. ``maxmemory`` is never made room for by forgetting: what is written beyond it
    is refused. ``options`` are further ones of the command line.
    """
    _needed()
    further = [*options]
    if maxmemory is not None:
        further += ["--maxmemory", maxmemory, "--maxmemory-policy", "noeviction"]
    if replica_of is not None:
        further += ["--replicaof", HOST, str(replica_of.port)]
        password = replica_of.password if password is None else password
    # Not the test's own folder: the path of a Unix socket may have 107 characters and no more.
    with TemporaryDirectory(prefix="redis-") as folder:
        server = RedisServer(Path(folder), further, password, tls, users)
        try:
            server.start()
            yield server
        finally:
            server.kill()


# --- several together ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RedisCluster:
    """Masters that share all slots evenly, without replicas."""

    nodes: Sequence[RedisServer]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"{HOST}:{node.port}" for node in self.nodes)

    def node_of(self, key: str) -> RedisServer:
        """The node that keeps ``key``."""
        with self.nodes[0].client() as client:
            slot = cast("int", client.execute_command("CLUSTER", "KEYSLOT", key))
        return self.nodes[slot * len(self.nodes) // SLOTS]


@contextmanager
def redis_cluster(masters: int = 3) -> Iterator[RedisCluster]:
    """A cluster whose nodes have found one another, until the block ends."""
    with ExitStack() as stack:
        options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "5000"]
        buses = [free_port() for _ in range(masters)]
        nodes = [stack.enter_context(redis_server(options=[*options, "--cluster-port", str(bus)])) for bus in buses]
        for number, node in enumerate(nodes):
            first, end = (-(-SLOTS * edge // masters) for edge in (number, number + 1))
            with node.client() as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        with nodes[0].client() as client:
            for node, bus in zip(nodes[1:], buses[1:], strict=True):
                client.execute_command("CLUSTER", "MEET", HOST, node.port, bus)
        until(lambda: all(_is_whole(node, masters) for node in nodes), "the nodes agree on the cluster")
        yield RedisCluster(nodes)


def _is_whole(node: RedisServer, masters: int) -> bool:
    with node.client() as client:
        lines = cast("str", client.execute_command("CLUSTER", "INFO")).split()
    said = dict(line.split(":") for line in lines)
    found = said["cluster_state"], int(said["cluster_slots_ok"]), int(said["cluster_size"])
    return found == ("ok", SLOTS, masters)


@dataclass(frozen=True, slots=True)
class SentinelPair:
    """A master, its replica, and the Sentinels that put the one in the other's place."""

    service: str
    master: RedisServer
    """As it was at first."""
    replica: RedisServer
    sentinels: Sequence[int]
    """Their ports."""

    @property
    def url(self) -> str:
        return "redis+sentinel://" + ",".join(f"{HOST}:{port}" for port in self.sentinels) + f"/{self.service}/0"

    @property
    def current(self) -> RedisServer:
        """Who is master now, as the first Sentinel says."""
        with _asking(self.sentinels[0]) as client:
            _, port = cast("list[str]", client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.service))
        return next(server for server in (self.master, self.replica) if server.port == int(port))

    def until_failed_over(self) -> None:
        """Wait until the replica is named as master, and is it."""
        until(
            lambda: self.current is self.replica and self.replica.info("replication")["role"] == "master",
            "the Sentinels fail over",
        )


@contextmanager
def sentinel_pair(sentinels: int = 3, service: str = "fleet") -> Iterator[SentinelPair]:
    """A master, a replica that has caught up, and Sentinels that agree: they fail over after half a second."""
    with ExitStack() as stack:
        master = stack.enter_context(redis_server())
        replica = stack.enter_context(redis_server(replica_of=master))
        until(lambda: replica.info("replication")["master_link_status"] == "up", "the replica catches up")
        ports = [
            stack.enter_context(_sentinel(service, master.port, quorum=sentinels // 2 + 1)) for _ in range(sentinels)
        ]
        pair = SentinelPair(service, master, replica, ports)
        until(lambda: all(_knows(port, pair) for port in ports), "the Sentinels agree")
        yield pair


@contextmanager
def _sentinel(service: str, master: int, quorum: int) -> Iterator[int]:
    with TemporaryDirectory(prefix="sentinel-") as folder:
        port, written = free_port(), Path(folder) / "sentinel.conf"
        lines = [
            f"port {port}",
            f"bind {HOST}",
            f"dir {folder}",
            f"sentinel monitor {service} {HOST} {master} {quorum}",
            f"sentinel down-after-milliseconds {service} 500",
            f"sentinel failover-timeout {service} 3000",
        ]
        written.write_text("\n".join([*lines, ""]))
        process = Process(["redis-server", str(written), "--sentinel"], Path(folder))
        try:
            process.start()
            yield port
        finally:
            process.kill()


def _knows(port: int, pair: SentinelPair) -> bool:
    with _asking(port) as client:
        said = cast("list[str]", client.execute_command("SENTINEL", "MASTER", pair.service))
    known = dict(zip(said[::2], said[1::2], strict=True))
    return (int(known["num-slaves"]), int(known["num-other-sentinels"])) == (1, len(pair.sentinels) - 1)


def _asking(port: int) -> Redis:
    return Redis(
        host=HOST, port=port, socket_timeout=5.0, decode_responses=True, protocol=2, retry=Retry(NoBackoff(), 0)
    )
