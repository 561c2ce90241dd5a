"""Signatures as AWS wants them, by botocore, over the request as it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import ClassVar

from anyio import to_thread
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, NoCredentialsError
from botocore.session import Session
from pydantic import SecretStr

from pixelrelay.errors import ProviderError
from pixelrelay.outcomes import Failure, FailureKind
from pixelrelay.providers.base import Send
from pixelrelay.providers.failures import plain

LARGE = 256 * 1024
"""Bytes of a body from which on it is hashed in a worker thread, not to hold up the event loop."""


@dataclass(frozen=True, slots=True)
class Sigv4:
    """Signs each request for ``service`` in ``region``.

    Without ``keys`` they are looked for wherever AWS's own tools look: environment, shared files (``profile`` names
    the part of them), container, instance. That may block, and is done in a worker thread, before every request, so
    that keys that expire are renewed in time.
    """

    signs: ClassVar[bool] = True

    service: str
    region: str
    keys: Credentials | None = field(default=None, repr=False)
    profile: str | None = None

    async def headers(self, send: Send) -> Mapping[str, str]:
        if self.keys is not None and len(bytes(send.body or b"")) < LARGE:
            return self._signed(send, self.keys)
        return await to_thread.run_sync(self._found_and_signed, send, abandon_on_cancel=True)

    def _found_and_signed(self, send: Send) -> Mapping[str, str]:
        try:
            return self._signed(send, self.keys or _found(self.profile))
        except BotoCoreError as error:
            raise _no_keys(str(error)) from None  # its traceback may hold what it read
        except Exception as error:
            raise _no_keys(type(error).__name__) from None

    def _signed(self, send: Send, keys: Credentials | ReadOnlyCredentials) -> Mapping[str, str]:
        # What a proxy may add, change or drop on the way is left unsigned.
        signed = {
            name: value for name, value in send.headers.items() if name == "content-type" or name.startswith("x-amz-")
        }
        request = AWSRequest(method=send.method, url=send.url, headers=signed, data=bytes(send.body or b""))
        SigV4Auth(keys, self.service, self.region).add_auth(request)
        return {name.lower(): value for name, value in request.headers.items()}


def fixed_keys(access_key_id: SecretStr, secret_access_key: SecretStr, session_token: SecretStr | None) -> Credentials:
    token = session_token.get_secret_value() if session_token is not None else None
    return Credentials(access_key_id.get_secret_value(), secret_access_key.get_secret_value(), token)


_searching = Lock()
"""A session is not made for several threads, and one search is enough for all who wait for it."""


@cache
def _session(profile: str | None) -> Session:
    """One for the whole process, so that deployments share the keys and the search for them."""
    return Session(profile=profile)


def _found(profile: str | None) -> ReadOnlyCredentials:
    with _searching:
        keys = _session(profile).get_credentials()
        if keys is None:
            raise NoCredentialsError
        return keys.get_frozen_credentials()


def _no_keys(why: str) -> ProviderError:
    return ProviderError(Failure(FailureKind.UNAUTHORISED, plain(f"no AWS credentials could be had: {why}")))
