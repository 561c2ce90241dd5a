"""Pictures on disk under signed links that expire; the oldest make room for new ones."""

from __future__ import annotations

import hmac
import logging
import os
import re
import secrets
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import anyio.to_thread

from pixelrelay import _clock
from pixelrelay.config.server import FilesConfig
from pixelrelay.router.inputs import kind_of
from pixelrelay.server.shared import Shared

log = logging.getLogger("pixelrelay.server")

PREFIX = "pixelrelay-files-"
"""How directories for temporary files are named."""
UNFINISHED = ".part"
_NAME = re.compile(r"[0-9a-f]{32}\.(?:png|jpg|webp|gif|svg|bin)")
_MEDIA_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "svg": "image/svg+xml",
}


@dataclass(slots=True)
class Shelf:
    """The pictures that one gateway serves. Several processes may share a directory, and then a secret."""

    config: FilesConfig
    directory: Path
    secret: bytes = field(repr=False)
    temporary: bool = False
    """Whether the directory goes with this process."""

    @classmethod
    def of(cls, config: FilesConfig, shared: Shared | None = None) -> Shelf:
        """As configured; what is left out there is taken from ``shared``, or else made for this process alone."""
        secret = config.secret.get_secret_value().encode() if config.secret else None
        if secret is None:
            secret = shared.secret if shared is not None else secrets.token_bytes(32)
        if config.directory is not None:
            return cls(config, Path(config.directory), secret)
        if shared is not None:
            return cls(config, shared.files, secret)
        return cls(config, Path(tempfile.mkdtemp(prefix=PREFIX)), secret, temporary=True)

    async def put(self, data: bytes) -> str | None:
        """Keep a picture, and return its link as a path with a query; ``None`` where it cannot be kept."""
        if len(data) > self.config.max_bytes:
            return None
        # By content: what a provider says of its pictures is not always right.
        _, extension = kind_of(data) or ("", "bin")
        name = f"{secrets.token_hex(16)}.{extension}"
        try:
            await anyio.to_thread.run_sync(self._write, name, data)
        except OSError as error:
            log.error("a picture could not be kept in %s: %s", self.directory, error.strerror or error)
            return None
        expires = str(int(_clock.wall() + self.config.expires))
        return f"/files/{name}?expires={expires}&signature={self.signature(name, expires)}"

    def find(self, name: str, expires: str, signature: str) -> tuple[Path, str] | None:
        """The file under a link, and its media type; ``None`` unless the link is whole, in time and leads to one."""
        expected = self.signature(name, expires)
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            return None
        if not _NAME.fullmatch(name) or not expires.isascii() or int(expires) < _clock.wall():
            return None
        path = self.directory / name
        return (path, _MEDIA_TYPES.get(path.suffix[1:], "application/octet-stream")) if path.is_file() else None

    async def tidy(self) -> None:
        """Delete what has expired, and the oldest of what is too much."""
        await anyio.to_thread.run_sync(self._make_room, 0)

    def clear(self) -> None:
        """Delete the directory, if it was made for this process alone."""
        if self.temporary:
            for path in self.directory.glob("*"):
                path.unlink(missing_ok=True)
            with suppress(OSError):
                self.directory.rmdir()

    def signature(self, name: str, expires: str) -> str:
        return hmac.new(self.secret, f"{name}\n{expires}".encode("utf-8", "replace"), sha256).hexdigest()

    def _write(self, name: str, data: bytes) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._make_room(len(data))
        # Under another name until it is whole: nobody is served half a picture.
        unfinished = self.directory / (name + UNFINISHED)
        unfinished.write_bytes(data)
        unfinished.replace(self.directory / name)

    def _make_room(self, size: int) -> None:
        oldest = _clock.wall() - self.config.expires
        files = sorted(self._files(), key=lambda file: file[0])
        total = size + sum(length for _, length, _ in files)
        for written, length, path in files:
            if written >= oldest and total <= self.config.max_bytes:
                return
            # Another process may have been quicker.
            Path(path).unlink(missing_ok=True)
            total -= length

    def _files(self) -> list[tuple[float, int, str]]:
        found = []
        with suppress(FileNotFoundError), os.scandir(self.directory) as entries:
            for entry in entries:
                if not _NAME.fullmatch(entry.name.removesuffix(UNFINISHED)):
                    continue  # somebody else's
                with suppress(FileNotFoundError):
                    about = entry.stat()
                    found.append((about.st_mtime, about.st_size, entry.path))
        return found
