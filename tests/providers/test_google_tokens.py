"""Access tokens of Google's, from an emulated token service: how often they are asked for, and what is told if not."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from pixelrelay.errors import ProviderError
from pixelrelay.outcomes import FailureKind
from pixelrelay.providers.base import Credential, Purpose, Send
from pixelrelay.providers.vertex_ai import VertexAI, VertexAIOptions

POST = Send(Purpose.SUBMIT, "POST", "https://aiplatform.googleapis.com/v1")


class TokenService(BaseHTTPRequestHandler):
    """Google's token service: it takes any signed assertion, unless it is told to refuse."""

    asked: ClassVar[list[dict[str, list[str]]]] = []
    refuses: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.asked.append(parse_qs(self.rfile.read(int(self.headers["content-length"])).decode()))
        if self.refuses:
            self._answer(400, {"error": "invalid_grant", "error_description": self.refuses[0]})
        else:
            token = {"access_token": f"token-{len(self.asked)}", "expires_in": 3599, "token_type": "Bearer"}
            self._answer(200, token)

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        answer = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name for it
        pass


@pytest.fixture(scope="module")
def private_key() -> str:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return made.private_bytes(*form).decode()


@pytest.fixture
def account(private_key: str) -> Iterator[dict[str, str]]:
    """A service account's key whose tokens come from this machine."""
    TokenService.asked.clear()
    TokenService.refuses.clear()
    with HTTPServer(("127.0.0.1", 0), TokenService) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield {
            "type": "service_account",
            "project_id": "acme",
            "private_key_id": "1",
            "private_key": private_key,
            "client_email": "painter@acme.iam.gserviceaccount.com",
            "token_uri": f"http://127.0.0.1:{server.server_port}/token",
        }
        server.shutdown()


def credential(**options: Any) -> Credential:
    given = VertexAIOptions.model_validate({"project": "acme", **options})
    found = VertexAI().target("gemini-3-pro-image", None, given).credential
    assert found is not None
    return found


@pytest.mark.anyio
@pytest.mark.parametrize("way", ["file", "text", "mapping"])
async def test_a_token_is_asked_for_with_the_first_request_and_kept_for_those_after_it(
    way: str, account: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(account))
    ways: dict[str, dict[str, Any]] = {
        "file": {"credentials_file": str(path)},
        "text": {"credentials_info": json.dumps(account)},
        "mapping": {"credentials_info": account},
    }
    options = ways[way]
    one, other = credential(**options), credential(**options)
    assert TokenService.asked == []

    assert await one.headers(POST) == await other.headers(POST) == {"authorization": "Bearer token-1"}

    (asked,) = TokenService.asked
    assert asked["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert account["private_key"] not in repr(one)


OF_THIS_MACHINE = """
import anyio, sys
from pixelrelay.providers.base import Purpose, Send
from pixelrelay.providers.vertex_ai import VertexAI, VertexAIOptions
target = VertexAI().target("gemini-3-pro-image", None, VertexAIOptions(project="acme"))
assert "google.auth" not in sys.modules
print(anyio.run(target.credential.headers, Send(Purpose.SUBMIT, "POST", "https://x.example")))
"""


def test_without_credentials_the_machines_own_are_looked_for_with_the_first_request(
    account: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))

    # In a process of its own, because a process has one identity for as long as it lives.
    done = subprocess.run([sys.executable, "-c", OF_THIS_MACHINE], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "{'authorization': 'Bearer token-1'}"


@pytest.mark.anyio
async def test_an_account_that_is_refused_is_unauthorised_and_asked_again_next_time(account: dict[str, str]) -> None:
    TokenService.refuses.append("Invalid JWT Signature.")
    there = credential(credentials_info=account)

    with pytest.raises(ProviderError, match=r"no Google access token could be had: .*Invalid JWT Signature") as refused:
        await there.headers(POST)
    assert refused.value.failure.kind is FailureKind.UNAUTHORISED

    TokenService.refuses.clear()
    assert await there.headers(POST) == {"authorization": "Bearer token-2"}


@pytest.mark.anyio
@pytest.mark.parametrize("content", [None, "no json: ya29.secret-token", '{"type": "authorized_user"}', "[]"])
async def test_a_key_file_that_cannot_be_used_is_unauthorised_and_repeats_nothing_of_it(
    content: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content)

    with pytest.raises(ProviderError, match="no Google access token could be had") as refused:
        await credential(credentials_file=str(path)).headers(POST)

    assert refused.value.failure.kind is FailureKind.UNAUTHORISED
    assert "secret-token" not in str(refused.value)


@pytest.mark.anyio
async def test_a_key_that_is_damaged_is_not_shown(account: dict[str, str]) -> None:
    damaged = {**account, "private_key": account["private_key"].replace("M", "?", 5)}

    with pytest.raises(ProviderError) as refused:
        await credential(credentials_info=damaged).headers(POST)

    assert refused.value.failure.kind is FailureKind.UNAUTHORISED
    assert account["private_key"].splitlines()[3] not in str(refused.value)


WITHOUT_GOOGLE_AUTH = """
import sys
sys.modules["google"] = None
from pixelrelay.config import load
from pixelrelay.errors import ConfigError
deployment = {"name": "vertex", "provider": "vertex-ai", "model": "gemini-3-pro-image", "project": "acme"}
load({"models": {"pictures": {"deployments": [{**deployment, "access_token": "ya29.x"}]}}})
try:
    load({"models": {"pictures": {"deployments": [deployment]}}})
except ConfigError as error:
    print(error)
"""


def test_without_the_extra_the_configuration_says_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_GOOGLE_AUTH], capture_output=True, text=True, check=True)

    assert "models.pictures.deployments[0]" in done.stdout
    assert "install pixelrelay[vertex]" in done.stdout
