"""Signatures, checked by the steps that AWS publishes and by nothing of the library that makes them."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from pixelrelay.errors import ProviderError
from pixelrelay.outcomes import Charge, FailureKind
from pixelrelay.providers._sigv4 import LARGE, Sigv4, fixed_keys
from pixelrelay.providers.base import Purpose, Send

pytestmark = pytest.mark.anyio

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "a-session-token"
URL = "https://bedrock-runtime.us-west-2.amazonaws.com/model/stability.sd3-5-large-v1%3A0/invoke"
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/(\d{8})/us-west-2/bedrock/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)


def written(body: bytes = b'{"prompt":"a lighthouse"}', **headers: str) -> Send:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Send(Purpose.SUBMIT, "POST", URL, {"content-type": "application/json", **named}, body=body)


def signing(session_token: str | None = None) -> Sigv4:
    token = SecretStr(session_token) if session_token is not None else None
    return Sigv4("bedrock", "us-west-2", fixed_keys(SecretStr("AKIDEXAMPLE"), SecretStr(SECRET), token))


def signature(send: Send, names: str, moment: str, headers: dict[str, str]) -> str:
    """What AWS would compute for ``send`` from the header ``names`` that are signed."""
    parts = urlsplit(send.url)
    seen = {**send.headers, **headers, "host": parts.netloc}
    canonical = "\n".join(
        (
            send.method,
            parts.path.replace("%", "%25"),  # encoded once more, as for every service but S3
            "",
            *(f"{name}:{seen[name]}" for name in names.split(";")),
            "",
            names,
            hashlib.sha256(bytes(send.body or b"")).hexdigest(),
        )
    )
    scope = f"{moment[:8]}/us-west-2/bedrock/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{SECRET}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()


@pytest.mark.parametrize("body", [b"", b'{"prompt":"a lighthouse"}', b"x" * LARGE], ids=["none", "small", "large"])
@pytest.mark.parametrize("token", [None, TOKEN])
async def test_a_signature_is_the_one_that_aws_computes_over_what_is_sent(body: bytes, token: str | None) -> None:
    send = written(body, accept="application/json", x_amz_meta="1")

    headers = dict(await signing(token).headers(send))

    found = AUTHORIZATION.fullmatch(headers["authorization"])
    assert found is not None
    day, names, made = found.groups()
    assert headers["x-amz-date"].startswith(day)
    assert headers.get("x-amz-security-token") == token
    assert {"content-type", "host", "x-amz-date", "x-amz-meta"} <= set(names.split(";"))
    assert ("x-amz-security-token" in names.split(";")) == (token is not None)
    assert made == signature(send, names, headers["x-amz-date"], headers)


async def test_a_date_that_a_caller_made_up_is_replaced() -> None:
    headers = await signing().headers(written(x_amz_date="19700101T000000Z"))

    assert headers["x-amz-date"] > "2026"


async def test_the_keys_of_a_profile_are_read_from_awss_shared_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "credentials"
    shared.write_text(f"[of-the-test]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = {SECRET}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(shared))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    headers = dict(await Sigv4("bedrock", "us-west-2", profile="of-the-test").headers(written()))

    found = AUTHORIZATION.fullmatch(headers["authorization"])
    assert found is not None
    assert found[3] == signature(written(), found[2], headers["x-amz-date"], headers)


async def test_a_profile_that_is_not_there_sends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    with pytest.raises(ProviderError, match=r"no AWS credentials could be had: .*no-such-profile") as raised:
        await Sigv4("bedrock", "us-west-2", profile="no-such-profile").headers(written())

    assert (raised.value.failure.kind, raised.value.failure.charge) == (FailureKind.UNAUTHORISED, Charge.NONE)


LOOKING = """
import anyio
from pixelrelay.errors import ProviderError
from pixelrelay.providers._sigv4 import Sigv4
from pixelrelay.providers.base import Purpose, Send
try:
    signed = anyio.run(Sigv4("bedrock", "us-west-2").headers, Send(Purpose.ASK, "GET", "https://bedrock.example/"))
    print(signed["authorization"])
except ProviderError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET}, "AWS4-HMAC-SHA256 Credential=AKID"),
        ({}, "unauthorised: no AWS credentials could be had: Unable to locate credentials"),
    ],
)
def test_without_keys_or_profile_they_are_looked_for_where_awss_own_tools_look(
    environment: dict[str, str], said: str, tmp_path: Path
) -> None:
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}

    run = subprocess.run(
        [sys.executable, "-c", LOOKING],
        env={**kept, **nowhere, **environment},
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout.startswith(said)
