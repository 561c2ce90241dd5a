"""What every Azure resource has in common: its endpoint, and the ways to prove who is asking."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec

from pydantic import SecretStr

from pixelrelay.providers._addresses import checked_url
from pixelrelay.providers._bearer import Bearer, TokenProvider
from pixelrelay.providers.base import ApiKey, Credential

SCOPE = "https://cognitiveservices.azure.com/.default"
"""What a token is asked for, in the public cloud; elsewhere a ``token_provider`` must know better."""

_WANTED = "Entra token"
_PASTED_PATHS = re.compile(r"/(openai|providers|models|api/projects)(/.*)?$")


def azure_endpoint(endpoint: str) -> str:
    """The root of the resource, also from the longer addresses that the portal offers for copying."""
    return _PASTED_PATHS.sub("", checked_url(endpoint, "endpoint"))


def azure_credential(
    api_key: SecretStr | None,
    *,
    entra: bool = False,
    token_provider: TokenProvider | None = None,
    header: str = "api-key",
) -> Credential:
    """The one credential that was configured; a ``ValueError`` if there is none, or more than one.

    A key goes into ``header``. With ``entra`` the machine's own identity is used (environment, workload, managed
    identity, developer tools: whatever ``DefaultAzureCredential`` finds), which needs the extra ``azure``.
    """
    given = [name for name, value in _ways(api_key, entra, token_provider) if value]
    if len(given) != 1:
        found = f"found {' and '.join(given)}" if given else "found none"
        raise ValueError(f"api_key: exactly one of api_key, entra and token_provider is needed; {found}")
    if api_key is not None:
        return ApiKey(header, api_key)
    if token_provider is not None:
        return Bearer(token_provider, _WANTED)
    if not _identity_is_installed():
        raise ValueError("entra: azure-identity is missing; install pixelrelay[azure]")
    return Bearer(default_token, _WANTED)


def _ways(api_key: SecretStr | None, entra: bool, token_provider: TokenProvider | None) -> tuple[tuple[str, bool], ...]:
    return ("api_key", api_key is not None), ("entra", entra), ("token_provider", token_provider is not None)


def _identity_is_installed() -> bool:
    try:
        return find_spec("azure.identity") is not None
    except ModuleNotFoundError:
        return False


def default_token(scope: str = SCOPE) -> str:
    """A token for this machine's own identity; it blocks, and is cached until shortly before it expires."""
    return _token_source(scope)()


@cache
def _token_source(scope: str) -> Callable[[], str]:
    """One for the whole process, so that deployments share the token and the search for an identity."""
    # Slow to import, and only those who use it have it. The synchronous one, because the other knows asyncio alone.
    from azure.identity import DefaultAzureCredential, get_bearer_token_provider

    return get_bearer_token_provider(DefaultAzureCredential(), scope)
