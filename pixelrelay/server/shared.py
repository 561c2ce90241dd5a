"""What the workers of one gateway share on this machine."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from pixelrelay.server.siblings import socket_of

PREFIX = "pixelrelay-workers-"
"""How directories of workers are named."""
COUNTED_IN = "PROMETHEUS_MULTIPROC_DIR"
"""Names prometheus-client the directory in which several processes count together."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A directory that is their user's alone, and a secret: what they share where the configuration names nothing."""

    directory: Path
    secret: bytes = field(repr=False)

    @property
    def files(self) -> Path:
        """Of pictures under links."""
        return self.directory / "files"

    @property
    def sockets(self) -> Path:
        """Where they ask each other."""
        return self.directory / "live"

    @property
    def metrics(self) -> Path:
        return self.directory / "metrics"

    def forget(self, process: int) -> None:
        """A worker is gone: it answers no more, and nothing waits in it; what it counted stays counted."""
        socket_of(self.sockets, process).unlink(missing_ok=True)
        try:
            from prometheus_client.multiprocess import mark_process_dead
        except ImportError:
            return
        mark_process_dead(process, os.environ[COUNTED_IN])  # type: ignore[no-untyped-call]  # theirs


@contextmanager
def sharing() -> Iterator[Shared]:
    """For workers that are started until the block ends.

    They count their metrics together: in ``$PROMETHEUS_MULTIPROC_DIR`` where that is set, else in a directory that goes
    with the block, and that the variable names them.
    """
    with TemporaryDirectory(prefix=PREFIX) as directory:
        shared = Shared(Path(directory), secrets.token_bytes(32))
        for each in (shared.files, shared.sockets, shared.metrics):
            each.mkdir(mode=0o700)
        own = COUNTED_IN not in os.environ
        if own:
            os.environ[COUNTED_IN] = str(shared.metrics)
        try:
            yield shared
        finally:
            if own:
                del os.environ[COUNTED_IN]
