"""What ``pixelrelay serve`` is told: keys, uploads, files, and how long things may take."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from pixelrelay.config.base import STRICT, AtLeastOne, Name, NotNegative, Positive
from pixelrelay.cost.rows import Dollars

HASHED = "sha256:"
"""How a key begins that is written as its hash."""
_HASH = re.compile(r"sha256:[0-9a-fA-F]{64}")

Cap: TypeAlias = Annotated[Dollars, Field(gt=0)]
Links: TypeAlias = Literal["provider", "own", "inline"]


def _valid_key(value: SecretStr) -> SecretStr:
    written = value.get_secret_value()
    if not written.strip():
        raise ValueError("is empty")
    if written.startswith(HASHED) and not _HASH.fullmatch(written):
        raise ValueError("sha256: must be followed by 64 hexadecimal digits; pixelrelay keys new makes one")
    return value


KeyText: TypeAlias = Annotated[SecretStr, AfterValidator(_valid_key)]


def hash_of(key: str) -> str:
    """How a key is written in a configuration without giving it away."""
    return HASHED + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def digest_of(written: SecretStr) -> bytes:
    """The hash of the key that was written, as itself or as its hash already."""
    text = written.get_secret_value()
    return bytes.fromhex((text if text.startswith(HASHED) else hash_of(text)).removeprefix(HASHED))


class KeyConfig(BaseModel):
    """A key that callers of the gateway show, and what it is good for."""

    model_config: ClassVar[ConfigDict] = STRICT

    key: KeyText
    """The key as `sha256:…`, its hash, or as `"${NAME}"`; `pixelrelay keys new` makes one."""
    groups: tuple[str, ...] = ()
    """The model groups, or deployments, that it may ask for. Left out: all of them."""
    expires: date | None = None
    """The last day on which it is taken, in UTC."""
    requests_per_minute: AtLeastOne | None = None
    """Requests in a minute, by all processes that share a store; of those whose pictures are drawn one by one, each."""
    images_per_minute: AtLeastOne | None = None
    """Pictures in a minute."""
    concurrent: AtLeastOne | None = None
    """Requests under way at a time."""
    dollars_per_hour: Cap | None = None
    """What may be spent with it in each full hour, in UTC; what may have been billed counts as well."""
    dollars_per_day: Cap | None = None
    """The same for each day."""
    dollars_per_month: Cap | None = None
    """The same for each month."""
    unpriced: Literal["refuse", "allow"] = "refuse"
    """What becomes of deployments whose price is not known, where dollars are limited."""


class UploadsConfig(BaseModel):
    """What callers may send, and how much of it is held at a time, where."""

    model_config: ClassVar[ConfigDict] = STRICT

    max_body_bytes: AtLeastOne = 100_000_000
    """Of one request with all its images; each image is bounded by `max_input_bytes` besides."""
    max_images: AtLeastOne = 16
    """Input images of one request."""
    max_pixels: AtLeastOne = 100_000_000
    """Of one input image."""
    spool_bytes: AtLeastOne = 1_000_000
    """Size above which a file of a form lies on disk, not in memory, from its arrival until its request has ended."""
    in_flight_bytes: AtLeastOne = 1_000_000_000
    """What callers sent, of all requests under way in a process, in memory and on disk together; beyond it a request
    is told to come back (503)."""
    stall_timeout: Positive = 30.0
    """Seconds between two pieces of a body, or of an answer, after which a stalled client is cut off."""
    body_timeout: Positive = 300.0
    """Seconds for a whole body."""

    @model_validator(mode="after")
    def _has_room_for_one(self) -> UploadsConfig:
        if self.in_flight_bytes < self.max_body_bytes:
            raise ValueError("in_flight_bytes: must be at least max_body_bytes")
        return self


class FilesConfig(BaseModel):
    """Pictures that are served under links, for callers who ask for `response_format: url`."""

    model_config: ClassVar[ConfigDict] = STRICT

    links: Links = "provider"
    """What such a caller gets: `provider`, the provider's own link where it gives one and one of the gateway's
    otherwise; `own`, always one of the gateway's; `inline`, base64 in place of any link."""
    directory: str | None = None
    """Where they are kept. Left out: a directory for temporary files that is gone when the gateway ends."""
    secret: SecretStr | None = None
    """What links are signed with, best as `"${NAME}"`. Left out: made at the start, so that links end with it."""
    expires: Positive = 3600.0
    """Seconds for which a link leads to its picture."""
    max_bytes: AtLeastOne = 1_000_000_000
    """Of all of them together; the oldest make room."""

    @field_validator("secret")
    @classmethod
    def _is_a_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 16:
            raise ValueError("must have at least 16 characters")
        return value


class ServerConfig(BaseModel):
    """What `pixelrelay serve` is told besides: who may ask, what may be sent, and how long things may take."""

    model_config: ClassVar[ConfigDict] = STRICT

    master_key: KeyText | None = None
    """Opens everything, `/metrics` too; written as the key of a caller is."""
    keys: dict[Name, KeyConfig] = {}
    """Keys of callers, by name. Where there is no key at all, the gateway listens on loopback alone."""
    public_url: str | None = None
    """What links to pictures begin with, behind a proxy: `https://images.example`. Left out: as the request says."""
    public_metrics: bool = False
    """Whether `/metrics` is open to those without the master key."""
    max_requests: AtLeastOne = 512
    """Requests for pictures under way at a time in one process; further ones are told to come back (503)."""
    heartbeat: Positive = 15.0
    """Seconds between signs of life while a stream has nothing to tell."""
    keep_alive: NotNegative = 0.0
    """Seconds between blanks that are sent ahead of an answer, so that proxies wait for it; 0 for none. Once one is
    sent the status is 200, and an error stands in the body."""
    header_timeout: Positive = 20.0
    """Seconds for the headers of a request."""
    drain_notice: NotNegative = 0.0
    """Seconds from the moment that `/health/ready` says no to the end of listening."""
    drain_timeout: Positive = 200.0
    """Seconds for requests under way to end once the gateway is told to; then they are cut off and settled."""
    uploads: UploadsConfig = UploadsConfig()
    """What callers may send."""
    files: FilesConfig = FilesConfig()
    """Pictures served under links."""

    @property
    def has_keys(self) -> bool:
        """Whether anybody has to show a key."""
        return self.master_key is not None or bool(self.keys)

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^\s?#]+", value):
            raise ValueError("must be an address as https://images.example")
        return value.rstrip("/") if value else None

    @model_validator(mode="after")
    def _keys_differ(self) -> ServerConfig:
        first = {digest_of(self.master_key): "master_key"} if self.master_key else {}
        for name, key in self.keys.items():
            before = first.setdefault(digest_of(key.key), name)
            if before != name:
                raise ValueError(f"keys: {name} is the same key as {before}")
        return self


def key_texts(server: Any) -> set[str]:
    """The secrets in whatever was written for ``server``, which must not be shown."""
    written = _mapping(server)
    callers = [_mapping(caller).get("key") for caller in _mapping(written.get("keys")).values()]
    found = [written.get("master_key"), _mapping(written.get("files")).get("secret"), *callers]
    texts = (value.get_secret_value() if isinstance(value, SecretStr) else value for value in found)
    return {text for text in texts if isinstance(text, str)}


def _mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, BaseModel):
        return dict(value)
    return value if isinstance(value, Mapping) else {}
