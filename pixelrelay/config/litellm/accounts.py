"""Where a deployment of LiteLLM's is asked, and as whom: address, key and what each provider wants besides."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from pixelrelay.config.litellm.entries import Entry
from pixelrelay.config.litellm.ledger import Ledger, Page
from pixelrelay.providers import registry

_REGION = re.compile(r"(?P<region>[a-z]{2}(-[a-z]+)+-\d)/(?P<model>.+)")
_DATED = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")

ACCOUNT_KEYS: Mapping[str, frozenset[str]] = {
    "bedrock": frozenset(
        {
            "aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_region_name", "aws_profile_name",
            "aws_bedrock_runtime_endpoint", "region_name",
        }
    ),
    "vertex_ai": frozenset(
        {
            "vertex_project", "vertex_ai_project", "vertex_location", "vertex_ai_location", "vertex_credentials",
            "vertex_ai_credentials", "region_name",
        }
    ),
}  # fmt: skip
"""Keys of ``litellm_params`` that only some prefixes have."""


def write_account(entry: Entry, page: Page) -> None:
    """Provider, model, address and credential of ``entry``."""
    _OF_PREFIX.get(entry.found.prefix, _plain)(entry, page)


def _model(page: Page, entry: Entry, provider: str, model: str) -> None:
    page.data["provider"] = provider
    page.put("model", model, entry.place("model"))


def _given(entry: Entry, *keys: str) -> tuple[str, Any] | None:
    """The first of ``keys`` that says something."""
    return next(((key, entry.params[key]) for key in keys if entry.params.get(key) not in (None, "")), None)


def _put(page: Page, entry: Entry, option: str, *keys: str, variables: tuple[str, ...] = (), needed: str = "") -> None:
    """Write an option from the first of ``keys``, else from the first of ``variables`` that is set.

    Where there is neither, ``needed`` names the variable that will be missed.
    """
    if found := _given(entry, *keys):
        page.put(option, found[1], entry.place(found[0]))
        return
    held = next((name for name in variables if page.ledger.holds(name)), needed)
    if held:
        page.put(option, page.ledger.variable(held), entry.place(keys[0]))


def _key(page: Page, entry: Entry) -> None:
    dialect = entry.found.dialect
    needed = "" if dialect.keyless or not dialect.keys else dialect.keys[0]
    _put(page, entry, "api_key", "api_key", variables=dialect.keys, needed=needed)


def _address(page: Page, entry: Entry, *, needed: str = "") -> None:
    dialect = entry.found.dialect
    _put(page, entry, dialect.address, "api_base", "base_url", variables=dialect.bases, needed=needed)


def _plain(entry: Entry, page: Page) -> None:
    _model(page, entry, entry.found.dialect.provider, entry.found.model)
    _address(page, entry)
    _key(page, entry)


def _openai(entry: Entry, page: Page) -> None:
    """OpenAI itself; or behind another address and with models that OpenAI has not, any server that speaks its API."""
    base = _given(entry, "api_base", "base_url")
    address = page.ledger.actual(base[1], entry.place(base[0])) if base else None
    host = _host(address) if isinstance(address, str) else ""
    known = entry.found.model in registry.models("openai") or "*" in entry.found.model
    if base is not None and not known and not host.endswith("openai.com"):
        _model(page, entry, "openai-compatible", entry.found.model)
        page.put("base_url", base[1], entry.place(base[0]))
        _put(page, entry, "api_key", "api_key", variables=entry.found.dialect.keys)
        return
    _plain(entry, page)
    _put(page, entry, "organization", "organization", variables=("OPENAI_ORGANIZATION",))


def _azure(entry: Entry, page: Page) -> None:
    """OpenAI's models on Azure: the deployment's name follows the prefix, and ``base_model`` says what it is of."""
    deployment, model = entry.found.model, _base_model(entry) or entry.found.model
    _model(page, entry, "azure-openai", model)
    if model != deployment:
        page.put("azure_deployment", deployment, entry.place("model"))
    _address(page, entry, needed=entry.found.dialect.bases[0])
    _put(page, entry, "api_version", "api_version", variables=entry.found.dialect.versions)
    _azure_identity(entry, page)


def _azure_ai(entry: Entry, page: Page) -> None:
    """FLUX on Microsoft Foundry, whose resources serve OpenAI's models as well."""
    model = _base_model(entry) or entry.found.model
    if "flux" not in model.lower() and "*" not in model:
        _azure(entry, page)
        return
    _model(page, entry, "azure-foundry", model)
    if model != entry.found.model:
        page.put("azure_deployment", entry.found.model, entry.place("model"))
    _address(page, entry, needed=entry.found.dialect.bases[0])
    version = _given(entry, "api_version")
    if version is not None and _DATED.fullmatch(str(page.ledger.actual(version[1], entry.place("api_version")))):
        # It is that of the image route, which serves two of the models, and edits of neither reliably.
        reason = "FLUX is asked by the provider route, which has a version of its own and serves every model"
        page.ledger.remark(entry.place("api_version"), reason)
    elif version is not None:
        page.put("api_version", version[1], entry.place("api_version"))
    _azure_identity(entry, page)


def _azure_identity(entry: Entry, page: Page) -> None:
    if _given(entry, "azure_ad_token_provider"):
        _put(page, entry, "token_provider", "azure_ad_token_provider")
        return
    parts = [_given(entry, key) for key in ("tenant_id", "client_id", "client_secret")]
    if _given(entry, "api_key") is None and all(parts):
        page.data["entra"] = True
        reason = "who asks is found where Azure's own tools look: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET"
        page.ledger.remark(entry.place("client_id"), reason)
        return
    _key(page, entry)


def _base_model(entry: Entry) -> str | None:
    """What an Azure deployment is of: ``azure/gpt-image-1``, or a key of LiteLLM's prices that ends in it."""
    given = entry.info.get("base_model") or entry.params.get("base_model")
    return given.rpartition("/")[2] or None if isinstance(given, str) else None


def _bedrock(entry: Entry, page: Page) -> None:
    within = _REGION.fullmatch(entry.found.model)
    _model(page, entry, "bedrock", within["model"] if within else entry.found.model)
    if within:
        page.put("aws_region", within["region"], entry.place("model"))
    else:
        variables = ("AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION")
        _put(page, entry, "aws_region", "aws_region_name", "region_name", variables=variables)
    for key in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"):
        _put(page, entry, key, key)
    _put(page, entry, "profile", "aws_profile_name")
    _put(page, entry, "base_url", "aws_bedrock_runtime_endpoint", "api_base", variables=entry.found.dialect.bases)
    if not page.data.keys() & {"aws_access_key_id", "profile"}:
        _key(page, entry)
    if isinstance(base := _base_model(entry), str) and entry.found.model.startswith("arn:"):
        page.put("base_model", base, (*entry.loc, "model_info", "base_model"))


def _vertex(entry: Entry, page: Page) -> None:
    _model(page, entry, "vertex-ai", entry.found.model)
    _put(page, entry, "api_key", "api_key")
    if "api_key" not in page.data:
        project = ("VERTEXAI_PROJECT", "VERTEX_PROJECT")
        _put(page, entry, "project", "vertex_project", "vertex_ai_project", variables=project, needed=project[0])
    location = ("VERTEXAI_LOCATION", "VERTEX_LOCATION")
    _put(page, entry, "location", "vertex_location", "vertex_ai_location", "region_name", variables=location)
    if "location" not in page.data and not entry.found.model.startswith("gemini"):
        page.data["location"] = "us-central1"  # as LiteLLM does: Imagen is in regions only
    _put(page, entry, "base_url", "api_base", variables=entry.found.dialect.bases)
    _vertex_credentials(entry, page)


def _vertex_credentials(entry: Entry, page: Page) -> None:
    """A path, or what stands in such a file; left out, they are found where Google's own tools look."""
    ledger: Ledger = page.ledger
    found = _given(entry, "vertex_credentials", "vertex_ai_credentials")
    if found is None:
        held = next((name for name in ("VERTEXAI_CREDENTIALS", "VERTEX_CREDENTIALS") if ledger.holds(name)), None)
        if held is None:
            return
        found = ("vertex_credentials", f"os.environ/{held}")
    key, value = found
    where = entry.place(key)
    if isinstance(value, Mapping):
        page.put("credentials_info", json.dumps(value, default=str), where)
        return
    held_text = ledger.actual(value, where)
    if held_text is not None:
        inline = str(held_text).lstrip().startswith("{")
        page.put("credentials_info" if inline else "credentials_file", value, where)


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


_OF_PREFIX: Mapping[str, Callable[[Entry, Page], None]] = {
    "azure": _azure,
    "azure_ai": _azure_ai,
    "bedrock": _bedrock,
    "openai": _openai,
    "vertex_ai": _vertex,
}
