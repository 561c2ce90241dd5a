"""The workers of one gateway, who ask each other for their live documents over sockets in a directory of their own."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import SocketListener, SocketStream, TaskGroup

from pixelrelay import _clock

log = logging.getLogger("pixelrelay.server")

PATIENCE = 0.3
"""Seconds for all of them together to answer: the page is not to wait for one that hangs."""
PAUSE = 1.0
"""Seconds after which it is tried again to hear them, where the machine would not."""


def socket_of(directory: Path, process: int) -> Path:
    """Where this worker is asked."""
    return directory / f"{process}.sock"


@dataclass(frozen=True, slots=True)
class Siblings:
    """The other workers, as far as they have a socket in ``directory``, which nobody else may enter."""

    directory: Path
    process: int = field(default_factory=os.getpid)

    @asynccontextmanager
    async def answering(self, document: Callable[[], bytes]) -> AsyncIterator[None]:
        """Let them have ``document`` until the block ends."""
        own = socket_of(self.directory, self.process)
        try:
            listener = await anyio.create_unix_listener(own, mode=0o600)
        except OSError as error:
            log.warning("other workers cannot show what this one does: %s", error.strerror or error)
            yield
            return
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(_listen, listener, document, tasks)
            try:
                yield
            finally:
                tasks.cancel_scope.cancel()
                with suppress(OSError):
                    own.unlink(missing_ok=True)

    async def documents(self) -> tuple[list[dict[str, Any]], int]:
        """Those of the others, and how many of them are there and did not tell theirs in time."""
        own = socket_of(self.directory, self.process)
        silent = {path for path in self.directory.glob("*.sock") if path != own}
        told = []

        async def ask(path: Path) -> None:
            try:
                stream = await anyio.connect_unix(path)
            except OSError:
                silent.discard(path)  # it has ended
                return
            with suppress(OSError, ValueError, anyio.BrokenResourceError):
                told.append(json.loads(await _read(stream)))
                silent.discard(path)

        with anyio.move_on_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                for path in list(silent):
                    tasks.start_soon(ask, path)
        return told, len(silent)


async def _read(stream: SocketStream) -> bytes:
    async with stream:
        return b"".join([part async for part in stream])


async def _listen(listener: SocketListener, document: Callable[[], bytes], tasks: TaskGroup) -> None:
    while True:
        try:
            stream = await listener.accept()
        except OSError:
            await _clock.sleep(PAUSE)  # no file descriptor is free, perhaps
        else:
            tasks.start_soon(_tell, stream, document)


async def _tell(stream: SocketStream, document: Callable[[], bytes]) -> None:
    try:
        with anyio.move_on_after(PATIENCE):
            async with stream:
                await stream.send(document())
    except (OSError, anyio.BrokenResourceError):
        pass  # who asked has left
    except Exception:
        log.exception("other workers cannot be told what this one does")
